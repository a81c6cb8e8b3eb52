//! What became of clients' operations: counted by [`Tally`], summed up in [`Sum`].

use std::fmt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// What became of a client's operations.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) done: AtomicU64,
    pub(super) refused: AtomicU64,
    pub(super) unknown: AtomicU64,
    /// No answer: the node was away, or the connection broke.
    pub(super) broken: AtomicU64,
    /// No answer long after the deadline.
    pub(super) late: AtomicU64,
    pub(super) reads: AtomicU64,
    pub(super) reads_of_one_round: AtomicU64,
    slowest_us: AtomicU64,
    longest_pause_us: AtomicU64,
    /// The last operation that was not done, and what its client was told.
    pub(super) last_failure: Mutex<Option<String>>,
}

/// The sum of some clients' tallies.
#[derive(Clone, Default)]
pub(crate) struct Sum {
    /// Operations that were done.
    pub(crate) done: u64,
    /// Operations that were refused.
    pub(crate) refused: u64,
    /// Operations whose outcome the node did not know.
    pub(crate) unknown: u64,
    /// Operations that got no answer, as the node was away.
    pub(crate) broken: u64,
    /// Operations that got no answer although the node had not gone.
    pub(crate) late: u64,
    /// Reads that were done.
    pub(crate) reads: u64,
    /// Those of them that took one round of messages.
    pub(crate) reads_of_one_round: u64,
    /// The longest that an operation took which was answered.
    pub(crate) slowest: Duration,
    /// The longest that a client went without an operation that was done.
    pub(crate) longest_pause: Duration,
    /// One operation that was not done, and what its client was told, if there was one.
    pub(crate) failure: Option<String>,
}

impl Tally {
    /// An answer came, so long after the request.
    pub(super) fn note_answer(&self, after: Duration) {
        self.slowest_us.fetch_max(micros(after), Ordering::Relaxed);
    }

    /// An operation was done, so long after the one before.
    pub(super) fn note_pause(&self, pause: Duration) {
        self.longest_pause_us
            .fetch_max(micros(pause), Ordering::Relaxed);
    }

    /// How many answers it got.
    pub(super) fn answers(&self) -> u64 {
        let Sum {
            done,
            refused,
            unknown,
            ..
        } = Sum::default().plus(self);
        done + refused + unknown
    }
}

impl Sum {
    /// This sum and one more client's tally.
    pub(super) fn plus(self, tally: &Tally) -> Self {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Self {
            done: self.done + get(&tally.done),
            refused: self.refused + get(&tally.refused),
            unknown: self.unknown + get(&tally.unknown),
            broken: self.broken + get(&tally.broken),
            late: self.late + get(&tally.late),
            reads: self.reads + get(&tally.reads),
            reads_of_one_round: self.reads_of_one_round + get(&tally.reads_of_one_round),
            slowest: self
                .slowest
                .max(Duration::from_micros(get(&tally.slowest_us))),
            longest_pause: self
                .longest_pause
                .max(Duration::from_micros(get(&tally.longest_pause_us))),
            failure: tally.last_failure.lock().unwrap().clone().or(self.failure),
        }
    }

    /// That every operation was answered in time, one way or another.
    #[track_caller]
    pub(crate) fn assert_in_time(&self, timeout: Duration) {
        // A node answers at the deadline; the rest is for a busy machine.
        const SLACK: Duration = Duration::from_secs(5);
        let in_time = self.late == 0 && self.slowest < timeout + SLACK;
        assert!(in_time, "{self}; one of them: {:?}", self.failure);
    }

    /// That every operation was done.
    #[track_caller]
    pub(crate) fn assert_none_failed(&self) {
        self.assert_none_failed_since(&Sum::default());
    }

    /// That every operation was done since an earlier sum of the same clients.
    #[track_caller]
    pub(crate) fn assert_none_failed_since(&self, earlier: &Sum) {
        let failed = |sum: &Sum| [sum.refused, sum.unknown, sum.broken, sum.late];
        assert_eq!(
            failed(self),
            failed(earlier),
            "refused, unknown, broken, late: {self}; one of them: {:?}",
            self.failure
        );
    }
}

impl fmt::Display for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Sum {
            done,
            refused,
            unknown,
            broken,
            late,
            longest_pause,
            ..
        } = self;
        write!(
            f,
            "{done} operations done ({:.1} % of {} reads in one round), {refused} refused, \
             {unknown} unknown, {broken} without an answer as the node was away, {late} late; the \
             slowest answer took {} ms, the longest pause of a client {} ms",
            100.0 * self.reads_of_one_round as f64 / self.reads.max(1) as f64,
            self.reads,
            self.slowest.as_millis(),
            longest_pause.as_millis()
        )
    }
}

fn micros(span: Duration) -> u64 {
    span.as_micros().try_into().unwrap_or(u64::MAX)
}
