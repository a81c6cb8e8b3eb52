//! The members change while nodes with disks are up, and while they are down.

use super::{Disks, Identity};
use crate::harness::{Cluster, Load, LoadPlan, Registers, eventually};

/// Starts one more node, with a disk, which asks to be let in, and waits until it is.
async fn join(cluster: &mut Cluster, disks: &Disks) -> usize {
    let index = cluster.nodes().len();
    let directory = disks.of(index).display().to_string();
    let joiner = cluster.start_joiner(&["--data-dir", &directory]).await;
    assert_eq!(joiner, index);
    let all: Vec<usize> = (0..=index).collect();
    cluster.whole(&all).await;
    joiner
}

#[tokio::test]
async fn killed_all_at_once_after_one_has_joined_they_are_the_members_that_they_were() {
    let disks = Disks::new();
    let mut cluster = disks.start(3, &[]).await;
    let registers = Registers::small(500);
    registers.write(&cluster[0]).await;
    let load = Load::start(&cluster, LoadPlan::default());
    load.progress(&[0, 1, 2], 20).await;
    join(&mut cluster, &disks).await;
    let before = Identity::of_all(&cluster).await;
    assert!(before.iter().all(|one| one.epoch == before[0].epoch));
    for _ in 0..2 {
        let before = Identity::of_all(&cluster).await;
        cluster.kill_all();
        cluster.start_all().await;
        let expected: Vec<Identity> = before.iter().map(Identity::restarted).collect();
        assert_eq!(Identity::of_all(&cluster).await, expected);
        load.progress(&[0, 1, 2], 20).await;
    }
    cluster.whole(&[0, 1, 2, 3]).await;
    for node in cluster.nodes() {
        registers.assert_held(node).await;
    }
    println!("{}; {}", load.sum(&[0, 1, 2]), load.finish().await);
}

#[tokio::test]
async fn killed_all_at_once_in_the_middle_of_a_change_they_finish_it() {
    let disks = Disks::new();
    // Slow enough that the change is under way when they are killed.
    let slow = ["--copy-bytes-per-second-max", "30000"];
    let mut cluster = disks.start(3, &slow).await;
    let registers = Registers {
        count: 100,
        value_bytes: 3000,
    };
    registers.write(&cluster[0]).await;
    let directory = disks.of(3).display().to_string();
    let flags = [&slow[..], &["--data-dir", &directory]].concat();
    let joiner = cluster.start_joiner(&flags).await;
    let epoch = cluster[0].change_for(&cluster[joiner]).await;
    eventually("the joiner has entered it", async || {
        Identity::of(&cluster[joiner]).await.epoch >= epoch
    })
    .await;
    let before = Identity::of_all(&cluster).await;
    cluster.kill_all();
    cluster.start_all().await;
    for (node, before) in cluster.nodes().iter().zip(&before) {
        let after = Identity::of(node).await;
        assert_eq!((&after.node, after.boot), (&before.node, before.boot + 1));
        assert!(after.epoch >= before.epoch);
    }
    cluster.whole(&[0, 1, 2, joiner]).await;
    for node in cluster.nodes() {
        registers.assert_held(node).await;
    }
}

#[tokio::test]
async fn a_node_that_was_removed_while_it_was_down_comes_as_a_new_one() {
    let disks = Disks::new();
    let mut cluster = disks.start(4, &[]).await;
    let registers = Registers::small(500);
    registers.write(&cluster[0]).await;
    let load = Load::start(&cluster, LoadPlan::default());
    load.progress(&[0, 1, 2, 3], 20).await;
    load.leave(3);
    let before = Identity::of(&cluster[3]).await;
    cluster[3].kill();
    let address = cluster[3].address().to_string();
    cluster[0].remove(&address).await.assert_status(202);
    cluster.whole(&[0, 1, 2]).await;
    let others = load.sum(&[0, 1, 2]);
    cluster[0]
        .put("/v1/registers/since", "x")
        .await
        .assert_status(204);

    // It finds out by itself, and disturbs nobody.
    cluster[3].start();
    eventually("it knows that it is out", async || {
        let view = cluster[3].try_get("/v1/cluster").await;
        view.is_some_and(|view| view.json()["standing"] == "outsider")
    })
    .await;
    let read = cluster[3].get("/v1/registers/since").await;
    assert_eq!(read.assert_status(200).text(), "x");
    load.progress(&[0, 1, 2], 20).await;
    load.sum(&[0, 1, 2]).assert_none_failed_since(&others);

    // Started once more it has found out, and comes as a new node, which can be let in.
    cluster[3].kill();
    cluster[3].start();
    assert!(cluster[3].runs().await);
    let anew = Identity::of(&cluster[3]).await;
    println!("it was {before:?}, and is {anew:?}");
    let added = cluster[0].add(&address).await;
    added.assert_status(202);
    cluster.whole(&[0, 1, 2, 3]).await;
    registers.assert_held(&cluster[3]).await;
    let member = Identity::of(&cluster[3]).await;
    cluster.kill_all();
    cluster.start_all().await;
    assert_eq!(Identity::of(&cluster[3]).await, member.restarted());
    registers.assert_held(&cluster[3]).await;
    load.progress(&[0, 1, 2], 20).await;
    println!("{}; {}", load.sum(&[0, 1, 2]), load.finish().await);
}
