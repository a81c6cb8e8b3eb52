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
    /// What the coordinator's own replica held when it was asked. The replica may move on, but
    /// its vote was for this, so this must stay at hand.
    own: Option<Record>,
    /// The greatest record that came with an answer.
    held: Option<Record>,
    /// The tag whose record is being asked for apart, since it came without.
    fetching: Option<Tag>,
    /// The tag of the record that is being written back; from then on it is the one at hand.
    write_back: Option<Tag>,
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
            && self.write_back.is_none()
            && self.held_tag() < record.tag
        {
            self.held = Some(record);
        }
    }

    /// Takes in what the coordinator's own replica holds. It serves as soon as a quorum says that
    /// it may, even while the replica's own vote still waits for the disk.
    pub(crate) fn hold_own(&mut self, record: Option<&Record>) {
        self.own = record.cloned();
    }

    /// What the answers so far lead to.
    pub(crate) fn next(&mut self, rule: &Rule<'_>) -> ReadStep {
        if let Some(record) = self.write_back() {
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
        let record = match greatest.is_zero() {
            true => Some(&Record::EMPTY),
            false => self.record_of(greatest),
        };
        let Some(record) = record else {
            if self.fetching == Some(greatest) {
                return ReadStep::Wait;
            }
            self.fetching = Some(greatest);
            self.further_rounds = self.further_rounds.saturating_add(1);
            return ReadStep::Fetch(greatest);
        };
        if rule.readable(greatest) {
            return ReadStep::Done(record.clone());
        }
        self.write_back = Some(greatest);
        self.further_rounds = self.further_rounds.saturating_add(1);
        ReadStep::WriteBack
    }

    /// The record of this tag, if it is at hand.
    pub(crate) fn record_of(&self, tag: Tag) -> Option<&Record> {
        let mut records = self.held.iter().chain(&self.own);
        records.find(|record| record.tag == tag)
    }

    fn held_tag(&self) -> Tag {
        self.held.as_ref().map_or(Tag::ZERO, |record| record.tag)
    }

    /// What to ask a replica for: what is newer than all that is at hand.
    pub(crate) fn want(&self) -> Want {
        let held = self.held_tag();
        match (self.fetching, &self.own) {
            // The own record's vote may still wait for the disk while a quorum of others holds an
            // older one: that one is to be fetched, and asking for newer ones would never bring it.
            (Some(_), _) | (None, None) => Want::RecordAbove(held),
            (None, Some(own)) => Want::RecordAbove(own.tag.max(held)),
        }
    }

    /// Whether it asks for a record apart.
    pub(crate) fn is_fetching(&self) -> bool {
        self.fetching.is_some() && self.write_back.is_none()
    }

    /// Those who hold what is being fetched are asked anew.
    pub(crate) fn stop_fetching(&mut self) {
        // A record from an answer that no longer counts would keep older ones from coming.
        (self.held, self.fetching) = (None, None);
        self.further_rounds = self.further_rounds.saturating_add(1);
    }

    /// The record that is being written back.
    pub(crate) fn write_back(&self) -> Option<&Record> {
        self.record_of(self.write_back?)
    }

    /// How many rounds of messages it took so far.
    pub(crate) fn rounds(&self) -> u8 {
        self.further_rounds.saturating_add(1)
    }

    /// What it has seen so far counts for nothing.
    pub(crate) fn begin_anew(&mut self) {
        *self = Self {
            further_rounds: self.further_rounds,
            ..Self::default()
        };
    }

    /// The phase it is in starts over.
    pub(crate) fn start_over(&mut self) {
        if self.write_back.is_none() {
            // A record from an answer that no longer counts would keep older ones from coming.
            (self.own, self.held, self.fetching) = (None, None, None);
        }
        self.further_rounds = self.further_rounds.saturating_add(1);
    }
}
