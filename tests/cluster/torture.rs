//! `torture`: a cluster is broken in every way, and nothing is left of it afterwards.

use crate::harness::{children, eventually, is_running, program, run, signal};
use nix::sys::signal::Signal;
use serde_json::Value;
use std::path::PathBuf;
use std::process::{Output, Stdio};
use std::time::Duration;
use tokio::process::Child;
use tokio::time::timeout;

/// How long a run of ten seconds may take, with the faults that were begun at its end, on a machine
/// that is busy with other tests.
const RUN_TIMEOUT: Duration = Duration::from_secs(150);

/// Each operation's deadline, for such a machine: what does not end by then has failed.
const PATIENT: [&str; 2] = ["--timeout-ms", "15000"];

#[tokio::test]
async fn with_a_proxy_between_the_nodes_clients_see_a_linearizable_history() {
    let files = Files::new("proxy");
    let told = files.torture("proxy", 10).await.told();
    check(&told, &files, "proxy").await;
}

#[tokio::test]
async fn with_a_network_for_each_node_clients_see_a_linearizable_history() {
    let files = Files::new("namespaces");
    let ended = files.torture("namespaces", 10).await;
    if let Some(reason) = ended.has_no_namespaces() {
        println!("skipped: {reason}");
        return;
    }
    check(&ended.told(), &files, "namespaces").await;
}

#[tokio::test]
async fn torture_that_is_interrupted_or_killed_leaves_nothing_behind() {
    for network in ["proxy", "namespaces"] {
        for (how, code) in [(Signal::SIGINT, Some(130)), (Signal::SIGKILL, None)] {
            let files = Files::new(&format!("{network}-{how}"));
            let mut torture = files.start(network, 60);
            let pid = torture.id().expect("it has not been waited for");
            let mut nodes = Vec::new();
            let mut has_ended = false;
            eventually("five nodes run, or none can", async || {
                has_ended = torture.try_wait().expect("it is a child").is_some();
                nodes = serving(pid);
                has_ended || nodes.len() == 5
            })
            .await;
            if has_ended {
                let ended = Ended(torture.wait_with_output().await.expect("it has ended"));
                let reason = ended.has_no_namespaces();
                println!("skipped: {}", reason.expect("there can be proxies"));
                break;
            }
            signal(pid, how);
            let ended = timeout(RUN_TIMEOUT, torture.wait()).await.expect("it ends");
            assert_eq!(
                ended.expect("it is a child").code(),
                code,
                "{network} {how}"
            );
            eventually("no node outlives it", async || {
                !nodes.iter().any(|&node| is_running(node))
            })
            .await;
        }
    }
}

#[tokio::test]
async fn torture_that_cannot_break_anything_is_refused() {
    let ended = run(&["torture", "--faults", "kill", "--replication", "1"]).await;
    ended.assert_code(2);
    assert!(ended.stderr.contains("nothing is left"), "{ended:?}");
}

/// That a run found nothing, and that there was something to be found.
async fn check(told: &Value, files: &Files, network: &str) {
    println!("{told:#}");
    assert_eq!(told["network"], network);
    assert_eq!(told["linearizable"], true);
    assert_eq!(told["failed_where_obliged"], 0);
    assert!(told["operations"]["done"].as_u64() > Some(100), "{told}");
    let faults = told["faults"].as_array().expect("a list");
    assert!(!faults.is_empty());
    assert!(faults.iter().all(|fault| fault["to_ms"].is_number()));

    let picture = std::fs::read_to_string(files.picture()).expect("there is a picture");
    let picture = roxmltree::Document::parse(&picture).expect("it is well-formed");
    let root = picture.root_element();
    assert_eq!(root.tag_name().name(), "svg");
    let texts = root.descendants().filter_map(|element| element.text());
    let texts: Vec<&str> = texts.collect();
    let seed = told["seed"].to_string();
    assert!(texts.iter().any(|text| text.contains(&seed)), "{texts:?}");
    for node in ["n1", "n5", "n6"] {
        assert!(texts.contains(&node), "{texts:?}");
    }

    let history = files.path("history.txt");
    let again = run(&["verify", "--check", history.to_str().expect("a path")]).await;
    again.assert_code(0);
}

/// Where a run's files go, until this is dropped.
struct Files(PathBuf);

impl Files {
    fn new(name: &str) -> Self {
        let name = format!("torture-{name}-{}", std::process::id());
        let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::create_dir_all(&directory).expect("a directory can be made");
        Self(directory)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn picture(&self) -> PathBuf {
        self.path("torture.svg")
    }

    fn start(&self, network: &str, seconds: u64) -> Child {
        let mut torture = program();
        torture
            .args(["torture", "--json", "--network", network])
            .args(["--seconds", &seconds.to_string()])
            .args(PATIENT)
            .arg("--svg")
            .arg(self.picture())
            .arg("--history")
            .arg(self.path("history.txt"))
            .arg("--logs")
            .arg(self.path("logs"))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        tokio::process::Command::from(torture)
            .kill_on_drop(true)
            .spawn()
            .expect("the program starts")
    }

    async fn torture(&self, network: &str, seconds: u64) -> Ended {
        let torture = self.start(network, seconds);
        let pid = torture.id().expect("it has not been waited for");
        let ended = timeout(RUN_TIMEOUT, torture.wait_with_output()).await;
        let ended = ended.expect("it ends").expect("it is a child");
        assert!(children(pid).is_empty(), "a node outlives it");
        Ended(ended)
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        // What a test has found out shows in these.
        if !std::thread::panicking() {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }
}

/// How a run ended.
struct Ended(Output);

impl Ended {
    fn words(&self) -> String {
        let Output { stdout, stderr, .. } = &self.0;
        String::from_utf8_lossy(&[&stdout[..], stderr].concat()).into_owned()
    }

    /// What it said, as it found nothing.
    fn told(&self) -> Value {
        assert_eq!(self.0.status.code(), Some(0), "{}", self.words());
        serde_json::from_slice(&self.0.stdout).expect("it says it in JSON")
    }

    /// Why nodes cannot have a network each on this machine, if they cannot.
    fn has_no_namespaces(&self) -> Option<String> {
        let words = self.words();
        let lines = &mut words.lines();
        let reason = lines.find(|line| line.contains("there can be no network namespaces"))?;
        let can_be =
            nix::unistd::geteuid().is_root() && ["ip", "nft"].iter().all(|tool| is_installed(tool));
        assert!(!can_be, "{words}");
        Some(reason.to_owned())
    }
}

fn is_installed(tool: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|directory| directory.join(tool).is_file())
}

/// The nodes among the processes that a process has started, as it runs tools, too.
fn serving(pid: u32) -> Vec<u32> {
    let serves = |child: &u32| {
        let line = std::fs::read(format!("/proc/{child}/cmdline")).unwrap_or_default();
        line.split(|byte| *byte == 0).any(|word| word == b"serve")
    };
    children(pid).into_iter().filter(serves).collect()
}
