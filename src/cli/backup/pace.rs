//! How many registers are read at once: [`Pace`].

use crate::cli::transfer::BATCH_MAX;

/// How many registers a batch reads, so that its answer has about [`ANSWER_BYTES`] of values.
///
/// How long values are is known only once they were read, and a node leaves those out of its answer
/// for which that has no room.
pub(super) struct Pace(usize);

/// Long enough that what a request costs by itself does not matter, and far from what a node
/// answers at most.
const ANSWER_BYTES: usize = 1024 * 1024;

impl Pace {
    /// A careful one.
    pub(super) fn new() -> Self {
        Self(64)
    }

    /// How many to read next.
    pub(super) fn count(&self) -> usize {
        self.0
    }

    /// So many were read, with so many bytes of values.
    pub(super) fn read(&mut self, count: usize, bytes: usize) {
        let fitting = count * ANSWER_BYTES / bytes.max(1);
        self.0 = fitting.clamp(1, (self.0 * 2).min(BATCH_MAX));
    }

    /// It was too much.
    pub(super) fn slow_down(&mut self) {
        self.0 = (self.0 / 2).max(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_of_short_values_grow_and_those_of_long_ones_shrink() {
        let mut pace = Pace::new();
        for _ in 0..10 {
            pace.read(pace.count(), pace.count() * 100);
        }
        assert_eq!(pace.count(), BATCH_MAX);
        pace.read(250, 250 * 100_000);
        assert_eq!(pace.count(), 10);
        pace.read(10, 0);
        assert_eq!(pace.count(), 20);
        pace.slow_down();
        assert_eq!(pace.count(), 10);
        pace.read(8, 8 * ANSWER_BYTES);
        pace.slow_down();
        assert_eq!(pace.count(), 1);
    }
}
