//! First rounds that ask a quorum, and everyone only when that is late to answer.

use super::harness::*;
use protocol::*;
use std::collections::BTreeSet;
use std::time::Duration;

const HEDGE: Duration = Duration::from_millis(20);

fn cluster(size: u64) -> Cluster {
    Cluster::with_options(size, |options| options.hedge = Some(HEDGE))
}

fn asked(cluster: &Cluster) -> Vec<NodeId> {
    let queries = cluster.in_flight.iter().filter(|message| is_query(message));
    queries.map(|message| message.to).collect()
}

#[test]
fn as_many_are_asked_as_make_a_quorum() {
    for (size, others) in [(1, 0), (3, 1), (4, 2), (5, 2), (7, 3)] {
        for operation in [read(), write("a")] {
            let mut cluster = cluster(size);
            let ticket = cluster.request(1, operation);
            assert_eq!(asked(&cluster).len(), others, "{size} replicas");
            cluster.deliver_all();
            assert!(cluster.answers.contains_key(&ticket));
        }
    }
}

#[test]
fn each_of_the_others_is_asked_first_at_times() {
    let mut cluster = cluster(3);
    let mut all = BTreeSet::new();
    for _ in 0..2 {
        cluster.request(1, read());
        all.extend(asked(&cluster));
        cluster.deliver_all();
    }
    assert_eq!(all, BTreeSet::from([node(2), node(3)]));
}

#[test]
fn the_others_are_asked_when_the_first_are_late() {
    let mut cluster = cluster(3);
    let ticket = cluster.request(1, read());
    let late = asked(&cluster)[0];
    cluster.lose(|_| true);
    cluster.pass(HEDGE);
    cluster.lose(|message| message.to == late);
    cluster.deliver_all();
    assert_eq!(cluster.value(ticket), (None, 1));
}

#[test]
fn a_value_that_only_the_others_were_given_is_found_by_any_quorum() {
    for missed in [2, 3] {
        let mut cluster = cluster(3);
        let written = cluster.request(1, write("a"));
        cluster.deliver(|message| !is_update(message));
        cluster.lose(|message| is_update(message) && message.to == node(missed));
        cluster.deliver_all();
        cluster.written(written);
        for at in 1..=3 {
            for _ in 0..2 {
                let ticket = cluster.request(at, read());
                cluster.deliver_all();
                assert_eq!(cluster.value(ticket).0, Some("a"));
            }
        }
    }
}

#[test]
fn one_who_is_not_believed_alive_is_not_asked_for_a_quorum() {
    for state in [PeerState::Suspect, PeerState::Down] {
        let mut cluster = cluster(3);
        let now = cluster.now;
        let lane = cluster.lanes.get_mut(&1).unwrap();
        lane.handle_peer(now, node(2), state);
        for _ in 0..2 {
            cluster.request(1, read());
            assert_eq!(asked(&cluster), [node(3)]);
            cluster.deliver_all();
        }
    }
}

#[test]
fn when_too_few_are_believed_alive_all_are_asked_at_once() {
    let mut cluster = cluster(3);
    let now = cluster.now;
    for peer in [2, 3] {
        let lane = cluster.lanes.get_mut(&1).unwrap();
        lane.handle_peer(now, node(peer), PeerState::Suspect);
    }
    cluster.request(1, read());
    assert_eq!(asked(&cluster).len(), 2);
}

#[test]
fn an_update_goes_to_all() {
    let mut cluster = cluster(3);
    cluster.request(1, write("a"));
    cluster.deliver(|message| !is_update(message));
    let updates = cluster
        .in_flight
        .iter()
        .filter(|message| is_update(message));
    assert_eq!(updates.count(), 2);
}
