//! What a node can say about its cluster: [`ClusterView`].

use crate::disk::{DiskFigures, Durability, Pressure};
use protocol::{Address, ChangeView, ClusterId, Epoch, Groups, Incarnation, NodeId, PeerState};

/// The cluster as one node sees it at one moment.
#[derive(Clone, Debug)]
pub(crate) struct ClusterView {
    /// This node.
    pub(crate) node: Incarnation,
    /// Where it says that it can be reached.
    pub(crate) address: Address,
    /// What it is to the cluster.
    pub(crate) standing: Standing,
    /// The node that has taken this one's place, if one has: then this one serves no more.
    pub(crate) replaced_by: Option<NodeId>,
    /// The cluster, once there is one.
    pub(crate) cluster: Option<ClusterId>,
    /// The newest epoch it has entered; zero before there is a cluster.
    pub(crate) epoch: Epoch,
    /// On how many members each slot is held, if there are so many; after the change, if one is
    /// under way.
    pub(crate) replication: Option<u8>,
    /// The members, by ascending id; empty before there is a cluster. During a change, those
    /// before it and those after it.
    pub(crate) members: Vec<MemberView>,
    /// The addresses of members that have left, the latest last.
    pub(crate) former: Vec<Address>,
    /// The change of members that is under way, if one is.
    pub(crate) change: Option<ChangeView>,
    /// While no cluster stands: the addresses that founding waits for.
    pub(crate) awaited: Vec<Address>,
    /// Whether this node believes that a majority of the members is alive: those who decide on
    /// the next change.
    pub(crate) majority: bool,
    /// The slots, in groups, whose replicas do not have a quorum alive, as this node believes.
    pub(crate) without_quorum: Groups,
    /// How many more nodes, whichever they are, may be lost before some slot, or the cluster, has
    /// no quorum of nodes that answer and hold all that they are to hold; `None` before there is
    /// a cluster.
    pub(crate) losses_survived: Option<usize>,
    /// Whether so many members lost their memory that no majority of them can ever be had again.
    pub(crate) quorum_lost: bool,
    /// The slots, in groups, so many of whose replicas lost their memory that no quorum can ever
    /// be had again: what they held is gone.
    pub(crate) groups_lost: Groups,
    /// How many slots this node holds, or is to hold, of which it may lack what was completed
    /// before it held them.
    pub(crate) lacking_slots: usize,
    /// How many registers this node holds, tombstones included.
    pub(crate) registers: usize,
    /// The bytes of their names and values.
    pub(crate) bytes: u64,
    /// The memory that the registers take, with all that is kept beside them, estimated.
    pub(crate) memory_bytes: u64,
    /// How many tombstones of deleted registers it holds.
    pub(crate) tombstones: usize,
    /// How many tombstones of deleted registers this node has dropped since it started.
    pub(crate) tombstones_dropped: u64,
    /// How often this node has compared a group with what another replica held of it.
    pub(crate) groups_compared: u64,
    /// How many registers that showed of which this node had missed something, and now has not.
    pub(crate) registers_repaired: u64,
    /// The memory that they may take, if there is a limit.
    pub(crate) memory_limit: Option<u64>,
    /// What survives what, at this node.
    pub(crate) durability: Durability,
    /// Its disk, if it has one.
    pub(crate) disk: Option<DiskView>,
    /// How many registers this node has copied from others since it started.
    pub(crate) copied_registers: u64,
    /// The bytes of their names and values.
    pub(crate) copied_bytes: u64,
    /// How many clients' operations run on this node.
    pub(crate) operations_running: usize,
}

impl ClusterView {
    /// Whether every operation can be expected to end well: a majority of the members is alive,
    /// and so is a quorum of each slot's replicas.
    pub(crate) fn quorum(&self) -> bool {
        self.majority && self.without_quorum.is_empty()
    }
}

/// A node's disk.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct DiskView {
    /// Whether it keeps up.
    pub(crate) pressure: Pressure,
    /// What it has done.
    pub(crate) figures: DiskFigures,
}

/// What a node is to its cluster.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Standing {
    /// It knows of no cluster yet.
    Fresh,
    /// It holds registers and votes.
    Member,
    /// It holds nothing and forwards to members.
    Outsider,
}

impl From<protocol::Standing> for Standing {
    fn from(standing: protocol::Standing) -> Self {
        match standing {
            protocol::Standing::Fresh => Standing::Fresh,
            protocol::Standing::Member => Standing::Member,
            protocol::Standing::Outsider => Standing::Outsider,
        }
    }
}

/// One member, as this node sees it.
#[derive(Clone, Debug)]
pub(crate) struct MemberView {
    /// Its identity.
    pub(crate) id: NodeId,
    /// Where it is dialled.
    pub(crate) address: Address,
    /// How large a share of the slots it takes, beside the others.
    pub(crate) weight: u32,
    /// Whether it answers; this node itself is alive.
    pub(crate) state: PeerState,
    /// Whether its memory is known to be gone: another process answers at its address.
    pub(crate) lost: bool,
    /// What it is to the change that is under way.
    pub(crate) standing: MemberStanding,
    /// How many slots it holds; after the change, if one is under way.
    pub(crate) slots: usize,
    /// Of how many slots that it holds, or is to hold, it may lack what was completed before it
    /// held them, as far as this node was told.
    pub(crate) lacking_slots: usize,
}

impl MemberView {
    /// Whether it answers, and holds what it held.
    pub(crate) fn is_well(&self) -> bool {
        self.state == PeerState::Alive && !self.lost
    }
}

/// What a member is to the change of members that is under way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum MemberStanding {
    /// It is a member before and after it, or no change is under way.
    Member,
    /// It will be a member.
    Joining,
    /// It will be a member no longer.
    Leaving,
}

impl MemberStanding {
    /// Every standing.
    pub(crate) const ALL: [MemberStanding; 3] = [
        MemberStanding::Member,
        MemberStanding::Joining,
        MemberStanding::Leaving,
    ];

    /// Its name, as views and metrics spell it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            MemberStanding::Member => "member",
            MemberStanding::Joining => "joining",
            MemberStanding::Leaving => "leaving",
        }
    }
}
