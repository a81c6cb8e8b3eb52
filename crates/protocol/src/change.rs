//! How a read-modify-write computes the new value: [`Change`].

use crate::record::{Record, UnixMillis};
use crate::tag::Tag;
use alloc::format;
use bytes::Bytes;

/// How the new value of a register follows from the old one.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Change {
    /// Replace the value if the register is as expected.
    CompareAndSet {
        /// What the register is expected to be.
        expected: Expected,
        /// The new value, or nothing: that is a delete.
        content: Option<Bytes>,
        /// When the new value expires, if it does.
        expiry: Option<UnixMillis>,
    },
    /// Add to the value, which is an integer in decimal; a register without a value is zero. The
    /// expiry stays.
    Add {
        /// How much; less than nothing subtracts.
        amount: i64,
    },
}

/// What a register is expected to be.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Expected {
    /// It has this very tag.
    Tag(Tag),
    /// It holds this value, or nothing.
    Content(Option<Bytes>),
    /// It holds a value, whichever.
    Something,
}

impl Expected {
    fn holds(&self, record: &Record) -> bool {
        match self {
            Expected::Tag(tag) => record.tag == *tag,
            Expected::Content(content) => record.content == *content,
            Expected::Something => record.content.is_some(),
        }
    }
}

/// What a change makes of a record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Changed {
    pub(crate) content: Option<Bytes>,
    pub(crate) expiry: Option<UnixMillis>,
}

impl Change {
    /// What the register is to hold, if it holds `record` now. `None` if nothing is to change:
    /// the comparison fails, the value is no integer, or the sum is beyond 64 bits.
    pub(crate) fn apply(&self, record: &Record) -> Option<Changed> {
        match self {
            Change::CompareAndSet {
                expected,
                content,
                expiry,
            } => expected.holds(record).then(|| Changed {
                content: content.clone(),
                expiry: *expiry,
            }),
            Change::Add { amount } => {
                let value = match &record.content {
                    None => 0,
                    Some(content) => integer(content)?,
                };
                let sum = value.checked_add(*amount)?;
                Some(Changed {
                    content: Some(Bytes::from(format!("{sum}"))),
                    expiry: record.expiry,
                })
            }
        }
    }
}

/// The integer that the bytes spell in the one way in which it is written.
fn integer(bytes: &[u8]) -> Option<i64> {
    let value: i64 = core::str::from_utf8(bytes).ok()?.parse().ok()?;
    (format!("{value}").as_bytes() == bytes).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(content: Option<&'static str>) -> Record {
        Record {
            content: content.map(|text| Bytes::from_static(text.as_bytes())),
            ..Record::EMPTY
        }
    }

    fn text(changed: Option<Changed>) -> Option<Bytes> {
        changed.and_then(|changed| changed.content)
    }

    #[test]
    fn a_sum_is_of_integers_in_their_one_spelling_and_within_64_bits() {
        let add = |amount, content| text(Change::Add { amount }.apply(&record(content)));
        assert_eq!(add(3, None).unwrap(), "3");
        assert_eq!(add(-5, Some("3")).unwrap(), "-2");
        for bad in [
            "",
            "x",
            "03",
            "+3",
            " 3",
            "3.0",
            "-0",
            "9223372036854775808",
        ] {
            assert_eq!(add(1, Some(bad)), None, "{bad}");
        }
        assert_eq!(add(1, Some("9223372036854775807")), None);
    }

    #[test]
    fn a_value_is_set_only_if_the_register_is_as_expected() {
        let set = |expected, content| {
            let change = Change::CompareAndSet {
                expected,
                content: Some(Bytes::from_static(b"new")),
                expiry: None,
            };
            change.apply(&record(content)).is_some()
        };
        let old = || Some(Bytes::from_static(b"old"));
        assert!(set(Expected::Content(old()), Some("old")));
        assert!(!set(Expected::Content(old()), Some("other")));
        assert!(!set(Expected::Content(old()), None));
        assert!(set(Expected::Content(None), None));
        assert!(!set(Expected::Something, None));
        assert!(set(Expected::Something, Some("")));
        assert!(set(Expected::Tag(Tag::ZERO), None));
    }
}
