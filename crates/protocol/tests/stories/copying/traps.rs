//! What must be copied, from whom, and when it counts.

use super::*;

#[test]
fn a_replica_of_the_old_set_copies_from_the_others_all_the_same() {
    let mut cluster = with_fresh(&[4, 5]);
    cluster.write_past_node_1("a");
    let change = to_members(&configuration(1, 1..=3), [1, 4, 5]);
    cluster.enter_all(1..=5, &change);
    assert!(!has_copied(&cluster, 1, change.epoch()));
    cluster.deliver_all();
    for at in [1, 4, 5] {
        assert_eq!(copied_groups(&cluster, at, change.epoch()).len(), 1024);
        assert_eq!(held(&cluster, at).as_deref(), Some("a"));
    }
    for at in [2, 3] {
        assert_eq!(cluster.copied.get(&at), None, "{at} leaves");
    }
    cluster.enter_all([1, 4, 5], &Arc::new(change.finished()));
    cluster.lanes.remove(&4);
    assert_eq!(cluster.read_at(5).as_deref(), Some("a"));
}

#[test]
fn one_source_is_not_enough_where_a_majority_takes_two() {
    let mut cluster = with_fresh(&[4]);
    cluster.write_past_node_1("a");
    let change = to_members(&configuration(1, 1..=3), [2, 3, 4]);
    cluster.enter_all(1..=4, &change);
    // Node 1 knows nothing of the write, and answers first.
    cluster.deliver(|message| {
        let nodes = (message.from.node, message.to);
        [(node(4), node(1)), (node(1), node(4))].contains(&nodes)
    });
    assert_eq!(cluster.copied.get(&4), None);
    cluster.run_until(|cluster| has_copied(cluster, 4, change.epoch()));
    assert_eq!(held(&cluster, 4).as_deref(), Some("a"));
}

#[test]
fn a_late_reply_to_a_pull_of_an_earlier_change_counts_for_nothing() {
    let mut cluster = with_fresh(&[4]);
    let first = to_members(&configuration(1, 1..=3), [1, 2, 4]);
    cluster.enter_all(1..=4, &first);
    // The sources answer that they hold nothing, and their words are slow.
    cluster.deliver(is_of_others);
    cluster.deliver(is_pull);
    let late: Vec<Message> = cluster.in_flight.drain(..).collect();
    assert!(late.iter().any(|message| message.to == node(4)));
    let given_up = Arc::new(first.aborted());
    cluster.enter_all(1..=4, &given_up);
    cluster.write_past_node_1("a");
    let second = to_members(&given_up, [1, 2, 4]);
    cluster.enter_all(1..=4, &second);
    cluster.deliver(is_of_others);
    let asked: Vec<Message> = cluster.in_flight.clone();
    for message in late {
        cluster.arrive(message);
    }
    assert_eq!(cluster.in_flight, asked, "nothing was taken in");
    assert!(!has_copied(&cluster, 4, second.epoch()));
    cluster.deliver_all();
    assert!(has_copied(&cluster, 4, second.epoch()));
    assert_eq!(held(&cluster, 4).as_deref(), Some("a"));
}

#[test]
fn what_was_copied_for_a_change_that_was_given_up_is_copied_again_for_the_next() {
    let mut cluster = with_fresh(&[4]);
    let first = to_members(&configuration(1, 1..=3), [1, 2, 4]);
    cluster.enter_all(1..=4, &first);
    cluster.deliver_all();
    assert!(has_copied(&cluster, 4, first.epoch()));
    let given_up = Arc::new(first.aborted());
    cluster.enter_all(1..=4, &given_up);
    cluster.write_past_node_1("a");
    let second = to_members(&given_up, [1, 2, 4]);
    cluster.enter_all(1..=4, &second);
    assert_eq!(copied_groups(&cluster, 4, second.epoch()), []);
    cluster.deliver_all();
    assert!(has_copied(&cluster, 4, second.epoch()));
    assert_eq!(held(&cluster, 4).as_deref(), Some("a"));
}

#[test]
fn an_update_of_the_former_epoch_is_not_acknowledged_once_a_pull_was_answered() {
    let mut cluster = with_fresh(&[4, 5]);
    cluster.request(1, write("a"));
    cluster.deliver(|message| !is_update(message));
    let updates: Vec<Message> = cluster.in_flight.drain(..).collect();
    let change = to_members(&configuration(1, 1..=3), [1, 4, 5]);
    for at in 2..=5 {
        cluster.enter(at, change.clone());
        cluster.tell(at, 1, PeerState::Down);
    }
    cluster.deliver(|message| message.to != node(1));
    // Nodes 4 and 5 have pulled from 2 and 3; now the updates of the former epoch get there.
    for at in [4, 5] {
        assert!(has_copied(&cluster, at, change.epoch()));
        assert_eq!(held(&cluster, at), None);
    }
    for update in updates {
        assert_eq!(update.epoch, Epoch::FIRST);
        let to = update.to.get();
        cluster.arrive(update);
        assert_eq!(held(&cluster, to), None, "{to} took it too late");
    }
    assert_eq!(cluster.answers, [].into());
    cluster.deliver_all();
    assert!(matches!(
        cluster.answers.values().next(),
        Some(Outcome::Written { .. })
    ));
    cluster.enter_all([1, 4, 5], &Arc::new(change.finished()));
    cluster.lanes.remove(&1);
    assert_eq!(cluster.read_at(4).as_deref(), Some("a"));
}

#[test]
fn promises_and_accepted_steps_are_copied_without_a_record_too() {
    let mut cluster = with_fresh(&[4, 5]);
    // A step is accepted by 2 and 3 under a ballot of node 1, and chosen by nobody's knowledge.
    cluster.request(1, add(7));
    cluster.deliver(|message| is_prepare(message) || is_prepare_reply(message));
    cluster.deliver(is_accept);
    cluster.lose(|_| true);
    cluster.lanes.remove(&1);
    let change = to_members(&configuration(1, 1..=3), [4, 5, 2]);
    cluster.enter_all(2..=5, &change);
    cluster.tell(4, 1, PeerState::Down);
    cluster.tell(5, 1, PeerState::Down);
    cluster.run_until(|cluster| {
        [2, 4, 5]
            .iter()
            .all(|at| has_copied(cluster, *at, change.epoch()))
    });
    for at in [4, 5] {
        assert_eq!(cluster.lanes[&at].record(&name()), None);
    }
    cluster.enter_all([2, 4, 5], &Arc::new(change.finished()));
    cluster.lanes.remove(&2);
    cluster.deliver_all();
    // Whoever modifies the register among 4 and 5 finds the step and finishes it first.
    let ticket = cluster.request(4, add(100));
    cluster.run_until_answered(&[ticket]);
    assert_eq!(cluster.modified(ticket), "107");
}

#[test]
fn a_promise_alone_is_copied() {
    let mut cluster = with_fresh(&[4]);
    cluster.request(1, add(7));
    cluster.deliver(is_prepare);
    let ballot = cluster
        .in_flight
        .iter()
        .find_map(|message| match message.body {
            Body::PrepareReply { .. } => Some(()),
            _ => None,
        });
    assert!(ballot.is_some(), "promises were made");
    cluster.lose(|_| true);
    let change = to_members(&configuration(1, 1..=3), [2, 3, 4]);
    cluster.enter_all(2..=4, &change);
    cluster.lanes.remove(&1);
    cluster.run_until(|cluster| has_copied(cluster, 4, change.epoch()));
    let first_of_2 = Message {
        from: incarnation(2),
        to: node(4),
        cluster: ClusterId(1),
        epoch: change.epoch(),
        low_water: Counter::first(0),
        body: Body::Prepare {
            counter: Counter(1 << 40),
            name: name(),
            ballot: Ballot {
                round: 0,
                proposer: incarnation(2),
            },
        },
    };
    cluster.arrive(first_of_2);
    let reply = cluster
        .in_flight
        .iter()
        .find_map(|message| match &message.body {
            Body::PrepareReply { promise, .. } => Some(promise.clone()),
            _ => None,
        });
    let Some(Promise::Refused { promised }) = reply else {
        panic!("{reply:?}");
    };
    assert_eq!(promised.proposer, incarnation(1));
}

#[test]
fn a_group_is_copied_only_once_it_is_durable() {
    let mut cluster = with_fresh(&[4]);
    cluster.write_past_node_1("a");
    let change = to_members(&configuration(1, 1..=3), [2, 3, 4]);
    cluster.enter_all(1..=3, &change);
    cluster.slow_disks = true;
    cluster.enter(4, change.clone());
    cluster.deliver_all();
    assert_eq!(held(&cluster, 4).as_deref(), Some("a"));
    assert!(!has_copied(&cluster, 4, change.epoch()));
    cluster.persist(4);
    assert!(has_copied(&cluster, 4, change.epoch()));
}

#[test]
fn one_that_had_not_copied_when_the_change_was_done_goes_on_from_the_new_set() {
    let mut cluster = with_fresh(&[4, 5]);
    cluster.write_past_node_1("a");
    let change = to_members(&configuration(1, 1..=3), [3, 4, 5]);
    cluster.enter_all(1..=4, &change);
    cluster.enter(5, change.clone());
    cluster.deliver(|message| ![message.from.node, message.to].contains(&node(5)));
    assert!(has_copied(&cluster, 3, change.epoch()) && has_copied(&cluster, 4, change.epoch()));
    let done = Arc::new(change.finished());
    cluster.enter_all(3..=5, &done);
    for gone in [1, 2] {
        cluster.lanes.remove(&gone);
    }
    cluster.deliver_all();
    assert_eq!(copied_groups(&cluster, 5, done.epoch()).len(), 1024);
    assert_eq!(held(&cluster, 5).as_deref(), Some("a"));
    for at in [3, 4] {
        assert_eq!(
            copied_groups(&cluster, at, done.epoch()),
            [],
            "{at} is whole"
        );
    }
}
