//! A node stops while Redis clients are connected.

use crate::harness::{Cluster, RedisClient, eventually, request};
use nix::sys::signal::Signal;
use std::time::{Duration, Instant};

#[tokio::test]
async fn a_node_that_is_told_to_stop_answers_what_runs_and_closes_idle_connections() {
    let mut cluster = Cluster::start_with(3, &["--timeout-ms", "20000"]).await;
    let address = cluster[0].address();
    let mut idle = RedisClient::connect(address).await;
    assert_eq!(idle.ask(&["PING"]).await, "+PONG");
    let mut busy = RedisClient::connect(address).await;
    assert_eq!(busy.ask(&["SET", "n", "0"]).await, "+OK");
    // Without the others, operations run until their deadline.
    cluster[1].freeze().await;
    cluster[2].freeze().await;
    let asked: [&[&str]; 4] = [
        &["SET", "a", "x"],
        &["INCR", "n"],
        &["INCR", "n"],
        &["ECHO", "last"],
    ];
    for words in asked {
        busy.send(request(words)).await;
    }
    eventually("three operations run", async || {
        cluster[0].view().await["operations_running"] == 3
    })
    .await;
    cluster[0].signal(Signal::SIGTERM);
    eventually("the node says that it stops", async || {
        cluster[0].log().contains("stopping")
    })
    .await;
    assert_eq!(idle.heard_until_closed().await, b"");
    // What comes now is too late.
    busy.send(request(&["INCR", "n"])).await;
    cluster[1].thaw();
    cluster[2].thaw();
    let heard = busy.heard_until_closed().await;
    assert_eq!(
        String::from_utf8_lossy(&heard),
        "+OK\r\n:1\r\n:2\r\n$4\r\nlast\r\n"
    );
    let asked = Instant::now();
    let status = cluster[0].ended().await;
    assert_eq!(status.code(), Some(0), "{}", cluster[0].log());
    println!("it ended {:?} after its last answer", asked.elapsed());
    let mut other = RedisClient::connect(cluster[1].address()).await;
    assert_eq!(other.ask(&["MGET", "a", "n"]).await, "[\"x\", \"2\"]");
}

#[tokio::test]
async fn idle_redis_clients_do_not_hold_a_stop_up() {
    let mut cluster = Cluster::start(1).await;
    let mut clients = Vec::new();
    for _ in 0..30 {
        let mut client = RedisClient::connect(cluster[0].address()).await;
        assert_eq!(client.ask(&["SET", "a", "x"]).await, "+OK");
        clients.push(client);
    }
    // One in the middle of a request.
    clients[0].send("*2\r\n$3\r\nGET\r\n").await;
    let started = Instant::now();
    cluster[0].signal(Signal::SIGTERM);
    let status = cluster[0].ended().await;
    assert_eq!(status.code(), Some(0), "{}", cluster[0].log());
    // Half of what a node would wait for a client that holds it up.
    assert!(started.elapsed() < Duration::from_secs(5));
    for client in &mut clients {
        assert_eq!(client.heard_until_closed().await, b"");
    }
}
