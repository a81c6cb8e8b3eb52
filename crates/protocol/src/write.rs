//! A write at its coordinator: [`Write`].
//!
//! Source: the multi-writer form by Lynch and Shvartsman, "RAMBO" (2002), after Attiya, Bar-Noy
//! and Dolev.

use crate::operation::Operation;
use crate::record::{Record, UnixMillis};
use crate::rule::Rule;
use crate::slot::RegisterName;
use crate::tag::Tag;
use bytes::Bytes;

/// One write: first it asks a quorum for the greatest tag, then it propagates a greater one.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Write {
    content: Option<Bytes>,
    expiry: Option<UnixMillis>,
    /// The record being propagated. Once there is one, the write may take effect, and the tag
    /// stays the same whatever happens: a second tag would be a second write.
    record: Option<Record>,
    rounds: u8,
}

/// What a write does next.
#[derive(Debug)]
pub(crate) enum WriteStep {
    /// Wait for more answers.
    Wait,
    /// A quorum answered, and its greatest sequence number is this: issue a greater one.
    Issue(u64),
    /// Replicas have no room for it, and nothing was sent to them.
    Refuse,
    /// It is settled under this tag.
    Done(Tag),
}

impl Write {
    /// A write of `content`, or a delete.
    pub(crate) fn new(content: Option<Bytes>, expiry: Option<UnixMillis>) -> Self {
        Self {
            content,
            expiry,
            record: None,
            rounds: 1,
        }
    }

    /// What the answers so far lead to.
    pub(crate) fn next(&self, rule: &Rule<'_>) -> WriteStep {
        match &self.record {
            Some(record) if rule.settled(record.tag) => WriteStep::Done(record.tag),
            None if rule.answered() && !rule.has_room_for(self.content.as_ref()) => {
                WriteStep::Refuse
            }
            None if rule.answered() => WriteStep::Issue(rule.answers.greatest().seq),
            _ => WriteStep::Wait,
        }
    }

    /// The tag has been issued: from now on the write may take effect.
    ///
    /// # Panics
    /// If it had one already.
    pub(crate) fn issue(&mut self, tag: Tag) -> Record {
        assert!(self.record.is_none(), "a write has one tag");
        let record = Record {
            tag,
            content: self.content.take(),
            expiry: self.expiry,
            operation: None,
            settled: false,
        };
        self.record = Some(record.clone());
        self.rounds = self.rounds.saturating_add(1);
        record
    }

    /// What was asked for, if no tag was issued yet.
    pub(crate) fn without_effect(&self, name: RegisterName) -> Option<Operation> {
        self.record.is_none().then(|| Operation::Write {
            name,
            content: self.content.clone(),
            expiry: self.expiry,
        })
    }

    /// The record being propagated, if it has come to that.
    pub(crate) fn record(&self) -> Option<&Record> {
        self.record.as_ref()
    }

    /// How many rounds of messages it took so far.
    pub(crate) fn rounds(&self) -> u8 {
        self.rounds
    }

    /// The phase it is in starts over.
    pub(crate) fn start_over(&mut self) {
        self.rounds = self.rounds.saturating_add(1);
    }
}
