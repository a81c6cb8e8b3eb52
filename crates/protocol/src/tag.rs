//! The order of writes: [`Tag`].

use crate::node::{Boot, Incarnation, NodeId};
use core::fmt;
use core::str::FromStr;

/// The version of a register: `(seq, writer, step)`, ordered in that order.
///
/// Two writes never have the same tag: `seq` differs between the writes of one writer, and
/// `writer` between writers. `step` counts read-modify-writes on top of one write.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Tag {
    /// One more than the greatest sequence number that the writer saw at a quorum.
    pub seq: u64,
    /// Who wrote.
    pub writer: Incarnation,
    /// How many read-modify-writes stand on top of the write.
    pub step: u32,
}

impl Tag {
    /// The tag of a register nobody wrote; it is below every other.
    pub const ZERO: Tag = Tag {
        seq: 0,
        writer: Incarnation {
            node: NodeId::new(0),
            boot: Boot::new(0),
        },
        step: 0,
    };

    /// The greatest sequence number. No node takes a greater one from another, so that one more
    /// than what was seen is always a number.
    pub const SEQ_MAX: u64 = (1 << 63) - 1;

    /// Whether this is the tag of a register nobody wrote.
    pub fn is_zero(&self) -> bool {
        *self == Tag::ZERO
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{}", self.seq, self.writer, self.step)
    }
}

impl fmt::Debug for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text is not a tag as [`Tag`] writes itself: `<seq>-<16 hex digits>-<boot>-<step>`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TagError;

impl fmt::Display for TagError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a tag is written <seq>-<16 hex digits>-<boot>-<step>")
    }
}

impl core::error::Error for TagError {}

impl FromStr for Tag {
    type Err = TagError;

    fn from_str(text: &str) -> Result<Self, TagError> {
        let mut parts = text.split('-');
        let mut part = || parts.next().ok_or(TagError);
        let (seq, node, boot, step) = (part()?, part()?, part()?, part()?);
        let tag = Tag {
            seq: seq.parse().map_err(|_| TagError)?,
            writer: Incarnation {
                node: NodeId::new(u64::from_str_radix(node, 16).map_err(|_| TagError)?),
                boot: Boot::new(boot.parse().map_err(|_| TagError)?),
            },
            step: step.parse().map_err(|_| TagError)?,
        };
        // One tag has one spelling: no leading zeros, no signs, nothing after the step.
        let mut spelling = Spelling { rest: text };
        match fmt::write(&mut spelling, format_args!("{tag}")) {
            Ok(()) if spelling.rest.is_empty() => Ok(tag),
            _ => Err(TagError),
        }
    }
}

/// Compares what is written to it with a text, without allocating.
struct Spelling<'a> {
    rest: &'a str,
}

impl fmt::Write for Spelling<'_> {
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        self.rest = self.rest.strip_prefix(piece).ok_or(fmt::Error)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    fn tag(seq: u64, node: u64, step: u32) -> Tag {
        Tag {
            seq,
            writer: Incarnation {
                node: NodeId::new(node),
                boot: Boot::FIRST,
            },
            step,
        }
    }

    #[test]
    fn tags_are_ordered_by_seq_then_writer_then_step() {
        assert!(Tag::ZERO < tag(1, 1, 0));
        assert!(tag(1, 2, 0) < tag(2, 1, 0));
        assert!(tag(1, 1, 9) < tag(1, 2, 0));
        assert!(tag(1, 1, 0) < tag(1, 1, 1));
    }

    #[test]
    fn a_tag_reads_back_what_it_wrote_and_nothing_else() {
        let t = tag(7, 0xabc, 3);
        assert_eq!(t.to_string(), "7-0000000000000abc-1-3");
        assert_eq!(t.to_string().parse(), Ok(t));
        for bad in [
            "",
            "7",
            "7-abc-1-3",
            "07-0000000000000abc-1-3",
            "7-0000000000000ABC-1-3",
            "7-0000000000000abc-1-3-",
            "+7-0000000000000abc-1-3",
            "99999999999999999999-0000000000000abc-1-3",
        ] {
            assert_eq!(bad.parse::<Tag>(), Err(TagError), "{bad}");
        }
    }
}
