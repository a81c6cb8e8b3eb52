//! A cluster grows and shrinks.

use crate::harness::{Cluster, Load, LoadPlan, Registers, eventually, run};
use std::time::Instant;

#[tokio::test]
async fn from_three_nodes_to_five_and_back_no_request_fails() {
    let mut cluster = Cluster::start(3).await;
    let registers = Registers::small(1000);
    registers.write(&cluster[0]).await;
    let plan = LoadPlan {
        clients_per_node: 2,
        ..LoadPlan::default()
    };
    let mut load = Load::start(&cluster, plan);
    load.progress(&[0, 1, 2], 30).await;

    for _ in 0..2 {
        let started = Instant::now();
        let joiner = cluster.start_joiner(&[]).await;
        let all: Vec<usize> = (0..=joiner).collect();
        cluster.whole(&all).await;
        println!(
            "node {joiner} had joined {:?} after its start",
            started.elapsed()
        );
        load.join(&cluster[joiner]);
        load.progress(&all, 30).await;
    }
    for node in cluster.nodes() {
        registers.assert_held(node).await;
    }

    // Two of those that founded the cluster go, so that the new ones stand on their own.
    for (leaver, left) in [(0, &[1, 2, 3, 4][..]), (2, &[1, 3, 4])] {
        let address = cluster[leaver].address().to_string();
        let started = Instant::now();
        cluster[4].remove(&address).await.assert_status(202);
        cluster.whole(left).await;
        println!("node {leaver} was removed in {:?}", started.elapsed());
        // Its clients are served by forwarding.
        load.progress(&[0, 1, 2, 3, 4], 30).await;
    }
    for node in [&cluster[0], &cluster[2]] {
        let view = node.view().await;
        assert_eq!(view["standing"], "outsider", "{view}");
    }
    for node in cluster.nodes() {
        registers.assert_held(node).await;
    }
    for gone in [0, 2] {
        load.leave(gone);
    }
    load.progress(&[1, 3, 4], 30).await;
    let sum = load.sum(&[0, 1, 2, 3, 4]);
    sum.assert_none_failed();
    println!("{sum}; {}", load.finish().await);
}

#[tokio::test]
async fn founders_that_come_back_after_all_were_replaced_found_no_second_cluster() {
    let mut cluster = Cluster::start(3).await;
    let registers = Registers::small(300);
    registers.write(&cluster[0]).await;
    for founder in 0..3 {
        let joiner = cluster.start_joiner(&[]).await;
        let mut members: Vec<usize> = (founder..=joiner).collect();
        cluster.whole(&members).await;
        let address = cluster[founder].address().to_string();
        cluster[joiner].remove(&address).await.assert_status(202);
        members.remove(0);
        cluster.whole(&members).await;
    }
    let before = cluster[3].view().await;
    for founder in 0..3 {
        cluster[founder].kill();
    }
    // Each has the list of the three founders, none of whom knows anything any more.
    for founder in 0..3 {
        cluster[founder].start();
    }
    for founder in 0..3 {
        eventually("the founder knows which cluster stands", async || {
            let view = cluster[founder].try_get("/v1/cluster").await;
            view.is_some_and(|view| view.json()["standing"] != "fresh")
        })
        .await;
        let view = cluster[founder].view().await;
        assert_eq!(view["cluster"], before["cluster"], "{view}");
        assert_eq!(view["standing"], "outsider", "{view}");
        registers.assert_held(&cluster[founder]).await;
    }
}

#[tokio::test]
async fn a_member_of_more_weight_takes_more_slots() {
    let mut cluster = Cluster::start_with(3, &["--replication", "1"]).await;
    let joiner = cluster.start_joiner(&["--weight", "300"]).await;
    cluster.whole(&[0, 1, 2, joiner]).await;
    let members = cluster[0].members().await.expect("an answer");
    let address = cluster[joiner].address().to_string();
    let mut slots = (0, 0);
    for member in members["members"].as_array().expect("a list") {
        let count = member["slots"].as_u64().expect("a number");
        slots.1 += count;
        if member["address"] == *address {
            assert_eq!(member["weight"], 300);
            slots.0 = count;
        }
    }
    assert_eq!(slots.1, 16_384, "each slot is held once: {members}");
    // Half of them, give or take some chance.
    assert!((7000..9400).contains(&slots.0), "{members}");
}

#[tokio::test]
async fn the_command_line_adds_lists_replaces_and_removes() {
    let mut cluster = Cluster::start(3).await;
    let registers = Registers::small(200);
    registers.write(&cluster[1]).await;
    let asked = cluster[0].address().to_string();
    let members = async |arguments: &[&str]| {
        run(&[&["members"], arguments, &["--node", &asked]].concat()).await
    };

    let (fourth, fifth) = (
        cluster.start_outsider(&[]).await,
        cluster.start_outsider(&[]).await,
    );
    let addresses = cluster.addresses();
    let (fourth_at, fifth_at) = (addresses[fourth].as_str(), addresses[fifth].as_str());
    members(&["add", fourth_at]).await.assert_code(0);
    cluster.whole(&[0, 1, 2, fourth]).await;
    let listed = members(&["list"]).await;
    for (node, address) in addresses.iter().enumerate() {
        let is_listed = listed.assert_code(0).stdout.contains(address);
        assert_eq!(is_listed, node != fifth, "{listed:?}");
    }
    // The one that is replaced is stopped by that; it must not be needed.
    members(&["replace", fourth_at, fifth_at])
        .await
        .assert_code(0);
    cluster.whole(&[0, 1, 2, fifth]).await;
    members(&["remove", fifth_at]).await.assert_code(0);
    cluster.whole(&[0, 1, 2]).await;
    let unknown = members(&["remove", fifth_at]).await;
    unknown.assert_code(1);
    assert!(unknown.stderr.contains(fifth_at), "{unknown:?}");
    for node in [0, 1, 2, fifth] {
        registers.assert_held(&cluster[node]).await;
    }
}
