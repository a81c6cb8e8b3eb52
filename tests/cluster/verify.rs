//! `verify` against clusters that are well, that lose a node, that are none, and that lie; and
//! against files.

use crate::harness::{Client, Cluster, Ended, PATIENCE, SOON, eventually, program, signal};
use crate::harness::{free_ports, run, run_with_input};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;
use tokio::process::Child;
use tokio::time::timeout;

/// A run that goes on until it is told to stop.
struct Running(Child);

impl Running {
    fn start(nodes: &[String], arguments: &[&str]) -> Self {
        Self::start_in(&std::env::temp_dir(), nodes, arguments)
    }

    /// Starts it in a directory of its own.
    fn start_in(directory: &Path, nodes: &[String], arguments: &[&str]) -> Self {
        let nodes = nodes.join(",");
        let mut command = program();
        command
            .args([
                "verify",
                "--node",
                &nodes,
                "--seconds",
                "3600",
                "--rate",
                "2000",
            ])
            .args(arguments)
            .current_dir(directory)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let child = tokio::process::Command::from(command)
            .kill_on_drop(true)
            .spawn();
        Self(child.expect("the program starts"))
    }

    /// Interrupts it, and waits until it has told its judgement.
    async fn stop(self) -> Ended {
        let pid = self.0.id().expect("it has not been waited for");
        signal(pid, Signal::SIGINT);
        let output = timeout(SOON, self.0.wait_with_output()).await;
        let output = output
            .expect("it ends")
            .expect("the system tells how it ended");
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Ended {
            code: output.status.code(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }
}

/// A path for a file, which is removed in the end.
struct TemporaryFile(PathBuf);

impl TemporaryFile {
    fn new() -> Self {
        let name = format!("verify-{:016x}.txt", rand::random::<u64>());
        Self(std::env::temp_dir().join(name))
    }

    fn path(&self) -> &str {
        self.0.to_str().expect("the path is text")
    }
}

impl Drop for TemporaryFile {
    fn drop(&mut self) {
        // A test that failed early has not made it.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// How many operations ended so.
fn count(report: &Value, ended: &str) -> u64 {
    report["operations"][ended]
        .as_u64()
        .expect("it is a number")
}

#[tokio::test]
async fn a_cluster_that_is_well_is_linearizable() {
    let cluster = Cluster::start(3).await;
    let file = TemporaryFile::new();
    // One node is named, and the others are found.
    let node = &cluster.addresses()[1];
    let ended = run(&[
        "verify",
        "--node",
        node,
        "--seconds",
        "2",
        "--timeout-ms",
        "10000",
        "--history",
        file.path(),
    ])
    .await;
    ended.assert_code(0);
    assert!(ended.stdout.contains("\nlinearizable: "), "{ended:?}");
    assert!(
        ended.stderr.contains("break something meanwhile"),
        "{ended:?}"
    );
    println!("{}", ended.stdout);
    for node in cluster.addresses() {
        let row = ended.stdout.lines().find(|line| line.starts_with(&node));
        let done = row.expect("each node has a row").split_whitespace().nth(1);
        assert!(done.is_some_and(|done| done != "0"), "{ended:?}");
    }

    let history = std::fs::read_to_string(&file.0).expect("it was saved");
    let operation = history.lines().find(|line| line.contains(" verify-"));
    let register = operation.and_then(|line| line.split(' ').nth(3));
    let path = format!("/v1/registers/{}", register.expect("there are operations"));
    cluster[0].get(&path).await.assert_status(404);
    assert!(
        cluster[0].get(&path).await.header("etag").is_some(),
        "a tombstone stays"
    );

    let checked = run(&["verify", "--check", file.path(), "--json"]).await;
    let again = checked.assert_code(0).json();
    let lines = history
        .lines()
        .filter(|line| line.starts_with(|c: char| c.is_ascii_digit()));
    assert_eq!(count(&again, "done"), lines.count() as u64);
    assert_eq!(again["nodes"].as_object().map(|nodes| nodes.len()), Some(3));
}

#[tokio::test]
async fn a_node_that_dies_meanwhile_is_seen_as_a_gap_and_harms_nothing() {
    let mut cluster = Cluster::start(3).await;
    let file = TemporaryFile::new();
    let arguments = [
        "--keep",
        "--prefix",
        "mine:",
        "--json",
        "--history",
        file.path(),
    ];
    let running = Running::start(&cluster.addresses(), &arguments);
    let is_written = async |node: usize| {
        let answer = cluster[node].try_get("/v1/registers/mine%3A0").await;
        answer.is_some_and(|answer| answer.status == 200)
    };
    eventually("clients write", async || is_written(2).await).await;
    cluster[2].kill();
    eventually("the dead node is down", async || {
        cluster[0].sees(&cluster[2]).await.as_deref() == Some("down")
    })
    .await;
    let ended = running.stop().await;
    let report = ended.assert_code(0).json();
    assert_eq!(report["verdict"], "linearizable");
    assert_eq!(report["history"], file.path());
    let remarks = report["remarks"].to_string();
    assert!(
        remarks.contains("interrupted") && remarks.contains("are kept"),
        "{remarks}"
    );

    let gap = &report["nodes"][&cluster.addresses()[2]]["longest_without_success"];
    let (from, length) = (
        gap["from_ms"].as_f64().unwrap(),
        gap["ms"].as_f64().unwrap(),
    );
    let elapsed = report["elapsed_ms"].as_f64().unwrap();
    assert!(
        (from + length - elapsed).abs() < 1.0,
        "it lasts to the end: {report}"
    );
    // A node is called down after two more pings, at the least.
    assert!(length > 500.0, "{report}");
    println!("{report:#}");

    let held = cluster[0].get("/v1/registers/mine%3A0").await;
    assert!(
        matches!(held.status, 200 | 404) && held.header("etag").is_some(),
        "{held:?}"
    );
    // Its registers are in use now.
    let nodes = cluster.addresses().join(",");
    let again = run(&["verify", "--node", &nodes, "--prefix", "mine:"]).await;
    again.assert_code(1);
    assert!(again.stderr.contains("holds something"), "{again:?}");
}

#[tokio::test]
async fn without_an_answer_there_is_nothing_to_judge() {
    let nowhere = format!("127.0.0.1:{}", free_ports(1)[0]);
    let ended = run(&["verify", "--node", &nowhere]).await;
    ended.assert_code(1);
    for part in [&nowhere, "nothing happened", "hint:"] {
        assert!(ended.stderr.contains(part), "{ended:?}");
    }

    let cluster = Cluster::start(3).await;
    cluster[1].freeze().await;
    cluster[2].freeze().await;
    let ended = run(&["verify", "--node", &cluster.addresses()[0]]).await;
    ended.assert_code(1);
    assert!(ended.stderr.contains("nothing happened"), "{ended:?}");
}

/// A history that stands in the help, and is not linearizable.
const STALE: &str = "shardedmemory-history 1\n\
    # call end client register action outcome\n\
    0 120 1 x write =a done\n\
    150 180 2 x write =b done\n\
    200 230 3 x read done =a\n\
    240 - 1 x delete unknown\n";

#[tokio::test]
async fn a_history_written_by_hand_is_judged() {
    let help = run(&["help", "verify"]).await;
    let unindented: Vec<&str> = help.stdout.lines().map(str::trim).collect();
    assert!(unindented.join("\n").contains(STALE.trim()), "{help:?}");

    let ended = run_with_input(&["verify", "--check", "-"], STALE.as_bytes()).await;
    ended.assert_code(8);
    for part in [
        "NOT linearizable",
        "read  \"a\"",
        "write of \"b\" by client 2",
    ] {
        assert!(ended.stdout.contains(part), "{ended:?}");
    }
    let fresh = STALE.replace("read done =a", "read done =b");
    let ended = run_with_input(&["verify", "--check", "-", "--json"], fresh.as_bytes()).await;
    assert_eq!(ended.assert_code(0).json()["verdict"], "linearizable");
    let empty = run_with_input(&["verify", "--check", "-"], b"shardedmemory-history 1\n").await;
    empty.assert_code(1);
    assert!(empty.stdout.contains("nothing to judge"), "{empty:?}");
}

#[tokio::test]
async fn a_file_that_holds_no_history_is_told_so() {
    let file = TemporaryFile::new();
    let check = async |content: &[u8]| {
        std::fs::write(&file.0, content).expect("it can be written");
        run(&["verify", "--check", file.path()]).await
    };
    for (content, why) in [
        (&b"\x7fELF\x02\x01"[..], "line 1: "),
        (b"", "line 1: "),
        (b"shardedmemory-history 2\n", "version 2"),
        (
            b"shardedmemory-history 1\n\n0 1 1 x look done\n",
            "line 3: \"look\" is no action",
        ),
        (
            b"shardedmemory-history 1\n\xff\xfe\n",
            "line 2: its call, \"\\xff\\xfe\",",
        ),
    ] {
        let ended = check(content).await;
        ended.assert_code(1);
        assert!(
            ended.stderr.contains(why) && ended.stderr.contains(file.path()),
            "{ended:?}"
        );
        assert!(ended.stderr.contains("nothing was checked"), "{ended:?}");
        assert_eq!(ended.stdout, "");
    }
    let missing = run(&["verify", "--check", "/nowhere/at/all"]).await;
    missing.assert_code(1);
    assert!(missing.stderr.contains("/nowhere/at/all"), "{missing:?}");
}

/// Stands before a node, and now and then answers a read with what it had read long before.
struct Liar {
    address: SocketAddr,
    memory: Arc<Mutex<Memory>>,
}

impl Liar {
    async fn before(node: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await;
        let listener = listener.expect("some port is free");
        let address = listener.local_addr().expect("it listens");
        let memory = Arc::<Mutex<Memory>>::default();
        let its_memory = Arc::clone(&memory);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let memory = Arc::clone(&its_memory);
                let service =
                    service_fn(move |request| pass_on(node, request, Arc::clone(&memory)));
                let serving = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
                tokio::spawn(async move {
                    // Clients leave when they like.
                    let _ = serving.await;
                });
            }
        });
        Self { address, memory }
    }

    fn lies(&self) -> u32 {
        self.memory.lock().unwrap().lies
    }
}

/// What the liar knows.
#[derive(Default)]
struct Memory {
    reads: u32,
    lies: u32,
    /// By path, the first value that was read there.
    first: HashMap<String, Bytes>,
}

impl Memory {
    /// What the liar makes of what a read returned.
    fn told(&mut self, path: &str, value: Bytes) -> Bytes {
        const ONE_LIE_IN: u32 = 20;
        self.reads += 1;
        let first = self
            .first
            .entry(path.to_owned())
            .or_insert_with(|| value.clone());
        if !self.reads.is_multiple_of(ONE_LIE_IN) || *first == value {
            return value;
        }
        self.lies += 1;
        first.clone()
    }
}

async fn pass_on(
    node: SocketAddr,
    request: Request<Incoming>,
    memory: Arc<Mutex<Memory>>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body
        .collect()
        .await
        .expect("the whole request comes")
        .to_bytes();
    let uri = head.uri.to_string();
    let passed = Client::request(head.method.clone(), &uri, body);
    let mut answer = Client::new(node)
        .send(passed, PATIENCE)
        .await
        .expect("the node runs");
    if head.method == Method::GET && answer.status == 200 && uri.starts_with("/v1/registers/") {
        answer.body = memory.lock().unwrap().told(head.uri.path(), answer.body);
    }
    let response = Response::builder().status(answer.status);
    Ok(response
        .body(Full::new(answer.body))
        .expect("it is an answer"))
}

#[tokio::test]
async fn a_node_that_lies_is_found_out_and_the_history_is_saved() {
    let cluster = Cluster::start(1).await;
    let liar = Liar::before(cluster[0].address()).await;
    let directory = std::env::temp_dir().join(format!("verify-{:016x}", rand::random::<u64>()));
    std::fs::create_dir(&directory).expect("a directory can be made");
    let running = Running::start_in(
        &directory,
        &[liar.address.to_string()],
        &["--json", "--conditional-share", "0"],
    );
    // What it tells may have been true a moment ago: one lie alone may go through.
    eventually("it lies", async || liar.lies() >= 10).await;
    let ended = running.stop().await;
    let report = ended.assert_code(8).json();
    assert_eq!(report["verdict"], "violated");
    let explanation = &report["witness"]["explanation"];
    assert!(
        explanation
            .as_str()
            .is_some_and(|text| text.contains("returned")),
        "{report}"
    );
    println!("{}", report["witness"]["operations"].as_str().unwrap());

    let history = directory.join(report["history"].as_str().expect("it was saved"));
    let checked = run(&["verify", "--check", history.to_str().unwrap(), "--json"]).await;
    let again = checked.assert_code(8).json();
    assert_eq!(again["witness"], report["witness"]);
    assert_eq!(again["operations"], report["operations"]);
    assert_eq!(again["history"], json!(null));
    std::fs::remove_dir_all(&directory).expect("it can be removed");
}
