//! When the answers are enough: [`Rule`].

#[cfg(feature = "planted-faults")]
use crate::PlantedFault;
use crate::answers::Answers;
use crate::modify::Votes;
use crate::node::NodeId;
use crate::quorum::Quorums;
use crate::tag::Tag;
use bytes::Bytes;

/// The answers to an operation, judged by the quorums of its slot.
///
/// Here and nowhere else is it decided what is true. The failure detector has no part in it.
pub(crate) struct Rule<'a> {
    pub(crate) quorums: &'a Quorums,
    pub(crate) answers: &'a Answers,
    #[cfg(feature = "planted-faults")]
    pub(crate) planted: Option<PlantedFault>,
    #[cfg(feature = "planted-faults")]
    pub(crate) believed_alive: &'a dyn Fn(NodeId) -> bool,
}

impl<'a> Rule<'a> {
    /// The answers, judged by these quorums, with no fault in it.
    pub(crate) fn plain(quorums: &'a Quorums, answers: &'a Answers) -> Self {
        Self {
            quorums,
            answers,
            #[cfg(feature = "planted-faults")]
            planted: None,
            #[cfg(feature = "planted-faults")]
            believed_alive: &|_| false,
        }
    }

    /// Whether a quorum has answered: then no completed write is above the greatest tag seen.
    pub(crate) fn answered(&self) -> bool {
        #[cfg(feature = "planted-faults")]
        if self.planted == Some(PlantedFault::TrustDetector) {
            return self.believed_alive_all(|node| self.answers.of(node).is_some());
        }
        self.quorums
            .is_quorum(|node| self.answers.of(node).is_some())
    }

    /// Whether `tag` is settled: held by a quorum of those that answered, or a greater tag is.
    /// The one predicate for acknowledgements of updates and for replies to queries alike.
    pub(crate) fn settled(&self, tag: Tag) -> bool {
        #[cfg(feature = "planted-faults")]
        if self.planted == Some(PlantedFault::TrustDetector) {
            return self.believed_alive_all(|node| self.answers.holds(node, tag));
        }
        tag.is_zero() || self.quorums.is_quorum(|node| self.answers.holds(node, tag))
    }

    /// Whether a read may return `tag`, the greatest it saw, without making sure of it first: it
    /// is settled, or one of the replicas knows that it is.
    pub(crate) fn readable(&self, tag: Tag) -> bool {
        #[cfg(feature = "planted-faults")]
        if matches!(
            self.planted,
            Some(PlantedFault::TrustDetector | PlantedFault::NoWriteBack)
        ) {
            return true;
        }
        self.answers.say_settled(tag) || self.settled(tag)
    }

    /// Whether those who answered have room for this value. It is asked before anything is sent
    /// that could take effect, and not again: what was begun is taken by all.
    pub(crate) fn has_room_for(&self, content: Option<&Bytes>) -> bool {
        self.answers.bounds().room.is_enough_for(content)
    }

    /// Whether a quorum said yes to a ballot: it is promised, or its step is chosen.
    pub(crate) fn carried(&self, votes: &Votes) -> bool {
        self.quorums.is_quorum(|node| votes.is_yes(node))
    }

    /// Whether a ballot is to be given up: somebody said no, and without them, and without those
    /// who are silent and not `expected` to answer, there is no quorum.
    ///
    /// This decides nothing about the operation: what was asked under the ballot may yet happen.
    pub(crate) fn lost(&self, votes: &Votes, expected: impl Fn(NodeId) -> bool) -> bool {
        let may_say_yes = |node| votes.is_yes(node) || (!votes.is_no(node) && expected(node));
        votes.any_no() && !self.quorums.is_quorum(may_say_yes)
    }

    #[cfg(feature = "planted-faults")]
    fn believed_alive_all(&self, holds: impl Fn(NodeId) -> bool) -> bool {
        let mut replicas = self.quorums.replicas();
        replicas.all(|node| !(self.believed_alive)(node) || holds(node))
    }
}
