//! What a node counts about itself: [`Metrics`].
//!
//! Counting is a handful of relaxed atomic additions, so that it costs an operation next to
//! nothing. Everything else happens when somebody asks: [`Metrics::render`] takes the counts, the
//! node's view of its cluster and the peers' traffic, and writes them down as text.

mod exposition;
mod families;
mod histogram;

use crate::server::{ChangeNote, ClusterView};
use histogram::Histogram;
use protocol::{Operation, Outcome};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The media type of what [`Metrics::render`] writes.
pub(crate) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The counts of one node, since its process started.
#[derive(Debug)]
pub(crate) struct Metrics {
    build: Build,
    started: SystemTime,
    operations: [OperationCounts; OperationKind::ALL.len()],
    changes: ChangeCounts,
}

/// Changes of members, as this node saw them.
#[derive(Debug, Default)]
struct ChangeCounts {
    begun: AtomicU64,
    finished: AtomicU64,
    aborted: AtomicU64,
}

/// What was built into this program.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Build {
    /// The version, such as `0.1.0`.
    pub(crate) version: &'static str,
    /// The commit, or `unknown`.
    pub(crate) commit: &'static str,
}

/// What operations are told apart by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum OperationKind {
    /// A read.
    Read,
    /// A write of a value.
    Write,
    /// A write of nothing.
    Delete,
    /// A read-modify-write.
    Modify,
}

impl OperationKind {
    /// Every kind, in the order of their discriminants.
    pub(crate) const ALL: [OperationKind; 4] = [
        OperationKind::Read,
        OperationKind::Write,
        OperationKind::Delete,
        OperationKind::Modify,
    ];

    /// The kind of an operation.
    pub(crate) fn of(operation: &Operation) -> Self {
        match operation {
            Operation::Read { .. } => OperationKind::Read,
            Operation::Write { content, .. } if content.is_none() => OperationKind::Delete,
            Operation::Write { .. } => OperationKind::Write,
            Operation::Modify { .. } => OperationKind::Modify,
        }
    }

    /// Its name, as metrics and views spell it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            OperationKind::Read => "read",
            OperationKind::Write => "write",
            OperationKind::Delete => "delete",
            OperationKind::Modify => "modify",
        }
    }
}

/// How many operations were done in so many rounds of messages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Rounds {
    /// In one round.
    pub(crate) one: u64,
    /// In two.
    pub(crate) two: u64,
    /// In more than two: something was sent again in another epoch.
    pub(crate) more: u64,
}

/// What passed between this node and its peers since it started.
#[derive(Clone, Debug, Default)]
pub(crate) struct Traffic {
    /// What was sent, by the address it was sent to.
    pub(crate) sent: Vec<PeerFigures>,
    /// Messages that were dropped because no connection led to the node they were for.
    pub(crate) undeliverable_messages: u64,
    /// What was received from all of them.
    pub(crate) received: ReceivedFigures,
}

/// What was sent to one peer.
#[derive(Clone, Debug)]
pub(crate) struct PeerFigures {
    /// Where it is dialled.
    pub(crate) address: String,
    /// Bytes, framing included.
    pub(crate) sent_bytes: u64,
    /// Messages; a frame carries many.
    pub(crate) sent_messages: u64,
    /// Frames.
    pub(crate) sent_frames: u64,
    /// Messages that were dropped because the peer could not be reached, or was too slow.
    pub(crate) dropped_messages: u64,
}

/// What was received from all peers.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ReceivedFigures {
    /// Bytes, framing included.
    pub(crate) received_bytes: u64,
    /// Messages.
    pub(crate) received_messages: u64,
    /// Frames.
    pub(crate) received_frames: u64,
}

#[derive(Debug, Default)]
struct OperationCounts {
    done: AtomicU64,
    refused: AtomicU64,
    unknown: AtomicU64,
    /// Done in one round, in two, in more.
    rounds: [AtomicU64; 3],
    duration: Histogram,
}

impl Metrics {
    /// Metrics of a process that starts now.
    pub(crate) fn new(build: Build) -> Self {
        Self {
            build,
            started: SystemTime::now(),
            operations: Default::default(),
            changes: ChangeCounts::default(),
        }
    }

    /// Counts one client's operation that has ended, after this long.
    pub(crate) fn observe(&self, kind: OperationKind, outcome: &Outcome, duration: Duration) {
        let counts = self.counts(kind);
        let ended = match outcome {
            Outcome::Read { rounds, .. }
            | Outcome::Written { rounds, .. }
            | Outcome::Modified { rounds, .. }
            | Outcome::Unchanged { rounds, .. } => {
                let index = usize::from(rounds.saturating_sub(1)).min(2);
                counts.rounds[index].fetch_add(1, Ordering::Relaxed);
                &counts.done
            }
            Outcome::Refused(_) => &counts.refused,
            Outcome::Unknown => &counts.unknown,
        };
        ended.fetch_add(1, Ordering::Relaxed);
        counts.duration.observe(duration);
    }

    /// Counts what this node saw of a change of members.
    pub(crate) fn observe_change(&self, note: &ChangeNote) {
        let count = match note {
            ChangeNote::Begun { .. } => &self.changes.begun,
            ChangeNote::Finished { .. } => &self.changes.finished,
            ChangeNote::Aborted { .. } => &self.changes.aborted,
            ChangeNote::Progress { .. } | ChangeNote::Ended { .. } => return,
        };
        count.fetch_add(1, Ordering::Relaxed);
    }

    /// How many rounds the operations of this kind took that were done.
    pub(crate) fn rounds(&self, kind: OperationKind) -> Rounds {
        let [one, two, more] = &self.counts(kind).rounds;
        Rounds {
            one: one.load(Ordering::Relaxed),
            two: two.load(Ordering::Relaxed),
            more: more.load(Ordering::Relaxed),
        }
    }

    /// What was built into this program.
    pub(crate) fn build(&self) -> Build {
        self.build
    }

    /// Everything as text of type [`CONTENT_TYPE`].
    pub(crate) fn render(&self, view: ClusterView, traffic: Traffic) -> String {
        exposition::render(self, view, traffic)
    }

    fn counts(&self, kind: OperationKind) -> &OperationCounts {
        &self.operations[kind as usize]
    }

    fn started_unix_seconds(&self) -> f64 {
        let since = self.started.duration_since(UNIX_EPOCH);
        since.unwrap_or_default().as_secs_f64()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use protocol::{Change, Record, Refusal, RegisterName, Tag, Unmet};

    fn metrics() -> Metrics {
        Metrics::new(Build {
            version: "1.2.3",
            commit: "abc",
        })
    }

    fn read(rounds: u8) -> Outcome {
        Outcome::Read {
            record: Record::EMPTY,
            rounds,
        }
    }

    #[test]
    fn kinds_stand_in_the_order_of_their_discriminants() {
        for (index, kind) in OperationKind::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, index);
        }
    }

    #[test]
    fn a_write_of_nothing_is_a_delete() {
        let name = RegisterName::new("x").unwrap();
        let write = |content| Operation::Write {
            name: name.clone(),
            content,
            expiry: None,
        };
        let value = Some(Bytes::new());
        assert_eq!(OperationKind::of(&write(value)), OperationKind::Write);
        assert_eq!(OperationKind::of(&write(None)), OperationKind::Delete);
        let modify = Operation::Modify {
            name: name.clone(),
            change: Change::add(1),
        };
        assert_eq!(OperationKind::of(&modify), OperationKind::Modify);
        let read = Operation::Read { name };
        assert_eq!(OperationKind::of(&read), OperationKind::Read);
    }

    #[test]
    fn rounds_are_counted_for_what_was_done_and_for_nothing_else() {
        let metrics = metrics();
        for rounds in [1, 1, 2, 3, 200] {
            metrics.observe(OperationKind::Read, &read(rounds), Duration::ZERO);
        }
        let refused = Outcome::Refused(Refusal::Busy);
        metrics.observe(OperationKind::Read, &refused, Duration::ZERO);
        metrics.observe(OperationKind::Read, &Outcome::Unknown, Duration::ZERO);
        let written = Outcome::Written {
            tag: Tag::ZERO,
            rounds: 2,
        };
        metrics.observe(OperationKind::Write, &written, Duration::ZERO);
        let (one, two, more) = (2, 1, 2);
        assert_eq!(
            metrics.rounds(OperationKind::Read),
            Rounds { one, two, more }
        );
        assert_eq!(metrics.rounds(OperationKind::Write).two, 1);
        assert_eq!(metrics.rounds(OperationKind::Delete).two, 0);
        for rounds in [2, 3] {
            let record = Record::EMPTY;
            let previous = None;
            let modified = Outcome::Modified {
                previous,
                record,
                rounds,
            };
            metrics.observe(OperationKind::Modify, &modified, Duration::ZERO);
        }
        let unchanged = Outcome::Unchanged {
            record: Record::EMPTY,
            unmet: Unmet::Condition,
            rounds: 1,
        };
        metrics.observe(OperationKind::Modify, &unchanged, Duration::ZERO);
        let (one, two, more) = (1, 1, 1);
        assert_eq!(
            metrics.rounds(OperationKind::Modify),
            Rounds { one, two, more }
        );
    }
}
