//! Who still has what: [`Memory`].
//!
//! It follows, beside the protocol, which process has copied what, so that a run knows which deaths
//! a cluster must survive and which it cannot.

use crate::network::ProcessNumber;
use protocol::{Configuration, Epoch, Group, Groups, NodeId, ReplicaSet, Slot};
use std::collections::BTreeMap;

/// What each process may lack of what was completed.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    lacking: BTreeMap<ProcessNumber, Lacking>,
}

/// What one process may lack.
#[derive(Clone, Debug, Default)]
struct Lacking {
    /// What it has yet to copy in its configuration.
    now: Groups,
    /// What it lacked before the change that is under way. An abort voids what was copied for it.
    before_change: Groups,
    /// The epoch that it is in, and whether that is one of a change.
    entered: Option<(Epoch, bool)>,
}

/// The majorities of a configuration that are left.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Majorities {
    /// Of the members before the change and after it.
    members: [bool; 2],
    /// The groups of which a majority of those who are to hold them has all of it: before the
    /// change, and after it.
    groups: [Groups; 2],
    is_joint: bool,
}

impl Memory {
    /// A process enters a configuration.
    pub(crate) fn entered(
        &mut self,
        process: ProcessNumber,
        id: NodeId,
        configuration: &Configuration,
    ) {
        let lacking = self.lacking.entry(process).or_default();
        // One that is back enters again what it was in.
        if lacking
            .entered
            .is_none_or(|(epoch, _)| epoch != configuration.epoch())
        {
            lacking.enter(id, configuration);
        }
    }

    /// A process goes on with what the disk of a former one kept.
    pub(crate) fn is_back(&mut self, former: ProcessNumber, process: ProcessNumber) {
        if let Some(lacking) = self.lacking.remove(&former) {
            self.lacking.insert(process, lacking);
        }
    }

    /// A process has copied a group in this epoch.
    pub(crate) fn copied(&mut self, process: ProcessNumber, epoch: Epoch, group: Group) {
        if let Some(lacking) = self.lacking.get_mut(&process)
            && let Some((entered, is_joint)) = lacking.entered
            && entered == epoch
        {
            lacking.now.remove(group);
            if !is_joint {
                lacking.before_change.remove(group);
            }
        }
    }

    /// The majorities that the living make in this configuration; `alive` names the process of an
    /// id, if it lives.
    pub(crate) fn majorities(
        &self,
        configuration: &Configuration,
        alive: impl Fn(NodeId) -> Option<ProcessNumber>,
    ) -> Majorities {
        let members = configuration.members().iter().filter_map(|member| {
            let process = alive(member.id)?;
            let mut lacking = self.lacking.get(&process).cloned().unwrap_or_default();
            if lacking
                .entered
                .is_none_or(|(epoch, _)| epoch < configuration.epoch())
            {
                lacking.enter(member.id, configuration);
            }
            Some((member.id, lacking))
        });
        let left: BTreeMap<NodeId, Lacking> = members.collect();
        let is_left = |node: NodeId| left.contains_key(&node);
        let is_whole = |node: NodeId, group: Group, is_after: bool| {
            let is_whole = |lacking: &Lacking| match is_after {
                true => !lacking.now.contains(group),
                false => !lacking.before_change.contains(group),
            };
            left.get(&node).is_some_and(is_whole)
        };
        let mut staying = configuration.members_after().iter();
        let all_stay = staying.all(|member| is_left(member.id));
        let whole = |is_after: bool| {
            let has_majority = |group: &Group| {
                if configuration.forced().contains(*group) {
                    // Nobody has all of it until everyone has shown what is left.
                    return all_stay;
                }
                let quorums = configuration.group_quorums(*group);
                let set = if is_after {
                    quorums.after()
                } else {
                    quorums.before()
                };
                set.is_majority(|node| is_whole(node, *group, is_after))
            };
            Group::all().filter(has_majority).collect()
        };
        let after = configuration.members_after().iter().map(|member| member.id);
        Majorities {
            members: [
                configuration.quorums(Slot::RESERVED).is_quorum(is_left),
                ReplicaSet::new(after).is_majority(is_left),
            ],
            groups: [whole(false), whole(true)],
            is_joint: configuration.is_joint(),
        }
    }
}

impl Lacking {
    fn enter(&mut self, id: NodeId, configuration: &Configuration) {
        let epoch = configuration.epoch();
        let is_joint = configuration.is_joint();
        let held = |is_after: bool| -> Groups {
            let holds = |group: &Group| {
                let quorums = configuration.group_quorums(*group);
                let set = if is_after {
                    quorums.after()
                } else {
                    quorums.before()
                };
                set.contains(id)
            };
            Group::all().filter(holds).collect()
        };
        let (before, after) = (held(false), held(true));
        let lacked = match self.entered.replace((epoch, is_joint)) {
            None if epoch == Epoch::FIRST => Groups::NONE,
            Some((former, was_joint)) if former.next() == epoch => {
                match was_joint && configuration.is_aborted() {
                    true => self.before_change,
                    false => self.now,
                }
            }
            // It missed an epoch, and with it what was copied, or not, in that.
            _ => before,
        };
        self.before_change = lacked.intersection(before);
        self.now = match is_joint {
            true => lacked
                .union(configuration.changed_groups().collect())
                .intersection(after),
            false => lacked.intersection(after),
        };
    }
}

impl Majorities {
    /// Whether everything can be decided and served in this configuration, or will be once a change
    /// that cannot be finished is given up.
    pub(crate) fn suffice(&self) -> bool {
        self.suffice_to_decide() && self.groups_gone().is_empty()
    }

    /// Whether that is still so after a death that left `self` of `before`. What a change can be
    /// finished with may have been decided to stand already, so it must not be lost either.
    pub(crate) fn survive(&self, before: &Majorities) -> bool {
        let keeps = |now: Groups, then: Groups| then.intersection(now) == then;
        let keeps_after =
            (self.members[1] || !before.members[1]) && keeps(self.groups[1], before.groups[1]);
        self.suffice() && (!self.is_joint || keeps_after)
    }

    /// Whether the next configuration can be decided.
    pub(crate) fn suffice_to_decide(&self) -> bool {
        self.members[0]
    }

    /// The groups of which what was completed may be gone.
    pub(crate) fn groups_gone(&self) -> Groups {
        let is_gone = |group: &Group| !self.groups[0].contains(*group);
        Group::all().filter(is_gone).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{members, replicated};

    /// A memory in which these processes, each of the id that is its number, have entered these.
    fn memory(processes: &[usize], entered: &[&Configuration]) -> Memory {
        let mut memory = Memory::default();
        for process in processes {
            for configuration in entered {
                memory.entered(*process, NodeId::new(*process as u64), configuration);
            }
        }
        memory
    }

    fn among(living: &[usize]) -> impl Fn(NodeId) -> Option<ProcessNumber> {
        let living = living.to_vec();
        move |id| {
            living
                .contains(&(id.get() as usize))
                .then_some(id.get() as usize)
        }
    }

    #[test]
    fn a_founded_cluster_survives_the_death_of_a_minority() {
        let first = replicated(1, &[1, 2, 3], 3);
        let memory = memory(&[1, 2, 3], &[&first]);
        let all = memory.majorities(&first, among(&[1, 2, 3]));
        let two = memory.majorities(&first, among(&[1, 3]));
        let one = memory.majorities(&first, among(&[3]));
        assert!(two.survive(&all) && !one.survive(&two));
    }

    #[test]
    fn one_that_missed_an_epoch_counts_again_once_it_has_copied() {
        let first = replicated(1, &[1, 2, 3], 3);
        let joint = first.joint(members(&[1, 2, 4]), 3).unwrap();
        let given_up = joint.aborted();
        let mut memory = memory(&[1, 2, 3], &[&first]);
        for entered in [&joint, &given_up] {
            memory.entered(1, NodeId::new(1), entered);
        }
        memory.entered(2, NodeId::new(2), &given_up);
        let suffice = |memory: &Memory| memory.majorities(&given_up, among(&[1, 2])).suffice();
        assert!(!suffice(&memory));
        for group in Group::all() {
            memory.copied(2, given_up.epoch(), group);
        }
        assert!(suffice(&memory));
    }

    #[test]
    fn what_one_replica_holds_alone_dies_with_it() {
        let first = replicated(1, &[1, 2, 3], 1);
        let memory = memory(&[1, 2, 3], &[&first]);
        let all = memory.majorities(&first, among(&[1, 2, 3]));
        assert!(!memory.majorities(&first, among(&[1, 2])).survive(&all));
    }

    #[test]
    fn who_came_in_the_place_of_another_counts_once_it_has_copied() {
        let first = replicated(1, &[1, 2, 3], 3);
        let joint = first.joint(members(&[1, 2, 4]), 3).unwrap();
        let done = joint.finished();
        let mut memory = memory(&[1, 2, 3], &[&first, &joint]);
        memory.entered(4, NodeId::new(4), &joint);
        let now = |memory: &Memory, living: &[usize]| memory.majorities(&joint, among(living));
        assert!(now(&memory, &[1, 2]).survive(&now(&memory, &[1, 2, 4])));
        assert!(!now(&memory, &[1]).survive(&now(&memory, &[1, 2])));
        // Two of three have copied: the change may be done without anybody's knowing yet.
        for process in [1, 4] {
            for group in Group::all() {
                memory.copied(process, joint.epoch(), group);
            }
        }
        assert!(!now(&memory, &[1, 2]).survive(&now(&memory, &[1, 2, 4])));
        // Once it is done 2, which has not copied, still counts for nothing.
        for process in [1, 2, 4] {
            memory.entered(process, NodeId::new(process as u64), &done);
        }
        let then = |living: &[usize]| memory.majorities(&done, among(living));
        assert!(!then(&[1, 2]).survive(&then(&[1, 2, 4])));
        assert!(then(&[1, 4]).survive(&then(&[1, 2, 4])));
    }
}
