//! States are merged, and some are never looked at, because they cannot show anything that others
//! do not. Here, scenarios that are small enough are explored with each of these savings and
//! without, and clients must be able to see the same.

mod support;

use model::names::Renaming;
use model::scenario::{Request, Scenario, When, add, read, write};
use model::space::Space;
use protocol::PlantedFault;
use support::{One, Seen, is_faulty, is_shown_by, renamed, seen};

fn at_replicas() -> Scenario {
    Scenario::new("at replicas", "a write and a read", 3)
        .with(Request::new(0, write("a")))
        .with(Request::new(1, read()))
}

fn apart() -> Scenario {
    Scenario::new("apart", "a write and a read", 5)
        .with(Request::new(3, write("a")))
        .with(Request::new(4, read()))
}

fn modifies_apart() -> Scenario {
    Scenario::new("modifies", "two read-modify-writes", 5)
        .with(Request::new(3, add(1)))
        .with(Request::new(4, add(10)).when(When::NotBefore(0)))
}

/// What clients see in a scenario as it is, and in one that is adjusted.
fn both(scenario: Scenario, adjust: impl FnOnce(&mut Scenario)) -> (Seen, Seen) {
    let plain = scenario.clone().adjust(adjust);
    (seen(&Space::new(scenario)), seen(&Space::new(plain)))
}

#[test]
fn without_needless_messages_clients_see_the_same() {
    for scenario in [at_replicas(), apart()] {
        let (merged, plain) = both(scenario, |it| it.drops_needless = false);
        assert_eq!(merged.histories, plain.histories);
        assert!(merged.states < plain.states, "it saves something");
    }
}

#[test]
fn where_messages_arrive_again_clients_see_the_same() {
    for scenario in [at_replicas(), apart()] {
        let (merged, plain) = both(scenario, |it| it.duplicates = true);
        assert_eq!(merged.histories, plain.histories);
        assert!(merged.states < plain.states, "it saves something");
    }
}

/// What clients see where answers come at once shows all that they see where answers wait.
fn expect_all_is_shown(scenario: Scenario) {
    let (merged, plain) = both(scenario, |it| it.answers_at_once = false);
    for history in &plain.histories {
        let mut others = merged.histories.iter();
        assert!(
            others.any(|other| is_shown_by(history, other)),
            "{history:?}"
        );
    }
    assert!(merged.states < plain.states, "it saves something");
}

#[test]
fn where_answers_wait_clients_see_nothing_that_they_do_not_see_where_answers_come_at_once() {
    expect_all_is_shown(apart());
}

#[test]
#[cfg_attr(debug_assertions, ignore = "it takes long without optimisation")]
fn so_it_is_for_read_modify_writes() {
    expect_all_is_shown(modifies_apart());
}

#[test]
fn under_other_names_clients_see_the_same() {
    let scenario = Scenario::new("alike", "a write and two reads", 3)
        .with(Request::new(0, write("a")))
        .with(Request::new(1, read()))
        .with(Request::new(2, read()));
    let mirrored = scenario.clone().alike((1, 2), &[(1, 2)]);
    let renaming: Renaming = mirrored.symmetries[0].clone();
    let (merged, plain) = (seen(&Space::new(mirrored)), seen(&Space::new(scenario)));
    let mirror = |histories: &[Vec<One>]| {
        let mirrored = histories.iter().map(|it| renamed(it, &renaming));
        let mut all: Vec<_> = histories.iter().cloned().chain(mirrored).collect();
        all.sort();
        all.dedup();
        all
    };
    assert_eq!(mirror(&merged.histories), plain.histories);
    assert!(
        merged.states * 2 < plain.states + 1000,
        "half of them are enough"
    );
}

#[test]
fn a_fault_is_found_with_each_saving_and_without() {
    let scenario = || {
        Scenario::new("faulty", "a write and two reads", 5)
            .with(Request::new(3, write("a")))
            .with(Request::new(4, read()))
            .with(Request::new(4, read()).when(When::After(1)))
            .adjust(|it| it.planted = Some(PlantedFault::NoWriteBack))
    };
    let adjustments: [fn(&mut Scenario); 4] = [
        |_| {},
        |it| it.drops_needless = false,
        |it| it.duplicates = true,
        |it| it.answers_at_once = false,
    ];
    for adjust in adjustments {
        assert!(is_faulty(&Space::new(scenario().adjust(adjust))));
    }
}
