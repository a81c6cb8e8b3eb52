//! Short stories of majorities that are lost for good, and of those that go on without them.
//!
//! Everything in them is told to an operator: what it was told may be lost begins a new history,
//! from what was left. Of all else the clients' history must hold as if nothing had happened.

use protocol::{ChangeRefusal, Standing};
use simulator::{Change, First, Lost, Planted, Setting, Story};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

/// The cluster that those go on as that are no majority.
const ANEW: u64 = 1_000;

fn cluster(nodes: usize, others: usize, replication: u8, planted: Option<Planted>) -> Story {
    Story::with(Setting {
        nodes,
        others,
        replication,
        planted,
    })
}

/// These die, and every other one knows it.
fn crash(story: &mut Story, nodes: &[usize]) {
    for node in nodes {
        story.crash(*node);
    }
    story.wait(Duration::from_secs(3));
}

/// A write at the node that reaches none of these.
#[track_caller]
fn write_past(story: &mut Story, node: usize, past: &[usize], value: &str) {
    for other in past {
        story.lose(Lost::Updates, node, *other);
    }
    assert!(story.write(node, "r", value).is_done());
    // What was lost is not sent again.
    story.wait(Duration::from_secs(1));
    story.release();
}

#[track_caller]
fn expect(story: &mut Story, nodes: &[usize], value: &str) {
    for node in nodes {
        assert_eq!(story.read(*node, "r").value(), Some(value), "at {node}");
    }
}

#[test]
fn a_minority_goes_on_with_the_greatest_that_any_of_it_has() {
    let mut story = Story::of(5);
    story.write(1, "r", "old");
    write_past(&mut story, 3, &[1, 2], "new");
    crash(&mut story, &[2, 3, 4]);
    story.recover(1, &[2, 3, 4], ANEW).expect("they are dead");
    story.come_to_rest();
    assert_eq!(story.cluster_of(5), Some(ANEW));
    expect(&mut story, &[1, 5], "new");
    story.write(1, "r", "newer");
    expect(&mut story, &[1, 5], "newer");
    story.conclude();
}

#[test]
fn what_only_the_lost_ones_had_is_lost_and_what_was_before_is_not() {
    let mut story = Story::of(5);
    story.write(1, "r", "old");
    write_past(&mut story, 3, &[1, 5], "new");
    crash(&mut story, &[2, 3, 4]);
    story.recover(5, &[2, 3, 4], ANEW).expect("they are dead");
    story.come_to_rest();
    expect(&mut story, &[1, 5], "old");
    story.conclude();
}

#[test]
fn a_lost_one_that_was_asleep_serves_nothing_that_was_given_up() {
    for first in [First::Timers, First::Sockets] {
        let mut story = Story::of(5);
        story.write(1, "r", "old");
        write_past(&mut story, 3, &[1, 2], "given up");
        story.freeze(5);
        let asked_in_vain = story.begin_read(5, "r");
        crash(&mut story, &[3, 4]);
        story
            .recover(1, &[3, 4, 5], ANEW)
            .expect("nobody sees them");
        story.wait_until("the others go on", |story| story.members(2).len() == 2);
        story.write(2, "r", "since");
        story.thaw(5, first);
        let told = story.end(asked_in_vain);
        assert!(
            told.is_refused() || told.value() == Some("since"),
            "{told:?}"
        );
        story.wait_until("it hears that it is out", |story| {
            story.standing(5) == Some(Standing::Outsider)
        });
        expect(&mut story, &[5], "since");
        // Let in again, it brings nothing back.
        story.change(1, Change::Add(5)).expect("it is there");
        story.come_to_rest();
        story.isolate(&[1]);
        expect(&mut story, &[5, 2], "since");
        story.conclude();
    }
}

#[test]
fn a_majority_goes_on_at_once_and_what_lost_its_replicas_goes_on_from_what_is_left() {
    let mut story = cluster(5, 0, 3, None);
    let names = || (0..40).map(|n| format!("r{n}"));
    for name in names() {
        story.write(1, &name, "kept");
    }
    crash(&mut story, &[4, 5]);
    let epoch = story.epoch(1);
    assert_eq!(story.recover(2, &[4, 5], ANEW), Ok(epoch + 1));
    story.come_to_rest();
    assert_ne!(story.cluster_of(1), Some(ANEW), "it is the same one");
    for name in names() {
        assert_eq!(story.read(3, &name).value(), Some("kept"), "{name}");
    }
    story.conclude();
}

#[test]
fn nobody_that_is_alive_can_be_given_up() {
    let mut story = Story::of(3);
    let alive = story.id(2);
    let refused = Err(ChangeRefusal::Alive(alive));
    assert_eq!(story.recover(1, &[2], ANEW), refused);
    story.write(1, "r", "kept");
    expect(&mut story, &[2], "kept");
    story.conclude();
}

/// Of seven, three are left, and only the one of them that is left out has the last write.
fn with_one_left_out(planted: Option<Planted>) {
    let mut story = cluster(7, 0, 7, planted);
    story.write(7, "r", "old");
    let left_out = (1..=3).min_by_key(|node| story.id(*node)).unwrap();
    let others: Vec<usize> = (1..=3).filter(|node| *node != left_out).collect();
    write_past(&mut story, 7, &others, "new");
    crash(&mut story, &[4, 5, 6, 7]);
    let recovered = story.recover(left_out, &[4, 5, 6, 7], ANEW);
    recovered.expect("they are dead");
    story.come_to_rest();
    story.isolate(&[left_out]);
    assert!(story.read(others[0], "r").is_done());
    story.conclude();
}

#[test]
fn one_of_those_that_are_left_whose_records_are_not_gathered_is_found() {
    with_one_left_out(None);
    let told = catch_unwind(AssertUnwindSafe(|| {
        with_one_left_out(Some(Planted::SurvivorLeftOut));
    }));
    let told = told.expect_err("the fault is there, and nobody noticed");
    let text = told.downcast_ref::<String>().map_or("", |text| text);
    assert!(text.contains("is not linearizable"), "{text}");
}

#[test]
fn a_change_that_only_the_lost_ones_knew_to_be_done_is_no_loss_that_nobody_is_told_of() {
    let mut story = cluster(5, 1, 1, None);
    let names: Vec<String> = (0..40).map(|n| format!("r{n}")).collect();
    for name in &names {
        story.write(2, name, "old");
    }
    // The sixth comes in the place of the first; the first two never hear that it is done.
    let joint = story.change(3, Change::Replace { member: 1, by: 6 });
    let joint = joint.expect("nothing speaks against it");
    story.wait_until("everyone has entered it", |story| {
        (1..=6).all(|node| story.epoch(node) == joint)
    });
    for from in 3..=6 {
        for to in [1, 2] {
            story.lose(Lost::Configurations, from, to);
        }
    }
    story.wait_until("the sixth is in", |story| story.epoch(6) == joint + 1);
    for name in &names {
        story.with_timeout(Duration::from_millis(300));
        let _ = story.write(6, name, "new");
    }
    story.with_timeout(Duration::from_secs(5));
    crash(&mut story, &[3, 4, 5, 6]);
    assert_eq!((story.epoch(1), story.epoch(2)), (joint, joint));
    story
        .recover(2, &[3, 4, 5, 6], ANEW)
        .expect("they are dead");
    story.wait_until("the others go on", |story| !story.is_in_change(1));
    for name in &names {
        assert!(story.read(2, name).is_done());
    }
    story.conclude();
}
