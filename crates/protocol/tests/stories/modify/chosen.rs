//! What becomes of a step that was, or may have been, chosen when others come after it.

use super::*;

/// Node 1 proposes to add one, its step is chosen by nodes 1 and 2, and nobody hears of it.
fn with_chosen_step() -> (Cluster, Ticket) {
    let mut cluster = with_five();
    let ticket = cluster.request(1, add(1));
    cluster.deliver(|message| is_prepare(message) || is_prepare_reply(message));
    cluster.deliver(|message| is_accept(message) && message.to == node(2));
    cluster.lose(|_| true);
    (cluster, ticket)
}

#[test]
fn a_step_that_was_chosen_is_finished_by_another_when_its_proposer_is_dead() {
    let (mut cluster, _) = with_chosen_step();
    cluster.lanes.remove(&1);
    let ticket = cluster.request(3, add(10));
    let is_settled = |message: &Message| matches!(message.body, Body::Settled { .. });
    cluster.deliver(|message| !is_settled(message));
    // It has helped, and says so before it tries again.
    assert!(cluster.in_flight.iter().any(is_settled));
    assert_eq!(cluster.outcome(ticket), None);
    cluster.run_until_answered(&[ticket]);
    assert_eq!(cluster.modified(ticket), "16");
    assert_eq!(cluster.read_at(2).as_deref(), Some("16"));
}

#[test]
fn a_step_that_was_chosen_is_finished_before_a_comparison_fails() {
    let (mut cluster, _) = with_chosen_step();
    cluster.lanes.remove(&1);
    let ticket = cluster.request(3, set(Some("5"), "x"));
    cluster.run_until_answered(&[ticket]);
    assert!(matches!(
        cluster.outcome(ticket),
        Some(Outcome::Unchanged { record, .. }) if record.content.as_deref() == Some(b"6")
    ));
}

#[test]
fn an_operation_that_another_finished_took_place_once() {
    let (mut cluster, first) = with_chosen_step();
    // Node 3 finishes the step, and then finds that its own comparison fails.
    let other = cluster.request(3, set(Some("5"), "x"));
    while cluster.outcome(other).is_none() {
        cluster.deliver_among(&[2, 3]);
        cluster.lose(|_| true);
        cluster.pass(Duration::from_millis(10));
    }
    cluster.run_until_answered(&[first]);
    assert_eq!(cluster.modified(first), "6");
    assert_eq!(cluster.read_at(3).as_deref(), Some("6"));
}

#[test]
fn an_operation_on_whose_base_others_have_built_is_unknown_and_not_done_again() {
    let mut cluster = with_five();
    let first = cluster.request(1, add(1));
    cluster.deliver(|message| is_prepare(message) || is_prepare_reply(message));
    // Nobody but node 1 accepts its step.
    cluster.lose(|_| true);
    let second = cluster.request(2, add(10));
    while cluster.outcome(second).is_none() {
        cluster.deliver_among(&[2, 3]);
        cluster.lose(|_| true);
        cluster.pass(Duration::from_millis(10));
        cluster.lose(|message| message.from.node == node(1));
    }
    assert_eq!(cluster.modified(second), "15");
    cluster.run_until_answered(&[first]);
    assert_eq!(cluster.outcome(first), Some(&Outcome::Unknown));
    assert_eq!(cluster.read_at(3).as_deref(), Some("15"));
}

#[test]
fn a_step_that_nobody_accepted_is_proposed_again_while_nothing_has_moved_on() {
    let mut cluster = with_five();
    let ticket = cluster.request(1, add(1));
    cluster.deliver(is_prepare);
    // Somebody else is promised a greater ballot everywhere, and is never heard of again.
    for at in 1..=3 {
        cluster.arrive(rival_prepares(at, 7));
    }
    assert_eq!(
        cluster
            .in_flight
            .iter()
            .filter(|m| is_prepare_reply(m))
            .count(),
        5
    );
    cluster.deliver(is_prepare_reply);
    let proposed = cluster.in_flight.iter().find_map(|m| match &m.body {
        Body::Accept { step, .. } => Some(step.record()),
        _ => None,
    });
    cluster.run_until_answered(&[ticket]);
    let Some(Outcome::Modified { record, .. }) = cluster.outcome(ticket) else {
        panic!()
    };
    assert!(proposed.unwrap().agrees_with(record));
    assert_eq!(cluster.read_at(3).as_deref(), Some("6"));
}

#[test]
fn a_step_that_only_its_dead_proposer_accepted_never_takes_effect_once_others_moved_on() {
    let mut cluster = with_five();
    cluster.request(1, add(1));
    cluster.deliver(|message| is_prepare(message) || is_prepare_reply(message));
    let late = cluster.in_flight.iter().filter(|m| is_accept(m)).cloned();
    let late: Vec<Message> = late.collect();
    cluster.lose(|_| true);
    cluster.lanes.remove(&1);
    let ticket = cluster.request(2, add(10));
    cluster.run_until_answered(&[ticket]);
    assert_eq!(cluster.modified(ticket), "15");
    for message in late {
        cluster.arrive(message);
    }
    cluster.lose(|_| true);
    let ticket = cluster.request(3, add(100));
    cluster.run_until_answered(&[ticket]);
    assert_eq!(cluster.modified(ticket), "115");
}

#[test]
fn a_plain_write_that_passes_comes_after_the_step() {
    let mut cluster = with_five();
    let sum = cluster.request(1, add(1));
    cluster.deliver(|message| is_prepare(message) || is_prepare_reply(message));
    // The step is proposed; a write at node 2 completes before anybody else accepts it.
    let written = cluster.request(2, write("w"));
    cluster.deliver(|message| !is_accept(message));
    cluster.written(written);
    assert_eq!(cluster.outcome(sum), None);
    cluster.deliver_all();
    assert_eq!(cluster.modified(sum), "6");
    for at in 1..=3 {
        assert_eq!(cluster.read_at(at).as_deref(), Some("w"));
    }
}

#[test]
fn a_step_that_a_write_has_passed_is_not_taken_for_the_latest() {
    let mut cluster = with_five();
    let first = cluster.request(1, add(1));
    cluster.deliver(|message| is_prepare(message) || is_prepare_reply(message));
    let (accepts, _) = (cluster.in_flight.clone(), cluster.lose(|_| true));
    let written = cluster.request(2, write("50"));
    cluster.deliver_among(&[2, 3]);
    cluster.written(written);
    cluster.lose(|_| true);
    // Now nodes 2 and 3 accept the step: it took effect before the write.
    for message in accepts {
        cluster.arrive(message);
    }
    let replies = cluster.in_flight.clone();
    cluster.lose(|_| true);
    let second = cluster.request(3, add(2));
    cluster.deliver_all();
    assert_eq!(cluster.modified(second), "52");
    for message in replies {
        cluster.arrive(message);
    }
    cluster.deliver_all();
    assert_eq!(cluster.modified(first), "6");
    assert_eq!(cluster.read_at(1).as_deref(), Some("52"));
}

/// Node 3 has accepted a step that a write superseded, under a great ballot; then the step of node
/// 1 was chosen by nodes 1 and 2 under a lesser one, and node 1 died. Returns what a sum at node 3
/// makes of that.
fn sum_beside_a_superseded_step(adjust: fn(&mut LaneOptions)) -> String {
    let mut cluster = Cluster::with_options(3, adjust);
    let superseded = |proposer| Accepted {
        ballot: Ballot {
            round: 15,
            proposer,
        },
        tag: Tag {
            step: 1,
            ..Tag::ZERO
        },
        content: Some(Bytes::from_static(b"7")),
        expiry: None,
        operation: OperationId {
            origin: proposer,
            counter: Counter(1),
        },
    };
    cluster.arrive(from_a_rival(3, |counter, proposer| Body::Accept {
        counter,
        name: name(),
        step: Box::new(superseded(proposer)),
    }));
    cluster.lose(|_| true);
    cluster.request(1, write("5"));
    cluster.deliver_all();
    cluster.request(1, add(1));
    cluster.deliver(|message| message.to != node(3) && is_prepare(message));
    cluster.deliver(is_prepare_reply);
    cluster.deliver(|message| message.to != node(3) && is_accept(message));
    cluster.lanes.remove(&1);
    cluster.lose(|_| true);
    let ticket = cluster.request(3, add(10));
    cluster.run_until_answered(&[ticket]);
    cluster.modified(ticket).to_owned()
}

#[test]
fn a_chosen_step_is_finished_although_a_superseded_one_has_a_greater_ballot() {
    assert_eq!(sum_beside_a_superseded_step(|_| {}), "16");
}

#[cfg(feature = "planted-faults")]
#[test]
fn looking_at_the_greatest_ballot_of_all_loses_a_chosen_step() {
    let sum = sum_beside_a_superseded_step(|options| {
        options.planted = Some(PlantedFault::GreatestBallotOfAll);
    });
    assert_eq!(sum, "15");
}

#[test]
fn an_acknowledgement_of_an_abandoned_ballot_is_not_counted() {
    let mut cluster = with_five();
    let first = cluster.request(1, add(1));
    cluster.deliver(|message| is_prepare(message) || is_prepare_reply(message));
    cluster.deliver(is_accept);
    let late = cluster.in_flight.clone();
    assert!(late.iter().all(is_accept_reply));
    cluster.lose(|_| true);
    // Others promise greater ballots, so that node 1 gives up its own.
    for at in [2, 3] {
        cluster.arrive(rival_prepares(at, 7));
    }
    cluster.lose(|_| true);
    cluster.pass(Duration::from_millis(50));
    cluster.deliver_all();
    for message in late {
        cluster.arrive(message);
    }
    assert_eq!(cluster.outcome(first), None);
    cluster.run_until_answered(&[first]);
    assert_eq!(cluster.modified(first), "6");
}
