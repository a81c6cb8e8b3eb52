//! Where what other nodes say goes: [`Inbox`].

use protocol::{Address, Incarnation, MembershipMessage, Message, NodeId};

/// What the running node does with what it hears.
///
/// All of it is called by the tasks of connections, which hold no lock then, so any of it may
/// call [`Links`](super::Links). It must return soon: what a connection brings waits meanwhile.
pub(crate) trait Inbox: Send + Sync + 'static {
    /// A batch of messages between lanes, all from this incarnation, as its handshake proved.
    /// What is not taken out of `messages` is dropped.
    fn messages(&self, from: Incarnation, messages: &mut Vec<Message>);

    /// A message about the cluster.
    fn membership(&self, from: NodeId, message: MembershipMessage);

    /// Our connection to this address stands, and that incarnation answered there. Messages to it
    /// can be sent from now on, also from within this call. If it is this very process, that is
    /// said once, and the address is not dialled again.
    fn link_up(&self, address: &Address, peer: Incarnation);

    /// The connection that [`Inbox::link_up`] told of has ended; another is being tried, if the
    /// address is still to be dialled. What waited for the peer is dropped. Not told when the
    /// node shuts down.
    fn link_down(&self, address: &Address);
}
