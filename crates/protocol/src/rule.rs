//! When the answers are enough: [`Rule`].

use crate::answers::Answers;
use crate::quorum::Quorums;
use crate::tag::Tag;
#[cfg(feature = "planted-faults")]
use crate::{NodeId, PlantedFault};

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

impl Rule<'_> {
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

    #[cfg(feature = "planted-faults")]
    fn believed_alive_all(&self, holds: impl Fn(NodeId) -> bool) -> bool {
        let mut replicas = self.quorums.replicas();
        replicas.all(|node| !(self.believed_alive)(node) || holds(node))
    }
}
