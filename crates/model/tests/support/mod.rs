//! Looking at every state of a small scenario by a few lines that are easily seen to be right.
#![allow(dead_code, reason = "not every test needs all of it")]

use model::names::Renaming;
use model::space::{Action, Space, State};
use stateright::Model;
use std::collections::{HashSet, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};

/// One request: whether it was made, which ones had ended before, and how it ended.
pub(crate) type One = (bool, u16, Option<String>);

/// What clients see in the runs of a scenario.
pub(crate) struct Seen {
    /// How many different states there are.
    pub(crate) states: usize,
    /// Every history, each once, in order.
    pub(crate) histories: Vec<Vec<One>>,
}

pub(crate) fn seen(space: &Space) -> Seen {
    let mut histories = HashSet::new();
    let states = visit(space, |state| {
        histories.insert(history(space, state));
    });
    let mut histories: Vec<_> = histories.into_iter().collect();
    histories.sort();
    Seen { states, histories }
}

/// Whether something must not be, and is, in some run.
pub(crate) fn is_faulty(space: &Space) -> bool {
    let mut is_faulty = false;
    visit_while(space, |state| {
        is_faulty |= state.fault.is_some();
        !is_faulty
    });
    is_faulty
}

/// Shows every state, each once. Returns how many there are.
pub(crate) fn visit(space: &Space, mut show: impl FnMut(&State)) -> usize {
    visit_while(space, |state| {
        show(state);
        true
    })
}

/// Shows states, each once, those that are come to soonest first, as long as they are wanted.
/// Returns how many it came to.
fn visit_while(space: &Space, mut show: impl FnMut(&State) -> bool) -> usize {
    let mut known = HashSet::new();
    let mut waiting: VecDeque<State> = space.init_states().into();
    known.extend(waiting.iter().map(fingerprint));
    while let Some(state) = waiting.pop_front() {
        if !show(&state) {
            break;
        }
        for action in actions(space, &state) {
            let next = space.next_state(&state, action);
            let next = next.expect("every action leads somewhere");
            if known.insert(fingerprint(&next)) {
                waiting.push_back(next);
            }
        }
    }
    known.len()
}

pub(crate) fn actions(space: &Space, state: &State) -> Vec<Action> {
    let mut actions = Vec::new();
    space.actions(state, &mut actions);
    actions
}

pub(crate) fn fingerprint(state: &State) -> u64 {
    let mut hasher = DefaultHasher::new();
    state.hash(&mut hasher);
    hasher.finish()
}

pub(crate) fn history(space: &Space, state: &State) -> Vec<One> {
    let clients = state.clients.iter().enumerate();
    let one = clients.map(|(number, client)| {
        let ending = space.ending(state, number).map(|it| format!("{it:?}"));
        let is_made = client.state != model::history::ClientState::Idle;
        (is_made, client.before, ending)
    });
    one.collect()
}

/// Whether one history demands no more than the other one: all that ended ended alike in the other
/// one, and what was in order is in the same order there. What ended as unknown demands as little
/// as what has not ended.
pub(crate) fn is_shown_by(one: &[One], other: &[One]) -> bool {
    let is_told = |it: &One| it.2.as_deref().is_some_and(|ending| ending != UNKNOWN);
    let untold = one.iter().enumerate().filter(|(_, it)| !is_told(it));
    let untold = untold.fold(0, |untold, (number, _)| untold | 1 << number);
    one.iter().zip(other).all(|(one, other)| {
        let ends_alike = !is_told(one) || one.2 == other.2;
        let is_ordered = !one.0 || !other.0 || one.1 & !untold & !other.1 == 0;
        let is_made = !is_told(one) || other.0;
        ends_alike && is_ordered && is_made
    })
}

const UNKNOWN: &str = "Unknown";

pub(crate) fn renamed(history: &[One], renaming: &Renaming) -> Vec<One> {
    let mut renamed = history.to_vec();
    for (number, (is_made, before, ending)) in history.iter().enumerate() {
        let former = (0..history.len()).filter(|it| before & (1 << it) != 0);
        let before = former.map(|it| 1 << renaming.requests[it]).sum();
        renamed[renaming.requests[number]] = (*is_made, before, ending.clone());
    }
    renamed
}
