//! What the clients' record says about the faults: [`Judgement`].

use super::fault::FaultKind;
use super::timeline::{PhaseSpan, Timeline};
use crate::cli::workload::{Ended, Ends, Gap, OperationRecord, WorkloadRecord};
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::time::Duration;

/// What the clients' record says about the faults.
///
/// A node is *obliged* to serve while it is a whole member that nothing befell since all was well,
/// and is parted from no more nodes than may be missing of a register's replicas.
#[derive(Clone, Debug, Default)]
pub(crate) struct Judgement {
    /// How many operations ended how.
    pub(crate) ends: Ends,
    /// What each kind of fault did.
    pub(crate) kinds: BTreeMap<FaultKind, KindFigures>,
    /// The longest times in which no operation succeeded at nodes that were obliged, the longest
    /// first, at most [`GAPS_MAX`].
    pub(crate) gaps: Vec<Gap>,
    /// The longest time from the end of a phase's faults to the next success of anyone.
    pub(crate) served_again_longest: Option<Duration>,
    /// Operations that failed at nodes that were obliged all the time that they ran, as indices.
    pub(crate) failed_where_obliged: Vec<usize>,
}

/// What one kind of fault did.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct KindFigures {
    /// How often it came.
    pub(crate) count: u64,
    /// The longest time, while it lasted, in which no operation succeeded at nodes that were
    /// obliged; nothing if none ever was.
    pub(crate) gap_longest: Option<Duration>,
    /// The longest time from the end of the faults of its phase until all was well.
    pub(crate) whole_after_longest: Option<Duration>,
}

/// How many gaps are told.
const GAPS_MAX: usize = 6;

impl Judgement {
    /// Judges a record by what befell the nodes meanwhile.
    pub(crate) fn of(record: &WorkloadRecord, timeline: &Timeline) -> Self {
        let operations = &record.operations;
        let mut successes: Vec<Duration> = Vec::new();
        let mut served: Vec<Duration> = Vec::new();
        let mut judged = Self::default();
        for (index, operation) in operations.iter().enumerate() {
            let (from, to) = (start(operation), end(operation));
            let was_obliged = operation
                .node
                .is_some_and(|node| timeline.is_obliged(usize::from(node), from, to));
            match operation.ended {
                Ended::Done => judged.ends.done += 1,
                Ended::Refused => judged.ends.refused += 1,
                Ended::Unknown => judged.ends.unknown += 1,
            }
            match operation.ended {
                Ended::Done => {
                    served.push(to);
                    if was_obliged {
                        successes.push(to);
                    }
                }
                Ended::Refused | Ended::Unknown if was_obliged => {
                    judged.failed_where_obliged.push(index);
                }
                Ended::Refused | Ended::Unknown => {}
            }
        }
        successes.sort_unstable();
        served.sort_unstable();
        let longest_gaps = |from, to| {
            let mut gaps = gaps(timeline, &successes, from, to);
            gaps.sort_by_key(|gap| Reverse(gap.length));
            gaps.truncate(GAPS_MAX);
            gaps
        };
        judged.gaps = longest_gaps(Duration::ZERO, record.elapsed);
        for fault in timeline.faults() {
            let figures = judged.kinds.entry(fault.kind).or_default();
            figures.count += 1;
            let gaps = longest_gaps(fault.from, fault.end(record.elapsed));
            let length = gaps.first().map(|gap| gap.length);
            figures.gap_longest = figures.gap_longest.max(length);
            let phase = timeline.phase_at(fault.from);
            figures.whole_after_longest = figures
                .whole_after_longest
                .max(phase.and_then(PhaseSpan::whole_after));
        }
        let again = timeline.phases().iter().filter_map(|phase| {
            let healed = phase.healed?;
            let next = served.get(served.partition_point(|at| *at < healed))?;
            Some(*next - healed)
        });
        judged.served_again_longest = again.max();
        judged
    }
}

/// When an operation was called.
pub(crate) fn start(operation: &OperationRecord) -> Duration {
    Duration::from_nanos(operation.start_ns)
}

/// When it ended for its client.
pub(crate) fn end(operation: &OperationRecord) -> Duration {
    Duration::from_nanos(operation.end_ns)
}

/// The times without a success, between two times, among those in which some node was obliged.
/// Successes are in order, and only those of nodes that were obliged.
fn gaps(timeline: &Timeline, successes: &[Duration], from: Duration, to: Duration) -> Vec<Gap> {
    let mut bounds = vec![from];
    bounds.extend(timeline.obligation_changes(from, to));
    bounds.push(to);
    let mut gaps = Vec::new();
    // As long as somebody is obliged, a change in who it is ends no gap.
    let mut began = None;
    let mut end = |began: &mut Option<Duration>, at: Duration| {
        if let Some(from) = began.replace(at) {
            let length = at.saturating_sub(from);
            gaps.push(Gap { from, length });
        }
    };
    for window in bounds.windows(2) {
        let (from, to) = (window[0], window[1]);
        if !timeline.is_someone_obliged(from, from) {
            end(&mut began, from);
            began = None;
            continue;
        }
        began = began.or(Some(from));
        let first = successes.partition_point(|at| *at < from);
        for at in successes[first..].iter().take_while(|at| **at < to) {
            end(&mut began, *at);
        }
    }
    end(&mut began, to);
    gaps
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn a_gap_counts_only_while_somebody_had_to_serve() {
        let timeline = Timeline::with_obliged(&[
            (ms(0), vec![true, true]),
            (ms(1000), vec![false, true]),
            (ms(2000), vec![false, false]),
            (ms(5000), vec![true, true]),
        ]);
        let successes = [ms(100), ms(900), ms(1500), ms(5100)];
        let gap = |from, to| {
            gaps(&timeline, &successes, ms(from), ms(to))
                .into_iter()
                .max_by_key(|gap| gap.length)
                .map(|gap| (gap.length.as_millis(), gap.from.as_millis()))
        };
        assert_eq!(gap(0, 1000), Some((800, 100)));
        // Who is to serve changes at 1000, which ends no gap; at 2000 nobody is left.
        assert_eq!(gap(850, 5200), Some((600, 900)));
        assert_eq!(gap(2000, 5000), None);
        assert_eq!(gap(3000, 5050), Some((50, 5000)));
    }
}
