//! Whether enough nodes agree to a change: [`Poll`].

use super::DissentReason;
use crate::configuration::{Configuration, Member};
use crate::node::NodeId;
use crate::quorum::ReplicaSet;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::sync::Arc;

/// The answers to one [`Consider`](super::MembershipMessage::Consider).
///
/// A change is proposed only if a majority of those before it and a majority of those after it
/// agree, and every one that comes: then there is a quorum once it has begun. Their agreeing binds
/// nobody; that no two changes are made at once is for the reserved register to see to.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Poll {
    /// The asker's number for it. An answer with another one is to an earlier question.
    pub(super) number: u64,
    /// The joint configuration that it is about.
    pub(super) configuration: Arc<Configuration>,
    pub(super) only_if_down: bool,
    answers: BTreeMap<NodeId, Result<(), DissentReason>>,
}

/// What the answers so far come to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Verdict {
    /// More answers are needed.
    Open,
    Agreed,
    /// There will be no agreement, whatever the others say: one of those that come has said no, or
    /// too many others have, or somebody is in a newer epoch already.
    Refused(DissentReason),
}

impl Poll {
    pub(super) fn new(number: u64, configuration: Arc<Configuration>, only_if_down: bool) -> Self {
        Self {
            number,
            configuration,
            only_if_down,
            answers: BTreeMap::new(),
        }
    }

    /// Takes in an answer. One that says no for now may say yes when it is asked again.
    pub(super) fn note(&mut self, node: NodeId, number: u64, answer: Result<(), DissentReason>) {
        if number == self.number && self.configuration.contains(node) {
            self.answers.insert(node, answer);
        }
    }

    /// Those that have not said yes.
    pub(super) fn wanting(&self) -> BTreeSet<NodeId> {
        let members = self.configuration.members().iter().map(|member| member.id);
        members.filter(|&node| !self.has_consented(node)).collect()
    }

    fn has_consented(&self, node: NodeId) -> bool {
        self.answers.get(&node) == Some(&Ok(()))
    }

    fn has_dissented(&self, node: NodeId) -> bool {
        matches!(self.answers.get(&node), Some(Err(_)))
    }

    pub(super) fn verdict(&self) -> Verdict {
        let configuration = &self.configuration;
        let mut joining = configuration.members().iter().map(|member| member.id);
        let all_join =
            joining.all(|node| configuration.contains_before(node) || self.has_consented(node));
        // What is not decided by a majority is agreed to by all.
        let has_majorities = |says: &dyn Fn(NodeId) -> bool| {
            let mut members = configuration.members().iter();
            is_majority(configuration.members_before(), says)
                && is_majority(configuration.members_after(), says)
                && (!configuration.is_recovery() || members.all(|member| says(member.id)))
        };
        if all_join && has_majorities(&|node| self.has_consented(node)) {
            return Verdict::Agreed;
        }
        let veto = self.answers.iter().find_map(|(&node, answer)| {
            let reason = answer.err()?;
            let joins = !configuration.contains_before(node);
            (joins || reason == DissentReason::Outdated).then_some(reason)
        });
        if let Some(reason) = veto {
            return Verdict::Refused(reason);
        }
        match has_majorities(&|node| !self.has_dissented(node)) {
            true => Verdict::Open,
            false => Verdict::Refused(self.reason().expect("somebody has dissented")),
        }
    }

    /// Why there was no agreement, if somebody said so: what is worth most to know.
    pub(super) fn reason(&self) -> Option<DissentReason> {
        let reasons = self.answers.values().filter_map(|answer| answer.err());
        reasons.min()
    }
}

/// Whether those that `says` says yes to are a majority of these members.
pub(super) fn is_majority(members: &[Member], says: impl Fn(NodeId) -> bool) -> bool {
    ReplicaSet::new(members.iter().map(|member| member.id)).is_majority(says)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::configuration::{ClusterId, Epoch};
    use alloc::format;
    use alloc::vec::Vec;

    fn members(ids: &[u64]) -> Vec<Member> {
        let member = |&id: &u64| {
            let address = format!("n{id}:1").parse().unwrap();
            Member::new(NodeId::new(id), address)
        };
        ids.iter().map(member).collect()
    }

    /// The verdict on a change from these members to those, when these nodes have answered.
    fn verdict(before: &[u64], after: &[u64], yes: &[u64], no: &[u64]) -> Verdict {
        let plain = Configuration::new(ClusterId(1), Epoch(1), members(before), 3).unwrap();
        let joint = plain.joint(members(after), 3).unwrap();
        let mut poll = Poll::new(1, Arc::new(joint), false);
        for &id in yes {
            poll.note(NodeId::new(id), 1, Ok(()));
        }
        for &id in no {
            poll.note(NodeId::new(id), 1, Err(DissentReason::Alive));
        }
        poll.verdict()
    }

    const REFUSED: Verdict = Verdict::Refused(DissentReason::Alive);

    #[test]
    fn a_majority_before_and_one_after_and_all_that_come_must_agree() {
        let replace = |yes, no| verdict(&[1, 2, 3], &[1, 2, 4], yes, no);
        assert_eq!(replace(&[1, 2], &[]), Verdict::Open);
        assert_eq!(replace(&[1, 4], &[]), Verdict::Open);
        assert_eq!(replace(&[1, 3, 4], &[]), Verdict::Agreed);
        assert_eq!(replace(&[1, 2, 4], &[]), Verdict::Agreed);
        assert_eq!(replace(&[1, 2], &[4]), REFUSED);
        assert_eq!(replace(&[2, 4], &[1]), Verdict::Open);
        assert_eq!(replace(&[4], &[1, 2]), REFUSED);
    }

    #[test]
    fn a_removal_that_would_leave_no_quorum_is_not_agreed_to() {
        // 1 is all that would be left with 2, and 2 does not answer.
        let remove = |yes| verdict(&[1, 2, 3], &[1, 2], yes, &[]);
        assert_eq!(remove(&[1, 3]), Verdict::Open);
        assert_eq!(remove(&[1, 2]), Verdict::Agreed);
    }

    #[test]
    fn answers_of_strangers_and_to_other_questions_do_not_count() {
        let plain = Configuration::new(ClusterId(1), Epoch(1), members(&[1]), 3).unwrap();
        let joint = plain.joint(members(&[1, 2]), 3).unwrap();
        let mut poll = Poll::new(7, Arc::new(joint), false);
        poll.note(NodeId::new(1), 7, Ok(()));
        poll.note(NodeId::new(2), 6, Ok(()));
        poll.note(NodeId::new(3), 7, Ok(()));
        assert_eq!(poll.verdict(), Verdict::Open);
        assert_eq!(poll.wanting(), [NodeId::new(2)].into());
        // Who said no may say yes when it is asked again.
        poll.note(NodeId::new(1), 7, Err(DissentReason::Alive));
        assert_eq!(poll.verdict(), REFUSED);
        poll.note(NodeId::new(1), 7, Ok(()));
        poll.note(NodeId::new(2), 7, Ok(()));
        assert_eq!(poll.verdict(), Verdict::Agreed);
    }
}
