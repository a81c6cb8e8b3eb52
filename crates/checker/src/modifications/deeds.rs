//! One register's operations, comparisons and additions among them, reduced to what counts for
//! the decision.

use std::collections::{HashMap, HashSet};

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
    /// Legal only while the register holds anything else than this value.
    Avoid(ValueId),
    /// Legal only while the register holds anything else than the first value; afterwards it holds
    /// the second.
    Replace { unless: ValueId, to: ValueId },
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

impl Deeds {
    /// The same without replacements of unknown outcome that nobody is left to see, if none of those
    /// that stay needs the register not to hold something: who could take the others out of any
    /// order that explains the rest.
    pub(super) fn without_unseen_replacements(mut self) -> Deeds {
        let adds = |deed: &Deed| matches!(deed.does, Does::Add { .. });
        let is_added_to = self.list.iter().any(adds);
        let asked: HashSet<ValueId> = (self.list.iter())
            .filter_map(|deed| deed.does.asks_for())
            .collect();
        let values = &self.values;
        let is_unseen = |deed: &Deed| match deed.does {
            Does::Replace { to, .. } if deed.end.is_none() => {
                let is_summand = is_added_to && values.integer(to).is_some();
                !asked.contains(&to) && !is_summand
            }
            _ => false,
        };
        let stays_and_avoids = |deed: &Deed| !is_unseen(deed) && deed.does.avoids().is_some();
        if !self.list.iter().any(stays_and_avoids) {
            self.list.retain(|deed| !is_unseen(deed));
        }
        self
    }
}

impl Deeds {
    /// The same, in which all values that nobody sees or avoids are one, so that operations that
    /// leave such values are alike.
    pub(super) fn with_unseen_values_alike(mut self) -> Deeds {
        let adds = |deed: &Deed| matches!(deed.does, Does::Add { .. });
        let is_added_to = self.list.iter().any(adds);
        let named: HashSet<ValueId> = (self.list.iter())
            .flat_map(|deed| [deed.does.asks_for(), deed.does.avoids()])
            .flatten()
            .collect();
        for deed in &mut self.list {
            let (Does::Overwrite(to) | Does::Update { to, .. } | Does::Replace { to, .. }) =
                &mut deed.does
            else {
                continue;
            };
            let is_summand = is_added_to && self.values.integer(*to).is_some();
            if !named.contains(to) && !is_summand {
                *to = ValueId::UNREAD;
            }
        }
        self
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
        (Action::CompareAndSet { expected, .. }, Some(Reply::Unmet)) => {
            Does::Avoid(number(expected))
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
        (Action::Swap(new), None) => Does::Overwrite(number(new)),
        (Action::Swap(new), Some(Reply::Replaced(before))) => {
            let (from, to) = (number(before), number(new));
            update(from, to)
        }
        (Action::SetUnless { unexpected, new }, Some(Reply::Unchanged(value))) => {
            if value != unexpected && (value.is_some() || new.is_some()) {
                return Meaning::Absurd;
            }
            Does::Observe(number(value))
        }
        (Action::SetUnless { unexpected, new }, Some(Reply::Replaced(before))) => {
            if before == unexpected {
                return Meaning::Absurd;
            }
            let (from, to) = (number(before), number(new));
            update(from, to)
        }
        (Action::SetUnless { new, .. }, Some(Reply::Modified(value))) if value != new => {
            return Meaning::Absurd;
        }
        // Where it holds that already, to overwrite it is to do nothing.
        (Action::SetUnless { unexpected, new }, None) if unexpected == new => {
            Does::Overwrite(number(new))
        }
        (Action::SetUnless { unexpected, new }, _) => Does::Replace {
            unless: number(unexpected),
            to: number(new),
        },
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
        (Action::Read | Action::Swap(_) | Action::Add(_), Some(_)) => {
            unreachable!("`History::done` takes replies of the right kind only")
        }
    })
}

/// To leave a value as it is only shows that it was there.
fn update(from: ValueId, to: ValueId) -> Does {
    match from == to {
        true => Does::Observe(from),
        false => Does::Update { from, to },
    }
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
        matches!(self, Does::Observe(_) | Does::Avoid(_))
    }

    /// The value that the register must not hold, if there is such a one.
    pub(super) fn avoids(self) -> Option<ValueId> {
        match self {
            Does::Avoid(value) | Does::Replace { unless: value, .. } => Some(value),
            _ => None,
        }
    }

    /// The value that it asks for, if that is known.
    pub(super) fn asks_for(self) -> Option<ValueId> {
        match self {
            Does::Observe(value) | Does::Update { from: value, .. } => Some(value),
            Does::Overwrite(_) | Does::Avoid(_) | Does::Replace { .. } | Does::Add { .. } => None,
        }
    }

    /// The value that it leaves behind, if it makes one and that is known.
    pub(super) fn makes(self) -> Option<ValueId> {
        match self {
            Does::Observe(_) | Does::Avoid(_) => None,
            Does::Overwrite(value)
            | Does::Update { to: value, .. }
            | Does::Replace { to: value, .. } => Some(value),
            Does::Add { to, .. } => to,
        }
    }
}
