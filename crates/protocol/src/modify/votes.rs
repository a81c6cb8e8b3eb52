//! What the replicas said to a ballot: [`Votes`] and [`Promises`].

use crate::ballot::{Accepted, Ballot};
use crate::message::Promise;
use crate::node::NodeId;
use crate::record::Record;
use crate::tag::Tag;
use alloc::vec::Vec;

/// Who said yes to a ballot, and who said no.
///
/// They are the votes of one ballot in one epoch. A yes stays one, whatever its replica promises
/// to others later: what it told was so when it promised.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub(crate) struct Votes {
    /// A handful of replicas, so lists are the fastest sets.
    yes: Vec<NodeId>,
    no: Vec<NodeId>,
}

impl Votes {
    /// `node` has promised the ballot, or accepted its step.
    pub(super) fn note_yes(&mut self, node: NodeId) {
        if !self.yes.contains(&node) {
            self.yes.push(node);
        }
    }

    /// `node` has promised a greater ballot, and so never says yes to this one any more.
    pub(super) fn note_no(&mut self, node: NodeId) {
        if !self.no.contains(&node) {
            self.no.push(node);
        }
    }

    pub(crate) fn is_yes(&self, node: NodeId) -> bool {
        self.yes.contains(&node)
    }

    pub(crate) fn is_no(&self, node: NodeId) -> bool {
        !self.is_yes(node) && self.no.contains(&node)
    }

    /// Whether anybody said no.
    pub(crate) fn any_no(&self) -> bool {
        self.no.iter().any(|&node| self.is_no(node))
    }
}

/// The votes on a ballot, and what those who promised it hold.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Promises {
    pub(super) votes: Votes,
    /// The greatest record of those who promised.
    record: Record,
    /// What each of them had accepted. Which of these count is known only with the greatest
    /// record.
    accepted: Vec<Accepted>,
}

impl Promises {
    pub(super) fn none() -> Self {
        Self {
            votes: Votes::default(),
            record: Record::EMPTY,
            accepted: Vec::new(),
        }
    }

    /// Takes in what `node` said to `ballot`. Returns the greater one that it has promised, if it
    /// refuses.
    pub(super) fn note(
        &mut self,
        node: NodeId,
        ballot: Ballot,
        promise: Promise,
    ) -> Option<Ballot> {
        match promise {
            Promise::Promised { record, accepted } => {
                if !self.votes.is_yes(node) {
                    self.accepted.extend(accepted.map(|accepted| *accepted));
                }
                if record.tag > self.record.tag {
                    self.record = record;
                }
                self.votes.note_yes(node);
                None
            }
            Promise::Refused { promised } => (promised > ballot).then(|| {
                self.votes.note_no(node);
                promised
            }),
        }
    }

    /// The greatest record of those who promised.
    pub(crate) fn record(&self) -> &Record {
        &self.record
    }

    /// What those who promised had accepted.
    pub(crate) fn accepted(&self) -> &[Accepted] {
        &self.accepted
    }

    /// The greatest of the steps accepted *on top of that record*. One that is not above it has
    /// been superseded, whatever its ballot.
    pub(super) fn step_in_doubt(&self) -> Option<&Accepted> {
        let is_above = |step: &&Accepted| step.tag > self.record.tag;
        let above = self.accepted.iter().filter(is_above);
        above.max_by_key(|step| step.rank())
    }

    /// A planted fault: the greatest of all that was accepted, if it is above the record.
    #[cfg(feature = "planted-faults")]
    pub(super) fn greatest_step(&self) -> Option<&Accepted> {
        let greatest = self.accepted.iter().max_by_key(|step| step.rank());
        greatest.filter(|step| step.tag > self.record.tag)
    }
}

impl Tag {
    /// The tag of a step on top of this one, as long as there is one.
    pub(super) fn next_step(self) -> Option<Tag> {
        let step = self.step.checked_add(1)?;
        Some(Tag { step, ..self })
    }
}
