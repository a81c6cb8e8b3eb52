//! One node as a process of its own: [`LocalNode`].

use crate::cli::failure::{Exit, Failure};
use crate::cli::local::address;
use crate::cli::output;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use protocol::Address;
use std::fmt;
use std::fs::File;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, ChildStderr, ChildStdin, Command};
use tokio::time::timeout;

/// A process that runs `shardedmemory serve`.
///
/// It cannot outlive this process: it ends when its standard input does, and the system closes
/// that when this process ends in whatever way. (A frozen one cannot notice; but the system wakes
/// and hangs up a stopped process group that nobody is left to wake.)
pub(crate) struct LocalNode {
    address: Address,
    /// How it meets the others, as a flag.
    meeting: String,
    pid: Pid,
    process: Child,
    /// Never written to. Dropping it tells the node to stop.
    _lifeline: ChildStdin,
}

/// Where a node is to be, and whom it is to meet.
#[derive(Clone, Debug)]
pub(crate) struct Launch {
    /// Where it listens.
    pub(crate) listen: Address,
    /// Where the other nodes reach it.
    pub(crate) advertise: Address,
    /// How it meets them.
    pub(crate) meeting: Meeting,
}

/// How a node meets the others.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Meeting {
    /// It is one of these, which found a cluster, or finds the cluster that they are in.
    Peers(Vec<Address>),
    /// It asks these to be let in.
    Join(Vec<Address>),
}

/// Where a node's log goes.
pub(crate) enum NodeLog {
    /// To our standard error, each line with the node's port and in its colour, this one.
    Prefixed(usize),
    /// To a file.
    File(File),
}

/// How a node's process ended, in words.
pub(crate) struct Ended(ExitStatus);

/// How much longer than its own deadline a node's stop may take.
const STOP_TIMEOUT: Duration = Duration::from_secs(12);

impl LocalNode {
    /// Starts a node on this port, to found a cluster with those on these.
    ///
    /// # Errors
    /// If the process cannot be started.
    pub(crate) fn start(
        port: u16,
        peers: &[u16],
        log: NodeLog,
        set_up: impl FnOnce(&mut Command),
    ) -> Result<Self, Failure> {
        let launch = Launch {
            listen: address(port),
            advertise: address(port),
            meeting: Meeting::Peers(peers.iter().map(|&peer| address(peer)).collect()),
        };
        Self::launch(launch, log, |command| {
            set_up(command);
            command.spawn()
        })
    }

    /// Starts a node. `spawn` may set up its command further, and starts it.
    ///
    /// # Errors
    /// If the process cannot be started.
    pub(crate) fn launch(
        launch: Launch,
        log: NodeLog,
        spawn: impl FnOnce(&mut Command) -> io::Result<Child>,
    ) -> Result<Self, Failure> {
        let address = launch.listen;
        let cannot = |error| Failure::failed(format!("cannot start the node {address}: {error}"));
        let program = std::env::current_exe().map_err(cannot)?;
        let mut command = Command::new(program);
        let (flag, others) = launch.meeting.flag();
        command
            .args(["serve", "--exit-with-parent"])
            .args(["--listen", address.as_str()])
            .args(["--advertise", launch.advertise.as_str()])
            .args([flag, &others])
            // They stop together: there is nobody to leave anything to.
            .arg("--leave-on-stop=false")
            // They exclude each other, and the flag is to win.
            .env_remove("SHARDEDMEMORY_JOIN")
            .env_remove("SHARDEDMEMORY_PEERS")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            // Ctrl-C in a terminal is for the whole process group; the nodes are stopped by us.
            .process_group(0)
            .kill_on_drop(true);
        let colour = match log {
            NodeLog::Prefixed(colour) => {
                command.stderr(Stdio::piped());
                colour
            }
            NodeLog::File(file) => {
                command.stderr(file);
                0
            }
        };
        let mut process = spawn(&mut command).map_err(cannot)?;
        if let Some(log) = process.stderr.take() {
            let port = address.port();
            tokio::spawn(forward(log, Prefix { port, colour }));
        }
        let id = process.id().expect("it has not been waited for");
        Ok(Self {
            address,
            meeting: format!("{flag} {others}"),
            pid: Pid::from_raw(i32::try_from(id).expect("a process id is a positive pid_t")),
            _lifeline: process.stdin.take().expect("its standard input is piped"),
            process,
        })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> &Address {
        &self.address
    }

    /// How to start it again by hand.
    pub(crate) fn command(&self) -> String {
        format!(
            "{} serve --listen {} {}",
            output::program(),
            self.address,
            self.meeting
        )
    }

    /// Ends when the process does.
    pub(crate) async fn ended(&mut self) -> Ended {
        // Waiting for a child of ours that has not been waited for does not fail.
        Ended(
            self.process
                .wait()
                .await
                .unwrap_or_else(|_| ExitStatus::from_raw(0)),
        )
    }

    /// How the process ended, if it has.
    pub(crate) fn has_ended(&mut self) -> Option<Ended> {
        self.process.try_wait().ok().flatten().map(Ended)
    }

    /// Freezes the process: it keeps its memory and its connections and does nothing.
    pub(crate) fn freeze(&self) -> Result<(), Failure> {
        self.signal(Signal::SIGSTOP)
    }

    /// Lets a frozen process go on.
    pub(crate) fn thaw(&self) -> Result<(), Failure> {
        self.signal(Signal::SIGCONT)
    }

    /// Ends the process at once, with no chance to say good-bye.
    pub(crate) async fn kill(&mut self) -> Result<(), Failure> {
        let killed = timeout(STOP_TIMEOUT, self.process.kill()).await;
        match killed {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(Failure::failed(format!("cannot kill {self}: {error}"))),
            Err(_) => Err(Failure::failed(format!(
                "{self} does not end although it was killed"
            ))),
        }
    }

    /// Stops the process gracefully, frozen or not, and by force if that takes too long.
    pub(crate) async fn stop(&mut self) -> Result<Ended, Failure> {
        if let Ok(Some(status)) = self.process.try_wait() {
            return Ok(Ended(status));
        }
        self.signal(Signal::SIGTERM)?;
        self.thaw()?;
        match timeout(STOP_TIMEOUT, self.ended()).await {
            Ok(ended) => Ok(ended),
            Err(_) => {
                self.kill().await?;
                let seconds = STOP_TIMEOUT.as_secs();
                output::note(&format!(
                    "{self} did not stop in {seconds} s and was killed"
                ));
                Ok(self.ended().await)
            }
        }
    }

    /// The process has not been waited for while `self` is borrowed, so the id is still its own.
    fn signal(&self, signal: Signal) -> Result<(), Failure> {
        if self.process.id().is_none() {
            return Err(Failure::failed(format!("{self} has ended")));
        }
        kill(self.pid, signal)
            .map_err(|error| Failure::failed(format!("cannot signal {self}: {error}")))
    }
}

impl Meeting {
    /// The flag that says so, and what it names.
    fn flag(&self) -> (&'static str, String) {
        let (flag, nodes) = match self {
            Self::Peers(nodes) => ("--peers", nodes),
            Self::Join(nodes) => ("--join", nodes),
        };
        let nodes: Vec<&str> = nodes.iter().map(Address::as_str).collect();
        (flag, nodes.join(","))
    }
}

impl fmt::Display for LocalNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (process {})", self.address, self.pid)
    }
}

impl Ended {
    /// Whether it ended as it was asked to.
    pub(crate) fn well(&self) -> bool {
        self.0.success()
    }

    /// Whether it ended because another node has taken its place.
    pub(crate) fn replaced(&self) -> bool {
        self.0.code() == Some(Exit::Replaced as i32)
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0.code(), self.0.signal()) {
            (Some(code), _) => write!(f, "exited with {code}"),
            (None, Some(number)) => match Signal::try_from(number) {
                Ok(signal) => write!(f, "was ended by {signal}"),
                Err(_) => write!(f, "was ended by signal {number}"),
            },
            (None, None) => f.write_str("ended"),
        }
    }
}

/// What stands before each line of a node's log.
struct Prefix {
    port: u16,
    colour: usize,
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Cyan, yellow, green, magenta, blue: red is left to errors.
        const COLOURS: [u8; 5] = [36, 33, 32, 35, 34];
        let Self { port, colour } = self;
        if output::notes_in_colour() {
            write!(
                f,
                "\x1b[{}m{port} |\x1b[0m ",
                COLOURS[colour % COLOURS.len()]
            )
        } else {
            write!(f, "{port} | ")
        }
    }
}

/// Copies a node's log, line by line, until it ends.
async fn forward(log: ChildStderr, prefix: Prefix) {
    // A line that is longer is broken in two; nothing is held without a bound.
    const LINE_BYTES_MAX: u64 = 64 * 1024;
    let mut log = BufReader::new(log);
    let mut line = Vec::new();
    loop {
        line.clear();
        match (&mut log)
            .take(LINE_BYTES_MAX)
            .read_until(b'\n', &mut line)
            .await
        {
            Ok(0) | Err(_) => return,
            Ok(_) => output::note(&format!(
                "{prefix}{}",
                String::from_utf8_lossy(&line).trim_end()
            )),
        }
    }
}
