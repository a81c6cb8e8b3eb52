//! How long things took: [`Histogram`].

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A histogram of durations. Observing one is two atomic additions and takes no lock.
#[derive(Debug, Default)]
pub(super) struct Histogram {
    /// One count for each bound, and one for what lies above the last; not cumulative.
    buckets: [AtomicU64; BOUNDS.len() + 1],
    /// In nanoseconds: 64 bits hold 584 years.
    sum_nanos: AtomicU64,
}

/// The upper bounds of the buckets, inclusive. They span what an operation can take: from a round
/// between processes of one machine to the longest deadline that a client may set.
const BOUNDS: [Duration; 18] = [
    Duration::from_micros(50),
    Duration::from_micros(100),
    Duration::from_micros(250),
    Duration::from_micros(500),
    Duration::from_millis(1),
    Duration::from_micros(2_500),
    Duration::from_millis(5),
    Duration::from_millis(10),
    Duration::from_millis(25),
    Duration::from_millis(50),
    Duration::from_millis(100),
    Duration::from_millis(250),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_millis(2_500),
    Duration::from_secs(5),
    Duration::from_secs(10),
    Duration::from_secs(60),
];

impl Histogram {
    /// Counts one duration.
    pub(super) fn observe(&self, duration: Duration) {
        let bucket = BOUNDS.partition_point(|bound| *bound < duration);
        self.buckets[bucket].fetch_add(1, Ordering::Relaxed);
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        self.sum_nanos.fetch_add(nanos, Ordering::Relaxed);
    }

    /// What was observed so far.
    pub(super) fn snapshot(&self) -> HistogramSnapshot {
        let bounds = BOUNDS.iter().map(Duration::as_secs_f64);
        let counts = self
            .buckets
            .iter()
            .map(|count| count.load(Ordering::Relaxed));
        let buckets: Vec<_> = bounds.chain([f64::INFINITY]).zip(counts).collect();
        HistogramSnapshot {
            // Summed from the same loads, so that the two never contradict each other.
            count: buckets.iter().map(|(_, count)| count).sum(),
            sum_seconds: Duration::from_nanos(self.sum_nanos.load(Ordering::Relaxed)).as_secs_f64(),
            buckets,
        }
    }
}

/// A histogram at one moment.
#[derive(Debug)]
pub(super) struct HistogramSnapshot {
    /// How many durations were observed.
    pub(super) count: u64,
    /// All of them together.
    pub(super) sum_seconds: f64,
    /// The upper bounds in seconds, the last one infinite, and how many durations fell between
    /// each and the one before.
    pub(super) buckets: Vec<(f64, u64)>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_rise() {
        assert!(BOUNDS.is_sorted_by(|a, b| a < b));
    }

    #[test]
    fn a_duration_falls_into_the_first_bucket_whose_bound_it_does_not_exceed() {
        let histogram = Histogram::default();
        histogram.observe(Duration::ZERO);
        histogram.observe(Duration::from_micros(50));
        histogram.observe(Duration::from_nanos(50_001));
        histogram.observe(Duration::from_secs(61));
        let snapshot = histogram.snapshot();
        assert_eq!(snapshot.buckets.len(), 19);
        assert_eq!(snapshot.buckets[0], (0.000_05, 2));
        assert_eq!(snapshot.buckets[1], (0.000_1, 1));
        assert_eq!(snapshot.buckets[18], (f64::INFINITY, 1));
        assert_eq!(snapshot.count, 4);
        assert!((snapshot.sum_seconds - 61.000_100_001).abs() < 1e-9);
    }

    #[test]
    fn the_longest_duration_there_is_does_no_harm() {
        let histogram = Histogram::default();
        histogram.observe(Duration::MAX);
        assert_eq!(histogram.snapshot().count, 1);
    }
}
