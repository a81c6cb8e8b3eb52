//! What becomes of operations when the configuration changes, and how the next one is decided.

use super::harness::*;
use protocol::*;
use std::sync::Arc;
use std::time::Duration;

fn is_update_reply(message: &Message) -> bool {
    matches!(message.body, Body::UpdateReply { .. })
}

fn is_stale_epoch(message: &Message) -> bool {
    matches!(message.body, Body::StaleEpoch { .. })
}

/// The joint configuration from nodes 1 to `before` to these.
fn joint(before: u64, after: impl IntoIterator<Item = u64>) -> Configuration {
    let members: Vec<Member> = after.into_iter().map(member).collect();
    let replication = u8::try_from(members.len()).unwrap();
    let standing = configuration(1, 1..=before);
    standing.joint(members, replication).unwrap()
}

/// A cluster of three, and nodes that know of no cluster.
fn with_fresh_nodes(fresh: &[u64]) -> Cluster {
    let mut cluster = Cluster::of(3);
    for &number in fresh {
        cluster.add(number);
    }
    cluster
}

fn configuration_held(cluster: &Cluster, at: u64) -> Configuration {
    cluster.configuration_at(at).unwrap()
}

/// What identifies what a message of a read-modify-write asks for.
fn mark(message: &Message) -> Option<(Option<Ballot>, Option<Tag>)> {
    match &message.body {
        Body::Prepare { ballot, .. } => Some((Some(*ballot), None)),
        Body::Accept { step, .. } => Some((Some(step.ballot), Some(step.tag))),
        Body::Update { record, .. } => Some((None, Some(record.tag))),
        _ => None,
    }
}

#[test]
fn in_the_next_epoch_a_phase_starts_over_with_the_same_ballot_the_same_step_the_same_tag() {
    let phases: [fn(&Message) -> bool; 3] = [is_prepare, is_accept, is_update];
    for phase in phases {
        let mut cluster = Cluster::of(5);
        let ticket = cluster.request(1, add(1));
        while !cluster.in_flight.iter().any(phase) {
            let message = cluster.in_flight.remove(0);
            cluster.arrive(message);
        }
        let old = cluster.in_flight.iter().find(|message| phase(message));
        let old = mark(old.unwrap());
        // Of five, nodes 1 and 2 have answered when the epoch ends, and node 3's answer is late.
        cluster.deliver(|message| phase(message) && message.to == node(2));
        cluster.deliver(|message| message.from.node == node(2));
        cluster.deliver(|message| phase(message) && message.to == node(3));
        let late = cluster.in_flight.iter().filter(|m| m.from.node == node(3));
        let late: Vec<Message> = late.cloned().collect();
        cluster.lose(|_| true);
        for at in 1..=5 {
            cluster.enter(at, configuration(2, 1..=5));
        }
        let asked = || cluster.in_flight.iter().filter(|message| phase(message));
        assert_eq!(asked().count(), 4);
        assert!(asked().all(|message| message.epoch == Epoch(2) && mark(message) == old));
        // Nodes 1 and 4 have answered in the new one: with the answers of the old one, a quorum.
        for message in late {
            cluster.arrive(message);
        }
        cluster.deliver(|message| message.to == node(4));
        cluster.deliver(|message| message.from.node == node(4));
        let mut marks = cluster.in_flight.iter().filter_map(mark);
        assert!(marks.all(|mark| Some(mark) == old));
        assert_eq!(cluster.outcome(ticket), None);
        cluster.deliver_all();
        assert_eq!(cluster.modified(ticket), "1");
        assert_eq!(cluster.read_at(2).as_deref(), Some("1"));
    }
}

#[test]
fn that_a_step_was_proposed_is_not_forgotten_in_the_next_epoch() {
    let mut cluster = Cluster::of(3);
    let first = cluster.request(1, add(1));
    cluster.deliver(|message| is_prepare(message) || is_prepare_reply(message));
    cluster.lose(|_| true);
    for at in [2, 3] {
        cluster.enter(at, configuration(2, 1..=3));
    }
    let second = cluster.request(2, add(10));
    cluster.deliver_among(&[2, 3]);
    assert_eq!(cluster.modified(second), "10");
    cluster.enter(1, configuration(2, 1..=3));
    cluster.run_until_answered(&[first]);
    assert_eq!(cluster.outcome(first), Some(&Outcome::Unknown));
    assert_eq!(cluster.read_at(3).as_deref(), Some("10"));
}

#[test]
fn in_a_joint_configuration_a_step_needs_both_majorities() {
    let mut cluster = with_fresh_nodes(&[4, 5]);
    let next = Arc::new(joint(3, [1, 4, 5]));
    for at in 1..=5 {
        cluster.enter(at, next.clone());
    }
    for missing in [[2, 3], [4, 5]] {
        let ticket = cluster.request(1, add(1));
        let lost = |message: &Message| missing.contains(&message.to.get());
        cluster.deliver(|message| !lost(message));
        assert_eq!(cluster.outcome(ticket), None);
        assert!(!cluster.in_flight.iter().any(is_accept));
        cluster.deliver_all();
        cluster.modified(ticket);
    }
    assert_eq!(cluster.read_at(4).as_deref(), Some("2"));
}

#[test]
fn a_proposal_is_decided_and_every_node_hears_of_it() {
    let mut cluster = with_fresh_nodes(&[4]);
    let next = joint(3, 1..=4);
    let ticket = cluster.propose(2, &next);
    cluster.run_until_answered(&[ticket]);
    assert!(matches!(
        cluster.outcome(ticket),
        Some(Outcome::Modified { .. })
    ));
    for at in 1..=3 {
        assert_eq!(cluster.lanes[&at].epoch(), next.epoch());
        assert_eq!(configuration_held(&cluster, at), next);
    }
}

#[test]
fn a_node_that_missed_the_decision_hears_of_it_from_the_next_request() {
    let mut cluster = with_fresh_nodes(&[4]);
    let next = joint(3, 1..=4);
    cluster.propose(2, &next);
    cluster.deliver_among(&[1, 2]);
    cluster.lose(|_| true);
    assert_eq!(cluster.lanes[&3].epoch(), Epoch::FIRST);
    let written = cluster.request(3, write("a"));
    cluster.deliver_all();
    assert_eq!(cluster.lanes[&3].epoch(), Epoch(2));
    cluster.written(written);
}

#[test]
fn of_two_proposals_exactly_one_is_decided() {
    let mut cluster = with_fresh_nodes(&[4, 5]);
    let proposals = [joint(3, 1..=4), joint(3, [1, 2, 5])];
    let tickets = [
        cluster.propose(1, &proposals[0]),
        cluster.propose(2, &proposals[1]),
    ];
    cluster.run_until_answered(&tickets);
    let decided = configuration_held(&cluster, 1);
    assert!(proposals.contains(&decided));
    for learned in cluster.learned.values().flatten() {
        assert_eq!(**learned, decided);
    }
    for (ticket, proposal) in tickets.into_iter().zip(&proposals) {
        match cluster.outcome(ticket) {
            Some(Outcome::Modified { .. }) => assert_eq!(*proposal, decided),
            Some(Outcome::Unchanged { record, .. }) => {
                assert_ne!(*proposal, decided);
                assert_eq!(record.content, Some(decided.encode()));
            }
            other => assert_eq!(other, Some(&Outcome::Unknown)),
        }
    }
}

#[test]
fn a_decision_whose_proposer_died_is_finished_by_the_next_proposer() {
    let mut cluster = with_fresh_nodes(&[4, 5]);
    let next = joint(3, 1..=4);
    cluster.propose(1, &next);
    cluster.deliver(|message| is_prepare(message) || is_prepare_reply(message));
    cluster.deliver(|message| is_accept(message) && message.to == node(2));
    cluster.lanes.remove(&1);
    cluster.lose(|_| true);
    let other = cluster.propose(3, &joint(3, [1, 2, 5]));
    cluster.run_until_answered(&[other]);
    assert_eq!(configuration_held(&cluster, 2), next);
    assert!(matches!(
        cluster.outcome(other),
        Some(Outcome::Unchanged { .. })
    ));
}

#[test]
fn a_proposal_for_an_epoch_that_is_over_is_refused_at_once() {
    let mut cluster = with_fresh_nodes(&[4]);
    let next = joint(3, 1..=4);
    cluster.enter(1, configuration(2, 1..=3));
    let now = cluster.now;
    cluster.call(1, |lane| {
        lane.handle_proposal(now, Ticket(99), Epoch::FIRST, &next, now + DEADLINE);
    });
    assert!(matches!(
        cluster.outcome(Ticket(99)),
        Some(Outcome::Refused(_))
    ));
    assert!(!cluster.in_flight.iter().any(is_prepare));
}

#[test]
fn a_node_that_is_no_member_proposes_nothing() {
    let mut cluster = with_fresh_nodes(&[9]);
    cluster.enter(9, configuration(1, 1..=3));
    let ticket = cluster.propose(9, &joint(3, 1..=2));
    let refused = Outcome::Refused(Refusal::NoMember);
    assert_eq!(cluster.outcome(ticket), Some(&refused));
}

#[test]
fn after_a_joint_configuration_the_members_before_it_decide_alone() {
    let mut cluster = with_fresh_nodes(&[4, 5]);
    let next = Arc::new(joint(3, [1, 4, 5]));
    for at in 1..=3 {
        cluster.enter(at, next.clone());
    }
    // Those that were to join are dead, and so is one of the old members.
    for dead in [3, 4, 5] {
        cluster.lanes.remove(&dead);
    }
    let ticket = cluster.propose(2, &next.aborted());
    for to in [4, 5] {
        assert!(!cluster.in_flight.iter().any(|m| m.to == node(to)));
    }
    cluster.run_until_answered(&[ticket]);
    assert!(matches!(
        cluster.outcome(ticket),
        Some(Outcome::Modified { .. })
    ));
    assert_eq!(configuration_held(&cluster, 1), next.aborted());
}

#[test]
fn a_proposal_that_an_epoch_has_overtaken_is_not_carried_into_the_next() {
    let mut cluster = with_fresh_nodes(&[4, 5]);
    let next = Arc::new(joint(3, [3, 4, 5]));
    for at in 1..=5 {
        cluster.enter(at, next.clone());
    }
    // Node 1 wants to give the change up, and only its own replica accepts that.
    let ticket = cluster.propose(1, &next.aborted());
    cluster.deliver(|message| is_prepare(message) || is_prepare_reply(message));
    cluster.lose(|_| true);
    // Nodes 2 and 3 finish the change. Of its members only node 3 ever heard of either ballot.
    let finished = cluster.propose(2, &next.finished());
    while cluster.outcome(finished).is_none() {
        cluster.deliver_among(&[2, 3, 4, 5]);
        cluster.lose(|_| true);
        cluster.pass(Duration::from_millis(10));
        cluster.lose(|message| message.from.node == node(1));
    }
    assert!(matches!(
        cluster.outcome(finished),
        Some(Outcome::Modified { .. })
    ));
    cluster.enter(1, Arc::new(next.finished()));
    assert_eq!(cluster.outcome(ticket), Some(&Outcome::Unknown));
    assert!(!cluster.in_flight.iter().any(is_accept));
}

#[test]
fn clients_cannot_reach_the_configuration_through_a_forward() {
    let mut cluster = Cluster::of(3);
    let operation = Operation::Write {
        name: RegisterName::CONFIGURATION,
        content: None,
        expiry: None,
    };
    cluster.arrive(Message {
        from: incarnation(9),
        to: node(1),
        cluster: ClusterId(1),
        epoch: Epoch::FIRST,
        low_water: Counter(1),
        body: Body::Forward {
            counter: Counter(1),
            executor: Boot::FIRST,
            operation: Box::new(operation),
            time_left: DEADLINE,
        },
    });
    cluster.deliver_all();
    assert_eq!(configuration_held(&cluster, 1), *configuration(1, 1..=3));
}

#[test]
fn a_removed_coordinator_finishes_what_runs_under_the_new_epoch() {
    for operation in [write("1"), add(1)] {
        let mut cluster = Cluster::of(4);
        let ticket = cluster.request(4, operation);
        cluster.deliver(|message| !is_update(message));
        let old = cluster.in_flight.iter().find(|m| is_update(m)).cloned();
        cluster.lose(|_| true);
        let standing = configuration(1, 1..=4);
        let members = (1..=3).map(member).collect();
        let change = standing.joint(members, 3).unwrap();
        for entered in [change.clone(), change.finished()] {
            cluster.lose(|_| true);
            for at in 1..=4 {
                cluster.enter(at, Arc::new(entered.clone()));
            }
        }
        cluster.deliver_all();
        let tag = match cluster.outcome(ticket) {
            Some(Outcome::Written { tag, .. }) => *tag,
            Some(Outcome::Modified { record, .. }) => record.tag,
            other => panic!("it ended as {other:?}"),
        };
        let Some(Body::Update { record, .. }) = old.map(|message| message.body) else {
            panic!()
        };
        assert_eq!(record.tag, tag);
        assert_eq!(cluster.read_at(1).as_deref(), Some("1"));
        // What it is asked from now on, it forwards.
        let later = cluster.request(4, read());
        assert!(matches!(cluster.in_flight[0].body, Body::Forward { .. }));
        cluster.deliver_all();
        assert_eq!(cluster.value(later).0, Some("1"));
    }
}

#[test]
fn a_coordinator_that_is_behind_is_told_of_the_epoch_only_now_and_then() {
    let mut cluster = Cluster::of(3);
    cluster.enters_at_once = false;
    cluster.enter(2, configuration(2, 1..=3));
    for _ in 0..10 {
        cluster.request(1, read());
    }
    cluster.deliver(|message| message.to == node(2));
    let told = |cluster: &Cluster| {
        cluster
            .in_flight
            .iter()
            .filter(|m| is_stale_epoch(m))
            .count()
    };
    assert_eq!(told(&cluster), 1);
    // The word may be lost, so it is said again after a while.
    cluster.lose(|_| true);
    cluster.pass(Duration::from_millis(50));
    cluster.deliver(|message| message.to == node(2));
    assert_eq!(told(&cluster), 1);
}

#[test]
fn a_replica_that_has_caught_up_is_asked_again_at_once() {
    let mut cluster = Cluster::of(3);
    cluster.lanes.remove(&3);
    cluster.enters_at_once = false;
    cluster.enter(1, configuration(2, 1..=3));
    let tickets = [cluster.request(1, write("1")), cluster.request(1, add(1))];
    cluster.deliver_all();
    assert_eq!(
        tickets.map(|ticket| cluster.outcome(ticket).cloned()),
        [None, None]
    );
    // Node 2 enters the epoch; no time passes, so that nothing is sent again because of it.
    let heard = cluster.learned[&2][0].clone();
    cluster.enter(2, heard);
    assert!(
        cluster
            .in_flight
            .iter()
            .any(|message| matches!(message.body, Body::Entered { .. }))
    );
    cluster.deliver_all();
    for ticket in tickets {
        assert!(cluster.outcome(ticket).is_some());
    }
}

/// Of five replicas, nodes 1 and 2 hold a write when the epoch ends, and node 3 in the next one.
/// Returns whether the write is taken for done.
fn is_done_by_two_and_one(adjust: fn(&mut LaneOptions)) -> bool {
    let mut cluster = Cluster::with_options(5, adjust);
    let ticket = cluster.request(1, write("a"));
    cluster.deliver(|message| !is_update(message));
    cluster.deliver(|message| message.to == node(2));
    cluster.deliver(|message| message.from.node == node(2));
    cluster.lose(|_| true);
    for at in 1..=5 {
        cluster.enter(at, configuration(2, 1..=5));
    }
    cluster.deliver(|message| message.to == node(3));
    cluster.deliver(|message| message.from.node == node(3));
    cluster.outcome(ticket).is_some()
}

#[test]
fn acknowledgements_of_two_epochs_do_not_add_up_to_a_quorum() {
    assert!(!is_done_by_two_and_one(|_| {}));
}

#[cfg(feature = "planted-faults")]
#[test]
fn faults_that_add_up_the_acknowledgements_of_two_epochs_take_a_write_for_done() {
    assert!(is_done_by_two_and_one(|options| {
        options.planted = Some(PlantedFault::MixEpochs);
    }));
    assert!(is_done_by_two_and_one(|options| {
        options.planted = Some(PlantedFault::NewestEpochStamp);
    }));
}

#[test]
fn an_acknowledgement_of_a_former_epoch_does_not_count() {
    let mut cluster = Cluster::of(3);
    let ticket = cluster.request(1, write("a"));
    cluster.deliver(|message| !is_update_reply(message));
    let late = cluster.in_flight.clone();
    assert!(late.iter().all(is_update_reply) && late.len() == 2);
    cluster.lose(|_| true);
    cluster.enter(1, configuration(2, 1..=3));
    for message in late {
        cluster.arrive(message);
    }
    assert_eq!(cluster.outcome(ticket), None);
    cluster.run_until_answered(&[ticket]);
    cluster.written(ticket);
}
