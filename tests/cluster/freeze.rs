//! Nodes are frozen while clients are at work: they keep their connections and say nothing.

use crate::harness::{Client, PATIENCE};
use crate::harness::{Cluster, Load, LoadPlan, Lost, eventually};
use std::time::{Duration, Instant};

#[tokio::test]
async fn a_frozen_node_delays_no_other_and_serves_again_when_it_thaws() {
    let cluster = Cluster::start(3).await;
    let load = Load::start(&cluster, LoadPlan::default());
    load.progress(&[0, 1, 2], 30).await;
    for victim in 0..3 {
        let others = [(victim + 1) % 3, (victim + 2) % 3];
        let frozen = Instant::now();
        cluster[victim].freeze().await;
        let took = load.progress(&others, 50).await;
        for node in cluster.others(victim) {
            eventually("the frozen node is known as such", async || {
                node.sees(&cluster[victim])
                    .await
                    .is_some_and(|state| state != "alive")
            })
            .await;
        }
        let noticed = frozen.elapsed();
        load.progress(&others, 50).await;

        cluster[victim].thaw();
        let thawed = Instant::now();
        for node in cluster.nodes() {
            for other in cluster.nodes() {
                eventually("everyone is alive to everyone", async || {
                    node.sees(other).await.as_deref() == Some("alive")
                })
                .await;
            }
        }
        // Its own clients are served again. (Its vote is needed when the next one is frozen.)
        load.progress(&[victim], 50).await;
        println!(
            "froze node {victim}: the others did 50 operations a client in {took:?}, and saw it \
             after {noticed:?}; all were well {:?} after the thaw",
            thawed.elapsed()
        );
    }
    let sum = load.sum(&[0, 1, 2]);
    // The clients of a frozen node wait for longer than it was frozen.
    sum.assert_none_failed();
    sum.assert_in_time(LoadPlan::default().timeout);
    println!("{sum}; {}", load.finish().await);
}

#[tokio::test]
async fn a_node_that_stays_frozen_is_down_to_all_others() {
    let cluster = Cluster::start(3).await;
    let frozen = Instant::now();
    cluster[2].freeze().await;
    for node in [&cluster[0], &cluster[1]] {
        eventually("the frozen node is down", async || {
            node.sees(&cluster[2]).await.as_deref() == Some("down")
        })
        .await;
        assert!(node.is_ready().await, "a majority is ready");
    }
    println!("down {:?} after the freeze", frozen.elapsed());

    // What the others write meanwhile, the thawed node serves.
    cluster[0]
        .put("/v1/registers/a", "while it was frozen")
        .await
        .assert_status(204);
    cluster[2].thaw();
    assert_eq!(
        cluster[2].get("/v1/registers/a").await.text(),
        "while it was frozen"
    );
    for state in ["is suspect", "is down", "is alive"] {
        let told = |log: String| log.contains(state);
        eventually("each change is in the log", async || told(cluster[0].log())).await;
    }
}

/// One node is frozen, and the one that has written to the other two dies with what it kept for it:
/// of each value there is but one copy.
#[tokio::test]
async fn what_a_node_missed_comes_to_it_unasked() {
    const REGISTERS: usize = 200;
    /// All together, more than the system keeps for a frozen process.
    const VALUE_BYTES: usize = 100_000;
    let mut cluster = Cluster::start_with(3, &["--repair-interval-ms", "10"]).await;
    cluster[2].freeze().await;
    let mut client = cluster[0].client();
    for number in 0..REGISTERS {
        let path = format!("/v1/registers/missed{number}");
        let put = Client::put(&path, vec![b'x'; VALUE_BYTES]);
        let written = client.send(put, PATIENCE).await.expect("an answer");
        written.assert_status(204);
    }
    cluster[0].kill();
    cluster[2].thaw();
    let thawed = Instant::now();
    eventually("it holds what the other one holds", async || {
        cluster[2].view().await["registers"] == REGISTERS
    })
    .await;
    let view = cluster[2].view().await;
    let repaired = view["repaired_registers"].as_u64().expect("a number");
    assert!(repaired > 0, "{view}");
    println!(
        "{repaired} of {REGISTERS} registers came unasked within {:?} of the thaw",
        thawed.elapsed()
    );
}

#[tokio::test]
async fn with_two_of_three_frozen_requests_fail_in_time_and_succeed_after_the_thaw() {
    const TIMEOUT: Duration = Duration::from_millis(700);
    let cluster = Cluster::start(3).await;
    cluster[0]
        .put("/v1/registers/kept", "value")
        .await
        .assert_status(204);
    let load = Load::start(
        &cluster,
        LoadPlan {
            timeout: TIMEOUT,
            ..LoadPlan::default()
        },
    );
    load.progress(&[0, 1, 2], 20).await;

    cluster[1].freeze().await;
    cluster[2].freeze().await;
    // Those that ran, and two more of each client after them.
    load.answers(&[0], 3).await;
    let during = load.sum(&[0]);
    assert!(during.refused > 0 && during.broken == 0, "{during}");
    during.assert_in_time(TIMEOUT);
    let path = format!("/v1/registers/kept?timeout_ms={}", TIMEOUT.as_millis());
    cluster[0]
        .get(&path)
        .await
        .assert_problem(503, "no-quorum", "refused");
    eventually("the last node is not ready", async || {
        !cluster[0].is_ready().await
    })
    .await;
    cluster[0].get("/readyz").await.assert_status(503);
    cluster[0].get("/livez").await.assert_status(200);

    cluster[1].thaw();
    cluster[2].thaw();
    let thawed = Instant::now();
    for node in cluster.nodes() {
        eventually("every node is ready again", async || node.is_ready().await).await;
    }
    let ready = thawed.elapsed();
    load.progress(&[0, 1, 2], 20).await;
    for node in cluster.nodes() {
        assert_eq!(node.get("/v1/registers/kept").await.text(), "value");
    }
    let sum = load.sum(&[0, 1, 2]);
    assert_eq!((sum.late, sum.broken), (0, 0), "{sum}");
    println!(
        "while two were frozen: {during}; ready {ready:?} after the thaw; {}",
        load.finish().await
    );
}

#[tokio::test]
async fn a_client_of_a_frozen_node_finds_its_request_done_after_the_thaw_or_gives_up() {
    let cluster = Cluster::start(3).await;
    let mut patient = cluster[0].client();
    let mut impatient = cluster[0].client();
    for client in [&mut patient, &mut impatient] {
        let answer = client.send(Client::get("/livez"), PATIENCE).await;
        answer.expect("the node answers").assert_status(200);
    }
    cluster[0].freeze().await;
    let hurry = Duration::from_millis(50);
    let lost = impatient.send(Client::get("/v1/registers/a"), hurry).await;
    assert!(matches!(lost, Err(Lost::Late)), "{lost:?}");

    let asking = patient.send(Client::put("/v1/registers/a", "x"), PATIENCE);
    let thawing = async {
        // The others serve, and see that the node is frozen, before it thaws.
        cluster[1]
            .put("/v1/registers/b", "y")
            .await
            .assert_status(204);
        eventually("the frozen node is known as such", async || {
            cluster[1]
                .sees(&cluster[0])
                .await
                .is_some_and(|state| state != "alive")
        })
        .await;
        cluster[0].thaw();
    };
    let (answer, ()) = tokio::join!(asking, thawing);
    answer.expect("an answer after the thaw").assert_status(204);
    assert_eq!(cluster[2].get("/v1/registers/a").await.text(), "x");
    assert_eq!(cluster[0].get("/v1/registers/b").await.text(), "y");
}
