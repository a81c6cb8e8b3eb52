//! How much moves when a node comes, how long that takes, and what clients notice.

use crate::harness::{Cluster, Load, LoadPlan, Registers};
use std::time::Instant;

#[tokio::test]
async fn a_fifth_node_takes_its_share_and_no_more() {
    let registers = Registers::small(2000);
    let moved = move_to_a_fifth(registers).await;
    // Its share is three fifths of the slots, give or take how evenly they are spread; nothing
    // else moves.
    let share = f64::from(registers.count) * 3.0 / 5.0;
    let took = moved as f64 / share;
    assert!((0.8..1.2).contains(&took), "{moved} registers moved");
}

#[tokio::test]
#[ignore = "a measurement: run it with --release --show-output"]
async fn measure_a_fifth_node_that_comes_to_a_hundred_thousand_registers() {
    move_to_a_fifth(Registers::small(100_000)).await;
    let large = Registers {
        count: 10_000,
        value_bytes: 10_000,
    };
    move_to_a_fifth(large).await;
}

#[tokio::test]
#[ignore = "a measurement: run it with --release --show-output"]
async fn measure_how_long_a_node_that_restarts_takes_to_hold_all_again() {
    for (nodes, registers) in [
        (3, Registers::small(1000)),
        (3, Registers::small(100_000)),
        (5, Registers::small(100_000)),
    ] {
        let mut cluster = Cluster::start(nodes).await;
        registers.write(&cluster[0]).await;
        let all: Vec<usize> = (0..usize::from(nodes)).collect();
        cluster[1].kill();
        cluster[1].start();
        let started = Instant::now();
        cluster.whole(&all).await;
        let took = started.elapsed();
        let view = cluster[1].view().await;
        println!(
            "{nodes} nodes, {} registers: whole {took:?} after its restart, with {} registers and \
             {} bytes copied",
            registers.count, view["copied_registers"], view["copied_bytes"],
        );
    }
}

/// Has a fifth node come to four that hold these registers. Returns how many it copied.
async fn move_to_a_fifth(registers: Registers) -> u64 {
    let mut cluster = Cluster::start(4).await;
    registers.write(&cluster[0]).await;
    // Fewer clients than would keep the machine busy, so that a pause is the cluster's.
    let plan = LoadPlan {
        clients_per_node: 1,
        registers: 16,
        ..LoadPlan::default()
    };
    let load = Load::start(&cluster, plan);
    load.progress(&[0, 1, 2, 3], 200).await;
    let before = load.sum(&[0, 1, 2, 3]);

    let started = Instant::now();
    let joiner = cluster.start_joiner(&[]).await;
    cluster.whole(&[0, 1, 2, 3, joiner]).await;
    let took = started.elapsed();
    load.progress(&[0, 1, 2, 3], 50).await;
    let after = load.sum(&[0, 1, 2, 3]);
    after.assert_none_failed();

    let mut copied = Vec::new();
    for node in cluster.nodes() {
        let view = node.view().await;
        let number = |field: &str| view[field].as_u64().expect("a number");
        copied.push((number("copied_registers"), number("copied_bytes")));
    }
    let all = copied
        .iter()
        .fold((0, 0), |all, one| (all.0 + one.0, all.1 + one.1));
    println!(
        "{} registers with values of {} bytes: a fifth node was whole {took:?} after its start; \
         {} registers and {} bytes moved, of these {} registers and {} bytes to it; longest pause \
         of a client {} ms before it came, {} ms in all",
        registers.count,
        registers.value_bytes,
        all.0,
        all.1,
        copied[joiner].0,
        copied[joiner].1,
        before.longest_pause.as_millis(),
        after.longest_pause.as_millis(),
    );
    println!("{after}; {}", load.finish().await);
    registers.assert_held(&cluster[joiner]).await;
    copied[joiner].0
}
