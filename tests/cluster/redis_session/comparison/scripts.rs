//! Lock scripts, run by both: whoever holds the lock, and whatever it holds.

use super::{BEFORE, Client, RedisServer, of_ours, of_redis};
use crate::harness::Cluster;

/// Scripts of lock libraries, in other words; each line is one.
const SCRIPTS: &str = include_str!("scripts.lua");

/// What somebody says who holds the lock, or does not.
const ARGUMENTS: [&str; 7] = [
    "mine 500000",
    "others 500000",
    "mine 500000 0",
    "mine 500000 1",
    "others 500000 0",
    "mine 1400 0",
    "mine 1400",
];

/// How the lock is.
const HELD: [&str; 4] = [
    "DEL k",
    "SET k mine",
    "SET k mine EX 100",
    "SET k others EX 100",
];

#[tokio::test]
async fn lock_scripts_answer_and_do_what_redis_does() {
    let Some(redis) = RedisServer::start(&[]) else {
        return;
    };
    let cluster = Cluster::start(1).await;
    let mut client = Client::connect(cluster[0].address()).await;
    let scripts = SCRIPTS
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with("--"));
    let mut count = 0;
    for script in scripts {
        for held in HELD {
            for arguments in ARGUMENTS {
                // What takes no time to live has less to say.
                let wants_three = script.contains("ARGV[3]");
                if wants_three && arguments.split(' ').count() < 3 {
                    continue;
                }
                // To the second, as a lock's time passes meanwhile.
                let eval = format!("EVAL \"{}\" 1 k {arguments}", script.replace('"', "\\\""));
                let lines = match script.contains("pttl', KEYS[1]) return")
                    || script.contains("return redis.call('pttl'")
                {
                    // How long it lasts is another moment's answer.
                    true if held.contains(" EX ") => continue,
                    _ => format!("{held}\n{eval}\nGET k\nTTL k"),
                };
                let expected = of_redis(&redis, &lines, BEFORE);
                let got = of_ours(&mut client, &lines, BEFORE).await;
                assert_eq!(
                    got.escape_ascii().to_string(),
                    expected.escape_ascii().to_string(),
                    "{lines}"
                );
                count += 1;
            }
        }
    }
    println!("{count} runs of scripts compared");
}
