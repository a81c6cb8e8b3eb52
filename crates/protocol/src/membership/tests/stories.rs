//! Founding, told in one chosen schedule each.

use super::super::*;
use super::world::{Process, World, ms};
use std::vec::Vec;

fn is_member(process: &Process) -> bool {
    process.membership.standing() == Standing::Member
}

/// All founded one cluster, of the processes that are there now.
fn assert_whole(world: &World) {
    assert_eq!(world.unsettled(), None);
    assert!(world.live().all(is_member), "{}", world.describe());
}

#[test]
fn nodes_that_are_all_fresh_found_one_cluster_after_the_wait() {
    for size in [1, 2, 3, 5, 9] {
        let mut world = World::new(size);
        world.run(ms(1_990));
        let is_fresh = |p: &Process| p.membership.standing() == Standing::Fresh;
        assert!(world.live().all(is_fresh));
        world.run(ms(210));
        assert_whole(&world);
        assert_eq!(world.clusters.len(), 1);
    }
}

#[test]
fn the_last_node_to_start_completes_the_founding_at_once() {
    let mut world = World::empty(3, 1);
    world.start(0);
    world.start(2);
    world.run(ms(25_000));
    assert_eq!(world.at(0).membership.standing(), Standing::Fresh);
    assert_eq!(
        world.at(0).membership.awaited(),
        [world.addresses[1].clone()]
    );
    let is_told = |event: &MembershipEvent| matches!(event, MembershipEvent::Waiting { unmet, .. } if unmet.len() == 1);
    assert!(world.has_event(0, is_told) && world.has_event(2, is_told));
    world.start(1);
    world.run(ms(400));
    assert!(world.live().all(is_member), "{}", world.describe());
}

#[test]
fn a_list_that_names_an_address_twice_names_it_once() {
    let mut world = World::empty(3, 1);
    for list in &mut world.lists {
        let doubled = list.clone();
        list.extend(doubled);
    }
    world.start_all();
    world.run(ms(2_500));
    assert_whole(&world);
}

#[test]
fn a_proposer_that_restarts_after_the_answers_founds_under_its_new_id() {
    let mut world = World::new(3);
    world.run_until_delivered(
        |message| matches!(message, MembershipMessage::Fresh { number } if number.is_some()),
    );
    world.restart(0);
    world.run(ms(2_500));
    assert_whole(&world);
    assert_eq!(world.clusters.len(), 1);
}

#[test]
fn a_proposer_that_restarts_after_proposing_founds_under_its_new_id() {
    let mut world = World::new(3);
    world.run_until_delivered(|message| matches!(message, MembershipMessage::Yes { .. }));
    world.restart(0);
    world.run(ms(2_500));
    assert_whole(&world);
    assert_eq!(world.clusters.len(), 1);
}

#[test]
fn a_proposer_that_restarts_after_half_of_the_commits_is_let_into_what_it_founded() {
    let mut world = World::new(3);
    let former = world.id(0);
    world.hold = |delivery| matches!(delivery.message, MembershipMessage::Commit { .. });
    world.run_until_delivered(|message| matches!(message, MembershipMessage::Yes { .. }));
    while world.held.len() < 2 {
        world.step();
    }
    world.crash(0);
    world.held.truncate(1);
    world.release();
    world.run(ms(1_000));
    world.start(0);
    world.run(ms(2_500));
    assert_whole(&world);
    assert_eq!(world.clusters.len(), 1);
    for survivor in [1, 2] {
        let is_told = |event: &MembershipEvent| matches!(event, MembershipEvent::MemberLost { .. });
        assert!(world.has_event(survivor, is_told));
        let membership = &world.at(survivor).membership;
        assert!(!membership.configuration().unwrap().contains(former));
        assert_eq!(membership.met(&world.addresses[0]), Some(world.id(0)));
    }
}

#[test]
fn an_answerer_that_restarts_before_its_yes_arrives_is_founded_with_under_its_new_id() {
    let mut world = World::new(3);
    world.hold = |delivery| matches!(delivery.message, MembershipMessage::Yes { .. });
    world.run_until_delivered(|message| matches!(message, MembershipMessage::Propose { .. }));
    let agreed = world.held[0].from;
    let index = (1..3).find(|&index| world.id(index) == agreed).unwrap();
    world.held.clear();
    world.hold = |_| false;
    world.restart(index);
    world.run(ms(2_500));
    assert_whole(&world);
    assert_eq!(world.clusters.len(), 1);
}

#[test]
fn an_answerer_that_restarts_after_its_yes_arrived_is_let_in() {
    let mut world = World::new(3);
    world.hold = |delivery| matches!(delivery.message, MembershipMessage::Commit { .. });
    while world.held.len() < 2 {
        world.step();
    }
    world.restart(1);
    world.release();
    world.run(ms(2_500));
    assert_whole(&world);
}

#[test]
fn a_late_commit_of_the_former_proposer_is_ignored() {
    let mut world = World::new(3);
    world.hold = |delivery| matches!(delivery.message, MembershipMessage::Commit { .. });
    while world.held.len() < 2 {
        world.step();
    }
    world.restart(0);
    let late = core::mem::take(&mut world.held);
    world.run_until_delivered(
        |message| matches!(message, MembershipMessage::Fresh { number } if number.is_some()),
    );
    world.run_until_delivered(|message| matches!(message, MembershipMessage::Propose { .. }));
    world.held = late;
    world.release();
    world.run(ms(2_500));
    assert_whole(&world);
    // The former one was founded by a process that is gone, and nobody else ever knew of it.
    assert_eq!(world.clusters.len(), 2);
}

#[test]
fn a_late_word_of_a_process_that_was_replaced_parts_nobody_from_the_cluster_it_agreed_to() {
    let mut world = World::new(3);
    world.hold = |delivery| matches!(delivery.message, MembershipMessage::Commit { .. });
    while world.held.len() < 2 {
        world.step();
    }
    // 1 hears of the cluster and tells 2, but nothing arrives before 0 and 1 are gone.
    let one = world.id(1);
    world.held.retain(|commit| commit.to == one);
    world.release();
    world.hold = |delivery| {
        matches!(
            delivery.message,
            MembershipMessage::Stands { .. } | MembershipMessage::Commit { .. }
        )
    };
    world.run(ms(600));
    let two = world.id(2);
    world.held.retain(|word| word.to == two && word.from == one);
    assert!(!world.held.is_empty());
    world.restart(0);
    world.restart(1);
    // 2 agrees to the cluster of the new ones; then the words arrive, then the commit.
    world.run_until_delivered(|message| matches!(message, MembershipMessage::Yes { .. }));
    world.run_until_delivered(|message| matches!(message, MembershipMessage::Yes { .. }));
    world.release();
    world.run(ms(2_500));
    assert_whole(&world);
}

#[test]
fn a_node_that_missed_the_commit_learns_of_it_by_asking() {
    let mut world = World::new(3);
    world.hold = |delivery| matches!(delivery.message, MembershipMessage::Commit { .. });
    world.run(ms(3_000));
    assert_eq!(world.held.len(), 2);
    assert_whole(&world);
}

#[test]
fn a_node_that_restarts_into_a_cluster_comes_in_the_place_of_its_former_self() {
    let mut world = World::founded(3);
    let former = world.id(1);
    let seat = world.latest().unwrap().member(former).unwrap().seat;
    world.restart(1);
    world.run(ms(1_000));
    assert_whole(&world);
    let latest = world.latest().unwrap();
    assert_eq!(latest.epoch(), Epoch(3));
    assert_eq!(latest.member(world.id(1)).unwrap().seat, seat);
    let asks =
        |event: &MembershipEvent| matches!(event, MembershipEvent::Outside { asks, .. } if *asks);
    assert!(world.has_event(1, asks));
    assert!(world.has_event(1, |event| matches!(event, MembershipEvent::Copied { .. })));
    for index in [0, 2] {
        let lost = |event: &MembershipEvent| matches!(event, MembershipEvent::MemberLost { .. });
        assert_eq!(world.at(index).events.iter().filter(|e| lost(e)).count(), 1);
    }
}

#[test]
fn when_a_majority_restarted_every_node_says_that_the_data_is_gone() {
    let mut world = World::founded(3);
    world.restart(1);
    world.restart(0);
    world.run(ms(2_000));
    assert_eq!(world.unsettled(), None);
    for index in 0..3 {
        assert!(world.at(index).membership.quorum_lost());
        assert!(world.has_event(index, |e| matches!(e, MembershipEvent::QuorumLost { .. })));
    }
    // As it says, stopping all of them and then starting them makes a new cluster.
    for index in 0..3 {
        world.crash(index);
    }
    world.start_all();
    world.run(ms(2_500));
    assert_whole(&world);
}

#[test]
fn nothing_is_founded_while_a_listed_node_is_frozen_and_all_is_well_when_it_thaws() {
    let mut world = World::new(3);
    world.run(ms(1_900));
    world.freeze(2, ms(5_000));
    world.run(ms(4_900));
    assert!(world.live().all(|p| p.membership.configuration().is_none()));
    world.run(ms(2_500));
    assert_whole(&world);
}

#[test]
fn a_list_without_the_last_node_is_refused_by_the_others_with_the_difference() {
    let mut world = World::empty(4, 1);
    world.lists[0].remove(3);
    world.start_all();
    world.run(ms(3_500));
    // The first one's list is short: nobody on it agrees, as theirs has one more.
    assert!(world.clusters.is_empty());
    for index in [1, 2] {
        let differs = world.at(index).events.iter().find_map(|event| match event {
            MembershipEvent::ListDiffers {
                only_here,
                only_there,
                ..
            } => Some((only_here.clone(), only_there.clone())),
            _ => None,
        });
        let only_here = std::vec![world.addresses[3].clone()];
        assert_eq!(differs, Some((only_here, Vec::new())));
    }
    world.run(ms(10_000));
    let unagreed = |event: &MembershipEvent| matches!(event, MembershipEvent::Waiting { unagreed, .. } if unagreed.len() == 2);
    assert!(world.has_event(0, unagreed));
}

#[test]
fn a_proposer_with_another_replication_factor_is_refused_and_told_of() {
    let mut world = World::empty(3, 1);
    world.replication = 2;
    world.start(0);
    world.replication = 3;
    world.start_all();
    world.run(ms(4_000));
    assert!(world.clusters.is_empty());
    for index in [1, 2] {
        let differs = |event: &MembershipEvent| {
            let MembershipEvent::ReplicationDiffers { here, there, .. } = event else {
                return false;
            };
            (*here, *there) == (3, 2)
        };
        assert!(world.has_event(index, differs));
    }
}

#[test]
fn a_proposer_that_is_not_the_least_on_another_list_is_named_there() {
    let mut world = World::empty(4, 1);
    world.lists[1].remove(0);
    world.start_all();
    world.run(ms(4_500));
    assert!(world.clusters.is_empty());
    let differs =
        |event: &MembershipEvent| matches!(event, MembershipEvent::ProposerDiffers { .. });
    assert!(world.has_event(0, differs) || world.has_event(2, differs));
}

#[test]
fn a_node_that_is_not_on_its_own_list_says_so_once_and_never_founds() {
    let mut world = World::empty(3, 1);
    world.lists[2].remove(2);
    for index in [0, 2] {
        world.start(index);
    }
    world.run(ms(3_000));
    assert!(!world.has_event(2, |e| matches!(e, MembershipEvent::NotListed)));
    world.start(1);
    world.run(ms(6_000));
    let events = world.at(2).events.iter();
    let said = events.filter(|e| matches!(e, MembershipEvent::NotListed));
    assert_eq!(said.count(), 1);
    assert!(world.clusters.is_empty());
}

#[test]
fn another_clusters_configuration_is_ignored_and_named_once() {
    let mut world = World::founded(3);
    let own = world.at(0).membership.configuration().unwrap().clone();
    let other = Configuration::new(
        crate::configuration::ClusterId(77),
        Epoch(9),
        own.members().to_vec(),
        3,
    );
    let other = Arc::new(other.unwrap());
    let (now, from) = (world.now, world.id(1));
    let membership = &mut world.at_mut(0).membership;
    let before = membership.clone();
    for _ in 0..2 {
        let configuration = other.clone();
        membership.handle_message(now, from, MembershipMessage::Stands { configuration });
        membership.handle_configuration(now, other.clone());
    }
    assert_eq!(membership.configuration(), Some(&own));
    let event = MembershipEvent::OtherCluster {
        cluster: own.cluster(),
        other: other.cluster(),
    };
    assert_eq!(
        membership.poll_output(),
        Some(MembershipOutput::Event(event))
    );
    assert_eq!(membership.poll_output(), None);
    assert_eq!(membership.next_timeout(), before.next_timeout());
}

#[test]
fn a_newer_epoch_that_a_pong_names_is_asked_for_and_entered() {
    let mut world = World::founded(3);
    let own = world.at(0).membership.configuration().unwrap().clone();
    let newer = Configuration::new(own.cluster(), Epoch(2), own.members().to_vec(), 3);
    let newer = Arc::new(newer.unwrap());
    let now = world.now;
    world.decree(&newer);
    world
        .at_mut(0)
        .membership
        .handle_configuration(now, newer.clone());
    world.run(ms(1_000));
    for process in world.live() {
        assert_eq!(process.membership.configuration(), Some(&newer));
        assert_eq!(process.membership.standing(), Standing::Member);
    }
}

#[test]
fn a_node_keeps_connections_to_everyone_but_itself() {
    let world = World::founded(3);
    for index in 0..3 {
        let mut others = world.addresses.clone();
        others.remove(index);
        let dialled: Vec<Address> = world.at(index).membership.dial().collect();
        assert_eq!(dialled, others);
        assert_eq!(
            world.at(index).membership.met(&world.addresses[index]),
            Some(world.id(index))
        );
    }
}
