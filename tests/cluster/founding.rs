//! How a cluster comes to be, when a node fails in the middle.

use crate::harness::{Cluster, Node, eventually};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::time::{Duration, Instant};

const FLAGS: [&str; 2] = ["--founding-wait-ms", "200"];

#[tokio::test]
async fn nodes_without_all_their_peers_wait_and_say_for_whom() {
    let mut cluster = Cluster::prepare(3, &FLAGS);
    cluster[0].start();
    cluster[1].start();
    let missing = cluster[2].address().to_string();
    for node in [0, 1].map(|index| &cluster[index]) {
        eventually("the node tells whom it waits for", async || {
            let ready = node.try_get("/readyz").await;
            ready.is_some_and(|ready| ready.status == 503 && ready.text().contains(&missing))
        })
        .await;
        let view = node.view().await;
        assert_eq!(view["standing"], "fresh");
        assert!(
            view["awaited"]
                .as_array()
                .unwrap()
                .contains(&missing.as_str().into()),
            "{view}"
        );
        for answer in [
            node.get("/v1/registers/a?timeout_ms=300").await,
            node.put("/v1/registers/a?timeout_ms=300", "x").await,
        ] {
            answer.assert_problem(503, "no-cluster", "refused");
        }
    }
    cluster[2].start();
    let started = Instant::now();
    assert_founds_one_cluster(&cluster).await;
    println!(
        "founded {:?} after the last node's start",
        started.elapsed()
    );
}

#[tokio::test]
async fn a_proposer_that_is_killed_in_the_middle_neither_blocks_nor_splits_the_founding() {
    const ROUNDS: u32 = 8;
    // The founding begins after the 200 ms of listening, and is a matter of milliseconds then.
    const SPAN: Duration = Duration::from_millis(800);
    let seed = rand::random();
    let mut random = StdRng::seed_from_u64(seed);
    for round in 0..ROUNDS {
        let mut cluster = Cluster::prepare(3, &FLAGS);
        cluster.nodes_mut().iter_mut().for_each(Node::start);
        // One moment in each part of the span, anywhere in that part.
        let moment = SPAN * round / ROUNDS + (SPAN / ROUNDS).mul_f64(random.random());
        tokio::time::sleep(moment).await;
        // The least address proposes.
        cluster[0].kill();
        cluster[0].start();
        let restarted = Instant::now();
        let standing = assert_founds_one_cluster(&cluster).await;
        println!(
            "seed {seed}: killed the proposer {moment:?} after the start; {:?} after its restart \
             one cluster stood, and it was a {standing}",
            restarted.elapsed()
        );
    }
}

#[tokio::test]
async fn any_node_that_is_killed_in_the_middle_is_waited_for() {
    for (victim, moment) in [(1, 250), (2, 300)] {
        let mut cluster = Cluster::prepare(3, &FLAGS);
        cluster.nodes_mut().iter_mut().for_each(Node::start);
        tokio::time::sleep(Duration::from_millis(moment)).await;
        cluster[victim].kill();
        cluster[victim].start();
        assert_founds_one_cluster(&cluster).await;
    }
}

/// Waits until every node is ready, and sees that they are of one cluster that serves. Returns the
/// first node's standing.
async fn assert_founds_one_cluster(cluster: &Cluster) -> String {
    for node in cluster.nodes() {
        eventually("every node is ready", async || node.is_ready().await).await;
    }
    let first = cluster[0].view().await;
    assert!(first["cluster"].is_string(), "{first}");
    let mut members = 0;
    for node in cluster.nodes() {
        let view = node.view().await;
        assert_eq!(view["cluster"], first["cluster"], "two clusters");
        members += usize::from(view["standing"] == "member");
    }
    // One that was killed right after it had been founded into the cluster is outside.
    assert!(members >= 2, "{members} members");
    for (index, node) in cluster.nodes().iter().enumerate() {
        let value = format!("written at {index}");
        node.put("/v1/registers/a", value.as_str())
            .await
            .assert_status(204);
        for reader in cluster.nodes() {
            assert_eq!(reader.get("/v1/registers/a").await.text(), value);
        }
    }
    first["standing"]
        .as_str()
        .expect("a standing is a word")
        .to_owned()
}
