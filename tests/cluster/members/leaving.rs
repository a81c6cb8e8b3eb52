//! Nodes that give their registers away before they stop.

use crate::harness::{Cluster, Load, LoadPlan, Registers, eventually, is_free};
use nix::sys::signal::Signal;
use std::time::{Duration, Instant};

const LEAVE_ON_STOP: &str = "--leave-on-stop";

#[tokio::test]
async fn a_node_that_leaves_on_stop_gives_its_slots_away_and_exits_with_0() {
    let mut cluster = Cluster::start_with(4, &[LEAVE_ON_STOP]).await;
    let registers = Registers::small(1000);
    registers.write(&cluster[3]).await;
    let plan = LoadPlan {
        clients_per_node: 2,
        ..LoadPlan::default()
    };
    let load = Load::start(&cluster, plan);
    load.progress(&[0, 1, 2, 3], 30).await;
    // Its own clients would find it gone.
    load.leave(1);

    let told = Instant::now();
    cluster[1].signal(Signal::SIGTERM);
    let status = cluster[1].ended().await;
    let took = told.elapsed();
    assert_eq!(status.code(), Some(0), "{}", cluster[1].log());
    assert!(
        is_free(cluster[1].port()),
        "the port is taken after the end"
    );
    println!("left and stopped in {took:?}");
    cluster.whole(&[0, 2, 3]).await;
    load.progress(&[0, 2, 3], 30).await;

    // What it held is held by the others: one more may die.
    cluster[2].kill();
    for node in [0, 3] {
        registers.assert_held(&cluster[node]).await;
    }
    load.progress(&[0, 3], 30).await;
    let sum = load.sum(&[0, 3]);
    sum.assert_none_failed();
    println!("{sum}; {}", load.finish().await);
}

#[tokio::test]
async fn all_but_one_leave_one_after_another_and_nothing_is_lost() {
    let mut cluster = Cluster::start_with(4, &[LEAVE_ON_STOP]).await;
    let registers = Registers::small(300);
    registers.write(&cluster[0]).await;
    for leaver in 0..3 {
        cluster[leaver].signal(Signal::SIGTERM);
        let status = cluster[leaver].ended().await;
        assert_eq!(status.code(), Some(0), "{}", cluster[leaver].log());
    }
    cluster.whole(&[3]).await;
    registers.assert_held(&cluster[3]).await;
    // The last one has nobody to leave to.
    cluster[3].signal(Signal::SIGTERM);
    let status = cluster[3].ended().await;
    assert_eq!(status.code(), Some(0), "{}", cluster[3].log());
    assert!(cluster[3].log().contains("the only member"));
}

#[tokio::test]
async fn a_node_that_cannot_leave_by_its_deadline_says_so_and_exits_with_7() {
    let flags = [LEAVE_ON_STOP, "--leave-timeout-ms", "1500"];
    let mut cluster = Cluster::start_with(3, &flags).await;
    cluster[0]
        .put("/v1/registers/a", "x")
        .await
        .assert_status(204);
    cluster[0].freeze().await;
    cluster[1].freeze().await;
    let told = Instant::now();
    cluster[2].signal(Signal::SIGTERM);
    let status = cluster[2].ended().await;
    let took = told.elapsed();
    assert_eq!(status.code(), Some(7), "{}", cluster[2].log());
    let log = cluster[2].log();
    let last = log.lines().rev().find(|line| line.starts_with("error: "));
    let last = last.unwrap_or_else(|| panic!("no error in {log}"));
    assert!(last.contains("without having left the cluster"), "{last}");
    assert!(took >= Duration::from_millis(1500), "{took:?}");

    // The others serve on without it once they are there again.
    cluster[0].thaw();
    cluster[1].thaw();
    for node in [0, 1] {
        eventually("a majority is ready", async || {
            cluster[node].is_ready().await
        })
        .await;
        assert_eq!(cluster[node].get("/v1/registers/a").await.text(), "x");
    }
}

#[tokio::test]
async fn a_node_that_is_told_twice_stops_without_leaving() {
    let flags = [LEAVE_ON_STOP, "--leave-timeout-ms", "60000"];
    let mut cluster = Cluster::start_with(3, &flags).await;
    cluster[0].freeze().await;
    cluster[1].freeze().await;
    cluster[2].signal(Signal::SIGTERM);
    eventually("it says what it does", async || {
        cluster[2].log().contains("leaving the cluster first")
    })
    .await;
    cluster[2].signal(Signal::SIGTERM);
    let status = cluster[2].ended().await;
    assert_eq!(status.code(), Some(7), "{}", cluster[2].log());
}
