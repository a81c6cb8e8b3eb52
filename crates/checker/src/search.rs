//! The bounded decision for registers where values repeat.
//!
//! The search of Wing and Gong ("Testing and Verifying Concurrent Objects", 1993) with the memory
//! and the just-in-time rule of Lowe ("Testing for Linearizability", 2017), narrowed by what is
//! special about registers. It walks through the calls and returns in order of time and keeps *all*
//! states that the register may be in, each once. Only a return forces a decision, so the states
//! after it are the fewest ways to have that operation take effect by then. The history is
//! linearizable if and only if states are left at the end.
//!
//! # What a state leaves out, and why nothing is lost
//!
//! - **Reads take effect as soon as they can.** If the value is there, moving a read forward to
//!   this instant breaks no order: whatever precedes it has returned, so it took effect.
//! - **Unseen writes need no decision until they return.** A write whose value nobody reads can
//!   stand right before another write. So when one returns, and some write took effect since its
//!   call, it may be placed before that write after the fact. A state only needs to know when the
//!   last write took effect.
//! - **Of equal writes the one that returns first goes first.** Two writes of one value that are
//!   both called can change places until the first of them returns. Unknown writes come last, in
//!   the order of their calls; a state so knows *how many* of them took effect rather than which.
//! - **A return brings few other writes along.** Before the operation that returns, other pending
//!   writes need to take effect, seen, only for pending reads of their values (a *detour*), in any
//!   order. If no later read asks for that value again, taking the detour is never worse than not,
//!   so there is no choice.
//! - **A state that another covers is dropped**: see `State::covers`.
//!
//! Where the history has a quiescent point, hardly more than the current value is left in a state,
//! so histories are cut there without further ado.

mod plan;
mod state;
mod step;

pub(crate) use self::plan::Event;
use self::plan::Plan;
pub(crate) use self::state::Slots;
use self::state::{State, thin_out};
use self::step::Stepper;
use crate::check::Limits;
use crate::trace::Trace;
use crate::verdict::Bound;

/// What a search found, and what it cost.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Search {
    pub(crate) answer: Answer,
    /// States made.
    pub(crate) steps: u64,
}

/// Whether an order of the steps explains all reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Possible,
    Impossible,
    /// Not known: this bound was reached.
    Bound(Bound),
}

/// Searches for an order of the steps of `trace`.
pub(crate) fn search(trace: &Trace, limits: Limits) -> Search {
    let plan = Plan::new(trace);
    let mut states = vec![State::start(&plan)];
    let mut pending: Vec<usize> = Vec::new();
    let mut steps = 0;
    for (now, event) in plan.events.iter().enumerate() {
        match *event {
            Event::Call(step) => {
                pending.push(step);
                if let Some(value) = trace.steps[step].observed() {
                    for state in states.iter_mut().filter(|state| state.value == value) {
                        state.taken.insert(plan.slot(step));
                    }
                }
            }
            Event::Return(step) => {
                pending.retain(|other| *other != step);
                let stepper = Stepper::new(trace, &plan, &pending, now, limits.steps - steps);
                let mut next = Vec::new();
                for state in states {
                    stepper.take_return(state, step, &mut next);
                    if steps + next.len() as u64 > limits.steps {
                        return Search {
                            answer: Answer::Bound(Bound::Steps(limits.steps)),
                            steps: limits.steps,
                        };
                    }
                }
                steps += next.len() as u64;
                states = thin_out(next, trace, &plan, &pending);
                if states.is_empty() {
                    return Search {
                        answer: Answer::Impossible,
                        steps,
                    };
                }
                if states.len() > limits.width {
                    return Search {
                        answer: Answer::Bound(Bound::Width(limits.width)),
                        steps,
                    };
                }
            }
        }
    }
    Search {
        answer: Answer::Possible,
        steps,
    }
}
