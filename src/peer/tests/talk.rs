//! What nodes tell each other arrives, and they notice each other's coming and going.

use super::super::reader::{Batch, BatchReader};
use super::super::testing::{message, node, settled};
use super::super::{PeerSettings, VALUE_BYTES_MAX};
use super::harness::{
    Event, Node, accept_by_hand, address, greeting, heard, listener, twice, until, unused_address,
};
use protocol::{ClusterId, MembershipMessage};
use std::time::Duration;

fn ping(number: u64) -> MembershipMessage {
    MembershipMessage::Ping { number }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_talk_both_ways() {
    let (mut a, mut b) = (Node::start(1).await, Node::start(2).await);
    a.links.ensure([b.address.clone()]);
    b.links.ensure([a.address.clone()]);
    assert_eq!(a.next().await, Event::Up(b.address.clone(), node(2)));
    assert_eq!(b.next().await, Event::Up(a.address.clone(), node(1)));

    for number in 0..1000 {
        a.links.send(message(1, 2, number, 100));
        b.links.send(message(2, 1, number, 100));
    }
    for number in 0..1000 {
        let to_a = heard(2, message(2, 1, number, 100));
        let to_b = heard(1, message(1, 2, number, 100));
        assert_eq!(a.next().await, to_a);
        assert_eq!(b.next().await, to_b);
    }
    a.links.send_membership(node(2).node, ping(7));
    assert_eq!(b.next().await, Event::Membership(node(1).node, ping(7)));

    let sent = a.figures(&b.address);
    let received = b.links.incoming_figures();
    assert_eq!((sent.messages, sent.membership_messages), (1000, 1));
    assert_eq!((received.messages, received.membership_messages), (1000, 1));
    assert_eq!(sent.dropped, 0);
    assert_eq!((received.connections, received.open), (1, 1));
    let counted = || {
        let (sent, received) = (a.figures(&b.address), b.links.incoming_figures());
        (sent.bytes, sent.frames) == (received.bytes, received.frames)
    };
    until("both ends count the same", counted).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_value_arrives_whole() {
    let (mut a, mut b) = (Node::start(1).await, Node::start(2).await);
    a.links.ensure([b.address.clone()]);
    a.next().await;
    let large = message(1, 2, 0, VALUE_BYTES_MAX);
    a.links.send(large.clone());
    a.links.send(message(1, 2, 1, 10));
    assert_eq!(b.next().await, heard(1, large));
    assert_eq!(b.next().await, heard(1, message(1, 2, 1, 10)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ping_overtakes_a_large_value_that_is_being_written() {
    let listener = listener().await;
    let mut a = Node::start(1).await;
    a.links.ensure([address(&listener)]);
    let stream = accept_by_hand(&listener, &greeting(2)).await;
    a.next().await;
    a.links.send(message(1, 2, 0, VALUE_BYTES_MAX));
    // It has begun, and does not fit into the socket's buffers.
    stream.readable().await.unwrap();
    a.links.send_membership(node(2).node, ping(0));
    let mut reader = BatchReader::new(stream, Duration::from_secs(30));
    let first = reader.next(|_| ()).await;
    assert!(matches!(first, Ok(Batch::Control(_))));
    let second = reader.next(|_| ()).await;
    assert!(matches!(second, Ok(Batch::Data(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_waits_for_arrives_with_the_next_ping() {
    let (mut a, mut b) = (Node::start(1).await, Node::start(2).await);
    a.links.ensure([b.address.clone()]);
    a.next().await;
    a.links.send(settled(1, 2, 0));
    a.links.send_membership(node(2).node, ping(0));
    assert_eq!(b.next().await, Event::Membership(node(1).node, ping(0)));
    assert_eq!(b.next().await, heard(1, settled(1, 2, 0)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_for_a_node_without_a_connection_is_dropped_and_counted() {
    let a = Node::start(1).await;
    a.links.send(message(1, 2, 0, 10));
    a.links.send_membership(node(2).node, ping(0));
    assert_eq!(a.links.undeliverable(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_dials_itself_is_told_so_once_and_dials_no_more() {
    let mut a = Node::start(1).await;
    let (_socket, nobody) = unused_address();
    let wanted = [a.address.clone(), nobody.clone()];
    a.links.ensure(wanted.clone());
    assert_eq!(a.next().await, Event::Up(a.address.clone(), node(1)));
    a.links.ensure(wanted);
    until("another address is dialled often", || {
        a.figures(&nobody).attempts >= 4
    })
    .await;
    assert_eq!(a.figures(&a.address).attempts, 1);
    assert_eq!(a.rest(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_comes_back_under_another_id_gets_nothing_old() {
    let (port, same_port) = twice(listener().await);
    let mut a = Node::start(1).await;
    let b = Node::start_on(port, 2, Default::default());
    let address = b.address.clone();
    a.links.ensure([address.clone()]);
    assert_eq!(a.next().await, Event::Up(address.clone(), node(2)));
    a.links.send(settled(1, 2, 0));
    drop(b);
    assert_eq!(a.next().await, Event::Down(address.clone()));
    a.links.send(message(1, 2, 1, 10));

    let mut b = Node::start_on(same_port, 3, Default::default());
    assert_eq!(a.next().await, Event::Up(address.clone(), node(3)));
    a.links.send(message(1, 2, 2, 10));
    a.links.send(message(1, 3, 3, 10));
    assert_eq!(b.next().await, heard(1, message(1, 3, 3, 10)));
    assert_eq!(b.rest(), []);
    assert_eq!(a.figures(&address).connections, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_dials_is_dialled_without_waiting_for_the_next_attempt() {
    let hour = Duration::from_secs(3600);
    let patient = PeerSettings {
        redial_first: hour,
        redial_max: hour,
        ..PeerSettings::default()
    };
    let mut a = Node::start_with(1, patient).await;
    let (socket, address) = unused_address();
    a.links.ensure([address.clone()]);
    until("it was dialled in vain", || {
        a.figures(&address).attempts == 1
    })
    .await;
    let b = Node::start_on(socket.listen(8).unwrap(), 2, PeerSettings::default());
    b.links.ensure([a.address.clone()]);
    assert_eq!(a.next().await, Event::Up(address, node(2)));
}

#[tokio::test(flavor = "multi_thread")]
async fn exactly_the_wanted_addresses_are_dialled() {
    let (mut a, b, c) = (
        Node::start(1).await,
        Node::start(2).await,
        Node::start(3).await,
    );
    a.links.ensure([b.address.clone()]);
    assert_eq!(a.next().await, Event::Up(b.address.clone(), node(2)));
    a.links.ensure([c.address.clone()]);
    let told = [a.next().await, a.next().await];
    assert!(told.contains(&Event::Down(b.address.clone())), "{told:?}");
    assert!(
        told.contains(&Event::Up(c.address.clone(), node(3))),
        "{told:?}"
    );
    until(
        "the connection to the address no longer wanted is closed",
        || b.links.incoming_figures().open == 0,
    )
    .await;

    // Removed and wanted again at once: it is told in order.
    a.links.ensure([]);
    a.links.ensure([c.address.clone()]);
    assert_eq!(a.next().await, Event::Down(c.address.clone()));
    assert_eq!(a.next().await, Event::Up(c.address.clone(), node(3)));
}

#[tokio::test(flavor = "multi_thread")]
async fn shutting_down_closes_what_was_dialled_and_tells_nobody_at_home() {
    let (mut a, b) = (Node::start(1).await, Node::start(2).await);
    a.links.ensure([b.address.clone()]);
    a.next().await;
    a.links.shut_down();
    until("the connection is closed", || {
        b.links.incoming_figures().open == 0
    })
    .await;
    assert_eq!(a.rest(), []);
    assert_eq!(a.links.figures(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_of_different_clusters_refuse_each_other_and_fresh_ones_are_let_in() {
    let (mut a, b, c) = (
        Node::start(1).await,
        Node::start(2).await,
        Node::start(3).await,
    );
    a.links.set_cluster(ClusterId(7), None);
    b.links.set_cluster(ClusterId(8), None);
    a.links.ensure([b.address.clone(), c.address.clone()]);
    assert_eq!(a.next().await, Event::Up(c.address.clone(), node(3)));
    until("it is refused more than once", || {
        b.links.incoming_figures().refused >= 2
    })
    .await;
    assert_eq!(a.figures(&b.address).connections, 0);
    assert_eq!(a.rest(), []);

    b.links.set_cluster(ClusterId(7), None);
    assert_eq!(a.next().await, Event::Up(b.address.clone(), node(2)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fresh_node_that_enters_a_cluster_keeps_its_connections() {
    let (mut a, mut b) = (Node::start(1).await, Node::start(2).await);
    a.links.set_cluster(ClusterId(7), None);
    a.links.ensure([b.address.clone()]);
    b.links.ensure([a.address.clone()]);
    assert_eq!(a.next().await, Event::Up(b.address.clone(), node(2)));
    assert_eq!(b.next().await, Event::Up(a.address.clone(), node(1)));
    b.links.set_cluster(ClusterId(7), None);
    a.links.send(message(1, 2, 0, 10));
    b.links.send(message(2, 1, 0, 10));
    assert_eq!(b.next().await, heard(1, message(1, 2, 0, 10)));
    assert_eq!(a.next().await, heard(2, message(2, 1, 0, 10)));
    assert_eq!(a.figures(&b.address).attempts, 1);
}
