//! What a lane wants done: [`Output`].

use crate::configuration::Configuration;
use crate::message::Message;
use crate::operation::Outcome;
use crate::record::Record;
use crate::slot::RegisterName;
use alloc::sync::Arc;

/// The caller's name for a request, given back with its outcome.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Ticket(pub u64);

/// The number of something to be put on disk. A lane counts them up from one, and they become
/// durable in that order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct PersistNumber(pub u64);

impl PersistNumber {
    /// What rests on nothing: it is durable from the start.
    pub const NONE: PersistNumber = PersistNumber(0);
}

/// One thing that a lane wants done. They are to be done in the order in which they come.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Output {
    /// Send the message, once everything up to `after` is durable. It may be lost.
    Send {
        /// The message. It names the node it is for.
        message: Message,
        /// What it rests on.
        after: PersistNumber,
    },
    /// The request has ended; say so. It rests on nothing that is still to be made durable: the
    /// coordinator's own replica votes only once its record is.
    Answer {
        /// The request.
        ticket: Ticket,
        /// How it ended.
        outcome: Outcome,
    },
    /// Make this record durable, then call `handle_persisted` with the number. Without a disk
    /// there is nothing to make durable, and the caller confirms at once.
    Persist {
        /// Its number: one more than the former's.
        number: PersistNumber,
        /// The register.
        name: RegisterName,
        /// The record that replaces the former one.
        record: Record,
    },
    /// Another node told of a newer configuration. The node decides whether to enter it, with all
    /// its lanes.
    Configuration(Arc<Configuration>),
}
