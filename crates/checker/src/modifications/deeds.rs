//! One register's operations, comparisons and additions among them, reduced to what counts for
//! the decision.

use std::collections::HashMap;

use crate::history::{Action, Operation, Outcome, Reply, Value};
use crate::trace::{Numbers, ValueId};

/// The operations on one register that can matter.
#[derive(Clone, Debug)]
pub(super) struct Deeds {
    /// In the order of recording.
    pub(super) list: Vec<Deed>,
    pub(super) values: Values,
}

/// An operation with its values replaced by numbers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deed {
    /// Where the operation stands among all those of its register.
    pub(super) operation: usize,
    pub(super) call: u64,
    /// `None`: unknown, so it may be done at any time after its call, or never.
    pub(super) end: Option<u64>,
    pub(super) does: Does,
}

/// The sequential meaning of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Does {
    /// Legal only while the register holds this value.
    Observe(ValueId),
    /// Always legal; afterwards the register holds this value.
    Overwrite(ValueId),
    /// Legal only while the register holds the first value; afterwards it holds the second.
    Update { from: ValueId, to: ValueId },
    /// Legal only while the register holds an integer or nothing; afterwards it holds the sum,
    /// which is the value at `to` if that is known.
    Add { amount: i64, to: Option<ValueId> },
}

/// The values of one register by number.
#[derive(Clone, Debug)]
pub(super) struct Values {
    /// By number: the integer that it is.
    integers: Vec<Option<i64>>,
    of_integers: HashMap<i64, ValueId>,
}

/// An operation whose reply contradicts what it was asked to do, whatever the register held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Absurd {
    pub(super) operation: usize,
}

impl Deeds {
    /// Reduces the operations of one register. Refused ones did not happen, and a read without a
    /// reply says nothing.
    pub(super) fn new<V: Value>(operations: &[&Operation<V>]) -> Result<Deeds, Absurd> {
        let mut numbers = Numbers::default();
        let mut list = Vec::with_capacity(operations.len());
        for (index, operation) in operations.iter().enumerate() {
            let does = match does(operation, &mut numbers) {
                Meaning::Does(does) => does,
                Meaning::Nothing => continue,
                Meaning::Absurd => return Err(Absurd { operation: index }),
            };
            list.push(Deed {
                operation: index,
                call: operation.call,
                end: operation.outcome.end(),
                does,
            });
        }
        let values = Values::new(numbers.into_values());
        Ok(Deeds { list, values })
    }
}

enum Meaning {
    Does(Does),
    /// It says nothing.
    Nothing,
    Absurd,
}

fn does<'a, V: Value>(operation: &'a Operation<V>, numbers: &mut Numbers<'a, V>) -> Meaning {
    let reply = match &operation.outcome {
        Outcome::Refused { .. } => return Meaning::Nothing,
        Outcome::Unknown => None,
        Outcome::Done { reply, .. } => Some(reply),
    };
    let mut number = |value: &'a Option<V>| numbers.of(value.as_ref());
    Meaning::Does(match (&operation.action, reply) {
        (Action::Read, None) => return Meaning::Nothing,
        (Action::Read, Some(Reply::Read(value))) => Does::Observe(number(value)),
        (Action::Write(value), _) => Does::Overwrite(numbers.of(Some(value))),
        (Action::Delete, _) => Does::Overwrite(ValueId::NOTHING),
        (Action::CompareAndSet { expected, .. }, Some(Reply::Unchanged(value))) => {
            if value == expected {
                return Meaning::Absurd;
            }
            Does::Observe(number(value))
        }
        (Action::CompareAndSet { expected, new }, reply) => {
            match reply {
                Some(Reply::Modified(value)) if value != new => return Meaning::Absurd,
                None if expected == new => return Meaning::Nothing,
                _ => {}
            }
            Does::Update {
                from: number(expected),
                to: number(new),
            }
        }
        (Action::Add(amount), Some(Reply::Unchanged(value))) => {
            let integer = value.as_ref().map_or(Some(0), Value::as_integer);
            if integer.is_some_and(|integer| integer.checked_add(*amount).is_some()) {
                return Meaning::Absurd;
            }
            Does::Observe(number(value))
        }
        (Action::Add(amount), Some(Reply::Modified(value))) => {
            let sum = value.as_ref().and_then(Value::as_integer);
            if sum.and_then(|sum| sum.checked_sub(*amount)).is_none() {
                return Meaning::Absurd;
            }
            Does::Add {
                amount: *amount,
                to: Some(number(value)),
            }
        }
        (Action::Add(amount), None) => Does::Add {
            amount: *amount,
            to: None,
        },
        (Action::Read | Action::Add(_), Some(_)) => {
            unreachable!("`History::done` takes replies of the right kind only")
        }
    })
}

impl Deed {
    /// Whether this shows that the register held the integer before.
    pub(super) fn shows(&self, values: &Values, integer: i64) -> bool {
        match self.does {
            Does::Add {
                amount,
                to: Some(to),
            } => values.integer(to) == Some(integer + amount),
            does => does.asks_for().is_some_and(|value| {
                value != ValueId::NOTHING && values.integer(value) == Some(integer)
            }),
        }
    }
}

impl Values {
    /// The values, of which the first has number one.
    fn new<V: Value>(values: Vec<&V>) -> Self {
        let integers = values.into_iter().map(Value::as_integer);
        let integers: Vec<Option<i64>> = std::iter::once(None).chain(integers).collect();
        let numbered = integers.iter().enumerate();
        let of_integers = numbered
            .filter_map(|(number, integer)| Some(((*integer)?, ValueId::numbered(number))))
            .collect();
        Self {
            integers,
            of_integers,
        }
    }

    /// One more than the greatest number.
    pub(super) fn count(&self) -> usize {
        self.integers.len()
    }

    /// The integer that this value is when something is added to it.
    pub(super) fn integer(&self, value: ValueId) -> Option<i64> {
        if value == ValueId::NOTHING {
            return Some(0);
        }
        self.integers[value.index()?]
    }

    /// The value that is this integer.
    pub(super) fn of(&mut self, integer: i64) -> ValueId {
        *self.of_integers.entry(integer).or_insert_with(|| {
            self.integers.push(Some(integer));
            ValueId::numbered(self.integers.len() - 1)
        })
    }

    /// A value that no operation named, and that is like no other.
    pub(super) fn fresh(&mut self) -> ValueId {
        self.integers.push(None);
        ValueId::numbered(self.integers.len() - 1)
    }
}

impl Does {
    /// Whether it leaves the register as it is.
    pub(super) fn is_observation(self) -> bool {
        matches!(self, Does::Observe(_))
    }

    /// The value that it asks for, if that is known.
    pub(super) fn asks_for(self) -> Option<ValueId> {
        match self {
            Does::Observe(value) | Does::Update { from: value, .. } => Some(value),
            Does::Overwrite(_) | Does::Add { .. } => None,
        }
    }

    /// The value that it leaves behind, if it makes one and that is known.
    pub(super) fn makes(self) -> Option<ValueId> {
        match self {
            Does::Observe(_) => None,
            Does::Overwrite(value) | Does::Update { to: value, .. } => Some(value),
            Does::Add { to, .. } => to,
        }
    }
}
