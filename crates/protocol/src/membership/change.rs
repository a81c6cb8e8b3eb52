//! Changes of members, as an operator asks for them: [`ChangeRequest`].

use crate::configuration::{ClusterId, Configuration, ConfigurationError, Epoch, Groups};
use crate::node::{Address, NodeId};
use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

/// A change of members.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum ChangeRequest {
    /// Let in the node that answers at this address.
    Add {
        /// Its address.
        address: Address,
        /// Its weight.
        weight: u32,
    },
    /// Let a member go.
    Remove {
        /// The member.
        member: NodeId,
    },
    /// Let the node that answers at this address come in a member's place.
    Replace {
        /// The member.
        member: NodeId,
        /// The address of the other node; it may be the member's.
        address: Address,
    },
    /// Give up the change that is under way.
    Abort,
    /// Go on without these members, which are lost for good, though no quorum has survived.
    Recover {
        /// Those members.
        lost: BTreeSet<NodeId>,
        /// The groups that may be forced: of these, what was acknowledged last may be lost. `None`
        /// for all that have to be.
        groups: Option<Groups>,
        /// The identity of the cluster, should the survivors have to go on as a new one. Drawn at
        /// random.
        cluster: ClusterId,
    },
}

/// Why a change was not begun. Nothing has changed, unless it says otherwise.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum ChangeRefusal {
    /// This node is no member, and only members change the members.
    NotMember,
    /// Another change is under way, or was begun at the same time.
    Busy,
    /// No change is under way that could be given up.
    NoChange,
    /// There is no member with this id.
    UnknownMember(NodeId),
    /// A member has this address already.
    AlreadyMember(Address),
    /// Nobody answers at the address.
    Unreachable(Address),
    /// A cluster without members is none.
    LastMember,
    /// No member was named as lost.
    NothingLost,
    /// A recovery is under way, and there is nothing to go back to.
    Recovering,
    /// The member in whose place another would come at its own address, or that would leave for
    /// being down, is alive.
    Alive(NodeId),
    /// The node at the address belongs to another cluster, or may yet found one.
    Elsewhere(Address),
    /// Not enough of the members before or after the change agreed in time: the change may not
    /// leave the cluster without a quorum.
    NoAgreement,
    /// So many of the groups that would change hands have lost the memories of a majority of their
    /// replicas: they could never be copied, and the change would not end.
    Lost {
        /// How many.
        groups: usize,
    },
    /// The members would make no configuration.
    Invalid(ConfigurationError),
    /// It was not learned in time whether the change was begun: it may have been, or may yet be.
    Unknown,
}

impl fmt::Display for ChangeRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ChangeRefusal::NotMember => f.write_str("this node is no member of the cluster"),
            ChangeRefusal::Busy => f.write_str("another change of members is under way"),
            ChangeRefusal::NoChange => f.write_str("no change of members is under way"),
            ChangeRefusal::UnknownMember(id) => write!(f, "there is no member {id}"),
            ChangeRefusal::AlreadyMember(address) => {
                write!(f, "a member has the address {address} already")
            }
            ChangeRefusal::Unreachable(address) => {
                write!(f, "no node answers at {address}")
            }
            ChangeRefusal::NothingLost => f.write_str("no member was named as lost"),
            ChangeRefusal::Recovering => {
                f.write_str("a recovery is under way, and there is nothing to go back to")
            }
            ChangeRefusal::LastMember => f.write_str("the last member cannot be removed"),
            ChangeRefusal::Alive(id) => write!(f, "member {id} is alive"),
            ChangeRefusal::Elsewhere(address) => {
                write!(f, "the node at {address} belongs to another cluster")
            }
            ChangeRefusal::NoAgreement => f.write_str(
                "not enough of the members before and after the change agreed to it in time",
            ),
            ChangeRefusal::Lost { groups } => write!(
                f,
                "{groups} of the 1024 groups of slots that would change hands have lost a majority \
                 of their replicas for good, and cannot be copied"
            ),
            ChangeRefusal::Invalid(error) => write!(f, "such a cluster cannot be: {error}"),
            ChangeRefusal::Unknown => f.write_str(
                "it is not known whether the change was begun; look at the members before trying again",
            ),
        }
    }
}

impl core::error::Error for ChangeRefusal {}

/// How a proposal to the reserved register ended.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Decision {
    /// It was decided.
    Decided,
    /// Another configuration was, or nothing was proposed.
    Refused,
    /// It may have been decided, or may yet be.
    Unknown,
}

/// A change that is under way, as one node sees it.
#[derive(Clone, PartialEq, Debug)]
pub struct ChangeView {
    /// The epoch of the joint configuration.
    pub epoch: Epoch,
    /// Who will be a member.
    pub joining: Vec<NodeId>,
    /// Who will be one no longer.
    pub leaving: Vec<NodeId>,
    /// How many groups change hands.
    pub groups: usize,
    /// How many of them a majority of their new replicas has copied.
    pub groups_copied: usize,
    /// How many registers the members have copied.
    pub registers: u64,
    /// The bytes of their names and values.
    pub bytes: u64,
    /// For how long nothing has moved on.
    pub stalled_for: Duration,
}

impl ChangeView {
    /// What a change of this configuration is about, before anything is copied.
    pub(super) fn begun(configuration: &Configuration) -> Self {
        let members = |has: &dyn Fn(NodeId) -> bool| {
            let ids = configuration.members().iter().map(|member| member.id);
            ids.filter(|&id| !has(id)).collect()
        };
        Self {
            epoch: configuration.epoch(),
            joining: members(&|id| configuration.contains_before(id)),
            leaving: members(&|id| configuration.contains_after(id)),
            groups: configuration.changed_groups().count(),
            groups_copied: 0,
            registers: 0,
            bytes: 0,
            stalled_for: Duration::ZERO,
        }
    }
}
