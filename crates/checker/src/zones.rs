//! The near-linear decision for registers where each read has one possible source.
//!
//! After Gibbons and Korach, "Testing Shared Memories", SIAM J. Comput. 26(4), 1997. A *cluster* is
//! a write with all reads of its value. The start of the register counts as a write of nothing that
//! precedes everything. Of each cluster two times matter: its first return `f` and its last call
//! `s`. Its *zone* is what lies between them; it is *forward* if `f < s` and *backward* otherwise.
//!
//! # Why it is right
//!
//! Let no read return before the write of its value was called (the `sources` module sees to that).
//! In a linearization each cluster stands in one piece, because a read follows its write with no
//! other write between. So a linearization orders whole clusters, and the real-time order asks that
//! A stand before B whenever some operation of A precedes one of B, that is, whenever `f(A) <
//! s(B)`. Conversely every order of the clusters that obeys this gives a linearization: inside a
//! cluster put the write first, then the reads as they were called. Hence a history is linearizable
//! if and only if the relation `f(A) < s(B)` between different clusters has no cycle.
//!
//! If it has a cycle, it has one of two clusters: let M be the cluster of the cycle with the
//! greatest `s`, and N the one after it. Each A of the cycle has `f(A) < s(next) <= s(M)`, so N
//! stands before M, and M before N. So it is enough to look for two clusters with `f(A) < s(B)` and
//! `f(B) < s(A)`: *a crossing*. Two backward zones never cross; two forward zones cross if they
//! overlap in more than an end point; a backward zone crosses a forward zone if it lies strictly
//! within. All comparisons are strict, since operations with equal times are concurrent.
//!
//! An unknown write that nobody read can be left out. One that was read did take effect, before the
//! first of these reads returned; it has no return of its own, so `f` is that of its reads.
//!
//! # Where sources are uncertain
//!
//! A read with several possible sources, and a write of such a value, each stand for themselves
//! here, as parts of clusters yet unknown. Growing a cluster lowers `f` and raises `s` and so only
//! adds crossings, and two such parts never cross each other, being single operations. So a
//! crossing is still a violation, but none proves nothing.

use crate::trace::{Step, Trace, ValueId};

/// Two clusters, each of which would have to stand before the other. Steps are indices into
/// [`Trace::steps`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Crossing {
    /// `(a, b)`: a step of the older cluster, `None` for the start, that precedes a step of the
    /// newer one.
    pub(crate) older_first: (Option<usize>, usize),
    /// `(b, a)`: a step of the newer cluster that precedes a step of the older one.
    pub(crate) newer_first: (usize, usize),
    /// These steps and the writes of both clusters.
    pub(crate) steps: Vec<usize>,
}

/// A crossing with as few operations as found, the one that shows first if several have as few.
pub(crate) fn find_crossing(trace: &Trace) -> Option<Crossing> {
    let zones = zones(trace);
    let (mut forward, backward): (Vec<Zone>, Vec<Zone>) = zones
        .into_iter()
        .partition(|zone| zone.first_end < zone.last_call);
    forward.sort_by_key(|zone| zone.first_end);

    // At i: which of the forward zones up to i reaches furthest.
    let mut furthest: Vec<usize> = Vec::with_capacity(forward.len());
    let mut crossings: Vec<(&Zone, &Zone)> = Vec::new();
    for (index, zone) in forward.iter().enumerate() {
        let mut reach = index;
        if let Some(before) = furthest.last().copied() {
            if zone.first_end < forward[before].last_call {
                crossings.push((&forward[before], zone));
            }
            if forward[before].last_call >= zone.last_call {
                reach = before;
            }
        }
        furthest.push(reach);
    }
    for zone in &backward {
        let before = forward.partition_point(|other| other.first_end < zone.last_call);
        if let Some(around) = before.checked_sub(1).map(|last| &forward[furthest[last]])
            && zone.first_end < around.last_call
        {
            crossings.push((around, zone));
        }
    }

    crossings
        .into_iter()
        .map(|(a, b)| crossing(&trace.steps, a, b))
        .min_by_key(|crossing| {
            (
                crossing.steps.len(),
                trace.steps[crossing.newer_first.1].call,
            )
        })
}

/// A cluster, reduced to what its zone depends on.
#[derive(Clone, Copy, Debug)]
struct Zone {
    first_end: Moment,
    first_end_step: Option<usize>,
    last_call: Moment,
    last_call_step: Option<usize>,
    /// `None` in the cluster of the start, and where a read stands for itself.
    write: Option<usize>,
    is_start: bool,
}

/// A point of time, or one before or after all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Moment {
    Start,
    At(u64),
    Never,
}

impl Moment {
    pub(crate) fn end_of(step: &Step) -> Moment {
        step.end.map_or(Moment::Never, Moment::At)
    }
}

impl Crossing {
    /// The same for the trace that has step `numbers[i]` where this one has step `i`.
    pub(crate) fn renumbered(&self, numbers: &[usize]) -> Crossing {
        let (older, newer) = self.older_first;
        let (before, after) = self.newer_first;
        Crossing {
            older_first: (older.map(|older| numbers[older]), numbers[newer]),
            newer_first: (numbers[before], numbers[after]),
            steps: self.steps.iter().map(|step| numbers[*step]).collect(),
        }
    }
}

impl Zone {
    const EMPTY: Zone = Zone {
        first_end: Moment::Never,
        first_end_step: None,
        last_call: Moment::Start,
        last_call_step: None,
        write: None,
        is_start: false,
    };

    const START: Zone = Zone {
        first_end: Moment::Start,
        is_start: true,
        ..Zone::EMPTY
    };

    fn add(&mut self, index: usize, step: &Step) {
        let end = Moment::end_of(step);
        if end < self.first_end {
            self.first_end = end;
            self.first_end_step = Some(index);
        }
        let call = Moment::At(step.call);
        if call > self.last_call {
            self.last_call = call;
            self.last_call_step = Some(index);
        }
        if step.overwritten().is_some() {
            self.write = Some(index);
        }
    }
}

fn zones(trace: &Trace) -> Vec<Zone> {
    let census = trace.census();
    let mut zones = Vec::new();
    // Where the cluster of a value stands in `zones`, once it has a member.
    let mut places: Vec<Option<usize>> = vec![None; trace.values];
    for (index, step) in trace.steps.iter().enumerate() {
        let value = step
            .observed()
            .or(step.overwritten())
            .and_then(ValueId::index);
        let certain = value.filter(|value| census[*value].is_certain());
        let place = certain.and_then(|value| places[value]).unwrap_or_else(|| {
            let first = if certain == ValueId::NOTHING.index() {
                Zone::START
            } else {
                Zone::EMPTY
            };
            zones.push(first);
            zones.len() - 1
        });
        if let Some(value) = certain {
            places[value] = Some(place);
        }
        zones[place].add(index, step);
    }
    zones
}

/// Of the steps that make two zones cross, those that need the fewest operations to show it.
fn crossing(steps: &[Step], a: &Zone, b: &Zone) -> Crossing {
    // The story is told from the value that comes back: the start's, or else the one that was seen
    // last.
    let a_is_older = a.is_start || (!b.is_start && a.last_call >= b.last_call);
    let (older, newer) = if a_is_older { (a, b) } else { (b, a) };

    let mut best: Option<Crossing> = None;
    for (older_step, newer_step) in precedences(steps, older, newer) {
        for (newer_before, older_after) in precedences(steps, newer, older) {
            let (Some(newer_step), Some(newer_before), Some(older_after)) =
                (newer_step, newer_before, older_after)
            else {
                continue;
            };
            let mut all = vec![newer_step, newer_before, older_after];
            all.extend(older_step);
            all.extend(older.write);
            all.extend(newer.write);
            all.sort_unstable();
            all.dedup();
            if best
                .as_ref()
                .is_none_or(|best| all.len() < best.steps.len())
            {
                best = Some(Crossing {
                    older_first: (older_step, newer_step),
                    newer_first: (newer_before, older_after),
                    steps: all,
                });
            }
        }
    }
    best.expect("the steps that bound two crossing zones are among those that were tried")
}

/// Pairs of a step of `before` that precedes a step of `after`. A step is `None` if it is the
/// start.
fn precedences(steps: &[Step], before: &Zone, after: &Zone) -> Vec<(Option<usize>, Option<usize>)> {
    let mut pairs = Vec::new();
    for first in [before.write, before.first_end_step] {
        for second in [after.write, after.last_call_step] {
            let holds = match (first, second) {
                (Some(first), Some(second)) => steps[first].precedes(&steps[second]),
                (None, Some(_)) => before.is_start,
                (_, None) => false,
            };
            if holds {
                pairs.push((first, second));
            }
        }
    }
    pairs
}
