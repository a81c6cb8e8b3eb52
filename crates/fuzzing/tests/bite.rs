//! Lanes against a plain map bite: faults that are put back on purpose are found, most of them by
//! schedules that are made by chance alone.

use fuzzing::{lanes, lanes_with};
use protocol::PlantedFault;
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64Mcg;
use std::fs;
use std::panic::catch_unwind;
use std::path::Path;

/// More schedules than any of these faults was seen to need, by far.
const SCHEDULES_MAX: u64 = 20_000;

/// Whether lanes with this fault fail on the schedule.
fn fails(data: &[u8], planted: PlantedFault) -> bool {
    catch_unwind(|| lanes_with(data, Some(planted))).is_err()
}

/// Schedules made like this find the fault. `from` saves time: no seed before it was seen to.
fn is_found(planted: PlantedFault, from: u64, schedule: fn(&mut Pcg64Mcg) -> Vec<u8>) {
    for seed in from..SCHEDULES_MAX {
        if fails(&schedule(&mut Pcg64Mcg::seed_from_u64(seed)), planted) {
            println!("{planted:?} was found at seed {seed}");
            return;
        }
    }
    panic!("{planted:?} was not found in {SCHEDULES_MAX} schedules");
}

/// Bytes, each as likely as any other.
fn any(random: &mut Pcg64Mcg) -> Vec<u8> {
    let mut bytes = vec![0; 50 + below(random, 400) as usize];
    random.fill_bytes(&mut bytes);
    bytes
}

/// A schedule in which the members change often.
fn of_changes(random: &mut Pcg64Mcg) -> Vec<u8> {
    // Bytes by which steps of a kind begin, and how often they are in a hundred.
    const ASK: u8 = 0;
    const KINDS: [(u8, u32); 9] = [
        (ASK, 2),
        (10, 58), // deliver one
        (30, 10), // deliver all among some
        (40, 6),  // repeat
        (43, 6),  // lose
        (48, 6),  // let time pass
        (56, 6),  // propose
        (58, 5),  // learn
        (63, 1),  // die
    ];
    let mut bytes = vec![random.next_u32() as u8];
    for _ in 0..60 + below(random, 240) {
        let mut left = below(random, 100);
        let mut kinds = KINDS.iter();
        let kind = kinds.find(|(_, weight)| match left.checked_sub(*weight) {
            Some(rest) => {
                left = rest;
                false
            }
            None => true,
        });
        let (kind, _) = kind.expect("the weights are a hundred");
        bytes.extend([*kind, random.next_u32() as u8]);
        if *kind == ASK {
            bytes.push(random.next_u32() as u8);
        }
    }
    bytes
}

fn below(random: &mut Pcg64Mcg, bound: u32) -> u32 {
    random.next_u32() % bound
}

#[test]
fn trust_in_the_failure_detector_is_found() {
    is_found(PlantedFault::TrustDetector, 0, any);
}

#[test]
fn a_quorum_one_too_small_is_found() {
    is_found(PlantedFault::QuorumTooSmall, 0, any);
}

#[test]
fn a_missing_write_back_is_found() {
    is_found(PlantedFault::NoWriteBack, 1_000, any);
}

#[test]
fn a_read_modify_write_that_computes_its_value_twice_is_found() {
    is_found(PlantedFault::RecomputeAfterAccept, 0, any);
}

#[test]
fn replies_of_two_epochs_that_are_counted_together_are_found() {
    is_found(PlantedFault::MixEpochs, 2_900, of_changes);
}

/// It takes three changes of members to meet with this, so the schedule was made by hand.
#[test]
fn a_superseded_step_of_a_greater_ballot_that_hides_a_chosen_one_is_found() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/planted");
    let schedule = fs::read(folder.join("greatest-ballot-of-all")).expect("it is kept");
    lanes(&schedule);
    assert!(fails(&schedule, PlantedFault::GreatestBallotOfAll));
}
