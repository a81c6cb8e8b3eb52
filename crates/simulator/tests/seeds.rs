//! Some seeds, as many as an ordinary test may take; the command line runs more, and faster.

use simulator::{Figures, Run, run};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

const SEEDS: u64 = 60;

#[test]
fn nothing_that_must_hold_is_broken_by_any_fault() {
    let next = AtomicU64::new(0);
    let sum = Mutex::new(Figures::default());
    let failures = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= SEEDS {
                        return;
                    }
                    match run(Run::of(seed)) {
                        Ok(passed) => *sum.lock().unwrap() += passed.figures,
                        Err(failure) => failures.lock().unwrap().push(failure.to_string()),
                    }
                }
            });
        }
    });
    println!("{}", sum.into_inner().unwrap());
    let failures = failures.into_inner().unwrap();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn a_seed_is_always_the_same_run() {
    for seed in 0..8 {
        let once = run(Run::of(seed)).unwrap();
        assert_eq!(run(Run::of(seed)).unwrap(), once, "seed {seed}");
    }
}
