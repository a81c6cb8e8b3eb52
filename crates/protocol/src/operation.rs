//! What a client asks, and what it may believe afterwards.

use crate::change::{Change, Unmet};
use crate::record::{Record, UnixMillis};
use crate::slot::RegisterName;
use crate::tag::Tag;
use bytes::Bytes;
use core::fmt;

/// What a client asks of one register.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Operation {
    /// The greatest completed value, or a later one.
    Read {
        /// The register.
        name: RegisterName,
    },
    /// Replace whatever the register holds.
    Write {
        /// The register.
        name: RegisterName,
        /// The new value, or nothing: that is a delete.
        content: Option<Bytes>,
        /// When the new value expires, if it does.
        expiry: Option<UnixMillis>,
    },
    /// Compute what the register is to hold from what it holds, with nothing in between.
    Modify {
        /// The register.
        name: RegisterName,
        /// How the new value follows from the old one.
        change: Change,
    },
}

impl Operation {
    /// The register it is about.
    pub fn name(&self) -> &RegisterName {
        match self {
            Operation::Read { name }
            | Operation::Write { name, .. }
            | Operation::Modify { name, .. } => name,
        }
    }

    /// Whether it can change the register.
    pub fn is_write(&self) -> bool {
        !matches!(self, Operation::Read { .. })
    }
}

/// How an operation ended: what its client may now believe.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Outcome {
    /// The read took place. The record's tag is [`Tag::ZERO`] if nobody ever wrote.
    Read {
        /// What the register held.
        record: Record,
        /// How many rounds of messages it took.
        rounds: u8,
    },
    /// The write took place: a quorum holds it.
    Written {
        /// The tag it was given.
        tag: Tag,
        /// How many rounds of messages it took.
        rounds: u8,
    },
    /// The read-modify-write took place.
    Modified {
        /// What it held before. What had expired counts as nothing.
        previous: Option<Bytes>,
        /// What the register holds by it.
        record: Record,
        /// How many rounds of messages it took.
        rounds: u8,
    },
    /// The read-modify-write found that there is nothing to change. It has done what a read does,
    /// and will do nothing else.
    Unchanged {
        /// What the register held.
        record: Record,
        /// Why nothing changed.
        unmet: Unmet,
        /// How many rounds of messages it took.
        rounds: u8,
    },
    /// Nothing happened and nothing will.
    Refused(Refusal),
    /// The write may have taken effect, or may yet, or may never. Trying again makes a second
    /// write.
    Unknown,
}

/// Why an operation certainly did not happen.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Refusal {
    /// This node is not in a cluster yet.
    NoCluster,
    /// This node has as many operations running as it may.
    Busy,
    /// Not enough replicas answered before the deadline.
    NoQuorum,
    /// This node is no member, and no member took the operation before the deadline.
    NoMember,
    /// The register's sequence numbers are used up, which takes 2^63 writes.
    Exhausted,
    /// Others kept changing the register until the deadline.
    Contended,
    /// Replicas of the register have no room for what it would add.
    Full,
    /// This node's disk is full or does not keep up.
    Disk,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Refusal::NoCluster => "this node is not in a cluster yet",
            Refusal::Busy => "this node has as many operations running as it may",
            Refusal::NoQuorum => "not enough replicas answered in time",
            Refusal::NoMember => "no member of the cluster took the operation in time",
            Refusal::Exhausted => "the register's sequence numbers are used up",
            Refusal::Contended => "others kept changing the register",
            Refusal::Full => "nodes that hold the register have no memory left for more",
            Refusal::Disk => "this node's disk is full or does not keep up",
        })
    }
}
