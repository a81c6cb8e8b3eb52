//! What a lane wants done: [`Output`].

use crate::configuration::{Configuration, Epoch};
use crate::listing::ListOutcome;
use crate::message::{Counter, Message};
use crate::node::Incarnation;
use crate::operation::Outcome;
use crate::replica::Cell;
use crate::slot::{Group, RegisterName, Slot};
use alloc::sync::Arc;
use alloc::vec::Vec;

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
    /// The listing has ended; say so.
    Listed {
        /// The request.
        ticket: Ticket,
        /// How it ended.
        outcome: ListOutcome,
    },
    /// Make what is kept of a register durable, then call `handle_persisted` with the number. Without a disk
    /// there is nothing to make durable, and the caller confirms at once.
    Persist {
        /// Its number: one more than the former's.
        number: PersistNumber,
        /// The register.
        name: RegisterName,
        /// What is kept of it now; it replaces what was kept before.
        cell: Cell,
    },
    /// Make durable that the registers of this group are kept no longer. The number counts as
    /// that of [`Output::Persist`] does.
    Drop {
        /// Its number: one more than the former's.
        number: PersistNumber,
        /// The group.
        group: Group,
    },
    /// Make durable that new records of this slot get this sequence number or a greater one.
    /// The number counts as that of [`Output::Persist`] does.
    Floor {
        /// Its number: one more than the former's.
        number: PersistNumber,
        /// The slot.
        slot: Slot,
        /// Its floor, which only rises.
        floor: u64,
        /// Its base, which only rises, and is never above the floor.
        base: u64,
    },
    /// Make durable that nothing is kept of these registers any more, whose tombstones were dropped.
    /// The number counts as that of [`Output::Persist`] does.
    Forget {
        /// Its number: one more than the former's.
        number: PersistNumber,
        /// The registers.
        names: Vec<RegisterName>,
    },
    /// Make durable that requests of these numbers and lesser ones are refused from now on: a message
    /// that comes late to a lane that was restored could bring back what was deleted. Of each node
    /// and lane the greatest is all that has to be kept.
    /// The number counts as that of [`Output::Persist`] does.
    Marks {
        /// Its number: one more than the former's.
        number: PersistNumber,
        /// The incarnations, and the number below which all that they began has ended.
        marks: Vec<(Incarnation, Counter)>,
    },
    /// A newer configuration was decided, or another node told of one. The node decides whether to
    /// enter it, with all its lanes.
    Configuration(Arc<Configuration>),
    /// In the joint configuration of this epoch, or in a later one, this replica has copied the
    /// group: it holds all that was completed before. What it copied is durable.
    Copied {
        /// The epoch that the lane is in.
        epoch: Epoch,
        /// The group.
        group: Group,
    },
}
