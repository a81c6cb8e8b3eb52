//! What a node can say about its cluster: [`ClusterView`].

use protocol::{Address, ClusterId, Epoch, Incarnation, NodeId, PeerState};

/// The cluster as one node sees it at one moment.
#[derive(Clone, Debug)]
pub(crate) struct ClusterView {
    /// This node.
    pub(crate) node: Incarnation,
    /// Where it says that it can be reached.
    pub(crate) address: Address,
    /// What it is to the cluster.
    pub(crate) standing: Standing,
    /// The cluster, once there is one.
    pub(crate) cluster: Option<ClusterId>,
    /// The newest epoch it has entered; zero before there is a cluster.
    pub(crate) epoch: Epoch,
    /// The members, by ascending id; empty before there is a cluster.
    pub(crate) members: Vec<MemberView>,
    /// While no cluster stands: the addresses that founding waits for.
    pub(crate) awaited: Vec<Address>,
    /// Whether this node believes that a quorum of the members is alive.
    pub(crate) quorum: bool,
    /// Whether so many members lost their memory that no quorum can ever be had again.
    pub(crate) quorum_lost: bool,
    /// How many registers this node holds, tombstones included.
    pub(crate) registers: usize,
    /// How many clients' operations run on this node.
    pub(crate) operations_running: usize,
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

/// One member, as this node sees it.
#[derive(Clone, Debug)]
pub(crate) struct MemberView {
    /// Its identity.
    pub(crate) id: NodeId,
    /// Where it is dialled.
    pub(crate) address: Address,
    /// Whether it answers; this node itself is alive.
    pub(crate) state: PeerState,
    /// Whether its memory is known to be gone: another process answers at its address.
    pub(crate) lost: bool,
}
