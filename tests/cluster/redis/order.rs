//! Many commands at once: they run side by side, and take effect and are answered in order.

use crate::harness::{Cluster, RedisClient, request};
use std::time::{Duration, Instant};

#[tokio::test]
async fn what_is_asked_of_one_register_at_once_takes_effect_in_that_order() {
    let cluster = Cluster::start(3).await;
    let mut client = RedisClient::connect(cluster[0].address()).await;
    for round in 1..=200 {
        let name = format!("register-{round}");
        let [first, second] = [format!("{round}"), format!("{round}0")];
        let commands: &[(&[&str], String)] = &[
            (&["GET", &name], "nil".into()),
            (&["SET", &name, &first], "+OK".into()),
            (&["SET", &name, &second], "+OK".into()),
            (&["GET", &name], format!("{second:?}")),
            (&["INCR", &name], format!(":{}", round * 10 + 1)),
            (&["GET", &name], format!("\"{}\"", round * 10 + 1)),
            (&["GET", &name], format!("\"{}\"", round * 10 + 1)),
            (&["SET", &name, "x", "NX"], "nil".into()),
            (&["DEL", &name, &name], ":1".into()),
            (&["EXISTS", &name], ":0".into()),
            (&["SET", &name, "y", "NX"], "+OK".into()),
            (&["APPEND", &name, "z"], ":2".into()),
            (&["GETDEL", &name], "\"yz\"".into()),
            (
                &["MSET", &name, "1", "other", "2", &name, "3"],
                "+OK".into(),
            ),
            (
                &["MGET", &name, "none", "other"],
                "[\"3\", nil, \"2\"]".into(),
            ),
            (&["STRLEN", &name], ":1".into()),
        ];
        let asked: Vec<&[&str]> = commands.iter().map(|(words, _)| *words).collect();
        let replies = client.pipeline(&asked).await;
        for ((words, expected), reply) in commands.iter().zip(replies) {
            assert_eq!(&reply, expected, "{words:?}");
        }
    }
}

#[tokio::test]
async fn answers_come_in_order_whatever_takes_how_long() {
    const COUNT: usize = 20_000;
    let cluster = Cluster::start(3).await;
    let mut client = RedisClient::connect(cluster[1].address()).await;
    let number = |index: usize| index.to_string();
    let mut asked = Vec::new();
    for index in 0..COUNT {
        asked.extend(match index % 5 {
            // On one register, where they wait for each other.
            0 => request(&["INCR", "counter"]),
            1 => request(&["ECHO", &number(index)]),
            2 => request(&["SET", &number(index), &number(index)]),
            3 => request(&["GET", &number(index - 1)]),
            _ => request(&["MGET", &number(index - 2), "none", &number(index - 2)]),
        });
    }
    let started = Instant::now();
    let replies = client.exchange(asked, COUNT).await;
    for (index, reply) in replies.iter().enumerate() {
        let expected = match index % 5 {
            0 => format!(":{}", index / 5 + 1),
            1 => format!("\"{index}\""),
            2 => "+OK".to_owned(),
            3 => format!("\"{}\"", index - 1),
            _ => format!("[\"{0}\", nil, \"{0}\"]", index - 2),
        };
        assert_eq!(*reply, expected, "to command {index}");
    }
    println!(
        "{COUNT} commands on one connection took {:?}",
        started.elapsed()
    );
}

#[tokio::test]
async fn a_client_that_has_said_all_still_gets_its_answers() {
    let cluster = Cluster::start(3).await;
    for commands in [1, 10, 3000] {
        let mut client = RedisClient::connect(cluster[0].address()).await;
        client.send(request(&["INCR", "a"]).repeat(commands)).await;
        client.send(request(&["DEL", "a"])).await;
        // The last one is not complete.
        client.send("*2\r\n$3\r\nDEL\r\n").await;
        client.shut_down_sending().await;
        let mut expected: Vec<u8> = Vec::new();
        for count in 1..=commands {
            expected.extend(format!(":{count}\r\n").bytes());
        }
        expected.extend(b":1\r\n");
        let heard = client.heard_until_closed().await;
        let same = heard
            .iter()
            .zip(&expected)
            .take_while(|(a, b)| a == b)
            .count();
        assert!(
            heard == expected,
            "{commands} commands: right up to {:?}, and then {:?}",
            String::from_utf8_lossy(&heard[same.saturating_sub(20)..same]),
            String::from_utf8_lossy(&heard[same..])
        );
    }
}

#[tokio::test]
async fn what_waits_for_one_register_delays_no_answer_of_another_connection() {
    let cluster = Cluster::start(3).await;
    let mut busy = RedisClient::connect(cluster[0].address()).await;
    let mut other = RedisClient::connect(cluster[0].address()).await;
    let increments = 5000;
    let asked = request(&["INCR", "counter"]).repeat(increments);
    let counting = async {
        let replies = busy.exchange(asked, increments).await;
        assert_eq!(replies.last(), Some(&format!(":{increments}")));
        Instant::now()
    };
    let asking = async {
        let mut slowest = Duration::ZERO;
        for index in 0..50 {
            let asked = Instant::now();
            let value = index.to_string();
            assert_eq!(other.ask(&["SET", "other", &value]).await, "+OK");
            assert_eq!(other.ask(&["GET", "other"]).await, format!("{value:?}"));
            slowest = slowest.max(asked.elapsed());
        }
        (Instant::now(), slowest)
    };
    let (busy_until, (other_until, slowest)) = tokio::join!(counting, asking);
    println!("the slowest SET and GET beside {increments} INCRs took {slowest:?}");
    assert!(
        other_until < busy_until,
        "50 SETs and GETs waited for {increments} INCRs of another client"
    );
}
