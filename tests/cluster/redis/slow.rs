//! Clients that ask and do not read.

use crate::harness::{Cluster, Node, RedisClient, eventually, request};
use std::time::Duration;

#[tokio::test]
async fn clients_that_do_not_read_hold_little_of_a_nodes_memory_and_get_all_when_they_do() {
    const VALUE_BYTES: usize = 500_000;
    const CLIENTS: usize = 4;
    const READS: usize = 900;
    /// What may be held for one client: an answer and a half that wait, and the system's share.
    const BYTES_PER_CLIENT_MAX: usize = 32 << 20;
    let cluster = Cluster::start(3).await;
    let node = &cluster[0];
    let mut other = RedisClient::connect(node.address()).await;
    for name in ["a", "b"] {
        let value = name.repeat(VALUE_BYTES);
        assert_eq!(other.ask(&["SET", name, &value]).await, "+OK");
    }
    let before = resident_bytes(node);
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        let mut client = RedisClient::connect_narrow(node.address()).await;
        let both = [request(&["GET", "a"]), request(&["GET", "b"])].concat();
        client.send(both.repeat(READS / 2)).await;
        assert!(client.hears_something_within(Duration::from_secs(20)).await);
        clients.push(client);
    }
    let mut most = 0;
    for round in 0..100 {
        let value = round.to_string();
        assert_eq!(other.ask(&["SET", "c", &value]).await, "+OK");
        assert_eq!(other.ask(&["GET", "c"]).await, format!("{value:?}"));
        most = most.max(resident_bytes(node));
    }
    println!(
        "{CLIENTS} clients that wait for {} MB each: the node grew by {} MB",
        READS * VALUE_BYTES / 1_000_000,
        most.saturating_sub(before) / 1_000_000
    );
    assert!(
        most < before + CLIENTS * BYTES_PER_CLIENT_MAX,
        "from {before} to {most} bytes"
    );
    let mut client = clients.pop().expect("there are several");
    for index in 0..READS {
        let expected = ["a", "b"][index % 2].repeat(VALUE_BYTES);
        assert!(
            client.reply().await == format!("{expected:?}"),
            "reply {index}"
        );
    }
    drop(clients);
    eventually("those that never read are gone", async || {
        node.view().await["operations_running"] == 0
    })
    .await;
}

#[tokio::test]
async fn clients_that_send_long_values_faster_than_they_are_written_are_heard_more_slowly() {
    const VALUE_BYTES: usize = 1_000_000;
    const CLIENTS: usize = 3;
    const WRITES: usize = 150;
    /// What may be held for one client: some values that are being written, and one that comes.
    const BYTES_PER_CLIENT_MAX: usize = 48 << 20;
    let cluster = Cluster::start_with(3, &["--timeout-ms", "20000"]).await;
    let node = &cluster[0];
    // Without the others nothing is ever written.
    cluster[1].freeze().await;
    cluster[2].freeze().await;
    let before = resident_bytes(node);
    let mut writers = tokio::task::JoinSet::new();
    for client in 0..CLIENTS {
        let address = node.address();
        writers.spawn(async move {
            let mut asked = Vec::new();
            for index in 0..WRITES {
                let value = client.to_string().repeat(VALUE_BYTES);
                asked.extend(request(&["SET", &format!("{client}-{index}"), &value]));
            }
            let mut client = RedisClient::connect(address).await;
            client.exchange(asked, WRITES).await
        });
    }
    eventually("writes wait", async || {
        node.view().await["operations_running"].as_u64() > Some(0)
    })
    .await;
    let mut most = 0;
    for _ in 0..100 {
        node.get("/livez").await.assert_status(200);
        most = most.max(resident_bytes(node));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    println!(
        "{CLIENTS} clients that send {} MB each: the node grew by {} MB",
        WRITES * VALUE_BYTES / 1_000_000,
        most.saturating_sub(before) / 1_000_000
    );
    assert!(
        most < before + CLIENTS * BYTES_PER_CLIENT_MAX,
        "from {before} to {most} bytes"
    );
    cluster[1].thaw();
    cluster[2].thaw();
    while let Some(replies) = writers.join_next().await {
        for reply in replies.expect("no client panics") {
            assert_eq!(reply, "+OK");
        }
    }
}

/// How much of a node's memory is in use.
fn resident_bytes(node: &Node) -> usize {
    const PAGE_BYTES: usize = 4096;
    let path = format!("/proc/{}/statm", node.pid());
    let statm = std::fs::read_to_string(path).expect("the node runs");
    let pages = statm.split(' ').nth(1).expect("statm has seven fields");
    pages.parse::<usize>().expect("a number of pages") * PAGE_BYTES
}
