//! Who holds how much, and what depends on whom: [`Shares`].

use protocol::{Configuration, Epoch, Group, Groups, NodeId, Quorums};
use std::collections::{BTreeMap, HashMap};

/// What a configuration's placement comes to, put together once for each configuration: there are
/// far fewer different replica sets than groups.
#[derive(Debug)]
pub(crate) struct Shares {
    epoch: Epoch,
    /// How many groups each member holds; in a joint configuration, after the change.
    groups: BTreeMap<NodeId, usize>,
    /// The different quorums, and the groups of each.
    quorums: Vec<(Quorums, Groups)>,
}

impl Shares {
    pub(crate) fn of(configuration: &Configuration) -> Self {
        let mut groups: BTreeMap<NodeId, usize> = BTreeMap::new();
        let mut quorums: HashMap<&Quorums, Groups> = HashMap::new();
        for group in Group::all() {
            let of_group = configuration.group_quorums(group);
            quorums.entry(of_group).or_default().insert(group);
            for &node in of_group.after().nodes() {
                *groups.entry(node).or_default() += 1;
            }
        }
        let quorums = quorums.into_iter();
        Self {
            epoch: configuration.epoch(),
            groups,
            quorums: quorums.map(|(of, groups)| (of.clone(), groups)).collect(),
        }
    }

    /// The epoch of the configuration.
    pub(crate) fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// How many slots a member holds; in a joint configuration, after the change.
    pub(crate) fn slots(&self, member: NodeId) -> usize {
        slots(self.groups.get(&member).copied().unwrap_or_default())
    }

    /// How many more nodes, whichever they are, may be lost before the replicas of some slot, or
    /// the members, have no quorum among the nodes that `counts` says yes to.
    pub(crate) fn losses_survived(
        &self,
        reserved: &Quorums,
        counts: impl Fn(NodeId) -> bool,
    ) -> usize {
        let quorums = self.quorums.iter().map(|(quorums, _)| quorums);
        let sets = quorums.chain([reserved]);
        let sets = sets.flat_map(|quorums| [quorums.before(), quorums.after()]);
        let spare = sets.map(|set| {
            let counted = set.nodes().iter().filter(|&&node| counts(node)).count();
            counted.saturating_sub(set.majority())
        });
        spare.min().unwrap_or_default()
    }

    /// The groups in which the nodes that `counts` says yes to make no quorum.
    pub(crate) fn without_quorum(&self, counts: impl Fn(NodeId) -> bool) -> Groups {
        let lacking = self.quorums.iter();
        let lacking = lacking.filter(|(quorums, _)| !quorums.is_quorum(&counts));
        lacking.fold(Groups::NONE, |all, (_, groups)| all.union(*groups))
    }
}

/// How many slots so many groups have.
pub(crate) fn slots(groups: usize) -> usize {
    groups * usize::from(Group::SLOTS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::{ClusterId, Member, Slot};

    fn members(count: u64) -> Vec<Member> {
        let member = |number: u64| {
            let address = format!("127.0.0.1:{}", 3029 + number);
            Member::new(NodeId::new(number), address.parse().unwrap())
        };
        (1..=count).map(member).collect()
    }

    fn configuration(count: u64) -> Configuration {
        Configuration::new(ClusterId(7), Epoch::FIRST, members(count), 3).unwrap()
    }

    #[test]
    fn where_all_hold_all_a_majority_of_the_members_decides_over_every_slot() {
        let shares = Shares::of(&configuration(3));
        assert_eq!(shares.quorums.len(), 1);
        for member in 1..=3 {
            assert_eq!(shares.slots(NodeId::new(member)), usize::from(Slot::COUNT));
        }
        let without = |alive: &[u64]| shares.without_quorum(|node| alive.contains(&node.get()));
        assert!(without(&[1, 3]).is_empty());
        assert_eq!(without(&[2]).len(), usize::from(Group::COUNT));
    }

    #[test]
    fn where_slots_are_spread_two_nodes_are_a_majority_of_some_replica_sets_only() {
        let configuration = configuration(5);
        let shares = Shares::of(&configuration);
        // Five nodes have ten different sets of three.
        assert_eq!(shares.quorums.len(), 10);
        let held: usize = (1..=5).map(|id| shares.slots(NodeId::new(id))).sum();
        assert_eq!(held, 3 * usize::from(Slot::COUNT));
        let alive = |node: NodeId| node.get() > 2;
        let lost = shares.without_quorum(alive);
        for group in Group::all() {
            let has_quorum = configuration.group_quorums(group).is_quorum(alive);
            assert_eq!(lost.contains(group), !has_quorum);
        }
        assert!(!lost.is_empty() && lost.len() < usize::from(Group::COUNT) / 2);
    }

    #[test]
    fn the_weakest_replica_set_says_how_many_losses_are_survived() {
        let survived = |members, gone: &[u64]| {
            let configuration = configuration(members);
            let is_well = |node: NodeId| !gone.contains(&node.get());
            let reserved = configuration.quorums(Slot::RESERVED);
            Shares::of(&configuration).losses_survived(reserved, is_well)
        };
        assert_eq!(survived(1, &[]), 0);
        assert_eq!(survived(2, &[]), 0);
        assert_eq!(survived(3, &[]), 1);
        assert_eq!(survived(3, &[2]), 0);
        assert_eq!(survived(3, &[1, 2]), 0);
        // Of five members, two may be lost for their majority, and one for each slot.
        assert_eq!(survived(5, &[]), 1);
        assert_eq!(survived(5, &[5]), 0);
    }

    #[test]
    fn during_a_change_a_slot_needs_both_quorums_and_shares_are_those_after_it() {
        let joint = configuration(3).joint(members(4), 3).unwrap();
        let shares = Shares::of(&joint);
        assert_eq!(shares.epoch(), Epoch(2));
        let newcomer = NodeId::new(4);
        assert!(shares.slots(newcomer) > 0);
        let changed = joint.changed_groups().count();
        assert_eq!(shares.slots(newcomer), slots(changed));
        // The newcomer and one other member: a majority nowhere.
        let alone = shares.without_quorum(|node| node == newcomer || node.get() == 1);
        assert_eq!(alone.len(), usize::from(Group::COUNT));
        assert!(shares.without_quorum(|node| node != newcomer).is_empty());
    }
}
