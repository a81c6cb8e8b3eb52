//! Which answers are enough: [`ReplicaSet`] and [`Quorums`].
//!
//! Everything else relies on two facts, shown here for every size up to nine: two quorums of one
//! replica set meet, and a quorum of a joint configuration meets every quorum of either of the
//! two replica sets it joins.

use crate::node::NodeId;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// The nodes that hold a slot, by ascending id. Cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct ReplicaSet(Arc<[NodeId]>);

impl ReplicaSet {
    /// The set of these nodes.
    ///
    /// # Panics
    /// If there is none, or if one is named twice: then a majority would not be one.
    pub fn new(nodes: impl IntoIterator<Item = NodeId>) -> Self {
        let mut nodes: Vec<NodeId> = nodes.into_iter().collect();
        nodes.sort();
        assert!(!nodes.is_empty(), "a replica set has at least one node");
        assert!(
            nodes.windows(2).all(|pair| pair[0] != pair[1]),
            "a node is in a replica set once"
        );
        Self(nodes.into())
    }

    /// The nodes, by ascending id.
    pub fn nodes(&self) -> &[NodeId] {
        &self.0
    }

    /// Whether the node is one of them.
    pub fn contains(&self, node: NodeId) -> bool {
        self.0.binary_search(&node).is_ok()
    }

    /// How many nodes make a majority.
    pub fn majority(&self) -> usize {
        self.0.len() / 2 + 1
    }

    fn has_majority(&self, counts: &impl Fn(NodeId) -> bool, missing: usize) -> bool {
        let counted = self.0.iter().filter(|&&node| counts(node)).count();
        counted + missing >= self.majority()
    }

    /// Whether the nodes that `counts` says yes to include a majority.
    pub fn is_majority(&self, counts: impl Fn(NodeId) -> bool) -> bool {
        self.has_majority(&counts, 0)
    }
}

/// The quorums of one slot in one configuration: a majority of its replica set, and in a joint
/// configuration a majority of the old *and* of the new one.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Quorums {
    new: ReplicaSet,
    old: Option<ReplicaSet>,
    #[cfg(feature = "planted-faults")]
    missing: usize,
}

impl Quorums {
    /// The quorums of a slot that is held by one replica set.
    pub fn of(set: ReplicaSet) -> Self {
        Self {
            new: set,
            old: None,
            #[cfg(feature = "planted-faults")]
            missing: 0,
        }
    }

    /// The quorums of a slot that is on its way from one replica set to another.
    pub fn joint(old: ReplicaSet, new: ReplicaSet) -> Self {
        Self {
            old: Some(old),
            ..Self::of(new)
        }
    }

    /// A planted fault: quorums that are one node too small, and so need not meet.
    #[cfg(feature = "planted-faults")]
    pub(crate) fn one_too_small(self) -> Self {
        Self { missing: 1, ..self }
    }

    #[cfg(feature = "planted-faults")]
    fn missing(&self) -> usize {
        self.missing
    }

    #[cfg(not(feature = "planted-faults"))]
    fn missing(&self) -> usize {
        0
    }

    /// Whether the nodes that `counts` says yes to include a quorum.
    pub fn is_quorum(&self, counts: impl Fn(NodeId) -> bool) -> bool {
        let missing = self.missing();
        let old = self.old.as_ref();
        self.new.has_majority(&counts, missing)
            && old.is_none_or(|old| old.has_majority(&counts, missing))
    }

    /// Every node that counts towards a quorum, once, by ascending id.
    pub fn replicas(&self) -> impl Iterator<Item = NodeId> + '_ {
        let mut new = self.new.nodes().iter().copied().peekable();
        let old = self.old.as_ref().map_or(&[][..], ReplicaSet::nodes);
        let mut old = old.iter().copied().peekable();
        core::iter::from_fn(move || match (new.peek(), old.peek()) {
            (Some(a), Some(b)) if a == b => {
                old.next();
                new.next()
            }
            (Some(a), Some(b)) if b < a => old.next(),
            (Some(_), _) => new.next(),
            (None, _) => old.next(),
        })
    }

    /// Whether the slot is on its way from one replica set to another.
    pub fn is_joint(&self) -> bool {
        self.old.is_some()
    }

    /// The replica set; in a joint configuration, the one after the change.
    pub fn after(&self) -> &ReplicaSet {
        &self.new
    }

    /// The replica set; in a joint configuration, the one before the change.
    pub fn before(&self) -> &ReplicaSet {
        self.old.as_ref().unwrap_or(&self.new)
    }

    /// Whether the node holds the slot.
    pub fn contains(&self, node: NodeId) -> bool {
        self.new.contains(node) || self.old.as_ref().is_some_and(|old| old.contains(node))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE_MAX: u32 = 9;

    fn set(first: u32, size: u32) -> ReplicaSet {
        ReplicaSet::new((first..first + size).map(|id| NodeId::new(u64::from(id) + 1)))
    }

    /// Whether bit `i` of `chosen` counts node `i + 1` in.
    fn among(chosen: u32) -> impl Fn(NodeId) -> bool {
        move |node| chosen & (1 << (node.get() - 1)) != 0
    }

    #[test]
    fn any_two_quorums_of_one_set_meet() {
        for size in 1..=SIZE_MAX {
            let quorums = Quorums::of(set(0, size));
            let all = 1u32 << size;
            let is_quorum: Vec<bool> = (0..all).map(|s| quorums.is_quorum(among(s))).collect();
            for a in 0..all {
                // Two sets fail to meet only if one lies in the other's complement.
                let complement = !a & (all - 1);
                if is_quorum[a as usize] {
                    assert!(!is_quorum[complement as usize], "{size}: {a:b}");
                }
            }
        }
    }

    #[test]
    fn a_quorum_is_reached_with_any_minority_gone_and_with_no_more() {
        for size in 1..=SIZE_MAX {
            let quorums = Quorums::of(set(0, size));
            for alive in 0..1u32 << size {
                let gone = size - alive.count_ones();
                assert_eq!(
                    quorums.is_quorum(among(alive)),
                    gone <= (size - 1) / 2,
                    "{alive:b} of {size}"
                );
            }
        }
    }

    #[test]
    fn a_joint_quorum_meets_every_quorum_of_both_sets() {
        for old_size in 1..=7 {
            for new_size in 1..=7 {
                for first in 0..=old_size.min(SIZE_MAX - new_size) {
                    let (old, new) = (set(0, old_size), set(first, new_size));
                    let joint = Quorums::joint(old.clone(), new.clone());
                    let (old, new) = (Quorums::of(old), Quorums::of(new));
                    for chosen in 0..1u32 << SIZE_MAX {
                        let both = old.is_quorum(among(chosen)) && new.is_quorum(among(chosen));
                        assert_eq!(joint.is_quorum(among(chosen)), both);
                        if both {
                            assert!(!old.is_quorum(among(!chosen)));
                            assert!(!new.is_quorum(among(!chosen)));
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn a_joint_configuration_asks_every_node_of_both_sets_once() {
        let joint = Quorums::joint(set(0, 3), set(2, 4));
        let nodes: Vec<u64> = joint.replicas().map(NodeId::get).collect();
        assert_eq!(nodes, [1, 2, 3, 4, 5, 6]);
        assert!(joint.contains(NodeId::new(1)) && joint.contains(NodeId::new(6)));
        assert!(!joint.contains(NodeId::new(7)));
    }

    #[test]
    fn a_majority_of_a_set_is_its_quorum() {
        for size in 1..=SIZE_MAX {
            let set = set(0, size);
            let quorums = Quorums::of(set.clone());
            for chosen in 0..1u32 << SIZE_MAX {
                let is_majority = set.is_majority(among(chosen));
                assert_eq!(is_majority, quorums.is_quorum(among(chosen)));
                let counted = (chosen & ((1 << size) - 1)).count_ones() as usize;
                assert_eq!(is_majority, counted >= set.majority());
            }
        }
    }

    #[test]
    fn quorums_tell_the_sets_before_and_after_a_change() {
        let (old, new) = (set(0, 3), set(2, 4));
        let plain = Quorums::of(old.clone());
        assert!(!plain.is_joint());
        assert_eq!((plain.before(), plain.after()), (&old, &old));
        let joint = Quorums::joint(old.clone(), new.clone());
        assert!(joint.is_joint());
        assert_eq!((joint.before(), joint.after()), (&old, &new));
        for node in joint.replicas() {
            assert_eq!(
                joint.contains(node),
                old.contains(node) || new.contains(node)
            );
        }
    }

    #[test]
    #[should_panic(expected = "at least one node")]
    fn nobody_is_no_replica_set() {
        let _ = ReplicaSet::new([]);
    }

    #[test]
    #[should_panic(expected = "once")]
    fn a_node_cannot_be_counted_twice() {
        let _ = ReplicaSet::new([NodeId::new(1), NodeId::new(2), NodeId::new(1)]);
    }
}
