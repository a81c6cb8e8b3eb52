//! What an operator should read in the log: [`MembershipEvent`].

use super::ChangeRefusal;
use crate::configuration::{ClusterId, Epoch};
use crate::node::{Address, NodeId};
use alloc::vec::Vec;
use core::time::Duration;

/// Something about the cluster that an operator should know. Its `Display` is the sentence for
/// the log: what happened, what it means, what to do.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum MembershipEvent {
    /// This node founded the cluster.
    Founded {
        /// The cluster.
        cluster: ClusterId,
        /// How many members it has.
        members: usize,
    },
    /// This node learned that it is a member of the cluster.
    Joined {
        /// The cluster.
        cluster: ClusterId,
        /// The epoch of what it learned.
        epoch: Epoch,
    },
    /// This node learned that a cluster stands of which it is no member.
    Outside {
        /// The cluster.
        cluster: ClusterId,
        /// The epoch of what it learned.
        epoch: Epoch,
        /// Whether it asks to be let in.
        asks: bool,
    },
    /// The cluster's members change or have changed, and this node is what it was.
    Changed {
        /// The cluster.
        cluster: ClusterId,
        /// The new epoch.
        epoch: Epoch,
    },
    /// This node gives up a change that has not moved on.
    ChangeStalled {
        /// The epoch of the joint configuration.
        epoch: Epoch,
        /// For how long it has not.
        stalled_for: Duration,
    },
    /// A node asked to be let in, and was not.
    NotLetIn {
        /// Where that node is.
        address: Address,
        /// Why not.
        why: ChangeRefusal,
    },
    /// This node asks in vain to be let in.
    StillOutside {
        /// Its address.
        address: Address,
        /// The member in whose place it would come, if it is one's address.
        instead_of: Option<NodeId>,
    },
    /// This node has copied all that it is to hold.
    Copied {
        /// The epoch in which it had.
        epoch: Epoch,
    },
    /// A member has been down for so long that this node has it removed.
    Removing {
        /// The member.
        member: NodeId,
        /// Its address.
        address: Address,
        /// For how long it has been silent.
        silent_for: Duration,
    },
    /// A member that is down could not be removed.
    NotRemoved {
        /// The member.
        member: NodeId,
        /// Why not.
        why: ChangeRefusal,
    },
    /// This node was a member and is none any more.
    Removed {
        /// The cluster.
        cluster: ClusterId,
        /// The epoch in which it is none.
        epoch: Epoch,
    },
    /// A member's memory is gone.
    MemberLost {
        /// The member.
        member: NodeId,
        /// Its address.
        address: Address,
        /// The process that answers there now.
        by: NodeId,
    },
    /// The memories of so many members are gone that no quorum can be had again.
    QuorumLost {
        /// The cluster.
        cluster: ClusterId,
    },
    /// The memories of a majority of the replicas of some groups of slots are gone.
    GroupsLost {
        /// How many groups.
        groups: usize,
    },
    /// Another cluster's configuration was ignored.
    OtherCluster {
        /// The cluster that this node knows.
        cluster: ClusterId,
        /// The other one.
        other: ClusterId,
    },
    /// Other nodes answer at all addresses of this node's list.
    NotListed,
    /// One node answers at two addresses of the list.
    SharedAddress {
        /// The node.
        node: NodeId,
        /// One address.
        first: Address,
        /// The other one.
        second: Address,
    },
    /// A proposal was refused, as the proposer's list differs from this node's.
    ListDiffers {
        /// The proposer.
        proposer: NodeId,
        /// What stands on this node's list alone.
        only_here: Vec<Address>,
        /// What stands on the proposer's list alone.
        only_there: Vec<Address>,
    },
    /// A proposal was refused, as the proposer's replication factor differs from this node's.
    ReplicationDiffers {
        /// The proposer.
        proposer: NodeId,
        /// This node's.
        here: u8,
        /// The proposer's.
        there: u8,
    },
    /// A node asks in order to propose that is not at the least address of this node's list.
    ProposerDiffers {
        /// Where this node met it.
        asker: Address,
        /// The least address here.
        least: Address,
    },
    /// No cluster stands yet: what founding waits for.
    Waiting {
        /// The addresses where nobody answers.
        unmet: Vec<Address>,
        /// The addresses whose nodes answer, but have not agreed to this node's proposing.
        unagreed: Vec<Address>,
        /// The address whose node is to propose.
        least: Address,
    },
    /// This node would join a cluster and has found none yet.
    Searching {
        /// The addresses at which it asks where nobody answers.
        unmet: Vec<Address>,
        /// Those whose nodes answer, but know of no cluster.
        met: Vec<Address>,
    },
}

impl MembershipEvent {
    /// Whether it is the usual course of things, which asks nothing of an operator.
    pub fn is_routine(&self) -> bool {
        matches!(
            self,
            MembershipEvent::Founded { .. }
                | MembershipEvent::Joined { .. }
                | MembershipEvent::Changed { .. }
                | MembershipEvent::Copied { .. }
                | MembershipEvent::Outside { asks: true, .. }
        )
    }

    /// Whether data is gone for good.
    pub fn is_loss(&self) -> bool {
        matches!(
            self,
            MembershipEvent::QuorumLost { .. } | MembershipEvent::GroupsLost { .. }
        )
    }
}
