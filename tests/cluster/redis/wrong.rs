//! What is no request, or one too many.

use crate::harness::{Cluster, Load, LoadPlan, RedisClient, eventually, request};
use std::time::Duration;

#[tokio::test]
async fn what_is_no_request_is_told_so_after_the_answers_before_it_and_ends_the_connection() {
    let cluster = Cluster::start(3).await;
    for (said, heard) in [
        ("*1\r\n+PING\r\n", "expected '$', got '+'"),
        ("*1\r\n$-1\r\n", "invalid bulk length"),
        ("*1\r\n$999999999999\r\n", "invalid bulk length"),
        ("*x\r\n", "invalid multibulk length"),
        ("*2147483648\r\n", "invalid multibulk length"),
        ("set \"a\r\n", "unbalanced quotes in request"),
        ("get 'a'b\r\n", "unbalanced quotes in request"),
    ] {
        let mut client = RedisClient::connect(cluster[0].address()).await;
        let before = request(&["SET", "a", "x"]).repeat(3);
        let begun = request(&["INCR", "n"]);
        client
            .send([&before[..], &begun, said.as_bytes()].concat())
            .await;
        let answers = client.heard_until_closed().await;
        let answers = String::from_utf8_lossy(&answers);
        let end = format!("\r\n-ERR Protocol error: {heard}\r\n");
        assert!(answers.starts_with("+OK\r\n+OK\r\n+OK\r\n:"), "{answers:?}");
        assert!(answers.ends_with(&end), "{said:?}: {answers:?}");
    }
    // A line that never ends is not kept for ever.
    let mut client = RedisClient::connect(cluster[0].address()).await;
    client.send("PING ".repeat(20_000)).await;
    let heard = client.heard_until_closed().await;
    let heard = String::from_utf8_lossy(&heard);
    // The answer can be lost when the node closes a connection that is still being written to.
    let expected = "-ERR Protocol error: too big inline request\r\n";
    assert!(heard.is_empty() || heard == expected, "{heard}");
}

#[tokio::test]
async fn commands_that_are_wrong_get_their_error_and_the_connection_goes_on() {
    let cluster = Cluster::start(1).await;
    let mut client = RedisClient::connect(cluster[0].address()).await;
    assert_eq!(client.ask(&["SET", "text", "x"]).await, "+OK");
    let integer = "-ERR value is not an integer or out of range";
    let cases: [(&[&str], &str); 12] = [
        (&["GET"], "-ERR wrong number of arguments for 'get' command"),
        (
            &["MSET", "a"],
            "-ERR wrong number of arguments for 'mset' command",
        ),
        (&["SET", "a", "b", "NX", "XX"], "-ERR syntax error"),
        (
            &["SET", "a", "b", "EX", "0"],
            "-ERR invalid expire time in 'set' command",
        ),
        (&["INCR", "text"], integer),
        (&["INCRBY", "text", "x"], integer),
        (
            &["INCRBYFLOAT", "text", "1"],
            "-ERR value is not a valid float",
        ),
        (&["EXPIRE", "text", "x"], integer),
        (
            &["SETRANGE", "text", "-1", "x"],
            "-ERR offset is out of range",
        ),
        (
            &["EXPIRE", "text", "1", "NX", "GT"],
            "-ERR NX and XX, GT or LT options at the same time are not compatible",
        ),
        (
            &["LPUSH", "a", "b"],
            "-ERR unknown command 'LPUSH', with args beginning with: 'a' 'b' ",
        ),
        (
            &["GETEX", "text", "EX", "-1"],
            "-ERR invalid expire time in 'getex' command",
        ),
    ];
    let asked: Vec<&[&str]> = cases.iter().map(|(words, _)| *words).collect();
    for ((words, expected), reply) in cases.iter().zip(client.pipeline(&asked).await) {
        assert_eq!(reply, *expected, "{words:?}");
    }
    assert_eq!(client.ask(&["GET", "text"]).await, "\"x\"");
}

#[tokio::test]
async fn one_connection_too_many_is_told_so_and_there_is_room_when_another_closes() {
    let cluster = Cluster::start_with(1, &["--connections-max", "5"]).await;
    let address = cluster[0].address();
    let mut clients = Vec::new();
    // Who asked whether the node serves may still count as connected.
    eventually("five clients are connected", async || {
        let mut client = RedisClient::connect(address).await;
        if client.ask(&["PING"]).await == "+PONG" {
            clients.push(client);
        }
        clients.len() == 5
    })
    .await;
    let mut late = RedisClient::connect(address).await;
    late.send(request(&["PING"])).await;
    assert_eq!(
        late.heard_until_closed().await,
        b"-ERR max number of clients reached\r\n"
    );
    clients.pop();
    eventually("there is room again", async || {
        let mut client = RedisClient::connect(address).await;
        client.send(request(&["SET", "a", "x"])).await;
        client.send(request(&["QUIT"])).await;
        client.heard_until_closed().await == b"+OK\r\n+OK\r\n"
    })
    .await;
}

#[tokio::test]
async fn clients_that_leave_in_the_middle_harm_nobody() {
    let cluster = Cluster::start(3).await;
    let load = Load::start(&cluster, LoadPlan::default());
    for round in 0..50 {
        let node = &cluster[round % 3];
        let mut client = RedisClient::connect(node.address()).await;
        let set = request(&["SET", "left", "x"]);
        let asked = set.repeat(100);
        // In the middle of a request, and without waiting for any answer.
        client.send(&asked[..asked.len() - round % set.len()]).await;
    }
    load.progress(&[0, 1, 2], 50).await;
    load.sum(&[0, 1, 2]).assert_none_failed();
    for node in cluster.nodes() {
        eventually("nothing of those who left runs", async || {
            node.view().await["operations_running"].as_u64() < Some(10)
        })
        .await;
    }
    load.finish().await;
    for node in cluster.nodes() {
        eventually("nothing runs", async || {
            node.view().await["operations_running"] == 0
        })
        .await;
        let mut client = RedisClient::connect(node.address()).await;
        assert_eq!(client.ask(&["GET", "left"]).await, "\"x\"");
        assert!(
            !client
                .hears_something_within(Duration::from_millis(1))
                .await
        );
    }
}
