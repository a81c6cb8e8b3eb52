//! Who is there, and what is asked of the node itself.

use super::Client;
use crate::redis::MultiRegister;

const PASSWORD: &str = "correct-horse-battery";

#[tokio::test]
async fn hello_tells_the_fields_in_their_order_in_either_dialect() {
    let mut client = Client::new();
    let resp2 = "*14\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$5\r\n7.4.0\r\n\
        $5\r\nproto\r\n:2\r\n$2\r\nid\r\n:1\r\n$4\r\nmode\r\n$10\r\nstandalone\r\n\
        $4\r\nrole\r\n$6\r\nmaster\r\n$7\r\nmodules\r\n*0\r\n";
    assert_eq!(client.say("HELLO").await, resp2);
    let resp3 = resp2
        .replace("*14\r\n", "%7\r\n")
        .replace(":2\r\n", ":3\r\n");
    assert_eq!(client.say("HELLO 3").await, resp3);
    assert_eq!(client.say("HELLO").await, resp3);
    assert_eq!(client.say("GET nothing").await, "_\r\n");
    assert_eq!(client.say("hello 2 setname me").await, resp2);
    assert_eq!(client.say("CLIENT GETNAME").await, "$2\r\nme\r\n");
}

#[tokio::test]
async fn hello_without_what_it_needs_changes_nothing() {
    let mut client = Client::new();
    for (line, answer) in [
        ("HELLO 4", "-NOPROTO unsupported protocol version\r\n"),
        (
            "HELLO x",
            "-ERR Protocol version is not an integer or out of range\r\n",
        ),
        (
            "HELLO 3 AUTH default",
            "-ERR Syntax error in HELLO option 'AUTH'\r\n",
        ),
        (
            "HELLO 3 AUTH somebody else",
            "-WRONGPASS invalid username-password pair or user is disabled.\r\n",
        ),
    ] {
        assert_eq!(client.say(line).await, answer, "{line}");
    }
    assert_eq!(client.say("GET nothing").await, "$-1\r\n");
}

#[tokio::test]
async fn with_a_password_nothing_is_done_before_it_is_said() {
    let mut client = Client::with(Some(PASSWORD), MultiRegister::PerCommand);
    assert!(!client.session.is_authenticated());
    let no_auth = "-NOAUTH Authentication required.\r\n";
    for line in [
        "PING",
        "GET a",
        "SET a b EX",
        "MULTI",
        "EXEC",
        "CLIENT ID",
        "INFO",
    ] {
        assert_eq!(client.say(line).await, no_auth, "{line}");
    }
    // What there is not is told before, as Redis does.
    assert!(
        client
            .say("NONSENSE")
            .await
            .starts_with("-ERR unknown command 'NONSENSE'")
    );
    assert!(
        client
            .say("GET")
            .await
            .starts_with("-ERR wrong number of arguments for 'get'")
    );
    assert!(
        client
            .say("HELLO 3")
            .await
            .starts_with("-NOAUTH HELLO must be called with")
    );
    let wrong = "-WRONGPASS invalid username-password pair or user is disabled.\r\n";
    for line in [
        "AUTH wrong",
        "AUTH somebody correct-horse-battery",
        "HELLO 3 AUTH default wrong",
    ] {
        assert_eq!(client.say(line).await, wrong, "{line}");
    }
    assert_eq!(client.say("PING").await, no_auth);
    assert!(client.node.state.lock().asked.is_empty());
    assert_eq!(client.say("AUTH correct-horse-battery").await, "+OK\r\n");
    assert_eq!(client.say("PING").await, "+PONG\r\n");
    assert_eq!(client.say("RESET").await, "+RESET\r\n");
    assert_eq!(client.say("PING").await, no_auth);
    assert!(
        client
            .say("HELLO 3 AUTH default correct-horse-battery")
            .await
            .starts_with("%7\r\n")
    );
    assert!(client.session.is_authenticated());
}

#[tokio::test]
async fn without_a_password_a_client_that_says_one_is_told_or_let_in() {
    let mut client = Client::new();
    let told = client.say("AUTH any").await;
    assert!(told.starts_with("-ERR AUTH <password> called without any password configured"));
    assert_eq!(client.say("AUTH default any").await, "+OK\r\n");
}

#[tokio::test]
async fn reset_forgets_all_but_who_is_connected() {
    let mut client = Client::new();
    client.say("HELLO 3 SETNAME me").await;
    client.say("WATCH a\nMULTI\nSET a b").await;
    assert_eq!(client.say("RESET").await, "+RESET\r\n");
    assert_eq!(client.say("CLIENT GETNAME").await, "$-1\r\n");
    assert_eq!(client.say("EXEC").await, "-ERR EXEC without MULTI\r\n");
    assert_eq!(client.say("CLIENT ID").await, ":1\r\n");
}

#[tokio::test]
async fn quit_answers_and_closes() {
    let mut client = Client::new();
    let (answer, closes) = client.hear("PING\nQUIT\nPING").await;
    assert_eq!(answer, "+PONG\r\n+OK\r\n");
    assert!(closes);
}

#[tokio::test]
async fn a_client_is_listed_with_what_it_said_of_itself() {
    let mut client = Client::new();
    client
        .say("CLIENT SETNAME me\nCLIENT SETINFO LIB-NAME lib\nCLIENT SETINFO lib-ver 1.0")
        .await;
    let mut other = client.another();
    let list = other.say("CLIENT LIST").await;
    let (_, lines) = list.split_once("\r\n").unwrap();
    let lines: Vec<&str> = lines.trim_end().lines().collect();
    assert_eq!(lines.len(), 2);
    assert!(lines[0].starts_with("id=1 addr=127.0.0.1:50000 laddr=127.0.0.1:3030 name=me age="));
    for field in [
        "lib-name=lib",
        "lib-ver=1.0",
        "resp=2",
        "multi=-1",
        "cmd=client",
        "flags=N",
    ] {
        assert!(
            lines[0].split(' ').any(|each| each == field),
            "{field}: {}",
            lines[0]
        );
    }
    assert!(other.say("CLIENT LIST ID 2 7 2").await.contains("id=2 "));
    assert_eq!(other.say("CLIENT LIST TYPE replica").await, "$0\r\n\r\n");
    drop(client);
    assert_eq!(other.say("CLIENT LIST").await.matches("id=").count(), 1);
}

#[tokio::test]
async fn what_is_asked_of_the_node_is_answered() {
    let mut client = Client::new();
    for (line, answer) in [
        ("PING", "+PONG\r\n"),
        ("PING a", "$1\r\na\r\n"),
        ("ECHO a", "$1\r\na\r\n"),
        ("SELECT 0", "+OK\r\n"),
        ("SELECT 1", "-ERR DB index is out of range\r\n"),
        ("READONLY", "+OK\r\n"),
        ("READWRITE", "+OK\r\n"),
        ("CLIENT NO-EVICT on", "+OK\r\n"),
        ("CLIENT NO-TOUCH off", "+OK\r\n"),
        ("ROLE", "*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n"),
        // Of three replicas two hold what is acknowledged.
        ("WAIT 5 0", ":1\r\n"),
        ("CLUSTER KEYSLOT foo", ":12182\r\n"),
        ("CLUSTER KEYSLOT {foo}bar", ":12182\r\n"),
        (
            "CONFIG GET save appendonly",
            "*4\r\n$10\r\nappendonly\r\n$2\r\nno\r\n$4\r\nsave\r\n$0\r\n\r\n",
        ),
    ] {
        assert_eq!(client.say(line).await, answer, "{line}");
    }
    let time = client.say("TIME").await;
    assert!(time.starts_with("*2\r\n$10\r\n1"), "{time}");
    assert!(client.say("COMMAND COUNT").await.starts_with(':'));
    assert!(
        client
            .say("CLUSTER MYID")
            .await
            .starts_with("$40\r\n0000000000000001")
    );
}
