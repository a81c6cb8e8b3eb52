//! Fewer deeds that still contradict each other.
//!
//! To leave out what observes only makes a history easier to explain, and so it does to let an
//! operation be done later than it returned. Of what changes the register nothing is left out.

use super::deeds::Deeds;
use super::weave::weave;
use crate::check::Limits;
use crate::search::Answer;

/// Some of the deeds, for which the search found no order, that contradict each other alone. They
/// are as few as could be found within the limits.
pub(super) fn shrink(deeds: &Deeds, limits: Limits) -> Vec<usize> {
    let mut shrinker = Shrinker {
        deeds,
        limits,
        steps_left: limits.steps,
    };
    let prefix = shrinker.shortest_prefix();
    shrinker.without_observers(prefix)
}

struct Shrinker<'a> {
    deeds: &'a Deeds,
    limits: Limits,
    /// Work that may still be spent.
    steps_left: u64,
}

/// Some deeds, of which those that return later than `end` may be done at any time after.
#[derive(Clone)]
struct Part {
    kept: Vec<usize>,
    end: u64,
}

impl Shrinker<'_> {
    /// All that was called before the first return that cannot be explained.
    fn shortest_prefix(&mut self) -> Part {
        let mut ends: Vec<u64> = self.deeds.list.iter().filter_map(|deed| deed.end).collect();
        ends.sort_unstable();
        ends.dedup();
        // The whole is known to be impossible.
        let (mut possible, mut impossible) = (0, ends.len() - 1);
        while possible < impossible {
            let middle = possible.midpoint(impossible);
            if self.is_impossible(&self.prefix(ends[middle])) {
                impossible = middle;
            } else {
                possible = middle + 1;
            }
        }
        self.prefix(ends[impossible])
    }

    fn prefix(&self, end: u64) -> Part {
        let matters = |index: &usize| {
            let deed = &self.deeds.list[*index];
            let has_returned = deed.end.is_some_and(|own| own <= end);
            deed.call <= end && (has_returned || !deed.does.is_observation())
        };
        Part {
            kept: (0..self.deeds.list.len()).filter(matters).collect(),
            end,
        }
    }

    /// Leaves out runs of what observes, ever shorter ones.
    fn without_observers(&mut self, mut part: Part) -> Vec<usize> {
        let observes = |index: &usize| self.deeds.list[*index].does.is_observation();
        let mut observers: Vec<usize> = part.kept.iter().copied().filter(observes).collect();
        let mut size = observers.len();
        while size > 0 {
            let mut start = 0;
            while start < observers.len() {
                let stop = (start + size).min(observers.len());
                let mut rest = part.clone();
                rest.kept
                    .retain(|index| !observers[start..stop].contains(index));
                if self.is_impossible(&rest) {
                    part = rest;
                    observers.drain(start..stop);
                } else {
                    start = stop;
                }
            }
            size /= 2;
        }
        part.kept
    }

    /// Whether these deeds are known to contradict each other.
    fn is_impossible(&mut self, part: &Part) -> bool {
        let Some(steps_left) = self.steps_left.checked_sub(part.kept.len() as u64) else {
            return false;
        };
        let mut deeds = self.deeds.clone();
        let kept = part.kept.iter().map(|index| self.deeds.list[*index]);
        deeds.list = kept.collect();
        for deed in &mut deeds.list {
            deed.end = deed.end.filter(|end| *end <= part.end);
        }
        let limits = Limits {
            steps: steps_left,
            ..self.limits
        };
        let search = weave(&deeds, limits);
        self.steps_left = steps_left.saturating_sub(search.steps);
        search.answer == Answer::Impossible
    }
}
