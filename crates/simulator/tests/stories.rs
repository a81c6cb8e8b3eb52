//! Short stories of what may go wrong, and what clients must see.

use protocol::{PeerState, Standing};
use simulator::{First, Lost, Story};
use std::time::Duration;

#[test]
fn any_node_serves_and_reads_take_one_round() {
    let mut story = Story::of(5);
    for node in 1..=5 {
        let value = format!("from {node}");
        assert_eq!(story.write(node, "r", &value).rounds(), 2);
        for reader in 1..=5 {
            let read = story.read(reader, "r");
            assert_eq!((read.value(), read.rounds()), (Some(value.as_str()), 1));
        }
    }
    story.conclude();
}

#[test]
fn a_register_that_nobody_wrote_or_that_was_deleted_holds_nothing() {
    let mut story = Story::of(3);
    assert_eq!(story.read(1, "r").value(), None);
    story.write(1, "r", "old");
    story.delete(2, "r");
    let read = story.read(3, "r");
    assert_eq!((read.value(), read.tag().seq), (None, 2));
    story.conclude();
}

#[test]
fn a_writer_dies_half_way_and_two_later_readers_agree() {
    // The new value reaches one of five. Whoever reads it first makes it last.
    for (first, second) in [(2, 4), (4, 2), (3, 5), (2, 3)] {
        let mut story = Story::of(5);
        story.write(1, "r", "old");
        for node in 3..=5 {
            story.lose(Lost::Updates, 1, node);
        }
        let write = story.begin_write(1, "r", "new");
        story.wait(Duration::from_millis(20));
        story.crash(1);
        assert!(story.end(write).is_unknown());

        let one = story.read(first, "r");
        let two = story.read(second, "r");
        if one.value() == Some("new") {
            assert_eq!(
                two.value(),
                Some("new"),
                "read at {first}, then at {second}"
            );
        }
        story.conclude();
    }
}

#[test]
fn a_reader_makes_sure_that_what_it_saw_stays() {
    let mut story = Story::of(3);
    story.write(1, "r", "old");
    story.lose(Lost::Updates, 1, 3);
    story.cut(1, 3);
    story.cut(3, 2);
    story.lose(Lost::Updates, 1, 2);
    story.with_timeout(Duration::from_millis(200));
    assert!(
        story.write(1, "r", "new").is_unknown(),
        "only the writer holds it"
    );

    // Only the writer's node knows the new value. It reads, and writes back to a majority.
    story.heal();
    story.with_timeout(Duration::from_secs(5));
    let first = story.read(1, "r");
    assert_eq!((first.value(), first.rounds()), (Some("new"), 2));
    story.crash(1);
    for node in [2, 3] {
        let later = story.read(node, "r");
        assert_eq!(
            (later.value(), later.rounds()),
            (Some("new"), 1),
            "at {node}"
        );
    }
    story.conclude();
}

#[test]
fn after_the_new_value_was_read_nobody_reads_the_old_one() {
    let mut story = Story::of(3);
    story.write(1, "r", "old");
    // The write reaches 2, and never 3: it has a quorum, but 3 holds the old value.
    story.lose(Lost::Updates, 1, 3);
    story.write(1, "r", "new");
    story.cut(2, 3);
    assert_eq!(story.read(2, "r").value(), Some("new"));
    assert_eq!(story.read(3, "r").value(), Some("new"));
    story.conclude();
}

#[test]
fn a_minority_refuses_in_time_and_the_majority_serves() {
    let mut story = Story::of(5);
    story.write(1, "r", "before");
    story.isolate(&[1, 2]);
    story.with_timeout(Duration::from_secs(1));
    for node in [1, 2] {
        let (read, write) = (
            story.begin_read(node, "r"),
            story.begin_write(node, "r", "lost"),
        );
        for told in [story.end(read), story.end(write)] {
            assert!(told.is_refused(), "{told:?}");
            assert!(told.took <= Duration::from_millis(1_010), "{told:?}");
        }
    }
    story.write(4, "r", "meanwhile");
    assert_eq!(story.read(5, "r").value(), Some("meanwhile"));

    story.heal();
    for node in 1..=5 {
        assert_eq!(
            story.read(node, "r").value(),
            Some("meanwhile"),
            "at {node}"
        );
        assert!(story.write(node, "r", "meanwhile").is_done(), "at {node}");
    }
    story.conclude();
}

#[test]
fn a_frozen_or_dead_node_is_known_as_such_within_two_seconds() {
    for dies in [false, true] {
        let mut story = Story::of(3);
        let gone = story.id(2);
        if dies {
            story.crash(2);
        } else {
            story.freeze(2);
        }
        story.wait(Duration::from_secs(2));
        for witness in [1, 3] {
            assert_eq!(
                story.state_of_id(gone, witness),
                PeerState::Down,
                "dies: {dies}"
            );
        }
        assert!(story.write(1, "r", "without it").is_done());
        story.conclude();
    }
}

#[test]
fn a_frozen_node_thaws_late_and_serves_nothing_stale() {
    for first in [First::Timers, First::Sockets] {
        let mut story = Story::of(3);
        story.write(3, "r", "old");
        story.freeze(3);
        let asked_in_vain = story.begin_read(3, "r");
        for value in ["new", "newer", "newest"] {
            assert!(story.write(1, "r", value).is_done());
        }
        story.wait(Duration::from_secs(3));
        story.thaw(3, first);
        assert_eq!(story.end(asked_in_vain).value(), Some("newest"));
        assert_eq!(story.read(3, "r").value(), Some("newest"));
        story.wait_until("it is believed in again", |story| {
            story.state_of(3, 1) == PeerState::Alive
        });
        story.conclude();
    }
}

#[test]
fn a_writer_that_was_frozen_half_way_cannot_hide_a_later_write() {
    for first in [First::Timers, First::Sockets] {
        let mut story = Story::of(3);
        let late = story.begin_write(1, "r", "late");
        story.freeze(1);
        assert!(story.write(2, "r", "in time").is_done());
        story.wait(Duration::from_secs(10));
        story.thaw(1, first);
        // It gives up if its deadline passed before it read the replies, or else it comes last.
        let late = story.end(late);
        let expected = if late.is_done() { "late" } else { "in time" };
        if !late.is_unknown() {
            assert_eq!(story.read(3, "r").value(), Some(expected));
        }
        story.conclude();
    }
}

#[test]
fn a_restarted_node_forwards_and_does_not_vote() {
    let mut story = Story::of(3);
    story.write(1, "r", "kept");
    story.restart(2);
    story.wait_until("it knows that it is outside", |story| {
        story.standing(2) == Some(Standing::Outsider)
    });
    assert_eq!(story.read(2, "r").value(), Some("kept"));
    assert!(story.write(2, "r", "through an outsider").is_done());

    // With one member gone and another cut off, the outsider's empty memory makes no majority.
    story.isolate(&[3]);
    story.with_timeout(Duration::from_secs(1));
    assert!(story.read(1, "r").is_refused());
    story.heal();
    story.with_timeout(Duration::from_secs(5));
    assert_eq!(story.read(3, "r").value(), Some("through an outsider"));
    story.conclude();
}

#[test]
fn a_forwarded_write_is_executed_once_however_often_it_arrives() {
    let mut story = Story::of(3);
    story.restart(3);
    story.wait_until("it knows that it is outside", |story| {
        story.standing(3) == Some(Standing::Outsider)
    });
    story.duplicate_everything();
    for member in [1, 2] {
        story.lose(Lost::ForwardReplies, member, 3);
    }
    let write = story.begin_write(3, "r", "once");
    story.wait(Duration::from_secs(1));
    story.heal();
    story.duplicate_everything();
    assert_eq!(
        story.end(write).tag().seq,
        1,
        "the write was sent again, and answered again"
    );
    let read = story.read(1, "r");
    assert_eq!(
        (read.value(), read.tag().seq),
        (Some("once"), 1),
        "a second execution would have a second tag"
    );
    story.conclude();
}

#[test]
fn when_a_majority_restarted_everything_is_refused_and_every_node_says_why() {
    let mut story = Story::of(3);
    story.write(1, "r", "gone");
    story.restart(1);
    story.restart(2);
    story.wait_until("every node knows that the data is gone", |story| {
        (1..=3).all(|node| story.knows_data_is_gone(node))
    });
    story.with_timeout(Duration::from_secs(1));
    for node in 1..=3 {
        assert!(story.read(node, "r").is_refused(), "at {node}");
        let write = story.write(node, "r", "in vain");
        assert!(!write.is_done(), "at {node}: {write:?}");
    }
    story.conclude();
}

#[test]
fn when_all_restarted_a_new_empty_cluster_is_founded() {
    let mut story = Story::of(3);
    story.write(1, "r", "gone");
    let former = story.cluster_of(1);
    for node in 1..=3 {
        story.crash(node);
    }
    for node in 1..=3 {
        story.start(node);
    }
    story.wait_until("a cluster is founded", |story| {
        (1..=3).all(|node| story.standing(node) == Some(Standing::Member))
    });
    assert_ne!(story.cluster_of(1), former);
    assert_eq!(story.read(2, "r").value(), None);
    story.conclude();
}

#[test]
fn a_proposer_that_restarts_neither_blocks_nor_splits_the_founding() {
    // The node at the least address proposes after two seconds; it dies at every moment around
    // that, to the millisecond.
    for after in 1_990..2_040 {
        let mut story = Story::before_founding(3);
        for node in 1..=3 {
            story.start(node);
        }
        story.wait(Duration::from_millis(after));
        story.restart(1);
        story.wait_until("every node knows a cluster", |story| {
            (1..=3).all(|node| story.cluster_of(node).is_some())
        });
        let clusters: Vec<_> = (1..=3).map(|node| story.cluster_of(node)).collect();
        assert!(
            clusters.iter().all(|cluster| *cluster == clusters[0]),
            "{after} ms: {clusters:?}"
        );
        story.conclude();
    }
}
