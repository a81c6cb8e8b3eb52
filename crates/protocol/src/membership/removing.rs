//! Removing members that have been down for long, if the operator asked for it.

use super::changing::Asker;
use super::goal::Goal;
use super::poll::is_majority;
use super::{ChangeRefusal, Membership, MembershipEvent};
use crate::configuration::{Epoch, Member};
use crate::node::NodeId;
use crate::time::Time;
use alloc::vec::Vec;
use core::time::Duration;

/// How long after a removal that came to nothing the next one is tried.
const REMOVAL_PAUSE: Duration = Duration::from_secs(10);

/// What this node has done about members that are down.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub(super) struct Removing {
    not_before: Time,
    /// What was last said.
    said: Option<NodeId>,
    not_removed: Option<(NodeId, ChangeRefusal)>,
}

impl Membership {
    pub(super) fn removing_timeout(&self) -> Option<Time> {
        self.removal_due().map(|(due, _)| due)
    }

    pub(super) fn drive_removing(&mut self, now: Time) {
        let Some((due, member)) = self.removal_due() else {
            return;
        };
        if due > now {
            return;
        }
        self.removing.not_before = now + REMOVAL_PAUSE;
        let Some(silent_since) = self.detector.silent_since(member.id) else {
            return;
        };
        if self.removing.said.replace(member.id) != Some(member.id) {
            self.report(MembershipEvent::Removing {
                member: member.id,
                address: member.address,
                silent_for: now.since(silent_since),
            });
        }
        let goal = Goal::Remove {
            member: member.id,
            only_if_down: true,
        };
        self.begin(now, Asker::Removal(member.id), goal);
    }

    /// The member that this node is to have removed next, and when. It is for one node alone: the
    /// first, by id, of those that are alive.
    fn removal_due(&self) -> Option<(Time, Member)> {
        let replace_after = self.options.replace_after?;
        let configuration = self.configuration().filter(|known| !known.is_joint())?;
        let members = configuration.members();
        let first = members.iter().find(|member| self.is_alive(member.id))?;
        if first.id != self.me || !self.changing.is_idle() || self.is_deciding() {
            return None;
        }
        let silent = members.iter().filter_map(|member| {
            let since = self.detector.silent_since(member.id)?;
            Some((since, member))
        });
        let (since, member) = silent.min_by_key(|(since, member)| (*since, member.id))?;
        let left: Vec<Member> = members.iter().filter(|m| *m != member).cloned().collect();
        let is_enough = left.len() >= usize::from(configuration.replication())
            && is_majority(&left, |node| self.is_alive(node))
            && is_majority(members, |node| self.is_alive(node));
        let due = (since + replace_after).max(self.removing.not_before);
        is_enough.then(|| (due, member.clone()))
    }

    pub(super) fn end_removal(&mut self, member: NodeId, result: Result<Epoch, ChangeRefusal>) {
        match result {
            Ok(_) => self.removing.not_removed = None,
            Err(ChangeRefusal::Busy | ChangeRefusal::NotMember) => {}
            Err(why) => {
                let said = (member, why.clone());
                if self.removing.not_removed.replace(said.clone()) != Some(said) {
                    self.report(MembershipEvent::NotRemoved { member, why });
                }
            }
        }
    }
}
