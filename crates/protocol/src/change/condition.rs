//! What must hold of a register: [`Condition`].

use crate::record::Record;
use crate::tag::Tag;
use bytes::Bytes;
use xxhash_rust::xxh3::xxh3_64;

/// What must hold of a register for a change to take place.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Condition {
    /// Nothing.
    Always,
    /// It holds nothing.
    Absent,
    /// It holds something, whichever.
    Present,
    /// Its record has this very tag.
    Tag(Tag),
    /// It holds just this.
    Equal(Bytes),
    /// It holds anything else, or nothing.
    Unequal(Bytes),
    /// It holds something of which this is the XXH3-64.
    DigestEqual(u64),
    /// It holds something with another XXH3-64, or nothing.
    DigestUnequal(u64),
}

impl Condition {
    /// It holds just this, or nothing.
    pub fn content(expected: Option<Bytes>) -> Condition {
        expected.map_or(Condition::Absent, Condition::Equal)
    }

    pub(super) fn holds(&self, record: &Record) -> bool {
        let content = record.content.as_ref();
        match self {
            Condition::Always => true,
            Condition::Absent => content.is_none(),
            Condition::Present => content.is_some(),
            Condition::Tag(tag) => record.tag == *tag,
            Condition::Equal(expected) => content == Some(expected),
            Condition::Unequal(other) => content != Some(other),
            Condition::DigestEqual(digest) => content.map(|held| xxh3_64(held)) == Some(*digest),
            Condition::DigestUnequal(digest) => content.map(|held| xxh3_64(held)) != Some(*digest),
        }
    }

    /// How many bytes it carries.
    pub fn bytes(&self) -> usize {
        match self {
            Condition::Equal(content) | Condition::Unequal(content) => content.len(),
            _ => 0,
        }
    }
}
