//! Peers that hang, lie or talk nonsense harm nobody but their own connection.

use super::super::greet::GreetError;
use super::super::testing::{message, node};
use super::super::wire::{FrameHeader, FrameKind, MAGIC, Refusal, encode_control};
use super::super::{PeerSettings, VALUE_BYTES_MAX};
use super::harness::{
    Event, Node, accept_by_hand, address, closed, connect, dial_by_hand, greeting, heard, listener,
    until,
};
use protocol::NodeId;
use std::time::Duration;
use tokio::io::AsyncWriteExt;

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_accepts_and_never_answers_is_given_up_and_delays_no_other() {
    let frozen = listener().await;
    let frozen_address = address(&frozen);
    let settings = PeerSettings {
        handshake_timeout: Duration::from_millis(200),
        ..PeerSettings::default()
    };
    let mut a = Node::start_with(1, settings).await;
    let mut b = Node::start(2).await;
    a.links.ensure([frozen_address.clone(), b.address.clone()]);
    assert_eq!(a.next().await, Event::Up(b.address.clone(), node(2)));
    a.links.send(message(1, 2, 0, 10));
    assert_eq!(b.next().await, heard(1, message(1, 2, 0, 10)));
    until("the frozen peer is dialled again", || {
        a.figures(&frozen_address).attempts >= 3
    })
    .await;
    assert_eq!(a.figures(&frozen_address).connections, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_stops_reading_is_found_by_the_write_deadline_and_delays_no_other() {
    let frozen = listener().await;
    let settings = PeerSettings {
        write_timeout: Duration::from_secs(1),
        ..PeerSettings::default()
    };
    let mut a = Node::start_with(1, settings).await;
    let mut b = Node::start(2).await;
    a.links.ensure([address(&frozen)]);
    let _held = accept_by_hand(&frozen, &greeting(3)).await;
    assert_eq!(a.next().await, Event::Up(address(&frozen), node(3)));
    a.links.ensure([address(&frozen), b.address.clone()]);
    assert_eq!(a.next().await, Event::Up(b.address.clone(), node(2)));

    for number in 0..4 {
        a.links.send(message(1, 3, number, VALUE_BYTES_MAX));
    }
    a.links.send(message(1, 2, 0, 10));
    assert_eq!(b.next().await, heard(1, message(1, 2, 0, 10)));
    assert_eq!(a.next().await, Event::Down(address(&frozen)));
    assert!(a.figures(&address(&frozen)).dropped > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_closes_its_own_connection_alone() {
    let (mut a, mut b) = (Node::start(1).await, Node::start(2).await);
    a.links.ensure([b.address.clone()]);
    a.next().await;

    let mut nonsense = connect(&b.address).await;
    nonsense.write_all(&[0; 4096]).await.unwrap();
    closed(&mut nonsense).await;
    let mut nearly = connect(&b.address).await;
    nearly.write_all(&MAGIC).await.unwrap();
    nearly.write_all(&[0xff; 2]).await.unwrap();
    closed(&mut nearly).await;
    assert_eq!(b.links.incoming_figures().refused, 2);

    let (mut peer, greeted) = dial_by_hand(&b.address, &greeting(3)).await;
    greeted.unwrap();
    peer.write_all(&[9; 64]).await.unwrap();
    closed(&mut peer).await;
    let (mut peer, greeted) = dial_by_hand(&b.address, &greeting(3)).await;
    greeted.unwrap();
    let frame = FrameHeader::of(FrameKind::Last, b"no batch").encode();
    peer.write_all(&frame).await.unwrap();
    peer.write_all(b"no batch").await.unwrap();
    closed(&mut peer).await;
    assert_eq!(b.links.incoming_figures().malformed, 2);

    a.links.send(message(1, 2, 0, 10));
    assert_eq!(b.next().await, heard(1, message(1, 2, 0, 10)));
    assert_eq!(b.links.incoming_figures().open, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_for_another_node_closes_the_connection() {
    let mut b = Node::start(2).await;
    let (mut peer, greeted) = dial_by_hand(&b.address, &greeting(1)).await;
    greeted.unwrap();
    let mut batch = Vec::new();
    let ping = protocol::MembershipMessage::Ping { number: 1 };
    encode_control(NodeId::new(99), None, &[ping], &mut batch);
    let frame = FrameHeader::of(FrameKind::Control, &batch).encode();
    peer.write_all(&frame).await.unwrap();
    peer.write_all(&batch).await.unwrap();
    closed(&mut peer).await;
    assert_eq!(b.links.incoming_figures().malformed, 1);
    assert_eq!(b.rest(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_common_version_either_side_refuses() {
    let later = |number| super::super::wire::Greeting {
        versions: 7..=9,
        ..greeting(number)
    };
    let b = Node::start(2).await;
    let (mut peer, greeted) = dial_by_hand(&b.address, &later(3)).await;
    assert_eq!(
        greeted,
        Err(GreetError::RefusedByPeer(Refusal::NoCommonVersion))
    );
    closed(&mut peer).await;

    let listener = listener().await;
    b.links.ensure([address(&listener)]);
    let mut refused = accept_by_hand(&listener, &later(3)).await;
    closed(&mut refused).await;
    assert_eq!(b.figures(&address(&listener)).connections, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_process_under_the_same_identity_is_refused() {
    let b = Node::start(2).await;
    let (_, greeted) = dial_by_hand(&b.address, &greeting(2)).await;
    assert_eq!(
        greeted,
        Err(GreetError::RefusedByPeer(Refusal::IdentityTaken))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handshake_that_is_never_completed_is_closed() {
    let settings = PeerSettings {
        handshake_timeout: Duration::from_millis(100),
        ..PeerSettings::default()
    };
    let b = Node::start_with(2, settings).await;
    let mut silent = connect(&b.address).await;
    silent.write_all(&MAGIC[..3]).await.unwrap();
    closed(&mut silent).await;
    assert_eq!(b.links.incoming_figures().refused, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_falls_silent_is_closed() {
    let settings = PeerSettings {
        silence_max: Duration::from_millis(100),
        ..PeerSettings::default()
    };
    let b = Node::start_with(2, settings).await;
    let (mut peer, greeted) = dial_by_hand(&b.address, &greeting(1)).await;
    greeted.unwrap();
    closed(&mut peer).await;
    assert_eq!(b.links.incoming_figures().malformed, 0);
    until("it is no longer counted", || {
        b.links.incoming_figures().open == 0
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_talks_where_it_should_listen_loses_the_connection() {
    let talkative = listener().await;
    let mut a = Node::start(1).await;
    a.links.ensure([address(&talkative)]);
    let mut stream = accept_by_hand(&talkative, &greeting(2)).await;
    assert_eq!(a.next().await, Event::Up(address(&talkative), node(2)));
    stream.write_all(b"hello").await.unwrap();
    assert_eq!(a.next().await, Event::Down(address(&talkative)));
}
