//! Clusters with a password.

use crate::harness::{
    Client, Cluster, Node, PATIENCE, Request, eventually, free_ports, program, run,
};
use serde_json::json;
use std::process::Stdio;

const PASSWORD: &str = "correct-horse-battery";

async fn guarded(size: u16) -> Cluster {
    Cluster::start_with(size, &["--password", PASSWORD]).await
}

/// Asks without a password, or with another.
async fn status_saying(node: &Node, said: Option<&str>, request: Request) -> u16 {
    let client = Client::new(node.address());
    let mut client = match said {
        Some(said) => client.saying(said),
        None => client,
    };
    client.send(request, PATIENCE).await.unwrap().status
}

#[tokio::test]
async fn nothing_is_done_for_those_who_do_not_know_the_password() {
    let cluster = guarded(3).await;
    let put = || Client::put("/v1/registers/x", "1");
    for node in cluster.nodes() {
        for said in [None, Some("correct-horse-batter"), Some("another-password")] {
            assert_eq!(status_saying(node, said, put()).await, 401);
            for path in [
                "/v1/registers/x",
                "/metrics",
                "/v1/cluster",
                "/openapi.json",
            ] {
                assert_eq!(status_saying(node, said, Client::get(path)).await, 401);
            }
            for path in ["/livez", "/readyz"] {
                assert_eq!(status_saying(node, said, Client::get(path)).await, 200);
            }
        }
    }
    let refused = Client::new(cluster[0].address())
        .send(put(), PATIENCE)
        .await;
    let refused = refused.unwrap();
    refused.assert_problem(401, "unauthorized", "refused");
    let challenge = refused.header("www-authenticate");
    assert_eq!(challenge, Some("Bearer realm=\"shardedmemory\""));
    cluster[1].get("/v1/registers/x").await.assert_status(404);
    assert_eq!(status_saying(&cluster[1], Some(PASSWORD), put()).await, 204);
    assert_eq!(cluster[2].get("/v1/registers/x").await.text(), "1");
}

#[tokio::test]
async fn every_command_says_the_password_that_it_is_given() {
    let cluster = guarded(3).await;
    let nodes = cluster.addresses().join(",");
    let at = ["--node", &nodes];
    let path = std::env::temp_dir().join(format!("password-{}", std::process::id()));
    std::fs::write(&path, format!("{PASSWORD}\n")).unwrap();
    let file = path.to_str().unwrap();
    for (command, code) in [
        (&["write", "a", "1"][..], 0),
        (&["read", "a"], 0),
        (&["delete", "a"], 0),
        (&["read", "a"], 4),
        (&["status"], 0),
        (&["members", "list"], 0),
        (&["verify", "--seconds", "1", "--clients", "2"], 0),
        (&["members", "abort"], 1),
    ] {
        let without = run(&[command, &at].concat()).await;
        assert_ne!(without.code, Some(0), "{command:?}");
        assert!(
            without.stderr.contains("wants a password"),
            "{command:?} {without:?}"
        );
        let wrong = run(&[command, &at, &["--password", "another-password"]].concat()).await;
        assert_ne!(wrong.code, Some(0), "{command:?}");
        assert!(
            wrong.stderr.contains("not this node's password"),
            "{command:?} {wrong:?}"
        );
        let right = run(&[command, &at, &["--password-file", file]].concat()).await;
        right.assert_code(code);
    }
    std::fs::remove_file(&path).unwrap();
    let by_environment = program()
        .args(["write", "a", "1", "--node", &nodes])
        .env("SHARDEDMEMORY_PASSWORD", PASSWORD)
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    assert_eq!(by_environment.status.code(), Some(0), "{by_environment:?}");
}

#[tokio::test]
async fn a_node_that_does_not_know_the_password_is_not_let_in() {
    let cluster = guarded(3).await;
    let nodes = cluster.addresses().join(",");
    for flags in [&["--password", "another-password"][..], &[]] {
        let mut stranger = Node::joining(free_ports(1)[0], &nodes, flags);
        stranger.start();
        eventually("the stranger's log says why it is alone", async || {
            stranger.log().contains("it refuses this node")
        })
        .await;
        assert!(!stranger.is_ready().await);
        // It dials again and again.
        let told = "let nobody in: closed a connection that began as one from a node";
        eventually("a log of the cluster tells of it", async || {
            cluster.nodes().iter().any(|node| node.log().contains(told))
        })
        .await;
    }
    for node in cluster.nodes() {
        assert_eq!(node.view().await["members"].as_array().unwrap().len(), 3);
        let told = node.log().matches("let nobody in").count();
        assert!(told < 20, "it is told of now and then: {told} times");
    }
    let mut cluster = cluster;
    let friend = cluster.start_joiner(&["--password", PASSWORD]).await;
    eventually("one that knows it is let in", async || {
        let view = cluster[0].view().await;
        view["members"].as_array().unwrap().len() == 4
    })
    .await;
    assert!(cluster[friend].log().contains("listens on"));
}

#[tokio::test]
async fn a_password_is_checked_before_anything_starts_and_never_shown() {
    for (flags, part) in [
        (&["--password", "short"][..], "has 5 characters"),
        (&["--password", ""], "is empty"),
        (&["--password", "with a space in it"], "has a space"),
        (&["--password-file", "/nowhere/at/all"], "cannot be read"),
        (
            &["--password", PASSWORD, "--password-file", "x"],
            "both given",
        ),
    ] {
        for command in [&["serve"][..], &["read", "x"], &["status"], &["verify"]] {
            let ended = run(&[command, flags].concat()).await;
            ended.assert_code(2);
            assert!(ended.stderr.contains(part), "{command:?} {ended:?}");
            for secret in ["short", "with a space in it", PASSWORD] {
                assert!(!ended.stderr.contains(secret), "{ended:?}");
            }
        }
    }
    let open = [
        "config",
        "print",
        "--listen",
        "0.0.0.0:1",
        "--advertise",
        "a:1",
    ];
    let exposed = run(&open).await;
    exposed.assert_code(2);
    assert!(exposed.stderr.contains("--password-file"), "{exposed:?}");
    for form in [&[][..], &["--json"], &["--toml"]] {
        let shown = run(&[&open[..], &["--password", PASSWORD], form].concat()).await;
        shown.assert_code(0);
        assert!(!shown.stdout.contains(PASSWORD), "{shown:?}");
        assert!(shown.stdout.contains("(not shown)"), "{shown:?}");
    }
    let printed = program()
        .args(["config", "print", "--json"])
        .env("SHARDEDMEMORY_PASSWORD", PASSWORD)
        .output()
        .unwrap();
    let printed: serde_json::Value = serde_json::from_slice(&printed.stdout).unwrap();
    let from = "environment SHARDEDMEMORY_PASSWORD";
    assert_eq!(printed["password"]["value"], json!("(not shown)"));
    let told = printed["password"]["from"].as_str().unwrap();
    assert!(told.contains("SHARDEDMEMORY_PASSWORD"), "{told} {from}");
}
