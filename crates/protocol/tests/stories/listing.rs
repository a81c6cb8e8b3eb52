//! Stories of listings: what is on a page, and what is not.

use crate::harness::*;
use bytes::Bytes;
use protocol::*;
use std::time::Duration;

/// A register of the group that these stories are about.
fn named(text: &str) -> RegisterName {
    RegisterName::new(format!("{{x}}{text}")).unwrap()
}

fn group() -> Group {
    named("").slot().group().unwrap()
}

fn put(text: &str) -> Operation {
    Operation::Write {
        name: named(text),
        content: Some(Bytes::from_static(b"v")),
        expiry: None,
    }
}

fn remove(text: &str) -> Operation {
    Operation::Write {
        name: named(text),
        content: None,
        expiry: None,
    }
}

const ALL: ListRequest = ListRequest::Names {
    after: None,
    entries_max: 1000,
};

fn is_list(message: &Message) -> bool {
    matches!(message.body, Body::List { .. })
}

fn is_list_reply(message: &Message) -> bool {
    matches!(message.body, Body::ListReply { .. })
}

/// What these holds, all of it settled everywhere.
fn holding(texts: &[&str]) -> Cluster {
    let mut cluster = Cluster::of(3);
    for text in texts {
        cluster.request(1, put(text));
        cluster.deliver_all();
    }
    cluster
}

/// The names of a page that is the last of its group, without what they all begin with.
fn names(outcome: &ListOutcome) -> Vec<String> {
    let ListOutcome::Names { listed, end: None } = outcome else {
        panic!("the listing ended as {outcome:?}");
    };
    let names = listed.iter().map(|listed| listed.name.as_bytes());
    let names = names.map(|name| String::from_utf8(name[3..].to_vec()).unwrap());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

/// Lists at a node while only these answer.
fn list_among(cluster: &mut Cluster, at: u64, nodes: &[u64]) -> ListOutcome {
    let ticket = cluster.list(at, group(), ALL);
    cluster.deliver_among(nodes);
    cluster.listings[&ticket].clone()
}

fn read_among(cluster: &mut Cluster, at: u64, nodes: &[u64], text: &str) -> bool {
    let name = named(text);
    let ticket = cluster.request(at, Operation::Read { name });
    cluster.deliver_among(nodes);
    cluster.value(ticket).0.is_some()
}

#[test]
fn a_page_has_the_registers_that_hold_a_value() {
    let mut cluster = holding(&["a", "b", "c"]);
    cluster.request(2, remove("b"));
    cluster.deliver_all();
    for at in 1..=3 {
        let outcome = list_among(&mut cluster, at, &[1, 2, 3]);
        assert_eq!(names(&outcome), ["a", "c"]);
    }
}

#[test]
fn a_settled_group_is_listed_in_one_round() {
    let mut cluster = holding(&["a"]);
    let ticket = cluster.list(1, group(), ALL);
    cluster.deliver(is_list);
    cluster.deliver(is_list_reply);
    assert_eq!(names(&cluster.listings[&ticket]), ["a"]);
    assert!(cluster.in_flight.is_empty());
}

#[test]
fn pages_go_on_where_the_last_one_ended() {
    let texts: Vec<String> = (0..25).map(|number| number.to_string()).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let mut cluster = holding(&texts);
    let (mut listed, mut after) = (Vec::new(), None);
    loop {
        let request = ListRequest::Names {
            after,
            entries_max: 4,
        };
        // Another node each time: a position means the same at all of them.
        let at = 1 + listed.len() as u64 % 3;
        let ticket = cluster.list(at, group(), request);
        cluster.deliver_all();
        let ListOutcome::Names { listed: page, end } = &cluster.listings[&ticket] else {
            panic!()
        };
        listed.extend(page.iter().map(|listed| listed.name.clone()));
        after = *end;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(listed.len(), texts.len());
    assert!(listed.is_sorted_by(|one, next| one < next));
    assert!(texts.iter().all(|text| listed.contains(&named(text))));
}

#[test]
fn a_value_that_its_dead_writer_left_at_one_replica_is_there_for_good_once_it_is_listed() {
    let mut cluster = holding(&[]);
    cluster.request(1, put("a"));
    cluster.deliver(|message| !is_update(message));
    cluster.lose(is_update);
    // Those who do not ask the one that holds it find nothing, and may.
    let outcome = list_among(&mut cluster, 2, &[2, 3]);
    assert!(names(&outcome).is_empty());
    cluster.lose(|_| true);

    let outcome = list_among(&mut cluster, 2, &[1, 2]);
    assert_eq!(names(&outcome), ["a"]);
    cluster.lose(|_| true);
    assert!(read_among(&mut cluster, 3, &[2, 3], "a"));
}

#[test]
fn a_delete_that_its_dead_writer_left_at_one_replica_is_done_once_it_is_missed() {
    let mut cluster = holding(&["a"]);
    cluster.request(1, remove("a"));
    cluster.deliver(|message| !is_update(message));
    cluster.lose(is_update);
    let outcome = list_among(&mut cluster, 2, &[2, 3]);
    assert_eq!(names(&outcome), ["a"]);
    cluster.lose(|_| true);

    let outcome = list_among(&mut cluster, 2, &[1, 2]);
    assert!(names(&outcome).is_empty());
    cluster.lose(|_| true);
    assert!(!read_among(&mut cluster, 3, &[2, 3], "a"));
}

#[test]
fn what_has_expired_is_gone_for_all_before_it_is_left_out() {
    let mut cluster = holding(&["a"]);
    cluster.request(
        1,
        Operation::Write {
            name: named("fleeting"),
            content: Some(Bytes::from_static(b"v")),
            expiry: Some(UnixMillis(100)),
        },
    );
    cluster.deliver_all();
    let outcome = list_among(&mut cluster, 2, &[1, 2, 3]);
    assert_eq!(names(&outcome), ["a", "fleeting"]);

    // The clocks of the others are behind, and stay so.
    cluster.call(1, |lane| lane.note_wall_clock(UnixMillis(100)));
    let outcome = list_among(&mut cluster, 1, &[1, 2]);
    assert_eq!(names(&outcome), ["a"]);
    cluster.lose(|_| true);
    assert!(!read_among(&mut cluster, 3, &[2, 3], "fleeting"));
}

#[test]
fn a_listing_without_a_quorum_is_refused_at_its_deadline_and_asks_again_until_then() {
    let mut cluster = holding(&["a"]);
    let ticket = cluster.list(1, group(), ALL);
    let mut sent = 0;
    while !cluster.listings.contains_key(&ticket) {
        sent += cluster.in_flight.len();
        cluster.lose(|_| true);
        let (next, _) = cluster.lanes[&1].next_timeout().expect("a listing runs");
        cluster.pass(next.since(cluster.now));
    }
    assert!(sent > 6, "{sent} messages were sent");
    let refused = ListOutcome::Refused(Refusal::NoQuorum);
    assert_eq!(cluster.listings[&ticket], refused);
    assert_eq!(cluster.lanes[&1].listings_running(), 0);
}

#[test]
fn a_listing_whose_reads_find_no_quorum_is_refused() {
    let mut cluster = holding(&[]);
    cluster.request(1, put("a"));
    cluster.deliver(|message| !is_update(message));
    cluster.lose(is_update);
    let ticket = cluster.list(2, group(), ALL);
    cluster.deliver(is_list);
    cluster.deliver(|message| is_list_reply(message) && message.from.node == node(1));
    cluster.lose(|_| true);
    assert!(!cluster.listings.contains_key(&ticket));
    cluster.pass(DEADLINE);
    let refused = ListOutcome::Refused(Refusal::NoQuorum);
    assert_eq!(cluster.listings[&ticket], refused);
}

#[test]
fn what_was_answered_in_a_former_epoch_counts_no_more() {
    let mut cluster = holding(&["a"]);
    let ticket = cluster.list(1, group(), ALL);
    cluster.deliver(is_list);
    // All moves on while the answers are on their way, to replicas of which one is new.
    cluster.add(4);
    let joint = configuration(1, 1..=3);
    let joint = joint.joint([1, 2, 4].map(member).to_vec(), 3).unwrap();
    let joint = std::sync::Arc::new(joint);
    cluster.copies = false;
    for at in 1..=4 {
        cluster.enter(at, joint.clone());
    }
    cluster.deliver(|message| is_list_reply(message) && message.epoch == Epoch::FIRST);
    assert!(!cluster.listings.contains_key(&ticket));
    // Of the new epoch both majorities have to answer.
    cluster.deliver_among(&[1, 3]);
    assert!(!cluster.listings.contains_key(&ticket));
    cluster.deliver_among(&[1, 2, 3]);
    assert_eq!(names(&cluster.listings[&ticket]), ["a"]);
}

#[test]
fn who_is_no_member_lists_nothing() {
    let mut cluster = Cluster::of(0);
    cluster.add(1);
    let ticket = cluster.list(1, group(), ALL);
    let refused = ListOutcome::Refused(Refusal::NoCluster);
    assert_eq!(cluster.listings[&ticket], refused);

    let mut cluster = holding(&["a"]);
    cluster.add(4);
    cluster.enter(4, configuration(1, 1..=3));
    let ticket = cluster.list(4, group(), ALL);
    let refused = ListOutcome::Refused(Refusal::NoMember);
    assert_eq!(cluster.listings[&ticket], refused);
}

#[test]
fn a_node_that_is_removed_while_it_lists_says_so() {
    let mut cluster = holding(&["a"]);
    let ticket = cluster.list(1, group(), ALL);
    cluster.enter(1, configuration(3, [2, 3, 4]));
    let refused = ListOutcome::Refused(Refusal::NoMember);
    assert_eq!(cluster.listings[&ticket], refused);
}

#[test]
fn one_listing_too_many_is_refused() {
    let mut cluster = Cluster::with_options(3, |options| options.listings_max = 2);
    let tickets = [(); 3].map(|()| cluster.list(1, group(), ALL));
    let refused = ListOutcome::Refused(Refusal::Busy);
    assert_eq!(cluster.listings.len(), 1);
    assert_eq!(cluster.listings[&tickets[2]], refused);
    cluster.deliver_all();
    assert_eq!(cluster.listings.len(), 3);
}

#[test]
fn a_listing_takes_no_operations_place_and_its_reads_are_always_let_in() {
    let mut cluster = Cluster::with_options(3, |options| options.operations_max = 1);
    cluster.request(1, put("a"));
    cluster.deliver(|message| !is_update(message));
    cluster.lose(is_update);
    let outcome = list_among(&mut cluster, 1, &[1, 2, 3]);
    assert_eq!(names(&outcome), ["a"]);
}

#[test]
fn nothing_is_told_that_is_not_durable() {
    let mut cluster = holding(&[]);
    cluster.slow_disks = true;
    cluster.request(1, put("a"));
    cluster.deliver_all();
    // All three hold it, none durably.
    let ticket = cluster.list(2, group(), ALL);
    cluster.deliver_all();
    assert!(!cluster.listings.contains_key(&ticket));
    cluster.persist(2);
    cluster.deliver_all();
    assert!(!cluster.listings.contains_key(&ticket));
    cluster.persist(3);
    cluster.deliver_all();
    assert_eq!(names(&cluster.listings[&ticket]), ["a"]);
}

#[test]
fn a_peer_that_is_back_is_asked_at_once() {
    let mut cluster = holding(&["a"]);
    let ticket = cluster.list(1, group(), ALL);
    cluster.lose(|_| true);
    cluster.tell(1, 2, PeerState::Down);
    cluster.tell(1, 2, PeerState::Alive);
    cluster.deliver_all();
    assert_eq!(names(&cluster.listings[&ticket]), ["a"]);
}

#[test]
fn a_group_that_a_quorum_holds_alike_is_counted() {
    let mut cluster = holding(&["a", "b", "c"]);
    cluster.request(2, remove("b"));
    cluster.deliver_all();
    let ticket = cluster.list(3, group(), ListRequest::Count);
    cluster.deliver_among(&[2, 3]);
    assert_eq!(cluster.listings[&ticket], ListOutcome::Counted(2));
}

#[test]
fn a_group_that_the_replicas_hold_in_two_ways_or_in_which_something_has_expired_is_not_counted() {
    let mut cluster = holding(&["a"]);
    cluster.request(1, put("b"));
    cluster.deliver(|message| !is_update(message));
    cluster.lose(is_update);
    let ticket = cluster.list(2, group(), ListRequest::Count);
    cluster.deliver_among(&[1, 2]);
    assert_eq!(cluster.listings[&ticket], ListOutcome::Uncounted);

    let mut cluster = holding(&["a"]);
    cluster.request(
        1,
        Operation::Write {
            name: named("fleeting"),
            content: Some(Bytes::from_static(b"v")),
            expiry: Some(UnixMillis(100)),
        },
    );
    cluster.deliver_all();
    let count = |cluster: &mut Cluster, wall| {
        cluster.call(2, |lane| lane.note_wall_clock(UnixMillis(wall)));
        let ticket = cluster.list(2, group(), ListRequest::Count);
        cluster.deliver_all();
        cluster.listings[&ticket].clone()
    };
    assert_eq!(count(&mut cluster, 99), ListOutcome::Counted(2));
    assert_eq!(count(&mut cluster, 100), ListOutcome::Uncounted);
}

#[test]
fn a_page_that_cannot_be_an_answer_is_passed_over() {
    let mut cluster = holding(&["a", "b"]);
    let ticket = cluster.list(1, group(), ALL);
    cluster.deliver(is_list);
    for message in cluster.in_flight.iter_mut().filter(|it| is_list_reply(it)) {
        let Body::ListReply { answer, .. } = &mut message.body else {
            continue;
        };
        *answer = match message.from.node.get() {
            // Out of order.
            2 => {
                let ListAnswer::Names(page) = answer else {
                    panic!()
                };
                let entries = page.entries.iter().rev().cloned().collect();
                ListAnswer::Names(ListPage { entries, end: None })
            }
            // To another question.
            _ => ListAnswer::Count(ListCount {
                digest: 0,
                values: 0,
                any_expired: false,
            }),
        };
    }
    cluster.deliver_all();
    assert!(!cluster.listings.contains_key(&ticket));
    cluster.pass(Duration::from_millis(50));
    cluster.deliver_all();
    assert_eq!(names(&cluster.listings[&ticket]), ["a", "b"]);
}
