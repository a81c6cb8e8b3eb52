//! Nodes come back with an empty memory.

use crate::harness::{Cluster, Load, LoadPlan, Node, eventually};
use serde_json::Value;
use std::time::{Duration, Instant};

#[tokio::test]
async fn a_node_that_restarts_is_an_outsider_and_serves_by_forwarding() {
    let mut cluster = Cluster::start(3).await;
    cluster[0]
        .put("/v1/registers/kept", "value")
        .await
        .assert_status(204);
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

    let view = cluster[1].view().await;
    assert_eq!(view["standing"], "outsider", "{view}");
    assert_eq!(view["cluster"], before["cluster"]);
    assert_ne!(
        view["node"], before["node"],
        "no memory, so another identity"
    );
    let log = cluster[1].log();
    assert!(log.contains("stands without this process"), "{log}");
    eventually("it sees a majority alive", async || {
        cluster[1].is_ready().await
    })
    .await;
    let ready = cluster[1].get("/readyz?verbose").await;
    let text = ready.assert_status(200).text();
    assert!(
        text.contains("no member of cluster") && text.contains("forwards"),
        "{text}"
    );
    for node in cluster.others(1) {
        eventually("the members know that its memory is lost", async || {
            node.view().await["members"]
                .as_array()
                .unwrap()
                .iter()
                .any(|member| member["id"] == before["node"] && member["lost"] == Value::Bool(true))
        })
        .await;
        assert!(
            node.log().contains("is lost with its memory"),
            "{}",
            node.log()
        );
        assert!(node.is_ready().await, "a majority is ready");
    }

    assert_eq!(cluster[1].get("/v1/registers/kept").await.text(), "value");
    let written = cluster[1]
        .put("/v1/registers/kept", "by the outsider")
        .await;
    written.assert_status(204);
    for node in cluster.nodes() {
        assert_eq!(
            node.get("/v1/registers/kept").await.text(),
            "by the outsider"
        );
    }
    let sum = load.sum(&[0, 2]);
    sum.assert_none_failed();
    println!(
        "its clients had done 50 operations each {served:?} after the restart; {}; {}",
        load.sum(&[1]),
        load.finish().await
    );
}

#[tokio::test]
async fn an_outsider_serves_while_one_of_the_members_it_forwards_to_freezes() {
    let mut cluster = Cluster::start(5).await;
    cluster[0].kill();
    cluster[0].start();
    eventually("the restarted node serves", async || {
        cluster[0].is_ready().await
    })
    .await;
    let plan = LoadPlan {
        clients_per_node: 2,
        timeout: Duration::from_secs(2),
        ..LoadPlan::default()
    };
    let load = Load::start(&cluster, plan);
    load.progress(&[0, 1, 2, 3, 4], 20).await;
    // Two at once would leave no majority: the outsider's former self counts as dead.
    for victim in 1..5 {
        cluster[victim].freeze().await;
        load.progress(&[0], 30).await;
        cluster[victim].thaw();
        load.progress(&[0, victim], 20).await;
    }
    let sum = load.sum(&[0, 1, 2, 3, 4]);
    // A write that was forwarded to a node just before it froze may end as unknown.
    assert_eq!(sum.broken, 0, "{sum}");
    sum.assert_in_time(plan.timeout);
    println!(
        "through the outsider: {}; {}",
        load.sum(&[0]),
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
        text.contains("[-] memory") && text.contains("data is gone"),
        "{text}"
    );
    assert!(
        node.log()
            .contains("is gone: so many members lost their memory"),
        "{}",
        node.log()
    );
    let path = "/v1/registers/lost?timeout_ms=500";
    for answer in [node.get(path).await, node.put(path, "x").await] {
        answer.assert_problem(503, "quorum-lost", "refused");
        let detail = answer.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains("data is gone"), "{detail}");
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
