//! What the failure detector makes of processes that freeze, die and come back.

use super::super::*;
use super::world::{World, ms};
use core::time::Duration;
use std::vec::Vec;

const STATES: [PeerState; 3] = [PeerState::Alive, PeerState::Suspect, PeerState::Down];

fn changes(
    world: &World,
    observer: usize,
    peer: NodeId,
    since: Time,
) -> Vec<(Duration, PeerState)> {
    let changes = world.at(observer).changes.iter();
    let of_peer = changes.filter(|&&(at, node, _)| node == peer && at >= since);
    of_peer
        .map(|&(at, _, state)| (at.since(since), state))
        .collect()
}

#[test]
fn a_frozen_process_is_down_at_all_others_within_two_seconds_whatever_the_moment() {
    for phase in 0..50 {
        let mut world = World::founded(3);
        world.run(ms(10 * phase));
        let (frozen, from) = (world.id(1), world.now);
        world.freeze(1, ms(10_000));
        world.run(ms(2_000));
        for observer in [0, 2] {
            assert_eq!(world.state(observer, 1), PeerState::Down, "phase {phase}");
            let states = changes(&world, observer, frozen, from);
            let states: Vec<PeerState> = states.into_iter().map(|(_, state)| state).collect();
            assert_eq!(states, STATES[1..], "phase {phase}");
        }
    }
}

#[test]
fn a_process_that_froze_right_after_its_pong_is_down_within_two_seconds() {
    let mut world = World::founded(3);
    for _ in 0..20 {
        // The moment that is worst for everybody who waits for the next pong.
        let one = world.id(1);
        loop {
            let pinged = world.step().is_some_and(|delivery| {
                delivery.to == one && matches!(delivery.message, MembershipMessage::Ping { .. })
            });
            if pinged {
                break;
            }
        }
        world.freeze(1, ms(4_000));
        world.run(ms(2_000));
        for observer in [0, 2] {
            assert_eq!(world.state(observer, 1), PeerState::Down);
        }
        // Two intervals after the thaw it is used again, by itself.
        world.run(ms(2_000) + ms(1_000));
        for observer in [0, 2] {
            assert_eq!(world.state(observer, 1), PeerState::Alive);
        }
        let pause = ms(world.random.below(500));
        world.run(pause);
    }
}

#[test]
fn a_dead_process_is_suspect_at_once_and_down_within_two_seconds() {
    let mut world = World::founded(3);
    let (dead, from) = (world.id(1), world.now);
    world.crash(1);
    world.run(ms(2_000));
    for observer in [0, 2] {
        let states = changes(&world, observer, dead, from);
        let (suspect_after, state) = states[0];
        assert_eq!(state, PeerState::Suspect);
        assert!(suspect_after <= ms(10), "{suspect_after:?}");
        assert_eq!(states[1].1, PeerState::Down);
    }
}

#[test]
fn a_frozen_peer_delays_no_ping_to_another() {
    let mut world = World::founded(3);
    let from = world.now;
    world.freeze(1, ms(20_000));
    world.run(ms(500));
    let mut pings = Vec::new();
    let (zero, two) = (world.id(0), world.id(2));
    while world.now < from + ms(15_000) {
        if let Some(delivery) = world.step()
            && delivery.from == zero
            && delivery.to == two
            && matches!(delivery.message, MembershipMessage::Ping { .. })
        {
            pings.push(world.now);
        }
    }
    assert!(pings.len() >= 28);
    assert!(
        pings
            .windows(2)
            .all(|pair| pair[1].since(pair[0]) <= ms(505))
    );
    assert!(changes(&world, 0, two, from).is_empty());
}

#[test]
fn a_node_that_was_frozen_itself_holds_nothing_against_the_others() {
    for phase in 0..50 {
        let mut world = World::founded(3);
        world.run(ms(10 * phase));
        let from = world.now;
        world.freeze(0, ms(7_000));
        world.run(ms(12_000));
        for peer in [1, 2] {
            let peer = world.id(peer);
            assert_eq!(changes(&world, 0, peer, from), [], "phase {phase}");
        }
    }
}

#[test]
fn a_node_that_hears_nobody_holds_everybody_down_and_recovers_by_itself() {
    let mut world = World::founded(3);
    for peer in [1, 2] {
        world.cut(0, peer);
        world.cut(peer, 0);
    }
    world.run(ms(2_500));
    for peer in [1, 2] {
        assert_eq!(world.state(0, peer), PeerState::Down);
        assert_eq!(world.state(peer, 0), PeerState::Down);
    }
    assert_eq!(world.state(1, 2), PeerState::Alive);
    assert!(!world.at(0).membership.quorum_lost());
    world.cut.clear();
    world.run(ms(1_000));
    assert_eq!(world.unsettled(), None);
}
