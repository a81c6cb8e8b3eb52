//! Promises and steps rest on disks.

use super::*;

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
fn without_a_disk_nothing_waits_for_one() {
    let mut cluster = Cluster::with_options(3, |options| options.has_disk = false);
    cluster.slow_disks = true;
    let ticket = cluster.request(1, add(1));
    cluster.deliver_all();
    assert_eq!(cluster.modified(ticket), "1");
    let ticket = cluster.request(2, write("a"));
    cluster.deliver_all();
    cluster.written(ticket);
    assert!(cluster.unpersisted.is_empty());
}
