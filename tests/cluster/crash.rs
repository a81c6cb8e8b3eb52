//! Nodes are killed while clients are at work.

use crate::harness::{Client, Cluster, Load, LoadPlan, eventually};
use std::time::{Duration, Instant};

#[tokio::test]
async fn whichever_node_is_killed_the_clients_of_the_others_do_not_notice() {
    for victim in 0..3 {
        let mut cluster = Cluster::start(3).await;
        let load = Load::start(&cluster, LoadPlan::default());
        load.progress(&[0, 1, 2], 50).await;
        cluster[victim].kill();

        let others = [(victim + 1) % 3, (victim + 2) % 3];
        let took = load.progress(&others, 100).await;
        let mut noticed = Duration::ZERO;
        for node in cluster.others(victim) {
            noticed += eventually("the dead node is known as such", async || {
                node.sees(&cluster[victim]).await.as_deref() == Some("down")
            })
            .await;
            assert!(node.is_ready().await, "a majority is ready");
        }
        load.progress(&others, 50).await;

        let sum = load.sum(&others);
        sum.assert_none_failed();
        let figures = load.finish().await;
        println!(
            "killed node {victim}: its survivors did 100 operations a client in {took:?} and knew \
             it down {noticed:?} later; {sum}; {figures}"
        );
    }
}

#[tokio::test]
async fn five_nodes_that_hold_all_serve_while_any_two_of_them_are_dead() {
    let mut cluster = Cluster::start_with(5, &["--replication", "5"]).await;
    let plan = LoadPlan {
        clients_per_node: 2,
        ..LoadPlan::default()
    };
    let load = Load::start(&cluster, plan);
    load.progress(&[0, 1, 2, 3, 4], 30).await;
    cluster[0].kill();
    load.progress(&[1, 2, 3, 4], 30).await;
    cluster[3].kill();
    load.progress(&[1, 2, 4], 60).await;
    let sum = load.sum(&[1, 2, 4]);
    sum.assert_none_failed();
    println!("three of five: {sum}; {}", load.finish().await);
}

#[tokio::test]
async fn without_a_majority_every_request_is_answered_in_time_with_503_or_504() {
    const TIMEOUT: Duration = Duration::from_millis(700);
    let mut cluster = Cluster::start(3).await;
    let load = Load::start(
        &cluster,
        LoadPlan {
            timeout: TIMEOUT,
            ..LoadPlan::default()
        },
    );
    load.progress(&[0, 1, 2], 20).await;
    cluster[1].kill();
    cluster[2].kill();

    // Those that ran, and two more of each client after them.
    load.answers(&[0], 3).await;
    let sum = load.sum(&[0]);
    assert!(sum.refused > 0 && sum.broken == 0, "{sum}");
    sum.assert_in_time(TIMEOUT);
    let figures = load.finish().await;

    eventually("the last node is not ready", async || {
        !cluster[0].is_ready().await
    })
    .await;
    let ready = cluster[0].get("/readyz").await;
    let text = ready.assert_status(503).text();
    assert!(text.contains("[-] quorum"), "{text}");
    cluster[0].get("/livez").await.assert_status(200);
    cluster[0].get("/status").await.assert_status(200);

    let started = Instant::now();
    let path = format!("/v1/registers/other?timeout_ms={}", TIMEOUT.as_millis());
    cluster[0]
        .get(&path)
        .await
        .assert_problem(503, "no-quorum", "refused");
    let read = started.elapsed();
    // Nobody answered its first round, so it certainly did not happen.
    cluster[0]
        .put(&path, "x")
        .await
        .assert_problem(503, "no-quorum", "refused");
    let written = started.elapsed() - read;
    let original = Client::request(
        hyper::Method::POST,
        "/write?timeout_ms=1",
        r#"{"addr":1,"value":""}"#,
    );
    cluster[0]
        .ask(original)
        .await
        .assert_problem(503, "no-quorum", "refused");
    assert!(
        read.min(written) >= TIMEOUT / 2,
        "an answer before it can be known: {read:?}"
    );
    println!(
        "one of three, deadline {TIMEOUT:?}: a read was refused after {read:?}, a write after \
         {written:?}; {sum}; {figures}"
    );
}
