//! What a replica keeps of a register: [`Record`].

use crate::message::OperationId;
use crate::tag::Tag;
use bytes::Bytes;
use core::fmt;

/// A moment of the wall clock, in milliseconds since 1970-01-01 00:00 UTC.
///
/// It only ever says when a register expires; no promise but that one depends on wall clocks.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct UnixMillis(pub u64);

/// All that a replica keeps of one register. Whatever carries a record carries all of it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Record {
    /// The version. A replica's tag of a register never goes down.
    pub tag: Tag,
    /// The value, or nothing. Nothing under a tag above zero is a tombstone: a delete must
    /// outlive itself, or an older value would return.
    pub content: Option<Bytes>,
    /// When the value expires, if it does.
    pub expiry: Option<UnixMillis>,
    /// The read-modify-write that made this record, if one did; a plain write clears it.
    pub operation: Option<OperationId>,
    /// Whether this node knows the tag to be settled: then no reader need write it back.
    pub settled: bool,
}

impl Record {
    /// The record of a register nobody wrote. It is settled everywhere.
    pub const EMPTY: Record = Record {
        tag: Tag::ZERO,
        content: None,
        expiry: None,
        operation: None,
        settled: true,
    };

    /// Whether it has expired when the wall clock shows `wall`.
    pub fn is_expired(&self, wall: UnixMillis) -> bool {
        self.expiry.is_some_and(|at| at <= wall)
    }

    /// Whether both carry the same content for the same tag; what they know of its settling may
    /// differ. Two records of one tag that fail this would be two writes taken for one.
    pub fn agrees_with(&self, other: &Record) -> bool {
        self.tag != other.tag
            || (self.content == other.content
                && self.expiry == other.expiry
                && self.operation == other.operation)
    }
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}=", self.tag)?;
        match &self.content {
            None => f.write_str("nothing")?,
            Some(value) if value.len() <= 32 => write!(f, "\"{}\"", value.escape_ascii())?,
            Some(value) => write!(f, "{} bytes", value.len())?,
        }
        if let Some(UnixMillis(at)) = self.expiry {
            write!(f, " until {at} ms")?;
        }
        if let Some(operation) = self.operation {
            write!(f, " by {operation:?}")?;
        }
        f.write_str(if self.settled { " settled" } else { "" })
    }
}
