//! Clusters that went on from one another, and what was given up on the way: [`Lineage`].
//!
//! When a majority is lost for good and an operator says so, the members that are left go on: in
//! their cluster, or as a new one. Of some groups, which the operator is told, what was
//! acknowledged last may be lost by that. Their registers begin a new [`Generation`]; what was
//! told of the one before says nothing about it. All others go on as if nothing had happened.

use protocol::{ClusterId, Configuration, Epoch, Groups, RegisterName};
use std::collections::BTreeMap;

/// Where somebody is: an epoch says nothing beyond its cluster.
pub(crate) type Era = (ClusterId, Epoch);

/// Which history of a register something is about.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct Generation {
    /// The first of the clusters that went on from one another.
    pub(crate) root: ClusterId,
    /// How many recoveries there had been, up to the last one that gave the register up.
    pub(crate) number: usize,
}

/// What there was of recoveries.
#[derive(Debug, Default)]
pub(crate) struct Lineage {
    /// The cluster that each recovered one went on from.
    predecessors: BTreeMap<ClusterId, ClusterId>,
    /// What operators were told may be lost, by the cluster that they named for it.
    told: BTreeMap<ClusterId, Groups>,
    /// The recoveries of each root, in their order.
    recoveries: BTreeMap<ClusterId, Vec<Recovery>>,
}

/// A recovery that began.
#[derive(Clone, Copy, Debug)]
struct Recovery {
    /// The epochs in which it counts: from its first one on, and, if it was given up, up to the one
    /// that did so.
    from: Epoch,
    until: Option<Epoch>,
    /// What it gave up.
    groups: Groups,
}

impl Lineage {
    /// An operator, who named this cluster for it, was told that a recovery gives these groups up.
    pub(super) fn tell(&mut self, cluster: ClusterId, groups: Groups) {
        self.told.insert(cluster, groups);
    }

    /// Somebody is the first to enter this configuration.
    ///
    /// # Errors
    /// If it gives up what nobody was told of.
    pub(super) fn entered(&mut self, configuration: &Configuration) -> Result<(), String> {
        let (cluster, epoch) = (configuration.cluster(), configuration.epoch());
        let mut groups = configuration.forced();
        if configuration.is_recovery() {
            let predecessor = configuration.predecessor();
            let predecessor = predecessor.expect("a recovered cluster has one");
            self.predecessors.insert(cluster, predecessor);
            let told = self.told.get(&cluster);
            groups = *told.ok_or_else(|| {
                format!("{cluster} goes on from {predecessor}, and no operator asked for that")
            })?;
        }
        let recoveries = self.recoveries.entry(self.root(cluster)).or_default();
        if configuration.is_aborted()
            && let Some(last) = recoveries.last_mut()
            && last.from.next() == epoch
        {
            last.until = Some(epoch);
        }
        if configuration.is_recovery() || !groups.is_empty() {
            recoveries.push(Recovery {
                from: epoch,
                until: None,
                groups,
            });
        }
        Ok(())
    }

    /// The first of the clusters from which this one went on.
    pub(crate) fn root(&self, cluster: ClusterId) -> ClusterId {
        let mut root = cluster;
        while let Some(predecessor) = self.predecessors.get(&root) {
            root = *predecessor;
        }
        root
    }

    /// Of which generation a register is for somebody in this era. That of the configuration is
    /// never given up.
    pub(crate) fn generation(&self, (cluster, epoch): Era, name: &RegisterName) -> Generation {
        let root = self.root(cluster);
        let Some(group) = name.slot().group() else {
            return Generation { root, number: 0 };
        };
        let recoveries = self.recoveries.get(&root).into_iter().flatten();
        let counts = |recovery: &Recovery| {
            let is_over = recovery.until.is_some_and(|until| until <= epoch);
            recovery.from <= epoch && !is_over && recovery.groups.contains(group)
        };
        // A recovered cluster's epochs are beyond all of the one that it went on from.
        let counting = recoveries.enumerate().filter(|(_, of)| counts(of));
        Generation {
            root,
            number: counting.last().map_or(0, |(index, _)| index + 1),
        }
    }

    /// What the recovery that began in this era gave up, if one did, and the generation that this
    /// is of then.
    pub(super) fn given_up(&self, (cluster, epoch): Era) -> Option<(Generation, Groups)> {
        let root = self.root(cluster);
        let mut recoveries = self.recoveries.get(&root)?.iter().enumerate();
        let (index, recovery) = recoveries.find(|(_, recovery)| recovery.from == epoch)?;
        let number = index + 1;
        Some((Generation { root, number }, recovery.groups))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{configuration, members};
    use protocol::{Group, NodeId};

    fn name(number: usize) -> RegisterName {
        RegisterName::new(format!("r{number}")).unwrap()
    }

    fn group(number: usize) -> Group {
        name(number).slot().group().unwrap()
    }

    #[test]
    fn a_recovery_begins_a_new_generation_of_what_it_gives_up_and_of_nothing_else() {
        let first = configuration(1, &[1, 2, 3]);
        let anew = first.recovered(ClusterId(2), &[NodeId::new(1)]).unwrap();
        let mut lineage = Lineage::default();
        lineage.entered(&first).unwrap();
        assert!(lineage.entered(&anew).is_err(), "nobody asked for it");
        lineage.tell(ClusterId(2), [group(1)].into_iter().collect());
        lineage.entered(&anew).unwrap();
        let generation = |of: &Configuration, number| {
            lineage.generation((of.cluster(), of.epoch()), &name(number))
        };
        assert_eq!(generation(&anew, 2), generation(&first, 2));
        assert_eq!(generation(&anew, 1).root, ClusterId(1));
        assert_eq!(generation(&anew, 1).number, 1);
        assert_eq!(generation(&first, 1).number, 0);
        let later = (ClusterId(2), Epoch(anew.epoch().0 + 5));
        assert_eq!(lineage.generation(later, &name(1)).number, 1);
    }

    #[test]
    fn a_recovery_that_was_given_up_counts_no_more() {
        let first = configuration(1, &[1, 2, 3, 4, 5]);
        let joint = first.joint(members(&[1, 2, 3]), 3).unwrap();
        let joint = joint.forcing([group(1)].into_iter().collect());
        let mut lineage = Lineage::default();
        for entered in [&first, &joint, &joint.aborted()] {
            lineage.entered(entered).unwrap();
        }
        let number = |epoch| {
            lineage
                .generation((ClusterId(1), Epoch(epoch)), &name(1))
                .number
        };
        assert_eq!([number(1), number(2), number(3)], [0, 1, 0]);
    }
}
