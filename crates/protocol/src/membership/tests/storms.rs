//! Thousands of random schedules: at no time do two live processes know different clusters (the
//! world asserts it after every step), and once faults end, everyone is soon agreed.

use super::super::*;
use super::world::{Network, Process, World, ms};
use std::eprintln;

/// How a storm ended, so that the test can tell that it saw what it was meant to see.
#[derive(Default)]
struct Seen {
    /// Founded and served by all of its members to the end.
    whole: u64,
    /// Members were lost, but not the data: others came in their places.
    replaced: u64,
    quorums_lost: u64,
    /// More than one cluster was founded, one after the other.
    founded_again: u64,
}

fn storm(size: usize, seed: u64, seen: &mut Seen) {
    let mut world = World::empty(size, seed);
    world.options = |options| {
        options.founding_wait = ms(20);
        options.abort_after = ms(5_000);
    };
    world.register.silent = world.random.below(30);
    world.replication = Configuration::REPLICATION_MAX;
    world.network = Network {
        delay: ms(1 + world.random.below(30)),
        delayed: world.random.below(20),
        delay_long: ms(100 + world.random.below(1_500)),
        lost: world.random.below(10),
        doubled: world.random.below(10),
        is_slow: core::array::from_fn(|_| world.random.chance(25)),
    };
    world.start_all();
    // Faults that strike where founding is at work, beside those that strike at any time.
    let deadly = world.random.below(10);
    let faults_end = world.now + ms(500 + world.random.below(5_000));
    let calm = 1 + world.random.below(2_000);
    let mut fault_due = world.now;
    while world.now < faults_end {
        let founded = world.clusters.len();
        let delivery = world.step();
        if world.clusters.len() > founded && world.random.chance(50) {
            // Nobody is left who knows of it; but a word of it may be on its way.
            restart_all(&mut world, |process| process.cluster().is_some());
        }
        let is_founding = |message: &MembershipMessage| {
            !matches!(
                message,
                MembershipMessage::Ping { .. } | MembershipMessage::Pong { .. }
            )
        };
        if let Some(delivery) = delivery.filter(|delivery| is_founding(&delivery.message))
            && world.random.chance(deadly)
        {
            let either = [delivery.from, delivery.to][world.random.below(2) as usize];
            match world.random.below(3) {
                0 => restart_all(&mut world, |process| process.cluster().is_some()),
                1 => restart_all(&mut world, |process| process.id == either),
                _ => {
                    let mut processes = world.processes.iter();
                    let victim = processes.position(|process| {
                        let process = process.as_ref();
                        process.is_some_and(|process| process.id == either)
                    });
                    if let Some(victim) = victim {
                        strike(&mut world, victim);
                    }
                }
            }
        }
        if world.now >= fault_due {
            fault_due = world.now + ms(1 + world.random.below(calm));
            let victim = world.random.below(size as u64) as usize;
            strike(&mut world, victim);
        }
    }
    world.network = Network::GOOD;
    world.cut.clear();
    world.thaw_all();
    world.start_all();
    let healed = world.now + ms(30_000);
    while let Some(reason) = world.unsettled() {
        assert!(world.now < healed, "{reason}");
        world.run(ms(100));
    }
    // It stays so.
    world.run(ms(2_500));
    assert_eq!(world.unsettled(), None);

    let configuration = world.latest().expect("settled");
    if world.is_quorum_gone() {
        seen.quorums_lost += 1;
    } else if configuration.epoch() > Epoch::FIRST {
        seen.replaced += 1;
    } else {
        seen.whole += 1;
    }
    seen.founded_again += u64::from(world.clusters.len() > 1);
}

fn restart_all(world: &mut World, is_struck: impl Fn(&Process) -> bool) {
    for index in 0..world.processes.len() {
        if world.processes[index].as_ref().is_some_and(&is_struck) {
            world.restart(index);
        }
    }
}

fn strike(world: &mut World, victim: usize) {
    let size = world.processes.len() as u64;
    match world.random.below(10) {
        0..=3 if world.processes[victim].is_some() => world.restart(victim),
        4 => world.crash(victim),
        5..=6 => {
            let span = ms(1 + world.random.below(3_000));
            world.freeze(victim, span);
        }
        7 => {
            let to = world.random.below(size) as usize;
            world.cut(victim, to);
        }
        8 => world.cut.clear(),
        _ => world.start_all(),
    }
}

fn storms(size: usize, seeds: core::ops::Range<u64>) -> Seen {
    let mut seen = Seen::default();
    for seed in seeds {
        // If it fails, this is the line that says how to see it again.
        let result = std::panic::catch_unwind(core::panic::AssertUnwindSafe(|| {
            storm(size, seed, &mut seen);
        }));
        if let Err(panic) = result {
            eprintln!("storms({size}, {seed}..{seed} + 1) failed");
            std::panic::resume_unwind(panic);
        }
    }
    eprintln!(
        "{size}: whole {}, replaced {}, quorums lost {}, founded again {}",
        seen.whole, seen.replaced, seen.quorums_lost, seen.founded_again
    );
    seen
}

#[test]
fn one_node_founds_through_every_storm() {
    let seen = storms(1, 0..50);
    assert!(seen.whole > 0 && seen.founded_again > 0);
}

#[test]
fn two_nodes_never_know_two_clusters_and_agree_after_every_storm() {
    let seen = storms(2, 0..150);
    assert!(seen.whole > 0 && seen.quorums_lost > 0 && seen.founded_again > 0);
}

#[test]
fn three_nodes_never_know_two_clusters_and_agree_after_every_storm() {
    let seen = storms(3, 0..100);
    assert!(seen.whole > 0 && seen.replaced > 0);
    assert!(seen.quorums_lost > 0 && seen.founded_again > 0);
}

#[test]
fn five_nodes_never_know_two_clusters_and_agree_after_every_storm() {
    let seen = storms(5, 0..50);
    assert!(seen.whole > 0 && seen.replaced > 0 && seen.quorums_lost > 0);
}

#[test]
#[ignore = "takes minutes"]
fn no_storm_of_thousands_parts_a_cluster() {
    for (size, seeds) in [
        (1, 0..100),
        (2, 0..1_000),
        (3, 0..4_000),
        (5, 0..2_000),
        (7, 0..500),
    ] {
        storms(size, seeds);
    }
}
