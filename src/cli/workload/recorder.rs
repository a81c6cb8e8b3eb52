//! What clients do, written down as they do it: [`Recorder`].

use super::plan::WorkloadPlan;
use super::record::{Ended, Kind, OperationRecord, WorkloadRecord};
use checker::{Action, ByteString, History, OperationId, RegisterName, Reply};
use parking_lot::Mutex;
use std::time::Duration;
use tokio::time::Instant;

/// A record that all clients write.
pub(super) struct Recorder {
    began: Instant,
    operations_max: usize,
    recording: Mutex<Recording>,
}

/// How a workload goes.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Figures {
    /// For how long it has run.
    pub(crate) elapsed: Duration,
    /// How many operations were done.
    pub(crate) done: u64,
    /// How many certainly were not, or are reads without an answer.
    pub(crate) refused: u64,
    /// How many were done or not, nobody knows.
    pub(crate) unknown: u64,
    /// How often a client could not connect to a node. Nothing was asked of it then.
    pub(crate) unreachable: u64,
    /// How long no client has got anything done.
    pub(crate) gap: Duration,
    /// The longest time in which no client got anything done, this one among them.
    pub(crate) gap_longest: Duration,
}

/// How an operation ended, with what there is to tell of it.
pub(super) enum End {
    Done {
        reply: Reply<ByteString>,
        rounds: Option<u8>,
    },
    Refused(String),
    Unknown(String),
}

struct Recording {
    history: History<ByteString>,
    operations: Vec<OperationRecord>,
    registers: Vec<RegisterName>,
    nodes: Vec<String>,
    figures: Figures,
    last_done_ns: u64,
    full: bool,
    last_failure: Option<String>,
}

impl Recorder {
    /// An empty record; its time begins now.
    pub(super) fn new(plan: &WorkloadPlan) -> Self {
        let registers = plan.names.iter();
        let recording = Recording {
            history: History::new(),
            operations: Vec::new(),
            registers: registers
                .map(|name| RegisterName::new(name.as_bytes()))
                .collect(),
            nodes: plan.nodes.iter().map(|node| node.to_string()).collect(),
            figures: Figures::default(),
            last_done_ns: 0,
            full: false,
            last_failure: None,
        };
        Self {
            began: Instant::now(),
            operations_max: plan.operations_max,
            recording: Mutex::new(recording),
        }
    }

    /// Its zero of time.
    pub(super) fn began(&self) -> Instant {
        self.began
    }

    /// Records that a client is about to call an operation; nothing if the record is full.
    pub(super) fn call(
        &self,
        client: usize,
        node: usize,
        register: usize,
        action: Action<ByteString>,
    ) -> Option<OperationId> {
        let mut recording = self.recording.lock();
        let recording = &mut *recording;
        if recording.history.len() >= self.operations_max {
            recording.full = true;
            return None;
        }
        let (client, start_ns) = (client as u64, self.now_ns());
        recording.operations.push(OperationRecord {
            client,
            start_ns,
            end_ns: start_ns,
            register: register
                .try_into()
                .expect("registers are counted in 32 bits"),
            node: node.try_into().ok(),
            kind: Kind::of(&action),
            ended: Ended::Unknown,
            rounds: None,
        });
        let name = &recording.registers[register];
        Some(recording.history.call(client, name, action, start_ns))
    }

    /// Records how an operation ended, just now.
    pub(super) fn end(&self, id: OperationId, end: End) {
        let mut recording = self.recording.lock();
        let recording = &mut *recording;
        let time = self.now_ns();
        let operation = &mut recording.operations[id.index()];
        let figures = &mut recording.figures;
        operation.end_ns = time;
        let failure = match end {
            End::Done { reply, rounds } => {
                let gap = Duration::from_nanos(time - recording.last_done_ns);
                recording.last_done_ns = time;
                figures.gap_longest = figures.gap_longest.max(gap);
                figures.done += 1;
                (operation.ended, operation.rounds) = (Ended::Done, rounds);
                recording.history.done(id, time, reply);
                return;
            }
            End::Refused(failure) => {
                figures.refused += 1;
                operation.ended = Ended::Refused;
                recording.history.refused(id, time);
                failure
            }
            End::Unknown(failure) => {
                figures.unknown += 1;
                operation.ended = Ended::Unknown;
                recording.history.unknown(id);
                failure
            }
        };
        let node = operation
            .node
            .map(|node| &recording.nodes[usize::from(node)]);
        recording.last_failure = Some(match node {
            Some(node) => format!("{node}: {failure}"),
            None => failure,
        });
    }

    /// Records that a client could not connect to a node.
    pub(super) fn unreachable(&self, node: usize, why: &str) {
        let mut recording = self.recording.lock();
        recording.figures.unreachable += 1;
        recording.last_failure = Some(format!("{}: {why}", recording.nodes[node]));
    }

    /// How it goes.
    pub(super) fn figures(&self) -> Figures {
        let recording = self.recording.lock();
        let elapsed = self.began.elapsed();
        let gap = elapsed.saturating_sub(Duration::from_nanos(recording.last_done_ns));
        let figures = recording.figures;
        Figures {
            elapsed,
            gap,
            gap_longest: figures.gap_longest.max(gap),
            ..figures
        }
    }

    /// All that was recorded. Nobody records anything after this.
    pub(super) fn take(&self) -> WorkloadRecord {
        let mut recording = self.recording.lock();
        let recording = &mut *recording;
        WorkloadRecord {
            history: std::mem::take(&mut recording.history),
            operations: std::mem::take(&mut recording.operations),
            registers: std::mem::take(&mut recording.registers),
            nodes: std::mem::take(&mut recording.nodes),
            elapsed: self.began.elapsed(),
            full: recording.full,
            unreachable: recording.figures.unreachable,
            last_failure: recording.last_failure.take(),
        }
    }

    fn now_ns(&self) -> u64 {
        let nanos = self.began.elapsed().as_nanos();
        nanos.try_into().expect("nobody waits for 500 years")
    }
}
