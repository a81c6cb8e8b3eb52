//! What cluster clients are told.

use super::client::{Client, error_of, items, ok, text};
use crate::harness::{Cluster, eventually};
use resp::Reply;
use std::collections::BTreeMap;

fn integer(reply: &Reply) -> i64 {
    match reply {
        Reply::Integer(value) => *value,
        other => panic!("no integer: {other:?}"),
    }
}

/// By the first slot of each range: its last one, and the ports of its nodes in order.
fn ranges(reply: &Reply) -> BTreeMap<i64, (i64, Vec<i64>)> {
    let range = |range: &Reply| {
        let fields = items(range);
        let node = |node: &Reply| {
            assert_eq!(text(&items(node)[0]), "127.0.0.1");
            integer(&items(node)[1])
        };
        let nodes = fields[2..].iter().map(node).collect();
        (integer(&fields[0]), (integer(&fields[1]), nodes))
    };
    items(reply).iter().map(range).collect()
}

fn assert_all_slots(ranges: &BTreeMap<i64, (i64, Vec<i64>)>) {
    let mut next = 0;
    for (first, (last, nodes)) in ranges {
        assert_eq!(*first, next);
        assert!(!nodes.is_empty());
        next = last + 1;
    }
    assert_eq!(next, 16_384);
}

#[tokio::test]
async fn every_node_tells_the_same_map_and_all_of_them_lead_some_slots() {
    let cluster = Cluster::start(3).await;
    let mut maps = Vec::new();
    for node in [&cluster[0], &cluster[1], &cluster[2]] {
        let mut client = Client::connect(node.address()).await;
        let map = ranges(&client.ask(["CLUSTER", "SLOTS"]).await);
        assert_all_slots(&map);
        let nodes = text(&client.ask(["CLUSTER", "NODES"]).await);
        assert_eq!(nodes.lines().count(), 3, "{nodes}");
        assert_eq!(nodes.matches("myself,master").count(), 1, "{nodes}");
        let me = text(&client.ask(["CLUSTER", "MYID"]).await);
        assert!(
            nodes
                .lines()
                .any(|line| line.starts_with(&me) && line.contains("myself"))
        );
        let info = text(&client.ask(["CLUSTER", "INFO"]).await);
        assert!(info.starts_with("cluster_state:ok\r\n"), "{info}");
        maps.push(map);
    }
    assert!(maps.iter().all(|map| *map == maps[0]), "{maps:?}");
    let mut leaders: Vec<i64> = maps[0].values().map(|(_, nodes)| nodes[0]).collect();
    leaders.sort_unstable();
    leaders.dedup();
    let ports: Vec<i64> = (0..3).map(|index| cluster[index].port().into()).collect();
    assert_eq!(leaders, ports);
}

#[tokio::test]
async fn a_node_that_has_died_leads_nothing_any_more() {
    let mut cluster = Cluster::start(3).await;
    let dead = i64::from(cluster[2].port());
    cluster[2].kill();
    let mut client = Client::connect(cluster[0].address()).await;
    eventually("the dead node is left out of the map", async || {
        let map = ranges(&client.ask(["CLUSTER", "SLOTS"]).await);
        assert_all_slots(&map);
        map.values().all(|(_, nodes)| !nodes.contains(&dead))
    })
    .await;
    // A write is on a majority still, and the state is no failure.
    assert_eq!(client.ask(["SET", "a", "b"]).await, ok());
    assert_eq!(client.ask(["WAIT", "1", "0"]).await, Reply::Integer(1));
    let info = text(&client.ask(["CLUSTER", "INFO"]).await);
    assert!(info.starts_with("cluster_state:ok\r\n"), "{info}");
    let nodes = text(&client.ask(["CLUSTER", "NODES"]).await);
    assert_eq!(nodes.matches("master,fail ").count(), 1, "{nodes}");
}

#[tokio::test]
async fn without_a_majority_it_is_said_that_the_cluster_is_down() {
    let mut cluster = Cluster::start_with(3, &["--timeout-ms", "1000"]).await;
    cluster[1].kill();
    cluster[2].kill();
    let mut client = Client::connect(cluster[0].address()).await;
    eventually("the state is a failure", async || {
        let info = text(&client.ask(["CLUSTER", "INFO"]).await);
        info.starts_with("cluster_state:fail\r\n")
    })
    .await;
    for lines in ["MULTI\nSET a 1\nINCR a\nEXEC", "WATCH a"] {
        let answers = client.ask_lines(lines).await;
        let error = error_of(answers.last().expect("an answer"));
        assert!(error.starts_with("CLUSTERDOWN "), "{error}");
    }
    // What asks for no register goes on.
    assert_eq!(client.ask(["PING"]).await, Reply::Simple("PONG".into()));
}
