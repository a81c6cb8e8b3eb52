//! Going on after losses that no quorum survived.

use super::super::*;
use super::world::{Random, World, ms};
use crate::configuration::{ClusterId, Groups};

/// The cluster that survivors are to go on as, if they are no majority.
const ANEW: ClusterId = ClusterId(1_000);

/// The epoch of a cluster that is recovered from one in its first epoch.
const AFTER_FIRST: Epoch = Epoch(1 + 65_536);

fn recover(lost: &BTreeSet<NodeId>, cluster: ClusterId) -> ChangeRequest {
    ChangeRequest::Recover {
        lost: lost.clone(),
        groups: None,
        cluster,
    }
}

fn ids(world: &World, indices: &[usize]) -> BTreeSet<NodeId> {
    indices.iter().map(|&index| world.id(index)).collect()
}

/// These die, and are known to be down. Says who they were.
fn crash(world: &mut World, indices: &[usize]) -> BTreeSet<NodeId> {
    let lost = ids(world, indices);
    for &index in indices {
        world.crash(index);
    }
    world.run(ms(3_000));
    lost
}

fn members(world: &World) -> BTreeSet<NodeId> {
    let latest = world.latest().unwrap();
    latest.members().iter().map(|member| member.id).collect()
}

fn is_removed(event: &MembershipEvent) -> bool {
    matches!(event, MembershipEvent::Removed { .. })
}

#[test]
fn a_majority_goes_on_without_all_lost_ones_at_once_and_forces_what_lost_its_majority() {
    let mut world = World::founded(5);
    let cluster = world.at(0).cluster();
    let lost = crash(&mut world, &[3, 4]);
    let view = world.at(0).membership.recovery(&lost).unwrap();
    assert!(!view.as_new_cluster && view.gone.is_empty());
    assert_eq!(
        view.survivors.iter().copied().collect::<BTreeSet<_>>(),
        ids(&world, &[0, 1, 2])
    );
    // Three in ten sets of three of five have both.
    assert!((200..420).contains(&view.forced.len()), "{:?}", view.forced);

    let mut named = view.forced;
    let one = named.iter().next().unwrap();
    named.remove(one);
    let too_few = ChangeRequest::Recover {
        lost: lost.clone(),
        groups: Some(named),
        cluster: ANEW,
    };
    assert_eq!(
        world.answer(0, too_few),
        Err(ChangeRefusal::Lost { groups: 1 })
    );
    assert_eq!(world.latest().unwrap().epoch(), Epoch(1));

    assert_eq!(world.answer(0, recover(&lost, ANEW)), Ok(Epoch(2)));
    let joint = world.latest().unwrap();
    assert_eq!(joint.forced(), view.forced);
    world.run_until_settled(ms(3_000));
    let latest = world.latest().unwrap();
    assert_eq!(
        (latest.epoch(), Some(latest.cluster())),
        (Epoch(3), cluster)
    );
    assert_eq!(latest.former().len(), 2);
    assert_eq!(members(&world), ids(&world, &[0, 1, 2]));
}

#[test]
fn only_members_that_are_not_alive_are_lost_and_only_a_member_says_so() {
    let mut world = World::founded(3);
    let outsider = world.add_stranger();
    world.start(outsider);
    world.run(ms(1_000));
    let stranger = NodeId::new(77);
    let cases = [
        (BTreeSet::new(), ChangeRefusal::NothingLost),
        ([stranger].into(), ChangeRefusal::UnknownMember(stranger)),
        (ids(&world, &[1]), ChangeRefusal::Alive(world.id(1))),
        (ids(&world, &[0]), ChangeRefusal::Alive(world.id(0))),
    ];
    for (lost, why) in cases {
        assert_eq!(world.answer(0, recover(&lost, ANEW)), Err(why.clone()));
        assert_eq!(world.at(0).membership.recovery(&lost), Err(why));
    }
    let lost = crash(&mut world, &[2]);
    let not_member = Err(ChangeRefusal::NotMember);
    assert_eq!(world.answer(outsider, recover(&lost, ANEW)), not_member);
    assert!(world.register.proposals.is_empty());
}

#[test]
fn a_minority_goes_on_as_a_new_cluster_to_which_everyone_has_agreed() {
    for seed in 0..3 {
        let mut world = World::founded(5);
        world.random = Random::new(seed);
        let lost = crash(&mut world, &[1, 2, 4]);
        let view = world.at(3).membership.recovery(&lost).unwrap();
        assert!(view.as_new_cluster && !view.forced.is_empty());
        // One in ten sets of three of five is all of these.
        assert!((50..170).contains(&view.gone.len()), "{:?}", view.gone);
        assert_eq!(world.answer(3, recover(&lost, ANEW)), Ok(AFTER_FIRST));
        assert_eq!(world.at(3).cluster(), Some(ANEW));
        // Back there is no way.
        let abort = world.answer(3, ChangeRequest::Abort);
        assert!(matches!(
            abort,
            Err(ChangeRefusal::Recovering | ChangeRefusal::NoChange)
        ));
        world.run_until_settled(ms(3_000));
        let latest = world.latest().unwrap();
        assert_eq!(
            (latest.cluster(), latest.epoch()),
            (ANEW, AFTER_FIRST.next())
        );
        assert_eq!(latest.former().len(), 3);
        assert_eq!(members(&world), ids(&world, &[0, 3]));
    }
}

#[test]
fn a_survivor_that_does_not_answer_keeps_the_others_from_going_on_as_a_new_cluster() {
    // The other two are a majority of those that are left, which counts for nothing.
    let mut world = World::founded(7);
    let lost = crash(&mut world, &[3, 4, 5, 6]);
    world.part(&[1]);
    let asked = world.now;
    let refused = Err(ChangeRefusal::NoAgreement);
    assert_eq!(world.answer(0, recover(&lost, ANEW)), refused);
    assert!(world.now.since(asked) < ms(6_000));
    world.run(ms(10_000));
    assert_eq!(world.latest().unwrap().epoch(), Epoch(1));
    // It is asked again, and need not wait for what it had agreed to before.
    world.cut.clear();
    world.run(ms(3_000));
    assert_eq!(world.answer(0, recover(&lost, ANEW)), Ok(AFTER_FIRST));
    world.run_until_settled(ms(3_000));
}

#[test]
fn survivors_to_which_a_lost_member_is_alive_do_not_agree() {
    // Two of four are no majority, and three of five are one.
    for size in [4, 5] {
        let mut world = World::founded(size);
        let mut lost = crash(&mut world, &[2]);
        lost.insert(world.id(1));
        // They do not see each other, and everyone else sees both.
        world.cut(0, 1);
        world.cut(1, 0);
        world.run(ms(3_000));
        let view = world.at(0).membership.recovery(&lost).unwrap();
        assert_eq!(view.as_new_cluster, size == 4);
        let refused = Err(ChangeRefusal::NoAgreement);
        assert_eq!(world.answer(0, recover(&lost, ANEW)), refused);
        assert_eq!(world.latest().unwrap().epoch(), Epoch(1));
    }
}

#[test]
fn of_two_operators_who_recover_at_once_at_most_one_is_obeyed() {
    let mut obeyed = 0;
    for seed in 0..12 {
        let mut world = World::founded(5);
        let lost = crash(&mut world, &[0, 2, 4]);
        world.random = Random::new(seed);
        let first = world.request(1, recover(&lost, ANEW));
        let pause = ms(world.random.below(6));
        world.run(pause);
        let second = world.request(3, recover(&lost, ClusterId(2_000)));
        world.run(ms(12_000));
        let answers = [&world.at(1).answers[&first], &world.at(3).answers[&second]];
        assert!(
            answers.iter().filter(|answer| answer.is_ok()).count() <= 1,
            "{answers:?}"
        );
        assert!(world.clusters.len() <= 2);
        // Whoever was not obeyed may try again, if nobody was.
        if world.clusters.len() == 1 {
            assert_eq!(world.answer(1, recover(&lost, ANEW)), Ok(AFTER_FIRST));
        } else {
            obeyed += 1;
        }
        world.run_until_settled(ms(3_000));
    }
    assert!(obeyed > 0);
}

/// Of seven nodes 3 to 6 die, 0 leads the others into the new cluster, and of these only 1 hears
/// that it stands, right before 0 dies.
fn recovery_of_which_one_has_heard() -> World {
    let mut world = World::founded(7);
    let lost = crash(&mut world, &[3, 4, 5, 6]);
    world.hold = |delivery| {
        matches!(&delivery.message, MembershipMessage::Stands { configuration }
            if configuration.is_recovery())
    };
    assert_eq!(world.answer(0, recover(&lost, ANEW)), Ok(AFTER_FIRST));
    let second = world.id(1);
    world.held.retain(|delivery| delivery.to == second);
    assert!(!world.held.is_empty());
    world.crash(0);
    world.release();
    world
}

#[test]
fn a_survivor_that_misses_that_the_new_cluster_stands_hears_it_from_the_others() {
    let mut world = recovery_of_which_one_has_heard();
    world.run(ms(3_000));
    for index in [1, 2] {
        assert_eq!(world.at(index).cluster(), Some(ANEW));
        assert_eq!(world.at(index).membership.standing(), Standing::Member);
    }
}

#[test]
fn when_a_survivor_dies_in_a_recovery_the_others_recover_anew_even_if_they_are_a_majority() {
    let mut world = recovery_of_which_one_has_heard();
    world.run(ms(20_000));
    // What the dead one held is waited for, as it was said to be left.
    let joint = world.latest().unwrap();
    assert!(joint.is_recovery() && joint.members().len() == 3);
    let living = ids(&world, &[1, 2]);
    let dead = joint.members().iter().map(|member| member.id);
    let lost: BTreeSet<NodeId> = dead.filter(|id| !living.contains(id)).collect();
    let view = world.at(2).membership.recovery(&lost).unwrap();
    assert!(view.as_new_cluster && view.gone.is_empty());
    assert_eq!(view.forced.len(), 1024);
    let again = ClusterId(2_000);
    let after_that = Epoch(AFTER_FIRST.0 + 65_536);
    assert_eq!(world.answer(2, recover(&lost, again)), Ok(after_that));
    world.run_until_settled(ms(3_000));
    assert_eq!(world.latest().unwrap().cluster(), again);
    assert_eq!(members(&world), living);
}

#[test]
fn members_that_were_declared_lost_and_were_not_learn_that_they_are_out() {
    // By whether those that go on are a majority, and whether the others sleep or are cut off.
    for (out, sleeps) in [
        (&[3, 4][..], true),
        (&[3, 4], false),
        (&[2, 3, 4], true),
        (&[1, 2, 3, 4], true),
    ] {
        let mut world = World::founded(5);
        match sleeps {
            true => out
                .iter()
                .for_each(|&index| world.freeze(index, ms(120_000))),
            false => world.part(out),
        }
        world.run(ms(3_000));
        let expected = match out.len() {
            ..3 => Epoch(2),
            _ => AFTER_FIRST,
        };
        let lost = ids(&world, out);
        assert_eq!(world.answer(0, recover(&lost, ANEW)), Ok(expected));
        world.run(ms(20_000));
        let stands = world.latest().unwrap().clone();
        assert!(!stands.is_joint() && stands.members().len() == 5 - out.len());

        world.thaw_all();
        world.cut.clear();
        world.run(ms(5_000));
        for &index in out {
            assert_eq!(world.at(index).membership.standing(), Standing::Outsider);
            assert_eq!(world.at(index).cluster(), Some(stands.cluster()));
            assert!(world.has_event(index, is_removed));
        }
        world.run(ms(10_000));
        assert_eq!(world.latest(), Some(&stands), "nothing has come of it");
        // An operator may let it in like any other.
        let address = world.addresses[out[0]].clone();
        let add = ChangeRequest::Add {
            address,
            weight: 100,
        };
        assert_eq!(world.answer(0, add), Ok(Epoch(expected.0 + 2)));
        world.run_until_settled(ms(3_000));
        assert_eq!(members(&world).len(), 6 - out.len());
    }
}

#[test]
fn a_process_that_starts_where_a_lost_one_was_learns_of_the_new_cluster_and_waits_to_be_let_in() {
    let mut world = World::founded(3);
    let lost = crash(&mut world, &[0, 1]);
    // One is back, without a memory, before the operator comes, and the other one later.
    world.start(0);
    world.run(ms(1_000));
    assert_eq!(world.answer(2, recover(&lost, ANEW)), Ok(AFTER_FIRST));
    world.run(ms(2_000));
    world.start(1);
    world.run(ms(5_000));
    for index in [0, 1] {
        assert_eq!(world.at(index).cluster(), Some(ANEW));
        assert_eq!(world.at(index).membership.standing(), Standing::Outsider);
    }
    for (index, changes) in [(0, 2), (1, 4)] {
        let add = ChangeRequest::Add {
            address: world.addresses[index].clone(),
            weight: 100,
        };
        assert_eq!(world.answer(2, add), Ok(Epoch(AFTER_FIRST.0 + changes)));
        world.run_until_settled(ms(3_000));
    }
    assert_eq!(members(&world), ids(&world, &[0, 1, 2]));
}

/// A cluster of three that lets another node in, and does not get on with that.
fn stuck_in_a_change() -> (World, usize) {
    let mut world = World::founded(3);
    let new = world.add_joiner();
    world.register.stuck = true;
    world.start(new);
    world.run_until("joint", |world| world.latest().unwrap().is_joint());
    world.run(ms(1_000));
    (world, new)
}

#[test]
fn those_that_are_left_in_the_midst_of_a_change_go_on_whether_they_stay_or_come() {
    let (mut world, new) = stuck_in_a_change();
    let lost = crash(&mut world, &[0, 2]);
    world.register.stuck = false;
    let view = world.at(1).membership.recovery(&lost).unwrap();
    assert!(view.as_new_cluster && view.survivors.len() == 2);
    assert_eq!(
        world.answer(1, recover(&lost, ANEW)),
        Ok(AFTER_FIRST.next())
    );
    world.run_until_settled(ms(3_000));
    assert_eq!(members(&world), ids(&world, &[1, new]));
}

#[test]
fn a_majority_that_is_left_in_the_midst_of_a_change_gives_that_up_first() {
    let (mut world, new) = stuck_in_a_change();
    let lost = crash(&mut world, &[2]);
    let recovery = recover(&lost, ANEW);
    assert_eq!(world.answer(0, recovery.clone()), Err(ChangeRefusal::Busy));
    world.crash(new);
    assert_eq!(world.answer(0, ChangeRequest::Abort), Ok(Epoch(2)));
    world.run(ms(3_000));
    assert_eq!(world.answer(0, recovery), Ok(Epoch(4)));
    world.run_until_settled(ms(3_000));
    assert_eq!(members(&world), ids(&world, &[0, 1]));
    assert_eq!(world.latest().unwrap().forced(), Groups::NONE);
}

#[test]
fn a_process_that_lost_its_memory_comes_back_once_its_former_self_was_declared_lost() {
    let mut world = World::empty(3, 1);
    world.options = |options| options.replication = 1;
    world.start_all();
    world.run(ms(3_000));
    let lost = ids(&world, &[1]);
    world.restart(1);
    world.run(ms(3_000));
    let view = world.at(0).membership.recovery(&lost).unwrap();
    assert_eq!(view.forced, world.at(0).membership.groups_lost());
    assert!(!view.as_new_cluster && view.gone == view.forced && !view.gone.is_empty());
    assert_eq!(world.answer(0, recover(&lost, ANEW)), Ok(Epoch(2)));
    world.run_until_settled(ms(3_000));
    for process in world.live() {
        assert!(process.membership.groups_lost().is_empty());
    }
    let add = ChangeRequest::Add {
        address: world.addresses[1].clone(),
        weight: 100,
    };
    assert_eq!(world.answer(2, add), Ok(Epoch(4)));
    world.run_until_settled(ms(3_000));
    assert_eq!(members(&world), ids(&world, &[0, 1, 2]));
}
