//! Nodes that have a password, and those that have none, or another.

use super::super::greet::GreetError;
use super::super::testing::node;
use super::super::wire::Refusal;
use super::super::{PeerSettings, greet};
use super::harness::{Event, Node, PATIENCE, greeting, until};
use crate::server::Password;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

const PASSWORD: &str = "correct-horse-battery";

fn knowing(password: Option<&str>) -> PeerSettings {
    PeerSettings {
        password: password.map(|text| Password::new(text).unwrap()),
        redial_first: Duration::from_millis(5),
        redial_max: Duration::from_millis(5),
        ..PeerSettings::default()
    }
}

fn introduction(number: u64, password: Option<&str>, challenge: u128) -> greet::Introduction {
    let password = knowing(password).password;
    greet::Introduction {
        greeting: super::super::wire::Greeting {
            challenge: password.is_some().then_some(challenge),
            ..greeting(number)
        },
        password,
        histories: std::sync::Arc::default(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_with_the_same_password_talk() {
    let mut a = Node::start_with(1, knowing(Some(PASSWORD))).await;
    let b = Node::start_with(2, knowing(Some(PASSWORD))).await;
    a.links.ensure([b.address.clone()]);
    assert_eq!(a.next().await, Event::Up(b.address.clone(), node(2)));
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_do_not_know_the_same_do_not_talk() {
    for (own, others) in [
        (Some(PASSWORD), None),
        (None, Some(PASSWORD)),
        (Some(PASSWORD), Some("another-password")),
    ] {
        let mut a = Node::start_with(1, knowing(own)).await;
        let mut b = Node::start_with(2, knowing(others)).await;
        a.links.ensure([b.address.clone()]);
        b.links.ensure([a.address.clone()]);
        until("both were refused", || {
            let refused = |node: &Node| node.links.incoming_figures().refused;
            refused(&a) > 2 && refused(&b) > 2
        })
        .await;
        assert_eq!(a.figures(&b.address).connections, 0);
        assert_eq!(b.figures(&a.address).connections, 0);
        assert_eq!((a.rest(), b.rest()), (vec![], vec![]));
    }
}

#[tokio::test]
async fn both_sides_are_told_why() {
    for (dialling, answering, refusal) in [
        (
            Some(PASSWORD),
            Some("another-password"),
            Refusal::WrongPassword,
        ),
        (Some(PASSWORD), None, Refusal::NoPassword),
        (None, Some(PASSWORD), Refusal::NoPassword),
    ] {
        let (mut one, mut other) = duplex(4096);
        let (dialling, answering) = (introduction(1, dialling, 1), introduction(2, answering, 2));
        let (greeted, answered) = tokio::join!(
            greet::greet(&mut one, &dialling, PATIENCE),
            greet::answer(&mut other, &answering, PATIENCE),
        );
        assert_eq!(greeted.map(|_| ()), Err(GreetError::RefusedByPeer(refusal)));
        let (error, greeting) = answered.unwrap_err();
        assert_eq!(error, GreetError::Refused(refusal));
        assert_eq!(greeting, Some(dialling.greeting));
    }
}

/// What a node says that dials one with this introduction, and the bytes that it would take for
/// frames.
async fn say(said: &[u8], to: &greet::Introduction) -> (Vec<u8>, bool) {
    let (mut stranger, mut node) = duplex(4096);
    stranger.write_all(said).await.unwrap();
    stranger.shutdown().await.unwrap();
    let answered = greet::answer(&mut node, to, PATIENCE).await;
    drop(node);
    let mut heard = Vec::new();
    stranger.read_to_end(&mut heard).await.unwrap();
    (heard, answered.is_ok())
}

#[tokio::test]
async fn what_was_proved_on_one_connection_is_no_proof_on_another() {
    let answering = introduction(2, Some(PASSWORD), 2);
    let (mut one, mut other) = duplex(4096);
    let dialling = introduction(1, Some(PASSWORD), 1);
    let (said, answered) = tokio::join!(
        record(&mut one, &dialling),
        greet::answer(&mut other, &answering, PATIENCE),
    );
    answered.unwrap();
    let (_, let_in) = say(&said, &answering).await;
    assert!(let_in, "the same challenge takes the same proof");
    let (heard, let_in) = say(&said, &introduction(2, Some(PASSWORD), 3)).await;
    assert!(!let_in, "another challenge does not");
    assert_eq!(heard.last(), Some(&Refusal::WrongPassword.number()));
}

/// Dials, and gives all that was said.
async fn record(stream: &mut DuplexStream, own: &greet::Introduction) -> Vec<u8> {
    let (mut near, mut far) = duplex(4096);
    let mut said = Vec::new();
    let passing_on = async {
        let (mut from_near, mut to_near) = tokio::io::split(&mut far);
        let (mut from_far, mut to_far) = tokio::io::split(stream);
        let out = async {
            let mut piece = [0; 256];
            while let Ok(count @ 1..) = from_near.read(&mut piece).await {
                said.extend_from_slice(&piece[..count]);
                to_far.write_all(&piece[..count]).await.unwrap();
            }
        };
        let back = tokio::io::copy(&mut from_far, &mut to_near);
        tokio::select! {
            () = out => {}
            _ = back => {}
        }
    };
    let dialling = async {
        greet::greet(&mut near, own, PATIENCE).await.unwrap();
        drop(near);
    };
    tokio::join!(passing_on, dialling);
    said
}

#[tokio::test]
async fn a_stranger_is_given_nothing_to_guess_passwords_from() {
    let answering = introduction(2, Some(PASSWORD), 2);
    let said = introduction(1, Some("another-password"), 1)
        .greeting
        .encode();
    let (heard, let_in) = say(&[&said[..], &[7; 32]].concat(), &answering).await;
    assert!(!let_in);
    let greeting = answering.greeting.encode();
    assert_eq!(
        heard,
        [&greeting[..], &[Refusal::WrongPassword.number()]].concat()
    );
}

#[tokio::test]
async fn one_that_answers_without_knowing_the_password_is_not_talked_to() {
    let (mut near, mut far) = duplex(4096);
    let own = introduction(1, Some(PASSWORD), 1);
    let impostor = async {
        let said = own.greeting.encode().len() + 32;
        let answer = introduction(2, Some("another-password"), 2)
            .greeting
            .encode();
        far.write_all(&answer).await.unwrap();
        far.write_all(&[0; 33]).await.unwrap();
        let mut heard = vec![0; said];
        far.read_exact(&mut heard).await.unwrap();
    };
    let (greeted, ()) = tokio::join!(greet::greet(&mut near, &own, PATIENCE), impostor);
    let refused = GreetError::Refused(Refusal::WrongPassword);
    assert_eq!(greeted.map(|_| ()), Err(refused));
}
