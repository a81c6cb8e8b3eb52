//! How a command's reply is told by how its operations ended: [`ReplyShape`].

use super::failure;
use super::plan::unit_ms;
use bytes::Bytes;
use commands::TimeUnit;
use protocol::{Outcome, Record, UnixMillis, Unmet};
use resp::ReplyWriter;
use xxhash_rust::xxh3::xxh3_64;

/// How a reply is told by how the operations ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::redis) enum ReplyShape {
    /// `OK`.
    Done,
    /// `OK` if the condition held; nil otherwise.
    DoneOrNil {
        /// Whether the condition holds of a register that holds nothing.
        fits_nothing: bool,
    },
    /// What the register holds now, or nil.
    Content,
    /// What each register holds, or nil.
    Contents,
    /// What the register held before, or nil.
    Previous,
    /// The length of what it holds now.
    Length,
    /// Bytes of what it holds, from one to another; negative ones count from the end.
    Range {
        /// The first.
        first: i64,
        /// The last.
        last: i64,
    },
    /// The integer that it holds now.
    Integer,
    /// The digest of what it holds, or nil.
    Digest,
    /// 1 if something was changed, else 0.
    Whether,
    /// How many registers were changed.
    CountChanged,
    /// How many registers hold something.
    CountPresent,
    /// `string` or `none`.
    Type,
    /// How long until it expires.
    TimeLeft(TimeUnit),
    /// When it expires.
    ExpiryTime(TimeUnit),
}

impl ReplyShape {
    /// Writes the reply of operations that ended so, as many as the plan had. `wall` is the wall
    /// clock.
    pub(in crate::redis) fn write(
        self,
        outcomes: &[Outcome],
        wall: UnixMillis,
        to: &mut ReplyWriter<'_>,
    ) {
        if let Some(error) = failure::of(outcomes) {
            return to.error(error);
        }
        match self {
            ReplyShape::Contents => {
                to.array(outcomes.len());
                for outcome in outcomes {
                    write_content(content(outcome), to);
                }
            }
            ReplyShape::Done => to.simple("OK"),
            ReplyShape::CountChanged => {
                let is_changed = |outcome: &&Outcome| matches!(outcome, Outcome::Modified { .. });
                to.integer(outcomes.iter().filter(is_changed).count() as i64);
            }
            ReplyShape::CountPresent => {
                let is_present = |outcome: &&Outcome| content(outcome).is_some();
                to.integer(outcomes.iter().filter(is_present).count() as i64);
            }
            _ => {
                if let [outcome] = outcomes {
                    self.write_of_one(outcome, wall, to);
                }
            }
        }
    }

    fn write_of_one(self, outcome: &Outcome, wall: UnixMillis, to: &mut ReplyWriter<'_>) {
        let record = record(outcome);
        let held = record.and_then(|record| record.content.as_ref());
        let expiry = record.and_then(|record| record.expiry);
        match self {
            ReplyShape::DoneOrNil { fits_nothing } => match outcome {
                // The condition held, and the value had expired before it was written.
                Outcome::Unchanged { .. } if fits_nothing && held.is_none() => to.simple("OK"),
                Outcome::Unchanged { .. } => to.nil(),
                _ => to.simple("OK"),
            },
            ReplyShape::Content => write_content(held, to),
            ReplyShape::Previous => match outcome {
                Outcome::Modified { previous, .. } => write_content(previous.as_ref(), to),
                _ => write_content(held, to),
            },
            ReplyShape::Length => to.integer(held.map_or(0, Bytes::len) as i64),
            ReplyShape::Range { first, last } => {
                let held = held.map_or(&[][..], |held| held);
                to.bulk(range(held, first, last));
            }
            ReplyShape::Integer => {
                let text = held.and_then(|held| std::str::from_utf8(held).ok());
                to.integer(text.and_then(|text| text.parse().ok()).unwrap_or(0));
            }
            ReplyShape::Digest => match held {
                Some(held) => to.bulk(format!("{:016x}", xxh3_64(held))),
                None => to.nil(),
            },
            ReplyShape::Whether => {
                to.integer(i64::from(matches!(outcome, Outcome::Modified { .. })));
            }
            ReplyShape::Type => to.simple(if held.is_some() { "string" } else { "none" }),
            ReplyShape::TimeLeft(unit) => {
                let left = |at: UnixMillis| rounded(at.0.saturating_sub(wall.0), unit);
                to.integer(of_expiry(held, expiry, left));
            }
            ReplyShape::ExpiryTime(unit) => {
                to.integer(of_expiry(held, expiry, |at| rounded(at.0, unit)));
            }
            ReplyShape::Done
            | ReplyShape::Contents
            | ReplyShape::CountChanged
            | ReplyShape::CountPresent => unreachable!("these are written of all outcomes"),
        }
    }
}

fn record(outcome: &Outcome) -> Option<&Record> {
    match outcome {
        Outcome::Read { record, .. }
        | Outcome::Modified { record, .. }
        | Outcome::Unchanged { record, .. } => Some(record),
        Outcome::Written { .. } | Outcome::Refused(_) | Outcome::Unknown => None,
    }
}

fn content(outcome: &Outcome) -> Option<&Bytes> {
    record(outcome).and_then(|record| record.content.as_ref())
}

fn write_content(content: Option<&Bytes>, to: &mut ReplyWriter<'_>) {
    match content {
        Some(content) => to.bulk(content),
        None => to.nil(),
    }
}

/// -2 if there is nothing, -1 if it does not expire.
fn of_expiry(
    held: Option<&Bytes>,
    expiry: Option<UnixMillis>,
    tell: impl FnOnce(UnixMillis) -> i64,
) -> i64 {
    match (held, expiry) {
        (None, _) => -2,
        (Some(_), None) => -1,
        (Some(_), Some(at)) => tell(at),
    }
}

/// In this unit, to the nearest one, as Redis does.
fn rounded(millis: u64, unit: TimeUnit) -> i64 {
    let unit = unit_ms(unit);
    i64::try_from(millis.saturating_add(unit / 2) / unit).unwrap_or(i64::MAX)
}

/// The bytes from one to another, both among them, where negative ones count from the end.
fn range(held: &[u8], first: i64, last: i64) -> &[u8] {
    let length = held.len() as i64;
    if first < 0 && last < 0 && first > last {
        return &[];
    }
    let place = |index: i64| match index {
        ..0 => (length.saturating_add(index)).max(0),
        index => index,
    };
    let (first, last) = (place(first), place(last).min(length - 1));
    match first <= last {
        true => &held[first as usize..=last as usize],
        false => &[],
    }
}

/// Why a change did not take place, where that is an error to Redis.
pub(super) fn error_of(unmet: Unmet) -> Option<&'static str> {
    match unmet {
        Unmet::Condition => None,
        Unmet::NotAnInteger => Some("ERR value is not an integer or out of range"),
        Unmet::Overflow => Some("ERR increment or decrement would overflow"),
        Unmet::NotANumber => Some("ERR value is not a valid float"),
        Unmet::OutOfRange => Some("ERR increment would produce NaN or Infinity"),
        Unmet::TooLong => {
            Some("ERR string exceeds maximum allowed size (--value-bytes-max); nothing was done")
        }
    }
}
