//! What the replicas answered to one operation: [`Answers`].

use crate::message::Bounds;
use crate::node::NodeId;
use crate::tag::Tag;
use alloc::vec::Vec;

/// For each replica that answered, the greatest tag that it said it holds.
///
/// Answers to queries and acknowledgements of updates are alike here: both say that a replica
/// holds at least this tag, and a replica's tag never goes down, so neither is ever outdated.
/// They are the answers of one epoch; they are forgotten when the coordinator enters another.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Answers {
    /// A handful of replicas, so a list is the fastest map.
    answers: Vec<(NodeId, Held)>,
    /// What a new record has to keep to, by all of them.
    bounds: Bounds,
}

/// What one replica said.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Held {
    /// It holds at least this tag.
    pub(crate) tag: Tag,
    /// It said that this very tag is settled.
    pub(crate) settled: bool,
}

impl Default for Answers {
    fn default() -> Self {
        Self {
            answers: Vec::new(),
            bounds: Bounds::NONE,
        }
    }
}

impl Answers {
    /// Takes in what one of them said that a new record has to keep to.
    pub(crate) fn note_bounds(&mut self, bounds: Bounds) {
        self.bounds = self.bounds.and(bounds);
    }

    /// What a new record has to keep to.
    pub(crate) fn bounds(&self) -> Bounds {
        self.bounds
    }

    /// Takes in an answer of `node`, in whatever order they come.
    pub(crate) fn note(&mut self, node: NodeId, tag: Tag, settled: bool) {
        match self.answers.iter_mut().find(|(from, _)| *from == node) {
            None => self.answers.push((node, Held { tag, settled })),
            Some((_, held)) if tag > held.tag => *held = Held { tag, settled },
            Some((_, held)) => held.settled |= settled && tag == held.tag,
        }
    }

    /// What `node` said, if it answered.
    pub(crate) fn of(&self, node: NodeId) -> Option<Held> {
        let answer = self.answers.iter().find(|(from, _)| *from == node);
        answer.map(|(_, held)| *held)
    }

    /// Whether `node` answered that it holds at least `tag`.
    pub(crate) fn holds(&self, node: NodeId, tag: Tag) -> bool {
        self.of(node).is_some_and(|held| held.tag >= tag)
    }

    /// The greatest tag that any of them holds.
    pub(crate) fn greatest(&self) -> Tag {
        let tags = self.answers.iter().map(|(_, held)| held.tag);
        tags.max().unwrap_or(Tag::ZERO)
    }

    /// Whether one of them said that this very tag is settled.
    pub(crate) fn say_settled(&self, tag: Tag) -> bool {
        let mut answers = self.answers.iter();
        answers.any(|(_, held)| held.tag == tag && held.settled)
    }

    /// Forgets the answers with the greatest tag. What is left was answered all the same.
    pub(crate) fn forget_greatest(&mut self) {
        let greatest = self.greatest();
        self.answers.retain(|(_, held)| held.tag < greatest);
    }

    /// Forgets them all: the operation starts its phase over.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::{Boot, Incarnation};

    fn tag(seq: u64) -> Tag {
        Tag {
            seq,
            writer: Incarnation {
                node: NodeId::new(9),
                boot: Boot::FIRST,
            },
            step: 0,
        }
    }

    #[test]
    fn a_late_answer_with_a_lower_tag_changes_nothing() {
        let node = NodeId::new(1);
        let mut answers = Answers::default();
        answers.note(node, tag(2), false);
        answers.note(node, tag(1), true);
        assert!(answers.holds(node, tag(2)));
        assert!(!answers.say_settled(tag(1)) && !answers.say_settled(tag(2)));
        answers.note(node, tag(2), true);
        assert!(answers.say_settled(tag(2)));
    }

    #[test]
    fn the_word_settled_is_said_of_one_tag_only() {
        let node = NodeId::new(1);
        let mut answers = Answers::default();
        answers.note(node, tag(1), true);
        answers.note(node, tag(2), false);
        assert_eq!(answers.greatest(), tag(2));
        assert!(!answers.say_settled(tag(1)));
        assert!(!answers.say_settled(tag(2)));
    }
}
