//! What a change of members is to bring about: [`Goal`].

use super::recovering::Recovery;
use super::{ChangeRefusal, DissentReason, Membership, PeerState, Standing};
use crate::configuration::{Configuration, Member, Seat};
use crate::node::{Address, NodeId};
use alloc::sync::Arc;
use alloc::vec::Vec;

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) enum Goal {
    Add { address: Address, weight: u32 },
    Remove { member: NodeId, only_if_down: bool },
    Replace { member: NodeId, address: Address },
    Recover(Recovery),
}

impl Goal {
    /// The address of the node that comes.
    pub(super) fn address(&self) -> Option<&Address> {
        match self {
            Goal::Add { address, .. } | Goal::Replace { address, .. } => Some(address),
            Goal::Remove { .. } | Goal::Recover(_) => None,
        }
    }

    /// The member that leaves.
    pub(super) fn leaver(&self) -> Option<NodeId> {
        match self {
            Goal::Remove { member, .. } | Goal::Replace { member, .. } => Some(*member),
            Goal::Add { .. } | Goal::Recover(_) => None,
        }
    }

    /// What an operator is told when somebody did not agree.
    pub(super) fn refusal(&self, reason: DissentReason) -> ChangeRefusal {
        match (reason, self.leaver(), self.address()) {
            (DissentReason::Alive, Some(leaver), _) => ChangeRefusal::Alive(leaver),
            // Somebody is in a newer epoch: another change was begun.
            (DissentReason::Outdated, _, _) => ChangeRefusal::Busy,
            (DissentReason::Elsewhere, _, Some(address)) => {
                ChangeRefusal::Elsewhere(address.clone())
            }
            _ => ChangeRefusal::NoAgreement,
        }
    }
}

impl Membership {
    /// Whether the change can be thought of at all.
    pub(super) fn check_goal(&self, goal: &Goal) -> Result<(), ChangeRefusal> {
        let configuration = match self.configuration() {
            Some(configuration) if self.standing() == Standing::Member => configuration,
            _ => return Err(ChangeRefusal::NotMember),
        };
        if let Goal::Recover(recovery) = goal {
            return self.recovered(recovery).map(|_| ());
        }
        if configuration.is_joint() {
            return Err(ChangeRefusal::Busy);
        }
        if let Some(leaver) = goal.leaver()
            && !configuration.contains(leaver)
        {
            return Err(ChangeRefusal::UnknownMember(leaver));
        }
        if let Some(address) = goal.address() {
            let holder = configuration
                .members()
                .iter()
                .find(|m| m.address == *address);
            if holder.is_some_and(|holder| goal.leaver() != Some(holder.id)) {
                return Err(ChangeRefusal::AlreadyMember(address.clone()));
            }
        }
        match goal {
            Goal::Remove { .. } if configuration.members().len() == 1 => {
                Err(ChangeRefusal::LastMember)
            }
            _ => Ok(()),
        }
    }

    /// The configuration by which the goal is to be reached; `None` as long as the one that comes
    /// was not met.
    pub(super) fn configuration_after(
        &self,
        goal: &Goal,
    ) -> Option<Result<Arc<Configuration>, ChangeRefusal>> {
        if let Goal::Recover(recovery) = goal {
            return Some(self.recovered(recovery).map(Arc::new));
        }
        let members = self.members_after(goal)?;
        Some(members.and_then(|members| self.joint(members)))
    }

    /// The members after the change; `None` as long as the one that comes was not met.
    fn members_after(&self, goal: &Goal) -> Option<Result<Vec<Member>, ChangeRefusal>> {
        let configuration = self.configuration()?;
        let mut members = configuration.members().to_vec();
        if let Some(leaver) = goal.leaver() {
            members.retain(|member| member.id != leaver);
        }
        let Some(address) = goal.address() else {
            return Some(Ok(members));
        };
        let node = match self.links.last(address) {
            Some(node) if node == self.me => node,
            _ => self.links.node(address)?,
        };
        let replaced = goal
            .leaver()
            .and_then(|leaver| configuration.member(leaver));
        if replaced.is_some_and(|member| member.id == node && member.address == *address) {
            // It may have died, and another process may come.
            let is_alive = self.peer_state(node) == PeerState::Alive || node == self.me;
            return is_alive.then_some(Err(ChangeRefusal::Alive(node)));
        }
        if configuration.contains(node) {
            return Some(Err(ChangeRefusal::AlreadyMember(address.clone())));
        }
        let (weight, seat) = match (goal, replaced) {
            (Goal::Add { weight, .. }, _) => (*weight, Seat::of(node)),
            (_, Some(member)) => (member.weight, member.seat),
            (_, None) => return None,
        };
        members.push(Member {
            id: node,
            address: address.clone(),
            weight,
            seat,
        });
        Some(Ok(members))
    }

    fn joint(&self, members: Vec<Member>) -> Result<Arc<Configuration>, ChangeRefusal> {
        let configuration = self.configuration().ok_or(ChangeRefusal::NotMember)?;
        let joint = configuration.joint(members, configuration.replication());
        let joint = joint.map_err(ChangeRefusal::Invalid)?;
        match self.groups_lost_of(&joint) {
            0 => Ok(Arc::new(joint)),
            groups => Err(ChangeRefusal::Lost { groups }),
        }
    }
}
