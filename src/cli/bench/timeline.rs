//! A load over time: [`Timeline`].

use super::operation::Kind;
use hdrhistogram::Histogram;
use std::time::Duration;

/// What happened in each slice of time.
///
/// However long a load runs, there are not more than [`SLICES_MAX`] slices: when there would be,
/// each two become one. So the timelines of several threads, which begin at the same moment, fit
/// together, once the finer of them has been made as coarse as the other.
#[derive(Clone, Debug)]
pub(super) struct Timeline {
    slice_ns: u64,
    slices: Vec<Slice>,
    nodes: usize,
}

/// What happened in a slice of time: what ended in it counts.
#[derive(Clone, Debug)]
pub(super) struct Slice {
    /// How many operations of each kind were done.
    pub(super) done: [u64; Kind::COUNT],
    pub(super) failed: u64,
    /// How many were done and how many failed at each node.
    pub(super) nodes: Vec<(u64, u64)>,
    /// How long operations took that were done, in microseconds; if there were any.
    latency: Option<Histogram<u32>>,
}

const SLICES_MAX: usize = 240;
const SLICE_NS_MIN: u64 = 50_000_000;

impl Timeline {
    /// Of a load that so many nodes bear.
    pub(super) fn new(nodes: usize) -> Self {
        Self {
            slice_ns: SLICE_NS_MIN,
            slices: Vec::new(),
            nodes,
        }
    }

    /// An operation was done so many nanoseconds after the beginning.
    pub(super) fn done(&mut self, at: u64, node: usize, kind: Kind, took_ns: u64) {
        let slice = self.slice(at);
        slice.done[kind as usize] += 1;
        slice.nodes[node].0 += 1;
        let latency = slice.latency.get_or_insert_with(histogram);
        latency.saturating_record(took_ns / 1000);
    }

    /// An operation failed so many nanoseconds after the beginning.
    pub(super) fn failed(&mut self, at: u64, node: usize) {
        let slice = self.slice(at);
        slice.failed += 1;
        slice.nodes[node].1 += 1;
    }

    /// The slice that this moment is in.
    fn slice(&mut self, at: u64) -> &mut Slice {
        let mut index = (at / self.slice_ns) as usize;
        while index >= SLICES_MAX {
            self.coarsen();
            index = (at / self.slice_ns) as usize;
        }
        if index >= self.slices.len() {
            let empty = Slice::new(self.nodes);
            self.slices.resize(index + 1, empty);
        }
        &mut self.slices[index]
    }

    /// Each two slices become one.
    fn coarsen(&mut self) {
        let mut slices = std::mem::take(&mut self.slices).into_iter();
        while let Some(mut slice) = slices.next() {
            if let Some(other) = slices.next() {
                slice.merge(&other);
            }
            self.slices.push(slice);
        }
        self.slice_ns *= 2;
    }

    /// What happened in another thread happened, too.
    pub(super) fn merge(&mut self, mut other: Self) {
        while self.slice_ns < other.slice_ns {
            self.coarsen();
        }
        while other.slice_ns < self.slice_ns {
            other.coarsen();
        }
        let longer = self.slices.len().max(other.slices.len());
        self.slices.resize(longer, Slice::new(self.nodes));
        for (slice, other) in self.slices.iter_mut().zip(&other.slices) {
            slice.merge(other);
        }
    }

    /// How long a slice is.
    pub(super) fn slice_length(&self) -> Duration {
        Duration::from_nanos(self.slice_ns)
    }

    pub(super) fn slices(&self) -> &[Slice] {
        &self.slices
    }
}

impl Slice {
    fn new(nodes: usize) -> Self {
        Self {
            done: [0; Kind::COUNT],
            failed: 0,
            nodes: vec![(0, 0); nodes],
            latency: None,
        }
    }

    fn merge(&mut self, other: &Self) {
        for (done, more) in self.done.iter_mut().zip(other.done) {
            *done += more;
        }
        self.failed += other.failed;
        for (node, more) in self.nodes.iter_mut().zip(&other.nodes) {
            node.0 += more.0;
            node.1 += more.1;
        }
        if let Some(more) = &other.latency {
            let latency = self.latency.get_or_insert_with(histogram);
            latency.add(more).expect("it grows as it must");
        }
    }

    /// How long so large a part of the operations took at most; nothing if there were none.
    pub(super) fn quantile(&self, quantile: f64) -> Option<Duration> {
        let latency = self.latency.as_ref()?;
        Some(Duration::from_micros(latency.value_at_quantile(quantile)))
    }
}

fn histogram() -> Histogram<u32> {
    let mut histogram =
        Histogram::new_with_max(10_000_000, 2).expect("ten seconds and two digits are in bounds");
    histogram.auto(true);
    histogram
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    #[test]
    fn a_long_load_has_as_many_slices_as_a_short_one() {
        let mut timeline = Timeline::new(2);
        for second in 0..3600 {
            timeline.done(second * 1000 * MS, 1, Kind::Write, 3 * MS);
            timeline.failed(second * 1000 * MS, 0);
        }
        assert!(timeline.slices().len() <= SLICES_MAX);
        let done: u64 = timeline.slices().iter().map(|slice| slice.done[1]).sum();
        let nodes: (u64, u64) = timeline.slices().iter().fold((0, 0), |sum, slice| {
            (sum.0 + slice.nodes[1].0, sum.1 + slice.nodes[0].1)
        });
        assert_eq!((done, nodes), (3600, (3600, 3600)));
        let covered = timeline.slice_length() * timeline.slices().len() as u32;
        assert!(covered >= Duration::from_secs(3599));
    }

    #[test]
    fn threads_that_ran_for_different_times_fit_together() {
        let mut short = Timeline::new(1);
        short.done(60 * MS, 0, Kind::Read, MS);
        let mut long = Timeline::new(1);
        long.done(60 * MS, 0, Kind::Read, 100 * MS);
        long.done(50_000 * MS, 0, Kind::Read, 7 * MS);
        for (mut one, other) in [(short.clone(), long.clone()), (long, short)] {
            one.merge(other);
            assert_eq!(one.slice_length(), Duration::from_millis(400));
            assert_eq!(one.slices()[0].done, [2, 0, 0]);
            let slowest = one.slices()[0].quantile(1.0).unwrap();
            assert!(slowest.abs_diff(Duration::from_millis(100)) < Duration::from_millis(1));
            assert_eq!(one.slices()[125].done, [1, 0, 0]);
            assert_eq!(one.slices()[1].quantile(0.5), None);
        }
    }
}
