//! What must never be: a lane that meets it stops in the middle of the call, with a sentence that
//! tells what it was. Strangers cannot bring that about.

mod epochs;
mod strangers;

use super::harness::*;
use bytes::Bytes;
use protocol::*;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What a member says to a node.
fn said(from: u64, to: u64, body: Body) -> Message {
    Message {
        from: incarnation(from),
        to: node(to),
        cluster: ClusterId(1),
        epoch: Epoch::FIRST,
        low_water: Counter(1),
        body,
    }
}

/// A number that none of the stories' coordinators reaches.
const COUNTER: Counter = Counter(1 << 40);

fn record(seq: u64, writer: u64, value: &'static str) -> Record {
    Record {
        tag: Tag {
            seq,
            writer: incarnation(writer),
            step: 0,
        },
        content: Some(Bytes::from_static(value.as_bytes())),
        expiry: None,
        operation: None,
        settled: false,
    }
}

fn update(from: u64, to: u64, name: RegisterName, record: Record) -> Message {
    let counter = COUNTER;
    said(
        from,
        to,
        Body::Update {
            counter,
            name,
            record,
        },
    )
}

/// A step on top of node 2's first write, under a ballot of node 3.
fn step(value: &'static str) -> Accepted {
    let Record { tag, content, .. } = record(1, 2, value);
    Accepted {
        ballot: Ballot {
            round: 1,
            proposer: incarnation(3),
        },
        tag: Tag { step: 1, ..tag },
        content,
        expiry: None,
        operation: OperationId {
            origin: incarnation(3),
            counter: COUNTER,
        },
    }
}

fn accept(from: u64, to: u64, step: Accepted) -> Message {
    let (counter, name) = (COUNTER, name());
    said(
        from,
        to,
        Body::Accept {
            counter,
            name,
            step: Box::new(step),
        },
    )
}

/// Lets a message arrive that shows something broken. Returns the sentence; what the lane put out
/// before it found out must be nothing.
#[track_caller]
fn breaks(lane: &mut Lane, message: Message) -> String {
    breaks_when(lane, |lane| {
        lane.handle_message(Time::from_micros(2_000_000), message);
    })
}

#[track_caller]
fn breaks_when(lane: &mut Lane, call: impl FnOnce(&mut Lane)) -> String {
    let broken = catch_unwind(AssertUnwindSafe(|| call(lane)));
    let panic = broken.expect_err("it goes on");
    let sentence = panic.downcast_ref::<String>().expect("it says why");
    let sentence = sentence.strip_prefix("a broken invariant: ");
    assert!(lane.poll_output().is_none(), "something leaves the node");
    let sentence = sentence.expect("it is called so").to_owned();
    assert!(!sentence.contains('\n'), "{sentence}");
    sentence
}

fn lane_of(cluster: &mut Cluster, at: u64) -> &mut Lane {
    cluster.lanes.get_mut(&at).unwrap()
}

#[test]
fn a_second_value_under_the_tag_that_is_held_stops_the_node() {
    let mut cluster = Cluster::of(3);
    cluster.arrive(update(2, 1, name(), record(1, 2, "a")));
    // It is repeated: that is how lost messages are made up for.
    cluster.arrive(update(3, 1, name(), record(1, 2, "a")));
    let as_settled = Record {
        settled: true,
        ..record(1, 2, "a")
    };
    cluster.arrive(update(3, 1, name(), as_settled));
    let until = Record {
        expiry: Some(UnixMillis(1)),
        ..record(1, 2, "a")
    };
    let by_a_step = Record {
        operation: Some(step("").operation),
        ..record(1, 2, "a")
    };
    let nothing = Record {
        content: None,
        ..record(1, 2, "a")
    };
    for other in [record(1, 2, "b"), until, by_a_step, nothing] {
        let mut lane = cluster.lanes[&1].clone();
        let sentence = breaks(&mut lane, update(3, 1, name(), other));
        let tag = record(1, 2, "a").tag;
        assert!(
            sentence.starts_with(&format!(
                "register \"r\" has two values under the one tag {tag}: a value of 1 bytes (digest "
            )),
            "{sentence}"
        );
        let by = format!("is known here, and {} shows ", node(3));
        assert!(sentence.contains(&by), "{sentence}");
        assert_eq!(lane.record(&name()), cluster.lanes[&1].record(&name()));
    }
}

#[test]
fn a_name_of_any_bytes_makes_one_line() {
    let mut cluster = Cluster::of(3);
    let name = RegisterName::new(&b"\n\x1b[31m\xff\""[..]).unwrap();
    cluster.arrive(update(2, 1, name.clone(), record(1, 2, "a")));
    let other = update(2, 1, name, record(1, 2, "b"));
    let sentence = breaks(lane_of(&mut cluster, 1), other);
    assert!(
        sentence.starts_with(r#"register "\n\x1b[31m\xff\"" has two"#),
        "{sentence}"
    );
}

/// Only builds with debug assertions look back.
#[cfg(debug_assertions)]
#[test]
fn a_second_value_is_found_although_the_record_has_moved_on() {
    let mut cluster = Cluster::of(3);
    cluster.arrive(update(2, 1, name(), record(1, 2, "a")));
    cluster.arrive(update(2, 1, name(), record(2, 2, "b")));
    cluster.arrive(update(3, 1, name(), record(1, 2, "a")));
    let late = update(3, 1, name(), record(1, 2, "b"));
    let sentence = breaks(lane_of(&mut cluster, 1), late);
    assert!(sentence.contains("two values"), "{sentence}");
}

#[test]
fn a_second_step_under_one_ballot_and_tag_stops_the_node() {
    let mut cluster = Cluster::of(3);
    cluster.arrive(accept(3, 1, step("6")));
    cluster.arrive(accept(3, 1, step("6")));
    let sentence = breaks(lane_of(&mut cluster, 1), accept(3, 1, step("7")));
    assert!(
        sentence.starts_with("register \"r\" has two steps under the one ballot 1@"),
        "{sentence}"
    );
}

/// A cluster in which node 1 holds node 2's first write, and nobody else has heard of it.
fn held_by_one() -> Cluster {
    let mut cluster = Cluster::of(3);
    cluster.arrive(update(2, 1, name(), record(1, 2, "a")));
    cluster.lose(|_| true);
    cluster
}

/// What node 1 has just asked node 2.
fn asked(cluster: &Cluster) -> RequestId {
    let asked = cluster
        .in_flight
        .iter()
        .find(|message| message.to == node(2));
    let (Body::Query { counter, .. } | Body::Prepare { counter, .. }) = asked.unwrap().body else {
        panic!()
    };
    RequestId {
        origin: incarnation(1),
        counter,
    }
}

fn query_reply(request: RequestId, answer: Answer) -> Body {
    let bounds = Bounds::NONE;
    Body::QueryReply {
        request,
        answer,
        bounds,
    }
}

fn prepare_reply(request: RequestId, promise: Promise) -> Body {
    let bounds = Bounds::NONE;
    Body::PrepareReply {
        request,
        promise,
        bounds,
    }
}

#[test]
fn an_answer_that_contradicts_what_the_reader_holds_stops_it() {
    for (value, is_broken) in [("a", false), ("b", true)] {
        let mut cluster = held_by_one();
        let ticket = cluster.request(1, read());
        let request = asked(&cluster);
        let answer = Answer::Record(record(1, 2, value));
        let reply = said(2, 1, query_reply(request, answer));
        if is_broken {
            let sentence = breaks(lane_of(&mut cluster, 1), reply);
            assert!(sentence.contains("two values"), "{sentence}");
        } else {
            cluster.arrive(reply);
            assert_eq!(cluster.value(ticket), (Some("a"), 1));
        }
    }
}

#[test]
fn promises_that_show_two_records_of_one_tag_stop_the_proposer() {
    let mut cluster = held_by_one();
    cluster.request(1, add(1));
    let request = asked(&cluster);
    let promise = Promise::Promised {
        record: record(1, 2, "b"),
        accepted: None,
    };
    let reply = said(2, 1, prepare_reply(request, promise));
    let sentence = breaks(lane_of(&mut cluster, 1), reply);
    assert!(sentence.contains("two values"), "{sentence}");
}

#[test]
fn promises_that_show_two_steps_of_one_ballot_stop_the_proposer() {
    let mut cluster = Cluster::of(3);
    cluster.arrive(accept(3, 1, step("6")));
    cluster.lose(|_| true);
    let ticket = cluster.request(1, add(1));
    let request = asked(&cluster);
    let promise = |value| Promise::Promised {
        record: record(1, 2, "5"),
        accepted: Some(Box::new(step(value))),
    };
    let reply = |promise| said(2, 1, prepare_reply(request, promise));
    let mut lane = cluster.lanes[&1].clone();
    let sentence = breaks(&mut lane, reply(promise("7")));
    assert!(sentence.contains("two steps"), "{sentence}");
    cluster.arrive(reply(promise("6")));
    assert_eq!(cluster.outcome(ticket), None, "it finishes the other's");
}

#[test]
fn a_tag_in_a_nodes_own_name_that_it_never_issued_stops_it() {
    let mut cluster = Cluster::of(3);
    cluster.request(1, write("5"));
    cluster.deliver_all();
    let never = record(2, 1, "x");
    let request = |cluster: &mut Cluster| {
        cluster.request(1, read());
        asked(cluster)
    };
    let request = request(&mut cluster);
    let answer = Answer::Tag {
        tag: never.tag,
        settled: false,
    };
    for message in [
        update(2, 1, name(), never),
        said(2, 1, query_reply(request, answer)),
    ] {
        let mut lane = cluster.lanes[&1].clone();
        while lane.poll_output().is_some() {}
        let sentence = breaks(&mut lane, message);
        let tag = record(2, 1, "").tag;
        let shown = format!(
            "{} shows the tag {tag} of register \"r\", which names",
            node(2)
        );
        assert!(sentence.starts_with(&shown), "{sentence}");
        assert!(
            sentence.contains("no greater number than 1 there"),
            "{sentence}"
        );
    }
    // Its own, of which others tell it, are its own.
    cluster.arrive(update(2, 1, name(), record(1, 1, "5")));
    cluster.deliver_all();
}
