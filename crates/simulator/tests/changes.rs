//! Short stories of clusters whose members change, and what clients and operators must see.

use protocol::{ChangeRefusal, Standing};
use simulator::{Change, Lost, Setting, Story};
use std::time::Duration;

fn cluster(nodes: usize, others: usize, replication: u8) -> Story {
    Story::with(Setting {
        nodes,
        others,
        replication,
        planted: None,
    })
}

/// Names in many groups, so that they are held by different replicas.
fn names() -> impl Iterator<Item = String> {
    (0..20).map(|n| format!("r{n}"))
}

#[track_caller]
fn write_all(story: &mut Story, node: usize, value: &str) {
    for name in names() {
        assert!(story.write(node, &name, value).is_done(), "{name}");
    }
}

#[track_caller]
fn expect_all(story: &mut Story, node: usize, value: &str) {
    for name in names() {
        assert_eq!(
            story.read(node, &name).value(),
            Some(value),
            "{name} at {node}"
        );
    }
}

#[test]
fn a_restarted_node_comes_back_in_its_place_and_holds_everything() {
    let mut story = cluster(3, 0, 3);
    write_all(&mut story, 1, "kept");
    let former = story.id(2);
    story.restart(2);
    story.come_to_rest();
    assert_ne!(story.member_at(2), former);
    assert_eq!(story.standing(2), Some(Standing::Member));
    // With one of the others gone its word is needed, and enough.
    story.isolate(&[1]);
    expect_all(&mut story, 2, "kept");
    story.conclude();
}

#[test]
fn all_nodes_restart_one_after_another_and_nothing_is_lost() {
    let mut story = cluster(3, 0, 3);
    write_all(&mut story, 1, "kept");
    for round in 0..2 {
        for node in 1..=3 {
            story.restart(node);
            story.come_to_rest();
            let value = format!("after {node} in round {round}");
            assert!(story.write(node, "last", &value).is_done());
            assert_eq!(
                story.read(node % 3 + 1, "last").value(),
                Some(value.as_str())
            );
        }
    }
    expect_all(&mut story, 2, "kept");
    story.conclude();
}

#[test]
fn a_node_that_restarts_again_in_the_middle_of_its_own_replacement_comes_back() {
    // To the millisecond, at many moments from before the change until after it.
    for after in (0..600).step_by(7) {
        let mut story = cluster(3, 0, 3);
        write_all(&mut story, 1, "kept");
        story.restart(3);
        story.wait(Duration::from_millis(after));
        story.restart(3);
        story.wait(Duration::from_millis(after / 2));
        story.restart(3);
        story.come_to_rest();
        story.isolate(&[1]);
        expect_all(&mut story, 3, "kept");
        story.conclude();
    }
}

#[test]
fn nodes_come_and_go_while_clients_write() {
    let mut story = cluster(3, 2, 3);
    write_all(&mut story, 1, "0");
    let changes = [
        Change::Add(4),
        Change::Add(5),
        Change::Remove(1),
        Change::Replace { member: 2, by: 1 },
    ];
    let via = [2, 1, 3, 4];
    for (index, (change, via)) in changes.into_iter().zip(via).enumerate() {
        let value = format!("{}", index + 1);
        story
            .change(via, change)
            .expect("nothing speaks against it");
        // While it is under way.
        write_all(&mut story, 3, &value);
        expect_all(&mut story, 4, &value);
        story.come_to_rest();
        expect_all(&mut story, 5, &value);
    }
    assert!(!story.is_up(2), "another one has its place");
    story.conclude();
}

#[test]
fn with_fewer_replicas_than_nodes_any_node_serves_any_register() {
    let mut story = cluster(5, 1, 2);
    write_all(&mut story, 1, "kept");
    story.change(1, Change::Add(6)).unwrap();
    story.come_to_rest();
    for node in 1..=6 {
        expect_all(&mut story, node, "kept");
    }
    story.change(6, Change::Remove(2)).unwrap();
    story.come_to_rest();
    for node in 1..=6 {
        expect_all(&mut story, node, "kept");
    }
    story.conclude();
}

#[test]
fn additions_add_up_across_changes() {
    let mut story = cluster(3, 1, 3);
    let mut sum = 0;
    let changes = [Change::Add(4), Change::Remove(2), Change::Add(2)];
    for change in changes {
        let asked = story.begin_change(1, change);
        for node in [1, 3, 4, 2] {
            sum += 1;
            let expected = sum.to_string();
            assert_eq!(story.add(node, "n", 1).value(), Some(expected.as_str()));
        }
        story.end_change(asked).expect("nothing speaks against it");
        story.come_to_rest();
    }
    story.conclude();
}

#[test]
fn of_two_operators_at_once_one_is_told_that_the_other_was_first() {
    let mut story = cluster(3, 2, 3);
    let one = story.begin_change(1, Change::Add(4));
    let other = story.begin_change(2, Change::Add(5));
    let told = [story.end_change(one), story.end_change(other)];
    let begun = told.iter().filter(|answer| answer.is_ok()).count();
    assert_eq!(begun, 1, "{told:?}");
    assert!(told.contains(&Err(ChangeRefusal::Busy)), "{told:?}");
    story.come_to_rest();
    story.conclude();
}

#[test]
fn whoever_began_a_change_may_die_at_any_step() {
    // From the request until the change is long done.
    for after in (0..80).step_by(9) {
        let mut story = cluster(3, 1, 3);
        write_all(&mut story, 2, "kept");
        let asked = story.begin_change(1, Change::Add(4));
        story.wait(Duration::from_millis(after));
        story.crash(1);
        let _ = asked;
        assert_eq!(
            story.read(2, "r0").value(),
            Some("kept"),
            "after {after} ms"
        );
        story.start(1);
        story.come_to_rest();
        expect_all(&mut story, 3, "kept");
        story.conclude();
    }
}

#[test]
fn a_newcomer_that_dies_half_way_is_given_up() {
    let mut story = cluster(3, 1, 3);
    write_all(&mut story, 1, "kept");
    // It can copy nothing, and neither can the others, so that nobody finishes before it dies.
    for from in 1..=4 {
        for to in 1..=4 {
            story.lose(Lost::Pulls, from, to);
        }
    }
    let joint = story.change(1, Change::Add(4)).unwrap();
    story.crash(4);
    expect_all(&mut story, 2, "kept");
    story.with_patience(Duration::from_secs(60));
    story.wait_until("the change is given up", |story| {
        story.epoch(1) == joint + 1
    });
    assert!(story.members(1).len() == 3);
    story.conclude();
}

#[test]
fn a_change_is_given_up_if_an_operator_wants_that() {
    let mut story = cluster(3, 1, 3);
    for from in 1..=4 {
        for to in 1..=4 {
            story.lose(Lost::Pulls, from, to);
        }
    }
    assert_eq!(story.change(2, Change::Abort), Err(ChangeRefusal::NoChange));
    let joint = story.change(1, Change::Add(4)).unwrap();
    story.wait_until("the other one knows", |story| story.epoch(2) == joint);
    assert_eq!(story.change(2, Change::Abort), Ok(joint));
    story.come_to_rest();
    assert_eq!(story.members(3).len(), 3);
    story.conclude();
}

#[test]
fn a_partition_in_the_middle_of_a_change_stops_only_the_minority() {
    let mut story = cluster(5, 1, 3);
    write_all(&mut story, 1, "before");
    let asked = story.begin_change(1, Change::Add(6));
    story.wait(Duration::from_millis(15));
    story.isolate(&[5]);
    write_all(&mut story, 2, "meanwhile");
    story.end_change(asked).expect("a majority has agreed");
    story.heal();
    story.come_to_rest();
    for node in 1..=6 {
        expect_all(&mut story, node, "meanwhile");
    }
    story.conclude();
}

#[test]
fn a_node_that_was_frozen_while_it_was_replaced_stops_when_it_thaws() {
    let mut story = cluster(3, 1, 3);
    story.freeze(3);
    write_all(&mut story, 1, "without it");
    let replace = Change::Replace { member: 3, by: 4 };
    story.change(1, replace).unwrap();
    story.wait_until("the change is done", |story| {
        story.standing(4) == Some(Standing::Member) && story.members(1).len() == 3
    });
    expect_all(&mut story, 4, "without it");
    story.heal();
    story.wait_until("it has stopped", |story| !story.is_up(3));
    story.conclude();
}

#[test]
fn a_node_that_was_removed_while_it_was_cut_off_learns_it_and_forwards() {
    let mut story = cluster(4, 0, 3);
    story.isolate(&[4]);
    story.wait_until("the others know that it is gone", |story| {
        story.state_of(4, 1) == protocol::PeerState::Down
    });
    story.change(1, Change::Remove(4)).unwrap();
    write_all(&mut story, 1, "new");
    story.wait_until("the change is done", |story| story.members(1).len() == 3);
    story.heal();
    story.come_to_rest();
    assert_eq!(story.standing(4), Some(Standing::Outsider));
    expect_all(&mut story, 4, "new");
    story.conclude();
}

#[test]
fn what_cannot_be_is_refused_with_its_reason() {
    let mut story = cluster(2, 1, 3);
    let first = story.address(1);
    assert_eq!(
        story.change(2, Change::Add(1)),
        Err(ChangeRefusal::AlreadyMember(first))
    );
    assert_eq!(
        story.change(3, Change::Remove(1)),
        Err(ChangeRefusal::NotMember)
    );
    let replaced_where_it_lives = Change::Replace { member: 1, by: 1 };
    let alive = story.id(1);
    assert_eq!(
        story.change(2, replaced_where_it_lives),
        Err(ChangeRefusal::Alive(alive))
    );
    story.crash(3);
    story.wait(Duration::from_secs(1));
    let nobody = story.address(3);
    assert_eq!(
        story.change(1, Change::Add(3)),
        Err(ChangeRefusal::Unreachable(nobody))
    );
    story.change(1, Change::Remove(2)).unwrap();
    story.come_to_rest();
    assert_eq!(
        story.change(1, Change::Remove(1)),
        Err(ChangeRefusal::LastMember)
    );
    story.conclude();
}

#[test]
fn one_node_alone_grows_and_shrinks_again() {
    let mut story = cluster(1, 2, 3);
    write_all(&mut story, 1, "kept");
    for change in [Change::Add(2), Change::Add(3)] {
        story.change(1, change).unwrap();
        story.come_to_rest();
    }
    story.restart(1);
    story.come_to_rest();
    expect_all(&mut story, 1, "kept");
    for node in [1, 2] {
        story.change(3, Change::Remove(node)).unwrap();
        story.come_to_rest();
    }
    expect_all(&mut story, 3, "kept");
    story.conclude();
}
