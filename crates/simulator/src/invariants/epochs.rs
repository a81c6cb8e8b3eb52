//! The configurations of a run: that they are a chain, and that each is the only one of its epoch.

use super::lineage::Era;
use protocol::{ClusterId, Configuration, Epoch, Group, Groups, NodeId, ReplicaSet};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Every configuration that any process ever entered.
#[derive(Debug, Default)]
pub(super) struct Epochs {
    known: BTreeMap<Era, Arc<Configuration>>,
}

impl Epochs {
    /// A process enters this one. Says whether nobody did before.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn entered(&mut self, configuration: &Arc<Configuration>) -> Result<bool, String> {
        let (cluster, epoch) = (configuration.cluster(), configuration.epoch());
        if let Some(known) = self.known.get(&(cluster, epoch)) {
            return match known == configuration {
                true => Ok(false),
                false => Err(format!(
                    "epoch {epoch} has two configurations: {known:?} and {configuration:?}"
                )),
            };
        }
        if !self.has_what_leads_to(configuration) {
            let before = self.known.get(&(cluster, Epoch(epoch.0 - 1)));
            return Err(format!(
                "{configuration:?} does not follow on what was before: {before:?}"
            ));
        }
        self.known.insert((cluster, epoch), configuration.clone());
        Ok(true)
    }

    fn has_what_leads_to(&self, next: &Configuration) -> bool {
        if next.is_recovery() {
            return self.of(next.predecessor()).any(|before| {
                let survivors = next.members().iter().map(|member| member.id);
                let survivors: Vec<NodeId> = survivors.collect();
                let recovered = before.recovered(next.cluster(), &survivors);
                recovered.is_ok_and(|recovered| recovered == *next)
            });
        }
        let before = (next.cluster(), Epoch(next.epoch().0 - 1));
        let before = self.known.get(&before);
        next.epoch() == Epoch::FIRST || before.is_some_and(|before| follows(before, next))
    }

    fn of(&self, cluster: Option<ClusterId>) -> impl Iterator<Item = &Arc<Configuration>> {
        let known = self.known.iter();
        let is_of = move |((of, _), _): &(&Era, _)| Some(*of) == cluster;
        known.filter(is_of).map(|(_, configuration)| configuration)
    }

    /// The configuration of an epoch, if anybody has entered it.
    pub(super) fn get(&self, era: Era) -> Option<&Arc<Configuration>> {
        self.known.get(&era)
    }

    /// All configurations, the latest of each cluster first.
    pub(super) fn latest_first(&self) -> impl Iterator<Item = &Arc<Configuration>> {
        self.known.values().rev()
    }
}

/// Whether the one configuration can come right after the other: a change of its members, or one
/// of the two halves of a change.
fn follows(before: &Configuration, next: &Configuration) -> bool {
    if before.is_joint() {
        let is_aborted = !before.is_recovery() && *next == before.aborted();
        return *next == before.finished() || is_aborted;
    }
    let joint = before.joint(next.members_after().to_vec(), next.replication());
    joint.is_ok_and(|joint| match next.forced().is_empty() {
        true => joint == *next,
        // Only what nobody can tell of any more, once those that leave are lost, is forced.
        false => joint.forcing(lost(before, next)) == *next,
    })
}

/// The groups that lose a majority of their replicas if all that leave are lost for good.
fn lost(before: &Configuration, next: &Configuration) -> Groups {
    let is_lost = |group: &Group| {
        let set: &ReplicaSet = before.group_quorums(*group).before();
        !set.is_majority(|node| next.contains_after(node))
    };
    Group::all().filter(is_lost).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{configuration, members};

    fn enter(epochs: &mut Epochs, configuration: &Configuration) -> Result<bool, String> {
        epochs.entered(&Arc::new(configuration.clone()))
    }

    #[test]
    fn a_change_and_either_of_its_ends_follow() {
        for is_finished in [true, false] {
            let mut epochs = Epochs::default();
            let first = configuration(1, &[1, 2, 3]);
            let joint = first.joint(members(&[1, 2, 4]), 3).unwrap();
            let end = if is_finished {
                joint.finished()
            } else {
                joint.aborted()
            };
            for configuration in [&first, &joint, &end] {
                assert_eq!(enter(&mut epochs, configuration), Ok(true));
                assert_eq!(enter(&mut epochs, configuration), Ok(false));
            }
        }
    }

    #[test]
    fn a_recovery_follows_that_forces_what_is_lost_and_no_other() {
        let mut epochs = Epochs::default();
        let first = configuration(1, &[1, 2, 3, 4, 5]);
        enter(&mut epochs, &first).unwrap();
        let joint = first.joint(members(&[1, 2, 3]), 3).unwrap();
        let forced = lost(&first, &joint);
        assert!(!forced.is_empty());
        let all = joint.clone().forcing(Group::all().collect());
        assert!(enter(&mut epochs, &all).is_err());
        assert_eq!(enter(&mut epochs, &joint.forcing(forced)), Ok(true));

        let survivors = [NodeId::new(1), NodeId::new(2)];
        let anew = first.recovered(ClusterId(2), &survivors).unwrap();
        assert_eq!(enter(&mut epochs, &anew), Ok(true));
        let of_strangers = configuration(7, &[1, 2, 6]);
        let of_strangers = of_strangers.recovered(ClusterId(3), &survivors).unwrap();
        assert!(enter(&mut epochs, &of_strangers).is_err());
    }

    #[test]
    fn two_configurations_of_one_epoch_are_found() {
        let mut epochs = Epochs::default();
        let first = configuration(1, &[1, 2, 3]);
        let joint = |ids: &[u64]| first.joint(members(ids), 3).unwrap();
        enter(&mut epochs, &first).unwrap();
        enter(&mut epochs, &joint(&[1, 2])).unwrap();
        let broken = enter(&mut epochs, &joint(&[1, 3])).unwrap_err();
        assert!(broken.starts_with("epoch 2 has two configurations"));
    }

    #[test]
    fn a_configuration_that_follows_on_nothing_is_found() {
        let mut epochs = Epochs::default();
        let first = configuration(1, &[1, 2, 3]);
        let joint = first.joint(members(&[1, 2]), 3).unwrap();
        assert!(enter(&mut epochs, &joint).is_err());
        enter(&mut epochs, &first).unwrap();
        assert!(enter(&mut epochs, &joint.finished()).is_err());
        let other = Configuration::new(ClusterId(1), Epoch(2), members(&[4]), 3).unwrap();
        assert!(enter(&mut epochs, &other).is_err());
    }
}
