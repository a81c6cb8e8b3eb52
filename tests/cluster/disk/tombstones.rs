//! Tombstones that were dropped stay so through restarts, and what is written after them stays.

use super::Disks;
use crate::harness::{Client, Cluster, PATIENCE, eventually};

const REGISTERS: usize = 200;

fn path(number: usize) -> String {
    format!("/v1/registers/gone{number}")
}

async fn sum(cluster: &Cluster, figure: &str) -> u64 {
    let mut sum = 0;
    for node in cluster.nodes() {
        let view = node.view().await;
        sum += view[figure].as_u64().expect("a number");
    }
    sum
}

async fn delete_all(cluster: &Cluster) {
    let mut client = cluster[1].client();
    for number in 0..REGISTERS {
        let delete = Client::delete(&path(number));
        let deleted = client.send(delete, PATIENCE).await.expect("an answer");
        deleted.assert_status(204);
    }
    eventually("all tombstones are dropped", async || {
        sum(cluster, "tombstones").await == 0
    })
    .await;
}

#[tokio::test]
async fn what_was_dropped_does_not_come_back_and_what_is_written_again_does() {
    let disks = Disks::new();
    let mut cluster = disks.start(3, &[]).await;
    let put = async |cluster: &Cluster, number: usize, value: &str| {
        let put = cluster[number % 3].put(&path(number), value.to_owned());
        put.await.assert_status(204);
    };
    // In the second round the new records stand on the floors that the disks kept.
    for round in ["first", "second"] {
        for number in 0..REGISTERS {
            put(&cluster, number, round).await;
        }
        delete_all(&cluster).await;
        cluster.kill_all();
        cluster.start_all().await;
        for number in 0..REGISTERS {
            let read = cluster[number % 3].get(&path(number)).await;
            read.assert_status(404);
        }
        assert_eq!(sum(&cluster, "tombstones").await, 0);
    }
    for number in 0..REGISTERS {
        put(&cluster, number, "again").await;
    }
    cluster.kill_all();
    cluster.start_all().await;
    for number in 0..REGISTERS {
        let read = cluster[(number + 1) % 3].get(&path(number)).await;
        read.assert_status(200);
        assert_eq!(read.text(), "again");
    }
}
