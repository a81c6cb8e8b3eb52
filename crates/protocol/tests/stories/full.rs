//! Replicas that may take no more memory: what is refused, and what goes on.

use super::harness::*;
use bytes::Bytes;
use protocol::*;

/// Three nodes, each of which has room for one small register and little more.
fn small() -> Cluster {
    Cluster::with_options(3, |options| options.memory_bytes_max = Some(3000))
}

fn long() -> Bytes {
    Bytes::from(vec![b'x'; 4000])
}

fn write_long() -> Operation {
    Operation::Write {
        name: name(),
        content: Some(long()),
        expiry: None,
    }
}

fn full() -> Outcome {
    Outcome::Refused(Refusal::Full)
}

fn done(cluster: &mut Cluster, at: u64, operation: Operation) -> Outcome {
    let ticket = cluster.request(at, operation);
    cluster.deliver_all();
    cluster.outcome(ticket).cloned().expect("it has ended")
}

#[test]
fn a_write_without_room_is_refused_before_anything_is_written() {
    let mut cluster = small();
    let ticket = cluster.request(1, write_long());
    cluster.deliver(is_query);
    cluster.deliver(|message| matches!(message.body, Body::QueryReply { .. }));
    assert_eq!(cluster.outcome(ticket), Some(&full()));
    assert!(!cluster.in_flight.iter().any(is_update));
    let Outcome::Read { record, .. } = done(&mut cluster, 2, read()) else {
        panic!("a read goes on");
    };
    assert_eq!(record, Record::EMPTY);
}

#[test]
fn what_adds_nothing_goes_on() {
    let mut cluster = small();
    let long = || Operation::Write {
        name: name(),
        content: Some(Bytes::from(vec![b'x'; 1000])),
        expiry: None,
    };
    assert!(matches!(
        done(&mut cluster, 1, long()),
        Outcome::Written { .. }
    ));
    // There is no room for another one.
    let other = Operation::Write {
        name: RegisterName::new("another").unwrap(),
        content: Some(Bytes::from_static(b"1")),
        expiry: None,
    };
    assert_eq!(done(&mut cluster, 1, other.clone()), full());
    for operation in [long(), write("b"), delete()] {
        let outcome = done(&mut cluster, 2, operation);
        assert!(matches!(outcome, Outcome::Written { .. }), "{outcome:?}");
    }
    assert!(matches!(
        done(&mut cluster, 3, read()),
        Outcome::Read { .. }
    ));
}

#[test]
fn a_read_modify_write_is_refused_if_it_would_grow_and_has_proposed_nothing() {
    let mut cluster = small();
    done(&mut cluster, 1, write("5"));
    let append = |part: Bytes| Operation::Modify {
        name: name(),
        change: Change {
            condition: Condition::Always,
            effect: Effect::Append(part),
        },
    };
    let ticket = cluster.request(1, append(long()));
    cluster.deliver(|message| is_prepare(message) || is_prepare_reply(message));
    assert_eq!(cluster.outcome(ticket), Some(&full()));
    assert!(!cluster.in_flight.iter().any(is_accept));
    cluster.lose(|_| true);
    let sum = done(&mut cluster, 1, add(2));
    assert!(matches!(sum, Outcome::Modified { .. }), "{sum:?}");
}

#[test]
fn a_read_modify_write_of_a_new_register_leaves_no_promise_behind_where_all_is_full() {
    let mut cluster = Cluster::with_options(3, |options| options.memory_bytes_max = Some(1));
    for at in 1..=3 {
        assert_eq!(done(&mut cluster, at, add(1)), full());
    }
    // The configuration's own register is there, and no other.
    assert!(cluster.lanes.values().all(|lane| lane.registers() == 0));
    let before = cluster.lanes[&1].memory_bytes();
    done(&mut cluster, 1, set(None, "a"));
    assert_eq!(cluster.lanes[&1].memory_bytes(), before);
}

#[test]
fn a_single_full_replica_among_those_that_answer_is_enough_to_refuse() {
    let mut cluster = Cluster::with_options(3, |options| {
        if options.incarnation == incarnation(3) {
            options.memory_bytes_max = Some(1);
        }
    });
    let ticket = cluster.request(1, write("a"));
    cluster.deliver(is_query);
    cluster.deliver(|message| message.from.node == node(3));
    assert_eq!(cluster.outcome(ticket), Some(&full()));
    cluster.lose(|_| true);
    // One that did not hear of it goes on, and then the full one takes it like everyone else.
    let ticket = cluster.request(1, write("a"));
    cluster.deliver(|message| is_query(message) && message.to == node(2));
    cluster.deliver(|message| message.from.node == node(2));
    cluster.deliver_all();
    cluster.written(ticket);
    assert!(cluster.lanes[&3].record(&name()).is_some());
}

#[test]
fn who_is_no_member_is_told_of_it_by_the_first_member_it_asks() {
    let mut cluster = Cluster::with_options(3, |options| options.memory_bytes_max = Some(1));
    cluster.add(4);
    cluster.enter(4, configuration(1, 1..=3));
    assert_eq!(done(&mut cluster, 4, write("a")), full());
}
