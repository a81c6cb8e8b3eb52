//! What is counted: [`LinkFigures`] and [`IncomingFigures`].

use protocol::{Address, Incarnation};
use std::sync::atomic::{AtomicU64, Ordering};

/// What has gone out to one dialled address since it was first dialled.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct LinkFigures {
    /// The address.
    pub(crate) address: Address,
    /// Who is connected there now.
    pub(crate) peer: Option<Incarnation>,
    /// How often the address was dialled.
    pub(crate) attempts: u64,
    /// How often that led to a connection with another node.
    pub(crate) connections: u64,
    /// Bytes written, greetings apart.
    pub(crate) bytes: u64,
    /// Frames written.
    pub(crate) frames: u64,
    /// Messages between lanes written.
    pub(crate) messages: u64,
    /// Membership messages written.
    pub(crate) membership_messages: u64,
    /// Messages of either sort that were dropped: there was no room for them, or the connection
    /// ended before they were written.
    pub(crate) dropped: u64,
}

/// What has come in over the connections of other nodes since the process started.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct IncomingFigures {
    /// Connections that stand now, greetings exchanged.
    pub(crate) open: u64,
    /// Connections whose greetings were exchanged.
    pub(crate) connections: u64,
    /// Connections that were refused, or whose greeting was none or came too late.
    pub(crate) refused: u64,
    /// Connections closed because something on them was malformed.
    pub(crate) malformed: u64,
    /// Bytes of frames that were read.
    pub(crate) bytes: u64,
    /// Frames that were read.
    pub(crate) frames: u64,
    /// Messages between lanes that were read.
    pub(crate) messages: u64,
    /// Membership messages that were read.
    pub(crate) membership_messages: u64,
}

/// A number that goes up, and for a few of them down.
///
/// Nothing is ordered by it, so relaxed accesses do.
#[derive(Debug, Default)]
pub(super) struct Count(AtomicU64);

impl Count {
    pub(super) fn add(&self, count: usize) {
        self.0.fetch_add(count as u64, Ordering::Relaxed);
    }

    pub(super) fn take_one(&self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }

    pub(super) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The counts behind [`LinkFigures`].
#[derive(Debug, Default)]
pub(super) struct LinkCounts {
    pub(super) attempts: Count,
    pub(super) connections: Count,
    pub(super) bytes: Count,
    pub(super) frames: Count,
    pub(super) messages: Count,
    pub(super) membership_messages: Count,
}

/// The counts behind [`IncomingFigures`].
#[derive(Debug, Default)]
pub(super) struct IncomingCounts {
    pub(super) open: Count,
    pub(super) connections: Count,
    pub(super) refused: Count,
    pub(super) malformed: Count,
    pub(super) bytes: Count,
    pub(super) frames: Count,
    pub(super) messages: Count,
    pub(super) membership_messages: Count,
}

impl IncomingCounts {
    pub(super) fn figures(&self) -> IncomingFigures {
        IncomingFigures {
            open: self.open.get(),
            connections: self.connections.get(),
            refused: self.refused.get(),
            malformed: self.malformed.get(),
            bytes: self.bytes.get(),
            frames: self.frames.get(),
            messages: self.messages.get(),
            membership_messages: self.membership_messages.get(),
        }
    }
}
