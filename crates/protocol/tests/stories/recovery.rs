//! How a cluster goes on when a majority was lost for good, and what it does not serve until then.

use super::harness::*;
use protocol::*;
use std::sync::Arc;

/// A cluster of `size` nodes with every slot on three of them.
fn spread(size: u64) -> (Cluster, Arc<Configuration>) {
    let mut cluster = Cluster::of(0);
    let members: Vec<Member> = (1..=size).map(member).collect();
    let configuration = Configuration::new(ClusterId(1), Epoch::FIRST, members, 3).unwrap();
    let configuration = Arc::new(configuration);
    for number in 1..=size {
        cluster.add(number);
        cluster.enter(number, configuration.clone());
    }
    (cluster, configuration)
}

fn replicas(configuration: &Configuration, name: &RegisterName) -> Vec<u64> {
    let quorums = configuration.quorums(name.slot());
    quorums.replicas().map(NodeId::get).collect()
}

fn kill(cluster: &mut Cluster, dead: &[u64]) {
    for number in dead {
        cluster.lanes.remove(number);
    }
    let is_dead = |node: NodeId| dead.contains(&node.get());
    cluster.lose(|message| is_dead(message.to) || is_dead(message.from.node));
}

fn enter_all(cluster: &mut Cluster, configuration: &Configuration) {
    let configuration = Arc::new(configuration.clone());
    for at in cluster.lanes.keys().copied().collect::<Vec<_>>() {
        cluster.enter(at, configuration.clone());
    }
}

/// Whether every replica of D's sets that runs has copied every group that had to be.
fn have_all_copied(cluster: &Cluster, configuration: &Configuration) -> bool {
    cluster.lanes.iter().all(|(at, _)| {
        let copied = cluster.copied.get(at).into_iter().flatten();
        let copied: Groups = copied
            .filter(|(epoch, _)| *epoch == configuration.epoch())
            .map(|(_, group)| *group)
            .collect();
        configuration.changed_groups().all(|group| {
            let holds = configuration
                .group_quorums(group)
                .after()
                .contains(node(*at));
            !holds || copied.contains(group)
        })
    })
}

fn copy_all(cluster: &mut Cluster, configuration: &Configuration) {
    cluster.deliver_all();
    for _ in 0..10_000 {
        if have_all_copied(cluster, configuration) {
            return;
        }
        let timeouts = cluster.lanes.values().filter_map(Lane::next_timeout);
        let (next, _) = timeouts.min().expect("what is not done is waited for");
        cluster.pass(next.since(cluster.now));
        cluster.deliver_all();
    }
    panic!("it is never copied");
}

#[test]
fn a_new_cluster_serves_the_greatest_record_of_any_survivor_and_nothing_before_that() {
    let mut cluster = Cluster::of(5);
    let founded = configuration(1, 1..=5);
    let ticket = cluster.request(3, write("acknowledged"));
    cluster.deliver_among(&[3, 4, 5]);
    cluster.written(ticket);
    kill(&mut cluster, &[2, 3, 4]);

    let recovered = founded
        .recovered(ClusterId(2), &[node(1), node(5)])
        .unwrap();
    assert!(recovered.is_recovery() && recovered.predecessor() == Some(ClusterId(1)));
    enter_all(&mut cluster, &recovered);
    // Node 1 has nothing of the register, and node 5's word on it is not heard yet.
    let early = cluster.request(1, read());
    let is_copying =
        |message: &Message| matches!(message.body, Body::Pull { .. } | Body::PullReply { .. });
    assert!(
        cluster.in_flight.iter().all(is_copying),
        "nothing is asked of forced groups"
    );
    assert_eq!(cluster.outcome(early), None);

    copy_all(&mut cluster, &recovered);
    assert_eq!(
        cluster.outcome(early),
        None,
        "it is served once the recovery is done"
    );
    enter_all(&mut cluster, &recovered.finished());
    cluster.run_until_answered(&[early]);
    assert!(matches!(
        cluster.outcome(early),
        Some(Outcome::Read { record, .. }) if record.content.as_deref() == Some(b"acknowledged")
    ));
}

#[test]
fn a_coordinator_of_the_former_cluster_is_not_served_by_the_recovered_one() {
    let mut cluster = Cluster::of(5);
    let founded = configuration(1, 1..=5);
    cluster.request(4, write("of the past"));
    let recovered = founded
        .recovered(ClusterId(2), &[node(1), node(5)])
        .unwrap();
    for at in [1, 5] {
        cluster.enter(at, Arc::new(recovered.clone()));
        cluster.enter(at, Arc::new(recovered.finished()));
    }
    cluster.deliver(|message| message.to == node(1) || message.to == node(5));
    for at in [1, 5] {
        assert_eq!(cluster.lanes[&at].record(&name()), None);
    }
}

#[test]
fn groups_that_lost_their_majority_are_forced_while_all_others_are_served() {
    let (mut cluster, founded) = spread(6);
    let holders = replicas(&founded, &name());
    let ticket = cluster.request(holders[0], write("on one that is left"));
    cluster.deliver_all();
    cluster.written(ticket);
    let dead = &holders[1..];
    let is_left = |node: NodeId| !dead.contains(&node.get());
    // One that none of the dead ones held.
    let other = (0..)
        .map(|n| RegisterName::new(format!("r{n}")).unwrap())
        .find(|other| {
            replicas(&founded, other)
                .iter()
                .all(|at| !dead.contains(at))
        })
        .unwrap();
    kill(&mut cluster, dead);

    let members = founded.members().iter();
    let left = members
        .filter(|member| is_left(member.id))
        .cloned()
        .collect();
    let lost = |group: &Group| {
        let replicas = founded.group_quorums(*group).replicas();
        replicas.filter(|node| is_left(*node)).count() < 2
    };
    let forced: Groups = Group::all().filter(lost).collect();
    assert!(forced.contains(name().slot().group().unwrap()) && forced.len() < 1024);
    let joint = founded.joint(left, 3).unwrap().forcing(forced);
    assert!(joint.is_forced(name().slot()) && !joint.is_forced(other.slot()));
    enter_all(&mut cluster, &joint);

    let waits = cluster.request(holders[0], read());
    let served = cluster.request(holders[0], Operation::Read { name: other });
    copy_all(&mut cluster, &joint);
    cluster.run_until_answered(&[served]);
    assert!(matches!(
        cluster.outcome(served),
        Some(Outcome::Read { .. })
    ));
    assert_eq!(cluster.outcome(waits), None);

    enter_all(&mut cluster, &joint.finished());
    cluster.run_until_answered(&[waits]);
    assert!(matches!(
        cluster.outcome(waits),
        Some(Outcome::Read { record, .. }) if record.content.as_deref() == Some(b"on one that is left")
    ));
}

#[test]
fn one_that_was_declared_lost_and_is_let_in_again_brings_nothing_back_that_was_given_up() {
    let mut cluster = Cluster::of(5);
    let founded = configuration(1, 1..=5);
    let given_up = cluster.request(3, write("given up"));
    cluster.deliver_among(&[2, 3, 4]);
    cluster.written(given_up);
    // Nodes 2 and 4 die, 3 sleeps: nobody of those that go on has heard of it.
    kill(&mut cluster, &[2, 4]);
    let recovered = founded
        .recovered(ClusterId(2), &[node(1), node(5)])
        .unwrap();
    for at in [1, 5] {
        cluster.enter(at, Arc::new(recovered.clone()));
    }
    cluster.deliver_among(&[1, 5]);
    let goes_on = Arc::new(recovered.finished());
    for at in [1, 5] {
        cluster.enter(at, goes_on.clone());
    }
    let later = cluster.request(1, write("acknowledged since"));
    cluster.deliver_among(&[1, 5]);
    cluster.written(later);

    let members = [1, 5, 3].into_iter().map(member).collect();
    let joint = Arc::new(goes_on.joint(members, 3).unwrap());
    cluster.enter(3, goes_on);
    enter_all(&mut cluster, &joint);
    assert_eq!(cluster.lanes[&3].record(&name()), None);
    copy_all(&mut cluster, &joint);
    let reads = cluster.request(3, read());
    cluster.run_until_answered(&[reads]);
    assert!(matches!(
        cluster.outcome(reads),
        Some(Outcome::Read { record, .. })
            if record.content.as_deref() == Some(b"acknowledged since")
    ));
}

#[test]
fn a_read_that_began_before_a_recovery_writes_nothing_back_that_was_given_up() {
    let (mut cluster, founded) = spread(6);
    let holders = replicas(&founded, &name());
    let reader = (1..=6).find(|at| !holders.contains(at)).unwrap();
    cluster.request(holders[0], write("half written"));
    let is_query =
        |message: &Message| matches!(message.body, Body::Query { .. } | Body::QueryReply { .. });
    cluster.deliver(is_query);
    cluster.lose(|_| true);
    // It sees the write at one replica, and is about to make sure of it.
    let reads = cluster.request(reader, read());
    cluster.deliver(is_query);
    let is_write_back = |message: &Message| matches!(message.body, Body::Update { .. });
    assert!(cluster.in_flight.iter().any(is_write_back));
    cluster.lose(|_| true);

    let survivors = [holders[1], reader];
    let dead: Vec<u64> = (1..=6).filter(|at| !survivors.contains(at)).collect();
    kill(&mut cluster, &dead);
    let recovered = founded
        .recovered(ClusterId(2), &survivors.map(node))
        .unwrap();
    enter_all(&mut cluster, &recovered);
    copy_all(&mut cluster, &recovered);
    enter_all(&mut cluster, &recovered.finished());
    cluster.run_until_answered(&[reads]);
    assert!(matches!(
        cluster.outcome(reads),
        Some(Outcome::Read { record, .. }) if record.content.is_none()
    ));
}
