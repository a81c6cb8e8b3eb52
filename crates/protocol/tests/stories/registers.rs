//! Reads and writes at members.

use super::harness::*;
use protocol::*;
use std::time::Duration;

/// "a" is written by nodes 1 and 2; node 3 has heard nothing of it.
fn with_a_write_that_node_3_missed() -> Cluster {
    let mut cluster = Cluster::of(3);
    let written = cluster.request(1, write("a"));
    cluster.deliver_among(&[1, 2]);
    cluster.lose(|_| true);
    cluster.written(written);
    assert_eq!(cluster.lanes[&3].record(&name()), None);
    cluster
}

#[test]
fn a_write_takes_two_rounds_and_any_node_reads_it_in_one() {
    let mut cluster = Cluster::of(3);
    let written = cluster.request(1, write("a"));
    cluster.deliver_all();
    assert!(matches!(
        cluster.answers[&written],
        Outcome::Written { rounds: 2, .. }
    ));
    for at in 1..=3 {
        let ticket = cluster.request(at, read());
        cluster.deliver_all();
        assert_eq!(cluster.value(ticket), (Some("a"), 1));
    }
}

#[test]
fn a_register_nobody_wrote_holds_nothing_under_tag_zero() {
    let mut cluster = Cluster::of(3);
    let ticket = cluster.request(2, read());
    cluster.deliver_all();
    assert_eq!(cluster.value(ticket), (None, 1));
    let Outcome::Read { record, .. } = &cluster.answers[&ticket] else {
        panic!()
    };
    assert_eq!(record.tag, Tag::ZERO);
}

#[test]
fn a_minority_that_is_gone_is_not_waited_for() {
    for size in [1, 3, 5, 7] {
        let mut cluster = Cluster::of(size);
        for dead in 0..(size - 1) / 2 {
            cluster.lanes.remove(&(size - dead));
        }
        let written = cluster.request(1, write("a"));
        cluster.deliver_all();
        cluster.written(written);
        let ticket = cluster.request(1, read());
        cluster.deliver_all();
        assert_eq!(cluster.value(ticket), (Some("a"), 1));
    }
}

#[test]
fn a_reader_that_saw_a_dead_writers_value_makes_sure_of_it_first() {
    let mut cluster = Cluster::of(3);
    let unknown = cluster.request(1, write("a"));
    cluster.deliver(is_query);
    cluster.deliver(|message| matches!(message.body, Body::QueryReply { .. }));
    // Only node 2 gets the update, and then the writer dies.
    cluster.lose(|message| is_update(message) && message.to == node(3));
    cluster.deliver(is_update);
    cluster.lanes.remove(&1);
    cluster.deliver_all();
    assert!(!cluster.answers.contains_key(&unknown));

    let first = cluster.request(2, read());
    cluster.deliver(is_query);
    cluster.deliver(|message| matches!(message.body, Body::QueryReply { .. }));
    assert!(!cluster.answers.contains_key(&first), "not settled yet");
    cluster.deliver_all();
    assert_eq!(cluster.value(first), (Some("a"), 2));
    let second = cluster.request(3, read());
    cluster.deliver_all();
    assert_eq!(cluster.value(second), (Some("a"), 1));
}

#[test]
fn a_reader_whose_own_replica_missed_the_write_gets_the_value_in_the_same_round() {
    let mut cluster = with_a_write_that_node_3_missed();
    let ticket = cluster.request(3, read());
    cluster.deliver_all();
    let (value, rounds) = cluster.value(ticket);
    assert_eq!(value, Some("a"));
    assert!(rounds <= 2);
}

#[test]
fn a_value_is_fetched_apart_if_it_was_asked_of_nobody() {
    let mut cluster = with_a_write_that_node_3_missed();
    // Node 3 believes nobody alive, so it asks everyone for the tag alone.
    cluster.tell(3, 1, PeerState::Down);
    cluster.tell(3, 2, PeerState::Down);
    let ticket = cluster.request(3, read());
    cluster.deliver_all();
    assert_eq!(cluster.value(ticket).0, Some("a"));
}

#[test]
fn a_value_is_fetched_although_the_own_replica_has_moved_past_it() {
    let mut cluster = Cluster::of(3);
    let reader = cluster.request(3, read());
    cluster.lose(is_query);
    cluster.request(1, write("a"));
    cluster.request(2, write("b"));
    cluster.deliver(|message| !is_update(message) && message.to != node(3));
    // Node 1 holds "a", node 2 the greater "b", and node 3 takes that one too; its vote is older.
    cluster.deliver(|message| {
        is_update(message) && message.from.node == node(2) && message.to == node(3)
    });
    cluster.lose(|_| true);
    let held = |at| cluster.lanes[&at].record(&name()).map(|record| record.tag);
    assert!(held(1).is_some() && held(1) < held(3));
    cluster.pass(Duration::from_millis(50));
    cluster.deliver_among(&[1, 3]);
    cluster.value(reader);
}

#[test]
fn a_read_ends_although_the_own_replica_has_moved_past_its_vote_and_the_other_holder_is_dead() {
    let mut cluster = Cluster::of(3);
    cluster.request(2, write("a"));
    cluster.deliver(|message| !is_update(message));
    cluster.deliver(|message| is_update(message) && message.to == node(1));
    cluster.lanes.remove(&2);
    cluster.lose(|_| true);
    // At node 1, which alone holds "a", a write and a read; the write is first to hear of node 3.
    let write = cluster.request(1, write("b"));
    let read = cluster.request(1, read());
    cluster.deliver_all();
    cluster.written(write);
    cluster.value(read);
}

#[test]
fn a_read_starts_over_if_the_only_one_to_hold_the_value_dies_before_it_gives_it() {
    let mut cluster = Cluster::of(3);
    cluster.request(2, write("a"));
    cluster.deliver(|message| !is_update(message));
    cluster.lose(|_| true);
    cluster.tell(1, 2, PeerState::Down);
    let read = cluster.request(1, read());
    // Node 2 is asked for its tag alone, gives it, and dies.
    cluster.deliver(|message| is_query(message) && message.to == node(2));
    cluster.deliver(|message| message.from.node == node(2));
    cluster.lanes.remove(&2);
    cluster.deliver_all();
    assert!(!cluster.answers.contains_key(&read));
    cluster.pass(Duration::from_millis(50));
    cluster.deliver_all();
    assert_eq!(cluster.value(read).0, None);
}

#[test]
fn a_value_that_is_slow_to_come_is_not_asked_for_anew_for_ever() {
    let mut cluster = with_a_write_that_node_3_missed();
    cluster.tell(3, 1, PeerState::Down);
    cluster.tell(3, 2, PeerState::Down);
    let reader = cluster.request(3, read());
    let is_value = |message: &Message| match &message.body {
        Body::QueryReply { answer, .. } => matches!(answer, Answer::Record(_)),
        _ => false,
    };
    // Values take longer than any wait between two re-sends; all else takes no time.
    cluster.deliver(|message| !is_value(message));
    for _ in 0..8 {
        cluster.pass(Duration::from_millis(200));
        cluster.deliver(|message| !is_value(message));
    }
    assert!(!cluster.answers.contains_key(&reader));
    let first = cluster.in_flight.iter().position(is_value).unwrap();
    let value = cluster.in_flight.remove(first);
    cluster.lose(|_| true);
    cluster.arrive(value);
    cluster.deliver(|message| !is_value(message));
    assert_eq!(cluster.value(reader).0, Some("a"));
}

#[test]
fn writes_through_one_node_at_once_get_different_tags() {
    let mut cluster = Cluster::of(3);
    let tickets = [
        cluster.request(1, write("a")),
        cluster.request(1, write("b")),
        cluster.request(1, write("c")),
    ];
    cluster.deliver_all();
    let tags = tickets.map(|ticket| cluster.written(ticket));
    assert!(tags[0] != tags[1] && tags[1] != tags[2] && tags[0] != tags[2]);
}

#[test]
fn writes_through_two_nodes_at_once_end_in_one_order() {
    let mut cluster = Cluster::of(3);
    let tickets = [
        cluster.request(1, write("a")),
        cluster.request(2, write("b")),
    ];
    cluster.deliver_all();
    let tags = tickets.map(|ticket| cluster.written(ticket));
    let last = if tags[0] > tags[1] { "a" } else { "b" };
    for at in 1..=3 {
        let ticket = cluster.request(at, read());
        cluster.deliver_all();
        assert_eq!(cluster.value(ticket).0, Some(last));
    }
}

#[test]
fn a_delete_leaves_a_tombstone_that_keeps_its_tag() {
    let mut cluster = Cluster::of(3);
    cluster.request(1, write("a"));
    cluster.deliver_all();
    let deleted = cluster.request(2, delete());
    cluster.deliver_all();
    let tag = cluster.written(deleted);
    let ticket = cluster.request(3, read());
    cluster.deliver_all();
    assert_eq!(cluster.value(ticket), (None, 1));
    for lane in cluster.lanes.values() {
        assert_eq!(lane.record(&name()).unwrap().tag, tag);
    }
}

#[test]
fn without_a_quorum_nothing_is_done_and_that_is_said() {
    let mut cluster = Cluster::of(3);
    let tickets = [cluster.request(1, write("a")), cluster.request(1, read())];
    cluster.lose(|_| true);
    cluster.pass(DEADLINE);
    for ticket in tickets {
        let refused = Outcome::Refused(Refusal::NoQuorum);
        assert_eq!(cluster.answers[&ticket], refused);
    }
    assert_eq!(cluster.lanes[&1].record(&name()), None);
    assert_eq!(cluster.lanes[&1].operations_running(), 0);
    assert_eq!(cluster.lanes[&1].next_timeout(), None);
}

#[test]
fn a_write_that_was_sent_and_not_acknowledged_is_unknown_and_a_read_is_refused() {
    let mut cluster = Cluster::of(3);
    let write = cluster.request(1, write("a"));
    cluster.deliver(|message| !is_update(message));
    cluster.lose(|_| true);
    let read = cluster.request(1, read());
    cluster.lose(|_| true);
    cluster.pass(DEADLINE);
    assert_eq!(cluster.answers[&write], Outcome::Unknown);
    let refused = Outcome::Refused(Refusal::NoQuorum);
    assert_eq!(cluster.answers[&read], refused);
}

#[test]
fn lost_messages_are_sent_again_after_50_ms_then_twice_as_late_up_to_a_second() {
    let mut cluster = Cluster::of(3);
    let start = cluster.now;
    let ticket = cluster.request(1, read());
    let mut sent_at = Vec::new();
    while !cluster.answers.contains_key(&ticket) {
        cluster.lose(|_| true);
        let (at, _) = cluster.lanes[&1].next_timeout().unwrap();
        cluster.pass(at.since(cluster.now));
        if !cluster.in_flight.is_empty() {
            sent_at.push(cluster.now.since(start).as_millis());
        }
    }
    assert_eq!(sent_at, [50, 150, 350, 750, 1550, 2550, 3550, 4550]);
}

#[test]
fn repeated_messages_change_nothing() {
    let mut cluster = Cluster::of(3);
    let ticket = cluster.request(1, write("a"));
    while let Some(message) = cluster.in_flight.first().cloned() {
        cluster.in_flight.remove(0);
        cluster.arrive(message.clone());
        cluster.arrive(message);
    }
    let tag = cluster.written(ticket);
    for lane in cluster.lanes.values() {
        assert_eq!(lane.record(&name()).unwrap().tag, tag);
    }
}

#[test]
fn a_reply_to_another_request_is_not_counted() {
    let mut cluster = Cluster::of(3);
    cluster.request(1, read());
    cluster.deliver(is_query);
    let replies = cluster.in_flight.clone();
    cluster.lose(|_| true);
    cluster.pass(DEADLINE);
    cluster.lose(|_| true);
    let second = cluster.request(1, read());
    cluster.lose(|_| true);
    for reply in replies {
        cluster.arrive(reply);
    }
    assert!(!cluster.answers.contains_key(&second));
}

#[test]
fn the_own_replica_votes_only_when_its_disk_has_caught_up() {
    let mut cluster = Cluster::of(3);
    cluster.lanes.remove(&3);
    cluster.slow_disks = true;
    let ticket = cluster.request(1, write("a"));
    cluster.deliver_all();
    cluster.persist(2);
    cluster.deliver_all();
    assert!(
        !cluster.answers.contains_key(&ticket),
        "one of two is no quorum"
    );
    cluster.persist(1);
    cluster.written(ticket);
}

#[test]
fn a_record_is_shown_to_nobody_before_it_is_durable() {
    let mut cluster = Cluster::of(3);
    cluster.slow_disks = true;
    cluster.request(1, write("a"));
    cluster.deliver_all();
    // Nodes 2 and 3 have taken the record, and no disk has caught up.
    let reader = cluster.request(2, read());
    cluster.deliver_all();
    assert!(!cluster.answers.contains_key(&reader));
    cluster.persist(2);
    cluster.persist(3);
    cluster.deliver_all();
    assert_eq!(cluster.value(reader).0, Some("a"));
}

#[test]
fn a_node_that_knows_no_cluster_refuses_and_learns_of_it_from_the_first_request() {
    let mut cluster = Cluster::of(3);
    cluster.lanes.remove(&3);
    cluster.add(3);
    let refused = cluster.request(3, read());
    let no_cluster = Outcome::Refused(Refusal::NoCluster);
    assert_eq!(cluster.answers[&refused], no_cluster);
    cluster.request(1, write("a"));
    cluster.deliver_all();
    assert_eq!(cluster.lanes[&3].epoch(), Epoch::FIRST);
}

#[test]
fn a_coordinator_in_an_older_epoch_starts_over_with_the_same_tag() {
    let mut cluster = Cluster::of(3);
    let ticket = cluster.request(1, write("a"));
    cluster.deliver(|message| !is_update(message));
    let tag = cluster.lanes[&1].record(&name()).unwrap().tag;
    for at in [2, 3] {
        cluster.enter(at, configuration(2, 1..=3));
    }
    cluster.deliver_all();
    assert_eq!(cluster.lanes[&1].epoch(), Epoch(2));
    assert_eq!(cluster.written(ticket), tag);
}

#[test]
fn replies_of_an_older_epoch_are_forgotten() {
    let mut cluster = Cluster::of(3);
    let ticket = cluster.request(1, read());
    cluster.deliver(is_query);
    cluster.enter(1, configuration(2, 1..=3));
    // Both replies were given in epoch 1, and the coordinator has moved on.
    cluster.deliver(|message| {
        matches!(message.body, Body::QueryReply { .. }) && message.epoch == Epoch::FIRST
    });
    assert!(!cluster.answers.contains_key(&ticket));
    cluster.deliver_all();
    cluster.pass(Duration::from_millis(50));
    cluster.deliver_all();
    assert_eq!(cluster.value(ticket).0, None);
}

#[test]
fn an_operation_too_many_is_refused_at_once() {
    let mut cluster = Cluster::of(3);
    let mut options = LaneOptions::new(incarnation(1), 0);
    options.operations_max = 2;
    cluster.lanes.insert(1, Lane::new(options));
    cluster.enter(1, configuration(1, 1..=3));
    let tickets = [1, 2, 3].map(|_| cluster.request(1, read()));
    assert_eq!(
        cluster.answers.get(&tickets[2]),
        Some(&Outcome::Refused(Refusal::Busy))
    );
    cluster.deliver_all();
    assert_eq!(cluster.value(tickets[1]).0, None);
}

#[test]
fn a_settled_register_costs_readers_no_further_messages() {
    let mut cluster = Cluster::of(3);
    cluster.request(1, write("a"));
    cluster.deliver_all();
    cluster.request(2, read());
    cluster.deliver(is_query);
    cluster.deliver(|message| matches!(message.body, Body::QueryReply { .. }));
    assert_eq!(cluster.in_flight, []);
}

#[test]
fn a_late_update_of_a_cluster_that_has_died_changes_nothing_in_its_successor() {
    let (dead, living) = (ClusterId(1), ClusterId(2));
    let mut cluster = Cluster::of(0);
    for number in [1, 2, 3, 5, 6] {
        cluster.add(number);
    }
    // Nodes 1 and 3 enter a cluster with node 2, which misses the news, and then they die.
    for number in [1, 3] {
        cluster.enter(number, configuration_of(dead, 1, [1, 2, 3]));
    }
    for value in ["old", "older"] {
        let written = cluster.request(1, write(value));
        cluster.deliver_among(&[1, 3]);
        cluster.written(written);
    }
    let mut late = core::mem::take(&mut cluster.in_flight);
    late.retain(|message| is_update(message) && message.to == node(2));
    assert!(!late.is_empty());
    cluster.lanes.remove(&1);
    cluster.lanes.remove(&3);
    // Node 2 founds another one with those who took their places.
    for number in [2, 5, 6] {
        cluster.enter(number, configuration_of(living, 1, [2, 5, 6]));
    }
    let written = cluster.request(5, write("new"));
    cluster.deliver_all();
    let tag = cluster.written(written);
    for message in late {
        cluster.arrive(message);
    }
    assert_eq!(cluster.lanes[&2].record(&name()).unwrap().tag, tag);
}
