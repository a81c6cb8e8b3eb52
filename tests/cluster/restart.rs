//! Nodes come back with an empty memory.

use crate::harness::{Cluster, Load, LoadPlan, Node, Registers, eventually};
use std::time::{Duration, Instant};

#[tokio::test]
async fn a_node_that_restarts_comes_back_in_its_old_place() {
    let mut cluster = Cluster::start(3).await;
    let registers = Registers::small(500);
    registers.write(&cluster[0]).await;
    let load = Load::start(&cluster, LoadPlan::default());
    load.progress(&[0, 1, 2], 30).await;
    let before = cluster[1].view().await;
    cluster[1].kill();
    load.progress(&[0, 2], 30).await;

    cluster[1].start();
    let restarted = Instant::now();
    // Its clients come back by themselves, and what they see through it belongs to one history.
    load.progress(&[0, 1, 2], 50).await;
    let served = restarted.elapsed();
    cluster.whole(&[0, 1, 2]).await;
    let whole = restarted.elapsed();

    let view = cluster[1].view().await;
    assert_eq!(view["standing"], "member", "{view}");
    assert_eq!(view["cluster"], before["cluster"]);
    assert_ne!(
        view["node"], before["node"],
        "no memory, so another identity"
    );
    for node in cluster.others(1) {
        let log = node.log();
        assert!(log.contains("is lost with its memory"), "{log}");
    }

    // It counts as a full replica: another one may die.
    cluster[2].kill();
    for node in [0, 1] {
        registers.assert_held(&cluster[node]).await;
    }
    load.progress(&[0, 1], 30).await;
    let sum = load.sum(&[0]);
    sum.assert_none_failed();
    println!(
        "its clients had done 50 operations each {served:?} after the restart, and it was whole \
         after {whole:?}; {}; {}",
        load.sum(&[1]),
        load.finish().await
    );
}

#[tokio::test]
async fn a_rolling_restart_of_all_nodes_loses_nothing() {
    let mut cluster = Cluster::start(3).await;
    let registers = Registers::small(1000);
    registers.write(&cluster[0]).await;
    let load = Load::start(&cluster, LoadPlan::default());
    load.progress(&[0, 1, 2], 30).await;
    for victim in 0..3 {
        let others = [(victim + 1) % 3, (victim + 2) % 3];
        let before = load.sum(&others);
        cluster[victim].kill();
        load.progress(&others, 30).await;
        cluster[victim].start();
        let restarted = Instant::now();
        cluster.whole(&[0, 1, 2]).await;
        println!(
            "node {victim} was whole {:?} after its restart",
            restarted.elapsed()
        );
        load.progress(&[0, 1, 2], 30).await;
        load.sum(&others).assert_none_failed_since(&before);
    }
    for node in cluster.nodes() {
        registers.assert_held(node).await;
    }
    println!("{}; {}", load.sum(&[0, 1, 2]), load.finish().await);
}

#[tokio::test]
async fn a_node_that_is_killed_twice_in_the_middle_of_its_replacement_comes_back() {
    let slow = ["--copy-bytes-per-second-max", "100000"];
    let mut cluster = Cluster::start_with(3, &slow).await;
    let registers = Registers {
        count: 100,
        value_bytes: 5000,
    };
    registers.write(&cluster[0]).await;
    let load = Load::start(&cluster, LoadPlan::default());
    load.progress(&[0, 1, 2], 20).await;
    let before = load.sum(&[0, 1]);
    for _ in 0..3 {
        cluster[2].kill();
        load.progress(&[0, 1], 10).await;
        cluster[2].start();
        let epoch = cluster[0].change_for(&cluster[2]).await;
        println!("it comes back in epoch {epoch}");
        load.progress(&[0, 1, 2], 10).await;
    }
    let started = Instant::now();
    cluster.whole(&[0, 1, 2]).await;
    println!("whole {:?} after its last change began", started.elapsed());
    load.sum(&[0, 1]).assert_none_failed_since(&before);
    cluster[0].kill();
    for node in [1, 2] {
        registers.assert_held(&cluster[node]).await;
    }
    println!("{}; {}", load.sum(&[0, 1, 2]), load.finish().await);
}

#[tokio::test]
async fn an_outsider_serves_while_one_of_the_members_it_forwards_to_freezes() {
    let cluster = Cluster::start_with(5, &["--replication", "5"]).await;
    let outsider = 4;
    let address = cluster[outsider].address().to_string();
    cluster[0].remove(&address).await.assert_status(202);
    cluster.whole(&[0, 1, 2, 3]).await;
    eventually("it knows that it is out", async || {
        cluster[outsider].view().await["standing"] == "outsider"
    })
    .await;
    let plan = LoadPlan {
        clients_per_node: 2,
        timeout: Duration::from_secs(2),
        ..LoadPlan::default()
    };
    let load = Load::start(&cluster, plan);
    load.progress(&[0, 1, 2, 3, outsider], 20).await;
    for victim in 0..4 {
        cluster[victim].freeze().await;
        load.progress(&[outsider], 30).await;
        cluster[victim].thaw();
        load.progress(&[outsider, victim], 20).await;
    }
    let sum = load.sum(&[0, 1, 2, 3, outsider]);
    // A write that was forwarded to a node just before it froze may end as unknown.
    assert_eq!(sum.broken, 0, "{sum}");
    sum.assert_in_time(plan.timeout);
    println!(
        "through the outsider: {}; {}",
        load.sum(&[outsider]),
        load.finish().await
    );
}

#[tokio::test]
async fn when_a_majority_restarts_every_node_says_that_the_data_is_gone() {
    let mut cluster = Cluster::start(3).await;
    cluster[0]
        .put("/v1/registers/lost", "value")
        .await
        .assert_status(204);
    cluster[1].kill();
    cluster[2].kill();
    cluster[1].start();
    cluster[2].start();
    let restarted = Instant::now();
    for node in cluster.nodes() {
        eventually("every node knows that no quorum is left", async || {
            node.try_get("/v1/cluster")
                .await
                .is_some_and(|view| view.json()["quorum_lost"] == true)
        })
        .await;
        assert_says_that_the_data_is_gone(node).await;
    }
    println!(
        "every node said it {:?} after the restart",
        restarted.elapsed()
    );
}

async fn assert_says_that_the_data_is_gone(node: &Node) {
    let ready = node.get("/readyz").await;
    let text = ready.assert_status(503).text();
    assert!(
        text.contains("[-] memory") && text.contains("is gone"),
        "{text}"
    );
    assert!(
        node.log()
            .contains("lost their memory, so nothing can be decided"),
        "{}",
        node.log()
    );
    let path = "/v1/registers/lost?timeout_ms=500";
    for answer in [node.get(path).await, node.put(path, "x").await] {
        answer.assert_problem(503, "quorum-lost", "refused");
        let detail = answer.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains("is gone"), "{detail}");
    }
    node.get("/livez").await.assert_status(200);
}

#[tokio::test]
async fn when_all_nodes_restart_they_found_a_new_empty_cluster() {
    let mut cluster = Cluster::start(3).await;
    cluster[0]
        .put("/v1/registers/lost", "value")
        .await
        .assert_status(204);
    let before = cluster[0].view().await;
    cluster.nodes_mut().iter_mut().for_each(Node::kill);
    cluster.nodes_mut().iter_mut().for_each(Node::start);
    let restarted = Instant::now();
    for node in cluster.nodes() {
        eventually("every node is ready", async || node.is_ready().await).await;
    }
    let ready = restarted.elapsed();
    for node in cluster.nodes() {
        let view = node.view().await;
        assert_eq!(view["standing"], "member");
        assert_ne!(view["cluster"], before["cluster"]);
        node.get("/v1/registers/lost")
            .await
            .assert_problem(404, "nothing", "done");
    }
    cluster[2]
        .put("/v1/registers/new", "value")
        .await
        .assert_status(204);
    assert_eq!(cluster[0].get("/v1/registers/new").await.text(), "value");
    println!("the new cluster was ready after {ready:?}");
}
