//! Values and names of every length, and too long ones.

use crate::harness::{Cluster, RedisClient, request};

/// The longest value of the nodes in these tests.
const VALUE_BYTES_MAX: usize = 1 << 20;

#[tokio::test]
async fn values_up_to_the_limit_are_taken_and_longer_ones_change_nothing() {
    let cluster =
        Cluster::start_with(3, &["--value-bytes-max", &VALUE_BYTES_MAX.to_string()]).await;
    let mut client = RedisClient::connect(cluster[0].address()).await;
    let longest = "x".repeat(VALUE_BYTES_MAX);
    let too_long = "y".repeat(VALUE_BYTES_MAX + 1);
    assert_eq!(client.ask(&["SET", "a", &longest]).await, "+OK");
    let refused: [&[&str]; 7] = [
        &["SET", "a", &too_long],
        &["SET", "a", &too_long, "XX", "GET"],
        &["GETSET", "a", &too_long],
        &["MSET", "b", "y", "a", &too_long],
        &["APPEND", "a", "y"],
        &["SETRANGE", "a", &VALUE_BYTES_MAX.to_string(), "y"],
        &["SETRANGE", "none", &VALUE_BYTES_MAX.to_string(), "y"],
    ];
    for words in refused {
        let reply = client.ask(words).await;
        assert!(reply.starts_with("-ERR "), "{}: {reply}", words[0]);
        assert!(reply.contains("--value-bytes-max"), "{}: {reply}", words[0]);
    }
    for node in cluster.nodes() {
        let mut client = RedisClient::connect(node.address()).await;
        assert_eq!(
            client.ask(&["STRLEN", "a"]).await,
            format!(":{VALUE_BYTES_MAX}")
        );
        assert_eq!(client.ask(&["GET", "a"]).await, format!("{longest:?}"));
        assert_eq!(client.ask(&["GETRANGE", "a", "-3", "-1"]).await, "\"xxx\"");
        assert_eq!(client.ask(&["EXISTS", "b", "none"]).await, ":0");
    }
}

#[tokio::test]
async fn names_up_to_the_limit_are_taken_and_longer_ones_are_told_so() {
    let cluster = Cluster::start(1).await;
    let mut client = RedisClient::connect(cluster[0].address()).await;
    let longest = "n".repeat(1024);
    let too_long = "n".repeat(1025);
    assert_eq!(client.ask(&["SET", &longest, "x"]).await, "+OK");
    assert_eq!(client.ask(&["GET", &longest]).await, "\"x\"");
    let refused: [&[&str]; 6] = [
        &["GET", &too_long],
        &["SET", &too_long, "x"],
        &["MGET", &longest, &too_long],
        &["MSET", "b", "x", &too_long, "x"],
        &["DEL", &longest, &too_long],
        &["INCR", &too_long],
    ];
    for words in refused {
        let reply = client.ask(words).await;
        assert!(reply.starts_with("-ERR "), "{}: {reply}", words[0]);
        assert!(reply.contains("1024"), "{}: {reply}", words[0]);
    }
    assert_eq!(client.ask(&["EXISTS", &longest, "b"]).await, ":1");
}

#[tokio::test]
async fn every_byte_can_be_in_a_name_and_in_a_value() {
    let cluster = Cluster::start(3).await;
    let mut client = RedisClient::connect(cluster[0].address()).await;
    let bytes: Vec<u8> = (0..=255).collect();
    let set: [&[u8]; 3] = [b"SET", &bytes, &bytes];
    client.send(request(&set)).await;
    assert_eq!(client.reply().await, "+OK");
    let get: [&[u8]; 2] = [b"GET", &bytes];
    client.send(request(&get)).await;
    client.send(request(&["QUIT"])).await;
    let expected = [b"$256\r\n", &bytes[..], b"\r\n+OK\r\n"].concat();
    assert_eq!(client.heard_until_closed().await, expected);
}

#[tokio::test]
async fn many_long_values_pass_through_one_connection_at_once() {
    const COUNT: usize = 60;
    let cluster = Cluster::start(3).await;
    let mut client = RedisClient::connect(cluster[0].address()).await;
    let value = |index: usize| format!("{index} {}", "x".repeat(500_000));
    let mut asked = Vec::new();
    for index in 0..COUNT {
        asked.extend(request(&["SET", &index.to_string(), &value(index)]));
        asked.extend(request(&["GET", &index.to_string()]));
    }
    let replies = client.exchange(asked, 2 * COUNT).await;
    for (index, pair) in replies.chunks(2).enumerate() {
        assert_eq!(pair[0], "+OK", "to SET {index}");
        assert!(pair[1] == format!("{:?}", value(index)), "to GET {index}");
    }
}
