//! One node is killed while clients are at work, and comes back with its disk, or without.

use super::{Disks, Identity};
use crate::harness::{Load, LoadPlan, Registers, eventually};
use std::time::Instant;

#[tokio::test]
async fn a_node_that_comes_back_with_its_disk_is_the_same_member() {
    let disks = Disks::new();
    let mut cluster = disks.start(3, &[]).await;
    let registers = Registers::small(500);
    registers.write(&cluster[0]).await;
    let load = Load::start(&cluster, LoadPlan::default());
    for victim in [1, 2] {
        let others = [0, 3 - victim];
        load.progress(&[0, 1, 2], 30).await;
        let before = Identity::of(&cluster[victim]).await;
        cluster[victim].kill();
        load.progress(&others, 30).await;
        cluster[victim].start();
        let restarted = Instant::now();
        load.progress(&[0, 1, 2], 30).await;
        println!(
            "its clients had done 30 operations each {:?} after the restart",
            restarted.elapsed()
        );
        cluster.whole(&[0, 1, 2]).await;
        assert_eq!(Identity::of(&cluster[victim]).await, before.restarted());
    }
    load.sum(&[0]).assert_none_failed();

    // It counts as a full replica: another one may die.
    load.leave(0);
    cluster[0].kill();
    for node in [1, 2] {
        registers.assert_held(&cluster[node]).await;
    }
    load.progress(&[1, 2], 30).await;
    println!("{}; {}", load.sum(&[0, 1, 2]), load.finish().await);
}

#[tokio::test]
async fn a_node_whose_directory_is_gone_comes_as_a_new_one_in_its_place() {
    let disks = Disks::new();
    let mut cluster = disks.start(3, &[]).await;
    let registers = Registers::small(500);
    registers.write(&cluster[0]).await;
    let before = Identity::of(&cluster[2]).await;
    cluster[2].kill();
    std::fs::remove_dir_all(disks.of(2)).expect("nobody uses it");
    cluster[2].start();
    cluster.whole(&[0, 1, 2]).await;
    let after = Identity::of(&cluster[2]).await;
    assert_ne!(after.node, before.node);
    assert_eq!(after.cluster, before.cluster);
    assert!(after.epoch > before.epoch);

    // What it copied is on its disk: with one other it serves all of it after both were killed.
    for node in [2, 1] {
        cluster[node].kill();
    }
    cluster[0].kill();
    for node in [1, 2] {
        cluster[node].start();
    }
    for node in [1, 2] {
        eventually("both are ready", async || cluster[node].is_ready().await).await;
        registers.assert_held(&cluster[node]).await;
    }
    let again = Identity::of(&cluster[2]).await;
    assert_eq!(again.node, after.node);
    assert_eq!(again.boot, after.boot + 1);
}
