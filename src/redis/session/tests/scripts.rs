//! Lock scripts.

use super::Client;
use crate::redis::session::scripts::SCRIPTS;

/// A lock that somebody holds.
async fn locked(token: &str) -> Client {
    let mut client = Client::new();
    client.say(&format!("SET lock {token} PX 100000")).await;
    client
}

fn eval(script: &str, arguments: &str) -> String {
    let quoted = script.replace('"', "\\\"");
    format!("EVAL \"{quoted}\" 1 lock {arguments}")
}

#[tokio::test]
async fn who_holds_a_lock_can_release_it_and_nobody_else() {
    for script in &SCRIPTS[..10] {
        let mut client = locked("mine").await;
        let others = client.say(&eval(script, "others")).await;
        assert!(
            client.node.state.lock().content("lock").is_some(),
            "{script}"
        );
        assert!(
            matches!(&*others, ":0\r\n" | "$-1\r\n" | "-ERR ERROR\r\n"),
            "{others}"
        );
        assert_eq!(
            client.say(&eval(script, "mine")).await,
            ":1\r\n",
            "{script}"
        );
        assert_eq!(client.node.state.lock().content("lock"), None, "{script}");
    }
}

#[tokio::test]
async fn who_holds_a_lock_can_extend_it_and_nobody_else() {
    for script in &SCRIPTS[10..20] {
        let mut client = locked("mine").await;
        let others = client.say(&eval(script, "others 500000 0")).await;
        assert_eq!(others, ":0\r\n", "{script}");
        let left = client.say("PTTL lock").await;
        assert!(left.starts_with(":99") || left == ":100000\r\n", "{left}");
        let done = client.say(&eval(script, "mine 500000 1")).await;
        assert!(matches!(&*done, ":1\r\n" | "+OK\r\n"), "{script} {done}");
        let left = client.say("TTL lock").await;
        assert!(
            matches!(&*left, ":500\r\n" | ":500000\r\n"),
            "{script} {left}"
        );
    }
}

#[tokio::test]
async fn a_lock_is_extended_by_what_it_had_left() {
    let mut client = locked("mine").await;
    assert_eq!(
        client.say(&eval(SCRIPTS[16], "mine 400000 0")).await,
        ":1\r\n"
    );
    assert_eq!(client.say("TTL lock").await, ":500\r\n");
    client.say("PERSIST lock").await;
    assert_eq!(
        client.say(&eval(SCRIPTS[16], "mine 400000 0")).await,
        ":0\r\n"
    );
    assert_eq!(client.say("TTL lock").await, ":-1\r\n");
}

#[tokio::test]
async fn a_free_lock_is_taken_once() {
    for script in &SCRIPTS[20..23] {
        let mut client = Client::new();
        let done = client.say(&eval(script, "mine 100000")).await;
        assert!(matches!(&*done, ":1\r\n" | "+OK\r\n"), "{script} {done}");
        let others = client.say(&eval(script, "others 100000")).await;
        assert!(
            matches!(&*others, ":0\r\n" | "$-1\r\n" | "-ERR ERROR\r\n"),
            "{others}"
        );
        assert_eq!(client.node.state.lock().content("lock").unwrap(), "mine");
    }
}

#[tokio::test]
async fn a_script_is_named_by_the_sha1_of_its_text() {
    let mut client = locked("mine").await;
    let script = SCRIPTS[0];
    // Of the text as it stands, as the client reckons it.
    let name = client.say(&format!("SCRIPT LOAD \"{script}\"")).await;
    let name = name.strip_prefix("$40\r\n").unwrap().trim_end().to_owned();
    let mut other = client.another();
    let capitals = name.to_uppercase();
    assert_eq!(
        other
            .say(&format!("SCRIPT EXISTS {name} {capitals} 12"))
            .await,
        "*3\r\n:1\r\n:1\r\n:0\r\n"
    );
    assert_eq!(
        other.say(&format!("EVALSHA {capitals} 1 lock mine")).await,
        ":1\r\n"
    );
    assert_eq!(other.say("SCRIPT FLUSH").await, "+OK\r\n");
    let no_script = "-NOSCRIPT No matching script. Please use EVAL.\r\n";
    assert_eq!(
        other.say(&format!("EVALSHA {name} 1 lock mine")).await,
        no_script
    );
    assert_eq!(other.say("EVALSHA nonsense 1 lock mine").await, no_script);
    client.say(&eval(script, "mine")).await;
    assert_eq!(
        other.say(&format!("EVALSHA {name} 1 lock mine")).await,
        ":0\r\n"
    );
}

#[tokio::test]
async fn any_other_script_is_refused_and_does_nothing() {
    let mut client = locked("mine").await;
    client.node.state.lock().asked.clear();
    for line in [
        "EVAL \"return redis.call('del', KEYS[1])\" 1 lock",
        "SCRIPT LOAD \"return 1\"",
        "EVAL \"\" 0",
    ] {
        let answer = client.say(line).await;
        assert!(
            answer.starts_with("-ERR this script is not known here"),
            "{answer}"
        );
    }
    let script = SCRIPTS[10];
    for (arguments, begin) in [
        (
            "1 lock mine x",
            "-ERR value is not an integer or out of range\r\n",
        ),
        (
            "1 lock mine 9223372036854775807",
            "-ERR value is not an integer",
        ),
        ("1 lock mine", "-ERR this script takes more arguments"),
        (
            "2 lock lock2 mine 5",
            "-ERR this script is known here for one key only",
        ),
        (
            "0 mine 5",
            "-ERR this script is known here for one key only",
        ),
    ] {
        let answer = client.say(&format!("EVAL \"{script}\" {arguments}")).await;
        assert!(answer.starts_with(begin), "{arguments}: {answer}");
    }
    assert!(client.node.state.lock().asked.is_empty());
}

#[tokio::test]
async fn a_script_takes_part_in_a_transaction() {
    let mut client = locked("mine").await;
    let release = eval(SCRIPTS[4], "mine");
    let answer = client
        .say(&format!("MULTI\n{release}\nEXISTS lock\n{release}\nEXEC"))
        .await;
    assert!(answer.ends_with("*3\r\n:1\r\n:0\r\n:0\r\n"), "{answer}");
}
