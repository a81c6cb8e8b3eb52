//! A little fuzzing where there is only a stable compiler: what was kept, changed by chance.
//!
//! `FUZZ_RUNS=100000 cargo test -p fuzzing --release --test chance` goes on for longer;
//! `FUZZ_SEED=7` goes elsewhere, and `FUZZ_TARGET=lanes` stays with one target.

mod kept;

use fuzzing::TARGETS;
use rand::{Rng, RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use std::panic::catch_unwind;

/// How often each target is called where nothing else is said.
const RUNS: u64 = 200;

fn setting(name: &str, default: u64) -> u64 {
    let given = std::env::var(name).ok();
    given.map_or(default, |text| text.parse().expect("a whole number"))
}

#[test]
fn what_was_kept_and_changed_by_chance_is_met_with_too() {
    let (runs, seed) = (setting("FUZZ_RUNS", RUNS), setting("FUZZ_SEED", 1));
    let only = std::env::var("FUZZ_TARGET").ok();
    let targets = TARGETS.iter();
    for target in targets.filter(|target| only.as_ref().is_none_or(|only| only == target.name)) {
        let inputs = kept::inputs("corpus", target.name);
        let inputs: Vec<Vec<u8>> = inputs.into_iter().map(|(_, bytes)| bytes).collect();
        let mut random = Pcg64Mcg::seed_from_u64(seed);
        for _ in 0..runs {
            let input = changed(&inputs, &mut random);
            if catch_unwind(|| (target.run)(&input)).is_err() {
                panic!("{} fails on \"{}\"", target.name, input.escape_ascii());
            }
        }
    }
}

/// One of the inputs, with a few changes.
fn changed(inputs: &[Vec<u8>], random: &mut Pcg64Mcg) -> Vec<u8> {
    let pick = |random: &mut Pcg64Mcg| inputs[random.random_range(0..inputs.len())].clone();
    let mut input = pick(random);
    for _ in 0..random.random_range(1..6) {
        let at = random.random_range(0..=input.len());
        match random.random_range(0..6) {
            0 => input.insert(at, random.random()),
            1 => input.truncate(at),
            2 => {
                let end = (at + random.random_range(0..9)).min(input.len());
                input.drain(at..end);
            }
            3 => {
                let other = pick(random);
                let from = random.random_range(0..=other.len());
                input.truncate(at);
                input.extend_from_slice(&other[from..]);
            }
            _ => {
                if let Some(byte) = input.get_mut(at) {
                    *byte = match random.random_range(0..3) {
                        0 => byte.wrapping_add(1),
                        1 => *byte ^ (1 << random.random_range(0..8)),
                        _ => random.next_u32() as u8,
                    };
                }
            }
        }
    }
    input
}
