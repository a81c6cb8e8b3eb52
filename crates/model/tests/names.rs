//! Two states that differ in names alone are one. That is right only if whatever may happen in one
//! may happen in the other under the other names, and leads to states that again differ in names
//! alone: choices that follow the order of names would break it.

mod support;

use model::names::Renaming;
use model::scenarios::ALL;
use model::space::{Action, Space, State};
use model::store::MessageId;
use stateright::Model;
use support::{actions, fingerprint};

/// How many walks through each scenario, under each renaming.
const WALKS: usize = 20;

/// The number of the message that is this one under other names, as long as it may arrive.
fn renamed_message(space: &Space, other: &State, message: MessageId, index: usize) -> MessageId {
    let hash = space.store.message(message).hashes[index];
    let found = other.network.iter().copied();
    let mut found = found.filter(|&it| space.store.message(it).hashes[0] == hash);
    found
        .next()
        .expect("what was sent was sent under other names too")
}

/// The ways to do under other names what an action does.
fn renamed_actions(
    space: &Space,
    other: &State,
    action: Action,
    index: usize,
    renaming: &Renaming,
) -> Vec<Action> {
    let may_be = actions(space, other);
    let is_it = |it: &Action| match (action, *it) {
        (Action::Request { number, .. }, Action::Request { number: other, .. }) => {
            renaming.requests[number] == other
        }
        (
            Action::Arrival { message, is_heard },
            Action::Arrival {
                message: other_message,
                is_heard: other_is_heard,
            },
        ) => {
            is_heard == other_is_heard
                && renamed_message(space, other, message, index) == other_message
        }
        (Action::Crash(place), Action::Crash(other)) => renaming.nodes[place] == other,
        (Action::Timer(place), Action::Timer(other)) => renaming.nodes[place] == other,
        _ => false,
    };
    may_be.into_iter().filter(is_it).collect()
}

#[test]
fn what_happens_under_other_names_leads_to_the_same_states_under_other_names() {
    let scenarios = ALL.iter().map(|listed| (listed.scenario)());
    let scenarios: Vec<_> = scenarios.filter(|it| !it.symmetries.is_empty()).collect();
    assert!(!scenarios.is_empty());
    let mut chance = 0x9e37_79b9_7f4a_7c15_u64;
    for scenario in scenarios {
        let space = Space::new(scenario);
        let renamings = space.store.renamings().to_vec();
        for (index, renaming) in renamings.iter().enumerate().skip(1) {
            for _ in 0..WALKS {
                let mut one = space.init_states().remove(0);
                let mut other = one.clone();
                let mut steps = 0;
                loop {
                    let may_be = actions(&space, &one);
                    if may_be.is_empty() {
                        break;
                    }
                    // A generator of numbers by Marsaglia ("Xorshift RNGs", 2003).
                    chance ^= chance << 13;
                    chance ^= chance >> 7;
                    chance ^= chance << 17;
                    let action = may_be[(chance % may_be.len() as u64) as usize];
                    let ways = renamed_actions(&space, &other, action, index, renaming);
                    let next = |state: &State, action| {
                        let next = space.next_state(state, action);
                        next.expect("every action leads somewhere")
                    };
                    one = next(&one, action);
                    let mut others = ways.into_iter().map(|action| next(&other, action));
                    let hash = space.hash_under(&one, index);
                    other = others
                        .find(|it| space.hash_under(it, 0) == hash)
                        .unwrap_or_else(|| panic!("{action:?} leads elsewhere in {one:?}"));
                    assert_eq!(fingerprint(&other), fingerprint(&one));
                    steps += 1;
                }
                assert!(steps > 3, "a walk leads somewhere");
            }
        }
    }
}
