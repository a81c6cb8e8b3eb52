//! Changes that an operator asks for, and what becomes of them.

use super::super::*;
use super::world::{World, ms};
use std::vec::Vec;

fn ids(world: &World) -> Vec<NodeId> {
    let latest = world.latest().unwrap();
    latest.members().iter().map(|member| member.id).collect()
}

fn add(world: &World, index: usize) -> ChangeRequest {
    let address = world.addresses[index].clone();
    let weight = 100;
    ChangeRequest::Add { address, weight }
}

fn remove(world: &World, index: usize) -> ChangeRequest {
    let member = world.id(index);
    ChangeRequest::Remove { member }
}

fn replace(member: NodeId, world: &World, index: usize) -> ChangeRequest {
    let address = world.addresses[index].clone();
    ChangeRequest::Replace { member, address }
}

/// A cluster of this many, and a node that is no part of it, and asks for nothing.
fn with_stranger(size: usize) -> (World, usize) {
    let mut world = World::founded(size);
    let stranger = world.add_stranger();
    world.start(stranger);
    world.run(ms(1_000));
    (world, stranger)
}

#[test]
fn a_node_that_is_added_is_a_full_member_soon() {
    let (mut world, new) = with_stranger(3);
    let request = add(&world, new);
    assert_eq!(world.answer(1, request), Ok(Epoch(2)));
    for index in 0..4 {
        let joins = world.at(index).membership.change(world.now);
        if let Some(view) = joins {
            assert_eq!(view.joining, [world.id(new)]);
            assert!(view.leaving.is_empty() && view.groups > 0);
        }
    }
    world.run_until_settled(ms(2_000));
    let latest = world.latest().unwrap();
    assert_eq!(latest.epoch(), Epoch(3));
    assert_eq!(latest.members().len(), 4);
    assert_eq!(world.at(new).membership.standing(), Standing::Member);
    for process in world.live() {
        assert_eq!(process.membership.change(world.now), None);
        assert!(process.majorities.ends_with(&[Epoch(3)]));
        for node in ids(&world) {
            assert_eq!(process.membership.groups_lacking(node), 0);
        }
    }
}

#[test]
fn a_member_that_is_removed_learns_it_and_does_not_ask_to_be_let_in_again() {
    for asked in [0, 2] {
        let mut world = World::founded(3);
        let request = remove(&world, 2);
        assert_eq!(world.answer(asked, request), Ok(Epoch(2)));
        world.run_until_settled(ms(2_000));
        world.run(ms(40_000));
        assert_eq!(ids(&world).len(), 2);
        let removed = world.at(2);
        assert_eq!(removed.membership.standing(), Standing::Outsider);
        assert!(world.has_event(2, |event| matches!(event, MembershipEvent::Removed { .. })));
        // It may go: those that stay have entered the configuration without it.
        assert_eq!(removed.majorities, [Epoch(1), Epoch(3)]);
        assert_eq!(
            world.latest().unwrap().former(),
            [world.addresses[2].clone()]
        );
        // Let in again, it is a member like any other, and lacks nothing.
        let request = add(&world, 2);
        assert_eq!(world.answer(0, request), Ok(Epoch(4)));
        world.run_until_settled(ms(2_000));
        assert_eq!(ids(&world).len(), 3);
    }
}

#[test]
fn a_process_whose_seat_another_one_has_is_told_to_stop() {
    let (mut world, new) = with_stranger(3);
    let old = world.id(1);
    let seat = world.latest().unwrap().member(old).unwrap().seat;
    let request = replace(old, &world, new);
    assert_eq!(world.answer(0, request), Ok(Epoch(2)));
    world.run_until("stopped", |world| world.stopped == [old]);
    world.run_until_settled(ms(3_000));
    let latest = world.latest().unwrap();
    assert_eq!(latest.member(world.id(new)).unwrap().seat, seat);
    assert_eq!(latest.former(), [world.addresses[1].clone()]);
}

#[test]
fn a_process_that_was_frozen_while_it_was_replaced_stops_when_it_thaws() {
    let (mut world, new) = with_stranger(3);
    let old = world.id(1);
    world.freeze(1, ms(60_000));
    world.run(ms(2_500));
    let request = replace(old, &world, new);
    assert_eq!(world.answer(0, request), Ok(Epoch(2)));
    world.run_until("changed", |world| {
        world.latest().unwrap().epoch() == Epoch(3)
    });
    world.run(ms(5_000));
    assert!(world.stopped.is_empty());
    world.thaw_all();
    let thawed = world.now;
    world.run_until("stopped", |world| world.stopped == [old]);
    assert!(world.now.since(thawed) < ms(2_000));
}

#[test]
fn a_process_that_is_replaced_does_not_stop_before_a_majority_of_the_others_knows() {
    for seed in 0..20 {
        let mut world = World::founded(2);
        world.random = super::world::Random::new(seed);
        let new = world.add_stranger();
        world.start(new);
        world.run(ms(1_000));
        let old = [0, 1]
            .into_iter()
            .min_by_key(|&index| world.id(index))
            .unwrap();
        let id = world.id(old);
        let request = replace(id, &world, new);
        assert_eq!(world.answer(old, request), Ok(Epoch(2)));
        // It is the one that ends the change, and without it nobody could.
        world.run_until("stopped", |world| !world.stopped.is_empty());
        assert_eq!(world.stopped, [id]);
        assert_eq!(world.latest().unwrap().epoch(), Epoch(3));
        let knows = |process: &&super::world::Process| {
            let known = process.membership.configuration();
            known.is_some_and(|known| known.epoch() == Epoch(3))
        };
        assert_eq!(
            world.live().filter(knows).count(),
            2,
            "{}",
            world.describe()
        );
        world.run_until_settled(ms(3_000));
    }
}

#[test]
fn a_removed_node_that_was_frozen_learns_that_it_is_out() {
    let mut world = World::founded(3);
    world.freeze(1, ms(60_000));
    world.run(ms(2_500));
    let request = remove(&world, 1);
    assert_eq!(world.answer(0, request), Ok(Epoch(2)));
    world.run_until("changed", |world| {
        world.latest().unwrap().epoch() == Epoch(3)
    });
    world.thaw_all();
    world.run(ms(2_000));
    assert!(world.has_event(1, |event| matches!(event, MembershipEvent::Removed { .. })));
    assert_eq!(world.unsettled(), None);
}

#[test]
fn nobody_at_the_address_is_said_and_changes_nothing() {
    let mut world = World::founded(3);
    let address: Address = "mistyped:1".parse().unwrap();
    let weight = 100;
    let request = ChangeRequest::Add {
        address: address.clone(),
        weight,
    };
    let asked = world.now;
    let ticket = world.request(0, request);
    assert!(
        world
            .at(0)
            .membership
            .dial()
            .any(|dialled| dialled == address)
    );
    world.run(ms(6_000));
    let answer = world.at(0).answers.get(&ticket).cloned();
    assert_eq!(
        answer,
        Some(Err(ChangeRefusal::Unreachable(address.clone())))
    );
    assert!(world.now.since(asked) <= ms(6_000));
    assert!(
        world
            .at(0)
            .membership
            .dial()
            .all(|dialled| dialled != address)
    );
    assert_eq!(world.latest().unwrap().epoch(), Epoch(1));
    assert!(world.register.proposals.is_empty());
}

#[test]
fn a_node_that_dies_before_it_agrees_is_not_let_in() {
    let (mut world, new) = with_stranger(3);
    world.hold = |delivery| matches!(delivery.message, MembershipMessage::Consent { .. });
    let request = add(&world, new);
    let ticket = world.request(0, request);
    world.run(ms(100));
    world.crash(new);
    world.held.clear();
    world.hold = |_| false;
    world.run(ms(6_000));
    let answer = &world.at(0).answers[&ticket];
    assert_eq!(*answer, Err(ChangeRefusal::NoAgreement));
    assert!(world.register.proposals.is_empty());
}

#[test]
fn a_removal_that_would_leave_no_quorum_is_refused() {
    let mut world = World::founded(3);
    world.crash(2);
    world.run(ms(3_000));
    let request = remove(&world, 1);
    assert_eq!(world.answer(0, request), Err(ChangeRefusal::NoAgreement));
    assert!(world.register.proposals.is_empty());
    // The dead one can be removed.
    let member = *ids(&world).iter().find(|id| world.is_gone(**id)).unwrap();
    let request = ChangeRequest::Remove { member };
    assert_eq!(world.answer(0, request), Ok(Epoch(2)));
    world.run_until_settled(ms(2_000));
}

#[test]
fn of_two_changes_at_once_one_is_refused_and_the_other_is_made() {
    for seed in 0..20 {
        let mut world = World::founded(3);
        let (a, b) = (world.add_stranger(), world.add_stranger());
        world.start(a);
        world.start(b);
        world.run(ms(1_000 + 7 * seed));
        let (first, second) = (add(&world, a), add(&world, b));
        let first = world.request(0, first);
        let pause = ms(world.random.below(4));
        world.run(pause);
        let second = world.request(1, second);
        let third = remove(&world, 2);
        let third = world.request(0, third);
        assert_eq!(world.at(0).answers[&third], Err(ChangeRefusal::Busy));
        world.run_until("answered", |world| {
            world.at(0).answers.contains_key(&first) && world.at(1).answers.contains_key(&second)
        });
        let mut answers = [
            world.at(0).answers[&first].clone(),
            world.at(1).answers[&second].clone(),
        ];
        answers.sort_by_key(Result::is_err);
        assert_eq!(answers, [Ok(Epoch(2)), Err(ChangeRefusal::Busy)]);
        world.run_until_settled(ms(3_000));
        assert_eq!(ids(&world).len(), 4);
    }
}

#[test]
fn requests_that_make_no_sense_are_refused_at_once() {
    let (mut world, new) = with_stranger(3);
    let outsider = world.add_joiner();
    let no_member = NodeId::new(99);
    let member = world.id(2);
    let unknown = ChangeRequest::Remove { member: no_member };
    let own = replace(world.id(0), &world, 0);
    let heavy = ChangeRequest::Add {
        address: world.addresses[new].clone(),
        weight: 0,
    };
    let cases = [
        (unknown, ChangeRefusal::UnknownMember(no_member)),
        (
            add(&world, 1),
            ChangeRefusal::AlreadyMember(world.addresses[1].clone()),
        ),
        (
            replace(member, &world, 1),
            ChangeRefusal::AlreadyMember(world.addresses[1].clone()),
        ),
        (replace(member, &world, 2), ChangeRefusal::Alive(member)),
        (own, ChangeRefusal::Alive(world.id(0))),
        (
            heavy,
            ChangeRefusal::Invalid(crate::configuration::ConfigurationError::Weight),
        ),
        (ChangeRequest::Abort, ChangeRefusal::NoChange),
    ];
    for (request, why) in cases {
        let asked = world.now;
        assert_eq!(world.answer(0, request.clone()), Err(why), "{request:?}");
        assert!(world.now.since(asked) < ms(100), "{request:?}");
    }
    let _ = outsider;
    let request = remove(&world, 0);
    assert_eq!(world.answer(new, request), Err(ChangeRefusal::NotMember));
    let mut lone = World::founded(1);
    let request = remove(&lone, 0);
    assert_eq!(lone.answer(0, request), Err(ChangeRefusal::LastMember));
}

#[test]
fn a_node_that_may_yet_found_another_cluster_is_not_taken() {
    let mut world = World::founded(3);
    // It has said yes to a founding, and not heard the end of it.
    let other = world.add_stranger();
    let proposer = world.add_stranger();
    let list: Vec<Address> = [proposer, other, 0]
        .map(|index| world.addresses[index].clone())
        .to_vec();
    assert!(proposer > other);
    let mut membership = {
        world.lists[other] = list.clone();
        world.start(other);
        world.at(other).membership.clone()
    };
    let now = world.now;
    let stranger = Incarnation {
        node: NodeId::new(7),
        boot: crate::node::Boot::FIRST,
    };
    let least = list.iter().min().unwrap().clone();
    membership.handle_link_up(now, &least, stranger);
    let ask = MembershipMessage::Ask { round: Some(1) };
    membership.handle_message(now, stranger.node, ask);
    let founder = |address: &Address, id, number| Founder {
        address: address.clone(),
        id,
        number,
    };
    let me = world.id(other);
    let founders = list.iter().map(|address| match *address == least {
        true => founder(address, stranger.node, 0),
        false if *address == world.addresses[other] => founder(address, me, 1),
        false => founder(address, NodeId::new(8), 1),
    });
    let proposal = Arc::new(Proposal {
        id: ProposalId {
            proposer: stranger.node,
            round: 1,
        },
        cluster: crate::configuration::ClusterId(77),
        replication: 3,
        founders: founders.collect(),
    });
    membership.handle_message(now, stranger.node, MembershipMessage::Propose { proposal });
    let outputs: Vec<_> = core::iter::from_fn(|| membership.poll_output()).collect();
    let is_yes = |output: &MembershipOutput| {
        matches!(
            output,
            MembershipOutput::Send {
                message: MembershipMessage::Yes { .. },
                ..
            }
        )
    };
    assert!(outputs.iter().any(is_yes));
    let latest = world.latest().unwrap();
    let mut members = latest.members().to_vec();
    members.push(crate::configuration::Member::new(
        me,
        world.addresses[other].clone(),
    ));
    let configuration = Arc::new(latest.joint(members, 3).unwrap());
    let consider = MembershipMessage::Consider {
        number: 5,
        configuration,
        only_if_down: false,
    };
    membership.handle_message(now, world.id(0), consider);
    let dissent = MembershipOutput::Send {
        to: world.id(0),
        message: MembershipMessage::Dissent {
            number: 5,
            reason: DissentReason::Elsewhere,
        },
    };
    assert_eq!(membership.poll_output(), Some(dissent));
}

#[test]
fn an_operator_can_give_a_change_up() {
    let (mut world, new) = with_stranger(1);
    world.register.stuck = true;
    let request = add(&world, new);
    assert_eq!(world.answer(0, request), Ok(Epoch(2)));
    world.run(ms(1_000));
    assert!(world.latest().unwrap().is_joint());
    // Whoever is asked for it.
    assert_eq!(world.answer(new, ChangeRequest::Abort), Ok(Epoch(2)));
    world.run_until_settled(ms(2_000));
    let latest = world.latest().unwrap();
    assert!(latest.is_aborted() && latest.epoch() == Epoch(3) && latest.members().len() == 1);
    assert_eq!(world.at(new).membership.standing(), Standing::Outsider);
    // It can be tried again.
    world.register.stuck = false;
    let request = add(&world, new);
    assert_eq!(world.answer(0, request), Ok(Epoch(4)));
    world.run_until_settled(ms(2_000));
    assert_eq!(ids(&world).len(), 2);
}

#[test]
fn a_change_that_does_not_move_on_is_given_up() {
    let (mut world, new) = with_stranger(1);
    world.register.stuck = true;
    let request = add(&world, new);
    assert_eq!(world.answer(0, request), Ok(Epoch(2)));
    world.run(ms(29_000));
    assert!(world.latest().unwrap().is_joint());
    let view = world.at(0).membership.change(world.now).unwrap();
    assert!(view.stalled_for > ms(25_000) && view.groups_copied < view.groups);
    world.run(ms(4_000));
    assert!(world.has_event(0, |event| matches!(
        event,
        MembershipEvent::ChangeStalled { .. }
    )));
    let latest = world.latest().unwrap();
    assert!(latest.is_aborted() && !latest.contains(world.id(new)));
}

#[test]
fn an_operator_who_cannot_be_told_whether_it_was_decided_is_told_that() {
    let (mut world, new) = with_stranger(3);
    let request = add(&world, new);
    let ticket = world.request(0, request);
    while world.register.proposals.is_empty() {
        world.step();
    }
    world.part(&[0]);
    world.run(ms(12_000));
    assert_eq!(world.at(0).answers[&ticket], Err(ChangeRefusal::Unknown));
    world.cut.clear();
    world.run_until_settled(ms(45_000));
}

#[test]
fn what_can_be_copied_from_nobody_is_not_begun() {
    let mut world = World::empty(3, 1);
    world.options = |options| options.replication = 1;
    world.start_all();
    world.run(ms(3_000));
    world.restart(1);
    world.run(ms(3_000));
    let is_lost = |event: &MembershipEvent| matches!(event, MembershipEvent::GroupsLost { .. });
    assert!(world.has_event(0, is_lost) && world.has_event(2, is_lost));
    let lost = world.at(0).membership.groups_lost();
    assert!(lost.len() > 250 && lost.len() < 450, "{lost:?}");
    assert!(world.register.proposals.is_empty());
    let is_why = |event: &MembershipEvent| {
        let lost = |why: &ChangeRefusal| matches!(why, ChangeRefusal::Lost { .. });
        matches!(event, MembershipEvent::NotLetIn { why, .. } if lost(why))
    };
    assert!(world.has_event(0, is_why) || world.has_event(2, is_why));
    let member = *ids(&world).iter().find(|id| world.is_gone(**id)).unwrap();
    let request = ChangeRequest::Remove { member };
    let groups = lost.len();
    assert_eq!(
        world.answer(0, request),
        Err(ChangeRefusal::Lost { groups })
    );
}
