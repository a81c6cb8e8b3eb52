//! Commands on what a register holds: [`StringCommand`].

use crate::arguments::{Arguments, is};
use crate::error::CommandError;
use crate::expiry::{Expiry, Spelling, UnixMillis, positive};
use crate::parse::Command;
use alloc::vec::Vec;
use bytes::Bytes;

/// The longest string that Redis allows.
const STRING_BYTES_MAX: i64 = 512 << 20;

/// Of a register's content.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum StringCommand {
    /// `GET`: the content, or nil.
    Get(Bytes),
    /// `SET`, `SETEX`, `PSETEX`.
    Set(Set),
    /// `SETNX`: writes if there is no register of that name; 1 if it did, else 0.
    SetIfAbsent(Bytes, Bytes),
    /// `GETSET`: writes, and gives the content before.
    GetSet(Bytes, Bytes),
    /// `GETDEL`: deletes, and gives the content before.
    GetDelete(Bytes),
    /// `GETEX`: gives the content, and changes its expiry.
    GetExpire(Bytes, Expiry),
    /// `MGET`: the content of each, or nil.
    GetMany(Vec<Bytes>),
    /// `MSET`: names with contents.
    SetMany(Vec<(Bytes, Bytes)>),
    /// `STRLEN`: the length of the content, 0 if there is none.
    Length(Bytes),
    /// `APPEND`: adds to the content; its length then.
    Append(Bytes, Bytes),
    /// `SETRANGE`: replaces what is at an offset, after zeros if need be; the length then.
    SetRange {
        /// Of which register.
        key: Bytes,
        /// From which byte on.
        offset: u64,
        /// By what.
        part: Bytes,
    },
    /// `GETRANGE`, `SUBSTR`: the bytes from one to another, both among them; negative ones count
    /// from the end.
    GetRange {
        /// Of which register.
        key: Bytes,
        /// The first byte.
        first: i64,
        /// The last byte.
        last: i64,
    },
    /// `INCR`, `DECR`, `INCRBY`, `DECRBY`: adds to the number that the register holds; the sum.
    Add(Bytes, i64),
    /// `INCRBYFLOAT`: the same, with a number as it is spelt, which is finite or infinite.
    AddFloat(Bytes, Bytes),
    /// `DIGEST`: XXH3 of the content, as 16 hexadecimal digits; or nil.
    Digest(Bytes),
    /// `DELEX`: deletes if the condition holds, or in any case; 1 if it did, else 0.
    DeleteIf(Bytes, Option<Condition>),
}

/// What `SET` asks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Set {
    /// Which register.
    pub key: Bytes,
    /// What it holds then.
    pub value: Bytes,
    /// When it is written; otherwise it stays and the answer is nil.
    pub condition: Option<Condition>,
    /// When it expires.
    pub expiry: Expiry,
    /// Whether the content before is the answer, written or not.
    pub gives_previous: bool,
}

/// What must hold of a register.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Condition {
    /// `NX`: it holds nothing.
    Absent,
    /// `XX`: it holds something.
    Present,
    /// `IFEQ`: it holds just this.
    Equal(Bytes),
    /// `IFNE`: it holds anything else, or nothing.
    Unequal(Bytes),
    /// `IFDEQ`: it holds something with this digest, as `DIGEST` spells it.
    DigestEqual(Bytes),
    /// `IFDNE`: it holds something with another digest, or nothing.
    DigestUnequal(Bytes),
}

type Parsed = Result<Command, CommandError>;

pub(crate) fn get(arguments: &mut Arguments<'_>) -> Parsed {
    Ok(Command::String(StringCommand::Get(arguments.take()?)))
}

pub(crate) fn set(arguments: &mut Arguments<'_>) -> Parsed {
    let (key, value) = (arguments.take()?, arguments.take()?);
    let mut set = Set {
        key,
        value,
        condition: None,
        expiry: Expiry::Never,
        gives_previous: false,
    };
    let mut moment: Option<(Spelling, &[u8])> = None;
    while let Some(option) = arguments.look() {
        if let Some(spelling) = Spelling::of_option(option) {
            // The same option again replaces itself; others do not go with it.
            let fits = moment.is_none_or(|(before, _)| before == spelling);
            let value = arguments.look().ok_or(CommandError::Syntax)?;
            if !fits || set.expiry == Expiry::Keep {
                return Err(CommandError::Syntax);
            }
            moment = Some((spelling, value));
        } else if is(option, "KEEPTTL") && moment.is_none() {
            set.expiry = Expiry::Keep;
        } else if is(option, "GET") {
            set.gives_previous = true;
        } else {
            let condition = condition(option, arguments)?;
            let repeats = |before: &Condition| {
                matches!(
                    (before, &condition),
                    (Condition::Absent, Condition::Absent)
                        | (Condition::Present, Condition::Present)
                )
            };
            if !set.condition.as_ref().is_none_or(repeats) {
                return Err(CommandError::Syntax);
            }
            set.condition = Some(condition);
        }
    }
    if let Some((spelling, value)) = moment {
        set.expiry = Expiry::At(positive(arguments, spelling, value, arguments.name)?);
    }
    Ok(Command::String(StringCommand::Set(set)))
}

/// A condition by its option, and what belongs to it.
fn condition(option: &[u8], arguments: &mut Arguments<'_>) -> Result<Condition, CommandError> {
    if is(option, "NX") {
        return Ok(Condition::Absent);
    }
    if is(option, "XX") {
        return Ok(Condition::Present);
    }
    compared(option, arguments)
}

/// A condition on the content.
fn compared(option: &[u8], arguments: &mut Arguments<'_>) -> Result<Condition, CommandError> {
    type Make = fn(Bytes) -> Condition;
    let kinds: [(&str, Make); 4] = [
        ("IFEQ", Condition::Equal),
        ("IFNE", Condition::Unequal),
        ("IFDEQ", Condition::DigestEqual),
        ("IFDNE", Condition::DigestUnequal),
    ];
    let kind = kinds.into_iter().find(|(word, _)| is(option, word));
    match (kind, arguments.take()) {
        (Some((_, condition)), Ok(with)) => Ok(condition(with)),
        _ => Err(CommandError::Syntax),
    }
}

pub(crate) fn setex(arguments: &mut Arguments<'_>) -> Parsed {
    expiring(arguments, Spelling::Seconds)
}

pub(crate) fn psetex(arguments: &mut Arguments<'_>) -> Parsed {
    expiring(arguments, Spelling::Millis)
}

fn expiring(arguments: &mut Arguments<'_>, spelling: Spelling) -> Parsed {
    let (key, after) = (arguments.take()?, arguments.must_look()?);
    let at: UnixMillis = positive(arguments, spelling, after, arguments.name)?;
    Ok(Command::String(StringCommand::Set(Set {
        key,
        value: arguments.take()?,
        condition: None,
        expiry: Expiry::At(at),
        gives_previous: false,
    })))
}

pub(crate) fn setnx(arguments: &mut Arguments<'_>) -> Parsed {
    let (key, value) = (arguments.take()?, arguments.take()?);
    Ok(Command::String(StringCommand::SetIfAbsent(key, value)))
}

pub(crate) fn getset(arguments: &mut Arguments<'_>) -> Parsed {
    let (key, value) = (arguments.take()?, arguments.take()?);
    Ok(Command::String(StringCommand::GetSet(key, value)))
}

pub(crate) fn getdel(arguments: &mut Arguments<'_>) -> Parsed {
    Ok(Command::String(StringCommand::GetDelete(arguments.take()?)))
}

pub(crate) fn getex(arguments: &mut Arguments<'_>) -> Parsed {
    let key = arguments.take()?;
    let mut persists = false;
    let mut moment: Option<(Spelling, &[u8])> = None;
    while let Some(option) = arguments.look() {
        if let Some(spelling) = Spelling::of_option(option) {
            let fits = moment.is_none_or(|(before, _)| before == spelling);
            let value = arguments.look().ok_or(CommandError::Syntax)?;
            if !fits || persists {
                return Err(CommandError::Syntax);
            }
            moment = Some((spelling, value));
        } else if is(option, "PERSIST") && moment.is_none() {
            persists = true;
        } else {
            return Err(CommandError::Syntax);
        }
    }
    let expiry = match moment {
        Some((spelling, value)) => {
            Expiry::At(positive(arguments, spelling, value, arguments.name)?)
        }
        None if persists => Expiry::Never,
        None => Expiry::Keep,
    };
    Ok(Command::String(StringCommand::GetExpire(key, expiry)))
}

pub(crate) fn mget(arguments: &mut Arguments<'_>) -> Parsed {
    Ok(Command::String(StringCommand::GetMany(
        arguments.take_all(),
    )))
}

pub(crate) fn mset(arguments: &mut Arguments<'_>) -> Parsed {
    if !arguments.left().is_multiple_of(2) {
        return Err(CommandError::WrongArity(arguments.name));
    }
    let mut pairs = Vec::with_capacity(arguments.left() / 2);
    while arguments.left() > 0 {
        pairs.push((arguments.take()?, arguments.take()?));
    }
    Ok(Command::String(StringCommand::SetMany(pairs)))
}

pub(crate) fn strlen(arguments: &mut Arguments<'_>) -> Parsed {
    Ok(Command::String(StringCommand::Length(arguments.take()?)))
}

pub(crate) fn append(arguments: &mut Arguments<'_>) -> Parsed {
    let (key, part) = (arguments.take()?, arguments.take()?);
    Ok(Command::String(StringCommand::Append(key, part)))
}

pub(crate) fn setrange(arguments: &mut Arguments<'_>) -> Parsed {
    let (key, offset) = (arguments.take()?, arguments.integer()?);
    let part = arguments.take()?;
    if offset < 0 {
        return Err(CommandError::OffsetOutOfRange);
    }
    let end = offset.checked_add(part.len() as i64);
    // Nothing is written by nothing, wherever.
    if !part.is_empty() && end.is_none_or(|end| end > STRING_BYTES_MAX) {
        return Err(CommandError::StringTooLong);
    }
    Ok(Command::String(StringCommand::SetRange {
        key,
        offset: offset.unsigned_abs(),
        part,
    }))
}

pub(crate) fn getrange(arguments: &mut Arguments<'_>) -> Parsed {
    Ok(Command::String(StringCommand::GetRange {
        key: arguments.take()?,
        first: arguments.integer()?,
        last: arguments.integer()?,
    }))
}

pub(crate) fn incr(arguments: &mut Arguments<'_>) -> Parsed {
    Ok(Command::String(StringCommand::Add(arguments.take()?, 1)))
}

pub(crate) fn decr(arguments: &mut Arguments<'_>) -> Parsed {
    Ok(Command::String(StringCommand::Add(arguments.take()?, -1)))
}

pub(crate) fn incrby(arguments: &mut Arguments<'_>) -> Parsed {
    let (key, by) = (arguments.take()?, arguments.integer()?);
    Ok(Command::String(StringCommand::Add(key, by)))
}

pub(crate) fn decrby(arguments: &mut Arguments<'_>) -> Parsed {
    let (key, by) = (arguments.take()?, arguments.integer()?);
    let by = by.checked_neg().ok_or(CommandError::DecrementOverflow)?;
    Ok(Command::String(StringCommand::Add(key, by)))
}

pub(crate) fn incrbyfloat(arguments: &mut Arguments<'_>) -> Parsed {
    let (key, by) = (arguments.take()?, arguments.take()?);
    if !is_float(&by) {
        return Err(CommandError::NotAFloat);
    }
    Ok(Command::String(StringCommand::AddFloat(key, by)))
}

/// Whether it spells a number as C does in decimal, or infinity.
fn is_float(text: &[u8]) -> bool {
    let unsigned = match text {
        [b'+' | b'-', unsigned @ ..] => unsigned,
        unsigned => unsigned,
    };
    if unsigned.eq_ignore_ascii_case(b"inf") || unsigned.eq_ignore_ascii_case(b"infinity") {
        return true;
    }
    let exponent = unsigned.iter().position(|byte| matches!(byte, b'e' | b'E'));
    let (mantissa, exponent) = match exponent {
        Some(at) => (&unsigned[..at], Some(&unsigned[at + 1..])),
        None => (unsigned, None),
    };
    let mut parts = mantissa.splitn(2, |byte| *byte == b'.');
    let whole = parts.next().unwrap_or_default();
    let fraction = parts.next().unwrap_or_default();
    let are_digits = |text: &[u8]| text.iter().all(u8::is_ascii_digit);
    let is_exponent = |text: &[u8]| {
        let digits = match text {
            [b'+' | b'-', digits @ ..] => digits,
            digits => digits,
        };
        !digits.is_empty() && are_digits(digits)
    };
    whole.len() + fraction.len() > 0
        && are_digits(whole)
        && are_digits(fraction)
        && exponent.is_none_or(is_exponent)
}

pub(crate) fn digest(arguments: &mut Arguments<'_>) -> Parsed {
    Ok(Command::String(StringCommand::Digest(arguments.take()?)))
}

pub(crate) fn delex(arguments: &mut Arguments<'_>) -> Parsed {
    let key = arguments.take()?;
    let condition = match arguments.look() {
        None => None,
        Some(option) => Some(compared(option, arguments)?),
    };
    arguments.end()?;
    Ok(Command::String(StringCommand::DeleteIf(key, condition)))
}
