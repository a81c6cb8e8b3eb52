//! What a record comes to, in figures: [`Summary`].

use super::record::{Ended, Kind, OperationRecord, WorkloadRecord};
use std::time::Duration;

/// A record in figures.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Summary {
    /// How long all of it took.
    pub(crate) elapsed: Duration,
    /// What became of all operations.
    pub(crate) all: Ends,
    /// The longest time in which nothing was done.
    pub(crate) gap: Gap,
    /// Each kind of operation that occurs, in the order of [`Kind::ALL`].
    pub(crate) kinds: Vec<KindSummary>,
    /// Each node.
    pub(crate) nodes: Vec<NodeSummary>,
    /// The share of the operations that were done while another ran on the same register. Where
    /// it is small, there was little to get wrong.
    pub(crate) overlap: f64,
}

/// How many operations ended in which way.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Ends {
    /// Done.
    pub(crate) done: u64,
    /// Certainly not done, or reads without an answer.
    pub(crate) refused: u64,
    /// Done or not, nobody knows.
    pub(crate) unknown: u64,
}

/// A time in which nothing was done. It begins with a success, or with the record, and ends so.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Gap {
    /// When it began.
    pub(crate) from: Duration,
    /// How long it was.
    pub(crate) length: Duration,
}

/// The operations of a kind.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct KindSummary {
    /// Which kind.
    pub(crate) kind: Kind,
    /// What became of them.
    pub(crate) ends: Ends,
    /// How long those took that were done, if any was.
    pub(crate) latency: Option<Latency>,
    /// How many of those were done in one round, of how many whose rounds are known.
    pub(crate) one_round: (u64, u64),
}

/// How long operations took.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Latency {
    /// Half of them took no longer.
    pub(crate) p50: Duration,
    /// 99 of 100 took no longer.
    pub(crate) p99: Duration,
    /// None took longer.
    pub(crate) max: Duration,
}

/// The operations that were asked of a node.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct NodeSummary {
    /// Which node.
    pub(crate) node: String,
    /// What became of them.
    pub(crate) ends: Ends,
    /// The longest time in which none was done there.
    pub(crate) gap: Gap,
}

impl Summary {
    /// Adds a record up.
    pub(crate) fn of(record: &WorkloadRecord) -> Self {
        let operations = || record.operations.iter();
        let of_kind = |kind| operations().filter(move |operation| operation.kind == kind);
        // A file may name very many nodes: all are looked through once, not once for each.
        let mut at_nodes = vec![Vec::new(); record.nodes.len()];
        for operation in operations() {
            if let Some(node) = operation.node {
                at_nodes[usize::from(node)].push(operation);
            }
        }
        let kinds = Kind::ALL.into_iter();
        let nodes = record.nodes.iter().zip(&at_nodes);
        Self {
            elapsed: record.elapsed,
            all: Ends::of(operations()),
            gap: Gap::longest(operations(), record.elapsed),
            kinds: kinds
                .filter(|kind| of_kind(*kind).next().is_some())
                .map(|kind| KindSummary {
                    kind,
                    ends: Ends::of(of_kind(kind)),
                    latency: Latency::of(of_kind(kind)),
                    one_round: one_round(of_kind(kind)),
                })
                .collect(),
            nodes: nodes
                .map(|(node, operations)| NodeSummary {
                    node: node.clone(),
                    ends: Ends::of(operations.iter().copied()),
                    gap: Gap::longest(operations.iter().copied(), record.elapsed),
                })
                .collect(),
            overlap: overlap(&record.operations),
        }
    }

    /// How many operations of these kinds were done.
    pub(crate) fn done(&self, kinds: impl Fn(Kind) -> bool) -> u64 {
        let kinds = self.kinds.iter().filter(|summary| kinds(summary.kind));
        kinds.map(|summary| summary.ends.done).sum()
    }
}

impl Ends {
    fn of<'a>(operations: impl Iterator<Item = &'a OperationRecord>) -> Self {
        operations.fold(Self::default(), |mut ends, operation| {
            match operation.ended {
                Ended::Done => ends.done += 1,
                Ended::Refused => ends.refused += 1,
                Ended::Unknown => ends.unknown += 1,
            }
            ends
        })
    }

    /// All of them.
    pub(crate) fn sum(self) -> u64 {
        self.done + self.refused + self.unknown
    }
}

impl Gap {
    fn longest<'a>(
        operations: impl Iterator<Item = &'a OperationRecord>,
        elapsed: Duration,
    ) -> Self {
        let done = operations.filter(|operation| operation.ended == Ended::Done);
        let mut ends: Vec<u64> = done.map(|operation| operation.end_ns).collect();
        ends.sort_unstable();
        let ends = ends.into_iter().map(Duration::from_nanos).chain([elapsed]);
        let mut before = Duration::ZERO;
        let mut longest = Self::default();
        for end in ends {
            let gap = Self {
                from: before,
                length: end.saturating_sub(before),
            };
            if gap.length > longest.length {
                longest = gap;
            }
            before = end;
        }
        longest
    }
}

impl Latency {
    fn of<'a>(operations: impl Iterator<Item = &'a OperationRecord>) -> Option<Self> {
        let done = operations.filter(|operation| operation.ended == Ended::Done);
        let mut took: Vec<Duration> = done.map(OperationRecord::took).collect();
        took.sort_unstable();
        // The least that is not exceeded by so many of a hundred.
        let percentile = |hundredths: usize| {
            let rank = (took.len() * hundredths).div_ceil(100);
            took.get(rank.checked_sub(1)?).copied()
        };
        Some(Self {
            p50: percentile(50)?,
            p99: percentile(99)?,
            max: percentile(100)?,
        })
    }
}

fn one_round<'a>(operations: impl Iterator<Item = &'a OperationRecord>) -> (u64, u64) {
    let done = operations.filter(|operation| operation.ended == Ended::Done);
    let rounds = done.filter_map(|operation| operation.rounds);
    rounds.fold((0, 0), |(one, all), rounds| {
        (one + u64::from(rounds == 1), all + 1)
    })
}

/// The share of the operations that were done during which another, not refused, ran on the same
/// register.
fn overlap(operations: &[OperationRecord]) -> f64 {
    let relevant = operations.iter();
    let mut relevant: Vec<_> = relevant
        .filter(|operation| operation.ended != Ended::Refused)
        .collect();
    relevant.sort_unstable_by_key(|operation| (operation.register, operation.start_ns));
    let (mut done, mut overlapping) = (0_u64, 0_u64);
    for on_register in relevant.chunk_by(|one, next| one.register == next.register) {
        let mut latest_end = None;
        for (index, operation) in on_register.iter().enumerate() {
            let before = latest_end.is_some_and(|end| end >= operation.start_ns);
            let next = on_register.get(index + 1);
            let after = next.is_some_and(|next| next.start_ns <= operation.end_ns);
            if operation.ended == Ended::Done {
                done += 1;
                overlapping += u64::from(before || after);
            }
            latest_end = latest_end.max(Some(operation.end_ns));
        }
    }
    match done {
        0 => 0.0,
        done => overlapping as f64 / done as f64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(lines: &str) -> Summary {
        Summary::of(&WorkloadRecord::of_lines(lines))
    }

    fn nanos(gap: Gap) -> (u128, u128) {
        (gap.from.as_nanos(), gap.length.as_nanos())
    }

    #[test]
    fn a_gap_is_a_time_without_a_success_overall_and_at_a_node() {
        let summary = summary(
            "0 10 1 x read done - node=a\n\
             15 20 2 x read done - node=b\n\
             25 70 2 x read refused node=b\n\
             75 80 2 x read done - node=a\n\
             90 200 1 x delete unknown node=a\n",
        );
        assert_eq!(nanos(summary.gap), (80, 120), "up to the end");
        assert_eq!(nanos(summary.nodes[0].gap), (80, 120));
        assert_eq!(nanos(summary.nodes[1].gap), (20, 180));
        let ends = Ends {
            done: 3,
            refused: 1,
            unknown: 1,
        };
        assert_eq!((summary.all, summary.all.sum()), (ends, 5));
    }

    #[test]
    fn with_no_success_the_gap_is_all_of_it() {
        let summary = summary("10 70 2 x read refused\n");
        assert_eq!(nanos(summary.gap), (0, 70));
        assert!(summary.nodes.is_empty());
        assert_eq!(summary.kinds[0].latency, None);
        assert_eq!(summary.overlap, 0.0);
    }

    #[test]
    fn what_was_done_has_a_median_and_a_worst_case() {
        let lines: String = (1..=200)
            .map(|took| {
                format!(
                    "1000 {} 1 x read done - rounds={}\n",
                    1000 + took,
                    1 + took % 2
                )
            })
            .chain(["0 9999 1 x read refused\n".to_owned()])
            .collect();
        let summary = summary(&lines);
        let nanos = Duration::from_nanos;
        let latency = Latency {
            p50: nanos(100),
            p99: nanos(198),
            max: nanos(200),
        };
        assert_eq!(summary.kinds[0].latency, Some(latency));
        assert_eq!(summary.kinds[0].one_round, (100, 200));
    }

    #[test]
    fn operations_overlap_only_on_one_register() {
        let apart = summary("0 10 1 x read done -\n11 20 2 x read done -\n5 15 3 y read done -\n");
        assert_eq!(apart.overlap, 0.0);
        let together = summary(
            "0 100 1 x write =a done\n\
             10 20 2 x read done -\n\
             90 110 3 x read done =a\n\
             111 120 3 x read done =a\n",
        );
        assert_eq!(together.overlap, 0.75);
    }
}
