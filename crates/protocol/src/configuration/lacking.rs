//! What a replica may lack of what was completed: [`Lacking`].

use super::{Configuration, Epoch, Groups};
use crate::node::NodeId;
use crate::quorum::ReplicaSet;
use crate::slot::Group;

/// The groups that a node holds, or is to hold, and has not copied: of these it may lack what was
/// completed before it held them.
///
/// A replica that lacks something counts in quorums like any other, as a majority of each replica
/// set has copied before the set counts alone. It goes on copying all the same, or the next loss
/// would be one too many.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub(crate) struct Lacking {
    /// What is to be copied: in a joint configuration, of the groups that the node holds after the
    /// change.
    now: Groups,
    /// In a joint configuration, what it lacked of the groups that it held before the change. That
    /// is what it lacks again if the change is given up: an abort voids all that was copied for it.
    before_change: Groups,
    entered: Option<Entered>,
    /// Whether the node was away: what was completed meanwhile it has not heard of.
    was_away: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Entered {
    epoch: Epoch,
    was_joint: bool,
}

impl Lacking {
    /// That of a node that has restarted with what it had on disk, before it enters the
    /// configuration that it is in. It holds all that it ever said that it holds; but it may have
    /// missed much, and copies everything to find out.
    pub(crate) fn of_one_who_was_away() -> Self {
        Self {
            was_away: true,
            ..Self::default()
        }
    }

    /// The node enters a configuration.
    pub(crate) fn enter(&mut self, configuration: &Configuration, me: NodeId) {
        let epoch = configuration.epoch();
        let is_joint = configuration.is_joint();
        let former = self.entered.replace(Entered {
            epoch,
            was_joint: is_joint,
        });
        let before = held(me, |group| configuration.group_quorums(group).before());
        let after = held(me, |group| configuration.group_quorums(group).after());
        let changed: Groups = configuration.changed_groups().collect();
        let lacked = match former.filter(|former| former.epoch.next() == epoch) {
            // Nobody held anything before.
            None if epoch == Epoch::FIRST && !self.was_away => Groups::NONE,
            // What was copied in an epoch that was missed, and whether, nobody here knows.
            None => before,
            Some(former) if former.was_joint && configuration.is_aborted() => self.before_change,
            Some(former) if former.was_joint || is_joint => self.now,
            // Members that changed at one stroke: this is no change that copying is part of.
            Some(_) => after,
        };
        self.before_change = lacked.intersection(before);
        self.now = match is_joint {
            true => lacked.union(changed).intersection(after),
            false => lacked.intersection(after),
        };
    }

    /// The group is copied. Says whether it was lacking.
    pub(crate) fn copied(&mut self, group: Group) -> bool {
        self.now.remove(group)
    }

    /// The groups that are to be copied.
    pub(crate) fn groups(&self) -> Groups {
        self.now
    }
}

/// The groups whose replica set `me` is in.
fn held<'a>(me: NodeId, set: impl Fn(Group) -> &'a ReplicaSet) -> Groups {
    Group::all()
        .filter(|group| set(*group).contains(me))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::configuration::{ClusterId, Member};
    use alloc::format;
    use alloc::vec::Vec;

    const ME: NodeId = NodeId::new(1);

    fn members(numbers: impl IntoIterator<Item = u64>) -> Vec<Member> {
        let member = |n: u64| {
            let address = format!("127.0.0.1:{}", 3000 + n).parse().unwrap();
            Member::new(NodeId::new(n), address)
        };
        numbers.into_iter().map(member).collect()
    }

    fn founded(numbers: impl IntoIterator<Item = u64>) -> Configuration {
        Configuration::new(ClusterId(1), Epoch::FIRST, members(numbers), 3).unwrap()
    }

    fn joint(from: &Configuration, numbers: impl IntoIterator<Item = u64>) -> Configuration {
        from.joint(members(numbers), 3).unwrap()
    }

    fn after_entering(configurations: &[&Configuration]) -> Lacking {
        let mut lacking = Lacking::default();
        for configuration in configurations {
            lacking.enter(configuration, ME);
        }
        lacking
    }

    /// The groups whose set after the change, if `after`, or before it, contains this node.
    fn held(configuration: &Configuration, after: bool) -> Groups {
        let quorums = |group| configuration.group_quorums(group);
        let set = |group| match after {
            true => quorums(group).after(),
            false => quorums(group).before(),
        };
        super::held(ME, set)
    }

    fn changed(configuration: &Configuration) -> Groups {
        configuration.changed_groups().collect()
    }

    #[test]
    fn a_founder_lacks_nothing() {
        assert!(after_entering(&[&founded(1..=5)]).groups().is_empty());
    }

    #[test]
    fn every_changed_group_that_is_held_after_the_change_is_to_be_copied_by_old_members_too() {
        let first = founded(1..=5);
        let joint = joint(&first, 1..=6);
        let lacking = after_entering(&[&first, &joint]).groups();
        let expected = changed(&joint).intersection(held(&joint, true));
        assert!(!lacking.is_empty());
        assert_eq!(lacking, expected);
        assert_ne!(lacking, held(&joint, true), "others have not changed");
    }

    #[test]
    fn one_that_joins_copies_all_that_it_is_to_hold() {
        let joint = joint(&founded(2..=5), 1..=5);
        let lacking = after_entering(&[&joint]).groups();
        assert_eq!(lacking, held(&joint, true));
        assert!(!lacking.is_empty());
    }

    #[test]
    fn what_was_not_copied_when_the_change_was_done_is_still_lacking() {
        let joint = joint(&founded(2..=5), 1..=5);
        let mut lacking = after_entering(&[&joint]);
        let group = lacking.groups().iter().next().unwrap();
        assert!(lacking.copied(group) && !lacking.copied(group));
        lacking.enter(&joint.finished(), ME);
        assert!(!lacking.groups().contains(group));
        assert_eq!(lacking.groups().len(), held(&joint, true).len() - 1);
    }

    #[test]
    fn an_abort_voids_what_was_copied_and_takes_back_what_was_to_be_held() {
        let first = founded(1..=5);
        let change = joint(&first, 1..=6);
        let mut lacking = after_entering(&[&first, &change]);
        let group = lacking.groups().iter().next().unwrap();
        lacking.copied(group);
        let again = change.aborted();
        lacking.enter(&again, ME);
        assert!(lacking.groups().is_empty(), "it was whole before");
        let change = joint(&again, 1..=6);
        lacking.enter(&change, ME);
        assert!(lacking.groups().contains(group), "copied is void");
    }

    #[test]
    fn an_abort_gives_back_what_was_lacking_before_the_change() {
        let join = joint(&founded(2..=5), 1..=5);
        let second = join.finished();
        let change = joint(&second, 1..=4);
        let mut lacking = after_entering(&[&join, &second]);
        let before = lacking.groups();
        lacking.enter(&change, ME);
        for group in lacking.groups().iter().collect::<Vec<_>>() {
            lacking.copied(group);
        }
        lacking.enter(&change.aborted(), ME);
        assert_eq!(lacking.groups(), before);
    }

    #[test]
    fn one_that_missed_an_epoch_lacks_all_that_it_holds() {
        let first = founded(1..=5);
        let second = joint(&first, 1..=6).finished();
        let lacking = after_entering(&[&first, &second]).groups();
        assert_eq!(lacking, held(&second, true));
    }

    #[test]
    fn one_that_missed_an_epoch_before_a_change_lacks_all_that_it_held_if_the_change_is_given_up() {
        let first = founded(1..=5);
        let second = joint(&first, 1..=6).finished();
        let change = joint(&second, 1..=7);
        let mut lacking = after_entering(&[&first, &change]);
        assert_eq!(lacking.groups(), held(&change, true));
        lacking.enter(&change.aborted(), ME);
        assert_eq!(lacking.groups(), held(&change, false));
    }

    #[test]
    fn one_that_is_no_member_lacks_nothing() {
        let first = founded(1..=5);
        let change = joint(&first, 2..=5);
        let lacking = after_entering(&[&first, &change]);
        assert!(lacking.groups().is_empty());
        let lacking = after_entering(&[&first, &change, &change.finished()]);
        assert!(lacking.groups().is_empty());
    }

    #[test]
    fn members_that_change_at_one_stroke_lack_all_that_they_hold() {
        let first = founded(1..=5);
        let forced = Configuration::new(ClusterId(1), Epoch(2), members(1..=4), 3).unwrap();
        let lacking = after_entering(&[&first, &forced]).groups();
        assert_eq!(lacking, held(&forced, true));
    }
}
