//! Changes that are not begun, and why.

use super::SLOW_COPYING;
use crate::harness::{Cluster, Registers, eventually, free_ports, run};
use serde_json::Value;

#[tokio::test]
async fn of_two_operators_at_once_one_is_refused() {
    // Of two replicas both are needed, so that no change is done before the joiner has copied.
    let flags = [&SLOW_COPYING[..], &["--replication", "2"]].concat();
    let mut cluster = Cluster::start_with(3, &flags).await;
    let registers = Registers {
        count: 200,
        value_bytes: 10_000,
    };
    registers.write(&cluster[0]).await;
    let joiners = [
        cluster.start_outsider(&flags).await,
        cluster.start_outsider(&flags).await,
    ];
    let [first, second] = joiners.map(|joiner| cluster[joiner].address().to_string());
    let answers: [_; 2] = tokio::join!(cluster[0].add(&first), cluster[1].add(&second)).into();
    let mut statuses = answers.each_ref().map(|answer| answer.status);
    statuses.sort_unstable();
    assert_eq!(statuses, [202, 409], "{answers:?}");
    let refused = answers.iter().find(|answer| answer.status == 409);
    let refused = refused.expect("one is refused");
    refused.assert_problem(409, "change-under-way", "refused");

    // So is whoever comes while it goes on, at whichever node; the command line says it too.
    cluster[2].change().await;
    let third = cluster[2].remove(&cluster[0].id().await).await;
    third.assert_problem(409, "change-under-way", "refused");
    let asked = cluster[2].address().to_string();
    let told = run(&["members", "add", &second, "--node", &asked]).await;
    told.assert_code(1);
    assert!(told.stderr.contains("under way"), "{told:?}");

    let given_up = run(&["members", "abort", "--node", &asked]).await;
    given_up.assert_code(0);
    cluster.whole(&[0, 1, 2]).await;
    let nothing = run(&["members", "abort", "--node", &asked]).await;
    nothing.assert_code(1);
    for joiner in joiners {
        eventually("who was to come in knows that it does not", async || {
            let members = cluster[joiner].members().await;
            members.is_some_and(|members| members["change"].is_null())
        })
        .await;
        eventually("and of the cluster whose members serve it", async || {
            cluster[joiner].get("/v1/registers/none").await.status == 404
        })
        .await;
    }
    for node in cluster.nodes() {
        registers.assert_held(node).await;
    }
}

#[tokio::test]
async fn a_mistyped_address_changes_nothing() {
    let cluster = Cluster::start(3).await;
    let before = cluster[0].members().await.expect("an answer");
    let nobody = format!("127.0.0.1:{}", free_ports(1)[0]);
    let unreachable = cluster[0].add(&nobody).await;
    unreachable.assert_problem(502, "unreachable", "refused");
    let asked = cluster[1].address().to_string();
    let told = run(&["members", "add", &nobody, "--node", &asked]).await;
    told.assert_code(1);
    assert!(told.stderr.contains(&nobody), "{told:?}");
    let replaced = cluster[2].replace(&asked, &nobody).await;
    replaced.assert_problem(502, "unreachable", "refused");

    for (answer, status, kind) in [
        (cluster[0].add(&asked).await, 409, "already-member"),
        (
            cluster[0].replace(&asked, &asked).await,
            409,
            "member-alive",
        ),
        (cluster[0].remove(&nobody).await, 404, "unknown-member"),
        (cluster[0].remove("change").await, 404, "no-change"),
        (cluster[0].add("nowhere").await, 400, "malformed"),
    ] {
        answer.assert_problem(status, kind, "refused");
    }
    assert_as_before(&cluster, &before).await;
}

#[tokio::test]
async fn a_node_of_another_cluster_is_not_let_in() {
    let (cluster, other) = (Cluster::start(3).await, Cluster::start(1).await);
    let before = cluster[0].members().await.expect("an answer");
    let foreign = other[0].address().to_string();
    other[0]
        .put("/v1/registers/a", "theirs")
        .await
        .assert_status(204);
    let refused = cluster[0].add(&foreign).await;
    assert_eq!(refused.status, 502, "{refused:?}");
    assert_as_before(&cluster, &before).await;
    assert_eq!(other[0].get("/v1/registers/a").await.text(), "theirs");
    cluster[0].get("/v1/registers/a").await.assert_status(404);
}

/// That the members are those before, in the same epoch, with no change under way, and serve.
async fn assert_as_before(cluster: &Cluster, before: &Value) {
    for node in cluster.nodes() {
        let now = node.members().await.expect("an answer");
        for same in ["cluster", "epoch", "change"] {
            assert_eq!(now[same], before[same], "{now}");
        }
        assert_eq!(
            now["members"].as_array().map(Vec::len),
            before["members"].as_array().map(Vec::len)
        );
        node.put("/v1/registers/still", "served")
            .await
            .assert_status(204);
    }
}
