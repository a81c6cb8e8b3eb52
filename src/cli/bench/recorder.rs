//! What became of operations: [`Recorder`].

use super::errors::Errors;
use super::gaps::Gaps;
use super::operation::{Answer, Kind};
use super::timeline::Timeline;
use hdrhistogram::Histogram;
use std::time::{Duration, Instant};

/// What the clients of one thread, or of all threads together, saw while it was measured.
///
/// An operation counts if it was to begin within the time that is measured, whenever it ends; and
/// it counts into the throughput if it also ended within that time.
#[derive(Debug)]
pub(super) struct Recorder {
    window: Window,
    pub(super) kinds: [KindRecord; Kind::COUNT],
    pub(super) nodes: Vec<NodeRecord>,
    pub(super) errors: Errors,
    pub(super) timeline: Timeline,
    /// When the last operation ended that counts, in nanoseconds after the window's beginning.
    last_end: u64,
}

/// The time that is measured.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    pub(super) from: Instant,
    /// If it does not end by the clock, it ends with the last operation.
    pub(super) until: Option<Instant>,
}

/// What became of operations of one kind.
#[derive(Clone, Debug)]
pub(super) struct KindRecord {
    /// How long those took that were done, in nanoseconds.
    pub(super) latency: Histogram<u64>,
    /// How many of them ended within the window.
    pub(super) done_in_window: u64,
    /// How many of them found nothing to read.
    pub(super) nothing: u64,
    /// The condition of how many of them did not hold.
    pub(super) unmet: u64,
    pub(super) failed: u64,
}

/// What became of operations at one node.
#[derive(Clone, Debug)]
pub(super) struct NodeRecord {
    pub(super) done: u64,
    pub(super) failed: u64,
    /// When none of each kind was done.
    pub(super) gaps: [Gaps; Kind::COUNT],
    /// When none at all was.
    pub(super) gaps_of_all: Gaps,
}

impl Window {
    /// Whether what is to begin at this moment counts.
    pub(super) fn holds(&self, begin: Instant) -> bool {
        begin >= self.from && self.until.is_none_or(|until| begin < until)
    }

    /// Whether it is over.
    pub(super) fn is_over(&self, now: Instant) -> bool {
        self.until.is_some_and(|until| now >= until)
    }

    fn nanos(&self, now: Instant) -> u64 {
        nanos(now.saturating_duration_since(self.from))
    }
}

impl Recorder {
    pub(super) fn new(window: Window, nodes: usize) -> Self {
        Self {
            window,
            kinds: std::array::from_fn(|_| KindRecord::new()),
            nodes: vec![NodeRecord::new(); nodes],
            errors: Errors::default(),
            timeline: Timeline::new(nodes),
            last_end: 0,
        }
    }

    pub(super) fn window(&self) -> Window {
        self.window
    }

    /// A node answered an operation that was to begin then.
    pub(super) fn answered(
        &mut self,
        node: usize,
        kind: Kind,
        begin: Instant,
        now: Instant,
        answer: Answer<'_>,
    ) {
        let record = &mut self.kinds[kind as usize];
        match answer {
            Answer::Done => {}
            Answer::Nothing => record.nothing += u64::from(self.window.holds(begin)),
            Answer::Unmet => record.unmet += u64::from(self.window.holds(begin)),
            Answer::Error { kind: error, words } => {
                return self.failed(node, kind, begin, now, error, words);
            }
        }
        let in_window = !self.window.is_over(now);
        let at = self.window.nanos(now);
        // What began before the window tells nothing of how long operations take in it, but it is
        // a success: without it there would be a gap where there was none.
        if now >= self.window.from && in_window {
            self.nodes[node].gaps[kind as usize].happened(at);
            self.nodes[node].gaps_of_all.happened(at);
        }
        if !self.window.holds(begin) {
            return;
        }
        let took = nanos(now.saturating_duration_since(begin));
        record.latency.saturating_record(took);
        record.done_in_window += u64::from(in_window);
        self.nodes[node].done += 1;
        self.last_end = self.last_end.max(at);
        self.timeline.done(at, node, kind, took);
    }

    /// An operation that was to begin then was not done, or nobody knows.
    pub(super) fn failed(
        &mut self,
        node: usize,
        kind: Kind,
        begin: Instant,
        now: Instant,
        error: &str,
        words: &str,
    ) {
        if !self.window.holds(begin) {
            return;
        }
        let at = self.window.nanos(now);
        self.kinds[kind as usize].failed += 1;
        self.nodes[node].failed += 1;
        self.errors.add(error, words);
        self.last_end = self.last_end.max(at);
        self.timeline.failed(at, node);
    }

    /// How many operations count so far, done and failed.
    pub(super) fn counts(&self) -> (u64, u64) {
        let nodes = self.nodes.iter();
        nodes.fold((0, 0), |(done, failed), node| {
            (done + node.done, failed + node.failed)
        })
    }

    /// What the clients of all threads saw together. `stopped` is when the load was ended early, if
    /// it was.
    ///
    /// # Panics
    /// If there is no thread.
    pub(super) fn together(mut threads: Vec<Self>, stopped: Option<Instant>) -> Self {
        let last_end = threads.iter().map(|thread| thread.last_end).max();
        for thread in &mut threads {
            thread.last_end = last_end.unwrap_or_default();
            // In none of them may a gap be open that another one closes.
            thread.close(stopped);
        }
        let together = threads.into_iter().reduce(|mut one, other| {
            one.merge(other);
            one
        });
        together.expect("there is a thread")
    }

    fn merge(&mut self, other: Self) {
        for (kind, other) in self.kinds.iter_mut().zip(&other.kinds) {
            kind.merge(other);
        }
        for (node, other) in self.nodes.iter_mut().zip(&other.nodes) {
            node.merge(other);
        }
        self.errors.merge(other.errors);
        self.timeline.merge(other.timeline);
    }

    fn close(&mut self, stopped: Option<Instant>) {
        let end = nanos(self.elapsed(stopped));
        for node in &mut self.nodes {
            node.gaps.iter_mut().for_each(|gaps| gaps.end(end));
            node.gaps_of_all.end(end);
        }
    }

    /// How long it was measured.
    pub(super) fn elapsed(&self, stopped: Option<Instant>) -> Duration {
        let to_the_end = match self.window.until {
            Some(until) => until - self.window.from,
            None => Duration::from_nanos(self.last_end),
        };
        let stopped = stopped.map(|stopped| stopped.saturating_duration_since(self.window.from));
        stopped.map_or(to_the_end, |stopped| stopped.min(to_the_end))
    }

    /// When no operation of a kind, or of any, was done at any node.
    pub(super) fn gaps(&self, kind: Option<Kind>) -> Gaps {
        let mut gaps = self.nodes.iter().map(|node| match kind {
            Some(kind) => &node.gaps[kind as usize],
            None => &node.gaps_of_all,
        });
        let first = gaps.next().cloned().unwrap_or_else(Gaps::new);
        gaps.fold(first, |all, gaps| all.and(gaps))
    }
}

impl KindRecord {
    fn new() -> Self {
        // It grows, if something takes longer than a minute.
        let mut latency = Histogram::new_with_max(60_000_000_000, 3)
            .expect("a minute and three digits are in bounds");
        latency.auto(true);
        Self {
            latency,
            done_in_window: 0,
            nothing: 0,
            unmet: 0,
            failed: 0,
        }
    }

    fn merge(&mut self, other: &Self) {
        self.latency
            .add(&other.latency)
            .expect("it grows as it must");
        self.done_in_window += other.done_in_window;
        self.nothing += other.nothing;
        self.unmet += other.unmet;
        self.failed += other.failed;
    }

    /// How many were done.
    pub(super) fn done(&self) -> u64 {
        self.latency.len()
    }
}

impl NodeRecord {
    fn new() -> Self {
        Self {
            done: 0,
            failed: 0,
            gaps: std::array::from_fn(|_| Gaps::new()),
            gaps_of_all: Gaps::new(),
        }
    }

    fn merge(&mut self, other: &Self) {
        self.done += other.done;
        self.failed += other.failed;
        for (gaps, other) in self.gaps.iter_mut().zip(&other.gaps) {
            *gaps = gaps.and(other);
        }
        self.gaps_of_all = self.gaps_of_all.and(&other.gaps_of_all);
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    struct Clock(Instant);

    impl Clock {
        fn at(&self, millis: u32) -> Instant {
            self.0 + millis * MS
        }

        /// Two nodes, and what is measured is from 100 ms to 200 ms.
        fn recorder(&self) -> Recorder {
            let window = Window {
                from: self.at(100),
                until: Some(self.at(200)),
            };
            Recorder::new(window, 2)
        }
    }

    #[test]
    fn what_begins_in_the_window_counts_whenever_it_ends() {
        let clock = Clock(Instant::now());
        let mut recorder = clock.recorder();
        let mut done = |from, to| {
            recorder.answered(0, Kind::Read, clock.at(from), clock.at(to), Answer::Done);
        };
        done(99, 110);
        done(100, 110);
        done(199, 500);
        done(200, 210);
        recorder.failed(1, Kind::Write, clock.at(250), clock.at(251), "late", "late");
        recorder.failed(1, Kind::Write, clock.at(150), clock.at(251), "in", "in");
        let all = Recorder::together(vec![recorder], None);
        let reads = &all.kinds[Kind::Read as usize];
        assert_eq!((reads.done(), reads.done_in_window), (2, 1));
        assert!(reads.latency.max() >= 300_000_000);
        assert_eq!(all.counts(), (2, 1));
        assert_eq!(all.elapsed(None), 100 * MS);
        assert_eq!(all.errors.by_count().len(), 1);
    }

    #[test]
    fn a_gap_is_what_no_thread_saw_end() {
        let clock = Clock(Instant::now());
        let (mut one, mut other) = (clock.recorder(), clock.recorder());
        let done = |recorder: &mut Recorder, node, kind, at| {
            recorder.answered(node, kind, clock.at(at - 1), clock.at(at), Answer::Done);
        };
        done(&mut one, 0, Kind::Read, 130);
        done(&mut other, 0, Kind::Read, 160);
        done(&mut other, 1, Kind::Write, 190);
        let all = Recorder::together(vec![one, other], None);
        let longest = |gaps: &Gaps| {
            let gap = gaps.longest().unwrap();
            (gap.from.as_millis(), gap.length.as_millis())
        };
        let reads = Some(Kind::Read);
        assert_eq!(longest(&all.nodes[0].gaps[Kind::Read as usize]), (60, 40));
        assert_eq!(longest(&all.nodes[0].gaps[Kind::Write as usize]), (0, 100));
        assert_eq!(longest(&all.nodes[1].gaps_of_all), (0, 90));
        assert_eq!(longest(&all.gaps(reads)), (60, 40));
        assert_eq!(longest(&all.gaps(None)), (0, 30));
    }

    #[test]
    fn an_answer_that_is_an_error_is_no_success() {
        let clock = Clock(Instant::now());
        let mut recorder = clock.recorder();
        let busy = Answer::Error {
            kind: "BUSY",
            words: "BUSY come back later",
        };
        recorder.answered(0, Kind::Write, clock.at(150), clock.at(151), busy);
        recorder.answered(0, Kind::Read, clock.at(150), clock.at(152), Answer::Nothing);
        recorder.answered(
            0,
            Kind::Conditional,
            clock.at(150),
            clock.at(152),
            Answer::Unmet,
        );
        assert_eq!(recorder.counts(), (2, 1));
        assert_eq!(recorder.kinds[Kind::Write as usize].failed, 1);
        assert_eq!(recorder.kinds[Kind::Read as usize].nothing, 1);
        assert_eq!(recorder.kinds[Kind::Conditional as usize].unmet, 1);
    }

    #[test]
    fn without_a_clock_to_end_it_the_last_operation_does() {
        let clock = Clock(Instant::now());
        let window = Window {
            from: clock.at(100),
            until: None,
        };
        let mut recorders = vec![Recorder::new(window, 1), Recorder::new(window, 1)];
        recorders[0].answered(0, Kind::Read, clock.at(100), clock.at(350), Answer::Done);
        recorders[1].answered(0, Kind::Read, clock.at(100), clock.at(110), Answer::Done);
        let all = Recorder::together(recorders, None);
        assert_eq!(all.elapsed(None), 250 * MS);
        assert_eq!(all.elapsed(Some(clock.at(200))), 100 * MS);
        assert_eq!(all.gaps(None).longest().unwrap().length, 240 * MS);
    }
}
