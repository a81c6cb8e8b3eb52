//! What membership wants done, and when: [`MembershipOutput`], [`MembershipTimer`].

use super::{ChangeRefusal, MembershipEvent, MembershipMessage, PeerState};
use crate::configuration::{Configuration, Epoch};
use crate::node::{Address, NodeId};
use crate::output::Ticket;
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
    /// Have the first lane decide that this configuration follows on that of epoch `base`, by
    /// [`Lane::handle_proposal`](crate::Lane::handle_proposal), and tell how that ended by
    /// [`Membership::handle_decision`](super::Membership::handle_decision).
    Decide {
        /// The epoch on which it is to follow.
        base: Epoch,
        /// What is to follow.
        next: Arc<Configuration>,
    },
    /// A majority of the members of the configuration of this epoch has entered it: tell all
    /// lanes, by [`Lane::handle_entered_by_majority`](crate::Lane::handle_entered_by_majority).
    EnteredByMajority(Epoch),
    /// How a request for a change ended, or that it goes on without the asker.
    ChangeAnswer {
        /// Whose request.
        ticket: Ticket,
        /// The epoch of the joint configuration, once it stands; or why there is none.
        answer: Result<Epoch, ChangeRefusal>,
    },
    /// This process must stop serving: another one has taken its place.
    Stop {
        /// Who.
        by: NodeId,
        /// Where.
        address: Address,
    },
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
    /// A change of members, or asking for one, goes on.
    Change,
}
