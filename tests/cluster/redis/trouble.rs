//! Nodes that are dead or frozen, and more than a node may hold.

use crate::harness::{Cluster, RedisClient, eventually, request};
use std::time::{Duration, Instant};

/// The deadline of every operation in tests where some are not done.
const TIMEOUT: Duration = Duration::from_millis(700);

/// A node answers at the deadline; the rest is for a busy machine.
const SLACK: Duration = Duration::from_secs(5);

#[tokio::test]
async fn with_one_of_three_dead_every_command_is_done() {
    let mut cluster = Cluster::start(3).await;
    let mut client = RedisClient::connect(cluster[0].address()).await;
    assert_eq!(client.ask(&["SET", "a", "1"]).await, "+OK");
    let dead = cluster[2].id().await;
    cluster[2].kill();
    // A command that is on its way to it when it dies ends as unknown.
    eventually("its death is noticed", async || {
        let members = cluster[0].view().await["members"].clone();
        let members = members.as_array().expect("a list");
        (members.iter()).any(|member| member["id"] == dead && member["state"] != "alive")
    })
    .await;
    let mut slowest = Duration::ZERO;
    for round in 0..100 {
        let name = format!("register-{round}");
        let commands: [&[&str]; 5] = [
            &["SET", &name, "x"],
            &["INCR", "a"],
            &["SET", &name, "y", "IFEQ", "x", "GET"],
            &["GET", &name],
            &["DEL", &name],
        ];
        let asked = Instant::now();
        let replies = client.pipeline(&commands).await;
        slowest = slowest.max(asked.elapsed());
        let sum = format!(":{}", round + 2);
        assert_eq!(replies, ["+OK", &sum, "\"x\"", "\"y\"", ":1"]);
    }
    println!("the slowest five commands beside a dead node took {slowest:?}");
}

#[tokio::test]
async fn without_a_quorum_each_command_says_in_time_what_became_of_it() {
    let timeout = TIMEOUT.as_millis().to_string();
    let cluster = Cluster::start_with(3, &["--timeout-ms", &timeout]).await;
    let mut client = RedisClient::connect(cluster[0].address()).await;
    assert_eq!(client.ask(&["MSET", "a", "1", "b", "1"]).await, "+OK");
    cluster[1].freeze().await;
    cluster[2].freeze().await;

    let commands: [&[&str]; 10] = [
        &["GET", "a"],
        &["SET", "a", "2"],
        &["GET", "a"],
        &["INCR", "b"],
        &["DEL", "b"],
        &["MGET", "a", "b", "c"],
        &["MSET", "c", "1", "d", "1"],
        &["EXISTS", "a", "b"],
        &["TTL", "a"],
        &["SET", "e", "x", "NX"],
    ];
    let asked = Instant::now();
    let replies = client.pipeline(&commands).await;
    let took = asked.elapsed();
    for (words, reply) in commands.iter().zip(&replies) {
        println!("{words:?} -> {reply}");
        let is_read = matches!(words[0], "GET" | "MGET" | "EXISTS" | "TTL");
        assert!(
            reply.starts_with("-CLUSTERDOWN ") || !is_read && reply.starts_with("-UNKNOWN "),
            "{words:?}: {reply}"
        );
    }
    assert!(took < TIMEOUT + SLACK, "answered after {took:?}");
    // What needs no register is answered, on the same connection and on new ones.
    assert_eq!(client.ask(&["PING"]).await, "+PONG");
    let mut new = RedisClient::connect(cluster[0].address()).await;
    assert_eq!(new.ask(&["ECHO", "x"]).await, "\"x\"");

    cluster[1].thaw();
    cluster[2].thaw();
    eventually("the connection is served again", async || {
        client.ask(&["GET", "none"]).await == "nil"
    })
    .await;
    // What was refused did not happen; what is unknown may have.
    let may_be = |index: usize, before: &str, after: &str, now: &str| {
        let unknown = replies[index].starts_with("-UNKNOWN ");
        assert!(
            now == before || unknown && now == after,
            "{}: {now}",
            replies[index]
        );
    };
    may_be(1, "\"1\"", "\"2\"", &client.ask(&["GET", "a"]).await);
    may_be(9, "nil", "\"x\"", &client.ask(&["GET", "e"]).await);
}

#[tokio::test]
async fn a_client_of_a_frozen_node_gets_all_its_answers_after_the_thaw() {
    let cluster = Cluster::start(3).await;
    let mut client = RedisClient::connect(cluster[0].address()).await;
    assert_eq!(client.ask(&["SET", "a", "0"]).await, "+OK");
    cluster[0].freeze().await;
    client.send(request(&["INCR", "a"]).repeat(50)).await;
    client.send(request(&["GET", "a"])).await;
    let mut other = RedisClient::connect(cluster[1].address()).await;
    assert_eq!(other.ask(&["SET", "b", "x"]).await, "+OK");
    eventually("the frozen node is known as such", async || {
        let seen = cluster[1].sees(&cluster[0]).await;
        seen.is_some_and(|state| state != "alive")
    })
    .await;
    cluster[0].thaw();
    for count in 1..=50 {
        assert_eq!(client.reply().await, format!(":{count}"));
    }
    assert_eq!(client.reply().await, "\"50\"");
    assert_eq!(client.ask(&["GET", "b"]).await, "\"x\"");
}

#[tokio::test]
async fn operations_that_were_under_way_when_their_node_froze_end_soon_after_it_thaws() {
    let timeout = TIMEOUT.as_millis().to_string();
    let cluster = Cluster::start_with(3, &["--timeout-ms", &timeout]).await;
    let mut client = RedisClient::connect(cluster[0].address()).await;
    assert_eq!(client.ask(&["SET", "a", "0"]).await, "+OK");
    cluster[1].freeze().await;
    cluster[2].freeze().await;
    client.send(request(&["INCR", "a"])).await;
    client.send(request(&["GET", "a"])).await;
    client.send(request(&["SET", "b", "x"])).await;
    eventually("three operations run", async || {
        cluster[0].view().await["operations_running"] == 3
    })
    .await;
    cluster[0].freeze().await;
    // So that the deadline passes while it is frozen.
    tokio::time::sleep(2 * TIMEOUT).await;
    cluster[0].thaw();
    let thawed = Instant::now();
    for _ in 0..3 {
        let reply = client.reply().await;
        assert!(
            reply.starts_with("-CLUSTERDOWN ") || reply.starts_with("-UNKNOWN "),
            "{reply}"
        );
    }
    assert!(thawed.elapsed() < SLACK, "{:?}", thawed.elapsed());
}

#[tokio::test]
async fn at_the_limit_of_running_operations_one_more_is_refused_at_once() {
    let flags = ["--operations-max", "2", "--timeout-ms", "20000"];
    let cluster = Cluster::start_with(3, &flags).await;
    cluster[1].freeze().await;
    cluster[2].freeze().await;
    let mut client = RedisClient::connect(cluster[0].address()).await;
    client.send(request(&["SET", "a", "x"])).await;
    client.send(request(&["GET", "b"])).await;
    eventually("two operations run", async || {
        cluster[0].view().await["operations_running"] == 2
    })
    .await;
    let mut other = RedisClient::connect(cluster[0].address()).await;
    let commands: [&[&str]; 4] = [&["SET", "a", "y"], &["GET", "a"], &["INCR", "n"], &["PING"]];
    let replies = other.pipeline(&commands).await;
    for reply in &replies[..3] {
        assert!(reply.starts_with("-BUSY "), "{reply}");
    }
    assert_eq!(replies[3], "+PONG");
    cluster[1].thaw();
    cluster[2].thaw();
    assert_eq!(client.reply().await, "+OK");
    assert_eq!(client.reply().await, "nil");
    assert_eq!(other.ask(&["GET", "a"]).await, "\"x\"");
    assert_eq!(other.ask(&["EXISTS", "n"]).await, ":0");
}
