//! What nodes say to each other about the cluster itself: [`MembershipMessage`].
//!
//! | message | from | to | purpose |
//! | --- | --- | --- | --- |
//! | [`MembershipMessage::Ping`] | a node | a node | are you there? |
//! | [`MembershipMessage::Pong`] | the pinged node | the pinging one | yes, in this epoch |
//! | [`MembershipMessage::Ask`] | a fresh node | each address on its list | does a cluster stand? |
//! | [`MembershipMessage::Fresh`] | a fresh node | the asker | not that I know |
//! | [`MembershipMessage::Stands`] | a node that knows | the asker | it does; this is it |
//! | [`MembershipMessage::Propose`] | the node at the least address | each fresh node | shall we found this one? |
//! | [`MembershipMessage::Yes`] | a fresh node | the proposer | I will be part of it |
//! | [`MembershipMessage::Commit`] | the proposer | each of them | all said yes: it stands |

use crate::configuration::{ClusterId, Configuration, Epoch, Member};
use crate::node::{Address, NodeId};
use alloc::sync::Arc;
use alloc::vec::Vec;

/// What the nodes of a cluster, or of one that is to be founded, say to each other about it.
///
/// As with every message, its sender is the node that the connection's handshake proved, and it
/// is for the node that the handshake at the other end proved.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum MembershipMessage {
    /// Are you there?
    Ping {
        /// Echoed by the pong.
        number: u64,
    },
    /// Yes.
    Pong {
        /// The ping's number.
        number: u64,
        /// The answerer's epoch.
        epoch: Epoch,
    },
    /// Does a cluster stand?
    Ask {
        /// The asker's number for this round of asking, if it asks in order to propose.
        round: Option<u64>,
    },
    /// Not that I know: I am fresh too.
    Fresh {
        /// The answer to this round; only who asks in order to propose gets one.
        number: Option<FreshNumber>,
    },
    /// One does, and this is its configuration.
    Stands {
        /// The newest that the answerer knows.
        configuration: Arc<Configuration>,
    },
    /// Shall we found this cluster?
    Propose {
        /// The proposal, whole.
        proposal: Arc<Proposal>,
    },
    /// I will be part of it, unless I have to answer 'fresh' to a proposer again.
    Yes {
        /// Which proposal.
        proposal: ProposalId,
    },
    /// Everyone said yes: it stands.
    Commit {
        /// Which proposal.
        proposal: ProposalId,
    },
}

/// A numbered answer 'fresh'. The answerer raises the number at every such answer; what was
/// built on an earlier one is void.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct FreshNumber {
    /// The round of asking that it answers.
    pub round: u64,
    /// The answerer's number.
    pub number: u64,
}

/// Which proposal: the proposer's and its round.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ProposalId {
    /// The node that proposes.
    pub proposer: NodeId,
    /// The round of asking that it rests on.
    pub round: u64,
}

/// A cluster to be founded.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Proposal {
    /// Which one.
    pub id: ProposalId,
    /// The identity that the cluster would have.
    pub cluster: ClusterId,
    /// Everyone on the list, the proposer among them.
    pub founders: Vec<Founder>,
}

/// One node of a cluster to be founded.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Founder {
    /// Its address, as the lists have it.
    pub address: Address,
    /// Its identity.
    pub id: NodeId,
    /// The number of the answer 'fresh' by which the proposer counts on it.
    pub number: u64,
}

impl Proposal {
    /// The first configuration of the cluster, if the founders make one.
    pub(super) fn configuration(&self) -> Option<Configuration> {
        let size = u8::try_from(self.founders.len()).ok()?;
        let members = self.founders.iter().map(|founder| Member {
            id: founder.id,
            address: founder.address.clone(),
            weight: Member::WEIGHT_DEFAULT,
        });
        Configuration::new(self.cluster, Epoch::FIRST, members.collect(), size).ok()
    }
}
