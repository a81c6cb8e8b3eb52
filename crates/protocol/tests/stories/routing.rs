//! Read-modify-writes at members that give them to the first alive replica.

use super::harness::*;
use protocol::*;
use std::time::Duration;

/// Three members that give read-modify-writes away, with a register that holds "5".
fn routing() -> Cluster {
    let mut cluster = Cluster::with_options(3, |options| options.routes_changes = true);
    cluster.request(1, write("5"));
    cluster.deliver_all();
    cluster
}

/// The replicas in the order in which they are to coordinate.
fn order(cluster: &Cluster) -> Vec<u64> {
    let configuration = configuration(1, cluster.lanes.keys().copied());
    let order = configuration.replicas_in_order(name().slot());
    order.map(NodeId::get).collect()
}

fn is_forward(message: &Message) -> bool {
    matches!(message.body, Body::Forward { .. })
}

#[test]
fn slots_in_a_row_have_one_first_replica_and_all_come_first_equally_often() {
    let configuration = configuration(1, 1..=3);
    let first = |group: Group| {
        let slot = group.slots().next().unwrap();
        configuration.replicas_in_order(slot).next().unwrap()
    };
    let firsts: Vec<NodeId> = Group::all().map(first).collect();
    let runs = firsts.chunk_by(|a, b| a == b).map(<[NodeId]>::len);
    let runs: Vec<usize> = runs.collect();
    assert_eq!(runs.len(), 3);
    assert!(runs.iter().all(|run| (341..=342).contains(run)), "{runs:?}");
    let slot = name().slot();
    let mut all: Vec<NodeId> = configuration.replicas_in_order(slot).collect();
    all.sort();
    assert_eq!(all, [node(1), node(2), node(3)]);
}

#[test]
fn the_first_alive_replica_coordinates_for_all_so_that_nobody_is_refused() {
    let mut cluster = routing();
    let order = order(&cluster);
    let tickets: Vec<Ticket> = (1..=3).map(|at| cluster.request(at, add(1))).collect();
    assert_eq!(
        cluster.in_flight.iter().filter(|it| is_forward(it)).count(),
        2
    );
    let prepares = || cluster.in_flight.iter().filter(|it| is_prepare(it));
    assert!(prepares().all(|message| message.from.node.get() == order[0]));
    cluster.run_until_answered(&tickets);
    let mut sums: Vec<&str> = tickets.iter().map(|&it| cluster.modified(it)).collect();
    sums.sort_unstable();
    assert_eq!(sums, ["6", "7", "8"]);
    for ticket in tickets {
        let Some(Outcome::Modified {
            previous, rounds, ..
        }) = cluster.outcome(ticket)
        else {
            panic!("modified");
        };
        assert!(previous.is_some());
        assert_eq!(*rounds, 3);
    }
}

#[test]
fn when_the_first_does_not_answer_the_next_one_coordinates() {
    let mut cluster = routing();
    let order = order(&cluster);
    for state in [PeerState::Suspect, PeerState::Down] {
        cluster.tell(order[2], order[0], state);
        let ticket = cluster.request(order[2], add(1));
        let forwarded = cluster.in_flight.iter().find(|it| is_forward(it)).unwrap();
        assert_eq!(forwarded.to.get(), order[1]);
        cluster.deliver_among(&order[1..]);
        cluster.modified(ticket);
        cluster.lose(|_| true);
    }
    cluster.tell(order[2], order[1], PeerState::Down);
    cluster.request(order[2], add(1));
    assert!(!cluster.in_flight.iter().any(is_forward));
}

#[test]
fn what_was_given_to_one_that_dies_is_unknown_and_given_to_nobody_else() {
    let mut cluster = routing();
    let order = order(&cluster);
    let ticket = cluster.request(order[1], add(1));
    let read = cluster.request(order[1], read());
    cluster.lose(|message| message.to.get() == order[0]);
    cluster.pass(Duration::from_millis(60));
    cluster.lose(|message| message.to.get() == order[0]);
    cluster.tell(order[1], order[0], PeerState::Suspect);
    assert_eq!(cluster.outcome(ticket), None);
    cluster.tell(order[1], order[0], PeerState::Down);
    assert_eq!(cluster.outcome(ticket), Some(&Outcome::Unknown));
    assert!(!cluster.in_flight.iter().any(is_forward));
    cluster.deliver_all();
    assert_eq!(cluster.value(read).0, Some("5"));
}

#[test]
fn a_member_that_its_executor_does_not_count_as_one_coordinates_after_all() {
    let mut cluster = routing();
    let order = order(&cluster);
    let ticket = cluster.request(order[1], add(1));
    let forward = cluster.in_flight.remove(0);
    let Body::Forward { counter, .. } = forward.body else {
        panic!("a forward");
    };
    let outcome = Outcome::Refused(Refusal::NoMember);
    let reply = Message {
        from: incarnation(order[0]),
        to: node(order[1]),
        body: Body::ForwardReply {
            request: RequestId {
                origin: incarnation(order[1]),
                counter,
            },
            outcome: Box::new(outcome),
        },
        ..forward
    };
    cluster.arrive(reply);
    cluster.deliver_all();
    assert_eq!(cluster.modified(ticket), "6");
}

#[test]
fn a_refusal_of_the_first_is_the_answer() {
    let adjust = |options: &mut LaneOptions| {
        options.routes_changes = true;
        options.operations_max = 1;
    };
    let mut cluster = Cluster::with_options(3, adjust);
    let order = order(&cluster);
    cluster.request(order[0], write("5"));
    let ticket = cluster.request(order[1], add(1));
    cluster.deliver(is_forward);
    cluster.deliver(|message| matches!(message.body, Body::ForwardReply { .. }));
    let busy = Outcome::Refused(Refusal::Busy);
    assert_eq!(cluster.outcome(ticket), Some(&busy));
}
