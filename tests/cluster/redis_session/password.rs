//! Clients have to say the password.

use super::client::{Client, error_of, ok};
use crate::harness::{Node, eventually, free_ports};
use resp::Reply;
use tokio::net::TcpStream;

#[tokio::test]
async fn with_a_password_only_who_says_it_is_served() {
    let password = "correct-horse-battery";
    let port = free_ports(1)[0];
    let peers = format!("127.0.0.1:{port}");
    let mut node = Node::new(port, &peers, &["--password", password]);
    node.start();
    let address = node.address();
    eventually("the node listens", async || {
        TcpStream::connect(address).await.is_ok()
    })
    .await;
    let mut client = Client::connect(address).await;
    for line in ["PING", "GET a", "MULTI"] {
        let error = error_of(&client.ask_lines(line).await[0]);
        assert_eq!(error, "NOAUTH Authentication required.");
    }
    let error = error_of(&client.ask(["AUTH", "wrong"]).await);
    assert_eq!(
        error,
        "WRONGPASS invalid username-password pair or user is disabled."
    );
    assert_eq!(client.ask(["AUTH", password]).await, ok());
    assert_eq!(client.ask(["PING"]).await, Reply::Simple("PONG".into()));

    let mut client = Client::connect(address).await;
    let hello = client
        .ask(["HELLO", "3", "AUTH", "default", password])
        .await;
    assert!(matches!(hello, Reply::Map(fields) if fields.len() == 7));

    // Before that nobody may have the node hold much.
    let mut client = Client::connect(address).await;
    let answer = client.exchange(b"*1\r\n$1000000\r\n", 1).await;
    assert_eq!(
        answer,
        b"-ERR Protocol error: unauthenticated bulk length\r\n"
    );
    assert!(client.is_closed().await);
}
