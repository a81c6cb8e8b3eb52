//! Nodes are told to stop.

use crate::harness::{Client, Cluster, Node, PATIENCE, eventually, is_free};
use nix::sys::signal::Signal;
use std::time::{Duration, Instant};

#[tokio::test]
async fn a_node_that_is_told_to_stop_answers_what_runs_and_exits_with_0() {
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let mut cluster = Cluster::start(3).await;
        let (mut writer, mut reader, mut idle) = (
            cluster[0].client(),
            cluster[0].client(),
            cluster[0].client(),
        );
        idle.send(Client::get("/livez"), PATIENCE)
            .await
            .expect("the node answers");
        // Without the others, operations run until their deadline.
        cluster[1].freeze().await;
        cluster[2].freeze().await;
        let path = "/v1/registers/a?timeout_ms=20000";
        let running = async {
            tokio::join!(
                writer.send(Client::put(path, "x"), 2 * PATIENCE),
                reader.send(
                    Client::get("/v1/registers/b?timeout_ms=20000"),
                    2 * PATIENCE
                ),
            )
        };
        let stopping = async {
            eventually("two operations run", async || {
                cluster[0].view().await["operations_running"] == 2
            })
            .await;
            cluster[0].signal(signal);
            eventually("the node says that it stops", async || {
                cluster[0].log().contains("stopping")
            })
            .await;
            eventually("it accepts nothing new", async || {
                cluster[0].try_get("/livez").await.is_none()
            })
            .await;
            cluster[1].thaw();
            cluster[2].thaw();
        };
        let ((written, read), ()) = tokio::join!(running, stopping);
        written.expect("an answer to what ran").assert_status(204);
        read.expect("an answer to what ran").assert_status(404);

        let asked = Instant::now();
        assert_stopped_well(&mut cluster[0]).await;
        println!(
            "after {signal}, it ended {:?} after its last answer",
            asked.elapsed()
        );
        assert_eq!(cluster[1].get("/v1/registers/a").await.text(), "x");
    }
}

#[tokio::test]
async fn a_node_that_stops_refuses_in_time_what_cannot_be_done() {
    let mut cluster = Cluster::start(3).await;
    cluster[1].freeze().await;
    cluster[2].freeze().await;
    let mut client = cluster[0].client();
    let running = client.send(
        Client::put("/v1/registers/a?timeout_ms=1500", "x"),
        PATIENCE,
    );
    let stopping = async {
        eventually("the operation runs", async || {
            cluster[0].view().await["operations_running"] == 1
        })
        .await;
        cluster[0].signal(Signal::SIGTERM);
    };
    let (answer, ()) = tokio::join!(running, stopping);
    let answer = answer.expect("an answer to what ran");
    assert!(matches!(answer.status, 503 | 504), "{answer:?}");
    assert_stopped_well(&mut cluster[0]).await;
}

#[tokio::test]
async fn a_node_does_not_wait_for_clients_beyond_its_shutdown_timeout() {
    let mut cluster = Cluster::start_with(3, &["--shutdown-timeout-ms", "300"]).await;
    cluster[1].freeze().await;
    cluster[2].freeze().await;
    let mut client = cluster[0].client();
    let running = client.send(
        Client::put("/v1/registers/a?timeout_ms=60000", "x"),
        PATIENCE,
    );
    let stopping = async {
        eventually("the operation runs", async || {
            cluster[0].view().await["operations_running"] == 1
        })
        .await;
        cluster[0].signal(Signal::SIGTERM);
    };
    let (answer, ()) = tokio::join!(running, stopping);
    assert!(answer.is_err(), "{answer:?}");
    assert_stopped_well(&mut cluster[0]).await;
    assert!(
        cluster[0].log().contains("1 connections still open"),
        "{}",
        cluster[0].log()
    );
}

#[tokio::test]
async fn idle_clients_and_peers_do_not_hold_a_stop_up() {
    let mut cluster = Cluster::start(3).await;
    let mut clients: Vec<Client> = (0..30).map(|index| cluster[index % 3].client()).collect();
    for client in &mut clients {
        client
            .send(Client::get("/livez"), PATIENCE)
            .await
            .expect("an answer");
    }
    let started = Instant::now();
    for node in cluster.nodes() {
        node.signal(Signal::SIGTERM);
    }
    for node in cluster.nodes_mut() {
        assert_stopped_well(node).await;
    }
    let took = started.elapsed();
    // Half of what a node would wait for a client that holds it up.
    assert!(took < Duration::from_secs(5), "{took:?}");
    println!("three nodes with 30 idle clients stopped in {took:?}");
}

#[tokio::test]
async fn the_others_serve_on_after_one_has_been_stopped() {
    let mut cluster = Cluster::start(3).await;
    cluster[0]
        .put("/v1/registers/a", "x")
        .await
        .assert_status(204);
    cluster[0].signal(Signal::SIGTERM);
    assert_stopped_well(&mut cluster[0]).await;
    for node in cluster.others(0) {
        assert_eq!(node.get("/v1/registers/a").await.text(), "x");
    }
    cluster[1]
        .put("/v1/registers/a", "y")
        .await
        .assert_status(204);
}

async fn assert_stopped_well(node: &mut Node) {
    let status = node.ended().await;
    assert_eq!(status.code(), Some(0), "{status}: {}", node.log());
    assert!(is_free(node.port()), "the port is taken after the end");
    assert!(!node.log().contains("ends at once"), "{}", node.log());
}
