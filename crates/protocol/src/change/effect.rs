//! What is done to a register: [`Effect`].

use super::decimal::Decimal;
use super::{Changed, Unmet};
use crate::record::{Record, UnixMillis};
use alloc::format;
use bytes::{BufMut, Bytes, BytesMut};

/// What a change does to a register if its condition holds.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Effect {
    /// Replace what is there.
    Put {
        /// The new value, or nothing: that is a delete.
        content: Option<Bytes>,
        /// What becomes of the expiry.
        expiry: NewExpiry,
    },
    /// Change when it expires, if it holds something.
    Expire {
        /// When; `None` for never. A moment that is past deletes.
        at: Option<UnixMillis>,
        /// What must hold of the expiry that it has.
        condition: ExpiryCondition,
    },
    /// Add to the end of the value; nothing counts as an empty one. The expiry stays.
    Append(Bytes),
    /// Replace what is at an offset, after zeros if need be; nothing counts as an empty value. The
    /// expiry stays.
    SetRange {
        /// From which byte on.
        offset: u64,
        /// By what.
        part: Bytes,
    },
    /// Add to the value, which is an integer in decimal; nothing counts as zero. The expiry stays.
    Add(i64),
    /// Add to the value a number as it is spelt, in decimal, to 17 places; nothing counts as zero.
    /// The expiry stays.
    AddDecimal(Bytes),
}

/// What becomes of the expiry when a value is replaced.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum NewExpiry {
    /// It does not expire.
    Never,
    /// It stays as it was.
    Keep,
    /// It expires then. If that is past, the register is deleted.
    At(UnixMillis),
}

/// What must hold of the expiry that a register has. What is said must all hold.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct ExpiryCondition {
    /// It has none.
    pub absent: bool,
    /// It has one.
    pub present: bool,
    /// The new one is later. Never is later than any moment.
    pub later: bool,
    /// The new one is earlier.
    pub earlier: bool,
}

impl ExpiryCondition {
    fn allows(&self, old: Option<UnixMillis>, new: Option<UnixMillis>) -> bool {
        let moment = |expiry: Option<UnixMillis>| expiry.unwrap_or(UnixMillis(u64::MAX));
        (!self.absent || old.is_none())
            && (!self.present || old.is_some())
            && (!self.later || moment(new) > moment(old))
            && (!self.earlier || moment(new) < moment(old))
    }
}

impl Effect {
    /// To delete whatever is there.
    pub const DELETE: Effect = Effect::Put {
        content: None,
        expiry: NewExpiry::Never,
    };

    /// What the register holds by it, if it holds `record` now, which has not expired.
    pub(super) fn on(
        &self,
        record: &Record,
        wall: UnixMillis,
        content_bytes_max: usize,
    ) -> Result<Changed, Unmet> {
        let kept = |content| {
            Ok(Changed {
                content: Some(content),
                expiry: record.expiry,
            })
        };
        let expiring = |content: Option<Bytes>, expiry: Option<UnixMillis>| match expiry {
            Some(at) if at <= wall => Changed::NOTHING,
            expiry => Changed {
                expiry: expiry.filter(|_| content.is_some()),
                content,
            },
        };
        let old = record.content.as_ref();
        let old_bytes = old.map_or(&[][..], |content| content);
        match self {
            Effect::Put { content, expiry } => {
                let expiry = match expiry {
                    NewExpiry::Never => None,
                    NewExpiry::Keep => record.expiry,
                    NewExpiry::At(at) => Some(*at),
                };
                Ok(expiring(content.clone(), expiry))
            }
            Effect::Expire { at, condition } => match old {
                Some(content) if condition.allows(record.expiry, *at) => {
                    Ok(expiring(Some(content.clone()), *at))
                }
                _ => Err(Unmet::Condition),
            },
            Effect::Append(part) => {
                let length = old_bytes.len().saturating_add(part.len());
                let mut content = room_for(length, content_bytes_max)?;
                content.put_slice(old_bytes);
                content.put_slice(part);
                kept(content.freeze())
            }
            Effect::SetRange { offset, part } => {
                // Nothing is written by nothing, wherever.
                if part.is_empty() {
                    return Err(Unmet::Condition);
                }
                let start = usize::try_from(*offset).unwrap_or(usize::MAX);
                let end = start.saturating_add(part.len());
                let mut content = room_for(end.max(old_bytes.len()), content_bytes_max)?;
                content.put_slice(&old_bytes[..start.min(old_bytes.len())]);
                content.put_bytes(0, start - content.len());
                content.put_slice(part);
                content.put_slice(old_bytes.get(end..).unwrap_or_default());
                kept(content.freeze())
            }
            Effect::Add(amount) => {
                let value = match old {
                    None => 0,
                    Some(content) => integer(content).ok_or(Unmet::NotAnInteger)?,
                };
                let sum = value.checked_add(*amount).ok_or(Unmet::Overflow)?;
                kept(Bytes::from(format!("{sum}")))
            }
            Effect::AddDecimal(amount) => {
                let number = |bytes| Decimal::parse(bytes).ok_or(Unmet::NotANumber);
                let value = old.map_or(Ok(Decimal::ZERO), |content| number(content))?;
                let sum = value.checked_add(number(amount)?);
                let sum = sum.ok_or(Unmet::OutOfRange)?;
                kept(Bytes::from(format!("{sum}")))
            }
        }
    }

    /// How many bytes it carries.
    pub fn bytes(&self) -> usize {
        match self {
            Effect::Put { content, .. } => content.as_ref().map_or(0, Bytes::len),
            Effect::Append(part) | Effect::SetRange { part, .. } | Effect::AddDecimal(part) => {
                part.len()
            }
            Effect::Expire { .. } | Effect::Add(_) => 0,
        }
    }
}

/// Room for a value of this length, if a value may be so long.
fn room_for(length: usize, content_bytes_max: usize) -> Result<BytesMut, Unmet> {
    match length <= content_bytes_max {
        true => Ok(BytesMut::with_capacity(length)),
        false => Err(Unmet::TooLong),
    }
}

/// The integer that the bytes spell in the one way in which it is written.
fn integer(bytes: &[u8]) -> Option<i64> {
    let value: i64 = core::str::from_utf8(bytes).ok()?.parse().ok()?;
    (format!("{value}").as_bytes() == bytes).then_some(value)
}
