//! What befell the nodes, and when: [`Timeline`].

mod chronicle;
mod condition;

pub(crate) use chronicle::{Chronicle, FaultNumber};
pub(crate) use condition::Condition;

use super::fault::FaultKind;
use super::network::Cuts;
use super::track::Track;
use std::time::Duration;
use tokio::time::Instant;

/// All that befell the nodes. Times count from its beginning.
#[derive(Clone, Debug)]
pub(crate) struct Timeline {
    began: Instant,
    /// What each node's process does.
    processes: Vec<Track<Process>>,
    /// What each node is to the cluster, as it says itself.
    standings: Vec<Track<Standing>>,
    cuts: Track<Cuts>,
    /// Which nodes have to serve every register, and so every client.
    obliged: Track<Vec<bool>>,
    faults: Vec<FaultSpan>,
    phases: Vec<PhaseSpan>,
}

/// What a node's process does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Process {
    /// It was never started.
    Absent,
    /// It runs.
    Runs,
    /// It is frozen.
    Frozen,
    /// It has ended.
    Dead,
}

/// What a node is to its cluster.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Standing {
    /// It is a member that holds everything that it is to hold.
    Whole,
    /// It looks for its cluster, or copies what it is to hold.
    Lacking,
    /// It is no member.
    Outside,
}

/// A fault that came.
#[derive(Clone, Debug)]
pub(crate) struct FaultSpan {
    /// Its kind.
    pub(crate) kind: FaultKind,
    /// What it was, in words.
    pub(crate) words: String,
    /// When it began.
    pub(crate) from: Duration,
    /// When it was taken back.
    pub(crate) to: Option<Duration>,
    /// What came of it, if there is something to say.
    pub(crate) outcome: Option<String>,
}

/// A phase of faults.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PhaseSpan {
    /// When the first fault began.
    pub(crate) from: Duration,
    /// When the last was taken back.
    pub(crate) healed: Option<Duration>,
    /// When all nodes were whole and saw each other again.
    pub(crate) settled: Option<Duration>,
}

impl Timeline {
    fn new(nodes: usize, began: Instant) -> Self {
        Self {
            began,
            processes: vec![Track::new(Process::Absent); nodes],
            standings: vec![Track::new(Standing::Lacking); nodes],
            cuts: Track::new(Cuts::default()),
            obliged: Track::new(vec![false; nodes]),
            faults: Vec::new(),
            phases: Vec::new(),
        }
    }

    /// Counts times from a later moment on.
    fn count_from(&mut self, zero: Instant) {
        let by = zero.saturating_duration_since(self.began);
        self.began = zero;
        for track in &mut self.processes {
            track.shift(by);
        }
        for track in &mut self.standings {
            track.shift(by);
        }
        self.cuts.shift(by);
        self.obliged.shift(by);
        for fault in &mut self.faults {
            fault.from = fault.from.saturating_sub(by);
            fault.to = fault.to.map(|to| to.saturating_sub(by));
        }
        for phase in &mut self.phases {
            phase.from = phase.from.saturating_sub(by);
            phase.healed = phase.healed.map(|at| at.saturating_sub(by));
            phase.settled = phase.settled.map(|at| at.saturating_sub(by));
        }
    }

    /// One of which only this is known: who had to serve, from when on.
    #[cfg(test)]
    pub(crate) fn with_obliged(changes: &[(Duration, Vec<bool>)]) -> Self {
        let mut timeline = Self::new(changes[0].1.len(), Instant::now());
        for (at, nodes) in changes {
            timeline.obliged.set(*at, nodes.clone());
        }
        timeline
    }

    /// How many nodes there are, those that were never started included.
    pub(crate) fn nodes(&self) -> usize {
        self.processes.len()
    }

    /// The faults, in the order of their beginning.
    pub(crate) fn faults(&self) -> &[FaultSpan] {
        &self.faults
    }

    /// The phases, in their order.
    pub(crate) fn phases(&self) -> &[PhaseSpan] {
        &self.phases
    }

    /// The phase that something at this time belongs to: the last that has begun.
    pub(crate) fn phase_at(&self, time: Duration) -> Option<&PhaseSpan> {
        let begun = self.phases.partition_point(|phase| phase.from <= time);
        self.phases.get(begun.checked_sub(1)?)
    }

    /// Whether a node had to serve all the time from one time to another.
    pub(crate) fn is_obliged(&self, node: usize, from: Duration, to: Duration) -> bool {
        self.obliged.holds_throughout(from, to, |nodes| nodes[node])
    }

    /// Whether any node had to serve all the time from one time to another.
    pub(crate) fn is_someone_obliged(&self, from: Duration, to: Duration) -> bool {
        self.obliged
            .holds_throughout(from, to, |nodes| nodes.contains(&true))
    }

    /// When it changed who has to serve, after one time and before another.
    pub(crate) fn obligation_changes(
        &self,
        from: Duration,
        to: Duration,
    ) -> impl Iterator<Item = Duration> {
        self.obliged.changes_between(from, to)
    }
}

impl PhaseSpan {
    /// How long after its end all was well.
    pub(crate) fn whole_after(&self) -> Option<Duration> {
        Some(self.settled?.saturating_sub(self.healed?))
    }
}

impl FaultSpan {
    /// When it was over, or the end of everything if it never was.
    pub(crate) fn end(&self, end: Duration) -> Duration {
        self.to.unwrap_or(end)
    }
}
