//! When a register expires.

use crate::arguments::{Arguments, is};
use crate::error::CommandError;

/// A moment of the wall clock, as milliseconds since 1970 began.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct UnixMillis(pub i64);

/// What becomes of the expiry of a register.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Expiry {
    /// It does not expire.
    Never,
    /// As it was.
    Keep,
    /// It expires then. That may be past already.
    At(UnixMillis),
}

/// Under which conditions the expiry is set. Those that are said must all hold.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct ExpireCondition {
    /// `NX`: the register does not expire so far.
    pub absent: bool,
    /// `XX`: the register expires.
    pub present: bool,
    /// `GT`: the new expiry is later. No expiry is later than any.
    pub later: bool,
    /// `LT`: the new expiry is earlier.
    pub earlier: bool,
}

/// How a moment is spelt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Spelling {
    Seconds,
    Millis,
    UnixSeconds,
    UnixMillis,
}

impl Spelling {
    /// By the options of `SET` and `GETEX`.
    pub(crate) fn of_option(word: &[u8]) -> Option<Self> {
        [
            ("EX", Spelling::Seconds),
            ("PX", Spelling::Millis),
            ("EXAT", Spelling::UnixSeconds),
            ("PXAT", Spelling::UnixMillis),
        ]
        .into_iter()
        .find_map(|(option, spelling)| is(word, option).then_some(spelling))
    }

    /// The moment that `value` spells, unless it is beyond what an `i64` counts.
    pub(crate) fn moment(self, value: i64, now: UnixMillis) -> Option<UnixMillis> {
        let millis = match self {
            Spelling::Seconds | Spelling::UnixSeconds => value.checked_mul(1000)?,
            Spelling::Millis | Spelling::UnixMillis => value,
        };
        match self {
            Spelling::Seconds | Spelling::Millis => now.0.checked_add(millis).map(UnixMillis),
            Spelling::UnixSeconds | Spelling::UnixMillis => Some(UnixMillis(millis)),
        }
    }
}

/// The expiry of something that is written, which is positive.
pub(crate) fn positive(
    arguments: &Arguments<'_>,
    spelling: Spelling,
    value: &[u8],
    command: &'static str,
) -> Result<UnixMillis, CommandError> {
    let value = resp::parse_integer(value).ok_or(CommandError::NotAnInteger)?;
    Some(value)
        .filter(|value| *value > 0)
        .and_then(|value| spelling.moment(value, arguments.now))
        .ok_or(CommandError::InvalidExpiry(command))
}
