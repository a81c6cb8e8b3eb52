//! Replies byte by byte beside those of a real Redis 7.0, in both dialects.
//!
//! Each case is some lines that are sent to both; all that is answered must be the same, but for
//! the differences that are named here, one by one, each with its reason. What only later versions
//! of Redis have is compared with what their documentation says. Skipped, with a line that says so,
//! where redis-server 7.0 is not installed.

mod scripts;
#[path = "../../../crates/resp/tests/redis/server.rs"]
mod server;
mod table;

use super::client::{Client, split};
use crate::harness::Cluster;
use server::RedisServer;
use table::{DIFFERENT, Difference, LATER, cases};

/// What each case begins with: no register that a case uses holds anything.
const BEFORE: &str = "RESET\r\nHELLO 2\r\nDEL k n x y z nothing\r\n";
const BEFORE_RESP3: &str = "RESET\r\nHELLO 3\r\nDEL k n x y z nothing\r\n";
const BEFORE_COUNT: usize = 3;

fn wire(lines: &str, before: &str) -> (Vec<u8>, usize) {
    let lines: Vec<&str> = lines.split('\n').collect();
    let bytes = format!("{before}{}\r\n", lines.join("\r\n"));
    (bytes.into_bytes(), BEFORE_COUNT + lines.len())
}

fn of_redis(redis: &RedisServer, lines: &str, before: &str) -> Vec<u8> {
    let (bytes, count) = wire(lines, before);
    let answer = redis.answer(&bytes, |answer| split(answer).len() >= count);
    without_before(&answer)
}

async fn of_ours(client: &mut Client, lines: &str, before: &str) -> Vec<u8> {
    let (bytes, count) = wire(lines, before);
    let answer = client.exchange(&bytes, count).await;
    without_before(&answer)
}

fn without_before(answer: &[u8]) -> Vec<u8> {
    let replies = split(answer).into_iter().skip(BEFORE_COUNT);
    replies.flat_map(|(_, bytes)| bytes).collect()
}

#[tokio::test]
async fn replies_are_those_of_redis_byte_by_byte() {
    let Some(redis) = RedisServer::start(&[]) else {
        return;
    };
    let cluster = Cluster::start(1).await;
    let mut client = Client::connect(cluster[0].address()).await;
    let cases = cases();
    let mut wrong = Vec::new();
    for before in [BEFORE, BEFORE_RESP3] {
        for lines in &cases {
            let expected = of_redis(&redis, lines, before);
            let got = of_ours(&mut client, lines, before).await;
            if got != expected {
                wrong.push(format!(
                    "{lines}\n  redis: {}\n   ours: {}",
                    expected.escape_ascii(),
                    got.escape_ascii()
                ));
            }
        }
    }
    let (commands, count) = (
        cases
            .iter()
            .map(|lines| lines.lines().count())
            .sum::<usize>(),
        wrong.len(),
    );
    wrong.truncate(60);
    assert!(
        wrong.is_empty(),
        "{count} cases differ:\n{}",
        wrong.join("\n")
    );
    println!(
        "{} cases of {commands} commands compared, in each dialect",
        cases.len()
    );
}

#[tokio::test]
async fn what_differs_from_redis_is_named_and_is_as_it_is_told() {
    let Some(redis) = RedisServer::start(&[]) else {
        return;
    };
    let cluster = Cluster::start(1).await;
    let mut client = Client::connect(cluster[0].address()).await;
    for Difference { lines, ours, why } in DIFFERENT {
        let theirs = of_redis(&redis, lines, BEFORE);
        let got = of_ours(&mut client, lines, BEFORE).await;
        let got = String::from_utf8_lossy(&got);
        assert!(got.ends_with(ours), "{lines}: {got:?}");
        assert_ne!(got.as_bytes(), theirs, "{lines} is no difference: {why}");
        println!("{}: {why}", lines.replace('\n', "; "));
    }
}

#[tokio::test]
async fn commands_of_later_versions_answer_as_they_are_documented() {
    let cluster = Cluster::start(1).await;
    let mut client = Client::connect(cluster[0].address()).await;
    for (lines, documented) in LATER {
        let got = of_ours(&mut client, lines, BEFORE).await;
        let got = String::from_utf8_lossy(&got);
        assert_eq!(got, *documented, "{lines}");
    }
}
