use super::*;
use alloc::format;
use alloc::vec;

fn address(number: u64) -> Address {
    format!("127.0.0.1:{}", 3000 + number).parse().unwrap()
}

fn member(number: u64) -> Member {
    Member::new(NodeId::new(number), address(number))
}

fn members(numbers: impl IntoIterator<Item = u64>) -> Vec<Member> {
    numbers.into_iter().map(member).collect()
}

fn founded(numbers: impl IntoIterator<Item = u64>) -> Configuration {
    Configuration::new(ClusterId(7), Epoch::FIRST, members(numbers), 3).unwrap()
}

fn ids(members: &[Member]) -> Vec<u64> {
    members.iter().map(|member| member.id.get()).collect()
}

fn nodes(set: &ReplicaSet) -> Vec<u64> {
    set.nodes().iter().map(|node| node.get()).collect()
}

#[test]
fn a_joint_configuration_has_the_members_of_both_and_says_who_is_of_which() {
    let first = founded(1..=3);
    assert!(!first.is_joint());
    let joint = first.joint(members([3, 4, 2]), 3).unwrap();
    assert!(joint.is_joint() && !joint.is_aborted());
    assert_eq!(
        (joint.cluster(), joint.epoch()),
        (first.cluster(), Epoch(2))
    );
    assert_eq!(ids(joint.members()), [1, 2, 3, 4]);
    assert_eq!(ids(joint.members_before()), [1, 2, 3]);
    assert_eq!(ids(joint.members_after()), [2, 3, 4]);
    for (number, before, after) in [(1, true, false), (2, true, true), (4, false, true)] {
        let node = NodeId::new(number);
        assert!(joint.contains(node));
        assert_eq!(joint.contains_before(node), before, "{number}");
        assert_eq!(joint.contains_after(node), after, "{number}");
    }
    assert!(!joint.contains(NodeId::new(5)));
    for group in Group::all() {
        let quorums = joint.group_quorums(group);
        assert!(quorums.is_joint());
        assert_eq!(nodes(quorums.before()), [1, 2, 3]);
        assert_eq!(nodes(quorums.after()), [2, 3, 4]);
    }
    assert_eq!(joint.changed_groups().count(), 1024);
}

#[test]
fn only_groups_whose_replica_set_changes_need_quorums_of_both() {
    let joint = founded(1..=6).joint(members(1..=7), 3).unwrap();
    let changed = joint.changed_groups().count();
    assert!((300..600).contains(&changed), "{changed}");
    for group in Group::all() {
        let quorums = joint.group_quorums(group);
        assert_eq!(quorums.is_joint(), quorums.before() != quorums.after());
        for slot in group.slots() {
            assert_eq!(joint.quorums(slot), quorums);
        }
    }
}

#[test]
fn the_replication_factor_may_change_with_the_members_or_without() {
    let joint = founded(1..=5).joint(members(1..=5), 5).unwrap();
    assert_eq!(joint.replication(), 5);
    assert_eq!(joint.changed_groups().count(), 1024);
    let quorums = joint.group_quorums(Group::new(0).unwrap());
    assert_eq!(quorums.before().nodes().len(), 3);
    assert_eq!(nodes(quorums.after()), [1, 2, 3, 4, 5]);
    assert_eq!(joint.aborted().replication(), 3);
}

#[test]
fn the_reserved_slot_is_held_by_all_members_and_in_a_change_by_those_before_it() {
    let first = founded(1..=6);
    let joint = first.joint(members(4..=9), 3).unwrap();
    for (configuration, held_by) in [
        (&first, [1, 2, 3, 4, 5, 6]),
        (&joint, [1, 2, 3, 4, 5, 6]),
        (&joint.aborted(), [1, 2, 3, 4, 5, 6]),
        (&joint.finished(), [4, 5, 6, 7, 8, 9]),
    ] {
        let quorums = configuration.quorums(Slot::RESERVED);
        assert!(!quorums.is_joint());
        assert_eq!(nodes(quorums.after()), held_by);
        assert_eq!(nodes(quorums.before()), held_by);
    }
}

#[test]
fn a_change_that_is_done_leaves_the_members_after_it_and_the_addresses_of_those_that_left() {
    let done = founded(1..=3).joint(members([2, 3, 4]), 3).unwrap();
    let done = done.finished();
    assert_eq!(done.epoch(), Epoch(3));
    assert!(!done.is_joint() && !done.is_aborted());
    assert_eq!(ids(done.members()), [2, 3, 4]);
    assert_eq!(done.former(), [address(1)]);
}

#[test]
fn a_change_that_is_given_up_leaves_the_members_before_it_and_says_so() {
    let given_up = founded(1..=3).joint(members([2, 3, 4]), 1).unwrap();
    let given_up = given_up.aborted();
    assert_eq!(given_up.epoch(), Epoch(3));
    assert!(!given_up.is_joint() && given_up.is_aborted());
    assert_eq!(ids(given_up.members()), [1, 2, 3]);
    assert_eq!(given_up.former(), [address(4)], "it is to hear of it");
    let next = given_up.joint(members(1..=4), 3).unwrap();
    assert!(!next.is_aborted() && !next.finished().is_aborted());
}

#[test]
fn the_latest_former_addresses_are_kept_each_once_and_none_of_a_members() {
    let mut standing = founded([1, 2]);
    for number in 3..=30 {
        let change = standing.joint(members([1, number]), 3).unwrap();
        standing = change.finished();
    }
    // Nodes 14 to 29 left last.
    let expected: Vec<Address> = (14..=29).map(address).collect();
    assert_eq!(standing.former(), expected);
    // One comes back, and goes again.
    let back = standing.joint(members([1, 20]), 3).unwrap().finished();
    assert!(!back.former().contains(&address(20)));
    assert_eq!(back.former().last(), Some(&address(30)));
    let again = back.joint(members([1, 31]), 3).unwrap().finished();
    let of_20 = again
        .former()
        .iter()
        .filter(|former| **former == address(20));
    assert_eq!(
        (of_20.count(), again.former().last()),
        (1, Some(&address(20)))
    );
    assert_eq!(again.former().len(), Configuration::FORMER_MAX);
}

#[test]
fn one_that_comes_back_to_the_address_of_one_that_left_is_no_former_member() {
    let mut restarted = member(9);
    (restarted.address, restarted.seat) = (address(3), Seat::of(NodeId::new(3)));
    let after = [members(1..=2), vec![restarted]].concat();
    let done = founded(1..=3).joint(after, 3).unwrap().finished();
    assert_eq!(done.former(), []);
}

#[test]
fn the_record_of_a_configuration_follows_right_on_that_of_the_one_before() {
    let first = founded(1..=3);
    let joint = first.joint(members(1..=4), 3).unwrap();
    let tags = [first.tag(), joint.tag(), joint.finished().tag()];
    assert_eq!(tags.map(|tag| tag.step), [0, 1, 2]);
    assert!(
        tags.iter()
            .all(|tag| tag.seq == 1 && tag.writer == Tag::ZERO.writer)
    );
    assert_eq!(
        joint.tag(),
        Tag {
            step: 1,
            ..first.tag()
        }
    );
    let record = joint.record();
    assert!(record.settled && record.tag == joint.tag());
    let content = record.content.unwrap();
    assert_eq!(Configuration::decode(&content), Ok(joint));
}

#[test]
fn what_makes_no_configuration_is_refused() {
    let new = |epoch, members, replication| {
        Configuration::new(ClusterId(7), super::Epoch(epoch), members, replication)
            .map(|_| ())
            .unwrap_err()
    };
    let with = |change: fn(&mut Member)| {
        let mut members = members(1..=3);
        change(&mut members[2]);
        members
    };
    use ConfigurationError::*;
    assert_eq!(new(1, vec![], 3), Size);
    assert_eq!(new(1, members(1..=65), 3), Size);
    assert_eq!(new(0, members(1..=3), 3), Epoch);
    assert_eq!(new(1 << 32, members(1..=3), 3), Epoch);
    assert_eq!(new(1, members(1..=3), 0), Replication);
    assert_eq!(new(1, members(1..=3), 8), Replication);
    assert_eq!(
        new(1, with(|member| member.id = NodeId::new(1)), 3),
        Ambiguous
    );
    assert_eq!(
        new(1, with(|member| member.id = NodeId::new(0)), 3),
        Ambiguous
    );
    assert_eq!(
        new(1, with(|member| member.address = address(1)), 3),
        Ambiguous
    );
    assert_eq!(new(1, with(|member| member.seat = Seat(2)), 3), Ambiguous);
    assert_eq!(new(1, with(|member| member.weight = 0), 3), Weight);
    assert_eq!(new(1, with(|member| member.weight = 10_001), 3), Weight);
    assert!(Configuration::new(ClusterId(7), super::Epoch(1), members(1..=64), 7).is_ok());
}

#[test]
fn every_change_has_an_epoch_to_end_in() {
    let last = |epoch| Configuration::new(ClusterId(7), Epoch(epoch), members(1..=3), 3).unwrap();
    let refused = last(Epoch::MAX.0 - 1).joint(members(1..=4), 3);
    assert_eq!(refused, Err(ConfigurationError::Epoch));
    let joint = last(Epoch::MAX.0 - 2).joint(members(1..=4), 3).unwrap();
    assert_eq!(joint.finished().epoch(), Epoch::MAX);
    assert_eq!(joint.aborted().epoch(), Epoch::MAX);
    assert_eq!(joint.finished().tag().step, u32::MAX - 1);
}

#[test]
#[should_panic(expected = "one change at a time")]
fn no_change_begins_while_another_is_under_way() {
    let joint = founded(1..=3).joint(members(1..=4), 3).unwrap();
    let _ = joint.joint(members(1..=5), 3);
}
