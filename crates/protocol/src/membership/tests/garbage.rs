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
    let message = match number(15) {
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
        8 => MembershipMessage::Join {
            address: address(number(4)),
            weight: [None, Some(0), Some(7)][(number(3) % 3) as usize],
        },
        9 | 10 => MembershipMessage::Consider {
            number: number(3),
            configuration: Arc::new(changed(&mut number, world, &ids)),
            only_if_down: number(2) == 0,
        },
        11 => MembershipMessage::Consent { number: number(3) },
        12 => MembershipMessage::Dissent {
            number: number(3),
            reason: [
                DissentReason::Alive,
                DissentReason::Elsewhere,
                DissentReason::Outdated,
            ][(number(3) % 3) as usize],
        },
        13 => MembershipMessage::Progress {
            epoch: Epoch(number(4)),
            lacking: crate::configuration::Groups::from_words([number(9); 16]),
            registers: number(9),
            bytes: number(9),
        },
        _ => MembershipMessage::Commit { proposal },
    };
    (from, message)
}

/// A joint configuration of the cluster, if one stands, or of another.
fn changed(number: &mut impl FnMut(u64) -> u64, world: &World, ids: &[NodeId]) -> Configuration {
    let own = world.latest().map(|latest| (**latest).clone());
    let member = |id, index: usize| Member::new(id, world.addresses[index].clone());
    let base = own.filter(|own| !own.is_joint() && number(3) > 0);
    let base = base.unwrap_or_else(|| {
        let members = [member(NodeId::new(9), 0)].into();
        Configuration::new(ClusterId(3), Epoch(number(4).clamp(1, 9)), members, 1).unwrap()
    });
    let mut members = base.members().to_vec();
    members.truncate(number(4).min(3) as usize);
    let id = ids[number(ids.len() as u64) as usize % ids.len()];
    let address = number(3) as usize % 3;
    members.retain(|known| known.id != id && known.address != world.addresses[address]);
    if id != NodeId::default() {
        members.push(member(id, address));
    }
    let joint = base.joint(members, 3);
    joint.unwrap_or_else(|_| base.joint(base.members().to_vec(), 3).unwrap())
}

/// What an operator may ask for.
fn request(random: &mut Random, world: &World) -> ChangeRequest {
    let member = world.id(random.below(3) as usize);
    let addresses = ["n0:3030", "n1:3030", "mistyped:1"];
    let address = addresses[random.below(3) as usize].parse().unwrap();
    match random.below(4) {
        0 => ChangeRequest::Add {
            address,
            weight: random.below(3) as u32,
        },
        1 => ChangeRequest::Remove { member },
        2 => ChangeRequest::Replace { member, address },
        _ => ChangeRequest::Abort,
    }
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
            match random.below(20) {
                0 => {
                    let request = request(&mut random, &world);
                    membership.handle_change_request(now, crate::output::Ticket(1), request);
                }
                1 => {
                    let group = crate::slot::Group::new(random.below(1024) as u16).unwrap();
                    membership.handle_copied(now, Epoch(random.below(4)), group);
                    membership.note_copied(random.below(9), u64::MAX);
                }
                2 => {
                    let base = Epoch(random.below(3));
                    membership.handle_decision(now, base, Decision::Refused);
                }
                _ => {
                    let (from, message) = anything(&mut random, &world);
                    membership.handle_message(now, from, message);
                }
            }
            let _ = membership.change(now);
            let dialled = membership.dial().count();
            assert!(dialled <= 64, "{dialled}");
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
