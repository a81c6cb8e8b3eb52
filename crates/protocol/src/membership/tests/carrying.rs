//! Changes whose proposer, or whoever else, dies or is cut off at any step.

use super::super::*;
use super::world::{World, ms};
use crate::slot::Group;
use core::time::Duration;
use std::eprintln;
use std::vec::Vec;

/// What happens to a node in the middle of a change.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Blow {
    Dies,
    Freezes,
    IsCutOff,
    Restarts,
}

/// A change of three members, the third of which is replaced by another node, in which somebody
/// is struck after that many messages, pings not counted, and all is well again some seconds later.
/// Says in which epoch, if a quorum was left.
fn struck_after(steps: u64, blow: Blow, victim: usize) -> Option<Epoch> {
    let mut world = World::empty(3, steps);
    world.options = |options| {
        options.abort_after = ms(3_000);
        options.founding_wait = ms(20);
    };
    world.register.silent = 20;
    world.start_all();
    let new = world.add_stranger();
    world.start(new);
    world.run(ms(1_500));
    let request = ChangeRequest::Replace {
        member: world.id(2),
        address: world.addresses[new].clone(),
    };
    let asker = world.id(0);
    let ticket = world.request(0, request);
    let mut counted = 0;
    let deadline = world.now + ms(3_000);
    while counted < steps && world.now < deadline {
        let delivery = world.step();
        counted += u64::from(delivery.is_some_and(|delivery| {
            let message = delivery.message;
            !matches!(
                message,
                MembershipMessage::Ping { .. } | MembershipMessage::Pong { .. }
            )
        }));
    }
    let victim = [0, 1, 2, new][victim];
    let had_stopped = world.processes[victim].is_none();
    match blow {
        _ if had_stopped => {}
        Blow::Dies => world.crash(victim),
        Blow::Freezes => world.freeze(victim, ms(4_000)),
        Blow::IsCutOff => world.part(&[victim]),
        Blow::Restarts => world.restart(victim),
    }
    world.run(ms(5_000));
    world.cut.clear();
    if !had_stopped && world.processes[victim].is_none() {
        world.start(victim);
    }
    // Unless the asker is gone, its operator is answered.
    if world.processes[0].as_ref().is_some_and(|p| p.id == asker) {
        let is_answered = |world: &World| world.at(0).answers.contains_key(&ticket);
        world.run_until("answered", is_answered);
    }
    // The one that is replaced may be the second that is missing: then nothing can be decided.
    if world.is_quorum_gone() {
        return None;
    }
    world.run_until_settled(ms(60_000));
    let latest = world.latest().unwrap();
    assert!(!latest.is_joint());
    assert_eq!(latest.members().len(), 3);
    Some(latest.epoch())
}

fn struck_at(blow: Blow, steps: impl Iterator<Item = u64>) {
    let mut epochs = std::collections::BTreeMap::new();
    for steps in steps {
        for victim in 0..4 {
            let result = std::panic::catch_unwind(|| struck_after(steps, blow, victim));
            match result {
                Ok(epoch) => *epochs.entry(epoch).or_insert(0) += 1,
                Err(panic) => {
                    eprintln!("struck_after({steps}, {blow:?}, {victim}) failed");
                    std::panic::resume_unwind(panic);
                }
            }
        }
    }
    eprintln!("{blow:?}: {epochs:?}");
    // It struck before the change had begun, and after.
    assert!(epochs.len() > 1 || blow == Blow::Freezes, "{epochs:?}");
}

#[test]
fn a_change_ends_whoever_dies_half_way() {
    struck_at(Blow::Dies, (0..45).step_by(6));
}

#[test]
fn a_change_ends_whoever_freezes_half_way() {
    struck_at(Blow::Freezes, (1..45).step_by(9));
}

#[test]
fn a_change_ends_whoever_is_cut_off_half_way() {
    struck_at(Blow::IsCutOff, (2..45).step_by(9));
}

#[test]
fn a_change_ends_whoever_restarts_half_way() {
    struck_at(Blow::Restarts, (3..45).step_by(6));
}

#[test]
#[ignore = "takes minutes"]
fn a_change_ends_whoever_is_struck_at_whichever_step() {
    for blow in [Blow::Dies, Blow::Freezes, Blow::IsCutOff, Blow::Restarts] {
        struck_at(blow, 0..60);
    }
}

/// A cluster of three in which a change has just begun.
fn under_way() -> (World, usize) {
    let mut world = World::founded(3);
    let new = world.add_stranger();
    world.start(new);
    world.run(ms(1_000));
    let address = world.addresses[new].clone();
    let request = ChangeRequest::Add {
        address,
        weight: 100,
    };
    assert_eq!(world.answer(0, request), Ok(Epoch(2)));
    (world, new)
}

fn ends(world: &World) -> Vec<(NodeId, bool)> {
    let proposals = world.register.proposals.iter();
    let ends = proposals.filter(|(_, next)| !next.is_joint());
    ends.map(|(id, next)| (*id, next.is_aborted())).collect()
}

#[test]
fn the_first_alive_member_ends_a_change_and_the_next_one_if_it_does_not() {
    let (mut world, _) = under_way();
    let mut members: Vec<(NodeId, usize)> = (0..3).map(|i| (world.id(i), i)).collect();
    members.sort();
    // The first one is frozen for longer than its turn lasts, but not down yet.
    world.freeze(members[0].1, ms(60_000));
    world.run_until("ended", |world| !ends(world).is_empty());
    assert_eq!(ends(&world), [(members[1].0, false)]);
    world.thaw_all();
    world.run_until_settled(ms(5_000));
    assert_eq!(world.latest().unwrap().epoch(), Epoch(3));
}

#[test]
fn a_change_is_ended_once_if_nothing_goes_wrong() {
    for seed in 0..20 {
        let mut world = World::founded(3);
        world.random = super::world::Random::new(seed);
        for round in 0..3 {
            world.restart(round);
            world.run_until_settled(ms(3_000));
        }
        let proposals = &world.register.proposals;
        assert_eq!(ends(&world).len(), 3, "{proposals:?}");
        assert!(proposals.len() <= 9, "{}", proposals.len());
    }
}

#[test]
fn a_minority_of_the_deciding_members_proposes_nothing() {
    let (mut world, new) = under_way();
    let rest = (0..3).find(|&index| index != 0).unwrap();
    for index in [0, rest, new] {
        world.part(&[index]);
    }
    world.register.proposals.clear();
    world.run(ms(2_500));
    let before = world.register.proposals.len();
    world.run(ms(60_000));
    assert_eq!(world.register.proposals.len(), before);
    world.cut.clear();
    world.run_until_settled(ms(10_000));
}

#[test]
fn a_node_that_was_frozen_does_not_give_up_a_change_that_went_on_without_it() {
    let mut world = World::founded(3);
    let new = world.add_stranger();
    world.start(new);
    world.register.slow = true;
    let address = world.addresses[new].clone();
    let weight = 100;
    let request = ChangeRequest::Add { address, weight };
    assert_eq!(world.answer(0, request), Ok(Epoch(2)));
    let first = (0..3).min_by_key(|&index| world.id(index)).unwrap();
    world.freeze(first, ms(35_000));
    world.run(ms(60_000));
    assert!(world.latest().unwrap().is_joint());
    world.register.slow = false;
    world.run_until_settled(ms(10_000));
    assert_eq!(world.latest().unwrap().members().len(), 4);
    assert_eq!(ends(&world).len(), 1);
}

#[test]
fn what_a_lane_copied_right_before_it_entered_an_epoch_counts() {
    let mut world = World::founded(3);
    let latest = world.latest().unwrap().clone();
    let id = world.id(0);
    let mut progress = progress::Progress::new(id, Duration::from_secs(1));
    // It was away for two epochs: what it holds it lacks.
    let other = Configuration::new(latest.cluster(), Epoch(4), latest.members().to_vec(), 3);
    let other = other.unwrap();
    let now = world.now;
    progress.enter(now, &other);
    let all = usize::from(Group::COUNT);
    assert_eq!(progress.lacks(id, &other), all);
    let group = |number| Group::new(number).unwrap();
    assert!(!progress.note_copied(now, Epoch(4), group(1), &other));
    let mut members = latest.members().to_vec();
    members[2].weight += 1;
    let joint = other.joint(members, 3).unwrap();
    progress.enter(now, &joint);
    progress.note_copied(now, Epoch(5), group(2), &joint);
    progress.note_copied(now, Epoch(4), group(3), &joint);
    progress.note_copied(now, Epoch(3), group(4), &joint);
    assert_eq!(progress.lacks(id, &joint), all - 3);
    world.run(ms(1));
}
