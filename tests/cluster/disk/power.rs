//! All nodes are killed at once, as by a power cut that spares their disks, or stopped at once.

use super::{Disks, Identity};
use crate::harness::{Load, LoadPlan, Registers};
use crate::redis::history::Workers;
use nix::sys::signal::Signal;
use std::time::{Duration, Instant};

const PLAN: LoadPlan = LoadPlan {
    clients_per_node: 1,
    registers: 4,
    one_delete_in: 10,
    timeout: Duration::from_secs(3),
};

#[tokio::test]
async fn killed_all_at_once_again_and_again_they_lose_nothing_acknowledged() {
    kill_all_at_once("sync", 5).await;
}

#[tokio::test]
async fn syncing_later_they_lose_nothing_either_when_only_their_processes_are_killed() {
    kill_all_at_once("interval", 4).await;
}

async fn kill_all_at_once(durability: &str, rounds: usize) {
    const ALL: [usize; 3] = [0, 1, 2];
    let disks = Disks::new();
    let timeout = PLAN.timeout.as_millis().to_string();
    let flags = ["--durability", durability, "--timeout-ms", &timeout];
    let mut cluster = disks.start(3, &flags).await;
    let registers = Registers::small(300);
    registers.write(&cluster[0]).await;
    let load = Load::start(&cluster, PLAN);
    let workers = Workers::start(&cluster, &load.recorder());
    for round in 0..rounds {
        load.progress(&ALL, 20).await;
        workers.progress(&ALL, 100).await;
        let before = Identity::of_all(&cluster).await;
        cluster.kill_all();
        let killed = Instant::now();
        cluster.start_all().await;
        println!("round {round}: ready again after {:?}", killed.elapsed());
        let after = Identity::of_all(&cluster).await;
        let expected: Vec<Identity> = before.iter().map(Identity::restarted).collect();
        assert_eq!(after, expected);
    }
    load.progress(&ALL, 20).await;
    workers.progress(&ALL, 100).await;
    for node in cluster.nodes() {
        registers.assert_held(node).await;
    }
    let (sum, told) = (load.sum(&ALL), workers.finish().await);
    println!("{sum}; Redis clients: {told}; {}", load.finish().await);
}

#[tokio::test]
async fn stopped_all_at_once_they_go_on_with_the_same_data() {
    let disks = Disks::new();
    let mut cluster = disks.start(3, &[]).await;
    let registers = Registers::small(500);
    registers.write(&cluster[1]).await;
    let before = Identity::of_all(&cluster).await;
    for node in cluster.nodes() {
        node.signal(Signal::SIGTERM);
    }
    for node in cluster.nodes_mut() {
        let status = node.ended().await;
        assert_eq!(status.code(), Some(0), "{}", node.log());
    }
    cluster.start_all().await;
    let after = Identity::of_all(&cluster).await;
    let expected: Vec<Identity> = before.iter().map(Identity::restarted).collect();
    assert_eq!(after, expected);
    for node in cluster.nodes() {
        registers.assert_held(node).await;
    }
    cluster.whole(&[0, 1, 2]).await;
}
