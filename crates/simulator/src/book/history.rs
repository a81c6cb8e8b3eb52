//! What clients saw, as histories of registers: [`Saw`].
//!
//! A register that a recovery gave up begins a new history with it, a [`Generation`]. It begins
//! with the greatest record that anybody had who was left, and is as strict as any from there on.
//! An operation belongs to the generation in which it was answered, and can be seen, as one of
//! unknown outcome, in earlier ones in which it ran. One that nobody knows the end of may come to
//! its end in any later one.

use super::action::{self, Contents, text, write};
use crate::clocks::Instant;
use crate::invariants::{Generation, Recovered};
use bytes::Bytes;
use checker::{Action, Client, History, Reply};
use protocol::{Accepted, Effect, Operation, Outcome, Record, Tag};
use std::collections::BTreeMap;
use std::ops::Bound;

/// An operation that ended, as its client saw it.
#[derive(Clone, Debug)]
pub(super) struct Saw {
    pub(super) client: u64,
    pub(super) operation: Operation,
    /// When it was called, and of which generation its register was then, if of any.
    pub(super) called: u64,
    pub(super) called_at: Instant,
    pub(super) called_in: Option<Generation>,
    /// When it ended.
    pub(super) ended: u64,
    pub(super) ended_in: Generation,
    /// `None` if it was never answered.
    pub(super) outcome: Option<Outcome>,
}

/// How a generation of the registers began that a recovery gave up.
#[derive(Clone, Debug)]
pub(super) struct Beginning {
    /// Three moments in a row: what is left is written from the first to the second, and what
    /// clients ask for begins at the third.
    pub(super) moments: [u64; 3],
    pub(super) recovered: Recovered,
}

/// The client that wrote what was left.
const NOBODY: Client = Client(u64::MAX);

type Beginnings = BTreeMap<Generation, Beginning>;

/// The history of all registers.
pub(super) fn history(saw: &[Saw], beginnings: &Beginnings) -> History<String> {
    let mut history = History::new();
    for (generation, beginning) in beginnings {
        for (name, kept) in &beginning.recovered.given_up {
            let name = register(name, *generation);
            let is_counter = is_counter(saw, *generation, &name);
            begin(&mut history, &name, beginning, kept, is_counter);
        }
    }
    let contents = Contents::of(saw);
    for saw in saw {
        saw.tell(&mut history, beginnings, &contents);
    }
    history
}

/// Whether the register is one that is added to.
fn is_counter(saw: &[Saw], generation: Generation, key: &str) -> bool {
    let adds = |saw: &&Saw| {
        let change = match &saw.operation {
            Operation::Modify { change, .. } => change,
            _ => return false,
        };
        matches!(change.effect, Effect::Add(_)) && register(saw.operation.name(), generation) == key
    };
    saw.iter().any(|saw| adds(&saw))
}

fn begin(
    history: &mut History<String>,
    name: &str,
    beginning: &Beginning,
    kept: &crate::invariants::Kept,
    is_counter: bool,
) {
    let [called, done, begins] = beginning.moments;
    if kept.record.content.is_some() {
        let action = write(&kept.record.content);
        let id = history.call(NOBODY, name, action, called);
        history.done(id, done, Reply::Written);
    }
    let Some(step) = &kept.accepted else {
        return;
    };
    let is_on_top = step.tag == next_step(kept.record.tag);
    let sum = |content: &Option<Bytes>| {
        let text = text(content);
        text.map_or(Some(0), |text| text.parse::<i64>().ok())
    };
    let added = sum(&step.content).zip(sum(&kept.record.content));
    let action = match added.filter(|_| is_counter && is_on_top) {
        Some((after, before)) => Action::Add(after - before),
        None => write(&step.content),
    };
    // Whoever comes upon it finishes it.
    let id = history.call(NOBODY, name, action, begins);
    history.unknown(id);
}

impl Saw {
    fn tell(&self, history: &mut History<String>, beginnings: &Beginnings, contents: &Contents) {
        let (first, last) = self.generations();
        match &self.outcome {
            None | Some(Outcome::Unknown) => {
                self.may_happen(history, beginnings, contents, first, Bound::Unbounded);
            }
            Some(Outcome::Refused(_)) => {
                for generation in self.all(beginnings, first, Bound::Included(last)) {
                    let action = Action::Read;
                    let (id, called) = self.call(history, beginnings, generation, action);
                    history.refused(id, self.ended.max(called));
                }
            }
            Some(outcome) => {
                let (action, reply) = action::done(&self.operation, outcome);
                let tag = tag(outcome);
                let changes = matches!(outcome, Outcome::Written { .. } | Outcome::Modified { .. });
                if changes {
                    self.may_happen(history, beginnings, contents, first, Bound::Excluded(last));
                }
                // What was written before the recovery, and is hidden by what was left or is that
                // itself, has happened by then.
                let left = self.left(beginnings, last);
                if changes && first != last && left.is_some_and(|left| tag <= left.tag) {
                    return;
                }
                let (id, _) = self.call(history, beginnings, last, action);
                history.done(id, self.ended, reply);
            }
        }
    }

    /// The first and the last generation in which it ran.
    fn generations(&self) -> (Generation, Generation) {
        let last = self.ended_in;
        let first = self.called_in.filter(|first| first.root == last.root);
        (first.map_or(last, |first| first.min(last)), last)
    }

    /// The generations of its register from the first one up to the end, or all.
    fn all(
        &self,
        beginnings: &Beginnings,
        first: Generation,
        end: Bound<Generation>,
    ) -> Vec<Generation> {
        let end = match end {
            Bound::Unbounded => Bound::Included(Generation {
                number: usize::MAX,
                ..first
            }),
            end => end,
        };
        let is_before_end = match end {
            Bound::Excluded(end) => first < end,
            _ => true,
        };
        if !is_before_end {
            return Vec::new();
        }
        let begun = beginnings.range((Bound::Excluded(first), end));
        let group = self.operation.name().slot().group();
        let is_of = |beginning: &Beginning| {
            group.is_some_and(|group| beginning.recovered.groups.contains(group))
        };
        let begun = begun.filter(|(_, beginning)| is_of(beginning));
        let later = begun.map(|(generation, _)| *generation);
        std::iter::once(first).chain(later).collect()
    }

    /// It may have happened, or may yet, in each of these generations.
    fn may_happen(
        &self,
        history: &mut History<String>,
        beginnings: &Beginnings,
        contents: &Contents,
        first: Generation,
        end: Bound<Generation>,
    ) {
        let Some(action) = action::unknown(&self.operation, contents) else {
            return;
        };
        for generation in self.all(beginnings, first, end) {
            if !self.is_what_was_left(beginnings, generation) {
                let (id, _) = self.call(history, beginnings, generation, action.clone());
                history.unknown(id);
            }
        }
    }

    /// Whether it is what the generation began with: then it does not happen again.
    fn is_what_was_left(&self, beginnings: &Beginnings, generation: Generation) -> bool {
        let Some(beginning) = beginnings.get(&generation) else {
            return false;
        };
        let Some(kept) = beginning.recovered.given_up.get(self.operation.name()) else {
            return false;
        };
        let step = kept.accepted.as_deref().map(Accepted::record);
        let mut left = [Some(&kept.record), step.as_ref()].into_iter().flatten();
        left.any(|left| match &self.operation {
            Operation::Read { .. } => false,
            Operation::Write { content, .. } => *content == left.content && left.content.is_some(),
            Operation::Modify { change, .. } => match &change.effect {
                Effect::Put { content, .. } => *content == left.content,
                // Each amount is another power of two.
                Effect::Add(amount) => {
                    let sum = text(&left.content).and_then(|text| text.parse::<i64>().ok());
                    sum.is_some_and(|sum| sum & amount == *amount)
                }
                Effect::Append(part) => {
                    text(&left.content).is_some_and(|left| left.contains(action::part(part)))
                }
                // It leaves the value as it is.
                Effect::Expire { .. } => false,
                effect => unreachable!("no client asks for {effect:?}"),
            },
        })
    }

    /// The record that the generation began with.
    fn left<'a>(&self, beginnings: &'a Beginnings, generation: Generation) -> Option<&'a Record> {
        let recovered = &beginnings.get(&generation)?.recovered;
        let kept = recovered.given_up.get(self.operation.name())?;
        Some(&kept.record)
    }

    fn call(
        &self,
        history: &mut History<String>,
        beginnings: &Beginnings,
        generation: Generation,
        action: Action<String>,
    ) -> (checker::OperationId, u64) {
        let begins = beginnings.get(&generation).map_or(0, |it| it.moments[2]);
        let called = self.called.max(begins);
        let name = register(self.operation.name(), generation);
        (
            history.call(Client(self.client), name, action, called),
            called,
        )
    }
}

/// The name of a register's generation in the history.
fn register(name: &protocol::RegisterName, generation: Generation) -> String {
    let Generation { root, number } = generation;
    match number {
        0 => format!("{name}@{root}"),
        _ => format!("{name}@{root}, after recovery {number}"),
    }
}

fn next_step(tag: Tag) -> Tag {
    Tag {
        step: tag.step + 1,
        ..tag
    }
}

/// The tag that an operation that is done speaks of.
fn tag(outcome: &Outcome) -> Tag {
    match outcome {
        Outcome::Written { tag, .. } => *tag,
        Outcome::Read { record, .. }
        | Outcome::Modified { record, .. }
        | Outcome::Unchanged { record, .. } => record.tag,
        Outcome::Refused(_) | Outcome::Unknown => unreachable!("it is not done"),
    }
}
