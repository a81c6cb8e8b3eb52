//! The listings that run at a coordinator: [`Listing`] and the table of them, [`Listings`].

use super::{ListAnswer, ListAsk, ListCount, ListPage, Listed, Position};
use crate::answers::Answers;
use crate::lane::LaneTimer;
use crate::message::Counter;
use crate::node::NodeId;
use crate::operation::Outcome;
use crate::output::{PersistNumber, Ticket};
use crate::slot::{Group, RegisterName};
use crate::tag::Tag;
use crate::time::Time;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::time::Duration;

/// One listing that runs at this coordinator.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Listing {
    pub(super) ticket: Ticket,
    pub(super) group: Group,
    pub(super) ask: ListAsk,
    /// When it ends at the latest.
    pub(super) deadline: Time,
    /// When its messages are sent again, and how long to wait after that.
    pub(super) resend_at: Time,
    pub(super) resend_wait: Duration,
    /// What the replicas answered in this epoch.
    pub(super) answers: BTreeMap<NodeId, ListAnswer>,
    /// What the own replica answers, once that is durable.
    pub(super) own: Option<(PersistNumber, ListAnswer)>,
    /// What follows from the answers of a quorum, once there is one.
    pub(super) gathered: Option<Gathered>,
}

/// What is to be told, when all that has to be read has been.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Gathered {
    pub(super) listed: Vec<Listed>,
    pub(super) end: Option<Position>,
    /// What is still being read.
    pub(super) reading: BTreeSet<RegisterName>,
    /// Whether a read could not be done.
    pub(super) is_spoilt: bool,
}

impl Listing {
    /// Whether this may be the answer of a replica to what is asked.
    pub(super) fn is_answered_by(&self, answer: &ListAnswer) -> bool {
        match (&self.ask, answer) {
            (ListAsk::Names { after, .. }, ListAnswer::Names(page)) => {
                page.is_of(self.group, *after)
            }
            (ListAsk::Count { .. }, ListAnswer::Count(_)) => true,
            _ => false,
        }
    }

    /// Counts the own replica's answer, if what it rests on is durable. Says whether it does now.
    pub(super) fn cast_own_vote(&mut self, own: NodeId, persisted: PersistNumber) -> bool {
        let ready = self.own.take_if(|(after, _)| *after <= persisted);
        let Some((_, answer)) = ready else {
            return false;
        };
        self.answers.insert(own, answer);
        true
    }

    /// Who has answered, as if to a query of a register of which nobody mentions anything.
    pub(super) fn answered(&self) -> Answers {
        let mut answers = Answers::default();
        for node in self.answers.keys() {
            answers.note(*node, Tag::ZERO, false);
        }
        answers
    }

    /// The pages that it was answered with.
    pub(super) fn pages(&self) -> Vec<(NodeId, &ListPage)> {
        let answers = self.answers.iter();
        let pages = answers.filter_map(|(node, answer)| match answer {
            ListAnswer::Names(page) => Some((*node, page)),
            ListAnswer::Count(_) => None,
        });
        pages.collect()
    }

    /// The counts that it was answered with.
    pub(super) fn counts(&self) -> Vec<ListCount> {
        let answers = self.answers.values();
        let counts = answers.filter_map(|answer| match answer {
            ListAnswer::Count(count) => Some(*count),
            ListAnswer::Names(_) => None,
        });
        counts.collect()
    }

    /// It begins anew, in another epoch.
    pub(super) fn start_over(&mut self) {
        self.answers.clear();
        (self.own, self.gathered) = (None, None);
    }

    fn next_timer(&self) -> (Time, LaneTimer) {
        let deadline = (self.deadline, LaneTimer::Deadline);
        deadline.min((self.resend_at, LaneTimer::Resend))
    }
}

impl Gathered {
    /// A read of one of its registers has ended.
    pub(super) fn note_read(&mut self, name: &RegisterName, outcome: &Outcome) {
        if !self.reading.remove(name) {
            return;
        }
        match outcome {
            Outcome::Read { record, .. } if record.content.is_some() => {
                let (name, tag) = (name.clone(), record.tag);
                self.listed.push(Listed { name, tag });
            }
            Outcome::Read { .. } => {}
            _ => self.is_spoilt = true,
        }
    }
}

/// All listings that run at this coordinator, by number.
///
/// They are few ([`LaneOptions::listings_max`](crate::LaneOptions::listings_max)), and each holds
/// a page of each replica at most.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub(crate) struct Listings(BTreeMap<Counter, Listing>);

impl Listings {
    pub(super) fn insert(&mut self, counter: Counter, listing: Listing) {
        self.0.insert(counter, listing);
    }

    pub(super) fn remove(&mut self, counter: Counter) -> Option<Listing> {
        self.0.remove(&counter)
    }

    pub(super) fn get(&self, counter: Counter) -> Option<&Listing> {
        self.0.get(&counter)
    }

    pub(super) fn get_mut(&mut self, counter: Counter) -> Option<&mut Listing> {
        self.0.get_mut(&counter)
    }

    /// The numbers of all that run, oldest first.
    pub(super) fn counters(&self) -> Vec<Counter> {
        self.0.keys().copied().collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The low-water mark: no listing below this number runs.
    pub(crate) fn low_water(&self) -> Option<Counter> {
        self.0.first_key_value().map(|(counter, _)| *counter)
    }

    /// The next timer of any of them, why it is set, and whose it is.
    pub(super) fn next_timer(&self) -> Option<(Time, LaneTimer, Counter)> {
        let timers = self.0.iter().map(|(counter, listing)| {
            let (time, timer) = listing.next_timer();
            (time, timer, *counter)
        });
        timers.min()
    }
}
