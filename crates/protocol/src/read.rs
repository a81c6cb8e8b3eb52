//! A read at its coordinator: [`Read`].
//!
//! Source: Attiya, Bar-Noy, Dolev, "Sharing Memory Robustly in Message-Passing Systems" (1995),
//! with the second round left out where the first one shows that it would change nothing.

use crate::message::{Answer, Want};
use crate::record::Record;
use crate::rule::Rule;
use crate::tag::Tag;

/// One read: first it asks for the greatest tag, then, only if it must, it writes that back.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub(crate) struct Read {
    /// The greatest record that came with an answer.
    held: Option<Record>,
    /// The tag whose record is being asked for apart, since it came without.
    fetching: Option<Tag>,
    /// The record that is being written back.
    write_back: Option<Record>,
    /// Rounds of messages beyond the first.
    further_rounds: u8,
}

/// What a read does next.
#[derive(Debug)]
pub(crate) enum ReadStep {
    /// Wait for more answers.
    Wait,
    /// Ask those who hold this tag for its record.
    Fetch(Tag),
    /// Update the replicas that lack the record to be written back.
    WriteBack,
    /// The register holds this.
    Done(Record),
}

impl Read {
    /// Takes in what an answer carried besides its tag.
    pub(crate) fn hold(&mut self, answer: Answer) {
        if let Answer::Record(record) = answer
            && self.held_tag() < record.tag
        {
            self.held = Some(record);
        }
    }

    /// What the answers so far lead to. `own` is the record of the coordinator's own replica: its
    /// content serves even while its vote still waits for the disk.
    pub(crate) fn next(&mut self, rule: &Rule<'_>, own: Option<&Record>) -> ReadStep {
        if let Some(record) = &self.write_back {
            return if rule.settled(record.tag) {
                ReadStep::Done(record.clone())
            } else {
                ReadStep::Wait
            };
        }
        if !rule.answered() {
            return ReadStep::Wait;
        }
        let greatest = rule.answers.greatest();
        let Some(record) = self.record_of(greatest, own) else {
            if self.fetching == Some(greatest) {
                return ReadStep::Wait;
            }
            self.fetching = Some(greatest);
            self.further_rounds = self.further_rounds.saturating_add(1);
            return ReadStep::Fetch(greatest);
        };
        if rule.readable(greatest) {
            return ReadStep::Done(record);
        }
        self.write_back = Some(record);
        self.further_rounds = self.further_rounds.saturating_add(1);
        ReadStep::WriteBack
    }

    fn record_of(&self, tag: Tag, own: Option<&Record>) -> Option<Record> {
        if tag.is_zero() {
            return Some(Record::EMPTY);
        }
        let mut records = self.held.iter().chain(own);
        records.find(|record| record.tag == tag).cloned()
    }

    fn held_tag(&self) -> Tag {
        self.held.as_ref().map_or(Tag::ZERO, |record| record.tag)
    }

    /// What to ask a replica for, given what the coordinator's own replica holds.
    pub(crate) fn want(&self, own: Option<&Record>) -> Want {
        let held = self.held_tag();
        match (self.fetching, own) {
            // Since it voted, the own replica may have taken a record above the one to be
            // fetched: asking for what is newer than that would never bring it.
            (Some(_), _) | (None, None) => Want::RecordAbove(held),
            (None, Some(own)) => Want::RecordAbove(own.tag.max(held)),
        }
    }

    /// The tag whose record is being asked for apart.
    pub(crate) fn fetching(&self) -> Option<Tag> {
        self.fetching
    }

    /// The record that is being written back.
    pub(crate) fn write_back(&self) -> Option<&Record> {
        self.write_back.as_ref()
    }

    /// How many rounds of messages it took so far.
    pub(crate) fn rounds(&self) -> u8 {
        self.further_rounds.saturating_add(1)
    }

    /// Another epoch has begun: the phase it is in starts over.
    pub(crate) fn start_over(&mut self) {
        self.fetching = None;
        self.further_rounds = self.further_rounds.saturating_add(1);
    }
}
