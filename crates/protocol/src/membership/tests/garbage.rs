//! Messages may contain anything, and come at any time from anybody.

use super::super::*;
use super::world::{Random, World, ms};
use crate::configuration::{ClusterId, Member};
use std::vec::Vec;

/// Anything, made of what the nodes do know, so that it is not refused for a trifle.
fn anything(random: &mut Random, world: &World) -> (NodeId, MembershipMessage) {
    let mut ids: Vec<NodeId> = world.live().map(|process| process.id).collect();
    ids.extend([NodeId::default(), NodeId::new(7)]);
    let mut number = |bound| match random.below(8) {
        0 => u64::MAX,
        _ => random.below(bound),
    };
    let count = ids.len() as u64;
    let mut id = || ids[(number(count) % count) as usize];
    let (from, proposer, founder) = (id(), id(), id());
    let proposal = ProposalId {
        proposer,
        round: number(3),
    };
    let address =
        |index: u64| world.addresses[(index % world.addresses.len() as u64) as usize].clone();
    let message = match number(9) {
        0 => MembershipMessage::Ping { number: number(9) },
        1 => MembershipMessage::Pong {
            number: number(99),
            epoch: Epoch(number(3)),
        },
        2 => MembershipMessage::Ask {
            round: Some(number(3)),
        },
        3 => MembershipMessage::Fresh {
            number: Some(FreshNumber {
                round: number(3),
                number: number(3),
            }),
        },
        4 => {
            let id = NodeId::new(1 + number(3).min(9));
            let member = Member::new(id, address(number(3)));
            let epoch = Epoch(1 + number(3).min(9));
            let configuration = Configuration::new(ClusterId(1), epoch, [member].into(), 1);
            let configuration = Arc::new(configuration.expect("one member makes one"));
            MembershipMessage::Stands { configuration }
        }
        5 | 6 => {
            let count = [0, 1, 3, 3, 9, 10, 256, 1_000][(number(8) % 8) as usize];
            let mut founder = |index| Founder {
                address: address(index + number(2) % 2),
                id: [founder, NodeId::new(index)][(number(2) % 2) as usize],
                number: number(3),
            };
            let founders = (0..count).map(&mut founder).collect();
            let proposal = Proposal {
                id: proposal,
                cluster: ClusterId(number(3)),
                replication: 3,
                founders,
            };
            let proposal = Arc::new(proposal);
            MembershipMessage::Propose { proposal }
        }
        7 => MembershipMessage::Yes { proposal },
        _ => MembershipMessage::Commit { proposal },
    };
    (from, message)
}

#[test]
fn whatever_arrives_a_node_neither_panics_nor_spins_nor_hoards_messages() {
    for seed in 0..100 {
        let mut random = Random::new(seed);
        let mut world = World::new(3);
        world.run(ms(random.below(3_000)));
        let victim = random.below(3) as usize;
        // Taken out of its world, so that it is this node alone that believes what it hears.
        let mut membership = world.at(victim).membership.clone();
        let mut now = world.now;
        for _ in 0..200 {
            let (from, message) = anything(&mut random, &world);
            membership.handle_message(now, from, message);
            let outputs = core::iter::from_fn(|| membership.poll_output()).count();
            assert!(outputs <= 20, "{outputs}");
            if random.chance(20) {
                now = now + ms(random.below(400));
                membership.handle_timeout(now);
                while membership.poll_output().is_some() {}
                assert!(membership.next_timeout().is_some_and(|(due, _)| due > now));
            }
        }
    }
}
