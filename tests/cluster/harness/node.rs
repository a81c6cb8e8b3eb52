//! One node as a process: [`Node`].

use super::client::{Answer, Client, PATIENCE, Request};
use super::eventually;
use super::program::{self, program};
use nix::sys::signal::Signal;
use serde_json::Value;
use std::io::{BufRead, BufReader, Read};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// A node that can be started, frozen, killed and asked.
///
/// Its processes cannot outlive the tests: they are killed when this is dropped, and end by
/// themselves when the other end of their standard input does.
pub(crate) struct Node {
    port: u16,
    arguments: Vec<String>,
    process: Option<Process>,
    /// What the processes before this one logged.
    earlier: String,
}

struct Process {
    child: Child,
    /// Never written to. The process stops when this is dropped.
    lifeline: Option<ChildStdin>,
    log: Arc<Mutex<String>>,
    reader: Option<JoinHandle<()>>,
}

impl Node {
    /// A node on a port of this machine that founds a cluster with its peers, not started yet.
    pub(crate) fn new(port: u16, peers: &str, flags: &[&str]) -> Self {
        Self::with(port, &[&["--peers", peers], flags].concat())
    }

    /// A node on a port of this machine that joins the cluster of these nodes, not started yet.
    pub(crate) fn joining(port: u16, nodes: &str, flags: &[&str]) -> Self {
        Self::with(port, &[&["--join", nodes], flags].concat())
    }

    fn with(port: u16, flags: &[&str]) -> Self {
        let listen = format!("127.0.0.1:{port}");
        let mut arguments = vec!["serve", "--exit-with-parent", "--listen", &listen];
        arguments.extend(flags);
        Self {
            port,
            arguments: arguments.into_iter().map(str::to_owned).collect(),
            process: None,
            earlier: String::new(),
        }
    }

    /// Starts its process. It has an empty memory.
    pub(crate) fn start(&mut self) {
        assert!(self.process.is_none(), "{} runs already", self.port);
        let mut child = program()
            .args(&self.arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            // Its own group, so that the system wakes and ends it if it is frozen when the tests
            // are killed.
            .process_group(0)
            .spawn()
            .expect("the program starts");
        let stderr = child.stderr.take().expect("its standard error is piped");
        let log = Arc::new(Mutex::new(String::new()));
        let reader = std::thread::spawn({
            let log = Arc::clone(&log);
            move || keep(stderr, &log)
        });
        self.process = Some(Process {
            lifeline: Some(child.stdin.take().expect("its standard input is piped")),
            child,
            log,
            reader: Some(reader),
        });
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// Where it listens.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Its process's id.
    pub(crate) fn pid(&self) -> u32 {
        self.running().child.id()
    }

    /// What its process has logged so far, or if none runs, what all before have.
    pub(crate) fn log(&self) -> String {
        match &self.process {
            Some(process) => process.log.lock().unwrap().clone(),
            None => self.earlier.clone(),
        }
    }

    /// Sends its process a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        // It has not been waited for, so the id is still its own.
        program::signal(self.pid(), signal);
    }

    /// Stops its process in its tracks: it keeps its memory and its connections.
    pub(crate) async fn freeze(&self) {
        program::freeze(self.pid()).await;
    }

    /// Lets a frozen process go on.
    pub(crate) fn thaw(&self) {
        self.signal(Signal::SIGCONT);
    }

    /// Ends its process with no chance to say good-bye.
    pub(crate) fn kill(&mut self) {
        let mut process = self.process.take().expect("the node runs");
        // One that has ended already is not there to be killed.
        let _ = process.child.kill();
        process.child.wait().expect("a child can be waited for");
        self.keep_log(process);
    }

    /// Closes its process's standard input, as the end of its parent would.
    pub(crate) fn orphan(&mut self) {
        self.process.as_mut().expect("the node runs").lifeline = None;
    }

    /// Waits until its process has ended by itself.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        let mut status = None;
        eventually("the process ends", async || {
            status = self.try_ended();
            status.is_some()
        })
        .await;
        status.expect("it has just been seen")
    }

    /// Waits until its process answers, and tells whether it does: another process may have taken
    /// its port.
    ///
    /// # Panics
    /// If it ends for another reason.
    pub(crate) async fn runs(&mut self) -> bool {
        let mut runs = false;
        eventually("the node runs", async || {
            if let Some(status) = self.try_ended() {
                let unlucky = self.log().contains("cannot listen");
                assert!(unlucky, "the node ended with {status}: {}", self.log());
                return true;
            }
            runs = self.try_get("/livez").await.is_some();
            runs
        })
        .await;
        runs
    }

    /// How its process has ended, if it has.
    pub(super) fn try_ended(&mut self) -> Option<ExitStatus> {
        let process = self.process.as_mut()?;
        let status = process
            .child
            .try_wait()
            .expect("a child can be waited for")?;
        let process = self.process.take().expect("it is here");
        self.keep_log(process);
        Some(status)
    }

    fn keep_log(&mut self, mut process: Process) {
        // The pipe ends with the process, and the reader with the pipe.
        if let Some(reader) = process.reader.take() {
            reader.join().expect("the log's reader does not panic");
        }
        let log = process.log.lock().unwrap().clone();
        self.earlier.push_str(&log);
        self.earlier.push_str("(the process has ended)\n");
    }

    fn running(&self) -> &Process {
        self.process.as_ref().expect("the node runs")
    }

    /// A connection of its own for each request to come.
    pub(crate) fn client(&self) -> Client {
        let client = Client::new(self.address());
        let mut arguments = self.arguments.iter();
        match arguments.find(|argument| *argument == "--password") {
            Some(_) => client.saying(arguments.next().expect("a password follows")),
            None => client,
        }
    }

    /// Its answer to a request.
    ///
    /// # Panics
    /// If there is none within [`PATIENCE`].
    #[track_caller]
    pub(crate) fn ask(&self, request: Request) -> impl Future<Output = Answer> + use<> {
        let mut client = self.client();
        let caller = std::panic::Location::caller();
        async move {
            let asked = format!("{} {}", request.method(), request.uri());
            let answer = client.send(request, PATIENCE).await;
            answer.unwrap_or_else(|lost| panic!("{asked}: {lost:?} (asked at {caller})"))
        }
    }

    /// Its answer to `GET`.
    #[track_caller]
    pub(crate) fn get(&self, path: &str) -> impl Future<Output = Answer> + use<> {
        self.ask(Client::get(path))
    }

    /// Its answer to `PUT`.
    #[track_caller]
    pub(crate) fn put<B: Into<Vec<u8>>>(
        &self,
        path: &str,
        body: B,
    ) -> impl Future<Output = Answer> + use<B> {
        self.ask(Client::put(path, body))
    }

    /// Its answer to `GET`, if there is one soon. For conditions that are waited for.
    pub(crate) async fn try_get(&self, path: &str) -> Option<Answer> {
        const SOON_ENOUGH: Duration = Duration::from_secs(2);
        self.client()
            .send(Client::get(path), SOON_ENOUGH)
            .await
            .ok()
    }

    /// Whether it says that it is ready, within a while.
    pub(crate) async fn is_ready(&self) -> bool {
        self.try_get("/readyz")
            .await
            .is_some_and(|answer| answer.status == 200)
    }

    /// Its view of the cluster.
    pub(crate) async fn view(&self) -> Value {
        self.get("/v1/cluster").await.json()
    }

    /// In which state it sees the member at another node's address, if it says so within a while.
    pub(crate) async fn sees(&self, other: &Node) -> Option<String> {
        let view = self.try_get("/v1/cluster").await?.json();
        let address = other.address().to_string();
        let members = view["members"].as_array()?;
        let member = members
            .iter()
            .find(|member| member["address"] == *address)?;
        Some(member["state"].as_str()?.to_owned())
    }
}

/// If the test fails, its log is printed.
impl Drop for Node {
    fn drop(&mut self) {
        if self.process.is_some() {
            self.kill();
        }
        if std::thread::panicking() {
            println!("--- log of the node {}\n{}", self.port, self.earlier);
        }
    }
}

/// Keeps a log, line by line, until it ends.
fn keep(log: impl Read, kept: &Mutex<String>) {
    // Far more than any test logs: a node that floods its log must not fill the memory.
    const LOG_BYTES_MAX: usize = 4 << 20;
    for line in BufReader::new(log).split(b'\n').map_while(Result::ok) {
        let mut kept = kept.lock().unwrap();
        if kept.len() < LOG_BYTES_MAX {
            kept.push_str(&String::from_utf8_lossy(&line));
            kept.push('\n');
        }
    }
}
