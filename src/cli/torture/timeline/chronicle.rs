//! Writing a timeline while things happen: [`Chronicle`].

use super::{FaultSpan, PhaseSpan, Process, Standing, Timeline};
use crate::cli::output;
use crate::cli::torture::fault::Fault;
use crate::cli::torture::network::Cuts;
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// A timeline that is being written.
#[derive(Clone)]
pub(crate) struct Chronicle(Arc<Mutex<Timeline>>);

/// A fault that is on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct FaultNumber(usize);

impl Chronicle {
    /// So many nodes, of which none is started, from now on.
    pub(crate) fn begin(nodes: usize) -> Self {
        Self(Arc::new(Mutex::new(Timeline::new(nodes, Instant::now()))))
    }

    /// What has been written so far, with its zero moved to this time.
    pub(crate) fn since(&self, zero: Instant) -> Timeline {
        let mut timeline = self.0.lock().clone();
        timeline.count_from(zero);
        timeline
    }

    /// Reads or changes something, with the time that it is.
    fn now<T>(&self, act: impl FnOnce(&mut Timeline, Duration) -> T) -> T {
        let mut timeline = self.0.lock();
        let now = timeline.began.elapsed();
        act(&mut timeline, now)
    }

    /// Tells people what happens, with the time.
    pub(crate) fn say(&self, words: &str) {
        let now = self.now(|_, now| now);
        output::note(&format!("{:7.2}  {words}", now.as_secs_f64()));
    }

    /// A node's process does this from now on.
    pub(crate) fn process(&self, node: usize, process: Process) {
        self.now(|timeline, now| timeline.processes[node].set(now, process));
    }

    /// What a node's process does.
    pub(crate) fn process_of(&self, node: usize) -> Process {
        self.now(|timeline, _| *timeline.processes[node].last())
    }

    /// A node is this to its cluster from now on.
    pub(crate) fn standing(&self, node: usize, standing: Standing) {
        self.now(|timeline, now| timeline.standings[node].set(now, standing));
    }

    /// These links are cut from now on.
    pub(crate) fn cuts(&self, cuts: &Cuts) {
        self.now(|timeline, now| timeline.cuts.set(now, cuts.clone()));
    }

    /// These nodes have to serve from now on.
    pub(crate) fn obliged(&self, nodes: Vec<bool>) {
        self.now(|timeline, now| timeline.obliged.set(now, nodes));
    }

    /// A fault comes now.
    pub(crate) fn fault(&self, fault: &Fault, words: String) -> FaultNumber {
        self.now(|timeline, now| {
            timeline.faults.push(FaultSpan {
                kind: fault.kind(),
                words,
                from: now,
                to: None,
                outcome: None,
            });
            FaultNumber(timeline.faults.len() - 1)
        })
    }

    /// A fault is over now.
    pub(crate) fn over(&self, fault: FaultNumber, outcome: Option<String>) {
        self.now(|timeline, now| {
            let fault = &mut timeline.faults[fault.0];
            fault.to = fault.to.or(Some(now));
            fault.outcome = outcome.or(fault.outcome.take());
        });
    }

    /// A phase begins now.
    pub(crate) fn phase(&self) {
        self.now(|timeline, now| {
            timeline.phases.push(PhaseSpan {
                from: now,
                healed: None,
                settled: None,
            });
        });
    }

    /// The last fault of the phase is taken back now.
    pub(crate) fn healed(&self) {
        self.now(|timeline, now| {
            if let Some(phase) = timeline.phases.last_mut() {
                phase.healed = Some(now);
            }
        });
    }

    /// All is well again now.
    pub(crate) fn settled(&self) {
        self.now(|timeline, now| {
            if let Some(phase) = timeline.phases.last_mut() {
                phase.settled = Some(now);
            }
        });
    }
}
