//! The program under test, as a command.

use super::{SOON, eventually};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::process::{Command, Stdio};
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;

/// The program, with no arguments yet, no input, and none of its settings in the environment.
pub(crate) fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shardedmemory"));
    for (name, _) in std::env::vars_os() {
        if name.as_encoded_bytes().starts_with(b"SHARDEDMEMORY_") {
            command.env_remove(name);
        }
    }
    command.stdin(Stdio::null());
    command
}

/// How a command ended, and what it said.
#[derive(Debug)]
pub(crate) struct Ended {
    /// Its exit code, unless a signal ended it.
    pub(crate) code: Option<i32>,
    /// Its standard output.
    pub(crate) stdout: String,
    /// Its standard error.
    pub(crate) stderr: String,
}

impl Ended {
    /// Its standard output as one JSON object.
    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// That it ended with this code.
    #[track_caller]
    pub(crate) fn assert_code(&self, code: i32) -> &Self {
        assert_eq!(self.code, Some(code), "{self:?}");
        self
    }
}

/// Runs the program to its end.
pub(crate) async fn run(arguments: &[&str]) -> Ended {
    run_with_input(arguments, b"").await
}

/// Runs the program to its end, with something on its standard input.
pub(crate) async fn run_with_input(arguments: &[&str], input: &[u8]) -> Ended {
    let mut command = program();
    command
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = tokio::process::Command::from(command)
        .kill_on_drop(true)
        .spawn()
        .expect("the program starts");
    let mut stdin = child.stdin.take().expect("its input is piped");
    let running = async {
        // A program that does not read its input closes it.
        let _ = stdin.write_all(input).await;
        drop(stdin);
        child
            .wait_with_output()
            .await
            .expect("the system tells how it ended")
    };
    let output = timeout(SOON, running).await;
    let output = output.unwrap_or_else(|_| panic!("{arguments:?} does not end"));
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Ended {
        code: output.status.code(),
        stdout: text(output.stdout),
        stderr: text(output.stderr),
    }
}

/// Whether a process with this id runs, or is frozen; one that has ended and that nobody has
/// waited for yet does not.
pub(crate) fn is_running(pid: u32) -> bool {
    stat(&format!("/proc/{pid}")).is_some_and(|stat| !matches!(stat.state, 'Z' | 'X'))
}

/// Sends a process that runs a signal.
pub(crate) fn signal(pid: u32, signal: Signal) {
    let pid = Pid::from_raw(pid.try_into().expect("a process id is a pid_t"));
    kill(pid, signal).expect("the process runs");
}

/// Stops a process in its tracks: it keeps its memory and its connections.
pub(crate) async fn freeze(pid: u32) {
    signal(pid, Signal::SIGSTOP);
    // The signal stops one thread, which then stops the others: they may run until then.
    eventually("the process is frozen", async || is_frozen(pid)).await;
}

fn is_frozen(pid: u32) -> bool {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).expect("the process exists");
    threads.flatten().all(|thread| {
        let path = thread.path();
        let path = path.to_str().expect("numbers are ASCII");
        // A thread that has just ended does nothing any more.
        stat(path).is_none_or(|stat| stat.state == 'T')
    })
}

/// The processes that a process has started and that run, by ascending id.
pub(crate) fn children(pid: u32) -> Vec<u32> {
    let processes = std::fs::read_dir("/proc").expect("processes are listed");
    let names = processes.flatten().map(|entry| entry.file_name());
    let mut children: Vec<u32> = names
        .filter_map(|name| name.to_str()?.parse().ok())
        .filter(|&process| is_running(process))
        .filter(|process| stat(&format!("/proc/{process}")).is_some_and(|stat| stat.parent == pid))
        .collect();
    children.sort_unstable();
    children
}

/// What the system says of a process or a thread.
struct Stat {
    state: char,
    parent: u32,
}

fn stat(directory: &str) -> Option<Stat> {
    let stat = std::fs::read_to_string(format!("{directory}/stat")).ok()?;
    // The program's name, which comes before these, stands in parentheses.
    let (_, rest) = stat.rsplit_once(") ")?;
    let mut fields = rest.split(' ');
    Some(Stat {
        state: fields.next()?.chars().next()?,
        parent: fields.next()?.parse().ok()?,
    })
}
