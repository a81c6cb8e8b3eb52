//! Commands on registers, whatever they hold: [`KeyCommand`].

use crate::arguments::{Arguments, is, refuse};
use crate::error::CommandError;
use crate::expiry::{ExpireCondition, Spelling, UnixMillis};
use crate::parse::Command;
use alloc::vec::Vec;
use bytes::Bytes;

/// Of registers, whatever they hold.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum KeyCommand {
    /// `DEL`, `UNLINK`: how many were deleted.
    Delete(Vec<Bytes>),
    /// `EXISTS`, `TOUCH`: how many there are; one that is named twice counts twice.
    Exists(Vec<Bytes>),
    /// `TYPE`: `string` or `none`.
    Type(Bytes),
    /// `EXPIRE`, `PEXPIRE`, `EXPIREAT`, `PEXPIREAT`: 1 if it expires then, else 0. What expired in
    /// the past is deleted.
    Expire {
        /// Which register.
        key: Bytes,
        /// When.
        at: UnixMillis,
        /// In which case.
        condition: ExpireCondition,
    },
    /// `PERSIST`: it does not expire; 1 if it did before, else 0.
    Persist(Bytes),
    /// `TTL`, `PTTL`: how long until it expires; -1 if it does not, -2 if there is none.
    TimeLeft(Bytes, TimeUnit),
    /// `EXPIRETIME`, `PEXPIRETIME`: when it expires, since 1970; -1 and -2 as above.
    ExpiryTime(Bytes, TimeUnit),
    /// `SCAN`: a page of the names.
    Scan(Scan),
    /// `KEYS`: all names that the pattern matches.
    Keys(Bytes),
    /// `RANDOMKEY`: any name, or nil.
    Random,
}

/// In what time is counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TimeUnit {
    /// Seconds.
    Seconds,
    /// Milliseconds.
    Millis,
}

/// Which page of the names.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Scan {
    /// Where to go on: 0, or what the page before ended with.
    pub cursor: u64,
    /// Only names that this matches.
    pub pattern: Option<Bytes>,
    /// About how many to look at.
    pub count: u64,
    /// Only registers of this type, in letters of either case.
    pub of_type: Option<Bytes>,
}

impl Scan {
    /// How many are looked at when nothing is said.
    const COUNT: u64 = 10;
}

type Parsed = Result<Command, CommandError>;

pub(crate) fn delete(arguments: &mut Arguments<'_>) -> Parsed {
    Ok(Command::Key(KeyCommand::Delete(arguments.take_all())))
}

pub(crate) fn exists(arguments: &mut Arguments<'_>) -> Parsed {
    Ok(Command::Key(KeyCommand::Exists(arguments.take_all())))
}

pub(crate) fn type_of(arguments: &mut Arguments<'_>) -> Parsed {
    Ok(Command::Key(KeyCommand::Type(arguments.take()?)))
}

pub(crate) fn expire(arguments: &mut Arguments<'_>) -> Parsed {
    expire_at(arguments, Spelling::Seconds)
}

pub(crate) fn pexpire(arguments: &mut Arguments<'_>) -> Parsed {
    expire_at(arguments, Spelling::Millis)
}

pub(crate) fn expireat(arguments: &mut Arguments<'_>) -> Parsed {
    expire_at(arguments, Spelling::UnixSeconds)
}

pub(crate) fn pexpireat(arguments: &mut Arguments<'_>) -> Parsed {
    expire_at(arguments, Spelling::UnixMillis)
}

fn expire_at(arguments: &mut Arguments<'_>, spelling: Spelling) -> Parsed {
    let (key, value) = (arguments.take()?, arguments.must_look()?);
    let mut condition = ExpireCondition::default();
    while let Some(option) = arguments.look() {
        let flag = match option {
            option if is(option, "NX") => &mut condition.absent,
            option if is(option, "XX") => &mut condition.present,
            option if is(option, "GT") => &mut condition.later,
            option if is(option, "LT") => &mut condition.earlier,
            option => return refuse(option, CommandError::UnsupportedOption),
        };
        *flag = true;
    }
    if condition.absent && (condition.present || condition.later || condition.earlier) {
        return Err(CommandError::AbsentWithOthers);
    }
    if condition.later && condition.earlier {
        return Err(CommandError::LaterWithEarlier);
    }
    let value = resp::parse_integer(value).ok_or(CommandError::NotAnInteger)?;
    let at = spelling.moment(value, arguments.now);
    Ok(Command::Key(KeyCommand::Expire {
        key,
        at: at.ok_or(CommandError::InvalidExpiry(arguments.name))?,
        condition,
    }))
}

pub(crate) fn persist(arguments: &mut Arguments<'_>) -> Parsed {
    Ok(Command::Key(KeyCommand::Persist(arguments.take()?)))
}

pub(crate) fn ttl(arguments: &mut Arguments<'_>) -> Parsed {
    let key = arguments.take()?;
    Ok(Command::Key(KeyCommand::TimeLeft(key, TimeUnit::Seconds)))
}

pub(crate) fn pttl(arguments: &mut Arguments<'_>) -> Parsed {
    let key = arguments.take()?;
    Ok(Command::Key(KeyCommand::TimeLeft(key, TimeUnit::Millis)))
}

pub(crate) fn expiretime(arguments: &mut Arguments<'_>) -> Parsed {
    let key = arguments.take()?;
    Ok(Command::Key(KeyCommand::ExpiryTime(key, TimeUnit::Seconds)))
}

pub(crate) fn pexpiretime(arguments: &mut Arguments<'_>) -> Parsed {
    let key = arguments.take()?;
    Ok(Command::Key(KeyCommand::ExpiryTime(key, TimeUnit::Millis)))
}

pub(crate) fn scan(arguments: &mut Arguments<'_>) -> Parsed {
    let cursor = parse_cursor(arguments.must_look()?).ok_or(CommandError::InvalidCursor)?;
    let mut scan = Scan {
        cursor,
        pattern: None,
        count: Scan::COUNT,
        of_type: None,
    };
    while let Some(option) = arguments.look() {
        if arguments.left() == 0 {
            return Err(CommandError::Syntax);
        }
        if is(option, "COUNT") {
            scan.count = match arguments.integer()? {
                count @ 1.. => count.unsigned_abs(),
                _ => return Err(CommandError::Syntax),
            };
        } else if is(option, "MATCH") {
            scan.pattern = Some(arguments.take()?);
        } else if is(option, "TYPE") {
            scan.of_type = Some(arguments.take()?);
        } else {
            return Err(CommandError::Syntax);
        }
    }
    Ok(Command::Key(KeyCommand::Scan(scan)))
}

/// A cursor as C reads an unsigned number: leading zeros and a sign are allowed, a negative one
/// counts from the largest down, and nothing is 0.
fn parse_cursor(text: &[u8]) -> Option<u64> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    if digits.is_empty() && !text.is_empty() {
        return None;
    }
    let mut cursor: u64 = 0;
    for digit in digits {
        let digit = digit.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        cursor = cursor.checked_mul(10)?.checked_add(digit.into())?;
    }
    Some(if negative {
        cursor.wrapping_neg()
    } else {
        cursor
    })
}

pub(crate) fn keys(arguments: &mut Arguments<'_>) -> Parsed {
    Ok(Command::Key(KeyCommand::Keys(arguments.take()?)))
}

pub(crate) fn randomkey(_: &mut Arguments<'_>) -> Parsed {
    Ok(Command::Key(KeyCommand::Random))
}
