//! The door to the protocol: [`Lane`].

use crate::configuration::Configuration;
use crate::membership::PeerState;
use crate::message::Message;
use crate::node::{Incarnation, NodeId};
use crate::operation::Operation;
use crate::output::{Output, PersistNumber, Ticket};
use crate::time::Time;
use alloc::sync::Arc;
use core::time::Duration;

/// What a lane is told once, when it is made.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct LaneOptions {
    /// The node it is a lane of.
    pub incarnation: Incarnation,
    /// Its number among the node's lanes.
    pub lane: u16,
    /// The most operations that may run at once; one more is refused.
    pub operations_max: usize,
    /// How long a coordinator waits before it first sends a message again. Each further wait is
    /// twice as long as the one before.
    pub resend_first: Duration,
    /// The longest it waits before it sends a message again.
    pub resend_max: Duration,
    /// A fault put back on purpose.
    #[cfg(feature = "planted-faults")]
    pub planted: Option<PlantedFault>,
}

impl LaneOptions {
    /// The defaults, for a lane of this node.
    pub fn new(incarnation: Incarnation, lane: u16) -> Self {
        Self {
            incarnation,
            lane,
            operations_max: 4096,
            resend_first: Duration::from_millis(50),
            resend_max: Duration::from_secs(1),
            #[cfg(feature = "planted-faults")]
            planted: None,
        }
    }
}

/// A fault that a test puts back, to show that it would be found.
#[cfg(feature = "planted-faults")]
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum PlantedFault {
    /// The original's rule: a read returns the greatest tag among the peers believed alive, at
    /// once; a write is done when those believed alive have it.
    TrustDetector,
    /// Every quorum is one node too small.
    QuorumTooSmall,
    /// A read returns the greatest tag it saw without making sure that a quorum holds it.
    NoWriteBack,
}

/// Why a lane wants to be called at a certain time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum LaneTimer {
    /// An operation reaches its deadline.
    Deadline,
    /// Replies are late, and their requests are sent again.
    Resend,
}
