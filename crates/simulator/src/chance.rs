//! Everything random in a run: [`Chance`].

use rand::{Rng, RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use std::ops::RangeInclusive;
use std::time::Duration;

/// A seeded source of decisions. The same seed and stream give the same decisions on every
/// machine: the generator is value-stable, and no decision rests on floating-point functions.
#[derive(Clone, Debug)]
pub(crate) struct Chance(Pcg64Mcg);

/// Which part of a run decides. Each has a source of its own, so that one more decision in one
/// part does not change all the others.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Stream {
    /// What kind of run the seed makes.
    Plan,
    /// Processes: their ids, their links, when they notice things.
    Processes,
    /// Delay, loss and duplication of messages.
    Network,
    /// The faults.
    Faults,
    /// What clients ask.
    Workload,
    /// The loss of a majority, and what operators do then.
    Operator,
}

impl Chance {
    pub(crate) fn new(seed: u64, stream: Stream) -> Self {
        let mut root = Pcg64Mcg::seed_from_u64(seed);
        for _ in 0..stream as u8 {
            root.next_u64();
        }
        Self(Pcg64Mcg::seed_from_u64(root.next_u64()))
    }

    pub(crate) fn number(&mut self) -> u64 {
        self.0.next_u64()
    }

    pub(crate) fn happens(&mut self, probability: f64) -> bool {
        probability > 0.0 && self.0.random_bool(probability.min(1.0))
    }

    /// A number below `bound`, which is not zero.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0.random_range(0..bound)
    }

    pub(crate) fn between(&mut self, range: RangeInclusive<usize>) -> usize {
        self.0.random_range(range)
    }

    pub(crate) fn pick<T: Clone>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())].clone()
    }

    /// A span within the range, each as likely.
    pub(crate) fn span(&mut self, range: RangeInclusive<Duration>) -> Duration {
        let (least, most) = range.into_inner();
        Duration::from_micros(self.0.random_range(micros(least)..=micros(most)))
    }

    /// A span that is `mean` on average: mostly shorter, now and then many times as long.
    pub(crate) fn about(&mut self, mean: Duration) -> Duration {
        const DOUBLINGS_MAX: u32 = 6;
        let mut most = micros(mean);
        let mut doublings = 0;
        while doublings < DOUBLINGS_MAX && self.below(3) == 0 {
            most *= 2;
            doublings += 1;
        }
        Duration::from_micros(self.0.random_range(0..=most))
    }

    /// Puts the items in any order.
    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }

    /// Some of the numbers below `bound`: at least one, and not all of them unless there is only
    /// one. Ascending.
    pub(crate) fn some_below(&mut self, bound: usize) -> Vec<usize> {
        let mut all: Vec<usize> = (0..bound).collect();
        self.shuffle(&mut all);
        all.truncate(self.between(1..=bound.saturating_sub(1).max(1)));
        all.sort_unstable();
        all
    }
}

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).expect("spans of virtual time are short")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_and_stream_decide_the_same() {
        let draw = |seed, stream| {
            let mut chance = Chance::new(seed, stream);
            (
                chance.number(),
                chance.below(1000),
                chance.about(Duration::from_secs(1)),
            )
        };
        assert_eq!(draw(7, Stream::Network), draw(7, Stream::Network));
        assert_ne!(draw(7, Stream::Network), draw(7, Stream::Faults));
    }

    #[test]
    fn neighbouring_seeds_decide_differently() {
        let draw = |seed| Chance::new(seed, Stream::Plan).number();
        let mut drawn: Vec<u64> = (0..1000).map(draw).collect();
        drawn.sort_unstable();
        drawn.dedup();
        assert_eq!(drawn.len(), 1000);
    }

    #[test]
    fn about_has_the_mean_that_it_names() {
        let mut chance = Chance::new(1, Stream::Plan);
        let mean = Duration::from_millis(10);
        let draws = 20_000;
        let sum: Duration = (0..draws).map(|_| chance.about(mean)).sum();
        let measured = sum / draws;
        assert!(
            measured > mean / 2 && measured < mean * 3 / 2,
            "{measured:?}"
        );
    }

    #[test]
    fn some_are_never_none_and_never_all() {
        let mut chance = Chance::new(1, Stream::Plan);
        for _ in 0..1000 {
            let some = chance.some_below(3);
            assert!((1..=2).contains(&some.len()), "{some:?}");
        }
        assert_eq!(chance.some_below(1), [0]);
    }
}
