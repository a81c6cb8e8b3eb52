//! Recoveries against small servers that play nodes.

use super::*;
use crate::cli::client::ClientArgs;
use crate::cli::client::stub::{Stub, json as answer};
use crate::cli::failure::Exit;
use crate::cli::password::PasswordArgs;
use serde_json::{Value, json};
use std::time::Duration;

const TWO: &str = "0000000000000002";

/// Members 1, at the stub's address if it has one, and those beside it that are left.
fn members(epoch: u64, numbers: &[u8], change: Option<Value>) -> String {
    let member = |number: &u8| {
        json!({
            "id": format!("{number:016x}"), "address": format!("host-{number}:1"),
            "state": if *number == 1 { "alive" } else { "down" }, "standing": "member",
            "lacking_slots": 0,
        })
    };
    let members: Vec<Value> = numbers.iter().map(member).collect();
    let view = json!({
        "cluster": "00000000000000c1", "epoch": epoch, "replication": 3, "members": members,
        "former": [], "change": change,
    });
    answer(200, &view.to_string())
}

fn plan() -> String {
    let plan = json!({
        "lost": [TWO], "survivors": ["0000000000000001"], "as_new_cluster": true,
        "forced_slots": "0-15", "gone_slots": "",
    });
    answer(200, &plan.to_string())
}

/// A node that goes on without member 2 when it is asked to.
async fn node(to_recover: impl Fn() -> String + Send + 'static) -> Stub {
    let mut begun = 0;
    Stub::start(move |request| {
        Some(match request {
            "GET /v1/members" if begun == 0 => members(1, &[1, 2], None),
            "GET /v1/members" if begun == 1 => {
                begun = 2;
                let change = json!({
                    "epoch": 2, "joining": [], "leaving": [], "groups": 1024,
                    "groups_copied": 7, "registers": 0, "bytes": 0, "stalled_for_ms": 0,
                });
                members(2, &[1], Some(change))
            }
            "GET /v1/members" => members(3, &[1], None),
            request if request.starts_with("GET /v1/recover") => plan(),
            _ => {
                begun = 1;
                to_recover()
            }
        })
    })
    .await
}

fn arguments(node: &Stub, force: bool, lost: &[&str]) -> RecoverArgs {
    RecoverArgs {
        lost: lost
            .iter()
            .map(|name| MemberName::parse(name).unwrap())
            .collect(),
        slots: None,
        force,
        yes: force,
        change: ChangeArgs {
            no_wait: false,
            client: ClientArgs {
                nodes: vec![node.address.clone()],
                timeout_ms: Duration::from_millis(500),
                password: PasswordArgs::default(),
                json: false,
            },
        },
    }
}

fn asked(node: &Stub) -> Vec<String> {
    let mut asked = node.asked();
    asked.retain(|request| request != "GET /v1/members");
    asked
}

#[tokio::test]
async fn without_force_nothing_is_asked_for_but_what_would_be_done() {
    let node = node(|| panic!("it is not to be done")).await;
    recover(&arguments(&node, false, &[])).await.unwrap();
    recover(&arguments(&node, false, &["host-2:1"]))
        .await
        .unwrap();
    assert_eq!(
        asked(&node),
        [
            "GET /v1/recover".to_owned(),
            format!("GET /v1/recover?lost={TWO}")
        ]
    );
}

#[tokio::test]
async fn with_force_it_goes_on_without_the_very_members_that_were_shown() {
    let node = node(|| answer(202, r#"{"epoch":2}"#)).await;
    recover(&arguments(&node, true, &[])).await.unwrap();
    assert_eq!(
        asked(&node),
        [
            "GET /v1/recover".to_owned(),
            format!(r#"POST /v1/recover {{"lost":["{TWO}"]}}"#)
        ]
    );
}

#[tokio::test]
async fn a_node_that_refuses_is_believed_and_asked_once() {
    let refused = || answer(503, r#"{"outcome":"refused","detail":"no agreement"}"#);
    let node = node(refused).await;
    let failure = recover(&arguments(&node, true, &[])).await.unwrap_err();
    assert_eq!(failure.exit, Exit::Failed);
    assert!(failure.message.unwrap().ends_with("no agreement"));
    assert_eq!(asked(&node).len(), 2);
}

#[tokio::test]
async fn a_member_that_is_none_is_told_so() {
    let node = node(|| panic!("it is not to be done")).await;
    let failure = recover(&arguments(&node, true, &["host-9:1"]))
        .await
        .unwrap_err();
    assert_eq!(failure.exit, Exit::Failed);
    assert!(failure.message.unwrap().contains("no member host-9:1"));
    assert_eq!(asked(&node), [""; 0]);
}
