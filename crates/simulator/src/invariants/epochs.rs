//! The configurations of a run: that they are a chain, and that each is the only one of its epoch.

use protocol::{ClusterId, Configuration, Epoch};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Every configuration that any process ever entered.
#[derive(Debug, Default)]
pub(super) struct Epochs {
    known: BTreeMap<(ClusterId, Epoch), Arc<Configuration>>,
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
        if epoch != Epoch::FIRST {
            let before = self.known.get(&(cluster, Epoch(epoch.0 - 1)));
            if !before.is_some_and(|before| follows(before, configuration)) {
                return Err(format!(
                    "{configuration:?} does not follow on what was before: {before:?}"
                ));
            }
        }
        self.known.insert((cluster, epoch), configuration.clone());
        Ok(true)
    }

    /// The configuration of an epoch, if anybody has entered it.
    pub(super) fn get(&self, cluster: ClusterId, epoch: Epoch) -> Option<&Arc<Configuration>> {
        self.known.get(&(cluster, epoch))
    }
}

/// Whether the one configuration can come right after the other: a change of its members, or one
/// of the two halves of a change.
fn follows(before: &Configuration, next: &Configuration) -> bool {
    if before.is_joint() {
        return *next == before.finished() || *next == before.aborted();
    }
    let joint = before.joint(next.members_after().to_vec(), next.replication());
    joint.is_ok_and(|joint| joint == *next)
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::{Member, NodeId};

    fn members(ids: &[u64]) -> Vec<Member> {
        let member = |id: &u64| {
            let address = format!("n{id}:1").parse().unwrap();
            Member::new(NodeId::new(*id), address)
        };
        ids.iter().map(member).collect()
    }

    fn first(ids: &[u64]) -> Configuration {
        Configuration::new(ClusterId(1), Epoch::FIRST, members(ids), 3).unwrap()
    }

    fn enter(epochs: &mut Epochs, configuration: &Configuration) -> Result<bool, String> {
        epochs.entered(&Arc::new(configuration.clone()))
    }

    #[test]
    fn a_change_and_either_of_its_ends_follow() {
        for is_finished in [true, false] {
            let mut epochs = Epochs::default();
            let first = first(&[1, 2, 3]);
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
    fn two_configurations_of_one_epoch_are_found() {
        let mut epochs = Epochs::default();
        let first = first(&[1, 2, 3]);
        let joint = |ids: &[u64]| first.joint(members(ids), 3).unwrap();
        enter(&mut epochs, &first).unwrap();
        enter(&mut epochs, &joint(&[1, 2])).unwrap();
        let broken = enter(&mut epochs, &joint(&[1, 3])).unwrap_err();
        assert!(broken.starts_with("epoch 2 has two configurations"));
    }

    #[test]
    fn a_configuration_that_follows_on_nothing_is_found() {
        let mut epochs = Epochs::default();
        let first = first(&[1, 2, 3]);
        let joint = first.joint(members(&[1, 2]), 3).unwrap();
        assert!(enter(&mut epochs, &joint).is_err());
        enter(&mut epochs, &first).unwrap();
        assert!(enter(&mut epochs, &joint.finished()).is_err());
        let other = Configuration::new(ClusterId(1), Epoch(2), members(&[4]), 3).unwrap();
        assert!(enter(&mut epochs, &other).is_err());
    }
}
