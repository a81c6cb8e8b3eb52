//! Something that changes in the course of time: [`Track`].

use std::time::Duration;

/// What something was, from when on. Times count from the beginning of the run.
///
/// Invariant: at least one entry, the first at zero, times ascending, neighbours different.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Track<T>(Vec<(Duration, T)>);

impl<T: Clone + PartialEq> Track<T> {
    /// Something that is this at first.
    pub(crate) fn new(first: T) -> Self {
        Self(vec![(Duration::ZERO, first)])
    }

    /// What it is now.
    pub(crate) fn last(&self) -> &T {
        &self.0.last().expect("there is at least one entry").1
    }

    /// It is something else from now on. Who comes late counts from the latest entry on.
    pub(crate) fn set(&mut self, at: Duration, value: T) {
        let (latest, last) = self.0.last().expect("there is at least one entry");
        if *last != value {
            self.0.push((at.max(*latest), value));
        }
    }

    /// What it was at a time.
    pub(crate) fn at(&self, time: Duration) -> &T {
        let after = self.0.partition_point(|(from, _)| *from <= time);
        &self.0[after.saturating_sub(1)].1
    }

    /// Whether something held all the time from one time to another.
    pub(crate) fn holds_throughout(
        &self,
        from: Duration,
        to: Duration,
        holds: impl Fn(&T) -> bool,
    ) -> bool {
        let begun = self.0.partition_point(|(at, _)| *at <= to);
        let entries = self.0[..begun].iter().rev();
        for (at, value) in entries {
            if !holds(value) {
                return false;
            }
            if *at <= from {
                break;
            }
        }
        true
    }

    /// Counts times from a later moment on; what was before that is forgotten.
    pub(crate) fn shift(&mut self, by: Duration) {
        let begun = self.0.partition_point(|(from, _)| *from <= by);
        self.0.drain(..begun.saturating_sub(1));
        for (from, _) in &mut self.0 {
            *from = from.saturating_sub(by);
        }
    }

    /// When it changed, after one time and before another.
    pub(crate) fn changes_between(
        &self,
        from: Duration,
        to: Duration,
    ) -> impl Iterator<Item = Duration> {
        let first = self.0.partition_point(|(at, _)| *at <= from);
        let changes = self.0[first..].iter().map(|(at, _)| *at);
        changes.take_while(move |at| *at < to)
    }

    /// When it changed.
    pub(crate) fn changes(&self) -> impl Iterator<Item = Duration> {
        self.0.iter().map(|(from, _)| *from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn a_track_tells_what_was_when() {
        let mut track = Track::new('a');
        track.set(ms(10), 'b');
        track.set(ms(15), 'b');
        track.set(ms(20), 'c');
        assert_eq!(track.changes().collect::<Vec<_>>(), [ms(0), ms(10), ms(20)]);
        for (time, value) in [(0, 'a'), (9, 'a'), (10, 'b'), (19, 'b'), (99, 'c')] {
            assert_eq!(*track.at(ms(time)), value, "{time}");
        }
        assert_eq!(*track.last(), 'c');
        let between = |from, to| track.changes_between(ms(from), ms(to)).count();
        assert_eq!((between(0, 20), between(9, 21), between(20, 99)), (1, 2, 0));
    }

    #[test]
    fn what_holds_throughout_holds_at_both_ends_and_between() {
        let mut track = Track::new(true);
        track.set(ms(10), false);
        track.set(ms(20), true);
        let holds = |from, to| track.holds_throughout(ms(from), ms(to), |value| *value);
        assert!(holds(0, 9) && holds(20, 30) && holds(25, 25));
        assert!(!holds(0, 10) && !holds(5, 25) && !holds(19, 20) && !holds(12, 15));
    }

    #[test]
    fn a_track_that_is_shifted_begins_with_what_was_then() {
        let mut track = Track::new('a');
        track.set(ms(10), 'b');
        track.set(ms(20), 'c');
        track.shift(ms(15));
        assert_eq!(track.changes().collect::<Vec<_>>(), [ms(0), ms(5)]);
        assert_eq!((*track.at(ms(4)), *track.at(ms(5))), ('b', 'c'));
    }

    #[test]
    fn what_is_told_late_counts_from_the_latest_entry_on() {
        let mut track = Track::new(0);
        track.set(ms(10), 1);
        track.set(ms(5), 2);
        assert_eq!(track.changes().last(), Some(ms(10)));
        assert_eq!(*track.at(ms(7)), 0);
    }
}
