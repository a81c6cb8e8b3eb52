//! Connections of those who are no clients and no peers, while clients are at work.

mod impostors;
mod kinds;

use crate::harness::{Cluster, Load, LoadPlan, Node, eventually};
use std::time::Instant;
use tokio::task::JoinSet;

/// How many connections there are of each kind.
const EACH: usize = 10;

#[tokio::test]
async fn whatever_strangers_do_on_the_port_clients_are_served_and_the_nodes_live() {
    let cluster = Cluster::start(3).await;
    let value = vec![b'x'; 1 << 20];
    cluster[0]
        .put("/v1/registers/long", value)
        .await
        .assert_status(204);
    let processes: Vec<u32> = cluster.nodes().iter().map(Node::pid).collect();
    let view = cluster[0].view().await;
    let load = Load::start(&cluster, LoadPlan::default());

    // These hold their connections until the end of the test.
    let mut held = JoinSet::new();
    // These are done when the node has closed the connection.
    let mut closed = JoinSet::new();
    for number in 0..EACH {
        for node in cluster.nodes() {
            let address = node.address();
            held.spawn(kinds::say_slowly(
                address,
                b"GET /status HTTP/1.1\r\nx: ".to_vec(),
            ));
            held.spawn(kinds::say_slowly(
                address,
                b"PUT /v1/registers/slow HTTP/1.1\r\nhost: x\r\ncontent-length: 9999\r\n\r\n"
                    .to_vec(),
            ));
            held.spawn(kinds::ask_and_never_read(address));
            closed.spawn(kinds::say_nothing(address));
            closed.spawn(kinds::say_garbage(address, number as u64));
            closed.spawn(kinds::speak_another_protocol(address));
            closed.spawn(kinds::head_without_end(address));
            closed.spawn(kinds::body_beyond_all_bounds(address));
            closed.spawn(kinds::chunks_without_end(address));
            closed.spawn(kinds::end_in_the_middle(address));
            closed.spawn(kinds::reset_in_the_middle(address));
            closed.spawn(kinds::ask_with_one_side_closed(address));
            closed.spawn(kinds::begin_as_a_peer_and_end_in_garbage(address, number));
        }
    }
    let strangers = held.len() + closed.len();
    let started = Instant::now();
    load.progress(&[0, 1, 2], 100).await;
    let served = started.elapsed();
    while let Some(ended) = closed.join_next().await {
        ended.unwrap_or_else(|error| panic!("a stranger was not shown the door: {error}"));
    }
    let gone = started.elapsed();
    load.progress(&[0, 1, 2], 20).await;

    let sum = load.sum(&[0, 1, 2]);
    sum.assert_none_failed();
    let now: Vec<u32> = cluster.nodes().iter().map(Node::pid).collect();
    assert_eq!(now, processes);
    for node in cluster.nodes() {
        for other in cluster.nodes() {
            eventually("everyone is alive to everyone", async || {
                node.sees(other).await.as_deref() == Some("alive")
            })
            .await;
        }
        let log = node.log();
        assert!(!log.contains("ends at once"), "{log}");
        assert!(
            log.lines().count() < 500,
            "strangers fill the log: {} lines",
            log.lines().count()
        );
        let after = node.view().await;
        assert_eq!(
            (&after["cluster"], &after["epoch"]),
            (&view["cluster"], &view["epoch"])
        );
        node.get("/v1/registers/slow").await.assert_status(404);
    }
    held.shutdown().await;
    println!(
        "{strangers} strangers' connections: each client had 100 operations done after {served:?}, \
         those that had to be closed were after {gone:?}; {sum}; {}",
        load.finish().await
    );
}
