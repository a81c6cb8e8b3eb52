//! Nodes that keep what they promise on disk.

mod directories;
mod full;
mod members;
mod one;
mod power;
mod tombstones;

use crate::harness::{Cluster, Node};
use serde_json::Value;
use std::path::PathBuf;
use tempfile::TempDir;

/// A data directory for each node of a cluster. They are gone when this is dropped.
struct Disks(TempDir);

impl Disks {
    fn new() -> Self {
        let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"));
        Self(directory.expect("a directory can be made"))
    }

    /// Where the node of this index keeps what it promises.
    fn of(&self, node: usize) -> PathBuf {
        self.0.path().join(node.to_string())
    }

    /// What that node is told.
    fn flags(&self, node: usize, flags: &[&str]) -> Vec<String> {
        let own = self.of(node);
        let quick = ["--founding-wait-ms", "200"];
        let directory = ["--data-dir", own.to_str().expect("a path of text")];
        let flags = [&quick, &directory, flags].concat();
        flags.into_iter().map(str::to_owned).collect()
    }

    /// Starts a cluster on them, with further flags.
    async fn start(&self, size: u16, flags: &[&str]) -> Cluster {
        Cluster::start_each(size, |node| self.flags(node, flags)).await
    }
}

/// Who a node is, and in which epoch.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Identity {
    node: Value,
    boot: u64,
    cluster: Value,
    epoch: u64,
}

impl Identity {
    async fn of(node: &Node) -> Self {
        let view = node.view().await;
        Self {
            node: view["node"].clone(),
            boot: view["boot"].as_u64().expect("a number"),
            cluster: view["cluster"].clone(),
            epoch: view["epoch"].as_u64().expect("a number"),
        }
    }

    async fn of_all(cluster: &Cluster) -> Vec<Self> {
        let mut all = Vec::new();
        for node in cluster.nodes() {
            all.push(Self::of(node).await);
        }
        all
    }

    /// The same after one more start, in which nothing changed.
    fn restarted(&self) -> Self {
        Self {
            boot: self.boot + 1,
            ..self.clone()
        }
    }
}
