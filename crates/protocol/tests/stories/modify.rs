//! Read-modify-writes at members.

mod chosen;
mod disks;
mod rivals;

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

/// A message to a node that another member would never send in this story, of which nobody hears
/// again.
fn from_a_rival(to: u64, body: impl FnOnce(Counter, Incarnation) -> Body) -> Message {
    let from = incarnation(to % 3 + 1);
    Message {
        from,
        to: node(to),
        cluster: ClusterId(1),
        epoch: Epoch::FIRST,
        low_water: Counter(1),
        body: body(Counter(1 << 40), from),
    }
}

/// A rival asks a node to promise its ballot of this round.
fn rival_prepares(to: u64, round: u64) -> Message {
    from_a_rival(to, |counter, proposer| Body::Prepare {
        counter,
        name: name(),
        ballot: Ballot { round, proposer },
    })
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
    let sharded = Configuration::new(ClusterId(1), Epoch(3), members, 1).unwrap();
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
    let Some(Outcome::Unchanged {
        record, rounds: 1, ..
    }) = cluster.outcome(ticket)
    else {
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
    let update = |to| {
        from_a_rival(to, |counter, _| Body::Update {
            counter,
            name: name(),
            record: record.clone(),
        })
    };
    let last_round = |to| rival_prepares(to, Ballot::ROUND_MAX);
    for message in [&update as &dyn Fn(u64) -> Message, &last_round] {
        let mut cluster = Cluster::of(3);
        for at in 1..=3 {
            cluster.arrive(message(at));
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
