//! What can be seen of a story's nodes.

use super::{Story, site};
use crate::figures::Figures;
use protocol::{Address, NodeId, PeerState, Standing};

impl Story {
    /// What the node is to its cluster; `None` if no process runs there.
    pub fn standing(&self, node: usize) -> Option<Standing> {
        self.cluster.standing(site(node))
    }

    /// What one node believes of another.
    ///
    /// # Panics
    /// If no process is at either.
    #[track_caller]
    pub fn state_of(&self, peer: usize, seen_by: usize) -> PeerState {
        self.state_of_id(self.id(peer), seen_by)
    }

    /// What a node believes of a process, which may be dead.
    ///
    /// # Panics
    /// If no process is at the node.
    #[track_caller]
    pub fn state_of_id(&self, peer: NodeId, seen_by: usize) -> PeerState {
        let process = self
            .cluster
            .process(site(seen_by))
            .expect("a process is there");
        process.membership().peer_state(peer)
    }

    /// Whether the node knows that the data is gone for good.
    pub fn knows_data_is_gone(&self, node: usize) -> bool {
        let process = self.cluster.process(site(node));
        process.is_some_and(|process| process.membership().quorum_lost())
    }

    /// The id of the process that is at the node now.
    ///
    /// # Panics
    /// If there is none.
    #[track_caller]
    pub fn id(&self, node: usize) -> NodeId {
        self.cluster
            .process(site(node))
            .expect("a process is there")
            .incarnation
            .node
    }

    /// The id of the member whose place is at the node, alive or not.
    ///
    /// # Panics
    /// If no member's is.
    #[track_caller]
    pub fn member_at(&self, node: usize) -> NodeId {
        let address = self.cluster.address(site(node));
        let configuration = self.cluster.configuration().expect("a cluster stands");
        let mut members = configuration.members_after().iter();
        let member = members.find(|member| member.address == *address);
        member.expect("a member is there").id
    }

    /// The members, as far as the node knows; in a change, those before it and after it.
    pub fn members(&self, node: usize) -> Vec<NodeId> {
        let process = self.cluster.process(site(node));
        let configuration = process.and_then(|process| process.configuration());
        let members = configuration.into_iter().flat_map(|known| known.members());
        members.map(|member| member.id).collect()
    }

    /// Whether a change of members is under way, as far as the node knows.
    pub fn is_in_change(&self, node: usize) -> bool {
        let process = self.cluster.process(site(node));
        let configuration = process.and_then(|process| process.configuration());
        configuration.is_some_and(|configuration| configuration.is_joint())
    }

    /// The node's address.
    pub fn address(&self, node: usize) -> Address {
        self.cluster.address(site(node)).clone()
    }

    /// The epoch that the node has entered; zero if it knows no cluster.
    pub fn epoch(&self, node: usize) -> u64 {
        let process = self.cluster.process(site(node));
        let configuration = process.and_then(|process| process.configuration());
        configuration.map_or(0, |configuration| configuration.epoch().0)
    }

    /// Whether the process at the node has copied all that it has to.
    pub fn is_whole(&self, node: usize) -> bool {
        let process = self.cluster.process(site(node));
        process.is_some_and(|process| process.is_whole())
    }

    /// Whether a process is at the node.
    pub fn is_up(&self, node: usize) -> bool {
        self.cluster.process(site(node)).is_some()
    }

    /// The cluster that the node is in or outside of, as a number; `None` if it knows none.
    pub fn cluster_of(&self, node: usize) -> Option<u64> {
        let process = self.cluster.process(site(node))?;
        process
            .configuration()
            .map(|configuration| configuration.cluster().0)
    }

    /// The numbers of the story so far.
    pub fn figures(&self) -> Figures {
        self.cluster.figures()
    }
}
