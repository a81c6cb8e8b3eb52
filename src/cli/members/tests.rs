//! Changes of members against small servers that play nodes.

use super::change::Change;
use super::*;
use crate::cli::client::stub::{Stub, json as answer, nowhere};
use crate::cli::password::PasswordArgs;
use serde_json::Value;
use std::time::Duration;

/// What a node says of the members: those with these numbers, all alive, at `host-NUMBER:1`.
fn members(epoch: u64, numbers: &[u8], change: Option<Value>) -> Value {
    let members: Vec<Value> = numbers
        .iter()
        .map(|number| {
            json!({
                "id": format!("{number:016x}"), "address": format!("host-{number}:1"),
                "weight": 100, "state": "alive", "lost": false, "standing": "member",
                "slots": 16384, "lacking_slots": 0,
            })
        })
        .collect();
    json!({
        "cluster": "00000000000000c1", "epoch": epoch, "replication": 3, "members": members,
        "former": [], "change": change,
    })
}

/// A change that brings the node with this number in.
fn under_way(epoch: u64, joining: u8) -> Option<Value> {
    Some(json!({
        "epoch": epoch, "joining": [format!("{joining:016x}")], "leaving": [], "groups": 4,
        "groups_copied": 1, "registers": 7, "bytes": 70, "stalled_for_ms": 0,
    }))
}

fn with_address(mut view: Value, index: usize, stub: &Stub) -> Value {
    view["members"][index]["address"] = json!(stub.address.as_str());
    view
}

fn refused(status: u16, detail: &str) -> Option<String> {
    let body = json!({ "outcome": "refused", "detail": detail });
    Some(answer(status, &body.to_string()))
}

fn accepted(epoch: u64) -> Option<String> {
    Some(answer(202, &json!({ "epoch": epoch }).to_string()))
}

fn ok(view: &Value) -> Option<String> {
    Some(answer(200, &view.to_string()))
}

/// A node that says this of a request for a change, and of the members this, one after the other,
/// and then the last for ever.
async fn node(to_change: impl Fn() -> Option<String> + Send + 'static, views: Vec<Value>) -> Stub {
    let mut told = 0;
    Stub::start(move |request| match request {
        "GET /v1/members" => {
            told += 1;
            ok(&views[(told - 1).min(views.len() - 1)])
        }
        _ => to_change(),
    })
    .await
}

fn add() -> Change {
    Change::Add {
        address: "host-3:1".parse().unwrap(),
        weight: None,
    }
}

/// Asks for a change and waits for its end, as the command does.
async fn run(change: &Change, nodes: &[&Address]) -> Result<(u64, String), Failure> {
    let mut voices = Voices::new(&ClientArgs {
        nodes: nodes.iter().map(|&node| node.clone()).collect(),
        timeout_ms: Duration::from_millis(500),
        password: PasswordArgs::default(),
        json: false,
    })?;
    let (_, before) = voices.first_view().await?;
    let goal = change.goal(&before);
    let begun = Begun::ask(change, &goal, &mut voices).await?;
    let waiting = Waiting::new(change, &goal, begun.epoch, before);
    let (_, after, told) = waiting.until_ended(&mut voices).await?;
    Ok((after.epoch, told))
}

fn changes_asked(stub: &Stub) -> Vec<String> {
    let mut asked = stub.asked();
    asked.retain(|request| request != "GET /v1/members");
    asked
}

#[tokio::test]
async fn a_change_is_done_when_the_members_are_as_they_are_to_be() {
    let views = vec![
        members(1, &[1, 2], None),
        members(1, &[1, 2], None),
        members(2, &[1, 2, 3], under_way(2, 3)),
        members(3, &[1, 2, 3], None),
    ];
    let node = node(|| accepted(2), views).await;
    let (epoch, told) = run(&add(), &[&node.address]).await.unwrap();
    assert_eq!(epoch, 3);
    assert!(
        told.starts_with("done: host-3:1 is a member, in epoch 3"),
        "{told}"
    );
    assert!(told.contains("7 registers with 70 B"), "{told}");
    assert_eq!(
        changes_asked(&node),
        [r#"POST /v1/members {"address":"host-3:1"}"#]
    );
}

#[tokio::test]
async fn a_change_that_was_given_up_is_told_with_what_held_it_up() {
    let mut held_up = members(2, &[1, 2, 3], under_way(2, 3));
    held_up["members"][2]["state"] = json!("down");
    let views = vec![
        members(1, &[1, 2], None),
        held_up,
        members(3, &[1, 2], None),
    ];
    let node = node(|| accepted(2), views).await;
    let failure = run(&add(), &[&node.address]).await.unwrap_err();
    assert_eq!(failure.exit, Exit::Failed);
    let message = failure.message.unwrap();
    for part in [
        "was given up",
        "nothing is lost",
        "host-3:1, which was to come, is down",
    ] {
        assert!(message.contains(part), "{message}");
    }
}

#[tokio::test]
async fn what_became_of_a_change_that_others_followed_on_is_not_guessed() {
    let views = vec![members(1, &[1, 2], None), members(5, &[1, 2], None)];
    let node = node(|| accepted(2), views).await;
    let failure = run(&add(), &[&node.address]).await.unwrap_err();
    assert_eq!(failure.exit, Exit::Unknown);
}

#[tokio::test]
async fn a_member_that_was_told_of_is_asked_when_the_named_node_is_none() {
    let views = vec![members(1, &[1, 2], None), members(3, &[1, 2, 3], None)];
    let member = node(|| accepted(2), views).await;
    let view = with_address(members(1, &[1, 2], None), 0, &member);
    let outsider = node(|| refused(503, "this node is no member"), vec![view]).await;
    let away = nowhere().await;
    let (epoch, _) = run(&add(), &[&away, &outsider.address]).await.unwrap();
    assert_eq!(epoch, 3);
    assert_eq!(changes_asked(&outsider).len(), 1);
    assert_eq!(changes_asked(&member).len(), 1);
}

#[tokio::test]
async fn another_member_tells_how_it_ended_when_the_asked_one_dies() {
    let other = node(|| None, vec![members(3, &[1, 2, 3], None)]).await;
    let view = with_address(members(1, &[1, 2], None), 1, &other);
    let mut is_dead = false;
    let dying = Stub::start(move |request| match request {
        _ if is_dead => None,
        "GET /v1/members" => ok(&view),
        _ => {
            is_dead = true;
            accepted(2)
        }
    })
    .await;
    let (epoch, _) = run(&add(), &[&dying.address]).await.unwrap();
    assert_eq!(epoch, 3);
    assert_eq!(changes_asked(&other), [""; 0]);
}

#[tokio::test]
async fn a_change_whose_answer_is_lost_is_looked_for_and_not_asked_for_again() {
    for (found, views) in [
        (
            true,
            vec![
                members(2, &[1, 2, 3], under_way(2, 3)),
                members(3, &[1, 2, 3], None),
            ],
        ),
        (false, vec![members(1, &[1, 2], None)]),
    ] {
        let other = node(|| accepted(7), views).await;
        let view = with_address(members(1, &[1, 2], None), 1, &other);
        let breaks = node(|| None, vec![view]).await;
        let ended = run(&add(), &[&breaks.address]).await;
        match (found, ended) {
            (true, Ok((epoch, _))) => assert_eq!(epoch, 3),
            (false, Err(failure)) => assert_eq!(failure.exit, Exit::Unknown),
            (_, ended) => panic!("{ended:?}"),
        }
        assert_eq!(changes_asked(&other), [""; 0]);
    }
}

#[tokio::test]
async fn what_the_cluster_refuses_is_told_in_its_words_and_asked_once() {
    let other = node(|| accepted(2), vec![members(1, &[1], None)]).await;
    for status in [404, 409, 502] {
        let refuses = node(
            move || refused(status, "the last member cannot be removed"),
            vec![members(1, &[1], None)],
        )
        .await;
        let change = Change::Remove {
            member: MemberName::parse("host-1:1").unwrap(),
        };
        let failure = run(&change, &[&refuses.address, &other.address])
            .await
            .unwrap_err();
        assert_eq!(failure.exit, Exit::Failed);
        let message = failure.message.unwrap();
        assert!(message.ends_with("removing host-1:1: the last member cannot be removed"));
        assert_eq!(changes_asked(&refuses), ["DELETE /v1/members/host-1%3A1"]);
    }
    assert_eq!(changes_asked(&other), [""; 0]);
}

#[tokio::test]
async fn when_no_node_takes_a_change_on_each_ones_reason_is_told() {
    let views = || vec![members(1, &[1], None)];
    let one = node(|| refused(503, "no agreement"), views()).await;
    let two = node(|| refused(503, "no member"), views()).await;
    let failure = run(&Change::Abort, &[&one.address, &two.address])
        .await
        .unwrap_err();
    assert_eq!(failure.exit, Exit::Failed);
    let message = failure.message.unwrap();
    for part in [
        "nothing happened",
        "no agreement",
        "no member",
        two.address.as_str(),
    ] {
        assert!(message.contains(part), "{message}");
    }
}

#[tokio::test]
async fn giving_up_says_so_when_the_change_was_finished_instead() {
    for (after, given_up) in [(vec![1, 2], true), (vec![1, 2, 3], false)] {
        let views = vec![
            members(2, &[1, 2, 3], under_way(2, 3)),
            members(3, &after, None),
        ];
        let node = node(|| accepted(2), views).await;
        let ended = run(&Change::Abort, &[&node.address]).await;
        match ended {
            Ok((_, told)) => assert!(given_up && told.contains("given up"), "{told}"),
            Err(failure) => {
                let message = failure.message.unwrap();
                assert!(
                    !given_up && message.contains("finished instead"),
                    "{message}"
                );
            }
        }
    }
}

#[tokio::test]
async fn after_a_change_those_are_waited_for_who_lack_something() {
    let lacking = |slots: u64| {
        let mut view = members(3, &[1, 2], None);
        view["members"][1]["lacking_slots"] = json!(slots);
        view
    };
    let node = node(|| None, vec![lacking(300), lacking(100), lacking(0)]).await;
    let mut voices = Voices::new(&ClientArgs {
        nodes: vec![node.address.clone()],
        timeout_ms: Duration::from_millis(500),
        password: PasswordArgs::default(),
        json: false,
    })
    .unwrap();
    let (written, view) = voices.first_view().await.unwrap();
    let (written, told) = until_whole(&mut voices, written, &view).await;
    assert!(
        told.unwrap()
            .starts_with("no member lacks anything any more")
    );
    assert_eq!(written, lacking(0));
    let (_, view) = voices.first_view().await.unwrap();
    let (_, told) = until_whole(&mut voices, written, &view).await;
    assert_eq!(told, None);
}
