//! Many clients at once.

use crate::harness::{Client, Cluster, Load, LoadPlan, PATIENCE};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

#[tokio::test]
async fn a_thousand_clients_at_once_are_all_served() {
    const CLIENTS: usize = 1000;
    const ROUNDS: usize = 3;
    allow_open_files(4096);
    let cluster = Cluster::start(3).await;
    let started = Instant::now();
    let mut clients = JoinSet::new();
    for number in 0..CLIENTS {
        let mut client = cluster[number % 3].client();
        clients.spawn(async move {
            let (own, shared) = (format!("own-{number}"), format!("shared-{}", number % 7));
            let mut slowest = Duration::ZERO;
            for round in 0..ROUNDS {
                let value = format!("{number}/{round}");
                for (name, is_write) in [
                    (&own, true),
                    (&own, false),
                    (&shared, true),
                    (&shared, false),
                ] {
                    let path = format!("/v1/registers/{name}?timeout_ms=30000");
                    let request = match is_write {
                        true => Client::put(&path, value.as_str()),
                        false => Client::get(&path),
                    };
                    let sent = Instant::now();
                    let answer = client.send(request, 2 * PATIENCE).await;
                    slowest = slowest.max(sent.elapsed());
                    let answer = answer.unwrap_or_else(|lost| panic!("client {number}: {lost:?}"));
                    answer.assert_status(if is_write { 204 } else { 200 });
                    if !is_write && *name == own {
                        assert_eq!(answer.text(), value);
                    }
                }
            }
            slowest
        });
    }
    let slowest = clients
        .join_all()
        .await
        .into_iter()
        .max()
        .expect("there are clients");
    let took = started.elapsed();
    let operations = CLIENTS * ROUNDS * 4;
    println!(
        "{CLIENTS} clients: {operations} operations in {took:?} ({:.0} a second), the slowest in \
         {slowest:?}",
        operations as f64 / took.as_secs_f64()
    );
}

#[tokio::test]
async fn what_concurrent_clients_of_few_registers_see_is_linearizable() {
    for plan in [
        LoadPlan {
            clients_per_node: 8,
            registers: 3,
            ..LoadPlan::default()
        },
        LoadPlan {
            clients_per_node: 3,
            registers: 2,
            one_delete_in: 8,
            ..LoadPlan::default()
        },
    ] {
        let cluster = Cluster::start(3).await;
        let started = Instant::now();
        let load = Load::start(&cluster, plan);
        load.progress(&[0, 1, 2], 4000 / (3 * plan.clients_per_node as u64))
            .await;
        let took = started.elapsed();
        let sum = load.sum(&[0, 1, 2]);
        sum.assert_none_failed();
        let figures = load.finish().await;
        println!(
            "{} clients on {} registers, {:.0} operations a second: {sum}; {figures}",
            3 * plan.clients_per_node,
            plan.registers,
            sum.done as f64 / took.as_secs_f64()
        );
    }
}

#[tokio::test]
async fn connections_that_say_nothing_keep_nobody_out() {
    /// More than a node lets wait for their first byte.
    const SILENT: usize = 4200;
    allow_open_files(8192);
    let cluster = Cluster::start(1).await;
    let mut silent = Vec::new();
    for count in 0..SILENT {
        let connection = TcpStream::connect(cluster[0].address()).await;
        silent.push(connection.expect("the node accepts"));
        // Also while the node runs out of room for them.
        if count > SILENT - 200 {
            cluster[0].get("/livez").await.assert_status(200);
        }
    }
    let started = Instant::now();
    for _ in 0..20 {
        cluster[0].get("/livez").await.assert_status(200);
    }
    let took = started.elapsed();
    println!("beside {SILENT} silent connections: 20 new ones were served in {took:?}");
}

/// Raises the number of files that this process and its children may have open. The usual number,
/// 1,024, has no room for both ends of the clients' connections.
fn allow_open_files(count: u64) {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("the limit can be read");
    assert!(
        hard >= count,
        "at most {hard} files may be open here, and {count} are needed"
    );
    if soft < count {
        setrlimit(Resource::RLIMIT_NOFILE, count, hard).expect("the limit can be raised");
    }
}
