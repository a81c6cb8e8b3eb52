//! Which registers there are, while nodes die, come back, freeze, join and leave.

use crate::harness::{Client, Cluster, Node, PATIENCE, RedisClient, eventually, run};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;
use tokio::task::JoinHandle;

/// How many registers hold a value all the while.
const STAYING: u32 = 400;

/// How many come and go.
const CHANGING: u32 = 40;

/// How many names a page has: so few that iterations take a while.
const PAGE: u32 = 25;

/// How long a page may take. A node that takes longer is left out of that iteration.
const PAGE_PATIENCE: Duration = Duration::from_secs(2);

#[tokio::test]
async fn what_holds_a_value_all_the_while_is_listed_once_whatever_becomes_of_nodes() {
    let mut cluster = Cluster::start(3).await;
    write_what_stays(&cluster[0]).await;
    let survivor = cluster[0].address();
    let changer = Changer::start(survivor);
    let lister = Lister::start(cluster.nodes().iter().map(Node::address).collect());
    lister.progress(2).await;

    cluster[1].kill();
    lister.progress(2).await;
    cluster[1].start();
    cluster.whole(&[0, 1, 2]).await;
    lister.progress(2).await;

    cluster[2].freeze().await;
    lister.progress(2).await;
    cluster[2].thaw();
    cluster.whole(&[0, 1, 2]).await;

    let joiner = cluster.start_joiner(&[]).await;
    cluster.whole(&[0, 1, 2, joiner]).await;
    lister.progress(2).await;
    let leaver = cluster[2].address().to_string();
    cluster[0].remove(&leaver).await.assert_status(202);
    cluster.whole(&[0, 1, joiner]).await;
    lister.progress(2).await;

    let (iterations, pages) = lister.finish().await;
    let changes = changer.finish().await;
    println!("{iterations} iterations of {pages} pages in all, beside {changes} changes");
}

#[tokio::test]
async fn a_node_that_is_no_member_says_that_it_cannot_list() {
    let mut cluster = Cluster::start(3).await;
    let joiner = cluster.start_joiner(&[]).await;
    cluster.whole(&[0, 1, 2, joiner]).await;
    let leaver = cluster[joiner].address().to_string();
    cluster[0].remove(&leaver).await.assert_status(202);
    cluster.whole(&[0, 1, 2]).await;
    eventually("it says so", async || {
        let answer = cluster[joiner].get("/v1/registers").await;
        answer.status == 503 && answer.json()["type"] == "urn:shardedmemory:problem:no-member"
    })
    .await;
    let mut redis = RedisClient::connect(cluster[joiner].address()).await;
    let answer = redis.ask(&["SCAN", "0"]).await;
    assert!(
        answer.contains("CLUSTERDOWN this node is no member"),
        "{answer}"
    );
}

#[tokio::test]
async fn without_a_majority_a_listing_is_refused_in_time() {
    let mut cluster = Cluster::start(3).await;
    cluster[0]
        .put("/v1/registers/a", "1")
        .await
        .assert_status(204);
    cluster[1].kill();
    cluster[2].kill();
    let answer = cluster[0].get("/v1/registers?timeout_ms=500").await;
    answer.assert_status(503);
}

#[tokio::test]
async fn redis_commands_on_names_tell_of_all_that_http_wrote() {
    let cluster = Cluster::start(3).await;
    let mut redis = RedisClient::connect(cluster[1].address()).await;
    assert_eq!(redis.ask(&["DBSIZE"]).await, ":0");
    assert_eq!(redis.ask(&["RANDOMKEY"]).await, "nil");
    for number in 0..120 {
        let path = format!("/v1/registers/key:{number}");
        cluster[0].put(&path, "1").await.assert_status(204);
    }
    // Many of one slot.
    for number in 0..80 {
        let name = format!("{{tag}}:{number}");
        redis.ask(&["SET", &name, "1"]).await;
    }
    redis.ask(&["SET", "fleeting", "1", "PX", "1"]).await;
    redis.ask(&["DEL", "key:7"]).await;
    eventually("what has expired is not counted", async || {
        let mut redis = RedisClient::connect(cluster[2].address()).await;
        redis.ask(&["DBSIZE"]).await == ":199"
    })
    .await;
    let random = redis.ask(&["RANDOMKEY"]).await;
    assert!(
        random.contains("key:") || random.contains("{tag}:"),
        "{random}"
    );

    let mut seen = Vec::new();
    let mut cursor = "0".to_owned();
    for call in 0.. {
        // Each page is asked of another node.
        let mut redis = RedisClient::connect(cluster[call % 3].address()).await;
        let page = scan(&mut redis, &["SCAN", &cursor, "COUNT", "30"]).await;
        seen.extend(page.1);
        cursor = page.0;
        if cursor == "0" {
            break;
        }
    }
    seen.sort();
    let mut expected: Vec<String> = (0..120).map(|number| format!("key:{number}")).collect();
    expected.retain(|name| name != "key:7");
    expected.extend((0..80).map(|number| format!("{{tag}}:{number}")));
    expected.sort();
    assert_eq!(seen, expected);

    let (_, matching) = scan(
        &mut redis,
        &["SCAN", "0", "COUNT", "1000", "MATCH", "key:1?"],
    )
    .await;
    assert_eq!(matching.len(), 10);
    let keys = redis.ask(&["KEYS", "key:1?"]).await;
    assert!(keys.contains("key:10") && !keys.contains("key:2"), "{keys}");
    let error = redis.ask(&["SCAN", "17"]).await;
    assert!(error.contains("ERR invalid cursor"), "{error}");
}

#[tokio::test]
async fn the_command_line_prints_the_names() {
    let cluster = Cluster::start(3).await;
    let nodes = cluster.addresses().join(",");
    for path in ["a%0Ab", "a%5Cb", "%ff", "plain", "planned"] {
        let path = format!("/v1/registers/{path}");
        cluster[0].put(&path, "1").await.assert_status(204);
    }
    let list = async |more: &[&str]| {
        let line = [&["list", "--node", &nodes][..], more].concat();
        let ended = run(&line).await;
        let mut lines: Vec<_> = ended
            .assert_code(0)
            .stdout
            .lines()
            .map(str::to_owned)
            .collect();
        lines.sort();
        lines
    };
    assert_eq!(
        list(&[]).await,
        ["\\xff", "a\\\\b", "a\\nb", "plain", "planned"]
    );
    assert_eq!(list(&["--prefix", "pla"]).await, ["plain", "planned"]);
    assert_eq!(list(&["--match", "*n"]).await, ["plain"]);
    assert_eq!(list(&["--limit", "2"]).await.len(), 2);
    let json = list(&["--json", "--match", "[^a-z]*"]).await;
    assert_eq!(json, [r#"{"name_base64":"/w=="}"#]);
}

/// The cursor and the names that a `SCAN` returns.
async fn scan(redis: &mut RedisClient, words: &[&str]) -> (String, Vec<String>) {
    let page = redis.ask(words).await;
    // The names of these tests are written in JSON as the harness writes them.
    serde_json::from_str(&page).unwrap_or_else(|_| panic!("{words:?} is answered with {page}"))
}

async fn write_what_stays(node: &Node) {
    let mut client = node.client();
    for number in 0..STAYING {
        let request = Client::put(&format!("/v1/registers/stays:{number}"), "1");
        let answer = client.send(request, PATIENCE).await.expect("all nodes run");
        assert_eq!(answer.status, 204);
    }
}

/// A client that writes and deletes registers.
struct Changer {
    is_done: Arc<AtomicBool>,
    task: JoinHandle<u32>,
}

impl Changer {
    fn start(node: SocketAddr) -> Self {
        let is_done = Arc::<AtomicBool>::default();
        let task = tokio::spawn(change(node, Arc::clone(&is_done)));
        Self { is_done, task }
    }

    /// How much it changed.
    async fn finish(self) -> u32 {
        self.is_done.store(true, Ordering::Relaxed);
        self.task.await.expect("it changes what it can")
    }
}

async fn change(node: SocketAddr, is_done: Arc<AtomicBool>) -> u32 {
    let mut client = Client::new(node);
    let mut changes = 0;
    while !is_done.load(Ordering::Relaxed) {
        let path = format!("/v1/registers/changes:{}", changes % CHANGING);
        let request = match changes / CHANGING % 2 {
            0 => Client::put(&path, "1"),
            _ => Client::delete(&path),
        };
        // One that fails is one change less, or one more.
        let _ = client.send(request, PATIENCE).await;
        changes += 1;
    }
    changes
}

/// A client that lists all registers, over and over, and looks at what it is told.
struct Lister {
    iterations: Arc<AtomicU32>,
    is_done: Arc<AtomicBool>,
    task: JoinHandle<u32>,
}

impl Lister {
    fn start(nodes: Vec<SocketAddr>) -> Self {
        let (iterations, is_done) = (Arc::<AtomicU32>::default(), Arc::<AtomicBool>::default());
        let task = list(nodes, Arc::clone(&iterations), Arc::clone(&is_done));
        Self {
            task: tokio::spawn(task),
            iterations,
            is_done,
        }
    }

    /// Waits until so many more iterations are done, all of which began after now but the first.
    async fn progress(&self, more: u32) {
        let from = self.iterations.load(Ordering::Relaxed);
        eventually("all registers are listed again", async || {
            assert!(!self.task.is_finished(), "what it was told is wrong");
            self.iterations.load(Ordering::Relaxed) > from + more
        })
        .await;
    }

    /// How many iterations it did, and of how many pages.
    async fn finish(self) -> (u32, u32) {
        self.is_done.store(true, Ordering::Relaxed);
        let pages = self.task.await.expect("what it was told is right");
        (self.iterations.load(Ordering::Relaxed), pages)
    }
}

async fn list(nodes: Vec<SocketAddr>, iterations: Arc<AtomicU32>, is_done: Arc<AtomicBool>) -> u32 {
    let mut clients: Vec<Client> = nodes.into_iter().map(Client::new).collect();
    let mut pages = 0;
    while !is_done.load(Ordering::Relaxed) {
        let mut times: BTreeMap<String, u32> = BTreeMap::new();
        let mut cursor = String::from("0");
        let mut silent = BTreeSet::new();
        while cursor != "end" {
            // Each page is asked of another node, and of the next one if that one cannot give it.
            let path = format!("/v1/registers?limit={PAGE}&timeout_ms=1000&cursor={cursor}");
            pages += 1;
            let index = pages as usize % clients.len();
            if silent.contains(&index) {
                continue;
            }
            let answer = clients[index].send(Client::get(&path), PAGE_PATIENCE).await;
            let Ok(answer) = answer else {
                silent.insert(index);
                continue;
            };
            if answer.status != 200 {
                continue;
            }
            let page: Value = serde_json::from_slice(&answer.body).expect("JSON");
            let names = page["registers"].as_array().expect("a list").iter();
            assert!(names.len() <= PAGE as usize);
            for name in names {
                let name = name["name"].as_str().expect("text").to_owned();
                *times.entry(name).or_default() += 1;
            }
            cursor = page["cursor"].as_str().unwrap_or("end").to_owned();
        }
        for number in 0..STAYING {
            let name = format!("stays:{number}");
            assert_eq!(times.remove(&name), Some(1), "{name}");
        }
        let is_known = |name: &String| name.starts_with("changes:");
        assert!(times.keys().all(is_known), "{times:?} never were");
        assert!(times.values().all(|times| *times == 1), "{times:?}");
        iterations.fetch_add(1, Ordering::Relaxed);
    }
    pages
}
