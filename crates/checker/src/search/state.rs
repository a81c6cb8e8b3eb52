//! What a register may look like between two events, and which of these pictures are needed.

use super::plan::Plan;
use crate::trace::{Trace, ValueId};

/// One way in which everything that returned so far can have taken effect.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct State {
    /// What the register holds; [`ValueId::UNREAD`] also stands for values that no later read asks
    /// for.
    pub(super) value: ValueId,
    /// Pending writes that were called at an event before this position may still be placed,
    /// unseen, before a write that took effect.
    pub(super) hidden_before: usize,
    /// The slots of pending steps that took effect.
    pub(super) taken: Slots,
}

impl State {
    pub(super) fn start(plan: &Plan) -> State {
        State {
            value: ValueId::NOTHING,
            hidden_before: 0,
            taken: Slots::new(plan.slots),
        }
    }

    pub(super) fn has_taken(&self, plan: &Plan, step: usize) -> bool {
        self.taken.contains(plan.slot(step))
    }

    /// Whether the return of this write, which did not take effect yet, needs no new decision.
    pub(super) fn may_hide(&self, trace: &Trace, plan: &Plan, write: usize) -> bool {
        trace.steps[write].end.is_none() || plan.call(write) < self.hidden_before
    }

    /// Whether whatever can follow `other` can follow this state too.
    ///
    /// It can if both hold the same value (or no later read asks for the other's), if this state's
    /// reads include the other's, if each write that is still to be placed here is so there, or may
    /// hide here, and if each write that needs no decision there needs none here: a write that may
    /// hide can do all that one that took effect can.
    fn covers(&self, other: &State, trace: &Trace, plan: &Plan, pending: &[usize]) -> bool {
        if self.value != other.value && other.value != ValueId::UNREAD {
            return false;
        }
        pending.iter().all(|step| {
            let (here, there) = (self.has_taken(plan, *step), other.has_taken(plan, *step));
            if trace.steps[*step].observed().is_some() {
                here || !there
            } else if here {
                there
            } else {
                let settled_there = there || other.may_hide(trace, plan, *step);
                !settled_there || self.may_hide(trace, plan, *step)
            }
        })
    }
}

/// Drops repeated and covered states.
pub(super) fn thin_out(
    mut states: Vec<State>,
    trace: &Trace,
    plan: &Plan,
    pending: &[usize],
) -> Vec<State> {
    states.sort_unstable();
    states.dedup();
    if states.len() > 1 {
        let writes_taken = |state: &State| {
            let is_taken_write = |step: &&usize| {
                trace.steps[**step].overwritten().is_some() && state.has_taken(plan, **step)
            };
            pending.iter().filter(is_taken_write).count()
        };
        // A state can only be covered by one with as few or fewer writes taken.
        states.sort_by_cached_key(writes_taken);
        let mut kept: Vec<State> = Vec::new();
        for state in states {
            let candidates = &kept[..kept.len().min(COMPARISONS_MAX)];
            if candidates
                .iter()
                .any(|other| other.covers(&state, trace, plan, pending))
            {
                continue;
            }
            kept.push(state);
        }
        return kept;
    }
    states
}

/// With how many others a state is compared at most. Dropping covered states saves work and decides
/// nothing, so the comparisons must not cost more than the states they save.
const COMPARISONS_MAX: usize = 256;

/// A set of small numbers, all below a limit that is fixed when it is made.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Slots(Box<[u64]>);

impl Slots {
    pub(crate) fn new(limit: usize) -> Slots {
        Slots(vec![0; limit.div_ceil(64)].into_boxed_slice())
    }

    pub(crate) fn contains(&self, slot: usize) -> bool {
        self.0[slot / 64] >> (slot % 64) & 1 == 1
    }

    pub(crate) fn insert(&mut self, slot: usize) {
        self.0[slot / 64] |= 1 << (slot % 64);
    }

    /// How many it has.
    pub(crate) fn len(&self) -> u32 {
        self.0.iter().map(|word| word.count_ones()).sum()
    }

    /// Those that are in `others` too, and those that are not.
    pub(crate) fn split(&self, others: &Slots) -> (Slots, Slots) {
        let words = || self.0.iter().zip(&others.0);
        let both = words().map(|(word, other)| word & other).collect();
        let rest = words().map(|(word, other)| word & !other).collect();
        (Slots(both), Slots(rest))
    }

    /// Whether `others` has all of these too.
    pub(crate) fn is_subset(&self, others: &Slots) -> bool {
        let mut words = self.0.iter().zip(&others.0);
        words.all(|(word, other)| word & !other == 0)
    }

    pub(crate) fn remove(&mut self, slot: usize) {
        self.0[slot / 64] &= !(1 << (slot % 64));
    }
}
