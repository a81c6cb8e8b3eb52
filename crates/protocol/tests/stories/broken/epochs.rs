//! Configurations that cannot be.

use super::*;
use std::sync::Arc;

#[test]
fn the_reserved_register_may_be_told_with_or_without_the_step_that_made_it() {
    let mut cluster = Cluster::of(3);
    let entered = configuration(1, 1..=3).record();
    let by_a_step = Record {
        operation: Some(step("").operation),
        ..entered.clone()
    };
    let reserved = RegisterName::CONFIGURATION;
    cluster.arrive(update(2, 1, reserved.clone(), by_a_step));
    let rival = Record {
        content: Some(configuration(1, 1..=2).encode()),
        ..entered
    };
    let sentence = breaks(lane_of(&mut cluster, 1), update(2, 1, reserved, rival));
    assert!(
        sentence.starts_with("register \"(the configuration)\" has two values"),
        "{sentence}"
    );
}

#[test]
fn a_second_configuration_of_an_epoch_stops_the_node() {
    let mut cluster = Cluster::of(3);
    let now = cluster.now;
    let (same, elsewhere) = (
        configuration(1, 1..=3),
        configuration_of(ClusterId(2), 1, [1]),
    );
    for harmless in [same, elsewhere] {
        cluster.enter(1, harmless);
    }
    let rival = configuration(1, 1..=4);
    let sentence = breaks_when(lane_of(&mut cluster, 1), |lane| {
        lane.handle_configuration(now, rival);
    });
    assert!(sentence.contains("has two configurations"), "{sentence}");
}

#[test]
fn a_next_epoch_whose_quorums_need_not_meet_the_former_ones_stops_the_node() {
    let mut cluster = Cluster::of(3);
    let now = cluster.now;
    let apart = configuration(2, 3..=5);
    let sentence = breaks_when(lane_of(&mut cluster, 1), |lane| {
        lane.handle_configuration(now, apart);
    });
    let start =
        "the quorums of group 0 in epoch 1 and those in epoch 2 have no replica set in common";
    assert!(sentence.starts_with(start), "{sentence}");
}

#[test]
fn a_record_of_the_reserved_register_whose_tag_is_of_another_epoch_is_not_learned() {
    let mut cluster = Cluster::of(3);
    cluster.enters_at_once = false;
    // A configuration of epoch 3 under the tag of epoch 2, and bytes that are none.
    let odd = Record {
        tag: configuration(2, 1..=3).tag(),
        ..configuration(3, 1..=3).record()
    };
    let none = Record {
        tag: configuration(3, 1..=3).tag(),
        content: Some(Bytes::from_static(b"none")),
        ..odd.clone()
    };
    let reserved = RegisterName::CONFIGURATION;
    for record in [odd, none] {
        cluster.arrive(update(2, 1, reserved.clone(), record));
        assert!(!cluster.learned.contains_key(&1));
        assert_eq!(cluster.lanes[&1].epoch(), Epoch::FIRST);
    }
    // What is decided in the end is heard of all the same, and entered.
    let third = configuration(4, 1..=3);
    cluster.arrive(update(2, 1, reserved, third.record()));
    assert_eq!(cluster.learned[&1], [Arc::clone(&third)]);
    cluster.enter(1, third.clone());
    assert_eq!(cluster.configuration_at(1), Some((*third).clone()));
}
