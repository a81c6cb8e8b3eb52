//! Processes that restart without memory, and such as join.

use super::super::*;
use super::world::{World, ms};
use std::vec::Vec;

fn is_whole(world: &World) {
    assert_eq!(world.unsettled(), None);
    for process in world.live() {
        let membership = &process.membership;
        assert_eq!(
            membership.standing(),
            Standing::Member,
            "{}",
            world.describe()
        );
    }
}

#[test]
fn three_nodes_killed_one_after_the_other_are_three_new_members_within_a_second_each() {
    for seed in 0..4 {
        let mut world = World::founded(3);
        world.random = super::world::Random::new(seed);
        for round in 0..6 {
            world.restart(round % 3);
            world.run(ms(1_000));
            is_whole(&world);
            assert_eq!(world.latest().unwrap().epoch(), Epoch(3 + 2 * round as u64));
        }
        assert_eq!(world.clusters.len(), 1);
    }
}

#[test]
fn two_of_five_that_restart_at_once_are_both_let_in() {
    for seed in 0..6 {
        let mut world = World::empty(5, seed);
        world.options = |options| options.replication = 5;
        world.start_all();
        world.run(ms(3_500));
        world.restart(0);
        world.restart(3);
        world.run_until_settled(ms(5_000));
        is_whole(&world);
    }
}

#[test]
fn a_node_that_restarts_in_the_middle_of_its_own_replacement_is_let_in_after_it() {
    for seed in 0..20 {
        let mut world = World::empty(3, seed);
        world.options = |options| options.abort_after = ms(4_000);
        world.start_all();
        world.run(ms(3_500));
        for _ in 0..3 {
            world.restart(1);
            let pause = ms(world.random.below(500));
            world.run(pause);
        }
        world.run_until_settled(ms(15_000));
        is_whole(&world);
    }
}

#[test]
fn a_joining_process_that_dies_half_way_leaves_the_cluster_as_it_was() {
    let mut world = World::founded(3);
    let new = world.add_joiner();
    world.start(new);
    world.run_until("joint", |world| world.latest().unwrap().is_joint());
    world.crash(new);
    world.run_until_all("out of the change", |process| {
        let configuration = process.membership.configuration();
        configuration.is_some_and(|configuration| !configuration.is_joint())
    });
    // Its being a member is as good: a majority of each group's replicas has copied.
    let latest = world.latest().unwrap().clone();
    assert_eq!(
        latest.members().len(),
        if latest.is_aborted() { 3 } else { 4 }
    );
    // Whichever it was, the next process at that address is let in.
    world.start(new);
    world.run_until_settled(ms(45_000));
    is_whole(&world);
    assert_eq!(world.latest().unwrap().members().len(), 4);
}

#[test]
fn a_joining_process_that_was_frozen_while_its_change_was_given_up_is_let_in_after_all() {
    let mut world = World::empty(1, 1);
    world.options = |options| options.abort_after = ms(3_000);
    world.start(0);
    world.run(ms(3_000));
    let new = world.add_joiner();
    world.start(new);
    world.run_until("in the change", |world| {
        let joins = world.at(new).membership.configuration();
        joins.is_some_and(|configuration| configuration.contains(world.id(new)))
    });
    world.freeze(new, ms(60_000));
    world.run_until("given up", |world| world.latest().unwrap().is_aborted());
    world.run(ms(20_000));
    world.thaw_all();
    world.run_until_settled(ms(20_000));
    is_whole(&world);
    assert_eq!(world.latest().unwrap().members().len(), 2);
}

#[test]
fn a_node_that_joins_finds_the_cluster_by_its_seeds_and_is_let_in() {
    let mut world = World::founded(3);
    for _ in 0..3 {
        let new = world.add_joiner();
        world.start(new);
    }
    // All three at once: one after the other.
    world.run_until_settled(ms(8_000));
    is_whole(&world);
    assert_eq!(world.latest().unwrap().members().len(), 6);
    assert_eq!(world.clusters.len(), 1);
}

#[test]
fn a_node_that_joins_waits_for_a_cluster_and_founds_none() {
    let mut world = World::empty(1, 1);
    let new = world.add_joiner();
    world.start(new);
    world.run(ms(25_000));
    let is_told = |event: &MembershipEvent| matches!(event, MembershipEvent::Searching { unmet, met } if unmet.len() == 1 && met.is_empty());
    assert!(world.has_event(new, is_told));
    let seeds = [world.addresses[0].clone()];
    assert_eq!(world.at(new).membership.awaited(), seeds);
    assert!(world.clusters.is_empty());
    world.start(0);
    world.run_until_settled(ms(8_000));
    is_whole(&world);
    assert_eq!(world.latest().unwrap().members().len(), 2);
}

#[test]
fn nodes_that_only_join_each_other_found_nothing() {
    let mut world = World::empty(0, 1);
    let (a, b) = (world.add_joiner(), world.add_joiner());
    let addresses = world.addresses.clone();
    for (index, seed) in [(a, b), (b, a)] {
        let seeds = [addresses[seed].clone()].into();
        world.joins.insert(index, Join { seeds, weight: 1 });
        world.start(index);
    }
    world.run(ms(25_000));
    assert!(world.clusters.is_empty());
    let is_told = |event: &MembershipEvent| matches!(event, MembershipEvent::Searching { met, .. } if met.len() == 1);
    assert!(world.has_event(a, is_told) && world.has_event(b, is_told));
}

#[test]
fn a_joined_node_that_is_removed_does_not_ask_again_but_its_next_process_does() {
    let mut world = World::founded(3);
    let new = world.add_joiner();
    world.start(new);
    world.run_until_settled(ms(5_000));
    let member = world.id(new);
    assert_eq!(
        world.answer(0, ChangeRequest::Remove { member }),
        Ok(Epoch(4))
    );
    world.run(ms(60_000));
    assert_eq!(world.unsettled(), None);
    assert_eq!(world.latest().unwrap().members().len(), 3);
    world.restart(new);
    world.run_until_settled(ms(5_000));
    assert_eq!(world.latest().unwrap().members().len(), 4);
}

#[test]
fn a_joined_node_that_restarts_comes_in_its_own_place() {
    let mut world = World::founded(3);
    let new = world.add_joiner();
    world.start(new);
    world.run_until_settled(ms(5_000));
    let seats = |world: &World| -> Vec<_> {
        let latest = world.latest().unwrap();
        let mut seats: Vec<_> = latest.members().iter().map(|m| m.seat).collect();
        seats.sort();
        seats
    };
    let before = seats(&world);
    world.restart(new);
    world.run_until_settled(ms(5_000));
    assert_eq!(seats(&world), before);
    is_whole(&world);
}

#[test]
fn a_process_at_an_address_that_is_a_members_is_not_let_in_while_that_one_is_alive() {
    let mut world = World::founded(3);
    let new = world.add_joiner();
    world.options = |options| options.advertise = "n1:3030".parse().unwrap();
    world.start(new);
    world.run(ms(40_000));
    assert!(world.register.proposals.is_empty());
    // The seeds answer it, but nobody finds it where it says it is.
    let is_told = |event: &MembershipEvent| matches!(event, MembershipEvent::Searching { met, .. } if met.len() == 2);
    assert!(world.has_event(new, is_told));
}

#[test]
fn members_that_are_down_for_long_are_removed_as_long_as_enough_are_left() {
    let mut world = World::empty(5, 1);
    world.options = |options| {
        options.replace_after = Some(ms(10_000));
        options.replication = 3;
    };
    world.start_all();
    world.run(ms(3_500));
    let removals = |world: &World| {
        let events = world.live().flat_map(|process| &process.events);
        let of_it = |e: &&MembershipEvent| matches!(e, MembershipEvent::Removing { .. });
        events.filter(of_it).count()
    };
    for (index, left) in [(1, 4), (4, 3)] {
        world.crash(index);
        world.run(ms(9_000));
        assert_eq!(world.latest().unwrap().members().len(), left + 1);
        world.run(ms(6_000));
        let latest = world.latest().unwrap();
        assert!(!latest.is_joint() && latest.members().len() == left);
        assert!(removals(&world) > 0);
    }
    // Two would be left, and each slot is to be held by three.
    world.crash(2);
    world.run(ms(30_000));
    assert_eq!(world.latest().unwrap().members().len(), 3);
    // A new process there is told of the cluster, and waits to be added.
    world.start(1);
    world.run(ms(3_000));
    assert_eq!(world.at(1).membership.standing(), Standing::Outsider);
}

#[test]
fn a_member_that_only_one_other_cannot_reach_is_not_removed() {
    let mut world = World::empty(4, 1);
    world.options = |options| options.replace_after = Some(ms(5_000));
    world.start_all();
    world.run(ms(3_500));
    let least = (0..4).min_by_key(|&index| world.id(index)).unwrap();
    let other = (least + 1) % 4;
    world.cut(least, other);
    world.cut(other, least);
    world.run(ms(60_000));
    assert_eq!(world.latest().unwrap().epoch(), Epoch(1));
    assert!(world.register.proposals.is_empty());
    let is_told = |event: &MembershipEvent| matches!(event, MembershipEvent::NotRemoved { .. });
    assert!(world.has_event(least, is_told));
}
