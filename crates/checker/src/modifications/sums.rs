//! Which additions of unknown outcome took effect, as far as sums that were seen tell it.
//!
//! An addition that returned leaves a sum, and so tells what was there before: it is an update from
//! one value to another. One of unknown outcome tells nothing. But where a sum was seen that no
//! operation is known to have left, some of these must have made it, out of a value that was there.
//! If amounts are such that no two sets of them have the same sum, there is one way to explain it.

use std::collections::HashSet;

use super::deeds::{Deed, Deeds, Does};
use crate::trace::ValueId;

/// Deeds without additions.
#[derive(Clone, Debug)]
pub(super) struct Resolved {
    pub(super) deeds: Deeds,
    /// Whether a sum that was seen can be explained in more than one way, of which this is one.
    pub(super) is_guess: bool,
    /// Sums that can be explained one by one, but not all of them. Then none of them is.
    pub(super) unexplained: Vec<i64>,
}

/// How many sets of amounts may be tried for one register.
const TRIES_MAX: u64 = 20_000_000;

/// Replaces additions by updates, unless that takes too long or is not possible.
pub(super) fn resolve(deeds: &Deeds) -> Option<Resolved> {
    let deeds = with_known_sums(deeds)?;
    let mut explainer = Explainer::new(&deeds);
    let (orphans, ways) = explainer.ways_of_orphans(&deeds)?;
    let mut found = Vec::new();
    explainer.choose(&ways, &mut Vec::new(), &mut found);
    let is_guess = found.len() > 1;
    let (unexplained, explained) = match found.into_iter().next() {
        Some(chosen) => (Vec::new(), orphans.into_iter().zip(chosen).collect()),
        None => {
            let integer = |orphan: &ValueId| deeds.values.integer(*orphan);
            (orphans.iter().filter_map(integer).collect(), Vec::new())
        }
    };
    Some(Resolved {
        deeds: explainer.with(deeds, explained),
        is_guess,
        unexplained,
    })
}

/// Whether additions of unknown outcome can have made none of the values that others made: then
/// what [`resolve`] found, if it is no guess, is the only explanation.
pub(super) fn is_only_way(deeds: &Deeds) -> bool {
    let Some(deeds) = with_known_sums(deeds) else {
        return false;
    };
    let mut explainer = Explainer::new(&deeds);
    // What only an operation of unknown outcome asks for may have been there too.
    let asked = deeds.list.iter().filter_map(|deed| deed.does.asks_for());
    let asked: HashSet<ValueId> = asked.collect();
    let integers = explainer.integers(&deeds, explainer.made.union(&asked));
    let is_known =
        |value: &&ValueId| explainer.made.contains(value) || !explainer.seen.contains(value);
    let known: Vec<ValueId> = integers.iter().filter(is_known).copied().collect();
    let mut bases = integers;
    bases.push(ValueId::NOTHING);
    known.into_iter().all(|value| {
        let tries_left = &mut explainer.tries_left;
        let ways = Explainer::ways(tries_left, &explainer.sets, &deeds, value, &bases);
        ways.is_some_and(|ways| ways.is_empty())
    })
}

/// The deeds with additions that returned replaced by updates. `None` if it is not certain what
/// was there before.
fn with_known_sums(deeds: &Deeds) -> Option<Deeds> {
    let may_hold_zero = may_hold_zero(deeds);
    let mut deeds = deeds.clone();
    for index in 0..deeds.list.len() {
        if let Does::Add {
            amount,
            to: Some(to),
        } = deeds.list[index].does
        {
            let sum = deeds.values.integer(to).expect("a sum is an integer");
            let from = match sum - amount {
                0 if may_hold_zero => return None,
                0 => ValueId::NOTHING,
                before => deeds.values.of(before),
            };
            deeds.list[index].does = Does::Update { from, to };
        }
    }
    Some(deeds)
}

/// Whether this is an addition of unknown outcome.
fn is_wild(deed: &Deed) -> bool {
    matches!(deed.does, Does::Add { to: None, .. })
}

/// Whether the register may hold the integer zero, to which adding is like adding to nothing.
fn may_hold_zero(deeds: &Deeds) -> bool {
    let is_wild_loss =
        |deed: &Deed| matches!(deed.does, Does::Add { amount, to: None } if amount <= 0);
    let has_wild = deeds.list.iter().any(is_wild);
    let mut made = deeds.list.iter().filter_map(|deed| deed.does.makes());
    deeds.list.iter().any(is_wild_loss)
        || made.any(|value| {
            let is_nothing = value == ValueId::NOTHING;
            let integer = deeds.values.integer(value).filter(|_| !is_nothing);
            integer.is_some_and(|integer| integer == 0 || (has_wild && integer < 0))
        })
}

struct Explainer {
    sets: Sets,
    /// What is known to have been in the register at some time.
    made: HashSet<ValueId>,
    /// The part of it that was there once only, as far as is known.
    made_once: HashSet<ValueId>,
    /// What somebody saw there.
    seen: HashSet<ValueId>,
    /// What was there once only and was replaced by a known update.
    used_up: HashSet<ValueId>,
    tries_left: u64,
}

/// The amounts of additions of unknown outcome, and what they add up to.
struct Sets {
    /// The greatest amounts first, each with the deed that it belongs to.
    amounts: Vec<(usize, i64)>,
    /// What all amounts from here on add up to, those below zero and those above apart.
    rest: Vec<(i128, i128)>,
}

/// One way to make a value: these additions, out of that value.
#[derive(Clone, Debug)]
struct Way {
    from: ValueId,
    /// Indices into [`Sets::amounts`].
    added: Vec<usize>,
}

impl Explainer {
    fn new(deeds: &Deeds) -> Self {
        let mut sources = vec![0_usize; deeds.values.count()];
        sources[0] = 1;
        for value in deeds.list.iter().filter_map(|deed| deed.does.makes()) {
            sources[value.index().expect("it is numbered")] += 1;
        }
        let of_sources = |count: &dyn Fn(usize) -> bool| {
            let numbered = sources.iter().enumerate();
            let all = numbered.filter(|(_, sources)| count(**sources));
            all.map(|(number, _)| ValueId::numbered(number))
                .collect::<HashSet<_>>()
        };
        let (made, made_once) = (of_sources(&|n| n > 0), of_sources(&|n| n == 1));
        let certain = || deeds.list.iter().filter(|deed| deed.end.is_some());
        let used_up = certain().filter_map(|deed| match deed.does {
            Does::Update { from, .. } => Some(from),
            _ => None,
        });
        Self {
            sets: Sets::new(deeds),
            used_up: used_up.filter(|value| made_once.contains(value)).collect(),
            seen: certain().filter_map(|deed| deed.does.asks_for()).collect(),
            made,
            made_once,
            tries_left: TRIES_MAX,
        }
    }

    /// Those of the values that are integers, in order.
    fn integers<'a>(
        &self,
        deeds: &Deeds,
        values: impl Iterator<Item = &'a ValueId>,
    ) -> Vec<ValueId> {
        let is_integer = |value: &&ValueId| {
            **value != ValueId::NOTHING && deeds.values.integer(**value).is_some()
        };
        let mut integers: Vec<ValueId> = values.filter(is_integer).copied().collect();
        integers.sort_unstable();
        integers
    }

    /// The values that were seen and of which nobody knows who made them, each with all ways to
    /// explain it. Those that cannot be explained are left out.
    fn ways_of_orphans(&mut self, deeds: &Deeds) -> Option<(Vec<ValueId>, Vec<Vec<Way>>)> {
        let orphans = self.integers(deeds, self.seen.difference(&self.made));
        let mut bases = self.integers(deeds, self.made.iter());
        bases.push(ValueId::NOTHING);
        bases.extend(&orphans);
        bases.retain(|base| !self.used_up.contains(base));
        let mut explained = Vec::new();
        for orphan in orphans {
            let ways = Self::ways(&mut self.tries_left, &self.sets, deeds, orphan, &bases)?;
            if !ways.is_empty() {
                explained.push((orphan, ways));
            }
        }
        Some(explained.into_iter().unzip())
    }

    /// All ways to make this value out of these others. `None` if there are too many to look at.
    fn ways(
        tries_left: &mut u64,
        sets: &Sets,
        deeds: &Deeds,
        value: ValueId,
        bases: &[ValueId],
    ) -> Option<Vec<Way>> {
        let sum = i128::from(deeds.values.integer(value).expect("only integers are sums"));
        let mut ways = Vec::new();
        for base in bases.iter().filter(|base| **base != value) {
            let integer = deeds.values.integer(*base).expect("only to these is added");
            let mut found = Vec::new();
            sets.find(
                sum - i128::from(integer),
                0,
                &mut Vec::new(),
                &mut found,
                tries_left,
            )?;
            let way = |added| Way { from: *base, added };
            ways.extend(found.into_iter().map(way));
        }
        Some(ways)
    }

    /// Appends to `found` up to two choices of one way for each value, none of which uses twice
    /// what was there once.
    fn choose(&self, ways: &[Vec<Way>], chosen: &mut Vec<Way>, found: &mut Vec<Vec<Way>>) {
        if found.len() > 1 {
            return;
        }
        let Some(options) = ways.get(chosen.len()) else {
            return found.push(chosen.clone());
        };
        for way in options {
            let was_there_once =
                !self.made.contains(&way.from) || self.made_once.contains(&way.from);
            let clashes = |other: &Way| {
                (other.from == way.from && was_there_once)
                    || other.added.iter().any(|added| way.added.contains(added))
            };
            if !chosen.iter().any(clashes) {
                chosen.push(way.clone());
                self.choose(ways, chosen, found);
                chosen.pop();
            }
        }
    }

    /// The deeds with additions of unknown outcome replaced by the updates that they were found to
    /// be, or left out.
    fn with(&self, mut deeds: Deeds, ways: Vec<(ValueId, Way)>) -> Deeds {
        let mut updates = Vec::new();
        for (value, way) in ways {
            let mut added: Vec<usize> = way
                .added
                .iter()
                .map(|wild| self.sets.amounts[*wild].0)
                .collect();
            added.sort_by_key(|index| deeds.list[*index].call);
            let mut from = way.from;
            for (nth, index) in added.iter().enumerate() {
                let is_last = nth + 1 == added.len();
                let to = if is_last { value } else { deeds.values.fresh() };
                updates.push((*index, Does::Update { from, to }));
                from = to;
            }
        }
        for (index, does) in updates {
            deeds.list[index].does = does;
        }
        deeds.list.retain(|deed| !is_wild(deed));
        deeds
    }
}

impl Sets {
    fn new(deeds: &Deeds) -> Self {
        let amount = |(index, deed): (usize, &Deed)| match deed.does {
            Does::Add { amount, to: None } => Some((index, amount)),
            _ => None,
        };
        let mut amounts: Vec<(usize, i64)> =
            deeds.list.iter().enumerate().filter_map(amount).collect();
        amounts.sort_by_key(|(index, amount)| (-i128::from(*amount), *index));
        let mut rest = vec![(0, 0)];
        let (mut below, mut above) = (0, 0);
        for (_, amount) in amounts.iter().rev() {
            below += i128::from(*amount).min(0);
            above += i128::from(*amount).max(0);
            rest.push((below, above));
        }
        rest.reverse();
        Self { amounts, rest }
    }

    /// Appends to `found` each set of amounts, from the one at `next` on, that adds up to `sum`
    /// and is not empty.
    fn find(
        &self,
        sum: i128,
        next: usize,
        added: &mut Vec<usize>,
        found: &mut Vec<Vec<usize>>,
        tries_left: &mut u64,
    ) -> Option<()> {
        *tries_left = tries_left.checked_sub(1)?;
        let (below, above) = self.rest[next];
        if sum < below || sum > above {
            return Some(());
        }
        let Some((_, amount)) = self.amounts.get(next) else {
            if !added.is_empty() {
                found.push(added.clone());
            }
            return Some(());
        };
        added.push(next);
        let rest = sum - i128::from(*amount);
        self.find(rest, next + 1, added, found, tries_left)?;
        added.pop();
        self.find(sum, next + 1, added, found, tries_left)
    }
}
