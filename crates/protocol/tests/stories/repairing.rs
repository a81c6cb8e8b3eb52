//! Replicas find what they missed, and nobody asked for since.

use super::harness::*;
use protocol::*;
use std::sync::Arc;
use std::time::Duration;

const INTERVAL: Duration = Duration::from_millis(10);

/// Longer than what was missed is given to come by itself.
const GRACE: Duration = Duration::from_secs(1);

/// Three nodes that compare what they hold.
fn repairing() -> Cluster {
    Cluster::with_options(3, |options| options.repair_interval = Some(INTERVAL))
}

fn is_pull(message: &Message) -> bool {
    let body = &message.body;
    matches!(body, Body::Pull { .. } | Body::PullReply { .. })
}

fn asks_for_cells(message: &Message) -> bool {
    let Body::Pull { ask, .. } = &message.body else {
        return false;
    };
    matches!(ask, PullAsk::Cells { .. })
}

/// It is done by the others, and nothing of it ever comes to node 3.
fn done_without_3(cluster: &mut Cluster, operation: Operation) -> Ticket {
    let ticket = cluster.request(1, operation);
    cluster.deliver_among(&[1, 2]);
    cluster.lose(|message| !is_pull(message));
    assert!(cluster.outcome(ticket).is_some());
    ticket
}

fn let_time_pass(cluster: &mut Cluster, span: Duration) {
    let end = cluster.now + span;
    while cluster.now < end {
        cluster.pass(INTERVAL);
        cluster.deliver_all();
    }
}

fn tags(cluster: &Cluster) -> Vec<Option<Tag>> {
    let lanes = cluster.lanes.values();
    let record = |lane: &Lane| lane.record(&name()).map(|record| record.tag);
    lanes.map(record).collect()
}

fn registers_mended(cluster: &Cluster) -> Vec<u64> {
    let lanes = cluster.lanes.values();
    lanes.map(|lane| lane.repair_progress().registers).collect()
}

#[test]
fn a_write_that_a_replica_missed_comes_to_it_unasked() {
    let mut cluster = repairing();
    let ticket = done_without_3(&mut cluster, write("a"));
    let tag = cluster.written(ticket);
    assert_eq!(tags(&cluster), [Some(tag), Some(tag), None]);
    let_time_pass(&mut cluster, 3 * GRACE);
    assert_eq!(tags(&cluster), [Some(tag); 3]);
    assert_eq!(registers_mended(&cluster), [0, 0, 1]);
    // There is nothing to be found from now on.
    let_time_pass(&mut cluster, 3 * GRACE);
    assert_eq!(registers_mended(&cluster), [0, 0, 1]);
    assert!((cluster.lanes.values()).all(|lane| lane.repair_progress().groups > 3));
}

#[test]
fn the_newer_of_two_records_is_taken_whoever_asks() {
    let mut cluster = repairing();
    let ticket = cluster.request(3, write("a"));
    cluster.deliver_all();
    cluster.written(ticket);
    let ticket = done_without_3(&mut cluster, write("b"));
    let tag = cluster.written(ticket);
    let_time_pass(&mut cluster, 3 * GRACE);
    assert_eq!(tags(&cluster), [Some(tag); 3]);
    assert_eq!(registers_mended(&cluster), [0, 0, 1]);
}

#[test]
fn a_step_that_a_replica_missed_comes_with_its_promise() {
    let mut cluster = repairing();
    done_without_3(&mut cluster, add(1));
    done_without_3(&mut cluster, add(1));
    let_time_pass(&mut cluster, 3 * GRACE);
    let digests: Vec<u128> = (cluster.lanes.values()).map(Lane::kept_digest).collect();
    assert_eq!(digests[0], digests[2]);
    assert_eq!(digests[1], digests[2]);
    // It votes on top of what it has taken.
    let ticket = cluster.request(3, add(1));
    cluster.deliver_all();
    assert_eq!(cluster.modified(ticket), "3");
}

#[test]
fn what_is_on_its_way_is_not_said_to_be_missed() {
    let mut cluster = repairing();
    let ticket = cluster.request(1, write("a"));
    cluster.deliver_among(&[1, 2]);
    cluster.written(ticket);
    // The update is late, and what is compared is not.
    let end = cluster.now + GRACE / 2;
    while cluster.now < end {
        cluster.pass(INTERVAL);
        cluster.deliver(is_pull);
    }
    assert_eq!(tags(&cluster)[2], None);
    cluster.deliver(is_update);
    let_time_pass(&mut cluster, 3 * GRACE);
    assert_eq!(registers_mended(&cluster), [0; 3]);
}

#[test]
fn one_that_does_not_answer_keeps_nobody_waiting_for_long() {
    let mut cluster = repairing();
    done_without_3(&mut cluster, write("a"));
    let end = cluster.now + 30 * GRACE;
    while cluster.now < end {
        cluster.pass(INTERVAL);
        cluster.lose(|message| message.to == node(1));
        cluster.deliver_all();
    }
    assert_eq!(tags(&cluster)[2], tags(&cluster)[1]);
}

#[test]
fn a_replica_that_is_to_copy_a_group_does_not_compare_it() {
    let mut cluster = repairing();
    done_without_3(&mut cluster, write("a"));
    let standing = configuration(1, 1..=3);
    let joint = Arc::new(standing.joint(vec![member(4)], 1).unwrap());
    cluster.add(4);
    cluster.copies = false;
    for at in 1..=4 {
        cluster.enter(at, joint.clone());
    }
    let before: Vec<_> = (cluster.lanes.values())
        .map(Lane::repair_progress)
        .collect();
    let_time_pass(&mut cluster, 3 * GRACE);
    let after: Vec<_> = (cluster.lanes.values())
        .map(Lane::repair_progress)
        .collect();
    assert_eq!(before, after);
}

#[test]
fn what_comes_late_brings_nothing_back() {
    let mut cluster = Cluster::with_options(3, |options| {
        options.repair_interval = Some(INTERVAL);
        options.collect_interval = Some(INTERVAL);
        options.collect_after_change = Duration::ZERO;
    });
    done_without_3(&mut cluster, write("a"));
    while !(cluster.in_flight.iter()).any(|it| asks_for_cells(it) && it.from.node == node(3)) {
        cluster.pass(INTERVAL);
        cluster.deliver(|message| !asks_for_cells(message));
    }
    cluster.deliver(asks_for_cells);
    let is_late = |message: &Message| is_pull(message) && message.to == node(3);
    assert!(cluster.in_flight.iter().any(is_late));
    // It is deleted, and that cannot be dropped as long as the reply is waited for.
    cluster.request(1, delete());
    let run_for = |cluster: &mut Cluster, span| {
        let end = cluster.now + span;
        while cluster.now < end {
            cluster.deliver(|message| !is_late(message));
            cluster.pass(INTERVAL);
        }
    };
    run_for(&mut cluster, 2 * GRACE);
    assert!(tags(&cluster).iter().all(Option::is_some));
    run_for(&mut cluster, 8 * GRACE);
    assert_eq!(tags(&cluster), [None; 3]);
    cluster.deliver(is_late);
    assert_eq!(tags(&cluster), [None; 3]);
    let ticket = cluster.request(3, read());
    cluster.deliver_all();
    assert_eq!(cluster.value(ticket).0, None);
}
