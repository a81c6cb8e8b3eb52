//! Memory that is gone for good.
//!
//! Nodes keep registers in memory, so one process alone can ever answer under its NodeId. A member
//! at whose address another process answers is *lost*. Another one can come in its place and copy
//! what it held from the other replicas; when a majority of a group's replicas is lost, nobody can
//! tell any more what was written to it, and when a majority of the members is, nothing can be
//! decided any more.

use super::{Membership, MembershipEvent};
use crate::configuration::{Configuration, Groups};
use crate::node::NodeId;
use crate::slot::{Group, Slot};
use crate::time::Time;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

/// Which losses there are, and what has been said once and is not said again.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub(super) struct Losses {
    lost: BTreeSet<NodeId>,
    /// When each member was first known to be one, and how many links had come up by then.
    /// Whoever was met at its address before may have been there before it.
    known_since: BTreeMap<NodeId, (Time, u64)>,
    quorum_lost: bool,
    groups_lost: Groups,
}

impl Membership {
    /// Whether that is a member at whose address another process answers: its memory is gone for
    /// good.
    pub fn is_lost(&self, node: NodeId) -> bool {
        self.losses.lost.contains(&node)
    }

    /// Whether so many members are lost that nothing can ever be decided again: no change of
    /// members is possible any more, and what the lost ones alone held is gone.
    pub fn quorum_lost(&self) -> bool {
        self.losses.quorum_lost
    }

    /// The groups of slots that have lost a majority of their replicas: their registers can
    /// neither be read nor written.
    pub fn groups_lost(&self) -> Groups {
        self.losses.groups_lost
    }

    /// How many of the groups that this change would move have lost a majority of those that
    /// they would be copied from.
    pub(super) fn groups_lost_of(&self, joint: &Configuration) -> usize {
        if self.losses.lost.is_empty() {
            return 0;
        }
        let groups = joint.changed_groups();
        groups
            .filter(|&group| self.is_group_lost(joint, group))
            .count()
    }

    /// Whether the group can be copied from nobody.
    fn is_group_lost(&self, configuration: &Configuration, group: Group) -> bool {
        let replicas = configuration.group_quorums(group).before();
        !configuration.forced().contains(group) && !replicas.is_majority(|node| !self.is_lost(node))
    }

    /// The process that answers at a member's address in its stead.
    ///
    /// One that was met there before this node knew of the member counts only if the link to it
    /// is up some time later: that to a dead process would have broken.
    fn replaced_by(&self, now: Time, node: NodeId) -> Option<NodeId> {
        let configuration = self.configuration()?;
        let member = configuration.member(node)?;
        let own = configuration.member(self.me);
        // A node does not dial itself once it has met itself, or is a member.
        let is_own = own.is_some_and(|own| own.address == member.address)
            || self.links.last(&member.address) == Some(self.me);
        let last = match is_own {
            true => self.me,
            false => {
                let (since, ups) = *self.losses.known_since.get(&node)?;
                let is_long_known = now.since(since) >= self.options.down_after * 2;
                let here = self.links.node(&member.address).filter(|_| is_long_known);
                here.or_else(|| self.links.last_after(&member.address, ups))?
            }
        };
        (node != self.me && last != node).then_some(last)
    }

    /// Another configuration stands. At first nothing is known of when its members came.
    pub(super) fn note_members(
        &mut self,
        now: Time,
        former: Option<&Configuration>,
        entered: &Configuration,
    ) {
        let ups = former.map_or(0, |_| self.links.ups());
        let known = core::mem::take(&mut self.losses.known_since);
        let members = entered.members().iter().map(|member| member.id);
        let since = members.map(|node| (node, known.get(&node).copied().unwrap_or((now, ups))));
        self.losses.known_since = since.collect();
    }

    /// Finds out, and reports, which members are lost, and what is with them.
    pub(super) fn review_losses(&mut self, now: Time) {
        let Some(configuration) = self.configuration().cloned() else {
            return;
        };
        let members = configuration.members().iter();
        let lost = members.filter_map(|member| Some((member, self.replaced_by(now, member.id)?)));
        let lost: Vec<_> = lost.collect();
        let ids = lost.iter().map(|(member, _)| member.id).collect();
        let former = core::mem::replace(&mut self.losses.lost, ids);
        for (member, by) in lost {
            if !former.contains(&member.id) {
                self.detector.replace(member.id, &mut self.outputs);
                self.report(MembershipEvent::MemberLost {
                    member: member.id,
                    address: member.address.clone(),
                    by,
                });
            }
        }
        let quorums = configuration.quorums(Slot::RESERVED);
        let quorum_lost = !quorums.is_quorum(|node| !self.is_lost(node));
        if core::mem::replace(&mut self.losses.quorum_lost, quorum_lost) != quorum_lost
            && quorum_lost
        {
            let cluster = configuration.cluster();
            self.report(MembershipEvent::QuorumLost { cluster });
        }
        self.review_groups();
    }

    /// In a joint configuration a group that is copied already is not lost with those that it was
    /// copied from.
    pub(super) fn review_groups(&mut self) {
        let Some(configuration) = self.configuration().cloned() else {
            return;
        };
        let is_lost = |group: &Group| {
            let has_majority = || (self.progress).has_majority(&configuration, *group, |_| true);
            self.is_group_lost(&configuration, *group)
                && !(configuration.is_joint() && has_majority())
        };
        let groups = match self.losses.lost.is_empty() {
            true => Groups::NONE,
            false => Group::all().filter(is_lost).collect(),
        };
        let former = core::mem::replace(&mut self.losses.groups_lost, groups);
        if groups.len() > former.len() && !self.losses.quorum_lost {
            let groups = groups.len();
            self.report(MembershipEvent::GroupsLost { groups });
        }
    }
}
