use super::*;
use crate::message::{Counter, OperationId};
use crate::node::{Boot, Incarnation, NodeId};
use alloc::vec::Vec;
use bytes::Bytes;
use proptest::prelude::*;

fn record(seq: u64, value: &'static str) -> Record {
    Record {
        tag: Tag {
            seq,
            writer: Incarnation {
                node: NodeId::new(1),
                boot: Boot::FIRST,
            },
            step: 0,
        },
        content: Some(Bytes::from_static(value.as_bytes())),
        expiry: None,
        operation: None,
        settled: false,
    }
}

fn name() -> RegisterName {
    RegisterName::new("r").unwrap()
}

#[test]
fn only_a_greater_tag_is_taken_and_the_reply_names_what_is_held() {
    let mut replica = Replica::default();
    assert_eq!(replica.update(&name(), &record(2, "b")).tag.seq, 2);
    let older = replica.update(&name(), &record(1, "a"));
    assert_eq!((older.tag.seq, older.taken), (2, false));
    assert_eq!(replica.record(&name()), Some(&record(2, "b")));
    assert_eq!(replica.totals().registers, 1);
}

#[test]
fn an_older_or_repeated_update_waits_for_the_disk_as_the_taken_one_does() {
    let mut replica = Replica::default();
    let taken = replica.update(&name(), &record(2, "b"));
    assert_eq!(replica.update(&name(), &record(2, "b")).after, taken.after);
    assert_eq!(replica.update(&name(), &record(1, "a")).after, taken.after);
    assert_eq!(replica.query(&name(), Want::Tag).1, taken.after);
}

#[test]
fn settled_is_said_of_the_very_tag_and_forgotten_with_it() {
    let mut replica = Replica::default();
    replica.update(&name(), &record(1, "a"));
    replica.settle(&name(), record(2, "b").tag);
    assert!(!replica.query(&name(), Want::Tag).0.settled());
    replica.settle(&name(), record(1, "a").tag);
    assert!(replica.query(&name(), Want::Tag).0.settled());
    replica.update(&name(), &record(2, "b"));
    assert!(!replica.query(&name(), Want::Tag).0.settled());
}

#[test]
fn a_value_travels_only_if_it_is_newer_than_what_the_asker_has() {
    let mut replica = Replica::default();
    replica.update(&name(), &record(2, "b"));
    let ask = |tag| replica.query(&name(), Want::RecordAbove(tag)).0;
    assert!(matches!(ask(record(1, "a").tag), Answer::Record(_)));
    assert!(matches!(ask(record(2, "b").tag), Answer::Tag { .. }));
}

fn ballot(round: u64, proposer: u64) -> Ballot {
    Ballot {
        round,
        proposer: Incarnation {
            node: NodeId::new(proposer),
            boot: Boot::FIRST,
        },
    }
}

/// A step that gives the register the tag (seq, step) under a ballot of that round.
fn step(round: u64, seq: u64, step: u32) -> Accepted {
    Accepted {
        ballot: ballot(round, 1),
        tag: Tag {
            step,
            ..record(seq, "").tag
        },
        content: Some(Bytes::from_static(b"step")),
        expiry: None,
        operation: OperationId {
            origin: ballot(round, 1).proposer,
            counter: Counter(round),
        },
    }
}

#[test]
fn a_promise_is_given_to_greater_ballots_only_and_repeated() {
    let mut replica = Replica::default();
    let (promised, after, is_news) = replica.promise(&name(), ballot(2, 1));
    assert_eq!((promised, is_news), (ballot(2, 1), true));
    let again = replica.promise(&name(), ballot(2, 1));
    assert_eq!(again, (ballot(2, 1), after, false));
    let lesser = replica.promise(&name(), ballot(1, 9));
    assert_eq!(lesser, (ballot(2, 1), after, false));
    let (promised, later, is_news) = replica.promise(&name(), ballot(2, 2));
    assert_eq!((promised, is_news), (ballot(2, 2), true));
    assert!(later > after);
    assert_eq!(replica.record(&name()), None);
    assert_eq!(replica.totals().registers, 0);
    assert_eq!(replica.totals().bytes, 1, "the name is held");
}

#[test]
fn a_step_is_accepted_unless_a_greater_ballot_was_promised_or_a_greater_step_accepted() {
    let mut replica = Replica::default();
    replica.promise(&name(), ballot(2, 1));
    assert!(!replica.accept(&name(), &step(1, 9, 9)).0);
    let (is_accepted, after, is_news) = replica.accept(&name(), &step(2, 1, 1));
    assert!(is_accepted && is_news);
    assert_eq!(
        replica.accept(&name(), &step(2, 1, 1)),
        (true, after, false)
    );
    assert!(!replica.accept(&name(), &step(2, 1, 0)).0, "a lesser tag");
    assert!(replica.accept(&name(), &step(2, 1, 2)).0, "a greater tag");
    // Accepting promises.
    assert!(replica.accept(&name(), &step(5, 1, 1)).0);
    let (cell, _) = replica.cell(&name());
    assert_eq!(cell.promised, ballot(5, 1));
    assert_eq!(cell.accepted, Some(Box::new(step(5, 1, 1))));
    // What was accepted is not the very step any more once a greater ballot is promised.
    replica.promise(&name(), ballot(6, 1));
    assert!(!replica.accept(&name(), &step(5, 1, 1)).0);
}

#[test]
fn records_promises_and_steps_are_kept_side_by_side() {
    let mut replica = Replica::default();
    replica.accept(&name(), &step(3, 1, 1));
    replica.update(&name(), &record(2, "b"));
    replica.promise(&name(), ballot(4, 2));
    let expected = Cell {
        record: record(2, "b"),
        promised: ballot(4, 2),
        accepted: Some(Box::new(step(3, 1, 1))),
    };
    assert_eq!(replica.cell(&name()).0, &expected);
}

#[test]
fn a_group_that_is_dropped_leaves_nothing_and_one_that_held_nothing_is_no_news() {
    let mut replica = Replica::default();
    let other = RegisterName::new("other").unwrap();
    let group = |name: &RegisterName| name.slot().group().unwrap();
    assert_ne!(group(&name()), group(&other));
    replica.update(&name(), &record(1, "a"));
    replica.update(&other, &record(1, "a"));
    replica.update(&RegisterName::CONFIGURATION, &record(1, "a"));
    let both: Groups = [group(&name()), group(&other)].into_iter().collect();
    assert_eq!(replica.groups(), both);
    let number = replica.drop_group(group(&name()));
    assert_eq!(number, Some(replica.persist_last()));
    assert_eq!(replica.drop_group(group(&name())), None);
    assert_eq!(replica.record(&name()), None);
    assert_eq!(replica.totals().registers, 1);
    assert!(replica.record(&RegisterName::CONFIGURATION).is_some());
    // It begins anew.
    replica.update(&name(), &record(1, "b"));
    assert_eq!(replica.record(&name()), Some(&record(1, "b")));
}

/// What may befall a register.
#[derive(Clone, Debug)]
enum Event {
    Update(usize, u64),
    Promise(usize, u64, u64),
    Accept(usize, u64, u64),
}

/// Some names of one slot.
const NAMES: [&str; 4] = ["{r}", "{r}1", "{r}22", "{r}333"];

fn named(index: usize) -> RegisterName {
    RegisterName::new(NAMES[index]).unwrap()
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let name = 0..NAMES.len();
    let event = prop_oneof![
        (name.clone(), 1u64..4).prop_map(|(name, seq)| Event::Update(name, seq)),
        (name.clone(), 1u64..4, 1u64..3).prop_map(|(n, round, by)| Event::Promise(n, round, by)),
        (name, 1u64..4, 1u64..3).prop_map(|(name, round, seq)| Event::Accept(name, round, seq)),
    ];
    proptest::collection::vec(event, 0..12)
}

fn after(events: &[Event]) -> Replica {
    let mut replica = Replica::default();
    for event in events {
        match *event {
            Event::Update(name, seq) => {
                let value = ["", "a", "bb", "ccc"][seq as usize];
                replica.update(&named(name), &record(seq, value));
            }
            Event::Promise(name, round, proposer) => {
                replica.promise(&named(name), ballot(round, proposer));
            }
            Event::Accept(name, round, seq) => {
                replica.accept(&named(name), &step(round, seq, 1));
            }
        }
    }
    replica
}

/// All that is held.
fn cells(replica: &Replica) -> Vec<(RegisterName, Cell)> {
    let store = replica.slot(named(0).slot());
    let cells = store.into_iter().flat_map(|store| store.cells_after(None));
    cells
        .map(|(name, cell, _)| (name.clone(), cell.clone()))
        .collect()
}

fn digest(replica: &Replica) -> u128 {
    let store = replica.slot(named(0).slot());
    store.map_or(0, SlotStore::digest)
}

fn merged(mut into: Replica, from: &Replica) -> Replica {
    for (name, cell) in cells(from) {
        into.merge(&name, &cell);
    }
    into
}

proptest! {
    #[test]
    fn digests_are_equal_if_what_is_held_is_and_only_then(one in events(), other in events()) {
        let (one, other) = (after(&one), after(&other));
        prop_assert_eq!(digest(&one) == digest(&other), cells(&one) == cells(&other));
        prop_assert_eq!(digest(&one) == 0, cells(&one).is_empty());
        // However it was come by.
        let (left, right) = (merged(one.clone(), &other), merged(other, &one));
        prop_assert_eq!(cells(&left), cells(&right));
        prop_assert_eq!(digest(&left), digest(&right));
    }

    #[test]
    fn what_is_merged_is_the_greater_of_each_part(one in events(), other in events()) {
        let (one, other) = (after(&one), after(&other));
        let both = merged(one.clone(), &other);
        for name in (0..NAMES.len()).map(named) {
            let of = |replica: &Replica| replica.cell(&name).0.clone();
            let (a, b, merged) = (of(&one), of(&other), of(&both));
            let newer = if b.record.tag > a.record.tag { &b } else { &a };
            prop_assert_eq!(&merged.record, &newer.record);
            prop_assert_eq!(merged.promised, a.promised.max(b.promised));
            let rank = |cell: &Cell| cell.accepted.as_deref().map(Accepted::rank);
            let newer = if rank(&b) > rank(&a) { &b } else { &a };
            prop_assert_eq!(&merged.accepted, &newer.accepted);
            let lacks = one.lacks(&name, &b.versions());
            prop_assert_eq!(lacks, merged != a, "what is listed is asked for if it is news");
            prop_assert!(!both.lacks(&name, &b.versions()));
        }
    }

    #[test]
    fn what_is_held_is_counted_as_it_changes(events in events()) {
        let replica = after(&events);
        let (mut registers, mut bytes) = (0, 0);
        for (name, cell) in cells(&replica) {
            registers += usize::from(!cell.record.tag.is_zero());
            bytes += name.as_bytes().len();
            bytes += cell.record.content.map_or(0, |content| content.len());
        }
        prop_assert_eq!(replica.totals().registers, registers);
        prop_assert_eq!(replica.totals().bytes, bytes as u64);
        // So is what comes from a disk.
        let mut restored = Replica::default();
        for (name, cell) in cells(&replica) {
            restored.restore(&name, cell);
        }
        prop_assert_eq!(restored.memory, replica.memory);
    }
}

#[test]
fn whether_a_tag_is_known_to_be_settled_does_not_change_the_digest() {
    let mut replica = after(&[Event::Update(0, 1)]);
    let before = digest(&replica);
    replica.settle(&named(0), record(1, "a").tag);
    assert!(replica.record(&named(0)).unwrap().settled);
    assert_eq!(digest(&replica), before);
}

#[test]
#[ignore = "it measures"]
#[expect(clippy::disallowed_methods, reason = "it measures")]
fn an_update_takes() {
    const REGISTERS: u64 = 10_000;
    const ROUNDS: u64 = 100;
    let names: Vec<RegisterName> = (0..REGISTERS)
        .map(|number| RegisterName::new(std::format!("user:{number}")).unwrap())
        .collect();
    let mut replica = Replica::default();
    let begun = std::time::Instant::now();
    for seq in 1..=ROUNDS {
        for name in &names {
            replica.update(name, &record(seq, "0123456789abcdef"));
        }
    }
    let update = begun.elapsed() / u32::try_from(REGISTERS * ROUNDS).unwrap();
    let (cell, _) = replica.cell(&names[0]);
    let begun = std::time::Instant::now();
    for name in names.iter().cycle().take(1_000_000) {
        std::hint::black_box(digest::digest(digest::NameDigest::of(name), cell));
    }
    let digest = begun.elapsed() / 1_000_000;
    std::println!(
        "an update: {update:?}, of which two digests: about {:?}",
        digest * 2
    );
}
