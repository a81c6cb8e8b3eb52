//! Many seeds, side by side: [`Campaign`].

use crate::figures::Figures;
use crate::outcome::{Failure, FailureKind, Run};
use crate::run::{run, tell};
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

/// Seeds to run, one after the other, on several threads.
#[derive(Clone, Copy, Debug)]
pub struct Campaign {
    /// The first run. The others have the seeds after its own, and are like it in all else.
    pub first: Run,
    /// How long it goes on.
    pub length: Length,
    /// How many runs go side by side.
    pub threads: NonZeroUsize,
    /// Whether it goes on after a failure.
    pub keep_going: bool,
}

/// How long a campaign goes on, if nothing fails.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Length {
    /// For so many seeds.
    Seeds(u64),
    /// For so long, and until the runs that have begun by then are done.
    Time(Duration),
}

/// What came of a campaign, or of the part of it that is done.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// The numbers of all runs that passed.
    pub figures: Figures,
    /// How many runs have ended, in whatever way.
    pub ended: u64,
    /// The runs that failed, by ascending seed.
    pub failures: Vec<Failure>,
    /// How long it took.
    pub took: Duration,
}

/// The longest that a single run may take in real time. The slowest that was ever seen took a few
/// seconds; a bound on the run's own steps is met long before this, unless a single step of it
/// never ends.
const RUN_LONGEST: Duration = Duration::from_secs(300);

impl Campaign {
    /// Runs the seeds. Each time that `every` has passed, and when all is done, `watch` is told
    /// what has come of it so far.
    ///
    /// A run that goes on for ever is a failure of its seed. Its thread cannot be ended, and is
    /// left behind.
    pub fn conduct(self, every: Duration, mut watch: impl FnMut(&Tally)) -> Tally {
        let started = Instant::now();
        let shared = Arc::new(Shared {
            campaign: self,
            ends: match self.length {
                Length::Seeds(_) => None,
                Length::Time(time) => Some(started + time),
            },
            seeds_taken: AtomicU64::new(0),
            stop: AtomicBool::new(false),
            state: Mutex::new(State {
                tally: Tally::default(),
                running: vec![None; self.threads.get()],
                workers: self.threads.get(),
            }),
            changed: Condvar::new(),
        });
        for worker in 0..self.threads.get() {
            let shared = shared.clone();
            thread::spawn(move || shared.work(worker));
        }
        let mut next_word = started + every;
        let mut state = shared.lock();
        while state.workers > 0 && !state.has_endless() {
            let waited = shared
                .changed
                .wait_timeout(state, Duration::from_millis(500));
            state = waited.expect("nothing panics while it holds this").0;
            state.tally.took = started.elapsed();
            if next_word <= Instant::now() {
                watch(&state.tally);
                next_word = Instant::now() + every;
            }
        }
        shared.stop.store(true, Ordering::Relaxed);
        let mut tally = state.tally.clone();
        drop(state);
        tally.took = started.elapsed();
        tally.failures.sort_by_key(|failure| failure.run.seed);
        watch(&tally);
        tally
    }
}

/// What the threads have in common.
struct Shared {
    campaign: Campaign,
    ends: Option<Instant>,
    seeds_taken: AtomicU64,
    /// Whether no further run is to begin.
    stop: AtomicBool,
    state: Mutex<State>,
    /// That a worker has ended.
    changed: Condvar,
}

struct State {
    tally: Tally,
    /// What each worker runs, and since when.
    running: Vec<Option<(Run, Instant)>>,
    /// How many of them have not ended.
    workers: usize,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        let state = self.state.lock();
        state.expect("nothing panics while it holds this")
    }

    fn work(&self, worker: usize) {
        while let Some(this) = self.next() {
            self.lock().running[worker] = Some((this, Instant::now()));
            // A failed run is played once more, to have it told.
            let result = run(this).map_err(tell);
            let mut state = self.lock();
            state.running[worker] = None;
            state.tally.ended += 1;
            match result {
                Ok(passed) => state.tally.figures += passed.figures,
                Err(failure) => {
                    state.tally.failures.push(failure);
                    self.stop
                        .fetch_or(!self.campaign.keep_going, Ordering::Relaxed);
                }
            }
        }
        self.lock().workers -= 1;
        self.changed.notify_all();
    }

    fn next(&self) -> Option<Run> {
        let is_over = self.ends.is_some_and(|ends| ends <= Instant::now());
        if is_over || self.stop.load(Ordering::Relaxed) {
            return None;
        }
        let taken = self.seeds_taken.fetch_add(1, Ordering::Relaxed);
        let Campaign { first, length, .. } = self.campaign;
        if let Length::Seeds(seeds) = length
            && taken >= seeds
        {
            return None;
        }
        Some(Run {
            seed: first.seed.checked_add(taken)?,
            ..first
        })
    }
}

impl State {
    /// Takes note of runs that never end. Says whether there are any: there is no use in waiting
    /// for their workers.
    fn has_endless(&mut self) -> bool {
        let is_endless = |(_, since): &mut (Run, Instant)| since.elapsed() >= RUN_LONGEST;
        let mut found = false;
        for running in &mut self.running {
            let Some((run, _)) = running.take_if(is_endless) else {
                continue;
            };
            found = true;
            self.tally.ended += 1;
            self.tally.failures.push(Failure {
                run,
                kind: FailureKind::Endless,
                what: format!("after {RUN_LONGEST:?} of real time it had not ended"),
                story: None,
            });
        }
        found
    }
}
