//! The bounded decision where it is not certain which operation follows which.
//!
//! The search of Wing and Gong ("Testing and Verifying Concurrent Objects", 1993) with the memory
//! and the just-in-time rule of Lowe ("Testing for Linearizability", 2017), as in the `search`
//! module, for operations that ask for what is there and change it. It walks through the calls and
//! returns in order of time and keeps all states that the register may be in. Only a return forces
//! a decision: the operation that returns must have been done, and whatever was called may be done
//! before it.
//!
//! # What is left out, and why nothing is lost
//!
//! - **What observes is done as soon as it can**: that changes nothing for others.
//! - **Of equal deeds the one that returns first goes first**: two that are called can change
//!   places.
//! - **A value is not left while it is needed**: if somebody who returned, or will, has yet to see
//!   it, and nothing that is left can make it again, nothing good follows.
//! - **What disturbs nobody goes in front of an overwriting at once**: an overwriting of a value
//!   that nobody is left to see but those who were called, and that nobody can update, can be done
//!   with all of these right before another overwriting. If it were done at a later time, it could
//!   be taken out there, as what follows it is an overwriting too, and put here.
//!   It is not done where somebody is left who asks only that the register does *not* hold some
//!   value: the overwriting may be what takes that one away.
//! - **Values that nobody is left to see, or to avoid, are alike.**
//! - **What need not be done had better not be done**: of two states that differ only in which
//!   operations of unknown outcome were done, the one in which fewer were can do all that the other
//!   one can.
//! - **What can never be done any more counts as done**: an update of unknown outcome from a value
//!   that nothing makes again.

use std::collections::{HashMap, HashSet, VecDeque};

use super::deeds::{Deed, Deeds, Does};
use crate::check::Limits;
use crate::search::{Answer, Event, Search, Slots};
use crate::trace::ValueId;
use crate::verdict::Bound;

/// Searches for an order of the deeds.
pub(super) fn weave(deeds: &Deeds, limits: Limits) -> Search {
    Weaver::new(deeds.clone().with_unseen_values_alike(), limits).run()
}

/// One way in which all that returned can have been done.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct State {
    /// What the register holds; [`ValueId::UNREAD`] stands for all values that nobody is left to
    /// see.
    value: ValueId,
    /// The slots of pending deeds that were done.
    done: Slots,
}

/// States that were looked at, or others that can do all that those can.
#[derive(Default)]
struct Seen(HashMap<(ValueId, Slots), Vec<Slots>>);

impl Seen {
    /// Whether no state that was looked at can do all that this one can; it is looked at now.
    fn is_new(&mut self, state: &State, optional: &Slots) -> bool {
        let (optional, certain) = state.done.split(optional);
        let alike = self.0.entry((state.value, certain)).or_default();
        let compared = &alike[..alike.len().min(COMPARISONS_MAX)];
        let is_new = !compared.iter().any(|fewer| fewer.is_subset(&optional));
        if is_new {
            alike.push(optional);
        }
        is_new
    }
}

/// With how many others a state is compared at most, as that must not cost more than it saves.
const COMPARISONS_MAX: usize = 256;

struct Weaver {
    deeds: Deeds,
    limits: Limits,
    events: Vec<Event>,
    /// By deed: its place in a state's set. Deeds that are never pending together may share one.
    slots: Vec<usize>,
    slots_max: usize,
    /// What was called and has not returned.
    pending: Vec<usize>,
    /// The position among the events.
    now: usize,
    /// By value: the position after the last call of what makes it, or sees it, or might see it.
    made_until: Vec<usize>,
    seen_until: Vec<usize>,
    perhaps_seen_until: Vec<usize>,
    /// How many deeds make the value; the start makes nothing.
    sources: Vec<usize>,
    /// The position after the last call of what avoids a value.
    avoided_until: usize,
    /// The position after the last call of an addition, and of one of unknown outcome.
    added_until: usize,
    wild_until: usize,
    steps: u64,
}

impl Weaver {
    fn new(deeds: Deeds, limits: Limits) -> Self {
        let count = deeds.values.count();
        let mut weaver = Self {
            events: events(&deeds),
            slots: vec![0; deeds.list.len()],
            slots_max: 0,
            pending: Vec::new(),
            now: 0,
            made_until: vec![0; count],
            seen_until: vec![0; count],
            perhaps_seen_until: vec![0; count],
            sources: vec![0; count],
            avoided_until: 0,
            added_until: 0,
            wild_until: 0,
            steps: 0,
            limits,
            deeds,
        };
        weaver.sources[0] = 1;
        weaver.look_ahead();
        weaver
    }

    fn look_ahead(&mut self) {
        let mut free: Vec<usize> = Vec::new();
        for (position, event) in self.events.iter().enumerate() {
            let index = match *event {
                Event::Return(index) => {
                    free.push(self.slots[index]);
                    continue;
                }
                Event::Call(index) => index,
            };
            self.slots[index] = free.pop().unwrap_or_else(|| {
                self.slots_max += 1;
                self.slots_max - 1
            });
            let deed = &self.deeds.list[index];
            if let Some(value) = deed.does.makes().and_then(ValueId::index) {
                self.made_until[value] = position + 1;
                self.sources[value] += 1;
            }
            if let Some(value) = deed.does.asks_for().and_then(ValueId::index) {
                self.perhaps_seen_until[value] = position + 1;
                if deed.end.is_some() {
                    self.seen_until[value] = position + 1;
                }
            }
            if let Some(value) = deed.does.avoids().and_then(ValueId::index) {
                self.perhaps_seen_until[value] = position + 1;
                self.avoided_until = position + 1;
            }
            if let Does::Add { to, .. } = deed.does {
                self.added_until = position + 1;
                if to.is_none() {
                    self.wild_until = position + 1;
                }
            }
        }
    }

    fn run(mut self) -> Search {
        let mut states = vec![State {
            value: ValueId::NOTHING,
            done: Slots::new(self.slots_max),
        }];
        for position in 0..self.events.len() {
            self.now = position;
            match self.events[position] {
                Event::Call(index) => {
                    self.pending.push(index);
                    let does = self.deeds.list[index].does;
                    for state in (states.iter_mut()).filter(|state| is_observed(does, state.value))
                    {
                        state.done.insert(self.slots[index]);
                    }
                }
                Event::Return(index) => {
                    let optional = self.optional();
                    let mut next = HashSet::new();
                    for state in states {
                        if let Err(bound) = self.take_return(state, index, &optional, &mut next) {
                            return self.search(Answer::Bound(bound));
                        }
                    }
                    self.pending.retain(|other| *other != index);
                    let normal = next.into_iter().map(|state| self.normal(state, index));
                    let normal: HashSet<State> = normal.collect();
                    let mut normal: Vec<State> = normal.into_iter().collect();
                    normal.sort_by_cached_key(|state| state.done.len());
                    let mut seen = Seen::default();
                    normal.retain(|state| seen.is_new(state, &optional));
                    if normal.is_empty() {
                        return self.search(Answer::Impossible);
                    }
                    if normal.len() > self.limits.width {
                        let bound = Bound::Width(self.limits.width);
                        return self.search(Answer::Bound(bound));
                    }
                    states = normal;
                }
            }
        }
        self.search(Answer::Possible)
    }

    fn search(&self, answer: Answer) -> Search {
        Search {
            answer,
            steps: self.steps,
        }
    }

    /// Adds to `next` each state in which the deed has been done, and nothing after it.
    fn take_return(
        &mut self,
        state: State,
        index: usize,
        optional: &Slots,
        next: &mut HashSet<State>,
    ) -> Result<(), Bound> {
        let slot = self.slots[index];
        if state.done.contains(slot) {
            next.insert(state);
            return Ok(());
        }
        let mut seen = Seen::default();
        seen.is_new(&state, optional);
        // Those in which least was done come first.
        let mut left = VecDeque::from([state]);
        while let Some(state) = left.pop_front() {
            for nth in 0..self.pending.len() {
                let doer = self.pending[nth];
                if state.done.contains(self.slots[doer]) || !self.is_first_of_its_kind(&state, nth)
                {
                    continue;
                }
                let Some(value) = after(&mut self.deeds, doer, state.value) else {
                    continue;
                };
                self.extend_tables();
                if value != state.value && self.is_needed(&state, doer) {
                    continue;
                }
                self.steps += 1;
                if self.steps > self.limits.steps {
                    return Err(Bound::Steps(self.limits.steps));
                }
                let after = self.done(&state, doer, value);
                if after.done.contains(slot) {
                    next.insert(after);
                } else if seen.is_new(&after, optional) {
                    left.push_back(after);
                }
            }
        }
        Ok(())
    }

    /// The slots of what is pending and need not be done.
    fn optional(&self) -> Slots {
        let mut optional = Slots::new(self.slots_max);
        let pending = self.pending.iter();
        for index in pending.filter(|index| self.deeds.list[**index].end.is_none()) {
            optional.insert(self.slots[*index]);
        }
        optional
    }

    /// The state after a pending deed was done that left this value.
    fn done(&self, state: &State, doer: usize, value: ValueId) -> State {
        let mut after = state.clone();
        if matches!(self.deeds.list[doer].does, Does::Overwrite(_)) {
            for harmless in self.pending.iter().filter(|other| **other != doer) {
                self.do_if_harmless(&mut after, *harmless);
            }
        }
        after.value = value;
        after.done.insert(self.slots[doer]);
        self.observe(&mut after.done, value);
        after
    }

    /// Does an overwriting, and all that sees its value, if it disturbs nobody.
    fn do_if_harmless(&self, state: &mut State, index: usize) {
        let Does::Overwrite(value) = self.deeds.list[index].does else {
            return;
        };
        let is_seen = value.index().is_some_and(|number| {
            self.sources[number] != 1 || self.perhaps_seen_until[number] > self.now
        });
        let is_added_to = self.deeds.values.integer(value).is_some() && self.adds_are_left(state);
        let may_update = |other: &usize| {
            let is_update =
                matches!(self.deeds.list[*other].does, Does::Update { from, .. } if from == value);
            is_update && !state.done.contains(self.slots[*other])
        };
        let is_harmless = !state.done.contains(self.slots[index])
            && !self.avoiders_are_left(state)
            && !is_seen
            && !is_added_to
            && !self.pending.iter().any(may_update);
        if is_harmless {
            state.done.insert(self.slots[index]);
            self.observe(&mut state.done, value);
        }
    }

    /// Lets all that was called and observes this value do so.
    fn observe(&self, done: &mut Slots, value: ValueId) {
        for index in &self.pending {
            if is_observed(self.deeds.list[*index].does, value) {
                done.insert(self.slots[*index]);
            }
        }
    }

    /// Whether no pending deed that is like this one, and not done, goes before it.
    fn is_first_of_its_kind(&self, state: &State, nth: usize) -> bool {
        let order = |index: usize| {
            let deed = &self.deeds.list[index];
            (deed.end.is_none(), deed.end, deed.call, index)
        };
        let index = self.pending[nth];
        !self.pending.iter().any(|other| {
            self.deeds.list[*other].does == self.deeds.list[index].does
                && order(*other) < order(index)
                && !state.done.contains(self.slots[*other])
        })
    }

    /// Whether somebody other than `doer` has yet to see what is there, and nothing that is left
    /// can make it again.
    fn is_needed(&self, state: &State, doer: usize) -> bool {
        let Some(number) = state.value.index() else {
            return false;
        };
        let others = || {
            let is_left = |other: &&usize| !state.done.contains(self.slots[**other]);
            self.pending
                .iter()
                .filter(is_left)
                .map(|other| &self.deeds.list[*other])
        };
        let doer = self.deeds.list[doer].operation;
        let asks = |deed: &Deed| {
            deed.end.is_some()
                && deed.operation != doer
                && deed.does.asks_for() == Some(state.value)
        };
        let is_seen_again = self.seen_until[number] > self.now || others().any(asks);
        let is_sum = state.value != ValueId::NOTHING
            && self.deeds.values.integer(state.value).is_some()
            && self.wild_is_left(state);
        let is_made_again = self.made_until[number] > self.now
            || is_sum
            || others()
                .any(|deed| deed.operation != doer && deed.does.makes() == Some(state.value));
        is_seen_again && !is_made_again
    }

    fn avoiders_are_left(&self, state: &State) -> bool {
        self.avoided_until > self.now
            || self.pending.iter().any(|index| {
                self.deeds.list[*index].does.avoids().is_some()
                    && !state.done.contains(self.slots[*index])
            })
    }

    fn adds_are_left(&self, state: &State) -> bool {
        self.added_until > self.now
            || self.pending.iter().any(|index| {
                matches!(self.deeds.list[*index].does, Does::Add { .. })
                    && !state.done.contains(self.slots[*index])
            })
    }

    fn wild_is_left(&self, state: &State) -> bool {
        self.wild_until > self.now
            || self.pending.iter().any(|index| {
                matches!(self.deeds.list[*index].does, Does::Add { to: None, .. })
                    && !state.done.contains(self.slots[*index])
            })
    }

    /// The same state without the deed that has returned, and without distinctions that make no
    /// difference from now on.
    fn normal(&self, mut state: State, returned: usize) -> State {
        state.done.remove(self.slots[returned]);
        if let Some(number) = state.value.index() {
            let is_added_to =
                self.deeds.values.integer(state.value).is_some() && self.adds_are_left(&state);
            let asks = |index: &usize| {
                let does = self.deeds.list[*index].does;
                (does.asks_for() == Some(state.value) || does.avoids() == Some(state.value))
                    && !state.done.contains(self.slots[*index])
            };
            let is_seen = self.perhaps_seen_until[number] > self.now
                || is_added_to
                || self.pending.iter().any(asks);
            if !is_seen {
                state.value = ValueId::UNREAD;
            }
        }
        self.give_up_what_is_too_late(&mut state);
        state
    }

    /// Counts as done what can never be done any more.
    fn give_up_what_is_too_late(&self, state: &mut State) {
        for index in &self.pending {
            let deed = &self.deeds.list[*index];
            if let Does::Update { from, .. } = deed.does
                && deed.end.is_none()
                && from != state.value
                && !state.done.contains(self.slots[*index])
                && !self.may_be_made(state, from)
            {
                state.done.insert(self.slots[*index]);
            }
        }
    }

    /// Whether anything that is left can make this value.
    fn may_be_made(&self, state: &State, value: ValueId) -> bool {
        let number = value.index().expect("it is numbered");
        let is_sum = value != ValueId::NOTHING && self.deeds.values.integer(value).is_some();
        self.made_until[number] > self.now
            || (is_sum && self.wild_is_left(state))
            || self.pending.iter().any(|index| {
                self.deeds.list[*index].does.makes() == Some(value)
                    && !state.done.contains(self.slots[*index])
            })
    }

    /// Sums that nobody named have numbers too, once they are made.
    fn extend_tables(&mut self) {
        let count = self.deeds.values.count();
        for table in [
            &mut self.made_until,
            &mut self.seen_until,
            &mut self.perhaps_seen_until,
            &mut self.sources,
        ] {
            table.resize(count, 0);
        }
    }
}

/// What the register holds after the deed, if it held `value` before; `None` if the deed is not
/// legal then.
fn after(deeds: &mut Deeds, index: usize, value: ValueId) -> Option<ValueId> {
    match deeds.list[index].does {
        // What observes is done at once when it can be.
        Does::Observe(_) | Does::Avoid(_) => None,
        Does::Overwrite(after) => Some(after),
        Does::Replace { unless, to } => (value != unless).then_some(to),
        Does::Update { from, to } => (value == from).then_some(to),
        Does::Add { amount, to } => {
            let sum = deeds.values.integer(value)?.checked_add(amount)?;
            let sum = deeds.values.of(sum);
            to.is_none_or(|to| to == sum).then_some(sum)
        }
    }
}

/// Whether this observes a register that holds `value`.
fn is_observed(does: Does, value: ValueId) -> bool {
    match does {
        Does::Observe(seen) => seen == value,
        Does::Avoid(avoided) => avoided != value,
        _ => false,
    }
}

/// Calls come before returns of the same time, since operations with equal times are concurrent.
fn events(deeds: &Deeds) -> Vec<Event> {
    let mut events: Vec<(u64, bool, usize)> = Vec::with_capacity(2 * deeds.list.len());
    for (index, deed) in deeds.list.iter().enumerate() {
        events.push((deed.call, false, index));
        events.extend(deed.end.map(|end| (end, true, index)));
    }
    events.sort_unstable();
    let event = |(_, returns, index)| match returns {
        true => Event::Return(index),
        false => Event::Call(index),
    };
    events.into_iter().map(event).collect()
}
