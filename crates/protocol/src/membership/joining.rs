//! Being let in: how a node that is no member asks for it, and what a member does about it.

use super::changing::Asker;
use super::goal::Goal;
use super::{Membership, MembershipEvent, MembershipMessage};
use crate::configuration::Configuration;
use crate::node::{Address, NodeId};
use crate::time::Time;
use alloc::sync::Arc;
use core::time::Duration;

/// How often a node that is no member tells members where it is, so that they stay connected to
/// it: they ask, answer and forward. It must be less than what [`Candidates`](super::candidates::Candidates) are
/// remembered for.
const TOUCH_INTERVAL: Duration = Duration::from_secs(10);

/// A node's own asking to be let in.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub(super) struct Joining {
    ask_due: Time,
    touch_due: Time,
    report_due: Time,
    /// The member that was asked last.
    asked: NodeId,
}

/// What a node wants of the members that is no member, or cannot tell any more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Wish {
    /// To come in the place of the member at its address.
    Instead(NodeId),
    /// To be one more, of this weight.
    More(u32),
    /// To be connected, or stay so.
    Touch,
}

impl Membership {
    /// Whether this node is no member and asks to be one.
    pub(super) fn wants_in(&self) -> bool {
        matches!(self.wish(), Some(Wish::Instead(_) | Wish::More(_)))
    }

    /// What this node wants. One that was a member and was removed does not ask to be let in: an
    /// operator, or the others, did not want it.
    fn wish(&self) -> Option<Wish> {
        let configuration = self.configuration()?;
        if configuration.contains(self.me) {
            // If nobody answers, it may be that the others let this node go, or gave up the change
            // by which it was to come, and do not know any more where to tell it.
            let mut others = configuration.members().iter();
            let is_alone = others.all(|other| other.id == self.me || !self.is_alive(other.id));
            let is_only = configuration.members().len() == 1;
            return (is_alone && !is_only).then_some(Wish::Touch);
        }
        if self.seat.is_some() {
            return Some(Wish::Touch);
        }
        let mut members = configuration.members_after().iter();
        let instead = members.find(|member| member.address == self.options.advertise);
        let more = self.options.join.as_ref().map(|join| join.weight);
        Some(match (instead, more) {
            (Some(member), _) => Wish::Instead(member.id),
            (None, Some(weight)) => Wish::More(weight),
            (None, None) => Wish::Touch,
        })
    }

    /// This node has learned that it is no member: it asks from now on, and complains if that is
    /// in vain.
    pub(super) fn start_joining(&mut self, now: Time) {
        self.joining = Joining {
            ask_due: now,
            touch_due: now,
            report_due: now + self.options.report_interval,
            ..self.joining
        };
    }

    pub(super) fn joining_timeout(&self) -> Option<Time> {
        if self.wants_in() {
            let joining = &self.joining;
            let due = self.ask_due().min(joining.report_due);
            return Some(due.min(joining.touch_due));
        }
        self.wish().map(|_| self.joining.touch_due)
    }

    /// If nobody seems alive, somebody may soon.
    fn ask_due(&self) -> Time {
        let patience = match self.next_to_ask() {
            Some(_) => Duration::ZERO,
            None => self.options.progress_interval,
        };
        self.joining.ask_due + patience
    }

    pub(super) fn drive_joining(&mut self, now: Time) {
        if self.wish().is_some() && self.joining.touch_due <= now {
            self.joining.touch_due = now + TOUCH_INTERVAL;
            self.touch_members();
        }
        if !self.wants_in() {
            return;
        }
        if self.joining.report_due <= now {
            self.joining.report_due = now + self.options.report_interval;
            self.report_still_outside();
        }
        if self.ask_due() <= now {
            self.joining.ask_due = now + self.options.progress_interval;
            self.ask_to_be_let_in();
        }
    }

    fn ask_to_be_let_in(&mut self) {
        let message = MembershipMessage::Join {
            address: self.options.advertise.clone(),
            weight: match self.wish() {
                Some(Wish::More(weight)) => Some(weight),
                _ => None,
            },
        };
        match self.next_to_ask() {
            Some(node) => {
                self.joining.asked = node;
                self.send(node, message);
            }
            // It may be that none knows where to reach this node.
            None => self.send_to_members(&message),
        }
    }

    fn report_still_outside(&mut self) {
        let instead_of = match self.wish() {
            Some(Wish::Instead(member)) => Some(member),
            _ => None,
        };
        let address = self.options.advertise.clone();
        self.report(MembershipEvent::StillOutside {
            address,
            instead_of,
        });
    }

    /// Tells members where this node is that may not know: those that do not answer, and, if it is
    /// not going to ask them, the others.
    fn touch_members(&mut self) {
        let Some(configuration) = self.configuration().cloned() else {
            return;
        };
        for member in configuration.members() {
            if !self.wants_in() || !self.is_alive(member.id) {
                self.touch(member.id);
            }
        }
    }

    /// Tells a member where this node is, unless it is at a member's address, which all know.
    pub(super) fn touch(&mut self, node: NodeId) {
        let is_member = |known: &Arc<Configuration>| known.contains(node);
        if self.configuration().is_some_and(is_member)
            && matches!(self.wish(), Some(Wish::More(_) | Wish::Touch))
        {
            let address = self.options.advertise.clone();
            let weight = None;
            self.send(node, MembershipMessage::Join { address, weight });
        }
    }

    /// The alive member that comes after the one that was asked last.
    fn next_to_ask(&self) -> Option<NodeId> {
        let members = self.configuration()?.members().iter();
        let alive = members
            .map(|member| member.id)
            .filter(|&node| self.is_alive(node));
        let asked = self.joining.asked;
        // False comes before true: those after it first.
        alive.min_by_key(|&node| (node <= asked, node))
    }

    /// A node asks to be let in. It is remembered, so that it is met at its address, and told
    /// which cluster stands.
    pub(super) fn handle_join(
        &mut self,
        now: Time,
        from: NodeId,
        address: Address,
        weight: Option<u32>,
    ) {
        let Some(configuration) = self.configuration().cloned() else {
            return;
        };
        self.candidates.note(now, from, address.clone(), weight);
        if configuration.contains(from) {
            // One of the two is behind: if it is this node, the other one stays remembered.
            return self.send(from, MembershipMessage::Stands { configuration });
        }
        if self.links.node(&address) == Some(from) {
            self.send(from, MembershipMessage::Stands { configuration });
        }
        self.let_in(now, &address, from);
    }

    /// Begins the change by which a node comes in that asked for it, if this node has met it at
    /// that address, and nothing else is under way.
    pub(super) fn let_in(&mut self, now: Time, address: &Address, node: NodeId) {
        let Some(candidate) = self.candidates.get(node) else {
            return;
        };
        if candidate.address != *address || self.links.node(address) != Some(node) {
            return;
        }
        let weight = candidate.weight;
        let Some(configuration) = self.configuration().filter(|c| !c.is_joint()) else {
            return;
        };
        if configuration.contains(node) {
            // It is in already, and said where it is when it was alone.
            return;
        }
        let mut members = configuration.members().iter();
        let goal = match members.find(|member| member.address == *address) {
            Some(member) => Goal::Replace {
                member: member.id,
                address: address.clone(),
            },
            None => {
                let Some(weight) = weight else { return };
                Goal::Add {
                    address: address.clone(),
                    weight,
                }
            }
        };
        // If it cannot be now, the node will ask again.
        self.begin(now, Asker::Candidate(address.clone()), goal);
    }
}
