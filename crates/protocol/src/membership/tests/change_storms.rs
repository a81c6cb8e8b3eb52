//! Thousands of random schedules in which members change while everything fails: at no time do
//! two processes enter different configurations of one epoch, is a change finished too soon, or a
//! process stopped whose seat is its own (the world asserts it); and once faults end, every change
//! ends, and everyone is soon agreed.

use super::super::*;
use super::world::{Network, World, ms};
use core::ops::Range;
use core::time::Duration;
use std::eprintln;
use std::vec::Vec;

#[derive(Default, Debug)]
struct Seen {
    epochs: u64,
    aborted: u64,
    quorums_lost: u64,
    groups_lost: u64,
    stopped: usize,
    answers: std::collections::BTreeMap<&'static str, u64>,
}

/// What a storm is made of.
struct Weather {
    size: usize,
    joiners: usize,
    /// The replication factor, or as many as there may be members.
    replication: Option<u8>,
    /// Whether an operator changes the members. Then whoever restarts joins, as an operator would
    /// have it: nodes that found by a list of former members need be told in time that a cluster
    /// stands.
    operator: bool,
}

fn network(world: &mut World) -> Network {
    Network {
        delay: ms(1 + world.random.below(30)),
        delayed: world.random.below(20),
        delay_long: ms(100 + world.random.below(1_500)),
        lost: world.random.below(10),
        doubled: world.random.below(10),
        is_slow: core::array::from_fn(|_| world.random.chance(20)),
    }
}

fn storm(weather: &Weather, seed: u64, seen: &mut Seen) {
    let mut world = World::empty(weather.size, seed);
    world.options = |options| {
        options.founding_wait = ms(20);
        options.abort_after = ms(5_000);
        options.replace_after = Some(ms(20_000)).filter(|_| options.cluster.0 % 3 == 0);
    };
    world.replication = weather.replication.unwrap_or(7);
    world.start_all();
    world.run_until_all("a member", |process| {
        process.membership.standing() == Standing::Member
    });
    for _ in 0..weather.joiners {
        world.add_joiner();
    }
    if weather.operator {
        let seeds = world.addresses.clone();
        for index in 0..world.addresses.len() {
            let seeds = seeds.clone();
            world.joins.insert(index, Join { seeds, weight: 100 });
        }
    }
    world.register.silent = world.random.below(40);
    world.register.slow = world.random.chance(10);
    world.network = network(&mut world);
    let faults_end = world.now + ms(1_000 + world.random.below(15_000));
    let calm = 1 + world.random.below(2_000);
    let (mut fault_due, mut request_due) = (world.now, world.now);
    let mut tickets = Vec::new();
    while world.now < faults_end {
        if world.now >= fault_due {
            let pause = ms(1 + world.random.below(calm));
            fault_due = world.now + pause;
            strike(&mut world);
        }
        if weather.operator && world.now >= request_due {
            let pause = ms(1 + world.random.below(3_000));
            request_due = world.now + pause;
            tickets.extend(request(&mut world));
        }
        let was_joint = world.latest().is_some_and(|latest| latest.is_joint());
        world.step();
        // Where it hurts: right after a change has begun or ended.
        let is_joint = world.latest().is_some_and(|latest| latest.is_joint());
        if was_joint != is_joint && world.random.chance(30) {
            strike(&mut world);
        }
    }
    heal(&mut world);
    let patience = if world.replication < 7 {
        200_000
    } else {
        120_000
    };
    if world.live().all(|process| process.cluster().is_none()) {
        // Nobody is left who knows of it; and those that join found none.
        return;
    }
    wait_until_settled(&mut world, ms(patience));
    world.run(ms(21_000));
    for (asker, index, ticket) in tickets {
        let process = world.processes[index].as_ref();
        if let Some(process) = process.filter(|process| process.id == asker) {
            let answer = process.answers.get(&ticket).expect("it is answered");
            let name = match answer {
                Ok(_) => "begun",
                Err(ChangeRefusal::Busy) => "busy",
                Err(ChangeRefusal::Unknown) => "unknown",
                Err(ChangeRefusal::NoAgreement) => "no agreement",
                Err(ChangeRefusal::Unreachable(_)) => "unreachable",
                Err(_) => "refused",
            };
            *seen.answers.entry(name).or_default() += 1;
        }
    }
    let latest = world.latest().expect("settled");
    seen.epochs += latest.epoch().0;
    seen.quorums_lost += u64::from(world.is_quorum_gone());
    seen.groups_lost += u64::from(world.is_any_group_gone(latest));
    seen.stopped += world.stopped.len();
    let proposals = world.register.proposals.iter();
    seen.aborted += proposals.filter(|(_, next)| next.is_aborted()).count() as u64;
}

fn heal(world: &mut World) {
    world.network = Network::GOOD;
    world.register.slow = false;
    world.cut.clear();
    world.thaw_all();
    world.start_all();
}

/// Where some groups are gone, changes that wait for them go on being given up; all else holds.
fn wait_until_settled(world: &mut World, most: Duration) {
    let end = world.now + most;
    while let Some(reason) = world.unsettled() {
        let latest = world.latest();
        let waits =
            latest.is_some_and(|latest| latest.is_joint() && world.is_any_group_gone(latest));
        if world.now >= end && waits {
            return;
        }
        assert!(world.now < end, "{reason}");
        world.run(ms(100));
        // A supervisor starts what was told to stop.
        if world.processes.iter().any(Option::is_none) {
            world.start_all();
        }
    }
}

fn any_live(world: &mut World) -> Option<usize> {
    let live: Vec<usize> = (0..world.processes.len())
        .filter(|&index| world.processes[index].is_some())
        .collect();
    let chosen = world.random.below(live.len().max(1) as u64) as usize;
    live.get(chosen).copied()
}

/// An operator asks for something that may or may not make sense.
fn request(world: &mut World) -> Option<(NodeId, usize, crate::output::Ticket)> {
    let index = any_live(world)?;
    let address = world.random.below(world.addresses.len() as u64) as usize;
    let address = world.addresses[address].clone();
    let latest = world.latest()?;
    let members: Vec<NodeId> = latest.members().iter().map(|member| member.id).collect();
    let member = members[world.random.below(members.len() as u64) as usize];
    let request = match world.random.below(10) {
        0..=3 => ChangeRequest::Add {
            address,
            weight: 1 + world.random.below(200) as u32,
        },
        4..=5 if members.len() > 2 => ChangeRequest::Remove { member },
        6..=8 => ChangeRequest::Replace { member, address },
        _ => ChangeRequest::Abort,
    };
    let id = world.id(index);
    let ticket = world.request(index, request);
    Some((id, index, ticket))
}

/// Whether without that process nothing could be decided.
fn is_needed(world: &World, index: usize) -> bool {
    let (Some(latest), Some(process)) = (world.latest(), &world.processes[index]) else {
        return false;
    };
    let members = latest.members_before();
    let stays = |id| !world.is_gone(id) && id != process.id;
    let left = members.iter().filter(|member| stays(member.id)).count();
    left * 2 <= members.len()
}

fn strike(world: &mut World) {
    let size = world.processes.len() as u64;
    let victim = world.random.below(size) as usize;
    let is_spared = is_needed(world, victim) && !world.random.chance(2);
    match world.random.below(14) {
        0..=2 if world.processes[victim].is_some() && !is_spared => world.restart(victim),
        3 if !is_spared => world.crash(victim),
        4..=5 => {
            let span = ms(1 + world.random.below(6_000));
            world.freeze(victim, span);
        }
        6..=7 => {
            let to = world.random.below(size) as usize;
            world.cut(victim, to);
        }
        8 => {
            let count = 1 + world.random.below(size) as usize;
            let some: Vec<usize> = (0..count)
                .map(|_| world.random.below(size) as usize)
                .collect();
            world.part(&some);
        }
        9..=11 => world.cut.clear(),
        _ => world.start_all(),
    }
}

fn storms(weather: &Weather, seeds: Range<u64>) -> Seen {
    let mut seen = Seen::default();
    for seed in seeds {
        let result = std::panic::catch_unwind(core::panic::AssertUnwindSafe(|| {
            storm(weather, seed, &mut seen);
        }));
        if let Err(panic) = result {
            let Weather {
                size,
                joiners,
                replication,
                operator,
            } = weather;
            eprintln!(
                "size {size}, joiners {joiners}, replication {replication:?}, operator {operator}, seed {seed} failed"
            );
            std::panic::resume_unwind(panic);
        }
    }
    eprintln!("{seen:?}");
    seen
}

const RESTARTS: Weather = Weather {
    size: 3,
    joiners: 0,
    replication: None,
    operator: false,
};

/// A cluster of this many at first, and three more that join.
fn growing(size: usize) -> Weather {
    Weather {
        size,
        joiners: 3,
        replication: None,
        operator: true,
    }
}

const SHARES: Weather = Weather {
    size: 5,
    joiners: 2,
    replication: Some(3),
    operator: true,
};

#[test]
fn three_nodes_that_restart_all_the_time_are_whole_after_every_storm() {
    let seen = storms(&RESTARTS, 0..25);
    assert!(seen.epochs > 60 && seen.quorums_lost < 10, "{seen:?}");
}

#[test]
fn clusters_that_grow_and_shrink_agree_after_every_storm() {
    for size in 1..=4 {
        let seen = storms(&growing(size), 0..4);
        assert!(seen.epochs > 16 && seen.answers.len() >= 2, "{seen:?}");
    }
}

#[test]
fn clusters_of_which_each_node_holds_a_share_agree_after_every_storm() {
    let seen = storms(&SHARES, 0..4);
    assert!(seen.epochs > 4);
}

#[test]
#[ignore = "takes minutes"]
fn no_storm_of_thousands_leaves_a_change_without_an_end() {
    let seen = storms(&RESTARTS, 0..1_000);
    assert!(seen.epochs > 4_000 && seen.quorums_lost > 0);
    for size in 1..=5 {
        let seen = storms(&growing(size), 0..300);
        assert!(seen.epochs > 1_500 && seen.aborted > 0 && seen.stopped > 0);
        assert!(seen.answers.len() >= 5, "{seen:?}");
    }
    let seen = storms(&SHARES, 0..300);
    assert!(seen.groups_lost > 0 && seen.aborted > 0 && seen.stopped > 0);
}
