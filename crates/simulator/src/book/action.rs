//! Operations and how they ended, in the checker's words.

use super::history::Saw;
use bytes::Bytes;
use checker::{Action, Reply};
use protocol::{Change, Condition, Effect, Operation, Outcome, RegisterName};
use std::collections::BTreeMap;

/// What was seen in the registers that are appended to.
#[derive(Debug)]
pub(super) struct Contents<'a>(BTreeMap<&'a RegisterName, Vec<String>>);

impl<'a> Contents<'a> {
    pub(super) fn of(saw: &'a [Saw]) -> Self {
        let appends = |operation: &Operation| match operation {
            Operation::Modify { change, .. } => matches!(change.effect, Effect::Append(_)),
            Operation::Read { .. } | Operation::Write { .. } => false,
        };
        let appended = saw.iter().filter(|saw| appends(&saw.operation));
        let mut contents: BTreeMap<&RegisterName, Vec<String>> = appended
            .map(|saw| (saw.operation.name(), Vec::new()))
            .collect();
        for saw in saw {
            if let Some(contents) = contents.get_mut(saw.operation.name()) {
                contents.extend(saw.outcome.iter().flat_map(seen));
            }
        }
        Self(contents)
    }

    /// What was there before this part, wherever it was seen.
    fn before(&self, name: &RegisterName, part: &str) -> Option<&str> {
        let contents = self.0.get(name).into_iter().flatten();
        let mut before = contents.filter_map(|content| Some(content.split_once(part)?.0));
        before.next()
    }
}

/// All contents that an outcome tells of.
fn seen(outcome: &Outcome) -> Vec<String> {
    let seen = match outcome {
        Outcome::Read { record, .. } | Outcome::Unchanged { record, .. } => {
            [&record.content, &None]
        }
        Outcome::Modified {
            record, previous, ..
        } => [&record.content, previous],
        Outcome::Written { .. } | Outcome::Refused(_) | Outcome::Unknown => [&None, &None],
    };
    seen.into_iter().filter_map(text).collect()
}

/// What an operation did that may have happened. `None` if it left nothing that anybody saw.
///
/// Each part that is appended is another one. So whoever saw it tells what was there before, and it
/// was a comparison with that.
pub(super) fn unknown(operation: &Operation, contents: &Contents<'_>) -> Option<Action<String>> {
    match operation {
        Operation::Read { .. } => Some(Action::Read),
        Operation::Write { content, .. } => Some(write(content)),
        Operation::Modify { name, change } => match &change.effect {
            Effect::Add(amount) => Some(Action::Add(*amount)),
            Effect::Put { content, .. } => Some(put(&change.condition, text(content))),
            Effect::Append(appended) => {
                let appended = part(appended);
                let before = contents.before(name, appended)?;
                Some(Action::CompareAndSet {
                    expected: (!before.is_empty()).then(|| before.to_owned()),
                    new: Some(format!("{before}{appended}")),
                })
            }
            Effect::Expire { .. } => None,
            effect => unreachable!("no client asks for {effect:?}"),
        },
    }
}

/// What an operation did that is done, and what it replied.
pub(super) fn done(operation: &Operation, outcome: &Outcome) -> (Action<String>, Reply<String>) {
    match (operation, outcome) {
        (Operation::Read { .. }, Outcome::Read { record, .. }) => {
            (Action::Read, Reply::Read(text(&record.content)))
        }
        (Operation::Write { content, .. }, Outcome::Written { .. }) => {
            (write(content), Reply::Written)
        }
        (
            Operation::Modify { change, .. },
            Outcome::Modified {
                previous, record, ..
            },
        ) => modified(change, text(previous), text(&record.content)),
        (Operation::Modify { change, .. }, Outcome::Unchanged { record, .. }) => {
            unchanged(change, text(&record.content))
        }
        _ => unreachable!("{operation:?} cannot end with {outcome:?}"),
    }
}

fn modified(
    change: &Change,
    previous: Option<String>,
    now: Option<String>,
) -> (Action<String>, Reply<String>) {
    match &change.effect {
        Effect::Add(amount) => (Action::Add(*amount), Reply::Modified(now)),
        // What expires at a moment that is past is not put there at all; to clients it is as though
        // it had been there for no time.
        Effect::Put { content, .. } => {
            let new = text(content);
            match put(&change.condition, new.clone()) {
                action @ Action::CompareAndSet { .. } => (action, Reply::Modified(new)),
                action => (action, Reply::Replaced(previous)),
            }
        }
        Effect::Append(_) => {
            let reply = Reply::Modified(now.clone());
            let (expected, new) = (previous, now);
            (Action::CompareAndSet { expected, new }, reply)
        }
        Effect::Expire { .. } => (Action::Read, Reply::Read(previous)),
        effect => unreachable!("no client asks for {effect:?}"),
    }
}

fn unchanged(change: &Change, held: Option<String>) -> (Action<String>, Reply<String>) {
    match &change.effect {
        Effect::Add(amount) => (Action::Add(*amount), Reply::Unchanged(held)),
        Effect::Put { content, .. } => {
            let new = text(content);
            match put(&change.condition, new.clone()) {
                // To delete what is not there changes nothing; so does to put there for no time
                // what has expired.
                action @ Action::Swap(_) => (action, Reply::Replaced(held)),
                action @ Action::CompareAndSet { expected: None, .. } if held.is_none() => {
                    (action, Reply::Modified(new))
                }
                action => (action, Reply::Unchanged(held)),
            }
        }
        Effect::Append(_) | Effect::Expire { .. } => (Action::Read, Reply::Read(held)),
        effect => unreachable!("no client asks for {effect:?}"),
    }
}

fn put(condition: &Condition, new: Option<String>) -> Action<String> {
    let some = |content: &Bytes| text(&Some(content.clone()));
    match condition {
        Condition::Always => Action::Swap(new),
        Condition::Absent => Action::CompareAndSet {
            expected: None,
            new,
        },
        Condition::Present => Action::SetUnless {
            unexpected: None,
            new,
        },
        Condition::Equal(expected) => Action::CompareAndSet {
            expected: some(expected),
            new,
        },
        Condition::Unequal(unexpected) => Action::SetUnless {
            unexpected: some(unexpected),
            new,
        },
        condition => unreachable!("no client asks for {condition:?}"),
    }
}

/// Whether a change that took effect says that what it needs was there, as far as the checker is
/// not told of that.
pub(super) fn is_met(operation: &Operation, outcome: &Outcome) -> bool {
    let (
        Operation::Modify { change, .. },
        Outcome::Modified {
            previous, record, ..
        },
    ) = (operation, outcome)
    else {
        return true;
    };
    let integer =
        |content: &Option<Bytes>| text(content).map_or(Some(0), |text| text.parse::<i64>().ok());
    let holds = match &change.condition {
        Condition::Absent => previous.is_none(),
        Condition::Equal(expected) => previous.as_ref() == Some(expected),
        _ => true,
    };
    holds
        && match &change.effect {
            Effect::Add(amount) => {
                integer(previous).map(|before| before + amount) == integer(&record.content)
            }
            Effect::Append(part) => {
                let before = previous.as_deref().unwrap_or_default();
                record.content.as_deref() == Some(&[before, part].concat())
            }
            _ => true,
        }
}

pub(super) fn write(content: &Option<Bytes>) -> Action<String> {
    text(content).map_or(Action::Delete, Action::Write)
}

/// What clients write is text.
pub(super) fn text(content: &Option<Bytes>) -> Option<String> {
    content.as_ref().map(|value| part(value).to_owned())
}

/// The same of what is appended.
pub(super) fn part(value: &Bytes) -> &str {
    str::from_utf8(value).expect("clients write text")
}
