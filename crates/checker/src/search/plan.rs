//! What the search knows about a trace before it starts.

use crate::trace::{Trace, ValueId};

/// The calls and returns of a trace in order of time, and the tables that say what still lies
/// ahead.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) events: Vec<Event>,
    /// How many slots are in use at once, at most.
    pub(super) slots: usize,
    /// By step: its place in a state's set. Steps that are never pending together may share one.
    slot_of: Vec<usize>,
    /// By step: the position of its call in `events`.
    call_of: Vec<usize>,
    /// By value: the position after the last call of a read that returns it; 0 if there is none.
    reads_end: Vec<usize>,
    /// By value: the position after the last call of a write of it; 0 if there is none.
    writes_end: Vec<usize>,
}

/// A call or a return. Steps are indices into [`Trace::steps`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    Call(usize),
    Return(usize),
}

impl Plan {
    pub(super) fn new(trace: &Trace) -> Plan {
        let events = events(trace);
        let mut plan = Plan {
            slots: 0,
            slot_of: vec![0; trace.steps.len()],
            call_of: vec![0; trace.steps.len()],
            reads_end: vec![0; trace.values],
            writes_end: vec![0; trace.values],
            events: Vec::new(),
        };
        let mut free: Vec<usize> = Vec::new();
        for (position, event) in events.iter().enumerate() {
            match *event {
                Event::Call(step) => {
                    plan.call_of[step] = position;
                    plan.slot_of[step] = free.pop().unwrap_or_else(|| {
                        plan.slots += 1;
                        plan.slots - 1
                    });
                    let step = &trace.steps[step];
                    if let Some(value) = step.observed().and_then(ValueId::index) {
                        plan.reads_end[value] = position + 1;
                    }
                    if let Some(value) = step.overwritten().and_then(ValueId::index) {
                        plan.writes_end[value] = position + 1;
                    }
                }
                Event::Return(step) => free.push(plan.slot_of[step]),
            }
        }
        plan.events = events;
        plan
    }

    pub(super) fn slot(&self, step: usize) -> usize {
        self.slot_of[step]
    }

    pub(super) fn call(&self, step: usize) -> usize {
        self.call_of[step]
    }

    /// Whether a read that returns `value` is called after position `now`.
    pub(super) fn is_read_after(&self, value: ValueId, now: usize) -> bool {
        value
            .index()
            .is_some_and(|value| self.reads_end[value] > now)
    }

    /// Whether a write of `value` is called after position `now`.
    pub(super) fn is_written_after(&self, value: ValueId, now: usize) -> bool {
        value
            .index()
            .is_some_and(|value| self.writes_end[value] > now)
    }
}

/// Calls come before returns of the same time, since operations with equal times are concurrent.
/// Unknown writes of values that nobody read never matter and are left out.
fn events(trace: &Trace) -> Vec<Event> {
    let census = trace.census();
    let mut events: Vec<(u64, bool, usize)> = Vec::with_capacity(2 * trace.steps.len());
    for (index, step) in trace.steps.iter().enumerate() {
        let is_read = |value: ValueId| value.index().is_some_and(|value| census[value].reads > 0);
        if step.end.is_none() && !step.overwritten().is_some_and(is_read) {
            continue;
        }
        events.push((step.call, false, index));
        if let Some(end) = step.end {
            events.push((end, true, index));
        }
    }
    events.sort_unstable();
    let event = |(_, returns, step)| {
        if returns {
            Event::Return(step)
        } else {
            Event::Call(step)
        }
    };
    events.into_iter().map(event).collect()
}
