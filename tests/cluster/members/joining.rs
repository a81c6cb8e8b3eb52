//! Nodes that are to join die in the middle of it.

use super::SLOW_COPYING;
use crate::harness::{Cluster, Load, LoadPlan, Registers, eventually};
use std::time::Instant;

/// A cluster of three at work, and a joiner that was killed in the middle of its change.
struct DeadJoiner {
    cluster: Cluster,
    registers: Registers,
    load: Load,
    joiner: usize,
    /// The epoch of the change.
    epoch: u64,
    killed: Instant,
}

impl DeadJoiner {
    async fn of(flags: &[&str], registers: u32) -> Self {
        let flags = [&SLOW_COPYING[..], flags].concat();
        let mut cluster = Cluster::start_with(3, &flags).await;
        let registers = Registers {
            count: registers,
            value_bytes: 10_000,
        };
        registers.write(&cluster[0]).await;
        let load = Load::start(&cluster, LoadPlan::default());
        load.progress(&[0, 1, 2], 20).await;
        let joiner = cluster.start_joiner(&flags).await;
        let epoch = cluster[0].change_for(&cluster[joiner]).await;
        load.progress(&[0, 1, 2], 20).await;
        cluster[joiner].kill();
        Self {
            cluster,
            registers,
            load,
            joiner,
            epoch,
            killed: Instant::now(),
        }
    }
}

#[tokio::test]
async fn when_a_joiner_dies_half_way_clients_notice_nothing_and_it_may_come_again() {
    let DeadJoiner {
        mut cluster,
        registers,
        load,
        joiner,
        epoch,
        killed,
    } = DeadJoiner::of(&["--change-stalled-after-ms", "1500"], 100).await;
    eventually("the change has ended", async || {
        let members = cluster[0].members().await;
        members.is_some_and(|members| members["change"].is_null())
    })
    .await;
    let ended = cluster[0].members().await.expect("an answer");
    println!(
        "{:?} after the joiner's death the change had ended with {} members",
        killed.elapsed(),
        ended["members"].as_array().map_or(0, Vec::len)
    );
    assert!(ended["epoch"].as_u64() > Some(epoch), "{ended}");
    load.progress(&[0, 1, 2], 20).await;
    for node in [0, 1, 2] {
        registers.assert_held(&cluster[node]).await;
    }

    cluster[joiner].start();
    cluster[1].change_for(&cluster[joiner]).await;
    load.progress(&[0, 1, 2], 20).await;
    let sum = load.sum(&[0, 1, 2]);
    sum.assert_none_failed();
    println!("{sum}; {}", load.finish().await);
}

#[tokio::test]
async fn a_change_that_cannot_go_on_is_given_up() {
    // Of two replicas both make a quorum: without the joiner, the slots that it is to hold can
    // neither be copied nor served, until the members are as before.
    let flags = ["--replication", "2", "--change-stalled-after-ms", "1000"];
    let DeadJoiner {
        mut cluster,
        registers,
        load,
        joiner,
        epoch,
        killed,
    } = DeadJoiner::of(&flags, 200).await;
    cluster.whole(&[0, 1, 2]).await;
    println!("given up {:?} after the joiner's death", killed.elapsed());
    let after = cluster[1].members().await.expect("an answer");
    assert_eq!(after["epoch"], epoch + 1, "as before: {after}");
    load.progress(&[0, 1, 2], 20).await;
    for node in [0, 1, 2] {
        registers.assert_held(&cluster[node]).await;
    }

    // It may come again, and asks for that by itself; an operator may give that up too.
    cluster[joiner].start();
    let again = cluster[2].change_for(&cluster[joiner]).await;
    assert!(again > epoch, "{again}");
    cluster[0].remove("change").await.assert_status(202);
    eventually("it is given up", async || {
        cluster[0].log().contains("given up")
    })
    .await;
    let sum = load.sum(&[0, 1, 2]);
    sum.assert_none_failed();
    println!("{sum}; {}", load.finish().await);
}

#[tokio::test]
async fn a_joiner_that_dies_and_starts_again_is_let_in_in_the_end() {
    let flags = ["--change-stalled-after-ms", "1500"];
    let mut cluster = Cluster::start_with(3, &flags).await;
    let registers = Registers::small(500);
    registers.write(&cluster[0]).await;
    let joiner = cluster.start_joiner(&flags).await;
    for _ in 0..3 {
        cluster[joiner].kill();
        cluster[joiner].start();
    }
    let started = Instant::now();
    cluster.whole(&[0, 1, 2, joiner]).await;
    println!("let in {:?} after its last start", started.elapsed());
    registers.assert_held(&cluster[joiner]).await;
}
