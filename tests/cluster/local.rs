//! `cluster` and `demo`: clusters in one terminal.

use crate::harness::{
    Cluster, Node, SOON, children, eventually, free_ports, freeze, is_free, is_running, program,
    run, signal,
};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::net::TcpListener;
use std::process::{ExitStatus, Stdio};
use std::time::Instant;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout};
use tokio::time::timeout;

#[tokio::test]
async fn a_local_cluster_serves_until_ctrl_c() {
    for stop in [Signal::SIGINT, Signal::SIGTERM] {
        let mut local = Local::start("cluster", &[]);
        local.until_line("The cluster is ready").await;
        let mut introduction = String::new();
        for _ in 0..3 {
            introduction.push_str(&local.line().await);
        }
        let children = local.children();
        assert_eq!(children.len(), 3);
        for (node, child) in local.nodes.nodes().iter().zip(&children) {
            assert!(
                introduction.contains(&node.address().to_string()),
                "{introduction}"
            );
            assert!(introduction.contains(&child.to_string()), "{introduction}");
        }
        local.until_line("curl").await;
        local.nodes[0]
            .put("/v1/registers/a", "x")
            .await
            .assert_status(204);
        assert_eq!(local.nodes[2].get("/v1/registers/a").await.text(), "x");
        // One that dies is told and not missed.
        signal(children[1], Signal::SIGKILL);
        local.nodes[2]
            .put("/v1/registers/a", "y")
            .await
            .assert_status(204);
        assert_eq!(local.nodes[0].get("/v1/registers/a").await.text(), "y");

        let asked = Instant::now();
        local.signal(stop);
        assert_eq!(local.ended().await.code(), Some(0));
        local.assert_nothing_left(&children).await;
        println!("stopped {:?} after {stop}", asked.elapsed());
    }
}

#[tokio::test]
async fn the_nodes_of_a_local_cluster_do_not_outlive_it() {
    for frozen in [false, true] {
        let mut local = Local::start("cluster", &[]);
        local.until_line("The cluster is ready").await;
        let children = local.children();
        if frozen {
            freeze(children[0]).await;
        }
        local.signal(Signal::SIGKILL);
        local.ended().await;
        let killed = Instant::now();
        local.assert_nothing_left(&children).await;
        println!(
            "its nodes (one frozen: {frozen}) were gone {:?} later",
            killed.elapsed()
        );
    }
}

#[tokio::test]
async fn a_local_cluster_needs_its_ports() {
    let ports = free_ports(3);
    let taken = TcpListener::bind(("127.0.0.1", ports[1])).expect("the port is free");
    let ended = run(&["cluster", "--port", &ports[0].to_string()]).await;
    ended.assert_code(1);
    assert!(
        ended.stderr.contains(&format!("port {}", ports[1])),
        "{ended:?}"
    );
    assert!(
        is_free(ports[0]) && is_free(ports[2]),
        "nothing was started"
    );
    drop(taken);
}

#[tokio::test]
async fn the_demo_tells_its_story_and_leaves_nothing_behind() {
    let started = Instant::now();
    let mut local = Local::start("demo", &[]);
    let mut story = String::new();
    let mut children = Vec::new();
    while let Some(line) = local.next_line().await {
        children.extend(local.children());
        story.push_str(&line);
        story.push('\n');
    }
    assert_eq!(local.ended().await.code(), Some(0), "{story}");
    local.assert_nothing_left(&children).await;
    for part in ["127.0.0.1", "kill", "freez"] {
        assert!(
            story.to_lowercase().contains(part),
            "no '{part}' in\n{story}"
        );
    }
    println!("{story}told in {:?}", started.elapsed());
}

#[tokio::test]
async fn the_demo_keeps_its_cluster_up_until_ctrl_c_if_asked() {
    let mut local = Local::start("demo", &["--keep"]);
    local.until_line("until Ctrl-C").await;
    let children = local.children();
    assert!(!children.is_empty());
    let nodes = local.nodes.nodes();
    eventually("the cluster serves", async || {
        for node in nodes {
            if node.is_ready().await {
                return true;
            }
        }
        false
    })
    .await;
    local.signal(Signal::SIGINT);
    assert_eq!(local.ended().await.code(), Some(0));
    local.assert_nothing_left(&children).await;
}

#[tokio::test]
async fn a_demo_that_is_interrupted_or_killed_leaves_nothing_behind() {
    for (signal, code) in [(Signal::SIGINT, Some(130)), (Signal::SIGKILL, None)] {
        let mut local = Local::start("demo", &[]);
        eventually("three nodes run", async || local.children().len() == 3).await;
        let children = local.children();
        local.signal(signal);
        assert_eq!(local.ended().await.code(), code);
        local.assert_nothing_left(&children).await;
    }
}

/// A command that runs a cluster of three on this machine.
struct Local {
    process: Child,
    pid: u32,
    lines: Lines<BufReader<ChildStdout>>,
    /// The nodes where they are to be, to be asked; their processes are the command's.
    nodes: Cluster,
}

impl Local {
    fn start(command: &str, flags: &[&str]) -> Self {
        let nodes = Cluster::prepare(3, &[]);
        let port = nodes[0].port().to_string();
        let mut started = program();
        started
            .args([command, "--port", &port])
            .args(flags)
            // The nodes take their settings from the environment.
            .env("SHARDEDMEMORY_FOUNDING_WAIT_MS", "200")
            // A demo that is killed leaves its nodes' logs there.
            .env("TMPDIR", env!("CARGO_TARGET_TMPDIR"))
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut process = tokio::process::Command::from(started)
            .kill_on_drop(true)
            .spawn()
            .expect("the program starts");
        let stdout = process.stdout.take().expect("its standard output is piped");
        Self {
            pid: process.id().expect("it has not been waited for"),
            process,
            lines: BufReader::new(stdout).lines(),
            nodes,
        }
    }

    /// Its next line, or nothing after its end.
    async fn next_line(&mut self) -> Option<String> {
        let line = timeout(SOON, self.lines.next_line())
            .await
            .expect("it goes on");
        line.expect("its output can be read")
    }

    async fn line(&mut self) -> String {
        self.next_line().await.expect("it has more to say")
    }

    async fn until_line(&mut self, part: &str) {
        while !self.line().await.contains(part) {}
    }

    /// Its nodes' process ids, in the order of their start.
    fn children(&self) -> Vec<u32> {
        children(self.pid)
    }

    fn signal(&self, it: Signal) {
        signal(self.pid, it);
    }

    async fn ended(&mut self) -> ExitStatus {
        // What it still has to say must not hold it up.
        while self.next_line().await.is_some() {}
        timeout(SOON, self.process.wait())
            .await
            .expect("it ends")
            .expect("it can be waited for")
    }

    /// That none of its processes runs, and that all of its ports are free.
    async fn assert_nothing_left(&self, children: &[u32]) {
        eventually("no node outlives it", async || {
            !children.iter().any(|&child| is_running(child))
        })
        .await;
        let ports = || self.nodes.nodes().iter().map(Node::port);
        eventually("every port is free", async || ports().all(is_free)).await;
    }
}

/// What is left to do if a test fails: the command's process is killed when it is dropped, and its
/// nodes end with it unless they are frozen.
impl Drop for Local {
    fn drop(&mut self) {
        for child in children(self.pid) {
            // One that has ended meanwhile needs nothing.
            let _ = kill(Pid::from_raw(child.cast_signed()), Signal::SIGCONT);
        }
    }
}
