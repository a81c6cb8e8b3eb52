//! More than a node may hold.

use crate::harness::{Client, Cluster, PATIENCE, eventually};

#[tokio::test]
async fn at_the_limit_of_running_operations_one_more_is_refused_at_once() {
    let cluster = Cluster::start_with(3, &["--operations-max", "2"]).await;
    cluster[1].freeze().await;
    cluster[2].freeze().await;
    let (mut first, mut second) = (cluster[0].client(), cluster[0].client());
    let path = "/v1/registers/a?timeout_ms=20000";
    let running = async {
        tokio::join!(
            first.send(Client::put(path, "x"), 2 * PATIENCE),
            second.send(Client::get(path), 2 * PATIENCE)
        )
    };
    let overload = async {
        eventually("two operations run", async || {
            cluster[0].view().await["operations_running"] == 2
        })
        .await;
        cluster[0]
            .get(path)
            .await
            .assert_problem(429, "busy", "refused");
        cluster[0]
            .put(path, "y")
            .await
            .assert_problem(429, "busy", "refused");
        cluster[1].thaw();
        cluster[2].thaw();
    };
    let ((written, read), ()) = tokio::join!(running, overload);
    written.expect("an answer").assert_status(204);
    let read = read.expect("an answer");
    assert!(matches!(read.status, 200 | 404), "{read:?}");
    assert_eq!(
        cluster[0].get(path).await.text(),
        "x",
        "what was refused did not happen"
    );
}

#[tokio::test]
async fn at_the_limit_of_connections_one_more_is_closed_and_peers_still_get_in() {
    let mut cluster = Cluster::start_with(3, &["--connections-max", "10"]).await;
    let mut clients: Vec<Client> = (0..10).map(|_| cluster[0].client()).collect();
    for client in &mut clients {
        let answer = client.send(Client::get("/livez"), PATIENCE).await;
        answer.expect("within the limit").assert_status(200);
    }
    let refused = cluster[0]
        .client()
        .send(Client::get("/livez"), PATIENCE)
        .await;
    assert!(refused.is_err(), "{refused:?}");

    // A node that starts anew dials this one and is let in.
    cluster[1].kill();
    cluster[1].start();
    eventually("the restarted node serves", async || {
        cluster[1].is_ready().await
    })
    .await;
    let answer = clients[0]
        .send(Client::put("/v1/registers/a", "x"), PATIENCE)
        .await;
    answer
        .expect("an open connection is served")
        .assert_status(204);
    clients.clear();
    eventually("there is room again", async || {
        cluster[0]
            .try_get("/v1/registers/a")
            .await
            .is_some_and(|answer| answer.status == 200)
    })
    .await;
}
