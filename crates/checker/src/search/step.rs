//! What the return of an operation makes of a state.

use super::plan::Plan;
use super::state::State;
use crate::trace::{Effect, Trace, ValueId};

/// Makes the states that follow one return.
pub(super) struct Stepper<'a> {
    trace: &'a Trace,
    plan: &'a Plan,
    /// What was called and did not return, without the operation that returns now.
    groups: Vec<Group>,
    /// The position of the return among the events.
    now: usize,
    /// With more states than this the search gives up, so no more need to be made.
    states_max: u64,
}

/// The pending steps of one value.
struct Group {
    value: ValueId,
    reads: Vec<usize>,
    /// In the order of their returns, unknown ones last; among these in the order of their calls.
    writes: Vec<usize>,
}

impl<'a> Stepper<'a> {
    pub(super) fn new(
        trace: &'a Trace,
        plan: &'a Plan,
        pending: &[usize],
        now: usize,
        states_max: u64,
    ) -> Self {
        let mut groups: Vec<Group> = Vec::new();
        for step in pending {
            let (Effect::Observes(value) | Effect::Overwrites(value)) = trace.steps[*step].effect;
            let place = groups
                .iter()
                .position(|group| group.value == value)
                .unwrap_or_else(|| {
                    groups.push(Group {
                        value,
                        reads: Vec::new(),
                        writes: Vec::new(),
                    });
                    groups.len() - 1
                });
            match trace.steps[*step].effect {
                Effect::Observes(_) => groups[place].reads.push(*step),
                Effect::Overwrites(_) => groups[place].writes.push(*step),
            }
        }
        for group in &mut groups {
            group.writes.sort_by_key(|write| {
                let end = trace.steps[*write].end;
                (end.is_none(), end, plan.call(*write))
            });
        }
        Stepper {
            trace,
            plan,
            groups,
            now,
            states_max,
        }
    }

    /// Appends to `next` each state in which `step` has taken effect and is gone, starting from
    /// `state`.
    pub(super) fn take_return(&self, mut state: State, step: usize, next: &mut Vec<State>) {
        if state.has_taken(self.plan, step) {
            state.taken.remove(self.plan.slot(step));
            next.push(self.normal(state));
            return;
        }
        match self.trace.steps[step].effect {
            Effect::Observes(value) => {
                if let Some(write) = self.unused_write(&state, value) {
                    state.taken.insert(self.plan.slot(write));
                    self.overwrite(state, value, next);
                }
            }
            Effect::Overwrites(value) => {
                let may_hide = state.may_hide(self.trace, self.plan, step);
                if !may_hide || self.is_wanted(&state, value) {
                    self.overwrite(state.clone(), value, next);
                }
                if may_hide && !self.is_hopeless(&state, value) {
                    next.push(self.normal(state));
                }
            }
        }
    }

    /// Lets a write of `value` take effect now, after any detours that may be of use.
    fn overwrite(&self, mut state: State, value: ValueId, next: &mut Vec<State>) {
        let mut choices: Vec<(&Group, usize)> = Vec::new();
        for group in self.groups.iter().filter(|group| group.value != value) {
            let Some(write) = self.unused_write_of(&state, group) else {
                continue;
            };
            if !self.has_waiting_read(&state, group) {
                continue;
            }
            if !self.plan.is_read_after(group.value, self.now) {
                self.take_detour(&mut state, group, write);
            } else if self.is_written_again(&state, group, write) {
                choices.push((group, write));
            }
        }
        self.choose_detours(state, &choices, value, next);
    }

    /// Goes on with each subset of the detours.
    fn choose_detours(
        &self,
        mut state: State,
        choices: &[(&Group, usize)],
        value: ValueId,
        next: &mut Vec<State>,
    ) {
        if next.len() as u64 > self.states_max {
            return;
        }
        if let Some(((group, write), rest)) = choices.split_first() {
            self.choose_detours(state.clone(), rest, value, next);
            self.take_detour(&mut state, group, *write);
            self.choose_detours(state, rest, value, next);
            return;
        }
        let overwritten = state.value;
        state.value = value;
        state.hidden_before = self.now;
        if let Some(group) = self.group(value) {
            self.take_reads(&mut state, group);
        }
        if !self.is_hopeless(&state, overwritten) {
            next.push(self.normal(state));
        }
    }

    fn take_detour(&self, state: &mut State, group: &Group, write: usize) {
        state.taken.insert(self.plan.slot(write));
        self.take_reads(state, group);
    }

    fn take_reads(&self, state: &mut State, group: &Group) {
        for read in &group.reads {
            state.taken.insert(self.plan.slot(*read));
        }
    }

    /// The same state without distinctions that make no difference from now on.
    fn normal(&self, mut state: State) -> State {
        if !self.plan.is_read_after(state.value, self.now) {
            state.value = ValueId::UNREAD;
            // Nobody minds if a write that returns later overwrites this value, so none of them
            // needs to hide.
            state.hidden_before = self.now;
        }
        let mut hidden_before = 0;
        for group in &self.groups {
            let is_wanted = self.is_wanted_from(&state, group.value, Some(group));
            for write in &group.writes {
                if state.has_taken(self.plan, *write)
                    || !state.may_hide(self.trace, self.plan, *write)
                {
                    continue;
                }
                if !is_wanted {
                    state.taken.insert(self.plan.slot(*write));
                } else if self.trace.steps[*write].end.is_some() {
                    hidden_before = hidden_before.max(self.plan.call(*write) + 1);
                }
            }
        }
        state.hidden_before = hidden_before;
        state
    }

    /// Whether a read that did not take effect yet returns `value`.
    fn is_wanted(&self, state: &State, value: ValueId) -> bool {
        self.is_wanted_from(state, value, self.group(value))
    }

    fn is_wanted_from(&self, state: &State, value: ValueId, group: Option<&Group>) -> bool {
        self.plan.is_read_after(value, self.now)
            || group.is_some_and(|group| self.has_waiting_read(state, group))
    }

    /// Whether `value` is wanted and neither there nor ever written again.
    fn is_hopeless(&self, state: &State, value: ValueId) -> bool {
        state.value != value
            && !self.plan.is_written_after(value, self.now)
            && self.unused_write(state, value).is_none()
            && self.is_wanted(state, value)
    }

    fn is_written_again(&self, state: &State, group: &Group, write: usize) -> bool {
        let is_other = |other: &usize| *other != write && !state.has_taken(self.plan, *other);
        self.plan.is_written_after(group.value, self.now) || group.writes.iter().any(is_other)
    }

    fn has_waiting_read(&self, state: &State, group: &Group) -> bool {
        group
            .reads
            .iter()
            .any(|read| !state.has_taken(self.plan, *read))
    }

    /// The pending write of `value` that should take effect next.
    fn unused_write(&self, state: &State, value: ValueId) -> Option<usize> {
        self.group(value)
            .and_then(|group| self.unused_write_of(state, group))
    }

    fn unused_write_of(&self, state: &State, group: &Group) -> Option<usize> {
        group
            .writes
            .iter()
            .copied()
            .find(|write| !state.has_taken(self.plan, *write))
    }

    fn group(&self, value: ValueId) -> Option<&Group> {
        self.groups.iter().find(|group| group.value == value)
    }
}
