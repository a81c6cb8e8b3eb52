//! `read`, `write`, `delete` and `status` against a cluster.

use crate::harness::{Cluster, Ended, eventually, free_ports, run, run_with_input};
use serde_json::json;
use std::io::{Read, Write};
use std::net::TcpListener;

/// Runs a command against some nodes.
async fn at(nodes: &[String], arguments: &[&str]) -> Ended {
    let nodes = nodes.join(",");
    run(&[arguments, &["--node", &nodes]].concat()).await
}

#[tokio::test]
async fn a_value_goes_from_the_command_line_to_the_command_line() {
    let cluster = Cluster::start(3).await;
    let nodes = cluster.addresses();
    let node = |index: usize| &nodes[index..=index];

    let written = at(node(0), &["write", "greeting", "hello, world"]).await;
    written.assert_code(0);
    assert_eq!(written.stdout, "", "a write has no data to give");
    assert!(
        written.stderr.contains("done") && written.stderr.contains(&nodes[0]),
        "{written:?}"
    );
    let read = at(node(2), &["read", "greeting"]).await;
    assert_eq!(
        read.assert_code(0).stdout,
        "hello, world",
        "the bytes as they are"
    );

    let written = at(node(1), &["write", "greeting", "-1", "--json"])
        .await
        .assert_code(0)
        .json();
    let read = at(node(0), &["read", "greeting", "--json"])
        .await
        .assert_code(0)
        .json();
    assert_eq!(
        (&written["name"], &written["node"], &written["rounds"]),
        (&json!("greeting"), &json!(nodes[1]), &json!(2))
    );
    assert_eq!(
        (&read["value"], &read["node"]),
        (&json!("-1"), &json!(nodes[0]))
    );
    assert_eq!(read["tag"], written["tag"]);

    let deleted = at(node(2), &["delete", "greeting", "--json"])
        .await
        .assert_code(0)
        .json();
    let nothing = at(node(1), &["read", "greeting", "--json"]).await;
    nothing.assert_code(4);
    assert_eq!(nothing.json()["value"], json!(null));
    // Once the nodes have dropped its tombstone, it is as if nobody had ever written it.
    let tag = &nothing.json()["tag"];
    assert!(*tag == deleted["tag"] || tag.is_null(), "{tag}");
    let never = at(node(1), &["read", "nobody wrote this"]).await;
    never.assert_code(4);
    assert!(
        never.stdout.is_empty() && never.stderr.contains("nothing"),
        "{never:?}"
    );
}

#[tokio::test]
async fn any_bytes_are_taken_from_standard_input() {
    let cluster = Cluster::start(1).await;
    let node = cluster[0].address().to_string();
    let bytes: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    let arguments = ["write", "a/b c%", "-", "--node", &node];
    run_with_input(&arguments, &bytes).await.assert_code(0);
    assert_eq!(
        cluster[0].get("/v1/registers/a%2Fb%20c%25").await.body,
        bytes
    );
    let read = run(&["read", "a/b c%", "--node", &node, "--json"])
        .await
        .assert_code(0)
        .json();
    assert!(
        read["value_base64"]
            .as_str()
            .is_some_and(|text| text.starts_with("AAECAwQ"))
    );

    let too_long = run_with_input(&arguments, &vec![b'x'; (1 << 20) + 1]).await;
    too_long.assert_code(1);
    assert!(too_long.stderr.contains("refused"), "{too_long:?}");
    assert_eq!(
        cluster[0].get("/v1/registers/a%2Fb%20c%25").await.body,
        bytes
    );
}

#[tokio::test]
async fn the_next_node_is_asked_when_one_is_dead_or_frozen() {
    let mut cluster = Cluster::start(3).await;
    let nodes = cluster.addresses();
    cluster[0].kill();
    let written = at(&nodes, &["write", "a", "x", "--json"])
        .await
        .assert_code(0)
        .json();
    assert_eq!(written["node"], json!(nodes[1]));

    cluster[0].start();
    eventually("the restarted node serves", async || {
        cluster[0].is_ready().await
    })
    .await;
    cluster[0].freeze().await;
    let read = at(&nodes, &["read", "a", "--json"])
        .await
        .assert_code(0)
        .json();
    assert_eq!(
        (&read["node"], &read["value"]),
        (&json!(nodes[1]), &json!("x"))
    );
}

#[tokio::test]
async fn what_did_not_happen_is_told_with_1() {
    let nowhere = format!("127.0.0.1:{}", free_ports(1)[0]);
    for arguments in [
        &["read", "a"][..],
        &["write", "a", "x"],
        &["delete", "a"],
        &["status"],
    ] {
        let ended = at(std::slice::from_ref(&nowhere), arguments).await;
        ended.assert_code(1);
        assert!(
            ended.stderr.contains(&nowhere) && ended.stderr.contains("hint:"),
            "{ended:?}"
        );
        assert_eq!(ended.stdout, "");
    }
    let cluster = Cluster::start(3).await;
    cluster[1].freeze().await;
    cluster[2].freeze().await;
    let nodes = &cluster.addresses()[..1];
    for arguments in [&["read", "a"][..], &["write", "a", "x"], &["delete", "a"]] {
        let ended = at(nodes, &[arguments, &["--timeout-ms", "400"]].concat()).await;
        ended.assert_code(1);
        assert!(ended.stderr.contains("nothing"), "{ended:?}");
    }
}

#[tokio::test]
async fn what_may_have_happened_is_told_with_3() {
    // It answers as a node does, until it is asked for something: then the connection breaks.
    let listener = TcpListener::bind("127.0.0.1:0").expect("some port is free");
    let node = listener.local_addr().expect("it listens").to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            let mut heard = Vec::new();
            let mut piece = [0; 1024];
            while let Ok(count @ 1..) = stream.read(&mut piece) {
                heard.extend(&piece[..count]);
                if !heard.ends_with(b"\r\n\r\n") || !heard.starts_with(b"GET /livez ") {
                    break;
                }
                heard.clear();
                let alive = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
                stream.write_all(alive).expect("the command listens");
            }
        }
    });
    let cluster = Cluster::start(1).await;
    let nodes = [node, cluster[0].address().to_string()];
    for arguments in [&["write", "a", "x"][..], &["delete", "a"]] {
        let ended = at(&nodes, arguments).await;
        ended.assert_code(3);
        assert!(ended.stderr.contains("unknown"), "{ended:?}");
    }
    let untouched = cluster[0].get("/v1/registers/a").await;
    assert_eq!(
        untouched.header("etag"),
        None,
        "the next node was not asked to do it again"
    );
    // A read is never in doubt.
    at(&nodes, &["read", "a"]).await.assert_code(4);
}

#[tokio::test]
async fn status_shows_every_node_and_its_state() {
    let mut cluster = Cluster::start(3).await;
    let nodes = cluster.addresses();
    let well = at(&nodes[..1], &["status"]).await;
    let rows = |text: &str| -> Vec<String> {
        nodes
            .iter()
            .map(|node| {
                let mut lines = text.lines();
                let line = lines.find(|line| line.trim_start().starts_with(node.as_str()));
                line.unwrap_or_else(|| panic!("no {node} in\n{text}"))
                    .to_owned()
            })
            .collect()
    };
    for row in rows(&well.assert_code(0).stdout) {
        assert!(row.contains("alive") && row.contains("member"), "{row}");
    }

    cluster[2].kill();
    eventually("the dead node is down", async || {
        cluster[0].sees(&cluster[2]).await.as_deref() == Some("down")
    })
    .await;
    let one_dead = at(&nodes[..1], &["status"]).await;
    let rows_now = rows(&one_dead.assert_code(0).stdout);
    assert!(
        rows_now[1].contains("alive") && rows_now[2].contains("down"),
        "{rows_now:?}"
    );

    let json = at(&nodes[..1], &["status", "--json"])
        .await
        .assert_code(0)
        .json();
    assert_eq!(json["asked"], json!(nodes[0]));
    assert_eq!(json["nodes"][&nodes[1]]["standing"], "member");
    assert!(json["nodes"][&nodes[2]]["error"].is_string(), "{json}");
    println!("{}", one_dead.stdout);
}
