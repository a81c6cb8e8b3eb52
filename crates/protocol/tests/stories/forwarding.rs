//! What a node does for another that is no member, and what that one does.

use super::harness::*;
use protocol::*;
use std::time::Duration;

fn with_outsider() -> Cluster {
    let mut cluster = Cluster::of(3);
    cluster.add(9);
    cluster.enter(9, configuration(1, 1..=3));
    cluster
}

#[test]
fn an_outsider_forwards_and_its_client_is_answered() {
    let mut cluster = with_outsider();
    let written = cluster.request(9, write("a"));
    cluster.deliver_all();
    cluster.written(written);
    let ticket = cluster.request(9, read());
    cluster.deliver_all();
    assert_eq!(cluster.value(ticket), (Some("a"), 1));
}

#[test]
fn a_forwarded_write_is_executed_once_however_often_it_is_sent() {
    let mut cluster = with_outsider();
    let ticket = cluster.request(9, write("a"));
    let forward = cluster.in_flight[0].clone();
    cluster.arrive(forward.clone());
    cluster.deliver_all();
    let tag = cluster.written(ticket);
    let later = cluster.request(1, write("b"));
    cluster.deliver_all();
    assert!(cluster.written(later) > tag);
    cluster.arrive(forward);
    cluster.deliver_all();
    let ticket = cluster.request(1, read());
    cluster.deliver_all();
    assert_eq!(cluster.value(ticket).0, Some("b"));
}

/// Node 3 misses how it is removed, and its requests with it, and learns of a later epoch only.
fn removed_while_away(cluster: &mut Cluster) {
    cluster.lose(|_| true);
    for at in [1, 2] {
        cluster.enter(at, configuration(7, 1..=2));
    }
    cluster.enter(3, configuration(7, 1..=2));
}

#[test]
fn one_that_is_no_member_any_more_hands_over_what_it_has_begun() {
    let mut cluster = Cluster::of(3);
    let operations = [read(), write("a"), delete(), add(1), add(2), set(None, "b")];
    let tickets = operations.map(|operation| cluster.request(3, operation));
    assert!(
        tickets
            .iter()
            .all(|ticket| cluster.outcome(*ticket).is_none())
    );
    removed_while_away(&mut cluster);
    cluster.deliver_all();
    for ticket in tickets {
        let outcome = cluster.outcome(ticket).expect("it was handed over");
        assert!(
            !matches!(outcome, Outcome::Refused(_) | Outcome::Unknown),
            "{outcome:?}"
        );
    }
}

#[test]
fn what_somebody_may_hold_is_not_handed_over() {
    for (operation, phase) in [
        (write("a"), is_update as fn(&Message) -> bool),
        (add(1), is_accept),
    ] {
        let mut cluster = Cluster::of(3);
        let ticket = cluster.request(3, operation);
        cluster.deliver(|message| !phase(message));
        assert!(cluster.in_flight.iter().any(phase));
        removed_while_away(&mut cluster);
        let is_forward = |message: &Message| matches!(message.body, Body::Forward { .. });
        assert!(!cluster.in_flight.iter().any(is_forward));
        cluster.deliver_all();
        cluster.pass(DEADLINE);
        assert_eq!(cluster.outcome(ticket), Some(&Outcome::Unknown));
    }
}

#[test]
fn a_forward_whose_forwarder_has_moved_on_is_not_executed() {
    let mut cluster = with_outsider();
    cluster.request(9, write("a"));
    let forward = cluster.in_flight.remove(0);
    cluster.pass(DEADLINE);
    cluster.lose(|_| true);
    let ticket = cluster.request(9, read());
    cluster.deliver_all();
    assert_eq!(cluster.value(ticket).0, None);
    // The outsider's low-water mark has passed the late forward's number.
    cluster.arrive(forward);
    cluster.deliver_all();
    assert_eq!(cluster.lanes[&1].record(&name()), None);
}

#[test]
fn a_forwarded_write_goes_to_another_member_only_if_the_first_certainly_did_nothing() {
    let mut cluster = with_outsider();
    let ticket = cluster.request(9, write("a"));
    let executor = cluster.in_flight[0].to;
    cluster.lose(|_| true);
    cluster.tell(9, executor.get(), PeerState::Down);
    cluster.pass(Duration::from_secs(1));
    assert!(
        cluster
            .in_flight
            .iter()
            .all(|message| message.to == executor)
    );
    cluster.lose(|_| true);
    cluster.pass(DEADLINE);
    assert_eq!(cluster.answers[&ticket], Outcome::Unknown);
}

#[test]
fn a_forwarded_read_goes_to_another_member_when_the_first_is_silent() {
    let mut cluster = with_outsider();
    let ticket = cluster.request(9, read());
    let executor = cluster.in_flight[0].to;
    cluster.lose(|_| true);
    cluster.tell(9, executor.get(), PeerState::Suspect);
    cluster.pass(Duration::from_millis(100));
    cluster.deliver_all();
    assert_eq!(cluster.value(ticket).0, None);
}

#[test]
fn an_outsider_that_finds_no_member_alive_refuses_at_the_deadline() {
    let mut cluster = with_outsider();
    for member in 1..=3 {
        cluster.tell(9, member, PeerState::Down);
    }
    let ticket = cluster.request(9, write("a"));
    cluster.pass(DEADLINE);
    let refused = Outcome::Refused(Refusal::NoMember);
    assert_eq!(cluster.answers[&ticket], refused);
}

#[test]
fn an_outsider_asks_suspects_if_nobody_is_known_to_be_alive() {
    for operation in [read(), write("a")] {
        let mut cluster = with_outsider();
        for member in 1..=3 {
            cluster.tell(9, member, PeerState::Suspect);
        }
        let ticket = cluster.request(9, operation);
        cluster.deliver_all();
        assert!(cluster.answers.contains_key(&ticket));
    }
}

#[test]
fn an_outsider_gives_a_write_to_nobody_of_whom_it_never_heard() {
    let mut cluster = with_outsider();
    let nothing_heard = Lane::new(LaneOptions::new(incarnation(9), 0));
    cluster.lanes.insert(9, nothing_heard);
    cluster.enter(9, configuration(1, 1..=3));
    let ticket = cluster.request(9, write("a"));
    assert_eq!(cluster.in_flight, []);
    cluster.tell(9, 2, PeerState::Alive);
    cluster.deliver_all();
    cluster.written(ticket);
}

/// A message of a node that the harness does not run.
fn from_afar(from: u64, low_water: u64, body: Body) -> Message {
    Message {
        from: incarnation(from),
        to: node(1),
        cluster: ClusterId(1),
        epoch: Epoch::FIRST,
        low_water: Counter(low_water),
        body,
    }
}

fn forward(counter: u64, operation: Operation) -> Body {
    Body::Forward {
        counter: Counter(counter),
        executor: Boot::FIRST,
        operation: Box::new(operation),
        time_left: DEADLINE,
    }
}

#[test]
fn a_low_water_mark_below_all_numbers_harms_nobody() {
    let mut cluster = Cluster::of(3);
    cluster.arrive(from_afar(9, 1, forward(1, write("a"))));
    cluster.deliver_among(&[1, 2, 3]);
    let (name, tag) = (name(), Tag::ZERO);
    cluster.arrive(from_afar(9, 0, Body::Settled { name, tag }));
}

#[test]
fn forwarders_that_died_do_not_take_the_room_of_others() {
    let mut cluster = Cluster::of(1);
    // Each dies with as many writes on their way as it may have; nobody says that they ended.
    for dead in 100..116 {
        for counter in 1..=4096 {
            cluster.arrive(from_afar(dead, 1, forward(counter, write("a"))));
        }
        cluster.lose(|_| true);
    }
    cluster.arrive(from_afar(200, 1, forward(1, read())));
    let answered = |message: &Message| message.to == node(200);
    assert!(cluster.in_flight.iter().any(answered));
}
