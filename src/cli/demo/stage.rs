//! The nodes of the demo and where their logs go: [`Stage`].

use crate::cli::failure::{Exit, Failure};
use crate::cli::local::{self, LocalNode, NodeLog};
use crate::cli::output;
use protocol::Address;
use std::fs::{DirBuilder, OpenOptions};
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use tokio::process::Command;

/// How many nodes play.
const NODES: usize = 3;

/// Three nodes, some of which may not run, and their logs.
pub(crate) struct Stage {
    ports: Vec<u16>,
    nodes: Vec<Option<LocalNode>>,
    logs: PathBuf,
}

impl Stage {
    /// Finds ports and a place for the logs. Nothing runs yet.
    ///
    /// # Errors
    /// If there are none.
    pub(crate) fn set(port: Option<u16>) -> Result<Self, Failure> {
        const USUAL_PORT: u16 = 3030;
        let ports = match port {
            Some(port) => local::check_free(port, NODES)?,
            None => local::first_free(USUAL_PORT, NODES)?,
        };
        if port.is_none() && ports[0] != USUAL_PORT {
            output::note(&format!(
                "note: ports from {USUAL_PORT} on are taken; the demo uses those from {} on",
                ports[0]
            ));
        }
        let logs = std::env::temp_dir().join(format!("shardedmemory-demo-{}", std::process::id()));
        // Creating it fails if it is there, so nobody can have put a link in its place.
        DirBuilder::new()
            .mode(0o700)
            .create(&logs)
            .map_err(|error| {
                Failure::failed(format!(
                    "cannot make a directory for logs, {}: {error}",
                    logs.display()
                ))
            })?;
        let nodes = ports.iter().map(|_| None).collect();
        Ok(Self { ports, nodes, logs })
    }

    /// Starts this node, which does not run, and waits until it serves.
    pub(crate) async fn start(&mut self, node: usize) -> Result<(), Failure> {
        self.launch(node)?;
        self.until_ready(node).await
    }

    /// Starts all nodes, and waits until they serve.
    pub(crate) async fn start_all(&mut self) -> Result<(), Failure> {
        for node in 0..NODES {
            self.launch(node)?;
        }
        for node in 0..NODES {
            self.until_ready(node).await?;
        }
        Ok(())
    }

    fn launch(&mut self, node: usize) -> Result<(), Failure> {
        let port = self.ports[node];
        let path = self.logs.join(format!("{port}.log"));
        let log = OpenOptions::new()
            .append(true)
            .create(true)
            .open(&path)
            .map_err(|error| {
                Failure::failed(format!("cannot write a log to {}: {error}", path.display()))
            })?;
        let node_log = NodeLog::File(log);
        let started = LocalNode::start(port, &self.ports, node_log, with_defaults)?;
        self.nodes[node] = Some(started);
        Ok(())
    }

    async fn until_ready(&mut self, node: usize) -> Result<(), Failure> {
        let node = self.node_mut(node);
        let address = node.address().clone();
        let ended = tokio::select! {
            ready = local::until_ready(&address) => return ready,
            ended = node.ended() => ended,
        };
        Err(Failure::failed(format!(
            "{node} {ended} when it should have started"
        )))
    }

    /// A node that runs.
    ///
    /// # Panics
    /// If it does not.
    pub(crate) fn node(&self, node: usize) -> &LocalNode {
        self.nodes[node]
            .as_ref()
            .expect("the story asks only for nodes that run")
    }

    fn node_mut(&mut self, node: usize) -> &mut LocalNode {
        self.nodes[node]
            .as_mut()
            .expect("the story asks only for nodes that run")
    }

    /// Kills a node.
    pub(crate) async fn kill(&mut self, node: usize) -> Result<(), Failure> {
        self.node_mut(node).kill().await?;
        self.nodes[node] = None;
        Ok(())
    }

    /// The port of a node.
    pub(crate) fn port(&self, node: usize) -> u16 {
        self.ports[node]
    }

    /// The address of a node.
    pub(crate) fn address(&self, node: usize) -> Address {
        local::address(self.ports[node])
    }

    /// What can be done with the cluster by hand.
    pub(crate) fn commands(&self) -> String {
        let program = output::program();
        let mut running = self.nodes.iter().flatten().map(LocalNode::address);
        let first = running.next().expect("a majority of the nodes runs");
        let last = running.next_back().unwrap_or(first);
        format!(
            "  curl -X PUT http://{first}/v1/registers/greeting -d hello\n  \
               curl http://{last}/v1/registers/greeting\n  \
               {program} status --node {first}"
        )
    }

    /// Stops all nodes. Their logs are kept if the story did not end well.
    pub(crate) async fn clear(mut self, told: Result<(), Failure>) -> Result<(), Failure> {
        let mut stopped = Ok(());
        for node in self.nodes.iter_mut().flatten() {
            stopped = stopped.and(node.stop().await.and_then(|ended| match ended.well() {
                true => Ok(()),
                false => Err(Failure::failed(format!(
                    "{node} {ended} when it was told to stop"
                ))),
            }));
        }
        match told.and(stopped) {
            Err(failure) if failure.exit != Exit::Interrupted => {
                Err(failure.hint(format!("the nodes' logs are in {}", self.logs.display())))
            }
            ended => {
                // A directory that stays behind in the system's own for that does no harm.
                let _ = std::fs::remove_dir_all(&self.logs);
                ended
            }
        }
    }
}

/// The story is about the defaults, whatever the environment sets.
fn with_defaults(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        if name.as_encoded_bytes().starts_with(b"SHARDEDMEMORY_") {
            command.env_remove(name);
        }
    }
    // A node listens for a standing cluster before it helps to found one. Where the demo's ports
    // were free a moment ago, there is none to be missed.
    command.args(["--founding-wait-ms", "200"]);
}
