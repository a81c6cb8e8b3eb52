//! Changes of the configuration: each fault that can be planted there is found, and without it
//! nothing is found as far as that.

mod support;

use model::explore::{Effort, Report, Verdict, explore};
use model::scenario::Scenario;
use model::scenarios::{ALL, PLANTED};
use model::space::Space;
use std::num::NonZeroUsize;
use support::{is_shown_by, seen};

fn to(scenario: Scenario, depth_max: usize) -> Report {
    let effort = Effort {
        depth_max: NonZeroUsize::new(depth_max),
    };
    explore(scenario, effort)
}

fn listed(name: &str) -> Scenario {
    let mut scenarios = ALL.iter().map(|listed| (listed.scenario)());
    let scenario = scenarios.find(|scenario| scenario.name == name);
    scenario.expect("it is one of them")
}

/// The fault is found in so many steps, and whoever reads the story sees this.
#[track_caller]
fn expect_found(fault: &str, steps: usize, tells: &str) {
    let planted = PLANTED.iter().find(|planted| planted.name == fault);
    let scenario = planted.expect("it is one of them").scenario();
    let report = to(scenario, steps);
    let Verdict::Violated(story) = &report.verdict else {
        panic!("{fault} is not found: {report:?}");
    };
    assert_eq!(report.depth, steps, "{story}");
    assert!(story.contains(tells), "{story}");
}

const STALE: &str = "is not linearizable";

#[test]
fn replies_of_two_epochs_that_are_counted_together_are_found() {
    expect_found("mix-epochs", 11, STALE);
}

#[test]
fn messages_that_name_the_newest_epoch_and_not_that_of_their_phase_are_found() {
    expect_found("newest-epoch-stamp", 9, STALE);
}

#[test]
fn an_old_member_that_counts_as_copied_without_copying_is_found() {
    expect_found("count-old-member-as-copied", 6, STALE);
}

#[test]
fn a_copy_from_a_replica_that_is_not_in_the_change_yet_is_found() {
    expect_found("copy-from-any-epoch", 7, STALE);
}

#[test]
fn a_copy_that_survives_an_abort_is_found() {
    expect_found("copied-survives-abort", 10, STALE);
}

#[test]
fn a_late_reply_to_a_pull_of_an_earlier_change_is_found() {
    expect_found("late-pull-reply", 10, STALE);
}

#[test]
fn an_operation_acknowledged_after_the_pull_that_should_have_shown_it_is_found() {
    expect_found("split-epoch-check", 9, STALE);
}

#[test]
fn a_superseded_step_of_a_greater_ballot_that_hides_a_chosen_one_is_found() {
    expect_found("greatest-ballot-of-all", 10, "one tag has two contents");
}

#[test]
fn without_a_fault_nothing_is_found_as_far_as_that() {
    for (name, steps) in [
        ("hand-over", 10),
        ("late-read", 11),
        ("decision-after-change", 10),
    ] {
        let report = to(listed(name), steps);
        assert!(report.verdict.is_passed(), "{report:?}");
        assert_eq!(report.depth, steps, "{report:?}");
    }
}

#[test]
fn where_answers_wait_and_all_enter_every_epoch_clients_see_nothing_more() {
    // One change that cannot be given up is small enough for that.
    let merged = listed("hand-over").adjust(|it| {
        it.configurations.truncate(3);
        it.configurations[2].instead_of = None;
        it.sights.clear();
    });
    let plain = merged.clone().adjust(|it| it.answers_at_once = false);
    let (merged, plain) = (seen(&Space::new(merged)), seen(&Space::new(plain)));
    for history in &plain.histories {
        let mut others = merged.histories.iter();
        let is_shown = others.any(|other| is_shown_by(history, other));
        assert!(is_shown, "{history:?}");
    }
    assert!(merged.states * 2 < plain.states, "it saves something");
}
