//! What membership wants done, and when: [`MembershipOutput`], [`MembershipTimer`].

use super::{MembershipEvent, MembershipMessage, PeerState};
use crate::configuration::Configuration;
use crate::node::NodeId;
use alloc::sync::Arc;

/// One thing that a node's membership wants done. They are to be done in the order in which they
/// come.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum MembershipOutput {
    /// Send the message. It may be lost, and is if the node cannot be reached.
    Send {
        /// The node it is for.
        to: NodeId,
        /// The message.
        message: MembershipMessage,
    },
    /// Enter this configuration with all lanes.
    Configuration(Arc<Configuration>),
    /// The peer's state has changed: tell all lanes. A peer of which nothing was said yet is
    /// suspect, and so is one that this node stops watching, as it is no member.
    PeerState {
        /// The peer.
        peer: NodeId,
        /// Its new state.
        state: PeerState,
    },
    /// Something that an operator should read in the log.
    Event(MembershipEvent),
}

/// Why a node's membership wants to be called at a certain time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum MembershipTimer {
    /// A peer is to be pinged.
    Ping,
    /// A pong counts as missed.
    PongLate,
    /// A suspect peer has been silent for so long that it is down.
    Silence,
    /// A fresh node asks the others whether a cluster stands.
    Ask,
    /// A fresh node may propose from now on.
    FoundingWait,
    /// A round of founding has made no progress, and is given up for a new one.
    Round,
    /// A fresh node reports what founding waits for.
    Report,
    /// Those that are no members are told which cluster stands.
    Announce,
}
