//! Tombstones are dropped, and what they deleted stays deleted.

use super::harness::*;
use protocol::*;
use std::time::Duration;

const INTERVAL: Duration = Duration::from_millis(10);

/// Three nodes that drop tombstones.
fn collecting() -> Cluster {
    Cluster::with_options(3, |options| {
        options.collect_interval = Some(INTERVAL);
        options.collect_after_change = Duration::ZERO;
    })
}

#[cfg(feature = "planted-faults")]
fn with_fault(adjust: fn(&mut LaneOptions)) -> Cluster {
    Cluster::with_options(3, adjust)
}

fn done(cluster: &mut Cluster, at: u64, operation: Operation) -> Ticket {
    let ticket = cluster.request(at, operation);
    cluster.deliver(|message| !is_of_round(message));
    ticket
}

fn is_of_round(message: &Message) -> bool {
    is_confirm(message) || is_mark(message) || is_compare(message) || is_forget(message)
}

fn is_confirm(message: &Message) -> bool {
    let body = &message.body;
    matches!(body, Body::Confirm { .. } | Body::ConfirmReply { .. })
}

fn is_mark(message: &Message) -> bool {
    let body = &message.body;
    matches!(body, Body::Mark { .. } | Body::MarkReply { .. })
}

fn is_compare(message: &Message) -> bool {
    let body = &message.body;
    matches!(body, Body::Compare { .. } | Body::CompareReply { .. })
}

fn is_forget(message: &Message) -> bool {
    matches!(message.body, Body::Forget { .. })
}

fn held(cluster: &Cluster) -> Vec<u64> {
    let holds = |lane: &Lane| lane.record(&name()).is_some();
    let lanes = cluster.lanes.iter().filter(|(_, lane)| holds(lane));
    lanes.map(|(at, _)| *at).collect()
}

/// Lets some rounds pass.
fn let_rounds_pass(cluster: &mut Cluster) {
    for _ in 0..40 {
        cluster.pass(INTERVAL);
        cluster.deliver_all();
    }
}

#[test]
fn a_deleted_register_leaves_nothing_behind() {
    let mut cluster = collecting();
    done(&mut cluster, 1, write("a"));
    done(&mut cluster, 2, delete());
    assert_eq!(held(&cluster), [1, 2, 3]);
    let before = cluster.lanes[&1].registers();
    let_rounds_pass(&mut cluster);
    assert!(held(&cluster).is_empty());
    for lane in cluster.lanes.values() {
        assert_eq!(lane.registers(), before - 1);
        assert_eq!(lane.tombstones_dropped(), 1);
    }
    // What comes next is above all that was there.
    let ticket = done(&mut cluster, 3, read());
    assert_eq!(cluster.value(ticket), (None, 1));
    let ticket = done(&mut cluster, 1, write("b"));
    assert_eq!(cluster.written(ticket).seq, 3);
    let ticket = done(&mut cluster, 2, read());
    assert_eq!(cluster.value(ticket).0, Some("b"));
}

#[test]
fn a_read_modify_write_on_what_was_dropped_is_above_it_too() {
    let mut cluster = collecting();
    done(&mut cluster, 1, set(None, "a"));
    done(&mut cluster, 2, delete());
    let_rounds_pass(&mut cluster);
    assert!(held(&cluster).is_empty());
    done(&mut cluster, 1, set(None, "b"));
    let record = cluster.lanes[&1].record(&name()).unwrap();
    assert_eq!((record.tag.seq, record.tag.step), (2, 1));
    let ticket = done(&mut cluster, 3, read());
    assert_eq!(cluster.value(ticket).0, Some("b"));
}

#[test]
fn nothing_is_dropped_while_a_replica_is_silent() {
    let mut cluster = collecting();
    done(&mut cluster, 1, write("a"));
    done(&mut cluster, 1, delete());
    for _ in 0..40 {
        cluster.pass(INTERVAL);
        cluster.deliver_among(&[1, 2]);
        cluster.lose(|_| true);
    }
    assert_eq!(held(&cluster), [1, 2, 3]);
}

/// As one with a disk does not: what it keeps there knows nothing of floors and marks.
#[test]
fn nothing_is_dropped_anywhere_while_one_replica_takes_no_part() {
    let mut cluster = Cluster::with_options(3, |options| {
        options.collect_after_change = Duration::ZERO;
        options.collect_interval = (options.incarnation.node != node(3)).then_some(INTERVAL);
    });
    done(&mut cluster, 1, write("a"));
    done(&mut cluster, 2, delete());
    let_rounds_pass(&mut cluster);
    assert_eq!(held(&cluster), [1, 2, 3]);
    for lane in cluster.lanes.values() {
        assert_eq!((lane.tombstones(), lane.tombstones_dropped()), (1, 0));
    }
}

/// All hold the tombstone, nodes 1 and 2 drop it, and a writer asks these two.
fn write_where_two_have_dropped(mut cluster: Cluster) -> Option<String> {
    done(&mut cluster, 1, write("a"));
    done(&mut cluster, 1, delete());
    while held(&cluster).contains(&1) {
        cluster.pass(INTERVAL);
        cluster.deliver(|message| !(is_forget(message) && message.to == node(3)));
        cluster.lose(is_forget);
    }
    assert_eq!(held(&cluster), [3]);
    // Another node than the one that issued the tags before.
    let ticket = cluster.request(2, write("b"));
    cluster.deliver_among(&[1, 2]);
    cluster.written(ticket);
    cluster.lose(|_| true);
    let ticket = cluster.request(3, read());
    cluster.deliver_all();
    cluster.value(ticket).0.map(str::to_owned)
}

#[test]
fn a_tombstone_that_one_replica_still_holds_hides_no_later_write() {
    assert_eq!(
        write_where_two_have_dropped(collecting()).as_deref(),
        Some("b")
    );
}

#[cfg(feature = "planted-faults")]
#[test]
fn without_floors_it_does() {
    let cluster = with_fault(|options| {
        options.collect_interval = Some(INTERVAL);
        options.collect_after_change = Duration::ZERO;
        options.planted = Some(PlantedFault::DropWithoutFloor);
    });
    assert_eq!(write_where_two_have_dropped(cluster), None);
}

/// A slow writer's updates come to the other replicas after the register was deleted, and after the
/// tombstone was dropped, if it is.
fn write_slowly(mut cluster: Cluster) -> Option<String> {
    let slow = cluster.request(3, write("a"));
    cluster.deliver(|message| !is_update(message));
    let is_late = |message: &Message| is_update(message) && message.from.node == node(3);
    assert!(cluster.in_flight.iter().any(is_late));
    assert_eq!(cluster.outcome(slow), None);
    // Two of them: the second one is above what the writer writes, whoever answered first.
    cluster.request(1, delete());
    let ticket = cluster.request(1, delete());
    for _ in 0..40 {
        cluster.deliver(|message| !is_late(message));
        cluster.pass(INTERVAL);
    }
    cluster.written(ticket);
    cluster.deliver(is_late);
    let ticket = cluster.request(2, read());
    cluster.deliver_all();
    cluster.value(ticket).0.map(str::to_owned)
}

#[test]
fn a_late_update_brings_nothing_back() {
    assert_eq!(write_slowly(collecting()), None);
}

#[cfg(feature = "planted-faults")]
#[test]
fn without_marks_it_does() {
    let cluster = with_fault(|options| {
        options.collect_interval = Some(INTERVAL);
        options.collect_after_change = Duration::ZERO;
        options.planted = Some(PlantedFault::DropWithoutMarks);
    });
    assert_eq!(write_slowly(cluster).as_deref(), Some("a"));
}

#[test]
fn what_still_runs_keeps_the_tombstone() {
    let mut cluster = collecting();
    done(&mut cluster, 1, write("a"));
    // A write that has its tag, and goes on trying.
    cluster.request(3, write("b"));
    cluster.deliver(|message| !is_update(message));
    cluster.lose(|_| true);
    done(&mut cluster, 1, delete());
    done(&mut cluster, 1, delete());
    for _ in 0..40 {
        cluster.pass(INTERVAL);
        cluster.lose(|message| is_update(message) && message.from.node == node(3));
        cluster.deliver_all();
    }
    assert_eq!(held(&cluster), [1, 2, 3]);
    cluster.pass(DEADLINE);
    let_rounds_pass(&mut cluster);
    assert!(held(&cluster).is_empty());
}

#[test]
fn a_message_of_a_round_that_comes_again_takes_nothing_new_for_old() {
    let mut cluster = collecting();
    done(&mut cluster, 1, write("a"));
    done(&mut cluster, 1, delete());
    let mut seen: Vec<Message> = Vec::new();
    while !held(&cluster).is_empty() {
        cluster.pass(INTERVAL);
        while !cluster.in_flight.is_empty() {
            let message = cluster.in_flight.remove(0);
            if is_confirm(&message) || is_forget(&message) {
                seen.push(message.clone());
            }
            cluster.arrive(message);
        }
    }
    let again = |cluster: &mut Cluster, is: fn(&Message) -> bool| {
        for message in seen.iter().filter(|message| is(message)) {
            cluster.arrive(message.clone());
        }
    };
    // A promise was made since. It must be kept.
    cluster.request(3, add(1));
    cluster.deliver(is_prepare);
    again(&mut cluster, is_confirm);
    again(&mut cluster, is_forget);
    let rival = cluster.request(2, add(2));
    cluster.deliver_all();
    assert!(matches!(
        cluster.outcome(rival),
        Some(Outcome::Modified { .. })
    ));
}

/// One replica asks others to confirm a tombstone, and that comes late: after the register was
/// deleted once more, and another replica had that tombstone dropped.
#[test]
fn a_round_that_comes_late_brings_no_older_tombstone_back() {
    let mut cluster = collecting();
    done(&mut cluster, 1, write("a"));
    done(&mut cluster, 1, delete());
    while !cluster.in_flight.iter().any(is_confirm) {
        cluster.pass(INTERVAL);
    }
    let older = cluster.lanes[&1].record(&name()).unwrap().tag;
    let is_late = |message: &Message| match &message.body {
        Body::Confirm { tombstones, .. } => tombstones[0].1.tag == older,
        _ => false,
    };
    cluster.request(1, delete());
    cluster.deliver(|message| !is_late(message));
    // The others see to it only now and then.
    for _ in 0..6000 {
        cluster.pass(INTERVAL);
        cluster.deliver(|message| !is_late(message));
    }
    assert!(held(&cluster).is_empty(), "{:?}", held(&cluster));
    cluster.deliver(is_late);
    assert!(held(&cluster).is_empty(), "{:?}", held(&cluster));
}

/// A register of the same slot.
fn neighbour() -> RegisterName {
    RegisterName::new("{r}").unwrap()
}

/// A dead writer's value is at one replica alone when a neighbour's tombstone of a greater tag is
/// dropped. It is read while it is added to, on top of nothing.
fn add_beside_what_is_read(mut cluster: Cluster) -> (Option<String>, Option<String>) {
    cluster.request(3, write("10"));
    cluster.deliver(|message| !is_update(message));
    cluster.lose(|_| true);
    cluster.pass(DEADLINE);
    cluster.lose(|_| true);
    assert_eq!(held(&cluster), [3]);
    for content in [Some("x"), Some("y"), Some("z"), None] {
        let content = content.map(|text| bytes::Bytes::from_static(text.as_bytes()));
        let (name, expiry) = (neighbour(), None);
        let operation = Operation::Write {
            name,
            content,
            expiry,
        };
        done(&mut cluster, 1, operation);
    }
    let_rounds_pass(&mut cluster);

    let reader = cluster.request(3, read());
    cluster.deliver(|message| is_query(message) && message.to == node(2));
    cluster.deliver(|message| matches!(message.body, Body::QueryReply { .. }));
    cluster.request(1, add(1));
    cluster.deliver(|message| is_prepare(message) && message.to == node(2));
    cluster.deliver(is_prepare_reply);
    // Node 2 takes what is read, and then what is added.
    cluster.deliver(|message| {
        is_update(message) && message.from.node == node(3) && message.to == node(2)
    });
    cluster.deliver(|message| message.from.node == node(2) && message.to == node(3));
    let read_first = cluster.value(reader).0.map(str::to_owned);
    cluster.deliver_all();
    let last = cluster.request(2, read());
    cluster.deliver_all();
    (read_first, cluster.value(last).0.map(str::to_owned))
}

#[test]
fn a_step_on_nothing_hides_nothing_that_somebody_still_holds() {
    let (read_first, last) = add_beside_what_is_read(collecting());
    assert_eq!(read_first.as_deref(), Some("10"));
    // The addition came before what was written and read, or it was added to that.
    assert!(matches!(last.as_deref(), Some("10" | "11")), "{last:?}");
}

#[cfg(feature = "planted-faults")]
#[test]
fn on_a_floor_it_does() {
    let cluster = with_fault(|options| {
        options.collect_interval = Some(INTERVAL);
        options.collect_after_change = Duration::ZERO;
        options.planted = Some(PlantedFault::StepOnFloor);
    });
    let (read_first, last) = add_beside_what_is_read(cluster);
    assert_eq!(
        (read_first.as_deref(), last.as_deref()),
        (Some("10"), Some("1"))
    );
}

/// A value that is at one replica alone is read there, and overwritten, before that one says what it
/// holds; and what was read is written back after the others have.
fn carry_on_what_was_overwritten(mut cluster: Cluster) -> (Option<String>, Option<String>) {
    cluster.request(3, write("10"));
    cluster.deliver(|message| !is_update(message));
    cluster.lose(|_| true);
    cluster.pass(DEADLINE);
    cluster.lose(|_| true);
    assert_eq!(held(&cluster), [3]);
    let neighbours = |content: Option<&'static str>| Operation::Write {
        name: neighbour(),
        content: content.map(|text| bytes::Bytes::from_static(text.as_bytes())),
        expiry: None,
    };
    for content in [Some("x"), Some("y"), Some("z"), None] {
        done(&mut cluster, 1, neighbours(content));
    }
    // The members' marks are told, and two of the replicas compare.
    let comes_to = |to: u64| move |message: &Message| message.to == node(to);
    while !cluster.in_flight.iter().any(is_compare) {
        cluster.pass(INTERVAL);
        cluster.deliver(|message| !is_compare(message));
    }
    cluster.deliver(|message| is_compare(message) && !comes_to(3)(message));

    let reader = cluster.request(3, read());
    cluster.deliver(|message| is_query(message) && message.to == node(2));
    cluster.deliver(|message| matches!(message.body, Body::QueryReply { .. }));
    // Its update is slow. Meanwhile node 3 alone takes another value.
    cluster.request(3, write("other"));
    cluster.deliver(is_query);
    cluster.deliver(|message| matches!(message.body, Body::QueryReply { .. }));
    let is_of_reader = |message: &Message| match &message.body {
        Body::Update { record, .. } => record.content.as_deref() == Some(b"10".as_slice()),
        _ => false,
    };
    let slow: Vec<Message> = cluster
        .in_flight
        .iter()
        .filter(|m| is_of_reader(m))
        .cloned()
        .collect();
    assert!(!slow.is_empty());
    cluster.lose(is_update);
    cluster.deliver(is_compare);
    cluster.deliver(is_forget);

    let adder = cluster.request(1, add(1));
    cluster.deliver(|message| is_prepare(message) && message.to == node(2));
    cluster.deliver(is_prepare_reply);
    cluster.lose(is_prepare);
    // What was read comes to node 2 after all.
    for message in slow.into_iter().filter(comes_to(2)) {
        cluster.arrive(message);
    }
    cluster.deliver(|message| message.from.node == node(2) && message.to == node(3));
    let read_first = cluster.value(reader).0.map(str::to_owned);
    cluster.deliver_among(&[1, 2]);
    assert!(cluster.outcome(adder).is_some());
    let last = cluster.request(2, read());
    cluster.deliver_among(&[1, 2]);
    (read_first, cluster.value(last).0.map(str::to_owned))
}

#[test]
fn a_step_on_nothing_hides_nothing_that_was_read_and_overwritten() {
    let (read_first, last) = carry_on_what_was_overwritten(collecting());
    assert_eq!(read_first.as_deref(), Some("10"));
    assert!(matches!(last.as_deref(), Some("10" | "11")), "{last:?}");
}

#[cfg(feature = "planted-faults")]
#[test]
fn by_what_is_left_it_does() {
    let cluster = with_fault(|options| {
        options.collect_interval = Some(INTERVAL);
        options.collect_after_change = Duration::ZERO;
        options.planted = Some(PlantedFault::DropByWhatIsLeft);
    });
    let (read_first, last) = carry_on_what_was_overwritten(cluster);
    assert_eq!(
        (read_first.as_deref(), last.as_deref()),
        (Some("10"), Some("1"))
    );
}
