//! Whether this node agrees to a change that another one would begin.

use super::{DissentReason, Knowledge, Membership, MembershipMessage, PeerState};
use crate::configuration::{Configuration, Member};
use crate::node::NodeId;
use crate::time::Time;
use alloc::sync::Arc;

impl Membership {
    /// Another member asks whether this change shall be made.
    pub(super) fn handle_consider(
        &mut self,
        now: Time,
        from: NodeId,
        number: u64,
        configuration: &Arc<Configuration>,
        only_if_down: bool,
    ) {
        match self.judge(now, from, configuration, only_if_down) {
            Some(Ok(())) => self.send(from, MembershipMessage::Consent { number }),
            Some(Err(reason)) => {
                self.send(from, MembershipMessage::Dissent { number, reason });
            }
            None => {}
        }
    }

    /// Whether it agrees. `None` if the question is not for it: it does not know the cluster yet,
    /// or is no part of the change.
    ///
    /// Agreeing binds to nothing, unless it is to a recovery as a new cluster: then nobody else's
    /// is agreed to for a while. It says that this node is there, that no member whose place is
    /// taken at its own address is alive to it, and that it will found no other cluster: one that
    /// has agreed to a founding may yet hear that it stands.
    pub(super) fn judge(
        &mut self,
        now: Time,
        from: NodeId,
        configuration: &Configuration,
        only_if_down: bool,
    ) -> Option<Result<(), DissentReason>> {
        let own = match &self.knowledge {
            Knowledge::Fresh(founding) => {
                return founding
                    .has_agreed()
                    .then_some(Err(DissentReason::Elsewhere));
            }
            Knowledge::Seeking(_) => return None,
            Knowledge::Stands { configuration, .. } => configuration,
        };
        let follows =
            configuration.is_recovery() && configuration.predecessor() == Some(own.cluster());
        if own.cluster() != configuration.cluster() && !follows {
            return Some(Err(DissentReason::Elsewhere));
        }
        // Who recovers must know the newest that any survivor knows.
        let is_known = match follows {
            true => own.epoch().after_recovery() <= configuration.epoch(),
            false => own.epoch() < configuration.epoch(),
        };
        if !is_known {
            return Some(Err(DissentReason::Outdated));
        }
        let is_change = configuration.is_joint() && configuration.contains_before(from);
        if !is_change || !configuration.contains(self.me) {
            return None;
        }
        if follows {
            let mut members = own.members().iter().map(|member| member.id);
            let loses = |node| !configuration.contains(node) && self.is_alive(node);
            if members.any(loses) {
                return Some(Err(DissentReason::Alive));
            }
            return Some(match self.agree_to_recover(now, from) {
                true => Ok(()),
                // Another one was begun at the same time.
                false => Err(DissentReason::Outdated),
            });
        }
        let mut leaving = configuration.members_before().iter();
        let objects = leaving.any(|member| {
            let leaves = !configuration.contains_after(member.id);
            leaves && self.objects_to_leaving(member, configuration, only_if_down)
        });
        Some(match objects {
            true => Err(DissentReason::Alive),
            false => Ok(()),
        })
    }

    /// Whether that member must stay, as far as this node sees.
    fn objects_to_leaving(
        &self,
        member: &Member,
        configuration: &Configuration,
        only_if_down: bool,
    ) -> bool {
        let state = self.peer_state(member.id);
        let mut after = configuration.members_after().iter();
        let is_replaced_there = after.any(|other| other.address == member.address);
        // What it alone may hold of a forced group would be lost.
        let is_forced_out = !configuration.forced().is_empty();
        (is_replaced_there || is_forced_out) && state == PeerState::Alive
            || only_if_down && state != PeerState::Down
    }
}
