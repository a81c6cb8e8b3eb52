//! One port for all, and one space of registers.

use crate::harness::{Client, Cluster, RedisClient, free_ports};
use serde_json::json;
use std::net::SocketAddr;

#[tokio::test]
async fn a_register_is_the_same_over_redis_and_over_http() {
    let cluster = Cluster::start(3).await;
    let mut redis = RedisClient::connect(cluster[0].address()).await;
    assert_eq!(redis.ask(&["SET", "7", "x"]).await, "+OK");
    for node in cluster.nodes() {
        assert_eq!(node.get("/read/7").await.json()["value"], "x");
        assert_eq!(node.get("/v1/registers/7").await.text(), "x");
    }

    let write = Client::post("/write", &json!({ "addr": 7, "value": "y" }));
    cluster[1].ask(write).await.assert_status(200);
    assert_eq!(redis.ask(&["GET", "7"]).await, "\"y\"");
    cluster[2]
        .put("/v1/registers/a%20name", "z")
        .await
        .assert_status(204);
    assert_eq!(redis.ask(&["GET", "a name"]).await, "\"z\"");

    assert_eq!(redis.ask(&["DEL", "7", "a name", "b"]).await, ":2");
    cluster[1]
        .get("/v1/registers/7")
        .await
        .assert_problem(404, "nothing", "done");
    // The integer address is the name in decimal, and no other spelling of it.
    assert_eq!(redis.ask(&["SET", "007", "x"]).await, "+OK");
    assert_eq!(redis.ask(&["GET", "7"]).await, "nil");
}

#[tokio::test]
async fn every_address_that_a_node_listens_at_speaks_every_protocol() {
    let further = format!("127.0.0.1:{}", free_ports(1)[0]);
    let cluster = Cluster::start_with(1, &["--listen", &further]).await;
    let further: SocketAddr = further.parse().expect("just made");
    for address in [cluster[0].address(), further] {
        let mut redis = RedisClient::connect(address).await;
        assert_eq!(redis.ask(&["PING"]).await, "+PONG");
        assert_eq!(redis.ask(&["SET", "a", "x"]).await, "+OK");
        let mut http = Client::new(address);
        let read = http.send(Client::get("/v1/registers/a"), crate::harness::PATIENCE);
        assert_eq!(read.await.expect("an answer").text(), "x");
    }
}

#[tokio::test]
async fn who_speaks_is_told_however_slowly_the_first_line_comes() {
    let cluster = Cluster::start(1).await;
    for (said, heard) in [
        ("GET /read/7 HTTP/1.0\r\n\r\n", "HTTP/1.0 200 OK\r\n"),
        ("GET /read/7\r\nQUIT\r\n", "$-1\r\n+OK\r\n"),
        ("\r\n\r\nPING\r\nQUIT\r\n", "+PONG\r\n+OK\r\n"),
        ("*1\r\n$4\r\nQUIT\r\n", "+OK\r\n"),
        ("SET /a \"x HTTP/1.1\"\r\nQUIT\r\n", "+OK\r\n+OK\r\n"),
    ] {
        let mut client = RedisClient::connect(cluster[0].address()).await;
        for byte in said.bytes() {
            client.send([byte]).await;
        }
        let answer = client.heard_until_closed().await;
        let answer = String::from_utf8_lossy(&answer);
        assert!(answer.starts_with(heard), "{said:?}: {answer:?}");
    }
}

#[tokio::test]
async fn a_connection_that_began_as_http_never_becomes_one_of_redis() {
    let cluster = Cluster::start(1).await;
    let mut client = RedisClient::connect(cluster[0].address()).await;
    client
        .send("GET /livez HTTP/1.1\r\nHost: a\r\n\r\n*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\nx\r\n")
        .await;
    let heard = client.heard_until_closed().await;
    let heard = String::from_utf8_lossy(&heard);
    assert!(heard.starts_with("HTTP/1.1 200 OK\r\n"), "{heard}");
    assert!(!heard.contains("+OK"), "{heard}");
    cluster[0].get("/v1/registers/a").await.assert_status(404);
}

#[tokio::test]
async fn what_a_browser_is_made_to_send_is_no_list_of_commands() {
    let cluster = Cluster::start(1).await;
    let address = cluster[0].address();
    for header in ["POST /write HTTP/1.1", "Host: 127.0.0.1"] {
        let mut client = RedisClient::connect(address).await;
        assert_eq!(client.ask(&["PING"]).await, "+PONG");
        client.send(format!("{header}\r\nSET a x\r\n")).await;
        assert_eq!(client.heard_until_closed().await, b"", "after {header:?}");
    }
    let mut client = RedisClient::connect(address).await;
    assert_eq!(client.ask(&["GET", "a"]).await, "nil");
}

#[tokio::test]
async fn commands_can_be_typed() {
    let cluster = Cluster::start(1).await;
    let mut client = RedisClient::connect(cluster[0].address()).await;
    for (said, heard) in [
        ("set a \"x y\\n\"\r\n", "+OK"),
        ("get a\n", "\"x y\\n\""),
        ("  GET   a  \r\n", "\"x y\\n\""),
        ("\r\nset '' b\r\n", "+OK"),
        ("get ''\r\n", "\"b\""),
        ("*-5\r\nstrlen a\r\n", ":4"),
        ("*0\r\nexists a a b\r\n", ":2"),
    ] {
        client.send(said).await;
        assert_eq!(client.reply().await, heard, "{said:?}");
    }
}
