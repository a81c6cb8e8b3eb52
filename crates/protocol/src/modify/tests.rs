use super::*;
use crate::answers::Answers;
use crate::message::Counter;
use crate::node::{Boot, Incarnation};
use crate::quorum::{Quorums, ReplicaSet};
use alloc::boxed::Box;

fn node(number: u64) -> NodeId {
    NodeId::new(number)
}

fn ballot(round: u64) -> Ballot {
    let (node, boot) = (node(1), Boot::FIRST);
    Ballot {
        round,
        proposer: Incarnation { node, boot },
    }
}

fn promised(accepted: Option<Accepted>) -> Promise {
    let record = Record::EMPTY;
    let accepted = accepted.map(Box::new);
    Promise::Promised { record, accepted }
}

fn refused(round: u64) -> Promise {
    let promised = ballot(round);
    Promise::Refused { promised }
}

/// An addition of one whose ballot of round 5 is on its way.
fn adding() -> Modify {
    let id = OperationId {
        origin: ballot(1).proposer,
        counter: Counter(1),
    };
    let mut modify = Modify::new(id, Change::add(1));
    modify.take_turn();
    modify.prepare(ballot(5));
    modify
}

fn next(modify: &mut Modify) -> ModifyStep {
    let rule = Rule {
        quorums: &Quorums::of(ReplicaSet::new((1..=3).map(node))),
        answers: &Answers::default(),
        #[cfg(feature = "planted-faults")]
        planted: None,
        #[cfg(feature = "planted-faults")]
        believed_alive: &|_| true,
    };
    let circumstances = Circumstances {
        wall: UnixMillis::default(),
        content_bytes_max: 100,
    };
    modify.next(&rule, circumstances, |_| true)
}

/// The same, with its step on its way.
fn proposing() -> (Modify, Accepted) {
    let mut modify = adding();
    modify.take_promise(node(1), promised(None));
    modify.take_promise(node(2), promised(None));
    assert!(matches!(next(&mut modify), ModifyStep::Ask));
    let Asks::Accept(step) = modify.asks() else {
        panic!()
    };
    let step = step.clone();
    (modify, step)
}

#[test]
fn a_replica_that_promised_and_then_refuses_has_promised() {
    let mut modify = adding();
    modify.take_promise(node(1), promised(None));
    modify.take_promise(node(2), refused(6));
    modify.take_promise(node(2), promised(None));
    assert!(matches!(next(&mut modify), ModifyStep::Ask));
}

#[test]
fn only_a_greater_ballot_refuses() {
    let mut modify = adding();
    modify.take_promise(node(1), refused(4));
    modify.take_promise(node(2), refused(5));
    assert!(matches!(next(&mut modify), ModifyStep::Wait));
    modify.take_promise(node(2), refused(6));
    assert!(matches!(next(&mut modify), ModifyStep::Wait));
    modify.take_promise(node(1), refused(9));
    assert!(matches!(next(&mut modify), ModifyStep::TryAgain));
    assert_eq!(modify.round_seen(), 9);

    let (mut modify, step) = proposing();
    for from in [node(1), node(2)] {
        modify.take_accepted(from, step.rank(), Some(ballot(5)));
    }
    assert!(matches!(next(&mut modify), ModifyStep::Wait));
}

#[test]
fn an_acknowledgement_counts_for_the_ballot_and_the_tag_that_it_names() {
    let (mut modify, step) = proposing();
    let (ballot_sent, tag) = step.rank();
    let next_tag = tag.next_step().unwrap();
    for other in [(ballot(4), tag), (ballot_sent, next_tag)] {
        for from in [node(1), node(2), node(3)] {
            modify.take_accepted(from, other, None);
        }
        assert!(matches!(next(&mut modify), ModifyStep::Wait));
    }
    for from in [node(1), node(2)] {
        modify.take_accepted(from, (ballot_sent, tag), None);
    }
    assert!(matches!(next(&mut modify), ModifyStep::Ask));
    assert_eq!(modify.update(), Some(&step.record()));
}

#[test]
fn of_the_steps_in_doubt_that_of_the_greatest_ballot_is_finished() {
    let (_, step) = proposing();
    let other = |round, counter| Accepted {
        ballot: ballot(round),
        operation: OperationId {
            counter: Counter(counter),
            ..step.operation
        },
        ..step.clone()
    };
    let mut modify = adding();
    modify.take_promise(node(3), promised(Some(other(2, 12))));
    modify.take_promise(node(2), promised(Some(other(3, 13))));
    assert!(matches!(next(&mut modify), ModifyStep::Ask));
    let Asks::Accept(finishing) = modify.asks() else {
        panic!()
    };
    assert_eq!(
        (finishing.ballot, finishing.operation.counter.0),
        (ballot(5), 13)
    );
    // Nothing of its own was proposed by that.
    assert!(matches!(
        modify.outcome_now(Refusal::NoQuorum),
        Outcome::Refused(_)
    ));
}

#[test]
fn who_answers_at_all_is_given_time_for_the_others_to_answer() {
    let mut modify = adding();
    modify.take_promise(node(2), refused(6));
    for _ in 1..PATIENCE {
        modify.note_resend();
        assert!(matches!(next(&mut modify), ModifyStep::Wait));
    }
    modify.take_promise(node(1), promised(None));
    modify.note_resend();
    assert!(matches!(next(&mut modify), ModifyStep::Wait));
    for _ in 1..PATIENCE {
        modify.note_resend();
    }
    assert!(matches!(next(&mut modify), ModifyStep::TryAgain));
}
