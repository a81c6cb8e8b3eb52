//! What a known script does: [`Deed`].

use super::super::answers;
use super::super::local::Local;
use super::super::one_register::{Compute, Ended};
use super::super::{Registers, Session, Sessions};
use super::ScriptError;
use crate::redis::data;
use bytes::{Bytes, BytesMut};
use commands::UnixMillis;
use protocol::{
    Change, Condition, Effect, ExpiryCondition, NewExpiry, Operation, Outcome, RegisterName,
};
use resp::{Dialect, ReplyWriter, parse_integer};
use std::time::Duration;

/// What a script means, for any key and arguments.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Meaning {
    pub(super) does: Does,
    /// What it answers if it did that.
    pub(super) done: Says,
    /// If there was nothing.
    pub(super) absent: Says,
    /// If there was something else.
    pub(super) other: Says,
}

/// What a script does. `ARGV[1]` is what the key has to hold, or is to hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Does {
    /// Deletes it, if it holds that.
    Delete,
    /// Has it expire after `ARGV[2]` milliseconds, if it holds that.
    Expire,
    /// The same, in seconds.
    ExpireSeconds,
    /// Has it expire `ARGV[2]` milliseconds later than so far, if it holds that and expires; or, if
    /// `ARGV[3]` is anything but `0`, after so many milliseconds.
    Extend,
    /// Has it hold that for `ARGV[2]` milliseconds, if it holds that already.
    Renew,
    /// The same, if it holds nothing.
    Take,
    /// The same, if it holds that already or nothing.
    TakeOrRenew,
    /// Tells how many milliseconds it holds that for.
    TimeLeft,
}

/// What a script answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Says {
    Integer(i64),
    Nil,
    Ok,
    Error(&'static str),
}

impl Says {
    fn write(self, to: &mut ReplyWriter<'_>) {
        match self {
            Says::Integer(value) => to.integer(value),
            Says::Nil => to.nil(),
            Says::Ok => to.simple("OK"),
            Says::Error(text) => to.error(text),
        }
    }
}

/// A script with its key and its arguments.
#[derive(Clone, Debug)]
pub(in super::super) struct Deed {
    meaning: &'static Meaning,
    name: RegisterName,
    token: Bytes,
    time: Timing,
}

/// When a lock is to end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Timing {
    /// That is not changed.
    Stays,
    At(protocol::UnixMillis),
    /// So many milliseconds later than so far.
    LaterBy(i64),
}

impl Deed {
    /// # Errors
    /// The script does not work on this.
    pub(super) fn new(
        meaning: &'static Meaning,
        keys: &[Bytes],
        arguments: &[Bytes],
        now: UnixMillis,
    ) -> Result<Self, ScriptError> {
        let [key] = keys else {
            return Err(ScriptError::Keys);
        };
        let argument = |index: usize| arguments.get(index).ok_or(ScriptError::Arguments);
        let integer = |index: usize| {
            let value = parse_integer(argument(index)?);
            value.ok_or(ScriptError::NotAnInteger)
        };
        let in_millis = |millis: i64| {
            let at = now.0.checked_add(millis).ok_or(ScriptError::NotAnInteger)?;
            // What is before 1970 has expired as much as what is at its beginning.
            Ok(Timing::At(protocol::UnixMillis(at.max(0).unsigned_abs())))
        };
        let time = match meaning.does {
            Does::Delete | Does::TimeLeft => Timing::Stays,
            Does::Expire => in_millis(integer(1)?)?,
            Does::ExpireSeconds => {
                let millis = integer(1)?.checked_mul(1000);
                in_millis(millis.ok_or(ScriptError::NotAnInteger)?)?
            }
            Does::Extend if argument(2)? == "0" => Timing::LaterBy(integer(1)?),
            Does::Extend => in_millis(integer(1)?)?,
            Does::Renew | Does::Take | Does::TakeOrRenew => match integer(1)? {
                ..=0 => return Err(ScriptError::InvalidExpiry),
                millis => in_millis(millis)?,
            },
        };
        Ok(Self {
            meaning,
            name: RegisterName::new(key.clone()).map_err(|_| ScriptError::NameTooLong)?,
            token: argument(0)?.clone(),
            time,
        })
    }

    /// The register that it is about.
    pub(in super::super) fn name(&self) -> &RegisterName {
        &self.name
    }

    /// Carries it out in memory.
    pub(in super::super) fn apply(&self, local: &mut Local) -> Outcome {
        match self.operation() {
            Some(operation) => local.apply(&operation),
            None => match self.resolved(local) {
                Some(operation) => local.apply(&operation),
                None => Outcome::Unchanged {
                    record: local.record(),
                    unmet: protocol::Unmet::Condition,
                    rounds: 1,
                },
            },
        }
    }

    /// The one operation that it is, if it is one whatever the register holds.
    fn operation(&self) -> Option<Operation> {
        let holds = Condition::Equal(self.token.clone());
        let change = match (self.meaning.does, self.time) {
            (Does::TimeLeft, _) => {
                let name = self.name.clone();
                return Some(Operation::Read { name });
            }
            (Does::Delete, _) => Change::set_if(holds, None),
            (Does::Expire | Does::ExpireSeconds, Timing::At(at)) => {
                self.expiring(holds, at, ExpiryCondition::default())
            }
            (Does::Extend, Timing::At(at)) => {
                // A lock that nobody set a time for is not given one.
                let condition = ExpiryCondition {
                    present: true,
                    ..ExpiryCondition::default()
                };
                self.expiring(holds, at, condition)
            }
            (Does::Renew, Timing::At(at)) => self.holding(holds, at),
            (Does::Take, Timing::At(at)) => self.holding(Condition::Absent, at),
            (Does::TakeOrRenew, _) | (_, Timing::LaterBy(_) | Timing::Stays) => return None,
        };
        Some(self.modify(change))
    }

    /// The operation that it is, given what the register holds, which is nothing if it is to stay.
    fn resolved(&self, local: &Local) -> Option<Operation> {
        let record = local.record();
        let holds = record.content.as_ref() == Some(&self.token);
        let change = match (self.meaning.does, self.time) {
            (Does::TakeOrRenew, Timing::At(at)) if holds || record.content.is_none() => {
                self.holding(Condition::Always, at)
            }
            (Does::Extend, Timing::LaterBy(millis)) if holds => {
                let at = record.expiry?.0.saturating_add_signed(millis);
                let at = protocol::UnixMillis(at);
                self.expiring(Condition::Always, at, ExpiryCondition::default())
            }
            _ => return None,
        };
        Some(self.modify(change))
    }

    fn expiring(
        &self,
        holds: Condition,
        at: protocol::UnixMillis,
        condition: ExpiryCondition,
    ) -> Change {
        let effect = Effect::Expire {
            at: Some(at),
            condition,
        };
        Change {
            condition: holds,
            effect,
        }
    }

    fn holding(&self, condition: Condition, at: protocol::UnixMillis) -> Change {
        let effect = Effect::Put {
            content: Some(self.token.clone()),
            expiry: NewExpiry::At(at),
        };
        Change { condition, effect }
    }

    fn modify(&self, change: Change) -> Operation {
        Operation::Modify {
            name: self.name.clone(),
            change,
        }
    }

    /// Writes what the script answers, when the wall clock shows `wall`.
    pub(in super::super) fn write(
        &self,
        outcome: &Outcome,
        wall: protocol::UnixMillis,
        to: &mut ReplyWriter<'_>,
    ) {
        let Meaning {
            done,
            absent,
            other,
            ..
        } = *self.meaning;
        match outcome {
            Outcome::Modified { .. } => done.write(to),
            Outcome::Unchanged { record, .. } => match &record.content {
                None => absent.write(to),
                Some(_) => other.write(to),
            },
            Outcome::Read { record, .. } => match (&record.content, record.expiry) {
                (Some(content), Some(at)) if *content == self.token => {
                    to.integer(at.0.saturating_sub(wall.0) as i64);
                }
                // As long as anybody likes.
                (Some(content), None) if *content == self.token => done.write(to),
                (Some(_), _) => other.write(to),
                (None, _) => absent.write(to),
            },
            Outcome::Refused(refusal) => to.error(data::refused(*refusal)),
            Outcome::Unknown | Outcome::Written { .. } => to.error(data::unknown()),
        }
    }
}

impl<N: Registers> Session<N> {
    /// Runs a script.
    pub(in super::super) async fn run(&mut self, deed: Deed, out: &mut BytesMut) {
        let timeout = self.shared.node.limits().timeout_default;
        self.shared
            .run_deed(&deed, timeout, self.dialect, out)
            .await;
    }
}

impl<N: Registers> Sessions<N> {
    /// Runs a script within this time.
    pub(in super::super) async fn run_deed(
        &self,
        deed: &Deed,
        within: Duration,
        dialect: Dialect,
        out: &mut BytesMut,
    ) {
        if let Some(operation) = deed.operation() {
            let outcome = self.node.execute(operation, within).await;
            let wall = answers::protocol_wall_clock();
            return deed.write(&outcome, wall, &mut ReplyWriter::new(out, dialect));
        }
        let compute = |local: &mut Local| Compute::Done(deed.apply(local));
        let ended = self
            .on_one_register(&deed.name, None, within, compute)
            .await;
        let to = &mut ReplyWriter::new(out, dialect);
        match ended {
            Ended::Done(outcome, wall) => deed.write(&outcome, wall, to),
            Ended::Refused(refusal) => to.error(data::refused(refusal)),
            Ended::Unknown => to.error(data::unknown()),
            Ended::Moved | Ended::GivenUp => {
                unreachable!("any tag will do, and nothing gives up")
            }
        }
    }
}
