//! Fewer operations that still contradict each other.
//!
//! To leave out a read only makes a history easier to explain. To leave out a write does not: its
//! readers would be left without a source, which is another fault than the one that was found. So
//!
//! - a write whose value was written once is left out only together with its readers;
//! - if a write is left out that might have served a read which is kept, the read counts as a write
//!   of its own. That asks for less: in any order that explains the history, a read can be replaced
//!   by a write of what it returned, since the register then holds the same at every instant;
//! - a write cannot have served a read if an operation that is kept lies between the two in time
//!   and is a write, or a read of another value. Such writes may be left out at no cost.
//!
//! What is left then contradicts itself whatever the operations that were left out did.

use crate::check::Limits;
use crate::search::{Answer, search};
use crate::trace::{Count, Effect, Step, Trace, ValueId};
use crate::zones::{Crossing, Moment, find_crossing};

/// Steps that cannot be put in any order, though no two clusters of the whole trace cross. Steps
/// are indices into [`Trace::steps`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Dilemma {
    /// Everything that returned before this read can be explained, but not this read too.
    pub(crate) read: usize,
    /// The steps that contradict each other, the read among them.
    pub(crate) steps: Vec<usize>,
    /// Two clusters that cross if nothing but these steps is looked at, in the simple case that no
    /// read counts as a write.
    pub(crate) crossing: Option<Crossing>,
    /// Whether writes of the same values were left out, since they cannot help.
    pub(crate) leaves_out_writes: bool,
}

/// Makes a trace for which the search found no order smaller, as long as the limits allow.
pub(crate) fn shrink(trace: &Trace, limits: Limits) -> Dilemma {
    let mut shrinker = Shrinker {
        trace,
        census: trace.census(),
        limits,
        steps_left: limits.steps,
    };
    let (read, mut kept) = shrinker.shortest_prefix();
    let mut size = kept.len().div_ceil(2);
    loop {
        let before = kept.len();
        kept = shrinker.without_runs(kept, size);
        if size > 1 {
            size = size.div_ceil(2);
        } else if kept.len() == before {
            break;
        }
    }
    let Relaxed {
        trace: relaxed,
        leaves_out_writes,
        frees_reads,
    } = shrinker.relaxed(&kept);
    let crossing = find_crossing(&relaxed).filter(|_| !frees_reads);
    let crossing = crossing.map(|crossing| crossing.renumbered(&kept));
    Dilemma {
        read,
        steps: kept,
        crossing,
        leaves_out_writes,
    }
}

struct Shrinker<'a> {
    trace: &'a Trace,
    census: Vec<Count>,
    limits: Limits,
    /// Work that may still be spent, in steps of the search and steps of the traces that were
    /// tried.
    steps_left: u64,
}

/// A part of a trace, which asks for no more than the whole does.
struct Relaxed {
    trace: Trace,
    /// Whether a write was left out whose value is that of a read, and which was called before the
    /// read returned.
    leaves_out_writes: bool,
    /// Whether one of these writes might have served the read, which so counts as a write.
    frees_reads: bool,
}

impl Shrinker<'_> {
    /// The first read to return that cannot be explained together with all before it, and all that
    /// may bear on it.
    fn shortest_prefix(&mut self) -> (usize, Vec<usize>) {
        let mut reads: Vec<usize> = (0..self.trace.steps.len())
            .filter(|step| self.trace.steps[*step].observed().is_some())
            .collect();
        reads.sort_by_key(|read| self.trace.steps[*read].end);
        // The whole trace is known to be impossible; it is the prefix up to the last read.
        let (mut possible, mut impossible) = (0, reads.len() - 1);
        while possible < impossible {
            let middle = possible.midpoint(impossible);
            if self.is_impossible(&self.prefix(&reads, middle)) {
                impossible = middle;
            } else {
                possible = middle + 1;
            }
        }
        (reads[impossible], self.prefix(&reads, impossible))
    }

    /// The reads up to the one at `last`, and the writes that were called before that one returned.
    fn prefix(&self, reads: &[usize], last: usize) -> Vec<usize> {
        let end = self.trace.steps[reads[last]].end;
        let mut kept = reads[..=last].to_vec();
        let is_early_write = |step: &Step| step.overwritten().is_some() && Some(step.call) <= end;
        kept.extend(
            (0..self.trace.steps.len()).filter(|step| is_early_write(&self.trace.steps[*step])),
        );
        kept.sort_by_key(|step| self.trace.steps[*step].call);
        kept
    }

    /// Tries to leave out each run of `size` steps.
    fn without_runs(&mut self, mut kept: Vec<usize>, size: usize) -> Vec<usize> {
        let mut start = 0;
        while start < kept.len() {
            let end = (start + size).min(kept.len());
            let rest = self.without_orphans([&kept[..start], &kept[end..]].concat());
            if self.is_impossible(&rest) {
                kept = rest;
            } else {
                start = end;
            }
        }
        kept
    }

    /// Leaves out the reads whose one source was left out.
    fn without_orphans(&self, mut kept: Vec<usize>) -> Vec<usize> {
        let mut is_written = vec![false; self.trace.values];
        is_written[0] = true;
        for step in &kept {
            if let Some(value) = self.trace.steps[*step]
                .overwritten()
                .and_then(ValueId::index)
            {
                is_written[value] = true;
            }
        }
        kept.retain(|step| {
            let value = self.trace.steps[*step].observed().and_then(ValueId::index);
            value.is_none_or(|value| is_written[value] || !self.census[value].is_certain())
        });
        kept
    }

    /// Whether these steps are known to contradict each other, whatever the others did.
    fn is_impossible(&mut self, kept: &[usize]) -> bool {
        let Some(steps_left) = self.steps_left.checked_sub(kept.len() as u64) else {
            return false;
        };
        self.steps_left = steps_left;
        let trace = self.relaxed(kept).trace;
        if find_crossing(&trace).is_some() {
            return true;
        }
        if !trace.census().iter().copied().any(Count::is_ambiguous) {
            return false;
        }
        let search = search(
            &trace,
            Limits {
                steps: self.steps_left,
                ..self.limits
            },
        );
        self.steps_left -= search.steps;
        search.answer == Answer::Impossible
    }

    fn relaxed(&self, kept: &[usize]) -> Relaxed {
        let mut is_kept = vec![false; self.trace.steps.len()];
        for step in kept {
            is_kept[*step] = true;
        }
        let left_out = |step: &usize| !is_kept[*step];
        let left_out = LeftOut::new(self.trace, (0..self.trace.steps.len()).filter(left_out));
        let barriers = Barriers::new(kept.iter().map(|step| &self.trace.steps[*step]));

        let (mut leaves_out_writes, mut frees_reads) = (false, false);
        let mut steps = Vec::with_capacity(kept.len());
        for index in kept {
            let mut step = self.trace.steps[*index];
            if let (Some(value), Some(end)) = (step.observed(), step.end)
                && let Some(last_end) = left_out.last_end(value, end)
            {
                leaves_out_writes = true;
                let barrier = barriers.last_call(value, step.call);
                if barrier.is_none_or(|barrier| last_end >= Moment::At(barrier)) {
                    step.effect = Effect::Overwrites(value);
                    frees_reads = true;
                }
            }
            steps.push(step);
        }
        Relaxed {
            trace: Trace {
                steps,
                values: self.trace.values,
            },
            leaves_out_writes,
            frees_reads,
        }
    }
}

/// Writes that are left out.
struct LeftOut {
    /// By value: calls in order, each with the last end among it and those before.
    writes: Vec<Vec<(u64, Moment)>>,
}

impl LeftOut {
    fn new(trace: &Trace, left_out: impl Iterator<Item = usize>) -> LeftOut {
        let mut writes: Vec<Vec<(u64, Moment)>> = vec![Vec::new(); trace.values];
        for step in left_out.map(|step| &trace.steps[step]) {
            if let Some(value) = step.overwritten().and_then(ValueId::index) {
                writes[value].push((step.call, Moment::end_of(step)));
            }
        }
        for writes in &mut writes {
            writes.sort_unstable();
            let mut last = Moment::Start;
            for (_, end) in writes {
                last = last.max(*end);
                *end = last;
            }
        }
        LeftOut { writes }
    }

    /// When the last of the writes of `value` ended that were called by `time`.
    fn last_end(&self, value: ValueId, time: u64) -> Option<Moment> {
        let writes = &self.writes[value.index()?];
        let count = writes.partition_point(|(call, _)| *call <= time);
        Some(writes[count.checked_sub(1)?].1)
    }
}

/// Kept steps, none of which a read can look past.
struct Barriers {
    /// In the order of their ends, each with what is known of it and those before.
    ended: Vec<(u64, Latest)>,
}

/// The latest calls among some steps.
#[derive(Clone, Copy, Debug, Default)]
struct Latest {
    write: Option<u64>,
    read: Option<(u64, ValueId)>,
    /// The latest read of a value other than that of `read`.
    other_read: Option<(u64, ValueId)>,
}

impl Barriers {
    fn new<'a>(kept: impl Iterator<Item = &'a Step>) -> Barriers {
        let mut ended: Vec<(u64, &Step)> = kept
            .filter_map(|step| step.end.map(|end| (end, step)))
            .collect();
        ended.sort_by_key(|(end, _)| *end);
        let mut latest = Latest::default();
        let add = |(end, step): (u64, &Step)| {
            latest.add(step);
            (end, latest)
        };
        Barriers {
            ended: ended.into_iter().map(add).collect(),
        }
    }

    /// The latest call of a step that ended before `time` and was no read of `value`.
    fn last_call(&self, value: ValueId, time: u64) -> Option<u64> {
        let count = self.ended.partition_point(|(end, _)| *end < time);
        let latest = self.ended[count.checked_sub(1)?].1;
        let is_other = |read: &(u64, ValueId)| read.1 != value;
        let read = latest
            .read
            .filter(is_other)
            .or(latest.other_read.filter(is_other));
        latest.write.max(read.map(|(call, _)| call))
    }
}

impl Latest {
    fn add(&mut self, step: &Step) {
        match step.effect {
            Effect::Overwrites(_) => self.write = self.write.max(Some(step.call)),
            Effect::Observes(value) => {
                let read = Some((step.call, value));
                if self.read.is_some_and(|latest| latest.1 != value) {
                    if self.read < read {
                        self.other_read = self.read;
                        self.read = read;
                    } else {
                        self.other_read = self.other_read.max(read);
                    }
                } else {
                    self.read = self.read.max(read);
                }
            }
        }
    }
}
