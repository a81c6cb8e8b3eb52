//! Having the next configuration decided by the reserved register.

use super::{Decision, Membership, MembershipMessage, MembershipOutput};
use crate::configuration::{Configuration, Epoch};
use crate::invariants::expect_one_configuration;
use crate::node::NodeId;
use crate::time::Time;
use alloc::collections::BTreeSet;
use alloc::sync::Arc;

/// What this node proposed last.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Deciding {
    base: Epoch,
    next: Arc<Configuration>,
    /// The members of what stood when it was proposed, and of what was: they are told.
    party: BTreeSet<NodeId>,
    is_answered: bool,
}

impl Membership {
    /// Whether the outcome of a proposal on the configuration that stands is awaited. No other is
    /// made until it comes, so that it is known what it is the outcome of.
    pub(super) fn is_deciding(&self) -> bool {
        let deciding = self.deciding.as_ref();
        deciding.is_some_and(|deciding| deciding.base == self.epoch() && !deciding.is_answered)
    }

    /// Proposes the next configuration. Says whether it could: one proposal at a time is made.
    pub(super) fn decide(&mut self, next: Arc<Configuration>) -> bool {
        let Some(configuration) = self.configuration().cloned() else {
            return false;
        };
        let base = configuration.epoch();
        assert_eq!(next.epoch(), base.next(), "one epoch follows the other");
        if self.is_deciding() {
            return false;
        }
        let members = configuration.members().iter().chain(next.members());
        self.deciding = Some(Deciding {
            base,
            next: next.clone(),
            party: members.map(|member| member.id).collect(),
            is_answered: false,
        });
        self.outputs
            .push_back(MembershipOutput::Decide { base, next });
        true
    }

    /// What became of a [`MembershipOutput::Decide`].
    ///
    /// # Panics
    /// If it is said to be decided, and another configuration of that epoch stands: then the
    /// cluster has come apart, and it is better to stop than to go on.
    pub fn handle_decision(&mut self, now: Time, base: Epoch, decision: Decision) {
        let Some(deciding) = &mut self.deciding else {
            return;
        };
        if deciding.base != base || deciding.is_answered {
            return;
        }
        deciding.is_answered = true;
        let next = deciding.next.clone();
        match decision {
            Decision::Decided => {
                if let Some(standing) = self.configuration() {
                    expect_one_configuration(standing, &next);
                }
                self.learn(now, None, next);
            }
            Decision::Refused | Decision::Unknown if base == self.epoch() => {
                // If another one stands, somebody knows.
                self.send_to_members(&MembershipMessage::Ask { round: None });
                self.attempt_undecided(now, decision);
                self.carrying_undecided(now);
            }
            Decision::Refused | Decision::Unknown => {}
        }
        self.drive(now);
    }

    /// If what stands now was proposed here, tells everyone whom it concerns.
    pub(super) fn tell_decided(&mut self, entered: &Arc<Configuration>) {
        let Some(deciding) = self.deciding.as_ref().filter(|d| d.next == *entered) else {
            return;
        };
        for node in deciding.party.clone() {
            if node != self.me {
                let configuration = entered.clone();
                self.send(node, MembershipMessage::Stands { configuration });
            }
        }
    }

    /// Sends a message to all members but this node.
    pub(super) fn send_to_members(&mut self, message: &MembershipMessage) {
        let Some(configuration) = self.configuration().cloned() else {
            return;
        };
        for member in configuration.members() {
            if member.id != self.me {
                self.send(member.id, message.clone());
            }
        }
    }
}
