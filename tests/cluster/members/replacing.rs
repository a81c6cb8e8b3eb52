//! Nodes that come in the place of others.

use crate::harness::{Cluster, Load, LoadPlan, Registers, eventually};
use std::time::Instant;

#[tokio::test]
async fn a_node_that_was_replaced_while_it_was_frozen_stops_and_says_why() {
    let mut cluster = Cluster::start(3).await;
    let registers = Registers::small(300);
    registers.write(&cluster[0]).await;
    let new = cluster.start_outsider(&[]).await;
    let address = cluster[new].address().to_string();
    let frozen = cluster[1].id().await;
    let load = Load::start(&cluster, LoadPlan::default());
    load.progress(&[0, 1, 2], 20).await;
    load.leave(1);

    cluster[1].freeze().await;
    let started = Instant::now();
    cluster[0]
        .replace(&frozen, &address)
        .await
        .assert_status(202);
    cluster.whole(&[0, 2, new]).await;
    println!("a frozen node was replaced in {:?}", started.elapsed());
    load.progress(&[0, 2, new], 20).await;

    cluster[1].thaw();
    let thawed = Instant::now();
    let status = cluster[1].ended().await;
    println!("it stopped {:?} after it thawed", thawed.elapsed());
    assert_eq!(status.code(), Some(6), "{}", cluster[1].log());
    let log = cluster[1].log();
    let last = log.lines().rev().find(|line| line.starts_with("error: "));
    let last = last.unwrap_or_else(|| panic!("no error in {log}"));
    assert!(last.contains(&cluster[new].id().await), "{last}");
    assert!(last.contains("taken the place"), "{last}");

    for node in [0, 2, new] {
        registers.assert_held(&cluster[node]).await;
    }
    // Until it was let in the new one knew of no cluster, and its clients were refused.
    let sum = load.sum(&[0, 2]);
    sum.assert_none_failed();
    println!("{sum}; {}", load.finish().await);
}

#[tokio::test]
async fn a_node_that_was_removed_while_it_was_frozen_forwards_when_it_thaws() {
    let cluster = Cluster::start(4).await;
    let registers = Registers::small(300);
    registers.write(&cluster[3]).await;
    let removed = cluster[3].address().to_string();
    cluster[3].freeze().await;
    cluster[0].remove(&removed).await.assert_status(202);
    cluster.whole(&[0, 1, 2]).await;
    cluster[3].thaw();
    // At no time does it answer with what it held: it asks those who hold it now.
    for round in 0..3 {
        let value = format!("round {round}");
        cluster[round]
            .put("/v1/registers/written-since", value.as_str())
            .await
            .assert_status(204);
        let read = cluster[3].get("/v1/registers/written-since").await;
        assert_eq!(read.text(), value);
    }
    eventually("it knows that it is out", async || {
        cluster[3].view().await["standing"] == "outsider"
    })
    .await;
    registers.assert_held(&cluster[3]).await;
    cluster[0].add(&removed).await.assert_status(202);
    cluster.whole(&[0, 1, 2, 3]).await;
}

#[tokio::test]
async fn a_member_that_stays_down_is_removed_by_itself_if_asked() {
    let flags = ["--replace-after-ms", "3000"];
    let mut cluster = Cluster::start_with(4, &flags).await;
    let registers = Registers::small(500);
    registers.write(&cluster[0]).await;
    let load = Load::start(&cluster, LoadPlan::default());
    load.progress(&[0, 1, 2, 3], 20).await;
    load.leave(2);
    cluster[2].kill();
    let killed = Instant::now();
    cluster.whole(&[0, 1, 3]).await;
    println!("removed {:?} after its death", killed.elapsed());
    load.progress(&[0, 1, 3], 20).await;

    // What it held is held thrice again: one more may die.
    cluster[0].kill();
    for node in [1, 3] {
        registers.assert_held(&cluster[node]).await;
    }
    load.progress(&[1, 3], 20).await;
    load.sum(&[1, 3]).assert_none_failed();
    println!("{}; {}", load.sum(&[1, 3]), load.finish().await);
}

#[tokio::test]
async fn with_no_more_nodes_than_replicas_nobody_is_removed_by_itself() {
    let flags = ["--replace-after-ms", "1500", "--down-after-ms", "1000"];
    let mut cluster = Cluster::start_with(3, &flags).await;
    cluster[2].kill();
    eventually("the dead node is down", async || {
        cluster[0].sees(&cluster[2]).await.as_deref() == Some("down")
    })
    .await;
    // It comes back in its own place. Had it been removed, it would stay outside.
    cluster[2].start();
    cluster.whole(&[0, 1, 2]).await;
}
