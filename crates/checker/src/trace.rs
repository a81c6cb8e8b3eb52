//! One register's operations, reduced to what counts for the decision.

use std::collections::HashMap;
use std::hash::Hash;

use crate::history::{Action, Operation, Outcome, Reply};

/// The operations on one register that can matter: completed reads, completed writes and unknown
/// writes. Refused operations did not happen, and a read without a reply says nothing.
#[derive(Clone, Debug)]
pub(crate) struct Trace {
    /// In the order of recording.
    pub(crate) steps: Vec<Step>,
    /// One more than the greatest [`ValueId`] in use, [`ValueId::UNREAD`] aside.
    pub(crate) values: usize,
}

/// An operation with its value replaced by a number.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    /// Where the operation stands among all those of its register.
    pub(crate) operation: usize,
    pub(crate) call: u64,
    /// `None`: unknown, so the step may be taken at any time after its call, or never.
    pub(crate) end: Option<u64>,
    pub(crate) effect: Effect,
}

/// The sequential meaning of a step; all that the decision procedures know about an operation.
///
/// They use two properties: an observation changes nothing, so it can be placed as soon as its
/// value is there; and an overwriting asks nothing of the value before, so it can be placed unseen
/// right before another overwriting. A conditional step would be a third kind, with neither
/// property.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Legal only while the register holds this value.
    Observes(ValueId),
    /// Always legal; afterwards the register holds this value.
    Overwrites(ValueId),
}

/// A value of one trace; equal numbers are equal values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ValueId(u32);

impl ValueId {
    /// What a register holds at first, and what a delete writes.
    pub(crate) const NOTHING: ValueId = ValueId(0);
    /// Stands for any value that no read of the trace returns, so it may be written many times.
    pub(crate) const UNREAD: ValueId = ValueId(u32::MAX);

    pub(crate) fn numbered(number: usize) -> ValueId {
        ValueId(u32::try_from(number).expect("fewer than 2^32 values"))
    }

    /// The number as an index; `None` for [`ValueId::UNREAD`].
    pub(crate) fn index(self) -> Option<usize> {
        (self != ValueId::UNREAD).then_some(self.0 as usize)
    }
}

impl Step {
    /// Whether this step certainly comes before `other`.
    pub(crate) fn precedes(&self, other: &Step) -> bool {
        self.end.is_some_and(|end| end < other.call)
    }

    /// The value, if this is a read.
    pub(crate) fn observed(&self) -> Option<ValueId> {
        match self.effect {
            Effect::Observes(value) => Some(value),
            Effect::Overwrites(_) => None,
        }
    }

    /// The value, if this is a write.
    pub(crate) fn overwritten(&self) -> Option<ValueId> {
        match self.effect {
            Effect::Overwrites(value) => Some(value),
            Effect::Observes(_) => None,
        }
    }
}

impl Trace {
    /// Reduces the operations of one register.
    pub(crate) fn new<V: Eq + Hash>(operations: &[&Operation<V>]) -> Trace {
        let mut numbers = Numbers::default();
        let mut steps = Vec::with_capacity(operations.len());
        for (index, operation) in operations.iter().enumerate() {
            let (end, effect) = match (&operation.action, &operation.outcome) {
                (_, Outcome::Refused { .. }) | (Action::Read, Outcome::Unknown) => continue,
                (
                    _,
                    Outcome::Done {
                        time,
                        reply: Reply::Read(value),
                    },
                ) => (Some(*time), Effect::Observes(numbers.of(value.as_ref()))),
                (Action::Write(value), outcome) => {
                    (outcome.end(), Effect::Overwrites(numbers.of(Some(value))))
                }
                (Action::Delete, outcome) => (outcome.end(), Effect::Overwrites(ValueId::NOTHING)),
                (Action::Read, Outcome::Done { .. }) => {
                    unreachable!("`History::done` takes replies of the right kind only")
                }
                (_, _) => {
                    unreachable!("registers with modifications have traces of their own")
                }
            };
            steps.push(Step {
                operation: index,
                call: operation.call,
                end,
                effect,
            });
        }
        Trace {
            steps,
            values: numbers.0.len() + 1,
        }
    }

    /// For each value, how often it was written (counting the start as a write of nothing) and
    /// read.
    pub(crate) fn census(&self) -> Vec<Count> {
        let mut counts = vec![Count::default(); self.values];
        counts[0].sources = 1;
        for step in &self.steps {
            match step.effect {
                Effect::Observes(value) => {
                    counts[value.index().expect("a read value is numbered")].reads += 1
                }
                Effect::Overwrites(value) => {
                    if let Some(index) = value.index() {
                        counts[index].sources += 1;
                    }
                }
            }
        }
        counts
    }
}

impl<V> Outcome<V> {
    /// When it returned, if it did.
    pub(crate) fn end(&self) -> Option<u64> {
        match self {
            Outcome::Done { time, .. } | Outcome::Refused { time } => Some(*time),
            Outcome::Unknown => None,
        }
    }
}

/// Numbers values in the order in which they are first seen; nothing is always 0.
pub(crate) struct Numbers<'a, V>(HashMap<&'a V, ValueId>);

impl<'a, V: Eq + Hash> Numbers<'a, V> {
    pub(crate) fn of(&mut self, value: Option<&'a V>) -> ValueId {
        let Some(value) = value else {
            return ValueId::NOTHING;
        };
        let next = ValueId::numbered(self.0.len() + 1);
        *self.0.entry(value).or_insert(next)
    }

    /// The values in the order of their numbers; nothing is not among them.
    pub(crate) fn into_values(self) -> Vec<&'a V> {
        let mut values: Vec<(&V, ValueId)> = self.0.into_iter().collect();
        values.sort_by_key(|(_, number)| *number);
        values.into_iter().map(|(value, _)| value).collect()
    }
}

impl<V> Default for Numbers<'_, V> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

/// How often a value occurs in a trace.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Count {
    /// Done and unknown writes of it, and the start for nothing.
    pub(crate) sources: usize,
    /// Completed reads that returned it.
    pub(crate) reads: usize,
}

impl Count {
    /// Whether some read returned this value and cannot tell which write it saw.
    pub(crate) fn is_ambiguous(self) -> bool {
        self.reads > 0 && self.sources > 1
    }

    /// Whether all reads of this value saw the same write.
    pub(crate) fn is_certain(self) -> bool {
        self.reads > 0 && self.sources == 1
    }
}
