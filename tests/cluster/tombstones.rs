//! Tombstones of deleted and expired registers, which nodes drop by themselves.

use crate::harness::{Client, Cluster, Load, LoadPlan, PATIENCE, eventually};

const REGISTERS: usize = 300;

/// A sum over all nodes of a figure of theirs.
async fn sum(cluster: &Cluster, figure: &str) -> u64 {
    let mut sum = 0;
    for node in 0..3 {
        let view = cluster[node].view().await;
        sum += view[figure].as_u64().expect("a number");
    }
    sum
}

#[tokio::test]
async fn what_was_deleted_or_has_expired_leaves_nothing_and_does_not_come_back() {
    let cluster = Cluster::start(3).await;
    let path = |number: usize| format!("/v1/registers/gone{number}");
    let before = sum(&cluster, "memory_bytes").await;
    for number in 0..REGISTERS {
        let expires = if number % 3 == 0 { "?ttl_ms=1000" } else { "" };
        let put = format!("{}{expires}", path(number));
        let node = &cluster[number % 3];
        node.put(&put, "x".repeat(1000)).await.assert_status(204);
    }
    let filled = sum(&cluster, "memory_bytes").await;
    assert!(filled > before + 3 * 1000 * REGISTERS as u64, "{filled}");

    let plan = LoadPlan {
        one_delete_in: 5,
        ..LoadPlan::default()
    };
    let load = Load::start(&cluster, plan);
    let mut client = cluster[1].client();
    for number in (0..REGISTERS).filter(|number| number % 3 != 0) {
        let delete = Client::delete(&path(number));
        let deleted = client.send(delete, PATIENCE).await.expect("an answer");
        deleted.assert_status(204);
    }
    // The load's own registers come and go.
    eventually("nearly nothing is held", async || {
        sum(&cluster, "registers").await < 3 * 20
    })
    .await;
    for number in 0..REGISTERS {
        let read = cluster[number % 3].get(&path(number)).await;
        read.assert_status(404);
    }
    load.finish().await;
    eventually("all tombstones are dropped", async || {
        sum(&cluster, "tombstones").await == 0
    })
    .await;
    let dropped = sum(&cluster, "tombstones_dropped").await;
    assert!(dropped >= REGISTERS as u64, "{dropped}");
    // Of each slot its floor stays.
    let left = sum(&cluster, "memory_bytes").await;
    assert!(left < filled / 4, "{filled} bytes, and {left} after");
}
