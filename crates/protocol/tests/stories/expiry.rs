//! Registers that expire.

use super::harness::*;
use bytes::Bytes;
use protocol::*;
use std::time::Duration;

const EXPIRES: UnixMillis = UnixMillis(1_000_000);
const BEFORE: UnixMillis = UnixMillis(EXPIRES.0 - 1);
const LONG_AFTER: UnixMillis = UnixMillis(EXPIRES.0 + 3_600_000);

fn write_expiring(value: &'static str) -> Operation {
    Operation::Write {
        name: name(),
        content: Some(Bytes::from_static(value.as_bytes())),
        expiry: Some(EXPIRES),
    }
}

/// Three nodes with a register that expires, settled, and their wall clocks short of that.
fn expiring() -> Cluster {
    let mut cluster = Cluster::of(3);
    cluster.request(1, write_expiring("5"));
    cluster.deliver_all();
    for at in 1..=3 {
        shows(&mut cluster, at, BEFORE);
    }
    cluster
}

/// The wall clock of a node shows this from now on.
fn shows(cluster: &mut Cluster, at: u64, wall: UnixMillis) {
    cluster.call(at, |lane| lane.note_wall_clock(wall));
}

fn set_if_there(value: &'static str) -> Operation {
    let content = Some(Bytes::from_static(value.as_bytes()));
    Operation::Modify {
        name: name(),
        change: Change::set_if(Condition::Present, content),
    }
}

#[test]
fn a_register_is_there_until_it_expires() {
    let mut cluster = expiring();
    assert_eq!(cluster.read_at(1).as_deref(), Some("5"));
    shows(&mut cluster, 1, EXPIRES);
    assert_eq!(cluster.read_at(1), None);
}

#[test]
fn what_one_node_found_expired_no_other_finds_though_its_clock_is_behind() {
    let mut cluster = expiring();
    shows(&mut cluster, 1, EXPIRES);
    assert_eq!(cluster.read_at(1), None);
    for at in [2, 3, 1] {
        assert_eq!(cluster.read_at(at), None);
    }
    // A clock that is set back brings nothing back either.
    shows(&mut cluster, 1, BEFORE);
    assert_eq!(cluster.read_at(1), None);
}

#[test]
fn a_read_that_finds_it_expired_says_nothing_before_the_very_record_is_deleted() {
    let mut cluster = expiring();
    shows(&mut cluster, 1, EXPIRES);
    let ticket = cluster.request(1, read());
    cluster.deliver(|message| !is_accept(message));
    assert_eq!(cluster.outcome(ticket), None);
    assert_eq!(cluster.read_at(2).as_deref(), Some("5"));
    cluster.deliver_all();
    assert_eq!(cluster.value(ticket).0, None);
}

#[test]
fn a_newer_value_is_not_killed_by_the_expiry_of_an_older_one() {
    let mut cluster = expiring();
    shows(&mut cluster, 1, EXPIRES);
    let reading = cluster.request(1, read());
    // The read has seen the expired record; before it acts on that, another is written.
    cluster.deliver(is_query);
    cluster.deliver(|message| matches!(message.body, Body::QueryReply { .. }));
    let prepares = cluster.in_flight.iter().filter(|it| is_prepare(it)).count();
    assert_eq!(prepares, 2);
    let writing = cluster.request(2, write("new"));
    cluster.deliver(|message| !is_prepare(message));
    cluster.written(writing);
    cluster.deliver_all();
    assert_eq!(cluster.value(reading).0, Some("new"));
    for at in 1..=3 {
        assert_eq!(cluster.read_at(at).as_deref(), Some("new"));
    }
}

#[test]
fn a_read_that_cannot_delete_what_has_expired_is_refused() {
    let mut cluster = expiring();
    shows(&mut cluster, 1, EXPIRES);
    let ticket = cluster.request(1, read());
    cluster.deliver(|message| !is_prepare(message) && !is_accept(message));
    cluster.pass(DEADLINE);
    let refused = Outcome::Refused(Refusal::NoQuorum);
    assert_eq!(cluster.outcome(ticket), Some(&refused));

    cluster.lose(|_| true);
    let ticket = cluster.request(1, read());
    cluster.deliver(|message| !is_accept(message));
    cluster.pass(DEADLINE);
    assert_eq!(cluster.outcome(ticket), Some(&refused));
}

#[test]
fn a_condition_finds_nothing_where_something_has_expired_and_nobody_finds_it_afterwards() {
    let mut cluster = expiring();
    shows(&mut cluster, 1, EXPIRES);
    let ticket = cluster.request(1, set_if_there("6"));
    cluster.deliver_all();
    let Some(Outcome::Unchanged { record, unmet, .. }) = cluster.outcome(ticket) else {
        panic!("unchanged");
    };
    assert_eq!((&record.content, *unmet), (&None, Unmet::Condition));
    assert_eq!(cluster.read_at(2), None);
}

#[test]
fn a_sum_begins_at_nothing_where_something_has_expired() {
    let mut cluster = expiring();
    shows(&mut cluster, 1, EXPIRES);
    let ticket = cluster.request(1, add(3));
    cluster.deliver_all();
    let Some(Outcome::Modified {
        previous, record, ..
    }) = cluster.outcome(ticket)
    else {
        panic!("modified");
    };
    assert_eq!((previous, record.expiry), (&None, None));
    assert_eq!(cluster.read_at(2).as_deref(), Some("3"));
}

#[test]
fn what_nobody_asks_for_is_deleted_once_it_has_expired() {
    let mut cluster = expiring();
    for at in 1..=3 {
        shows(&mut cluster, at, EXPIRES);
    }
    cluster.pass(Duration::from_secs(1));
    cluster.deliver_all();
    for lane in cluster.lanes.values() {
        let record = lane.record(&name()).unwrap();
        assert_eq!((&record.content, record.expiry), (&None, None));
        assert_eq!(lane.operations_running(), 0);
    }
    // With nothing left that expires there is nothing to wake for.
    cluster.pass(Duration::from_secs(1));
    for lane in cluster.lanes.values() {
        assert_eq!(lane.next_timeout(), None);
    }
}

#[test]
fn no_more_deletions_than_so_many_run_at_once_however_many_registers_have_expired() {
    let mut cluster = Cluster::of(3);
    for number in 0..200 {
        let name = RegisterName::new(format!("expires-{number}").into_bytes()).unwrap();
        let content = Some(Bytes::from_static(b"5"));
        let expiry = Some(EXPIRES);
        cluster.request(
            1,
            Operation::Write {
                name,
                content,
                expiry,
            },
        );
    }
    cluster.deliver_all();
    for at in 1..=3 {
        shows(&mut cluster, at, LONG_AFTER);
    }
    // Nobody answers, so that no deletion ends before its deadline.
    for _ in 0..20 {
        cluster.pass(Duration::from_millis(500));
        cluster.lose(|_| true);
    }
    for _ in 0..40 {
        cluster.pass(Duration::from_millis(500));
        cluster.deliver_all();
    }
    for lane in cluster.lanes.values() {
        assert_eq!(lane.operations_running(), 0);
        assert_eq!(lane.next_timeout(), None);
    }
}

#[test]
fn one_of_the_replicas_deletes_and_the_others_wait_for_it() {
    let mut cluster = expiring();
    for at in 1..=3 {
        shows(&mut cluster, at, EXPIRES);
    }
    cluster.pass(Duration::from_secs(1));
    let proposers: Vec<NodeId> = (cluster.in_flight.iter())
        .map(|message| message.from.node)
        .collect();
    assert_eq!(proposers.len(), 2);
    assert_eq!(proposers[0], proposers[1]);
    // It dies; after a while another one does it.
    let dead = proposers[0].get();
    cluster.lose(|_| true);
    cluster.lanes.remove(&dead);
    let others: Vec<u64> = cluster.lanes.keys().copied().collect();
    for &at in &others {
        shows(&mut cluster, at, LONG_AFTER);
    }
    cluster.pass(Duration::from_secs(1));
    cluster.deliver_among(&others);
    for lane in cluster.lanes.values() {
        assert_eq!(lane.record(&name()).unwrap().content, None);
    }
}

#[test]
fn a_replica_that_missed_a_later_value_takes_it_instead_of_asking_for_ever() {
    let mut cluster = expiring();
    let first = {
        let order = configuration(1, 1..=3);
        order.replicas_in_order(name().slot()).next().unwrap().get()
    };
    let other = first % 3 + 1;
    let writing = cluster.request(other, write("later"));
    cluster.deliver(|message| message.to != node(first));
    cluster.lose(|message| message.to == node(first));
    cluster.written(writing);
    for at in 1..=3 {
        shows(&mut cluster, at, LONG_AFTER);
    }
    cluster.pass(Duration::from_secs(1));
    cluster.deliver_all();
    let held = cluster.lanes[&first].record(&name()).unwrap();
    assert_eq!(held.content.as_deref(), Some(&b"later"[..]));
    cluster.pass(Duration::from_secs(1));
    assert_eq!(cluster.lanes[&first].next_timeout(), None);
}

#[test]
fn reads_that_find_it_expired_at_once_at_all_nodes_are_all_answered() {
    let mut cluster = expiring();
    for at in 1..=3 {
        shows(&mut cluster, at, EXPIRES);
    }
    let tickets: Vec<Ticket> = (1..=3).map(|at| cluster.request(at, read())).collect();
    // All of them see it before any of them acts on it, and each has its own step accepted by its
    // own replica first.
    cluster.deliver(|message| matches!(message.body, Body::Query { .. } | Body::QueryReply { .. }));
    cluster.run_until_answered(&tickets);
    for ticket in tickets {
        assert_eq!(cluster.value(ticket).0, None);
    }
    assert!(cluster.now < Time::from_micros(1_000_000) + Duration::from_secs(2));
}
