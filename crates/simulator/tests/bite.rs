//! The simulator bites: it finds faults that are put back on purpose. Those that random runs hardly
//! meet have stories of their own, in `traps.rs`.

use protocol::PlantedFault;
use simulator::{FailureKind, Planted, Run, run};

/// More seeds than any of these faults was ever seen to need; most show at once.
const SEEDS_MAX: u64 = 500;

fn is_found(planted: impl Into<Planted>) {
    is_found_from(0, planted);
}

/// Some faults need hundreds of seeds: these tests begin a little before the one that was seen to
/// show it, and go on like the others when that has changed.
fn is_found_from(first: u64, planted: impl Into<Planted>) {
    is_found_as(first, planted, FailureKind::NotLinearizable);
}

fn is_found_as(first: u64, planted: impl Into<Planted>, wanted: FailureKind) {
    let planted = planted.into();
    for seed in first..first + SEEDS_MAX {
        let this = Run {
            planted: Some(planted),
            disks: planted == Planted::SyncLeftOut,
            deletes: planted == PlantedFault::DropWithoutMarks.into(),
            ..Run::of(seed)
        };
        let Err(failure) = run(this) else {
            continue;
        };
        if failure.kind == wanted {
            println!("{planted} was found at seed {seed}:\n{failure}");
            return;
        }
        println!("{planted}, on the way: {failure}");
    }
    panic!("{planted} was not found in {SEEDS_MAX} seeds from {first} on");
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
    is_found_from(30, PlantedFault::NoWriteBack);
}

#[test]
fn a_listing_that_believes_what_is_not_settled_is_found() {
    is_found_from(180, PlantedFault::ListUnsettled);
}

#[test]
fn tombstones_that_are_dropped_without_a_floor_are_found() {
    // Two steps on top of nothing get one tag: nodes hold two contents under it.
    is_found_as(0, PlantedFault::DropWithoutFloor, FailureKind::Invariant);
}

#[test]
fn tombstones_that_are_dropped_while_others_are_still_at_work_are_found() {
    is_found_from(320, PlantedFault::DropWithoutMarks);
}

#[test]
fn a_disk_that_is_not_synced_is_found() {
    is_found_from(190, Planted::SyncLeftOut);
}

#[test]
fn a_read_modify_write_that_computes_its_value_twice_is_found() {
    is_found(PlantedFault::RecomputeAfterAccept);
}

#[test]
fn an_expiry_by_a_plain_write_is_found() {
    is_found_from(570, PlantedFault::ExpireByPlainWrite);
}

#[test]
fn an_expired_record_that_is_read_as_nothing_but_stays_is_found() {
    // Nodes are seen to hold two contents under one tag before a client sees anything wrong.
    is_found_as(
        0,
        PlantedFault::ExpiredReadsAsNothing,
        FailureKind::Invariant,
    );
}
