//! How a node drops what it no longer holds: [`Leaving`].

use crate::configuration::{Configuration, Epoch};
use crate::lane::Lane;
use crate::output::Output;
use crate::slot::Group;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

/// The groups that are kept although they are not this node's any more.
///
/// They are given up by a configuration that is decided, but others may not know that yet. Until a
/// majority of its members has entered it, they are kept.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub(super) struct Leaving {
    /// Each with the epoch since which it is not held.
    since: BTreeMap<Group, Epoch>,
    /// The latest epoch that a majority of its members has entered, as far as is known.
    entered_by_majority: Epoch,
}

impl Lane {
    /// Another configuration was entered: some of what is kept may not be this node's any more, or
    /// be its own again.
    pub(super) fn note_left_groups(&mut self) {
        let Some(configuration) = &self.configuration else {
            return;
        };
        let own = self.options.incarnation.node;
        let leaving = &mut self.copying.leaving;
        for group in self.replica.groups().iter() {
            // What remains of a forced group may be all there is.
            let is_forced = configuration.forced().contains(group);
            if is_forced || configuration.group_quorums(group).contains(own) {
                leaving.since.remove(&group);
            } else {
                let epoch = configuration.epoch();
                leaving.since.entry(group).or_insert(epoch);
            }
        }
        self.drop_what_is_left();
    }

    /// Drops what this node still keeps of groups that come to it anew, or come to it in another
    /// cluster. It held them long ago, so that nobody counts on that; and if the cluster was
    /// recovered since, it may be what was given up then.
    pub(crate) fn drop_leftovers(&mut self, former: Option<&Configuration>) {
        let Some(entered) = &self.configuration else {
            return;
        };
        let own = self.options.incarnation.node;
        let is_elsewhere = former.is_some_and(|former| former.cluster() != entered.cluster());
        let was_held = |group| {
            let held = former.is_some_and(|former| former.group_quorums(group).contains(own));
            let is_source = entered.group_quorums(group).before().contains(own);
            held && is_source && !is_elsewhere
        };
        let comes = |group: &Group| {
            let is_held = entered.group_quorums(*group).after().contains(own);
            // Of a forced group all that is left counts.
            is_held && !was_held(*group) && !entered.forced().contains(*group)
        };
        let kept = self.replica.groups();
        let come: Vec<Group> = kept.iter().filter(comes).collect();
        self.copying
            .leaving
            .since
            .retain(|group, _| !come.contains(group));
        self.drop_groups(come);
    }

    /// A majority of the members of this epoch's configuration has entered it: what was given up
    /// by it, or before, is dropped.
    pub(crate) fn drop_left_groups(&mut self, epoch: Epoch) {
        let entered = &mut self.copying.leaving.entered_by_majority;
        *entered = epoch.max(*entered);
        self.drop_what_is_left();
    }

    fn drop_what_is_left(&mut self) {
        let Leaving {
            since,
            entered_by_majority,
        } = &mut self.copying.leaving;
        let given_up = since.extract_if(.., |_, since| *since <= *entered_by_majority);
        let groups = given_up.map(|(group, _)| group).collect();
        self.drop_groups(groups);
    }

    fn drop_groups(&mut self, groups: Vec<Group>) {
        for group in groups {
            let Some(number) = self.replica.drop_group(group) else {
                continue;
            };
            if !self.options.has_disk {
                self.note_persisted(number);
            } else {
                self.outputs.push_back(Output::Drop { number, group });
            }
        }
    }
}
