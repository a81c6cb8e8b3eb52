//! How long nothing succeeded: [`Gaps`].

use std::time::Duration;

/// The spans of time in which something did not happen, as far as they are long enough to matter.
///
/// Several threads each record theirs; what none of them saw happen did not happen, so what they
/// saw together are the spans that all of them have in common. Times are nanoseconds since a
/// beginning.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Gaps {
    /// Apart from one another, in order.
    spans: Vec<(u64, u64)>,
    last: u64,
    shortest: u64,
}

/// A span of time in which nothing succeeded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Gap {
    pub(super) from: Duration,
    pub(super) length: Duration,
}

/// What is shorter is not kept to begin with.
const SHORTEST: u64 = 1_000_000;

/// How many are kept. When there are more, those of less than twice the length are forgotten.
const KEPT_MAX: usize = 100_000;

impl Gaps {
    /// Nothing has happened yet.
    pub(super) fn new() -> Self {
        Self {
            spans: Vec::new(),
            last: 0,
            shortest: SHORTEST,
        }
    }

    /// It happened now.
    pub(super) fn happened(&mut self, now: u64) {
        if now.saturating_sub(self.last) >= self.shortest {
            self.keep(self.last, now);
        }
        self.last = self.last.max(now);
    }

    /// It did not happen any more until now.
    pub(super) fn end(&mut self, now: u64) {
        self.happened(now);
    }

    /// What neither this saw happen nor the other.
    pub(super) fn and(&self, other: &Self) -> Self {
        let mut both = Self {
            last: self.last.max(other.last),
            shortest: self.shortest.max(other.shortest),
            ..Self::new()
        };
        let (mut ours, mut theirs) = (self.spans.iter().peekable(), other.spans.iter().peekable());
        while let (Some(&&(our_from, our_to)), Some(&&(their_from, their_to))) =
            (ours.peek(), theirs.peek())
        {
            let (from, to) = (our_from.max(their_from), our_to.min(their_to));
            if to.saturating_sub(from) >= both.shortest {
                both.keep(from, to);
            }
            match our_to <= their_to {
                true => ours.next(),
                false => theirs.next(),
            };
        }
        both
    }

    /// The longest, and the first of several; nothing if all were shorter than what is kept.
    pub(super) fn longest(&self) -> Option<Gap> {
        let longest = self.spans.iter().rev().max_by_key(|(from, to)| to - from);
        longest.map(|&(from, to)| Gap {
            from: Duration::from_nanos(from),
            length: Duration::from_nanos(to - from),
        })
    }

    fn keep(&mut self, from: u64, to: u64) {
        self.spans.push((from, to));
        while self.spans.len() > KEPT_MAX {
            self.shortest *= 2;
            let shortest = self.shortest;
            self.spans.retain(|(from, to)| to - from >= shortest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MS: u64 = 1_000_000;

    fn gaps(moments_ms: &[u64], end_ms: u64) -> Gaps {
        let mut gaps = Gaps::new();
        for moment in moments_ms {
            gaps.happened(moment * MS);
        }
        gaps.end(end_ms * MS);
        gaps
    }

    fn longest(gaps: &Gaps) -> Option<(u64, u64)> {
        let gap = gaps.longest()?;
        Some((gap.from.as_millis() as u64, gap.length.as_millis() as u64))
    }

    #[test]
    fn the_longest_gap_may_be_at_the_beginning_or_at_the_end() {
        assert_eq!(longest(&gaps(&[50, 60], 70)), Some((0, 50)));
        assert_eq!(longest(&gaps(&[10, 60], 70)), Some((10, 50)));
        assert_eq!(longest(&gaps(&[10, 20], 70)), Some((20, 50)));
        assert_eq!(longest(&gaps(&[], 70)), Some((0, 70)));
    }

    #[test]
    fn what_is_very_short_is_no_gap() {
        let mut gaps = Gaps::new();
        for moment in 1..100 {
            gaps.happened(moment * MS / 2);
        }
        gaps.end(50 * MS);
        assert_eq!(gaps.longest(), None);
    }

    #[test]
    fn many_gaps_take_bounded_memory_and_the_longest_is_kept() {
        let mut gaps = Gaps::new();
        let mut now = 0;
        for index in 0..1_000_000 {
            now += MS + if index == 777_777 { 40 * MS } else { 0 };
            gaps.happened(now);
        }
        assert!(gaps.spans.len() <= KEPT_MAX);
        assert_eq!(longest(&gaps), Some((777_777, 41)));
    }

    proptest! {
        /// Against what one thread would have seen that saw everything.
        #[test]
        fn threads_together_have_the_gap_that_one_would_have(
            mut ours in prop::collection::vec(0..500u64, 0..30),
            mut theirs in prop::collection::vec(0..500u64, 0..30),
        ) {
            let mut all = [ours.clone(), theirs.clone()].concat();
            for moments in [&mut ours, &mut theirs, &mut all] {
                moments.sort_unstable();
            }
            let together = gaps(&ours, 500).and(&gaps(&theirs, 500));
            let length = |gaps: &Gaps| gaps.longest().map(|gap| gap.length);
            prop_assert_eq!(length(&together), length(&gaps(&all, 500)));
        }
    }
}
