//! `bench`: what a load on a real cluster tells.

use crate::harness::{Cluster, Ended, run};
use serde_json::Value;
use std::path::PathBuf;

#[tokio::test]
async fn a_load_over_http_is_told_in_figures_and_in_a_picture() {
    let cluster = Cluster::start(3).await;
    let picture = PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
        .join(format!("bench-{}.svg", std::process::id()));
    let path = picture.to_str().expect("a path");
    let flags = ["--operations", "600", "--pipeline", "4", "--svg", path];
    let ended = bench(&cluster, "http", &flags).await;
    let told = ended.assert_code(0).json();
    check(&told, &cluster, 600);
    let figures = &told["systems"][0]["figures"];
    let (reads, writes) = (&figures["reads"]["done"], &figures["writes"]["done"]);
    assert!(
        reads.as_u64() > Some(100) && writes.as_u64() > Some(100),
        "{figures}"
    );
    assert_eq!(
        figures["reads"]["found_nothing"], 0,
        "all were written before"
    );

    let drawn = std::fs::read_to_string(&picture).expect("there is a picture");
    let parsed = roxmltree::Document::parse(&drawn).expect("it is well-formed");
    let texts = parsed.descendants().filter_map(|element| element.text());
    let texts: Vec<&str> = texts.collect();
    for node in cluster.addresses() {
        assert!(texts.contains(&node.as_str()), "{texts:?}");
    }
    std::fs::remove_file(&picture).expect("it is there");
}

#[tokio::test]
async fn a_load_by_the_redis_protocol_has_conditional_writes() {
    let cluster = Cluster::start(3).await;
    let flags = [
        "--operations",
        "600",
        "--conditional",
        "0.3",
        "--pipeline",
        "8",
    ];
    let ended = bench(&cluster, "redis", &flags).await;
    let told = ended.assert_code(0).json();
    check(&told, &cluster, 600);
    let conditional = &told["systems"][0]["figures"]["conditional_writes"];
    assert!(conditional["done"].as_u64() > Some(50), "{told}");
    assert_eq!(conditional["condition_unmet"], 0, "all were written before");
}

#[tokio::test]
async fn the_same_load_is_put_on_another_system_in_turn() {
    let cluster = Cluster::start(3).await;
    let other = format!("http://{}", cluster.addresses()[2]);
    let flags = ["--operations", "200", "--rounds", "2", "--compare", &other];
    let ended = bench(&cluster, "http", &flags).await;
    let told = ended.assert_code(0).json();
    let systems = told["systems"].as_array().expect("a list");
    assert_eq!(systems.len(), 2);
    assert_eq!(systems[1]["system"], other);
    for system in systems {
        assert_eq!(system["rounds"].as_array().map(Vec::len), Some(2));
        assert_eq!(system["figures"]["all"]["done"], 400);
    }
    let ratio = &systems[1]["first_beside_this"]["all"]["operations_per_second"];
    assert!(ratio.as_f64() > Some(0.0), "{told}");
}

#[tokio::test]
async fn what_a_dead_node_does_not_do_is_counted_and_the_others_have_no_gap_for_it() {
    let mut cluster = Cluster::start(3).await;
    let dead = cluster.addresses()[1].clone();
    cluster[1].kill();
    let flags = ["--seconds", "2", "--no-fill", "--timeout-ms", "20000"];
    let ended = bench(&cluster, "http", &flags).await;
    let told = ended.assert_code(1).json();
    let system = &told["systems"][0];
    for (name, node) in system["nodes"].as_object().expect("an object") {
        let gap = &node["longest_without_success"]["all"]["ms"];
        if *name == dead {
            assert_eq!(node["done"], 0, "{node}");
            assert!(node["failed"].as_u64() > Some(0), "{node}");
            assert_eq!(gap.as_f64(), Some(2000.0), "{node}");
        } else {
            assert!(node["done"].as_u64() > Some(0), "{node}");
            assert_eq!(node["failed"], 0, "{node}");
            assert!(gap.as_f64() < Some(2000.0), "{node}");
        }
    }
    let error = &system["errors"][0];
    assert_eq!(error["kind"], "no connection", "{system}");
    assert_eq!(error["count"], told["failed"], "{system}");
}

#[tokio::test]
async fn a_load_that_cannot_be_is_refused() {
    let ended = run(&[
        "bench",
        "--node",
        "127.0.0.1:1",
        "--clients",
        "1",
        "--operations",
        "1",
    ])
    .await;
    ended.assert_code(1);
    assert!(ended.stderr.contains("did not write"), "{ended:?}");
    let ended = run(&["bench", "--reads", "0.8", "--conditional", "0.3"]).await;
    ended.assert_code(2);
}

/// That a load of so many operations went well at every node.
fn check(told: &Value, cluster: &Cluster, operations: u64) {
    println!("{told:#}");
    assert_eq!(told["failed"], 0);
    let system = &told["systems"][0];
    let all = &system["figures"]["all"];
    // What clients were about to begin when measuring began may count, too.
    let done = all["done"].as_u64().expect("a number");
    assert!(
        (operations..operations + operations / 2).contains(&done),
        "{done}"
    );
    assert!(all["operations_per_second"].as_f64() > Some(0.0));
    let latency = |key: &str| all["latency_ms"][key].as_f64().expect("a number");
    let rising = ["p50", "p90", "p99", "p99.9", "max"].map(latency);
    assert!(rising[0] > 0.0 && rising.is_sorted(), "{rising:?}");
    for node in cluster.addresses() {
        let done = &system["nodes"][&node]["done"];
        assert!(done.as_u64() > Some(0), "{node}: {done}");
    }
    assert!(
        told["remarks"]
            .as_array()
            .is_some_and(|remarks| !remarks.is_empty())
    );
}

async fn bench(cluster: &Cluster, protocol: &str, flags: &[&str]) -> Ended {
    let nodes = cluster.addresses().join(",");
    let mut arguments = vec!["bench", "--json", "--node", &nodes, "--protocol", protocol];
    arguments.extend(["--clients", "6", "--registers", "50", "--warm-up-ms", "100"]);
    arguments.extend(flags);
    run(&arguments).await
}
