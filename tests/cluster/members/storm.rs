//! Nodes come, go and die at random, also in the middle of changes.

use crate::harness::{Client, Cluster, Load, LoadPlan, PATIENCE, Registers, eventually};
use rand::rngs::StdRng;
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{RngExt, SeedableRng};
use std::time::{Duration, Instant};

const ROUNDS: usize = 6;

/// What befalls a cluster of which nothing befalls any more.
#[derive(Clone, Copy, Debug)]
enum Blow {
    /// A node is killed, and started again.
    Restart,
    /// A node is frozen for a while.
    Freeze,
    /// A node is removed, and added again.
    Remove,
    /// A node is removed while another one dies and starts again.
    RemoveAmidDeath,
}

#[tokio::test]
async fn whatever_befalls_one_node_after_another_clients_of_the_rest_do_not_notice() {
    let seed = rand::random();
    println!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let mut cluster = Cluster::start(4).await;
    let all = [0, 1, 2, 3];
    let registers = Registers::small(300);
    registers.write(&cluster[0]).await;
    let plan = LoadPlan {
        clients_per_node: 2,
        ..LoadPlan::default()
    };
    let load = Load::start(&cluster, plan);
    load.progress(&all, 20).await;
    for _ in 0..ROUNDS {
        let blows = [
            Blow::Restart,
            Blow::Freeze,
            Blow::Remove,
            Blow::RemoveAmidDeath,
        ];
        let blow = *blows.choose(&mut random).expect("there are some");
        let mut nodes = all;
        nodes.shuffle(&mut random);
        let started = Instant::now();
        strike(&mut cluster, blow, nodes, &load, &mut random).await;
        println!(
            "{blow:?} of {nodes:?} was over after {:?}",
            started.elapsed()
        );
        load.progress(&all, 10).await;
    }
    for node in cluster.nodes() {
        registers.assert_held(node).await;
    }
    println!("{}; {}", load.sum(&all), load.finish().await);
}

/// Strikes the first of the nodes, or the first two, and waits until the cluster is whole again.
/// Clients of the others do not notice.
async fn strike(
    cluster: &mut Cluster,
    blow: Blow,
    nodes: [usize; 4],
    load: &Load,
    random: &mut StdRng,
) {
    let [a, b, c, d] = nodes;
    let others = match blow {
        Blow::RemoveAmidDeath => &[c, d][..],
        Blow::Restart | Blow::Freeze | Blow::Remove => &[b, c, d],
    };
    let before = load.sum(others);
    let address = cluster[a].address().to_string();
    match blow {
        Blow::Restart => {
            cluster[a].kill();
            load.progress(others, 5).await;
            cluster[a].start();
        }
        Blow::Freeze => {
            cluster[a].freeze().await;
            load.progress(others, 20).await;
            cluster[a].thaw();
        }
        Blow::Remove => {
            cluster[b].remove(&address).await.assert_status(202);
            cluster.whole(&[b, c, d]).await;
            cluster[c].add(&address).await.assert_status(202);
        }
        Blow::RemoveAmidDeath => {
            let moment = Duration::from_millis(random.random_range(0..300));
            let request = Client::delete(&format!("/v1/members/{address}"));
            let asking = tokio::spawn(cluster[c].ask(request));
            tokio::time::sleep(moment).await;
            cluster[b].kill();
            let answer = asking.await.expect("an answer");
            println!(
                "killed {b} after {moment:?}, and was told {}",
                answer.text()
            );
            load.progress(others, 5).await;
            cluster[b].start();
            if answer.status == 202 {
                cluster.whole(&[b, c, d]).await;
                cluster[d].add(&address).await.assert_status(202);
            }
        }
    }
    cluster.whole(&nodes).await;
    load.sum(others).assert_none_failed_since(&before);
}

#[tokio::test]
async fn when_the_node_that_was_asked_for_a_change_dies_the_change_is_made_or_not() {
    const ROUNDS: u32 = 5;
    const SPAN: Duration = Duration::from_millis(400);
    let mut cluster = Cluster::start(4).await;
    let registers = Registers::small(200);
    registers.write(&cluster[0]).await;
    let load = Load::start(&cluster, LoadPlan::default());
    load.progress(&[0, 1, 2, 3], 20).await;
    let address = cluster[3].address().to_string();
    for round in 0..ROUNDS {
        let before = load.sum(&[1, 2]);
        let mut client = cluster[0].client();
        let request = Client::delete(&format!("/v1/members/{address}"));
        let asking = tokio::spawn(async move { client.send(request, PATIENCE).await });
        let moment = SPAN * round / ROUNDS;
        tokio::time::sleep(moment).await;
        cluster[0].kill();
        let answer = asking.await.expect("the client does not panic");
        load.progress(&[1, 2], 20).await;
        cluster[0].start();
        let restarted = Instant::now();
        // Until it is back in its place, nobody can say that the change is not to come any more.
        let mut was_made = false;
        eventually(
            "the cluster is whole with or without the node",
            async || {
                was_made = cluster.is_whole(&[0, 1, 2]).await;
                was_made || cluster.is_whole(&[0, 1, 2, 3]).await
            },
        )
        .await;
        println!(
            "asked node died after {moment:?} ({:?}): {}, whole {:?} after its restart",
            answer.map(|answer| answer.status),
            if was_made { "made" } else { "not made" },
            restarted.elapsed()
        );
        load.sum(&[1, 2]).assert_none_failed_since(&before);
        if was_made {
            cluster[1].add(&address).await.assert_status(202);
            cluster.whole(&[0, 1, 2, 3]).await;
        }
    }
    for node in cluster.nodes() {
        registers.assert_held(node).await;
    }
    println!("{}; {}", load.sum(&[0, 1, 2, 3]), load.finish().await);
}
