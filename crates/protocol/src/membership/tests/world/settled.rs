//! Where everyone should be once faults have ended.

use super::*;

impl World {
    /// Why not everyone is where it should be once faults have ended, if that is so.
    ///
    /// As long as a majority of the members lives, the change that was under way has ended, all
    /// know the same configuration, and everyone at a member's address, or that wants to join, is
    /// a member.
    pub(in super::super) fn unsettled(&self) -> Option<String> {
        let Some(latest) = self.latest() else {
            return Some(format!("no cluster: {}", self.describe()));
        };
        if self.is_quorum_gone() {
            return self.unsettled_without_quorum();
        }
        if latest.is_joint() {
            return Some(format!("a change is under way: {}", self.describe()));
        }
        for (index, process) in self.processes.iter().enumerate() {
            let Some(process) = process else { continue };
            let membership = &process.membership;
            let mut members = latest.members().iter();
            let is_place = members.any(|member| member.address == self.addresses[index]);
            let is_stranger = self.lists[index].len() == 2 && !is_place;
            if is_stranger && membership.standing() == Standing::Fresh {
                // Nobody has told it anything.
                continue;
            }
            if membership.configuration() != Some(latest) {
                return Some(format!(
                    "{} knows otherwise: {}",
                    process.id,
                    self.describe()
                ));
            }
            let asks = self.joins.contains_key(&index) && membership.seat.is_none();
            let wants_in = (is_place || asks) && !latest.contains(process.id);
            if wants_in && !self.is_any_group_gone(latest) {
                return Some(format!("{} is not let in: {}", process.id, self.describe()));
            }
            let unlike = |member: &&crate::configuration::Member| {
                let expected = match self.is_gone(member.id) {
                    true => PeerState::Down,
                    false => PeerState::Alive,
                };
                membership.peer_state(member.id) != expected
            };
            if let Some(member) = latest.members().iter().find(unlike) {
                let state = membership.peer_state(member.id);
                return Some(format!(
                    "{} sees {} {state}: {}",
                    process.id,
                    member.id,
                    self.describe()
                ));
            }
            if membership.quorum_lost() {
                return Some(format!("{} holds the data for lost", process.id));
            }
            let lacking = membership.groups_lacking(process.id);
            if lacking > 0 && !self.is_any_group_gone(latest) {
                return Some(format!("{} lacks {lacking} group(s)", process.id));
            }
        }
        None
    }

    /// Runs until everyone is where it should be, and stays there.
    pub(in super::super) fn run_until_settled(&mut self, most: Duration) {
        let end = self.now + most;
        while let Some(reason) = self.unsettled() {
            assert!(self.now < end, "{reason}");
            self.run(ms(100));
        }
        self.run(ms(2_500));
        assert_eq!(self.unsettled(), None);
    }

    /// Nothing can be decided any more: all know the same, and say so.
    fn unsettled_without_quorum(&self) -> Option<String> {
        let known = self.at(0).membership.configuration();
        for process in self.live() {
            let membership = &process.membership;
            if membership.configuration() != known || !membership.quorum_lost() {
                let id = process.id;
                return Some(format!("{id} does not see the loss: {}", self.describe()));
            }
        }
        None
    }

    pub(in super::super) fn is_gone(&self, id: NodeId) -> bool {
        self.live().all(|process| process.id != id)
    }

    /// Whether a majority of those that decide is dead.
    pub(in super::super) fn is_quorum_gone(&self) -> bool {
        self.latest().is_some_and(|latest| {
            let members = latest.members_before();
            let gone = members.iter().filter(|m| self.is_gone(m.id)).count();
            gone * 2 >= members.len()
        })
    }

    /// Whether a majority of some group's replicas is dead.
    pub(in super::super) fn is_any_group_gone(&self, configuration: &Configuration) -> bool {
        let mut members = configuration.members_before().iter();
        let is_any_gone = members.any(|member| self.is_gone(member.id));
        is_any_gone
            && crate::slot::Group::all().any(|group| {
                let replicas = configuration.group_quorums(group).before();
                !replicas.is_majority(|node| !self.is_gone(node))
            })
    }
}
