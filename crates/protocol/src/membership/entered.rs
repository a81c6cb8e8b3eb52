//! Who has entered which epoch: [`Entered`].

use super::poll::is_majority;
use super::{Membership, MembershipOutput};
use crate::configuration::{Configuration, Epoch};
use crate::node::NodeId;
use alloc::collections::BTreeMap;

/// The greatest epoch that each member is known to have entered.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub(super) struct Entered {
    epochs: BTreeMap<NodeId, Epoch>,
    /// The last epoch of which it was said that a majority has entered it.
    said: Epoch,
}

impl Entered {
    pub(super) fn note(&mut self, node: NodeId, epoch: Epoch) {
        let known = self.epochs.entry(node).or_default();
        *known = epoch.max(*known);
    }

    pub(super) fn retain(&mut self, keep: impl Fn(NodeId) -> bool) {
        self.epochs.retain(|&node, _| keep(node));
    }

    /// Whether a majority of the members has entered this configuration, which no change is to
    /// follow on by itself. It is said once.
    fn by_majority(&mut self, configuration: &Configuration) -> bool {
        let epoch = configuration.epoch();
        if configuration.is_joint() || self.said >= epoch {
            return false;
        }
        let has_entered = |node| self.epochs.get(&node).is_some_and(|&known| known >= epoch);
        let is_entered = is_majority(configuration.members(), has_entered);
        if is_entered {
            self.said = epoch;
        }
        is_entered
    }
}

impl Membership {
    /// A node has shown that it is in this epoch of this cluster.
    pub(super) fn note_epoch(&mut self, node: NodeId, epoch: Epoch) {
        let configuration = self.configuration();
        if configuration.is_some_and(|configuration| configuration.contains(node)) {
            self.entered.note(node, epoch);
            self.review_entered();
        }
    }

    /// Says so, once, when a majority of the members has entered the configuration, and has this
    /// process stop if it was replaced.
    pub(super) fn review_entered(&mut self) {
        if let Some(configuration) = self.configuration().cloned()
            && self.entered.by_majority(&configuration)
        {
            let epoch = configuration.epoch();
            self.outputs
                .push_back(MembershipOutput::EnteredByMajority(epoch));
        }
        self.stop_if_replaced();
    }

    /// If another one has the seat that this node had, has this process stop: not before a
    /// majority of the members knows it, as this node may be the only one that does, and those
    /// that decided before may be needed to find it out.
    fn stop_if_replaced(&mut self) {
        let (Some(configuration), Some(seat)) = (self.configuration().cloned(), self.seat) else {
            return;
        };
        let epoch = configuration.epoch();
        // A change begins only once a majority has entered what was before it.
        let is_known = configuration.is_joint() || self.entered.said == epoch;
        let mut before = configuration.members_before().iter();
        if is_known
            && !configuration.contains_before(self.me)
            && let Some(member) = before.find(|member| member.seat == seat)
            && !core::mem::replace(&mut self.is_stopped, true)
        {
            self.outputs.push_back(MembershipOutput::Stop {
                by: member.id,
                address: member.address.clone(),
            });
        }
    }
}
