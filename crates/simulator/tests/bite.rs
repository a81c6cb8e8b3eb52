//! The simulator bites: it finds faults that are put back on purpose. Those that random runs hardly
//! meet have stories of their own, in `traps.rs`.

use protocol::PlantedFault;
use simulator::{FailureKind, Planted, Run, run};

/// More seeds than any of these faults was ever seen to need; most show at once.
const SEEDS_MAX: u64 = 500;

fn is_found(planted: impl Into<Planted>) {
    let planted = planted.into();
    for seed in 0..SEEDS_MAX {
        let this = Run {
            planted: Some(planted),
            ..Run::of(seed)
        };
        let Err(failure) = run(this) else {
            continue;
        };
        if failure.kind == FailureKind::NotLinearizable {
            println!("{planted} was found at seed {seed}:\n{failure}");
            return;
        }
        println!("{planted}, on the way: {failure}");
    }
    panic!("{planted} was not found in {SEEDS_MAX} seeds");
}

#[test]
fn trust_in_the_failure_detector_is_found() {
    is_found(PlantedFault::TrustDetector);
}

#[test]
fn a_quorum_one_too_small_is_found() {
    is_found(PlantedFault::QuorumTooSmall);
}

#[test]
fn a_missing_write_back_is_found() {
    is_found(PlantedFault::NoWriteBack);
}

#[test]
fn a_read_modify_write_that_computes_its_value_twice_is_found() {
    is_found(PlantedFault::RecomputeAfterAccept);
}
