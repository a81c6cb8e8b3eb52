//! Some seeds, as many as an ordinary test may take; the command line runs more, and faster.

use simulator::{Campaign, Figures, Length, Run, run};
use std::num::NonZeroUsize;
use std::thread;
use std::time::Duration;

fn expect_all_to_pass(first: Run, seeds: u64) -> Figures {
    let campaign = Campaign {
        first,
        length: Length::Seeds(seeds),
        threads: thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
        keep_going: true,
    };
    let tally = campaign.conduct(Duration::from_secs(60), |_| {});
    println!("{}", tally.figures);
    let failures: Vec<String> = tally.failures.iter().map(ToString::to_string).collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert_eq!(tally.ended, seeds);
    assert!(tally.figures.undecided * 10 <= seeds, "{}", tally.figures);
    tally.figures
}

#[test]
fn nothing_that_must_hold_is_broken_by_any_fault() {
    let figures = expect_all_to_pass(Run::of(0), 20);
    assert!(figures.tombstones_dropped > 0, "{figures}");
}

#[test]
fn nothing_is_lost_with_a_majority_but_what_an_operator_was_told() {
    let first = Run {
        loss: true,
        ..Run::of(0)
    };
    expect_all_to_pass(first, 12);
}

#[test]
fn a_seed_is_always_the_same_run() {
    for seed in 0..3 {
        let this = Run {
            loss: true,
            ..Run::of(seed)
        };
        let once = run(this).unwrap();
        assert_eq!(run(this).unwrap(), once, "seed {seed}");
    }
}
