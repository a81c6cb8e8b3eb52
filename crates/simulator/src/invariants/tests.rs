//! That what is broken is found.

use super::*;
use crate::fixtures::{configuration, incarnation, members, record};
use protocol::{Body, Counter, Message, RequestId};

fn name() -> RegisterName {
    RegisterName::new("r").unwrap()
}

const ERA: (ClusterId, Epoch) = (ClusterId(1), Epoch::FIRST);

fn message(body: Body) -> Message {
    Message {
        from: incarnation(),
        to: NodeId::new(2),
        cluster: ERA.0,
        epoch: ERA.1,
        low_water: Counter::first(0),
        body,
    }
}

fn settled() -> Body {
    Body::Settled {
        name: name(),
        tag: Tag::ZERO,
    }
}

fn expect_broken(invariants: &Invariants, how: &str) {
    let broken = invariants.broken().unwrap();
    assert!(broken.starts_with(how), "{broken}");
}

#[test]
fn two_contents_of_one_tag_are_found() {
    let mut invariants = Invariants::new(true);
    invariants.shown(ERA, &name(), &record(1, b"a"));
    let as_settled = Record {
        settled: true,
        ..record(1, b"a")
    };
    invariants.shown(ERA, &name(), &as_settled);
    invariants.shown(ERA, &name(), &record(2, b"b"));
    let of_another_cluster = (ClusterId(2), Epoch::FIRST);
    invariants.shown(of_another_cluster, &name(), &record(2, b"c"));
    assert_eq!(invariants.broken(), None);
    invariants.shown(ERA, &name(), &record(1, b"b"));
    expect_broken(&invariants, "one tag of r has two contents");
}

#[test]
fn a_low_water_mark_that_falls_is_found() {
    let mut invariants = Invariants::new(true);
    let mut tell = |low_water| {
        let message = Message {
            low_water,
            ..message(settled())
        };
        invariants.sent(&message, ERA.1);
        invariants.broken().is_some()
    };
    let first = Counter::first(0);
    assert!(!tell(first.next()) && !tell(Counter::first(1)));
    assert!(tell(first));
    expect_broken(&invariants, "a low-water mark fell");
}

#[test]
fn a_message_of_a_lane_to_its_own_node_is_found() {
    let mut invariants = Invariants::new(true);
    let message = Message {
        to: incarnation().node,
        ..message(settled())
    };
    invariants.sent(&message, ERA.1);
    expect_broken(&invariants, "a lane sends a message to its own node");
}

#[test]
fn an_answer_in_an_epoch_that_was_left_is_found() {
    let mut invariants = Invariants::new(true);
    let request = RequestId {
        origin: incarnation(),
        counter: Counter::first(0),
    };
    let tag = Tag::ZERO;
    let message = message(Body::UpdateReply { request, tag });
    invariants.sent(&message, ERA.1);
    assert_eq!(invariants.broken(), None);
    invariants.sent(&message, ERA.1.next());
    let how = format!("{}, which is in epoch 2, answers in epoch 1", incarnation());
    expect_broken(&invariants, &how);
}

fn process_of(id: NodeId) -> Option<ProcessNumber> {
    Some(id.get() as usize)
}

fn enter(invariants: &mut Invariants, process: u64, configuration: &Configuration) -> bool {
    let node = NodeId::new(process);
    invariants.entered(process as usize, node, &Arc::new(configuration.clone()))
}

#[test]
fn a_second_cluster_beside_a_member_of_the_first_is_found() {
    let mut invariants = Invariants::new(true);
    enter(&mut invariants, 1, &configuration(1, &[1]));
    invariants.died(1);
    enter(&mut invariants, 2, &configuration(2, &[2, 3]));
    enter(&mut invariants, 3, &configuration(2, &[2, 3]));
    enter(&mut invariants, 4, &configuration(1, &[1]));
    assert_eq!(
        invariants.broken(),
        None,
        "the last one is a member of nothing"
    );
    enter(&mut invariants, 5, &configuration(3, &[5]));
    expect_broken(&invariants, "two clusters stand");
}

#[test]
fn a_configuration_that_was_not_decided_is_found() {
    let first = configuration(1, &[1, 2, 3]);
    let joint = first.joint(members(&[1, 2]), 3).unwrap();
    for acceptors in [1, 2] {
        let mut invariants = Invariants::new(true);
        assert!(enter(&mut invariants, 1, &first));
        let ballot = protocol::Ballot {
            round: 1,
            proposer: incarnation(),
        };
        for node in 1..=acceptors {
            let (name, node) = (RegisterName::CONFIGURATION, NodeId::new(node));
            invariants.accepted(ERA, &name, (ballot, joint.tag()), node);
        }
        enter(&mut invariants, 1, &joint);
        assert_eq!(invariants.broken().is_some(), acceptors == 1);
    }
}

fn cell(record: Record) -> Cell {
    Cell {
        record,
        ..Cell::EMPTY
    }
}

/// Three processes of which the first ones hold a record that somebody calls settled.
fn held_by(holders: u64) -> Invariants {
    let mut invariants = Invariants::new(true);
    enter(&mut invariants, 1, &configuration(1, &[1, 2, 3]));
    for process in 1..=holders {
        let number = process as usize;
        invariants.keeps(number, ERA, &name(), &cell(record(1, b"a")));
    }
    let written = Outcome::Written {
        tag: record(1, b"a").tag,
        rounds: 2,
    };
    let settled = invariants.told(ERA, &name(), &written).unwrap();
    assert_eq!(
        invariants.told(ERA, &name(), &written),
        None,
        "it is looked at once"
    );
    invariants.expect_settled(&settled, process_of);
    invariants
}

#[test]
fn what_is_taken_for_settled_and_held_by_no_quorum_is_found() {
    assert_eq!(held_by(2).broken(), None);
    assert!(
        held_by(1)
            .broken()
            .unwrap()
            .contains("is taken for settled")
    );
}

#[test]
fn a_copy_that_lacks_what_was_completed_before_is_found() {
    let group = name().slot().group().unwrap();
    let (later, seq_2) = ((ERA.0, ERA.1.next()), record(2, b"b"));
    let mut invariants = held_by(2);
    invariants.keeps(4, later, &name(), &cell(seq_2));
    invariants.copied(4, later, group);
    invariants.copied(5, ERA, group);
    assert_eq!(invariants.broken(), None, "that is of no earlier epoch");
    invariants.copied(5, later, group);
    expect_broken(&invariants, "process 5 has copied group");
}

#[test]
fn a_copy_that_lacks_what_is_found_completed_later_is_found() {
    let group = name().slot().group().unwrap();
    let mut invariants = Invariants::new(true);
    enter(&mut invariants, 1, &configuration(1, &[1]));
    invariants.copied(4, (ERA.0, ERA.1.next()), group);
    let kept = cell(record(1, b"a"));
    invariants.keeps(1, ERA, &name(), &kept);
    let settled = Settled {
        era: ERA,
        name: name(),
        tag: kept.record.tag,
    };
    invariants.expect_settled(&settled, process_of);
    assert!(
        invariants
            .broken()
            .unwrap()
            .contains("had copied it for a later one")
    );
}
