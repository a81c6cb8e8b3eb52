//! What a command asks of registers: [`Plan`].

use super::reply::ReplyShape;
use bytes::Bytes;
use commands::{Expiry, KeyCommand, Set, StringCommand, TimeUnit, UnixMillis as CommandMillis};
use protocol::{
    Change, Condition, Effect, ExpiryCondition, NewExpiry, Operation, RegisterName, UnixMillis,
};
use resp::ReplyWriter;

/// What a command asks of registers, and how its reply is told by how that ends.
#[derive(Clone, Debug)]
pub(in crate::redis) struct Plan {
    pub(in crate::redis) operations: Operations,
    pub(in crate::redis) reply: ReplyShape,
}

/// The operations of a plan: mostly one, and never none.
#[derive(Clone, Debug)]
pub(in crate::redis) enum Operations {
    One(Operation),
    Many(Vec<Operation>),
}

/// What a client may ask for.
#[derive(Clone, Copy, Debug)]
pub(in crate::redis) struct DataLimits {
    /// The longest value.
    pub(in crate::redis) value_bytes_max: usize,
}

/// Why a command asks for nothing: what is answered before anything is done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::redis) enum DataError {
    /// A name is longer than names may be.
    NameTooLong,
    /// A value is longer than this.
    ValueTooLong(usize),
    /// A digest is not spelt as `DIGEST` spells one.
    Digest,
    /// A number to add is infinite, or larger than numbers are here.
    AmountOutOfRange,
}

impl DataError {
    /// Writes it as a reply.
    pub(in crate::redis) fn write(self, to: &mut ReplyWriter<'_>) {
        match self {
            DataError::NameTooLong => to.error(format!(
                "ERR a key has at most {} bytes here; nothing was done",
                RegisterName::BYTES_MAX
            )),
            DataError::ValueTooLong(max) => to.error(format!(
                "ERR a value has at most {max} bytes here (--value-bytes-max); nothing was done"
            )),
            DataError::Digest => to.error("ERR a digest is 16 hexadecimal digits"),
            DataError::AmountOutOfRange => to.error("ERR increment would produce NaN or Infinity"),
        }
    }
}

/// The largest number to add: registers count in 10^-17, in 128 bits.
const AMOUNT_MAX: f64 = 1.7e21;

type Planned = Result<Plan, DataError>;

impl Plan {
    fn one(operation: Operation, reply: ReplyShape) -> Plan {
        Plan {
            operations: Operations::One(operation),
            reply,
        }
    }

    fn read(key: Bytes, reply: ReplyShape) -> Planned {
        let name = name(key)?;
        Ok(Plan::one(Operation::Read { name }, reply))
    }

    fn modify(key: Bytes, condition: Condition, effect: Effect, reply: ReplyShape) -> Planned {
        let (name, change) = (name(key)?, Change { condition, effect });
        Ok(Plan::one(Operation::Modify { name, change }, reply))
    }

    fn many(
        keys: Vec<Bytes>,
        operation: impl Fn(RegisterName) -> Operation,
        reply: ReplyShape,
    ) -> Planned {
        let operations = keys.into_iter().map(|key| name(key).map(&operation));
        Ok(Plan {
            operations: Operations::Many(operations.collect::<Result<_, _>>()?),
            reply,
        })
    }

    /// What a command on the content of registers asks for.
    pub(in crate::redis) fn of_string(command: StringCommand, limits: &DataLimits) -> Planned {
        let value = |value: Bytes| limits.value(value);
        match command {
            StringCommand::Get(key) => Plan::read(key, ReplyShape::Content),
            StringCommand::GetMany(keys) => {
                Plan::many(keys, |name| Operation::Read { name }, ReplyShape::Contents)
            }
            StringCommand::Length(key) => Plan::read(key, ReplyShape::Length),
            StringCommand::GetRange { key, first, last } => {
                Plan::read(key, ReplyShape::Range { first, last })
            }
            StringCommand::Digest(key) => Plan::read(key, ReplyShape::Digest),
            StringCommand::Set(set) => Plan::of_set(set, limits),
            StringCommand::SetMany(pairs) => {
                let writes = pairs.into_iter().map(|(key, content)| {
                    Ok(Operation::Write {
                        name: name(key)?,
                        content: Some(value(content)?),
                        expiry: None,
                    })
                });
                Ok(Plan {
                    operations: Operations::Many(writes.collect::<Result<_, _>>()?),
                    reply: ReplyShape::Done,
                })
            }
            StringCommand::SetIfAbsent(key, content) => {
                let effect = put(value(content)?, NewExpiry::Never);
                Plan::modify(key, Condition::Absent, effect, ReplyShape::Whether)
            }
            StringCommand::GetSet(key, content) => {
                let effect = put(value(content)?, NewExpiry::Never);
                Plan::modify(key, Condition::Always, effect, ReplyShape::Previous)
            }
            StringCommand::GetDelete(key) => Plan::modify(
                key,
                Condition::Present,
                Effect::DELETE,
                ReplyShape::Previous,
            ),
            StringCommand::GetExpire(key, expiry) => {
                let at = match expiry {
                    Expiry::Keep => return Plan::read(key, ReplyShape::Content),
                    Expiry::Never => None,
                    Expiry::At(at) => Some(moment(at)),
                };
                let condition = ExpiryCondition {
                    // What does not expire need not be told not to.
                    present: at.is_none(),
                    ..ExpiryCondition::default()
                };
                let effect = Effect::Expire { at, condition };
                Plan::modify(key, Condition::Always, effect, ReplyShape::Previous)
            }
            StringCommand::Append(key, part) => {
                let effect = Effect::Append(value(part)?);
                Plan::modify(key, Condition::Always, effect, ReplyShape::Length)
            }
            StringCommand::SetRange { key, part, .. } if part.is_empty() => {
                Plan::read(key, ReplyShape::Length)
            }
            StringCommand::SetRange { key, offset, part } => {
                let effect = Effect::SetRange {
                    offset,
                    part: value(part)?,
                };
                Plan::modify(key, Condition::Always, effect, ReplyShape::Length)
            }
            StringCommand::Add(key, amount) => {
                let effect = Effect::Add(amount);
                Plan::modify(key, Condition::Always, effect, ReplyShape::Integer)
            }
            StringCommand::AddFloat(key, amount) => {
                if !is_addable(&amount) {
                    return Err(DataError::AmountOutOfRange);
                }
                let effect = Effect::AddDecimal(amount);
                Plan::modify(key, Condition::Always, effect, ReplyShape::Content)
            }
            StringCommand::DeleteIf(key, condition) => {
                let condition = condition.map_or(Ok(Condition::Present), of_condition)?;
                Plan::modify(key, condition, Effect::DELETE, ReplyShape::Whether)
            }
        }
    }

    fn of_set(set: Set, limits: &DataLimits) -> Planned {
        let Set {
            key,
            value,
            condition,
            expiry,
            gives_previous,
        } = set;
        let content = limits.value(value)?;
        let expiry = match expiry {
            Expiry::Never => NewExpiry::Never,
            Expiry::Keep => NewExpiry::Keep,
            Expiry::At(at) => NewExpiry::At(moment(at)),
        };
        let at = match (&condition, gives_previous, expiry) {
            (None, false, NewExpiry::Never) => None,
            (None, false, NewExpiry::At(at)) => Some(at),
            _ => {
                let condition = condition.map_or(Ok(Condition::Always), of_condition)?;
                let reply = match gives_previous {
                    true => ReplyShape::Previous,
                    false => ReplyShape::DoneOrNil {
                        fits_nothing: fits_nothing(&condition),
                    },
                };
                return Plan::modify(key, condition, put(content, expiry), reply);
            }
        };
        let write = Operation::Write {
            name: name(key)?,
            content: Some(content),
            expiry: at,
        };
        Ok(Plan::one(write, ReplyShape::Done))
    }

    /// What a command on registers, whatever they hold, asks for.
    ///
    /// # Panics
    /// If it is one on names.
    pub(in crate::redis) fn of_key(command: KeyCommand) -> Planned {
        match command {
            KeyCommand::Delete(keys) => {
                let delete = |name| Operation::Modify {
                    name,
                    change: Change {
                        condition: Condition::Present,
                        effect: Effect::DELETE,
                    },
                };
                Plan::many(keys, delete, ReplyShape::CountChanged)
            }
            KeyCommand::Exists(keys) => {
                let read = |name| Operation::Read { name };
                Plan::many(keys, read, ReplyShape::CountPresent)
            }
            KeyCommand::Type(key) => Plan::read(key, ReplyShape::Type),
            KeyCommand::Expire { key, at, condition } => {
                let condition = ExpiryCondition {
                    absent: condition.absent,
                    present: condition.present,
                    later: condition.later,
                    earlier: condition.earlier,
                };
                let at = Some(moment(at));
                let effect = Effect::Expire { at, condition };
                Plan::modify(key, Condition::Always, effect, ReplyShape::Whether)
            }
            KeyCommand::Persist(key) => {
                let condition = ExpiryCondition {
                    present: true,
                    ..ExpiryCondition::default()
                };
                let effect = Effect::Expire {
                    at: None,
                    condition,
                };
                Plan::modify(key, Condition::Always, effect, ReplyShape::Whether)
            }
            KeyCommand::TimeLeft(key, unit) => Plan::read(key, ReplyShape::TimeLeft(unit)),
            KeyCommand::ExpiryTime(key, unit) => Plan::read(key, ReplyShape::ExpiryTime(unit)),
            KeyCommand::Scan(_) | KeyCommand::Keys(_) | KeyCommand::Random => {
                unreachable!("a command on names has no plan")
            }
        }
    }
}

impl DataLimits {
    fn value(&self, value: Bytes) -> Result<Bytes, DataError> {
        match value.len() <= self.value_bytes_max {
            true => Ok(value),
            false => Err(DataError::ValueTooLong(self.value_bytes_max)),
        }
    }
}

impl Operations {
    /// All of them.
    pub(in crate::redis) fn as_slice(&self) -> &[Operation] {
        match self {
            Operations::One(operation) => std::slice::from_ref(operation),
            Operations::Many(operations) => operations,
        }
    }
}

impl IntoIterator for Operations {
    type Item = Operation;
    type IntoIter =
        std::iter::Chain<std::option::IntoIter<Operation>, std::vec::IntoIter<Operation>>;

    fn into_iter(self) -> Self::IntoIter {
        let (one, many) = match self {
            Operations::One(operation) => (Some(operation), Vec::new()),
            Operations::Many(operations) => (None, operations),
        };
        one.into_iter().chain(many)
    }
}

fn name(key: Bytes) -> Result<RegisterName, DataError> {
    RegisterName::new(key).map_err(|_| DataError::NameTooLong)
}

/// A moment before 1970 is as past as any.
fn moment(at: CommandMillis) -> UnixMillis {
    UnixMillis(u64::try_from(at.0).unwrap_or(0))
}

fn put(content: Bytes, expiry: NewExpiry) -> Effect {
    let content = Some(content);
    Effect::Put { content, expiry }
}

fn of_condition(condition: commands::Condition) -> Result<Condition, DataError> {
    Ok(match condition {
        commands::Condition::Absent => Condition::Absent,
        commands::Condition::Present => Condition::Present,
        commands::Condition::Equal(content) => Condition::Equal(content),
        commands::Condition::Unequal(content) => Condition::Unequal(content),
        commands::Condition::DigestEqual(digest) => Condition::DigestEqual(of_digest(&digest)?),
        commands::Condition::DigestUnequal(digest) => Condition::DigestUnequal(of_digest(&digest)?),
    })
}

/// Whether it holds of a register that holds nothing.
fn fits_nothing(condition: &Condition) -> bool {
    match condition {
        Condition::Always
        | Condition::Absent
        | Condition::Unequal(_)
        | Condition::DigestUnequal(_) => true,
        Condition::Present
        | Condition::Tag(_)
        | Condition::Equal(_)
        | Condition::DigestEqual(_) => false,
    }
}

/// Whether the number that is spelt is one of those that a register can count with.
fn is_addable(amount: &[u8]) -> bool {
    let amount = std::str::from_utf8(amount).ok();
    let amount = amount.and_then(|amount| amount.parse::<f64>().ok());
    amount.is_some_and(|amount| amount.abs() < AMOUNT_MAX)
}

fn of_digest(text: &[u8]) -> Result<u64, DataError> {
    let digits = std::str::from_utf8(text).ok();
    let digits = digits.filter(|digits| digits.len() == 16 && !digits.starts_with('+'));
    let digest = digits.and_then(|digits| u64::from_str_radix(digits, 16).ok());
    digest.ok_or(DataError::Digest)
}

/// What a unit counts in milliseconds.
pub(super) fn unit_ms(unit: TimeUnit) -> u64 {
    match unit {
        TimeUnit::Seconds => 1000,
        TimeUnit::Millis => 1,
    }
}
