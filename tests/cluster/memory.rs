//! A limit on the memory that registers take.

use crate::harness::{Client, Cluster, PATIENCE, eventually};

#[tokio::test]
async fn beyond_the_limit_what_would_add_is_refused_and_all_else_goes_on() {
    let cluster = Cluster::start_with(3, &["--memory-limit", "256KiB", "--lanes", "1"]).await;
    let value = "x".repeat(100_000);
    let put = async |node: usize, name: &str| {
        let path = format!("/v1/registers/{name}");
        cluster[node].put(&path, value.as_str()).await
    };
    put(0, "a").await.assert_status(204);
    put(1, "b").await.assert_status(204);
    eventually("all nodes hold both", async || {
        let mut taken = Vec::new();
        for node in 0..3 {
            taken.push(cluster[node].view().await["memory_bytes"].as_u64());
        }
        taken.iter().all(|bytes| *bytes > Some(200_000))
    })
    .await;
    for (node, name) in [(0, "c"), (1, "d"), (2, "e")] {
        put(node, name).await.assert_problem(507, "full", "refused");
        let path = format!("/v1/registers/{name}");
        cluster[node].get(&path).await.assert_status(404);
    }
    let view = cluster[0].view().await;
    assert_eq!(view["memory_limit"], 256 * 1024);
    let taken = view["memory_bytes"].as_u64().expect("a number");
    assert!((200_000..256 * 1024).contains(&taken), "{taken}");

    // What replaces, reads or deletes goes on, and a delete makes room.
    put(2, "a").await.assert_status(204);
    let read = cluster[2].get("/v1/registers/a").await;
    assert_eq!(read.text(), value);
    let mut client = cluster[2].client();
    let delete = Client::delete("/v1/registers/b");
    let deleted = client.send(delete, PATIENCE).await.expect("an answer");
    deleted.assert_status(204);
    eventually("there is room", async || put(0, "c").await.status == 204).await;
}
