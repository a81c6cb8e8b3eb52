//! What expires, as operations of nobody: [`Expiries`].
//!
//! Each value is written once. That it expires is a comparison with that very value, after which
//! there is nothing: it happens once at most, only while the value is there, and not before some
//! wall clock shows its moment. Nobody knows whether it happened, or when. An operation that runs
//! when its node's clock shows the moment may find it expired, and takes place, with that, at any
//! time since it was called.

use super::action::text;
use super::history::Saw;
use crate::clocks::Instant;
use crate::wall::WallClocks;
use checker::{Action, Client, History, Operation as Running, Outcome as Ended};
use protocol::{Effect, NewExpiry, Operation, Outcome, Record, UnixMillis};
use std::collections::{BTreeMap, BTreeSet};

/// From when on each value may expire.
#[derive(Debug, Default)]
pub(super) struct Expiries(BTreeMap<String, Instant>);

/// The client by whom values expire.
const TIME: Client = Client(u64::MAX - 1);

impl Expiries {
    /// An operation may have given a value its expiry. Of one that was given several the earliest
    /// counts.
    pub(super) fn note_operation(&mut self, saw: &Saw, wall_clocks: &WallClocks) {
        if matches!(saw.outcome, Some(Outcome::Refused(_))) {
            return;
        }
        match &saw.operation {
            Operation::Write {
                content, expiry, ..
            } => self.note(text(content), *expiry, saw.called_at, wall_clocks),
            Operation::Modify { change, .. } => match &change.effect {
                Effect::Put {
                    content,
                    expiry: NewExpiry::At(at),
                } => self.note(text(content), Some(*at), saw.called_at, wall_clocks),
                Effect::Expire { at, .. } => {
                    if let Some(Outcome::Modified { previous, .. }) = &saw.outcome {
                        self.note(text(previous), *at, saw.called_at, wall_clocks);
                    } else if let protocol::Condition::Equal(value) = &change.condition {
                        let value = text(&Some(value.clone()));
                        self.note(value, *at, saw.called_at, wall_clocks);
                    }
                }
                _ => {}
            },
            Operation::Read { .. } => {}
        }
    }

    /// A recovery has left a record.
    pub(super) fn note_record(&mut self, record: &Record, wall_clocks: &WallClocks) {
        self.note(
            text(&record.content),
            record.expiry,
            Instant::START,
            wall_clocks,
        );
    }

    fn note(
        &mut self,
        value: Option<String>,
        expiry: Option<UnixMillis>,
        since: Instant,
        wall_clocks: &WallClocks,
    ) {
        if let (Some(value), Some(at)) = (value, expiry) {
            let first = wall_clocks.first_to_show(at, since);
            let known = self.0.entry(value).or_insert(first);
            *known = first.min(*known);
        }
    }

    /// Adds them to the history, for every register in which such a value may be.
    pub(super) fn tell(&self, history: &mut History<String>, moments: &[Instant]) {
        let made = history.operations().filter_map(|(register, operation)| {
            let value = made(&operation.action)?;
            let first = self.0.get(value)?;
            Some((register.clone(), value.clone(), *first))
        });
        let made: BTreeSet<_> = made.collect();
        for (register, value, first) in made {
            // What is called at the same moment as something else may come before it.
            let shown = moments.partition_point(|moment| *moment < first) as u64 + 1;
            let runs_then = |operation: &Running<String>| {
                let has_ended = match &operation.outcome {
                    Ended::Done { time, .. } | Ended::Refused { time } => *time < shown,
                    Ended::Unknown => false,
                };
                operation.call < shown && !has_ended
            };
            let operations = history.operations();
            let of_register = operations.filter(|(name, _)| **name == register);
            let running = of_register
                .map(|(_, operation)| operation)
                .filter(|it| runs_then(it));
            let moment = running.map(|it| it.call).min().unwrap_or(shown).min(shown);
            let (expected, new) = (Some(value), None);
            let id = history.call(
                TIME,
                register,
                Action::CompareAndSet { expected, new },
                moment,
            );
            history.unknown(id);
        }
    }
}

/// The value that an operation makes, if it does.
fn made(action: &Action<String>) -> Option<&String> {
    match action {
        Action::Write(value) => Some(value),
        Action::CompareAndSet { new, .. } | Action::SetUnless { new, .. } | Action::Swap(new) => {
            new.as_ref()
        }
        Action::Read | Action::Delete | Action::Add(_) => None,
    }
}
