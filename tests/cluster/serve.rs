//! Starting a node, rightly and wrongly.

use crate::harness::{Cluster, Node, eventually, free_ports, run};
use serde_json::Value;
use std::net::TcpListener;

#[tokio::test]
async fn an_address_that_is_not_loopback_is_refused() {
    for address in ["0.0.0.0:3030", "[::]:3030", "192.0.2.1:3030"] {
        let ended = run(&["serve", "--listen", address]).await;
        ended.assert_code(2);
        assert!(ended.stderr.contains("not a loopback address"), "{ended:?}");
        assert!(ended.stderr.contains("--insecure"), "{ended:?}");
        assert_eq!(ended.stdout, "");
    }
}

#[tokio::test]
async fn wrong_arguments_are_refused_with_2_and_advice() {
    for (arguments, advice) in [
        (&["serve", "--no-such-flag"][..], "--no-such-flag"),
        (&["serve", "--listen", "nowhere"], "--listen"),
        (&["serve", "--listen", "127.0.0.1:0"], "port"),
        (&["serve", "--peers", "127.0.0.1:1,127.0.0.1:1"], "twice"),
        (&["serve", "--timeout-ms", "0"], "milliseconds"),
        (&["serve", "--timeout-ms", "70000"], "--timeout-max-ms"),
        (
            &["serve", "--value-bytes-max", "16000000"],
            "--value-bytes-max",
        ),
        (&["serve", "--log", "no=such=filter"], "--log"),
        (&["3030", "3031"], "3031"),
        (&["3033"], "serve --listen 127.0.0.1:3033"),
        (&["99999"], "neither a command nor a port"),
        (&["raed"], "neither a command nor a port"),
        (&["read"], "NAME"),
        (&["write", "a"], "VALUE"),
        (&["read", "a", "--node", "nowhere"], "--node"),
        (&["cluster", "--nodes", "0"], "--nodes"),
        (&["cluster", "--port", "65535"], "65535"),
    ] {
        let ended = run(arguments).await;
        ended.assert_code(2);
        assert!(ended.stderr.contains(advice), "{arguments:?}: {ended:?}");
        assert_eq!(ended.stdout, "", "{arguments:?}");
    }
}

#[tokio::test]
async fn help_and_version_are_given_on_standard_output() {
    let version = run(&["--version"]).await;
    version.assert_code(0);
    assert!(
        version
            .stdout
            .starts_with(concat!("shardedmemory ", env!("CARGO_PKG_VERSION")))
    );
    let help = run(&["--help"]).await;
    help.assert_code(0);
    for command in [
        "serve", "cluster", "demo", "read", "write", "delete", "status", "members", "config",
    ] {
        assert!(
            help.stdout.contains(&format!("  {command}")),
            "{}",
            help.stdout
        );
        run(&[command, "--help"]).await.assert_code(0);
    }
    let settings = run(&["serve", "--help"]).await.stdout;
    for line in settings
        .lines()
        .filter(|line| line.trim_start().starts_with("--"))
    {
        let flag = line
            .trim_start()
            .trim_start_matches("--")
            .split([' ', '=', '['])
            .next()
            .unwrap();
        if flag != "help" {
            let variable = format!("SHARDEDMEMORY_{}", flag.replace('-', "_").to_uppercase());
            assert!(settings.contains(&variable), "{flag} has no {variable}");
        }
    }
}

#[tokio::test]
async fn a_port_in_use_is_told_and_ends_the_node_with_1() {
    let port = free_ports(1)[0];
    let address = format!("127.0.0.1:{port}");
    let taken = TcpListener::bind(&address).expect("the port is free");
    let ended = run(&["serve", "--listen", &address]).await;
    ended.assert_code(1);
    assert!(
        ended
            .stderr
            .contains(&format!("cannot listen on {address}")),
        "{ended:?}"
    );
    drop(taken);
}

#[tokio::test]
async fn a_node_stops_when_its_parent_has_ended_if_asked() {
    let mut cluster = Cluster::start(1).await;
    cluster[0].orphan();
    let status = cluster[0].ended().await;
    assert_eq!(status.code(), Some(0), "{}", cluster[0].log());

    // Even if it had ended before the node was up.
    let address = format!("127.0.0.1:{}", free_ports(1)[0]);
    let ended = run(&["serve", "--exit-with-parent", "--listen", &address]).await;
    ended.assert_code(0);
}

#[tokio::test]
async fn a_node_listens_at_several_addresses() {
    let [first, second] = free_ports(2)[..] else {
        unreachable!("two were asked for")
    };
    let peers = format!("127.0.0.1:{first}");
    let also = format!("127.0.0.1:{second}");
    let mut node = Node::new(
        first,
        &peers,
        &["--listen", &also, "--founding-wait-ms", "200"],
    );
    node.start();
    eventually("the node is ready", async || node.is_ready().await).await;
    node.put("/v1/registers/a", "x").await.assert_status(204);
    // The process listens at both; the other one is a client's address alone.
    let other = Node::new(second, &peers, &[]);
    assert_eq!(other.get("/v1/registers/a").await.text(), "x");
}

#[tokio::test]
async fn logs_are_sentences_or_objects_as_asked() {
    let cluster = Cluster::start_with(1, &["--log-format", "json"]).await;
    eventually("there is a log", async || !cluster[0].log().is_empty()).await;
    for line in cluster[0].log().lines() {
        let line: Value =
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert!(
            line["level"].is_string() && line["timestamp"].is_string(),
            "{line}"
        );
        assert!(line["fields"]["message"].is_string(), "{line}");
    }

    let cluster = Cluster::start_with(1, &["--log-format", "text"]).await;
    let log = || cluster[0].log();
    let before = log().lines().count();
    for _ in 0..100 {
        cluster[0]
            .put("/v1/registers/a", "x")
            .await
            .assert_status(204);
        cluster[0]
            .get("/v1/registers/nothing")
            .await
            .assert_status(404);
        cluster[0].get("/nope").await.assert_status(404);
    }
    assert!(
        log().contains("INFO") && !log().contains('\x1b'),
        "{}",
        log()
    );
    assert!(
        log().lines().count() < before + 20,
        "a line for each request:\n{}",
        log()
    );
}

#[tokio::test]
async fn a_node_that_is_not_on_its_own_list_hears_of_the_cluster_and_passes_requests_on() {
    let cluster = Cluster::start(3).await;
    let peers = cluster.addresses().join(",");
    let mut stranger = Node::new(free_ports(1)[0], &peers, &["--founding-wait-ms", "200"]);
    stranger.start();
    for node in cluster.nodes() {
        assert!(node.is_ready().await, "the cluster is as it was");
        assert_eq!(
            node.view().await["members"].as_array().map(Vec::len),
            Some(3)
        );
    }
    cluster[0]
        .put("/v1/registers/a", "x")
        .await
        .assert_status(204);
    assert_eq!(cluster[1].get("/v1/registers/a").await.text(), "x");
    eventually(
        "it has heard of the cluster and passes requests on",
        async || {
            let answer = stranger.try_get("/v1/registers/a").await;
            answer.is_some_and(|answer| answer.text() == "x")
        },
    )
    .await;
}
