//! The plain map that lanes are compared with: [`PlainMap`].

use protocol::Outcome;
use std::collections::{BTreeMap, BTreeSet};

/// What each register may hold, after operations that ran one after another.
///
/// With certain answers that is one value each. An operation whose end is unknown may take effect
/// at any later time, once or never: so there are several possibilities then, and each further
/// answer leaves those that it fits.
#[derive(Default)]
pub(crate) struct PlainMap(BTreeMap<u8, Register>);

/// A value, as the schedules make them.
pub(crate) type Value = Option<i64>;

struct Register {
    possible: BTreeSet<Possibility>,
    /// The operations of which it is unknown whether they have taken or will take effect.
    unknown: Vec<Deed>,
}

/// What a register may hold, and, a bit for each, which unknown operations may still take effect.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Possibility {
    value: Value,
    to_come: u32,
}

/// What an operation does to a map.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Deed {
    Read,
    /// Hold this, or nothing.
    Write(Value),
    Add(i64),
    /// Hold this, if it holds what is expected.
    Set(Expectation, Value),
}

/// What a map is expected to hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Expectation {
    This(Value),
    Something,
}

impl Deed {
    /// What the register holds afterwards; nothing if the operation changes nothing.
    fn apply(self, value: Value) -> Option<Value> {
        match self {
            Deed::Read => None,
            Deed::Write(new) => Some(new),
            Deed::Add(amount) => Some(Some(value.unwrap_or(0) + amount)),
            Deed::Set(Expectation::This(expected), new) => (value == expected).then_some(new),
            Deed::Set(Expectation::Something, new) => value.is_some().then_some(new),
        }
    }
}

impl Default for Register {
    fn default() -> Self {
        let nothing = Possibility {
            value: None,
            to_come: 0,
        };
        Self {
            possible: [nothing].into(),
            unknown: Vec::new(),
        }
    }
}

impl PlainMap {
    /// How many operations of unknown end a register may have: each doubles the possibilities.
    const UNKNOWN_MAX: usize = 5;

    /// Whether another operation on the register can be judged.
    pub(crate) fn has_room(&self, register: u8) -> bool {
        let register = self.0.get(&register);
        register.is_none_or(|register| register.unknown.len() < Self::UNKNOWN_MAX)
    }

    /// An operation ended so. `answered` is what the answer said that the register holds or held.
    ///
    /// # Errors
    /// The values that were possible, if no map could have given this answer.
    pub(crate) fn end(
        &mut self,
        register: u8,
        deed: Deed,
        outcome: &Outcome,
        answered: Value,
    ) -> Result<(), String> {
        let register = self.0.entry(register).or_default();
        register.let_unknown_ones_take_effect();
        let before = register.possible.clone();
        let after = |possibility: Possibility, value| Possibility {
            value,
            ..possibility
        };
        let next = |now: Possibility| match (outcome, deed.apply(now.value)) {
            (Outcome::Read { .. }, None) if now.value == answered => Some(now),
            (Outcome::Written { .. }, Some(value)) => Some(after(now, value)),
            (Outcome::Modified { .. }, Some(value)) if value == answered => Some(after(now, value)),
            (Outcome::Unchanged { .. }, None) if now.value == answered => Some(now),
            (Outcome::Refused(_), _) => Some(now),
            (Outcome::Unknown, _) => Some(Possibility {
                to_come: now.to_come | 1 << register.unknown.len(),
                ..now
            }),
            _ => None,
        };
        register.possible = before.iter().copied().filter_map(next).collect();
        if *outcome == Outcome::Unknown {
            register.unknown.push(deed);
        }
        match register.possible.is_empty() {
            false => Ok(()),
            true => Err(format!("{before:?}")),
        }
    }
}

impl Register {
    fn let_unknown_ones_take_effect(&mut self) {
        let mut open: Vec<Possibility> = self.possible.iter().copied().collect();
        while let Some(now) = open.pop() {
            for (index, deed) in self.unknown.iter().enumerate() {
                if now.to_come & (1 << index) == 0 {
                    continue;
                }
                if let Some(value) = deed.apply(now.value) {
                    let to_come = now.to_come & !(1 << index);
                    let then = Possibility { value, to_come };
                    if self.possible.insert(then) {
                        open.push(then);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::{Record, Refusal, Tag, Unmet};

    const READ: Outcome = Outcome::Read {
        record: Record::EMPTY,
        rounds: 1,
    };
    const WRITTEN: Outcome = Outcome::Written {
        tag: Tag::ZERO,
        rounds: 2,
    };
    const UNCHANGED: Outcome = Outcome::Unchanged {
        record: Record::EMPTY,
        unmet: Unmet::Condition,
        rounds: 1,
    };

    fn reads(map: &mut PlainMap, value: Value) -> bool {
        map.end(0, Deed::Read, &READ, value).is_ok()
    }

    #[test]
    fn a_register_holds_what_was_written_last() {
        let mut map = PlainMap::default();
        assert!(reads(&mut map, None));
        map.end(0, Deed::Write(Some(1)), &WRITTEN, None).unwrap();
        let refused = Outcome::Refused(Refusal::Busy);
        map.end(0, Deed::Write(Some(2)), &refused, None).unwrap();
        assert!(reads(&mut map, Some(1)));
        assert!(!reads(&mut map, Some(2)));
    }

    #[test]
    fn an_unknown_write_takes_effect_late_or_never_but_once() {
        let mut map = PlainMap::default();
        let unknown = Outcome::Unknown;
        map.end(0, Deed::Write(Some(1)), &unknown, None).unwrap();
        map.end(0, Deed::Write(Some(2)), &WRITTEN, None).unwrap();
        assert!(reads(&mut map, Some(2)));
        assert!(reads(&mut map, Some(1)));
        assert!(!reads(&mut map, Some(2)));
    }

    #[test]
    fn a_comparison_fails_only_where_it_does() {
        let mut map = PlainMap::default();
        let set = Deed::Set(Expectation::This(None), Some(3));
        assert!(map.end(0, set, &UNCHANGED, None).is_err());
        let mut map = PlainMap::default();
        let set = Deed::Set(Expectation::Something, Some(3));
        map.end(0, set, &UNCHANGED, None).unwrap();
        assert!(reads(&mut map, None));
    }

    #[test]
    fn registers_with_too_many_unknown_ends_are_left_alone() {
        let mut map = PlainMap::default();
        for _ in 0..PlainMap::UNKNOWN_MAX {
            assert!(map.has_room(0));
            map.end(0, Deed::Add(1), &Outcome::Unknown, None).unwrap();
        }
        assert!(!map.has_room(0) && map.has_room(1));
        assert!(reads(&mut map, Some(3)));
    }
}
