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
//! | [`MembershipMessage::Join`] | a node that is no member | a node | let me in |
//! | [`MembershipMessage::Consider`] | a member | everyone before and after a change | shall it be made? |
//! | [`MembershipMessage::Consent`] | each of them | that member | yes |
//! | [`MembershipMessage::Dissent`] | each of them | that member | no |
//! | [`MembershipMessage::Progress`] | a member | every member | so far am I in copying |

use crate::configuration::{ClusterId, Configuration, Epoch, Groups, Member};
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
    /// Let me in: in the place of the member at this address, or as one more.
    Join {
        /// Where the sender is reached.
        address: Address,
        /// The weight that it wants to have, if it wants to be one more.
        weight: Option<u32>,
    },
    /// Shall the members become those after this change?
    Consider {
        /// The sender's number for this change, which it uses for no other.
        number: u64,
        /// The joint configuration that is to be proposed.
        configuration: Arc<Configuration>,
        /// Whether the change is for members that are down: not if one that leaves is alive.
        only_if_down: bool,
    },
    /// Yes, as far as I am concerned.
    Consent {
        /// The number of what was to be considered.
        number: u64,
    },
    /// No.
    Dissent {
        /// The number of what was to be considered.
        number: u64,
        /// Why.
        reason: DissentReason,
    },
    /// So far am I in copying.
    Progress {
        /// The epoch that the sender is in.
        epoch: Epoch,
        /// The groups that it holds, or is to hold, and has not copied.
        lacking: Groups,
        /// How many registers it took from others in this epoch.
        registers: u64,
        /// The bytes of their names and values.
        bytes: u64,
    },
}

/// Why a node does not agree to a change; what an operator should know first comes first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum DissentReason {
    /// A member that would leave is alive, and another would come at its very address, or it
    /// would leave for being down.
    Alive,
    /// It belongs to another cluster, or may yet found one.
    Elsewhere,
    /// It is in a newer epoch.
    Outdated,
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
    /// On how many members each slot would be held.
    pub replication: u8,
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
        let members = self.founders.iter();
        let members = members.map(|founder| Member::new(founder.id, founder.address.clone()));
        let (cluster, replication) = (self.cluster, self.replication);
        Configuration::new(cluster, Epoch::FIRST, members.collect(), replication).ok()
    }
}
