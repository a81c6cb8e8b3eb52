//! The nodes' processes: [`Places`].

use super::fault::name;
use super::network::Network;
use super::timeline::{Chronicle, Process, Standing};
use crate::cli::failure::Failure;
use crate::cli::local::{Launch, LocalNode, Meeting, NodeLog};
use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use tokio::process::Command;
use tokio::task::JoinSet;

/// A place for each node, founders first, and the process that runs there, if one does.
pub(crate) struct Places<'a> {
    network: &'a Network,
    chronicle: Chronicle,
    nodes: Vec<Option<LocalNode>>,
    founders: usize,
    replication: u8,
    logs: PathBuf,
    /// Those in whose place others come: they end by themselves.
    replaced: BTreeSet<usize>,
}

impl<'a> Places<'a> {
    /// Places for so many nodes, some of them for later, at which nothing runs yet.
    pub(crate) fn new(
        network: &'a Network,
        chronicle: &Chronicle,
        (founders, later): (usize, usize),
        replication: u8,
        logs: &Path,
    ) -> Self {
        Self {
            network,
            chronicle: chronicle.clone(),
            nodes: (0..founders + later).map(|_| None).collect(),
            founders,
            replication,
            logs: logs.to_owned(),
            replaced: BTreeSet::new(),
        }
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.nodes.len()
    }

    /// Starts the nodes that found the cluster.
    ///
    /// # Errors
    /// If one cannot be started.
    pub(crate) fn start_founders(&mut self) -> Result<(), Failure> {
        (0..self.founders).try_for_each(|node| self.start(node))
    }

    /// Starts a node that knows the founders, itself included if it is to come later: so it finds
    /// their cluster, and waits to be let in.
    ///
    /// # Errors
    /// If it cannot be started.
    pub(crate) fn start(&mut self, node: usize) -> Result<(), Failure> {
        let mut peers: Vec<_> = (0..self.founders).collect();
        if node >= self.founders {
            peers.push(node);
        }
        let peers = peers.into_iter().map(|peer| self.network.advertise(peer));
        self.launch(node, Meeting::Peers(peers.collect()))
    }

    /// Starts a node that asks the founders to be let in.
    ///
    /// # Errors
    /// If it cannot be started.
    pub(crate) fn join(&mut self, node: usize) -> Result<(), Failure> {
        let others = (0..self.founders).filter(|other| *other != node);
        let others = others.map(|other| self.network.advertise(other));
        self.launch(node, Meeting::Join(others.collect()))
    }

    fn launch(&mut self, node: usize, meeting: Meeting) -> Result<(), Failure> {
        let path = self.logs.join(format!("{}.log", name(node)));
        let log = OpenOptions::new().append(true).create(true).open(&path);
        let log = log.map_err(|error| {
            Failure::failed(format!("cannot write a log to {}: {error}", path.display()))
        })?;
        let launch = Launch {
            listen: self.network.listen(node),
            advertise: self.network.advertise(node),
            meeting,
        };
        let replication = self.replication;
        let started = LocalNode::launch(launch, NodeLog::File(log), |command| {
            configure(command, replication);
            self.network.spawn(node, command)
        })?;
        self.nodes[node] = Some(started);
        self.replaced.remove(&node);
        self.chronicle.standing(node, Standing::Lacking);
        self.chronicle.process(node, Process::Runs);
        Ok(())
    }

    /// Whether a process is there, frozen or not.
    pub(crate) fn is_there(&self, node: usize) -> bool {
        self.nodes[node].is_some()
    }

    /// Ends a node's process at once.
    ///
    /// # Errors
    /// If it does not end.
    pub(crate) async fn kill(&mut self, node: usize) -> Result<(), Failure> {
        if let Some(mut process) = self.nodes[node].take() {
            self.chronicle.process(node, Process::Dead);
            process.kill().await?;
        }
        Ok(())
    }

    /// Tells a node to stop, and waits until it has.
    ///
    /// # Errors
    /// If it does not end as it was told to.
    pub(crate) async fn stop(&mut self, node: usize) -> Result<(), Failure> {
        if let Some(process) = self.nodes[node].take() {
            self.chronicle.process(node, Process::Dead);
            stop(process, self.replaced.contains(&node)).await?;
        }
        Ok(())
    }

    /// Freezes a node.
    ///
    /// # Errors
    /// If it has ended by itself.
    pub(crate) fn freeze(&self, node: usize) -> Result<(), Failure> {
        match &self.nodes[node] {
            Some(process) => {
                self.chronicle.process(node, Process::Frozen);
                process.freeze()
            }
            None => Ok(()),
        }
    }

    /// Lets a node go on that may be frozen.
    ///
    /// # Errors
    /// If it has ended by itself.
    pub(crate) fn thaw(&self, node: usize) -> Result<(), Failure> {
        match &self.nodes[node] {
            Some(process) => {
                process.thaw()?;
                self.chronicle.process(node, Process::Runs);
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// A node may end by itself from now on, as another one is to come in its place.
    pub(crate) fn let_replace(&mut self, node: usize) {
        self.replaced.insert(node);
    }

    /// Sees that no node has ended by itself, but those in whose place others came.
    ///
    /// # Errors
    /// Names the one that has.
    pub(crate) fn check(&mut self) -> Result<(), Failure> {
        for (node, place) in self.nodes.iter_mut().enumerate() {
            let Some(process) = place else {
                continue;
            };
            match process.has_ended() {
                None => {}
                Some(ended) if ended.replaced() && self.replaced.contains(&node) => {
                    *place = None;
                    self.chronicle.process(node, Process::Dead);
                }
                Some(ended) => {
                    return Err(Failure::failed(format!(
                        "{} ({process}) {ended} by itself",
                        name(node)
                    )));
                }
            }
        }
        Ok(())
    }

    /// Stops all nodes at once.
    ///
    /// # Errors
    /// If one does not end as it was told to.
    pub(crate) async fn stop_all(mut self) -> Result<(), Failure> {
        let mut stopped = self.check();
        let mut stopping = JoinSet::new();
        for (node, process) in self.nodes.drain(..).enumerate() {
            if let Some(process) = process {
                stopping.spawn(stop(process, self.replaced.contains(&node)));
            }
        }
        while let Some(ended) = stopping.join_next().await {
            stopped = stopped.and(ended.expect("nothing in a node's stop panics"));
        }
        stopped
    }
}

/// Stops a process; it may have ended by itself, if another node was to come in its place.
async fn stop(mut process: LocalNode, may_be_replaced: bool) -> Result<(), Failure> {
    let ended = process.stop().await?;
    if ended.well() || (may_be_replaced && ended.replaced()) {
        return Ok(());
    }
    Err(Failure::failed(format!(
        "{process} {ended} when it was told to stop"
    )))
}

/// What is tortured are the defaults, whatever the environment sets, but for what would make a run
/// take longer and test nothing more.
fn configure(command: &mut Command, replication: u8) {
    for (name, _) in std::env::vars_os() {
        if name.as_encoded_bytes().starts_with(b"SHARDEDMEMORY_") {
            command.env_remove(name);
        }
    }
    command
        // Nobody else has a cluster at these addresses that could be missed.
        .args(["--founding-wait-ms", "200"])
        // A change that a cut holds up is to be given up within a phase, not half a minute later.
        .args(["--change-stalled-after-ms", "5000"])
        .args(["--shutdown-timeout-ms", "3000"])
        .args(["--replication", &replication.to_string()]);
}
