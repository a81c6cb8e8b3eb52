//! Read-modify-writes at members.

use super::harness::*;
use bytes::Bytes;
use protocol::*;
use std::time::Duration;

/// Makes the register hold "5", settled.
fn with_five() -> Cluster {
    let mut cluster = Cluster::of(3);
    cluster.request(1, write("5"));
    cluster.deliver_all();
    cluster
}

/// A message from a node that the harness does not run.
fn from_afar(to: u64, body: Body) -> Message {
    Message {
        from: incarnation(9),
        to: node(to),
        cluster: ClusterId(1),
        epoch: Epoch::FIRST,
        low_water: Counter(1),
        body,
    }
}

fn ballot_of(message: &Message) -> Ballot {
    match &message.body {
        Body::Prepare { ballot, .. } => *ballot,
        Body::Accept { step, .. } => step.ballot,
        other => panic!("{other:?} carries no ballot"),
    }
}

#[test]
fn a_sum_takes_three_rounds_and_every_node_reads_it() {
    let mut cluster = with_five();
    let ticket = cluster.request(1, add(3));
    cluster.deliver_all();
    assert_eq!(cluster.modified(ticket), "8");
    assert!(matches!(
        cluster.outcome(ticket),
        Some(Outcome::Modified { rounds: 3, .. })
    ));
    for at in 1..=3 {
        assert_eq!(cluster.read_at(at).as_deref(), Some("8"));
    }
}

#[test]
fn a_step_follows_right_on_the_record_it_was_computed_from() {
    let mut cluster = with_five();
    let base = cluster.lanes[&1].record(&name()).unwrap().tag;
    let ticket = cluster.request(2, set(Some("5"), "six"));
    cluster.deliver_all();
    let Some(Outcome::Modified { record, .. }) = cluster.outcome(ticket) else {
        panic!()
    };
    assert_eq!(record.tag, Tag { step: 1, ..base });
    assert!(record.operation.is_some());
    let ticket = cluster.request(1, write("7"));
    cluster.deliver_all();
    assert!(cluster.written(ticket) > Tag { step: 1, ..base });
    assert_eq!(cluster.lanes[&2].record(&name()).unwrap().operation, None);
}

#[test]
fn a_register_that_nobody_wrote_is_set_if_absent_and_counts_from_nothing() {
    let mut cluster = Cluster::of(3);
    let first = cluster.request(1, set(None, "1"));
    cluster.deliver_all();
    assert_eq!(cluster.modified(first), "1");
    let second = cluster.request(2, set(None, "2"));
    cluster.deliver_all();
    assert!(matches!(
        cluster.outcome(second),
        Some(Outcome::Unchanged { record, .. }) if record.content.as_deref() == Some(b"1")
    ));
    let mut cluster = Cluster::of(3);
    let sum = cluster.request(1, add(-4));
    cluster.deliver_all();
    assert_eq!(cluster.modified(sum), "-4");
}

#[test]
fn a_single_member_modifies_alone() {
    let mut cluster = Cluster::of(1);
    let tickets = [cluster.request(1, add(1)), cluster.request(1, add(2))];
    assert_eq!(
        tickets.map(|ticket| cluster.modified(ticket).to_owned()),
        ["1", "3"]
    );
}

#[test]
fn a_coordinator_that_holds_no_replica_modifies_all_the_same() {
    let members: Vec<Member> = (1..=3).map(member).collect();
    let sharded = Configuration::new(ClusterId(1), Epoch(2), members, 1).unwrap();
    let sharded = std::sync::Arc::new(sharded);
    let mut cluster = Cluster::of(3);
    for at in 1..=3 {
        cluster.enter(at, sharded.clone());
    }
    let quorums = sharded.quorums(name().slot());
    let holds = |at: &u64| quorums.contains(node(*at));
    assert_eq!((1..=3).filter(holds).count(), 1);
    let tickets = [1, 2, 3].map(|at| cluster.request(at, add(1)));
    cluster.run_until_answered(&tickets);
    for ticket in tickets {
        cluster.modified(ticket);
    }
    assert_eq!(cluster.read_at(1).as_deref(), Some("3"));
}

#[test]
fn a_comparison_that_fails_proposes_nothing_and_tells_what_is_there() {
    let mut cluster = with_five();
    let ticket = cluster.request(1, set(Some("4"), "6"));
    cluster.deliver(is_prepare);
    cluster.deliver(is_prepare_reply);
    let Some(Outcome::Unchanged { record, rounds: 1 }) = cluster.outcome(ticket) else {
        panic!()
    };
    assert_eq!(record.content.as_deref(), Some(&b"5"[..]));
    assert!(!cluster.in_flight.iter().any(is_accept));
}

#[test]
fn a_comparison_that_fails_makes_sure_of_what_it_saw() {
    let mut cluster = Cluster::of(5);
    cluster.request(1, write("5"));
    cluster.deliver(|message| !is_update(message));
    cluster.lanes.retain(|&number, _| number <= 3);
    // Only its writer holds the value.
    cluster.lose(|_| true);
    let ticket = cluster.request(2, set(Some("4"), "6"));
    cluster.deliver(is_prepare);
    cluster.deliver(is_prepare_reply);
    assert_eq!(
        cluster.outcome(ticket),
        None,
        "a reader might still miss it"
    );
    assert!(cluster.in_flight.iter().all(is_update));
    cluster.deliver_all();
    assert!(matches!(
        cluster.outcome(ticket),
        Some(Outcome::Unchanged { rounds: 2, .. })
    ));
    let held = |at| cluster.lanes[&at].record(&name()).map(|record| record.tag);
    assert!(held(1).is_some() && held(1) == held(3));
}

#[test]
fn what_is_no_integer_is_not_added_to() {
    let mut cluster = Cluster::of(3);
    cluster.request(1, write("five"));
    cluster.deliver_all();
    let ticket = cluster.request(1, add(1));
    cluster.deliver_all();
    assert!(matches!(
        cluster.outcome(ticket),
        Some(Outcome::Unchanged { .. })
    ));
}

/// Each of these requests added a power of two of its own: those that took place are in the sum,
/// and nothing is in it that may not have taken place. Returns how many are known to be in it.
fn each_counted_once(cluster: &mut Cluster, added: &[(Ticket, u64)]) -> usize {
    let sum = cluster.read_at(1).map_or(0, |text| text.parse().unwrap());
    let (mut certain, mut possible, mut count) = (0, 0, 0);
    for (ticket, amount) in added {
        match cluster.outcome(*ticket) {
            Some(Outcome::Modified { .. }) => (certain, count) = (certain | amount, count + 1),
            Some(Outcome::Unknown) => possible |= amount,
            other => panic!("the addition ended as {other:?}"),
        }
    }
    assert_eq!(sum & certain, certain, "{sum:b} lacks what took place");
    assert_eq!(sum & !(certain | possible), 0, "{sum:b} has too much");
    count
}

#[test]
fn two_proposers_that_duel_both_end_and_each_counts_once() {
    let mut cluster = Cluster::of(3);
    let added = [1, 2].map(|at| (cluster.request(at, add(at.cast_signed())), at));
    cluster.run_until_answered(&added.map(|(ticket, _)| ticket));
    assert!(each_counted_once(&mut cluster, &added) > 0);
}

#[test]
fn proposers_at_every_node_end_although_one_replica_is_down() {
    let mut cluster = Cluster::of(5);
    cluster.lanes.remove(&5);
    let start = cluster.now;
    let added: Vec<(Ticket, u64)> = (0..16)
        .map(|turn| (cluster.request(turn % 4 + 1, add(1 << turn)), 1 << turn))
        .collect();
    let tickets: Vec<Ticket> = added.iter().map(|(ticket, _)| *ticket).collect();
    cluster.run_until_answered(&tickets);
    assert!(each_counted_once(&mut cluster, &added) > 0);
    assert!(
        cluster.now.since(start) < DEADLINE,
        "nobody waited for ever"
    );
}

#[test]
fn those_of_one_node_go_one_after_another_and_do_not_duel() {
    let mut cluster = Cluster::of(3);
    let tickets = [1, 2, 4].map(|amount| cluster.request(1, add(amount)));
    let prepared = |cluster: &Cluster| {
        let sent = cluster
            .in_flight
            .iter()
            .filter(|message| is_prepare(message));
        sent.count()
    };
    assert_eq!(
        prepared(&cluster),
        2,
        "the first alone has asked the two others"
    );
    cluster.deliver_all();
    let sums = tickets.map(|ticket| cluster.modified(ticket).to_owned());
    assert_eq!(sums, ["1", "3", "7"]);
    for ticket in tickets {
        assert!(matches!(
            cluster.outcome(ticket),
            Some(Outcome::Modified { rounds: 3, .. })
        ));
    }
}

#[test]
fn one_that_waits_for_its_turn_until_its_deadline_certainly_did_nothing() {
    let mut cluster = Cluster::of(3);
    let first = cluster.request(1, add(1));
    cluster.deliver(|message| is_prepare(message) || is_prepare_reply(message));
    let second = cluster.request(1, add(2));
    cluster.lose(|_| true);
    cluster.pass(DEADLINE);
    assert_eq!(cluster.outcome(first), Some(&Outcome::Unknown));
    let refused = Outcome::Refused(Refusal::NoQuorum);
    assert_eq!(cluster.outcome(second), Some(&refused));
    assert_eq!(cluster.lanes[&1].operations_running(), 0);
    cluster.lose(|_| true);
    let third = cluster.request(1, add(4));
    cluster.run_until_answered(&[third]);
    assert!(["4", "5"].contains(&cluster.modified(third)));
}

#[test]
fn without_a_quorum_nothing_is_done_and_that_is_said() {
    let mut cluster = Cluster::of(3);
    let ticket = cluster.request(1, add(1));
    cluster.lose(|_| true);
    cluster.pass(DEADLINE);
    let refused = Outcome::Refused(Refusal::NoQuorum);
    assert_eq!(cluster.outcome(ticket), Some(&refused));
    assert_eq!(cluster.lanes[&1].next_timeout(), None);
}

#[test]
fn lost_messages_are_sent_again_under_the_same_ballot() {
    let mut cluster = Cluster::of(3);
    let ticket = cluster.request(1, add(1));
    let ballot = ballot_of(&cluster.in_flight[0]);
    cluster.lose(|_| true);
    cluster.pass(Duration::from_millis(50));
    assert!(cluster.in_flight.iter().all(is_prepare));
    assert!(cluster.in_flight.iter().all(|m| ballot_of(m) == ballot));
    cluster.deliver(|message| is_prepare(message) || is_prepare_reply(message));
    cluster.lose(is_accept);
    cluster.pass(Duration::from_millis(100));
    assert!(cluster.in_flight.iter().all(is_accept));
    assert!(cluster.in_flight.iter().all(|m| ballot_of(m) == ballot));
    cluster.deliver_all();
    assert_eq!(cluster.modified(ticket), "1");
}

#[test]
fn without_a_refusal_a_ballot_is_kept_although_nobody_is_expected_to_answer() {
    let mut cluster = Cluster::of(3);
    for peer in [2, 3] {
        cluster.tell(1, peer, PeerState::Down);
    }
    let ticket = cluster.request(1, add(1));
    let ballot = ballot_of(&cluster.in_flight[0]);
    for _ in 0..8 {
        cluster.lose(|_| true);
        cluster.pass(Duration::from_millis(500));
    }
    assert!(cluster.in_flight.iter().all(|m| ballot_of(m) == ballot));
    cluster.deliver_all();
    assert_eq!(cluster.modified(ticket), "1");
}

#[test]
fn repeated_messages_change_nothing() {
    let mut cluster = Cluster::of(3);
    let added = [1, 2].map(|at| (cluster.request(at, add(at.cast_signed())), at));
    while added
        .iter()
        .any(|(ticket, _)| cluster.outcome(*ticket).is_none())
    {
        while !cluster.in_flight.is_empty() {
            let message = cluster.in_flight.remove(0);
            cluster.arrive(message.clone());
            cluster.arrive(message);
        }
        cluster.pass(Duration::from_millis(1));
    }
    each_counted_once(&mut cluster, &added);
}

#[test]
fn a_refusal_is_not_final_while_others_may_still_promise() {
    let mut cluster = Cluster::of(3);
    // Node 2 has promised a greater ballot to somebody who is never heard of again.
    let greater = Ballot {
        round: 7,
        proposer: incarnation(9),
    };
    cluster.arrive(from_afar(
        2,
        Body::Prepare {
            counter: Counter(1),
            name: name(),
            ballot: greater,
        },
    ));
    cluster.lose(|_| true);
    let ticket = cluster.request(1, add(1));
    let ballot = ballot_of(&cluster.in_flight[0]);
    assert!(ballot < greater);
    cluster.deliver(|message| message.to == node(2));
    cluster.deliver(|message| message.from.node == node(2));
    cluster.deliver(|message| message.to == node(3));
    cluster.deliver(is_prepare_reply);
    let accepts = || {
        cluster
            .in_flight
            .iter()
            .filter(|message| is_accept(message))
    };
    assert_eq!(accepts().count(), 2);
    assert!(accepts().all(|message| ballot_of(message) == ballot));
    cluster.deliver_all();
    assert_eq!(cluster.modified(ticket), "1");
}

#[test]
fn a_refusal_is_final_when_no_quorum_is_left_and_the_next_ballot_is_greater() {
    let mut cluster = Cluster::of(3);
    let greater = Ballot {
        round: 7,
        proposer: incarnation(9),
    };
    for at in [2, 3] {
        cluster.arrive(from_afar(
            at,
            Body::Prepare {
                counter: Counter(1),
                name: name(),
                ballot: greater,
            },
        ));
    }
    cluster.lose(|_| true);
    let ticket = cluster.request(1, add(1));
    cluster.deliver_all();
    assert_eq!(cluster.outcome(ticket), None);
    let (at, timer) = cluster.lanes[&1].next_timeout().unwrap();
    assert_eq!(timer, LaneTimer::Resend);
    assert!(at.since(cluster.now) < Duration::from_millis(50));
    cluster.pass(at.since(cluster.now));
    assert!(cluster.in_flight.iter().all(|m| ballot_of(m).round == 8));
    cluster.deliver_all();
    assert_eq!(cluster.modified(ticket), "1");
}

#[test]
fn a_refusal_is_final_when_those_who_are_left_are_down_or_silent_for_long() {
    for is_known in [true, false] {
        let mut cluster = Cluster::of(3);
        cluster.lanes.remove(&3);
        if is_known {
            cluster.tell(1, 3, PeerState::Down);
        }
        let proposer = incarnation(9);
        cluster.arrive(from_afar(
            2,
            Body::Prepare {
                counter: Counter(1),
                name: name(),
                ballot: Ballot { round: 7, proposer },
            },
        ));
        cluster.lose(|_| true);
        let start = cluster.now;
        let ticket = cluster.request(1, add(1));
        cluster.run_until_answered(&[ticket]);
        assert_eq!(cluster.modified(ticket), "1");
        let took = cluster.now.since(start);
        let longest = if is_known { 50 } else { 500 };
        assert!(took < Duration::from_millis(longest), "{took:?}");
    }
}

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
    let proposer = incarnation(9);
    let prepare = Body::Prepare {
        counter: Counter(1),
        name: name(),
        ballot: Ballot { round: 7, proposer },
    };
    for at in 1..=3 {
        cluster.arrive(from_afar(at, prepare.clone()));
    }
    cluster.lose(|message| message.to == node(9));
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
    let proposer = incarnation(9);
    let superseded = Accepted {
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
    cluster.arrive(from_afar(
        3,
        Body::Accept {
            counter: Counter(1),
            name: name(),
            step: superseded,
        },
    ));
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
    let proposer = incarnation(9);
    for at in [2, 3] {
        cluster.arrive(from_afar(
            at,
            Body::Prepare {
                counter: Counter(1),
                name: name(),
                ballot: Ballot { round: 7, proposer },
            },
        ));
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

#[test]
fn the_own_replica_promises_and_accepts_only_when_its_disk_has_caught_up() {
    let mut cluster = Cluster::of(3);
    cluster.lanes.remove(&3);
    cluster.slow_disks = true;
    let ticket = cluster.request(1, add(1));
    // Of two that are left, one is no quorum: each round waits for both disks.
    for kind in [is_accept, is_update] {
        cluster.deliver_all();
        cluster.persist(2);
        cluster.deliver_all();
        assert!(!cluster.in_flight.iter().any(kind));
        cluster.persist(1);
        assert!(cluster.in_flight.iter().any(kind));
    }
    cluster.deliver_all();
    cluster.persist(2);
    cluster.deliver_all();
    assert_eq!(cluster.outcome(ticket), None);
    cluster.persist(1);
    assert_eq!(cluster.modified(ticket), "1");
}

#[test]
fn a_promise_and_an_accepted_step_are_shown_to_nobody_before_they_are_durable() {
    let mut cluster = Cluster::of(3);
    cluster.slow_disks = true;
    cluster.request(1, add(1));
    cluster.deliver(is_prepare);
    assert!(!cluster.in_flight.iter().any(is_prepare_reply));
    for at in 1..=3 {
        cluster.persist(at);
    }
    cluster.deliver(is_prepare_reply);
    cluster.deliver(is_accept);
    assert!(!cluster.in_flight.iter().any(is_accept_reply));
    // A repeated question waits as the first one does.
    cluster.pass(Duration::from_millis(150));
    cluster.deliver(is_accept);
    assert!(!cluster.in_flight.iter().any(is_accept_reply));
    for at in 1..=3 {
        cluster.persist(at);
    }
    assert!(cluster.in_flight.iter().any(is_accept_reply));
}

#[test]
fn steps_and_rounds_that_are_used_up_are_refused() {
    let full = Tag {
        seq: 1,
        writer: incarnation(9),
        step: u32::MAX,
    };
    let record = Record {
        tag: full,
        content: Some(Bytes::from_static(b"1")),
        expiry: None,
        operation: None,
        settled: false,
    };
    let update = Body::Update {
        counter: Counter(1),
        name: name(),
        record,
    };
    let last_round = Body::Prepare {
        counter: Counter(1),
        name: name(),
        ballot: Ballot {
            round: Ballot::ROUND_MAX,
            proposer: incarnation(9),
        },
    };
    for body in [update, last_round] {
        let mut cluster = Cluster::of(3);
        for at in 1..=3 {
            cluster.arrive(from_afar(at, body.clone()));
        }
        cluster.lose(|_| true);
        let tickets = [cluster.request(1, add(1)), cluster.request(1, add(2))];
        cluster.run_until_answered(&tickets);
        for ticket in tickets {
            let refused = Outcome::Refused(Refusal::Exhausted);
            assert_eq!(cluster.outcome(ticket), Some(&refused));
        }
        // A plain write goes on.
        let written = cluster.request(1, write("w"));
        cluster.deliver_all();
        cluster.written(written);
    }
}

#[test]
fn what_was_settled_on_the_way_costs_readers_no_further_messages() {
    let mut cluster = with_five();
    cluster.request(1, add(1));
    cluster.deliver_all();
    let reader = cluster.request(2, read());
    cluster.deliver_all();
    assert_eq!(cluster.value(reader), (Some("6"), 1));
    for lane in cluster.lanes.values() {
        assert!(lane.record(&name()).unwrap().settled);
    }
}

#[test]
fn an_outsider_forwards_a_read_modify_write_which_is_executed_once() {
    let mut cluster = with_five();
    cluster.add(9);
    cluster.enter(9, configuration(1, 1..=3));
    let ticket = cluster.request(9, add(1));
    let forward = cluster.in_flight[0].clone();
    cluster.arrive(forward.clone());
    cluster.deliver_all();
    assert_eq!(cluster.modified(ticket), "6");
    cluster.arrive(forward);
    cluster.deliver_all();
    assert_eq!(cluster.read_at(1).as_deref(), Some("6"));
}

#[test]
fn a_forwarded_read_modify_write_goes_to_another_only_if_nothing_was_proposed() {
    let mut cluster = with_five();
    cluster.add(9);
    cluster.enter(9, configuration(1, 1..=3));
    let ticket = cluster.request(9, add(1));
    let executor = cluster.in_flight[0].to.get();
    cluster.deliver(|message| matches!(message.body, Body::Forward { .. }));
    // Its executor reaches nobody, and says so.
    while !cluster.in_flight.iter().any(|m| m.to == node(9)) {
        cluster.lose(|_| true);
        cluster.pass(Duration::from_millis(100));
    }
    cluster.deliver(|message| message.to == node(9));
    let other = cluster.in_flight.iter().find(|m| m.from.node == node(9));
    assert_ne!(other.unwrap().to.get(), executor);
    cluster.deliver_all();
    assert_eq!(cluster.modified(ticket), "6");
}
