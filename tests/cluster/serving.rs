//! A cluster in which nothing goes wrong.

use crate::harness::{Client, Cluster};
use hyper::Method;
use serde_json::{Value, json};
use std::time::Instant;

#[tokio::test]
async fn what_is_written_at_one_node_is_read_at_each() {
    for size in [1, 3, 5] {
        let cluster = Cluster::start(size).await;
        let started = Instant::now();
        for (writer, node) in cluster.nodes().iter().enumerate() {
            let value = format!("written at {writer}");
            let written = node.put("/v1/registers/greeting", value.as_str()).await;
            written.assert_status(204);
            for reader in cluster.nodes() {
                let read = reader.get("/v1/registers/greeting").await;
                assert_eq!(read.assert_status(200).text(), value);
                assert_eq!(read.header("etag"), written.header("etag"));
            }
        }
        println!(
            "{size} nodes: {} writes and {} reads in {:?}",
            size,
            size * size,
            started.elapsed()
        );
    }
}

#[tokio::test]
async fn nodes_with_the_default_settings_found_a_cluster() {
    let started = Instant::now();
    let cluster = Cluster::start_exactly(3, &[]).await;
    println!("ready {:?} after the start", started.elapsed());
    let view = cluster[0].view().await;
    let id = view["cluster"].as_str().expect("a cluster has an id");
    let ids: Vec<&Value> = members(&view).iter().map(|member| &member["id"]).collect();
    for node in cluster.nodes() {
        let view = node.view().await;
        assert_eq!(view["cluster"], id);
        assert_eq!(view["epoch"], 1);
        assert_eq!(view["standing"], "member");
        assert_eq!(view["address"], node.address().to_string());
        assert!(ids.contains(&&view["node"]), "{view}");
        assert_eq!(members(&view).len(), 3);
        for member in members(&view) {
            assert_eq!(
                (&member["state"], &member["lost"]),
                (&json!("alive"), &json!(false))
            );
        }
    }
    cluster[1]
        .put("/v1/registers/a", "b")
        .await
        .assert_status(204);
    assert_eq!(cluster[2].get("/v1/registers/a").await.text(), "b");
}

#[tokio::test]
async fn the_originals_interface_is_there_byte_for_byte() {
    let cluster = Cluster::start(3).await;
    for node in cluster.nodes() {
        let unset = node.get("/read/7").await;
        assert_eq!(
            unset.assert_status(200).text(),
            r#"{"addr":7,"value":null,"tag":{"seq":0,"writer":"0000000000000000-0","step":0}}"#
        );
        assert_eq!(unset.header("content-type"), Some("application/json"));
    }

    let post = |body: &str| Client::request(Method::POST, "/write", body);
    let view = cluster[1].view().await;
    let writer = format!("{}-{}", view["node"].as_str().unwrap(), view["boot"]);
    let expected = |value: &str, seq: u64| {
        format!(r#"{{"addr":7,{value},"tag":{{"seq":{seq},"writer":"{writer}","step":0}}}}"#)
    };
    for (seq, value) in [
        (1, r#""value":"hello""#),
        (2, r#""value":"""#),
        (3, r#""value_base64":"/wA=""#),
        (4, r#""value":"é \"quoted\"""#),
    ] {
        let written = cluster[1]
            .ask(post(&format!(r#"{{"addr":7,{value}}}"#)))
            .await;
        assert_eq!(written.assert_status(200).text(), expected(value, seq));
        assert_eq!(written.header("content-type"), Some("application/json"));
        for node in cluster.nodes() {
            let read = node.get("/read/7").await;
            assert_eq!(read.assert_status(200).text(), expected(value, seq));
        }
    }

    let greatest = u64::MAX;
    let body = format!(r#"{{"value":"last","addr":{greatest}}}"#);
    cluster[0].ask(post(&body)).await.assert_status(200);
    let read = cluster[2].get(&format!("/read/{greatest}")).await;
    assert_eq!(read.json()["value"], "last");
    assert_eq!(read.json()["addr"], greatest);

    for node in cluster.nodes() {
        node.get("/status").await.assert_status(200);
    }
    println!("5 writes as {writer}, each read at 3 nodes");
}

#[tokio::test]
async fn registers_hold_any_bytes_under_any_name_until_they_are_deleted() {
    let cluster = Cluster::start(3).await;
    // The longest value that is allowed travels between nodes in several frames.
    let longest: Vec<u8> = (0..1 << 20).map(|byte: u32| (byte % 251) as u8).collect();
    let long_name = format!("/v1/registers/{}", "%ff".repeat(1024));
    let started = Instant::now();
    for (path, value) in [
        ("/v1/registers/7", &b"seven"[..]),
        ("/v1/registers/a%2Fb%00%FF", b"\x00\xff\r\n"),
        ("/v1/registers/empty", b""),
        (&long_name, &longest),
    ] {
        let written = cluster[0].put(path, value).await;
        let etag = written
            .assert_status(204)
            .header("etag")
            .expect("a write has a tag");
        for node in cluster.nodes() {
            let read = node.get(path).await;
            assert_eq!(read.assert_status(200).body, value);
            assert_eq!(read.header("etag"), Some(etag));
        }

        let deleted = cluster[1]
            .ask(Client::request(Method::DELETE, path, ""))
            .await;
        deleted.assert_status(204);
        for node in cluster.nodes() {
            let nothing = node.get(path).await;
            nothing.assert_problem(404, "nothing", "done");
            // The tombstone has a tag of its own, until it is dropped.
            let tag = nothing.header("etag");
            assert!(tag.is_none() || tag == deleted.header("etag"), "{tag:?}");
            assert_ne!(tag, Some(etag));
        }
    }
    println!(
        "4 registers written, read, deleted and read again in {:?}",
        started.elapsed()
    );
    // An integer address and the name in its digits are one register.
    cluster[0]
        .put("/v1/registers/18", "x")
        .await
        .assert_status(204);
    assert_eq!(cluster[1].get("/read/18").await.json()["value"], "x");
}

#[tokio::test]
async fn a_node_tells_what_it_counted() {
    let cluster = Cluster::start(3).await;
    for _ in 0..3 {
        cluster[0]
            .put("/v1/registers/a", "x")
            .await
            .assert_status(204);
        cluster[0].get("/v1/registers/a").await.assert_status(200);
    }
    let rounds = &cluster[0].view().await["rounds"];
    let count = |kind: &str| {
        let rounds = &rounds[kind];
        ["one", "two", "more"].map(|round| rounds[round].as_u64().unwrap())
    };
    assert_eq!(count("read").iter().sum::<u64>(), 3);
    assert_eq!(count("write"), [0, 3, 0]);
    println!("reads by rounds: {:?}", count("read"));

    let metrics = cluster[0].get("/metrics").await;
    let metrics = metrics.assert_status(200).text();
    for name in ["operations", "rounds", "peer", "sent_bytes", "messages"] {
        assert!(metrics.contains(name), "no {name} in\n{metrics}");
    }
    assert!(metrics.ends_with("# EOF\n"), "{metrics}");
}

fn members(view: &Value) -> &Vec<Value> {
    view["members"].as_array().expect("members are a list")
}
