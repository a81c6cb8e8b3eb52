//! Which run, and what came of it: [`Run`], [`Passed`], [`Failure`].

use crate::figures::Figures;
use crate::plan::{Nodes, Replication};
use crate::planted::Planted;
use std::fmt;

/// Which run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Run {
    /// Everything that the run decides is decided by this.
    pub seed: u64,
    /// How many nodes found the cluster.
    pub nodes: Nodes,
    /// On how many nodes each slot is held.
    pub replication: Replication,
    /// Whether a majority is lost for good in it whatever the seed would decide, if it is a run in
    /// which that can be.
    pub loss: bool,
    /// Whether the nodes have disks in any case, and not only if that is drawn.
    pub disks: bool,
    /// Whether clients delete much, and tombstones are dropped soon, whatever the seed would decide.
    pub deletes: bool,
    /// A fault put back, to see it found. Then nobody asks whether a majority holds what is called
    /// settled: the clients' history has to show that it does not.
    pub planted: Option<Planted>,
}

/// A run in which nothing that must hold was broken.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Passed {
    /// Its numbers.
    pub figures: Figures,
    /// A digest of everything that happened: the same run has the same.
    pub digest: u64,
}

/// A run in which something was broken. Its `Display` tells what, and how to see it again.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The run.
    pub run: Run,
    /// What was broken.
    pub kind: FailureKind,
    /// The same in words.
    pub what: String,
    /// The last that happened before, line by line, if the run was played again for that.
    pub story: Option<String>,
}

/// What a failed run broke.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FailureKind {
    /// The clients' history is not linearizable.
    NotLinearizable,
    /// Something that must hold at every step did not, or did not come about in time.
    Invariant,
    /// The protocol itself found something impossible.
    Panic,
    /// It had not ended after a time in which any run ends.
    Endless,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(story) = &self.story {
            writeln!(f, "the last that happened with seed {}:", self.run.seed)?;
            writeln!(f, "{story}")?;
        }
        writeln!(f, "seed {} failed: {}", self.run.seed, self.what)?;
        write!(f, "replay it: {}", self.run.replay())
    }
}

impl std::error::Error for Failure {}

impl Run {
    /// The run of a seed as it is.
    pub fn of(seed: u64) -> Self {
        Self {
            seed,
            nodes: Nodes::Any,
            replication: Replication::Any,
            loss: false,
            disks: false,
            deletes: false,
            planted: None,
        }
    }

    /// The command that shows the run again, with its trace.
    pub fn replay(&self) -> String {
        let mut command = format!("cargo run --release -p simulator -- --seed {}", self.seed);
        if let Nodes::Exactly(nodes) = self.nodes {
            command += &format!(" --nodes {nodes}");
        }
        if let Replication::Exactly(replication) = self.replication {
            command += &format!(" --replication {replication}");
        }
        if self.loss {
            command += " --loss";
        }
        if self.disks {
            command += " --disks";
        }
        if self.deletes {
            command += " --deletes";
        }
        if let Some(planted) = self.planted {
            command += &format!(" --planted {planted}");
        }
        command + " --trace"
    }
}
