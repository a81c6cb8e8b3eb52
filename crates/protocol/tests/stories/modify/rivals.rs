//! Read-modify-writes that meet: turns at one node, duels between several, lost messages, and when a
//! ballot is given up.

use super::*;

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
    let greater = rival_prepares(2, 7);
    cluster.arrive(greater.clone());
    cluster.lose(|_| true);
    let ticket = cluster.request(1, add(1));
    let ballot = ballot_of(&cluster.in_flight[0]);
    assert!(ballot < ballot_of(&greater));
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
    for at in [2, 3] {
        cluster.arrive(rival_prepares(at, 7));
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
        cluster.arrive(rival_prepares(2, 7));
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
