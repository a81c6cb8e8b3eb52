//! What a replica keeps of read-modify-writes: [`Ballot`] and [`Accepted`].
//!
//! Source: Rystsov, "CASPaxos: Replicated State Machines without logs" (2018); ordered with plain
//! writes as in Burke, Cheng, Lloyd, "Gryff: Unifying Consensus and Shared Registers" (2020).

use crate::message::OperationId;
use crate::node::Incarnation;
use crate::record::{Record, UnixMillis};
use crate::tag::Tag;
use bytes::Bytes;
use core::fmt;

/// The number of an attempt at a read-modify-write: attempts on one register are ordered by it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Ballot {
    /// Above every round that its proposer saw promised, and every round that it issued.
    pub round: u64,
    /// Who attempts.
    pub proposer: Incarnation,
}

impl Ballot {
    /// Below every ballot that is ever issued: what a replica has promised that promised nothing.
    pub const ZERO: Ballot = Ballot {
        round: 0,
        proposer: Tag::ZERO.writer,
    };

    /// The greatest round. No node takes a greater one from another, so that one more than what
    /// was seen is always a number.
    pub const ROUND_MAX: u64 = (1 << 63) - 1;
}

impl fmt::Debug for Ballot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.round, self.proposer)
    }
}

/// A step that a replica has accepted. It takes effect once a quorum has accepted this very
/// ballot and tag.
///
/// That the content is nothing, a delete, is something else than that nothing was accepted.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Accepted {
    /// Under which ballot.
    pub ballot: Ballot,
    /// The tag that the record would get.
    pub tag: Tag,
    /// The value, or nothing.
    pub content: Option<Bytes>,
    /// When the value expires, if it does.
    pub expiry: Option<UnixMillis>,
    /// The read-modify-write whose step it is.
    pub operation: OperationId,
}

impl Accepted {
    /// The order of what replicas accepted: by ballot, then by tag.
    pub fn rank(&self) -> (Ballot, Tag) {
        (self.ballot, self.tag)
    }

    /// The record of the register, once the step is chosen.
    pub fn record(&self) -> Record {
        Record {
            tag: self.tag,
            content: self.content.clone(),
            expiry: self.expiry,
            operation: Some(self.operation),
            settled: false,
        }
    }
}

impl fmt::Debug for Accepted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} under {:?}", self.record(), self.ballot)
    }
}
