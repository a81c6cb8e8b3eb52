//! How a replica gets what was completed before it held a group: [`Copying`].
//!
//! In a joint configuration from C to D, a group whose replica set changes is copied by every
//! replica of D's set: it *pulls* the group from other replicas of C's set until those, and itself
//! if it is one of that set, are a majority of it. An operation that completed before was taken by
//! a majority of C's set, so it was taken by one of these, before that one entered the joint
//! configuration; and only a replica that has entered it answers a pull, from what it holds then.
//! A replica of C's set is no exception: it may have missed what the others completed.
//!
//! A replica that had not copied a group when the change was done goes on, from a majority of the
//! set that it is in now.
//!
//! A *forced* group is one of which so many replicas were lost for good that no majority can tell
//! of it: it is pulled from every member that is left, whatever each holds.
//!
//! ```text
//!   asker                                    source
//!     | -- Pull: the digests of my 16 slots --> |
//!     | <-- versions of what differs, a page -- |   small cells whole, where the asker has nothing
//!     | -- Pull: these cells -----------------> |
//!     | <-- cells, a page --------------------- |
//!     | -- Pull: digests, go on after .. -----> |   until nothing differs any more
//! ```
//!
//! The sources of a group are pulled from one after another: the first one brings everything, the
//! next ones what that one had missed. What is taken is kept, so that whatever interrupts copying,
//! the digests show what need not travel again. Who was pulled from, and what was copied, counts in
//! one epoch only.

mod asking;
mod leaving;
mod manner;
#[cfg(feature = "model")]
mod model;
#[cfg(feature = "planted-faults")]
mod planted;
mod progress;
mod pull;
mod rate;
mod source;
mod turns;

pub use progress::CopyProgress;
pub(crate) use pull::Position;

use crate::configuration::Lacking;
use crate::invariants::expect_one_cell;
use crate::lane::{Lane, LaneOptions};
use crate::message::{Counter, PullAnswer};
use crate::node::NodeId;
use crate::output::{Output, PersistNumber};
use crate::quorum::ReplicaSet;
use crate::replica::Cell;
use crate::slot::{Group, RegisterName};
use crate::time::Time;
use alloc::collections::{BTreeMap, VecDeque};
use leaving::Leaving;
use manner::Manner;
use pull::{Asked, Pull};
use rate::Rate;
use turns::Turns;

/// What a lane has to copy, and how far it is.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Copying {
    lacking: Lacking,
    turns: Turns,
    /// Groups of which all is here, but not yet durable up to the number.
    unpersisted: VecDeque<(PersistNumber, Group)>,
    rate: Rate,
    /// When the rate allows what would be asked next, if that is what is waited for.
    allowed_at: Option<Time>,
    /// How those that are pulled from have answered in this epoch.
    manners: BTreeMap<NodeId, Manner>,
    /// The manner of one of which nothing is known.
    manner_first: Manner,
    progress: CopyProgress,
    leaving: Leaving,
    #[cfg(feature = "planted-faults")]
    copied_for_change: crate::configuration::Groups,
}

impl Copying {
    /// Whether this replica may lack what was completed before it held the group.
    pub(crate) fn is_lacking(&self, group: Group) -> bool {
        self.lacking.groups().contains(group)
    }

    /// Nothing is to be copied yet.
    pub(crate) fn new(options: &LaneOptions) -> Self {
        Self {
            lacking: Lacking::default(),
            turns: Turns::new(),
            unpersisted: VecDeque::new(),
            rate: Rate::new(options.copy_bytes_per_second_max),
            allowed_at: None,
            manners: BTreeMap::new(),
            manner_first: Manner::new(options.resend_first),
            progress: CopyProgress::default(),
            leaving: Leaving::default(),
            #[cfg(feature = "planted-faults")]
            copied_for_change: Default::default(),
        }
    }

    /// The node has restarted with what it had on disk.
    pub(crate) fn note_was_away(&mut self) {
        self.lacking = Lacking::of_one_who_was_away();
    }
}

impl Lane {
    /// Another configuration was entered: what is to be copied is found anew, and pulls of former
    /// epochs count for nothing.
    pub(crate) fn start_copying(&mut self, now: Time) {
        let Some(configuration) = self.configuration.clone() else {
            return;
        };
        self.stop_copying();
        let me = self.options.incarnation.node;
        self.copying.lacking.enter(&configuration, me);
        let survivors = configuration.members_after().iter();
        let survivors = ReplicaSet::new(survivors.map(|member| member.id));
        #[cfg(feature = "planted-faults")]
        self.forget_copied_for_change();
        for group in self.copying.lacking.groups().iter() {
            if !self.is_own_group(group) {
                continue;
            }
            let pull = match configuration.forced().contains(group) {
                // Whoever is left may hold what a majority can tell of no more.
                true => Pull::of_all(group, survivors.clone(), me),
                false => Pull::new(
                    group,
                    configuration.group_quorums(group).before().clone(),
                    me,
                ),
            };
            self.copying.progress.groups += 1;
            // Where this replica alone is a majority, nobody is asked.
            let is_done = pull.is_done();
            #[cfg(feature = "planted-faults")]
            let is_done = is_done || self.is_taken_for_copied(group);
            match is_done {
                true => self.note_pulled(group),
                false => self.copying.turns.add(pull),
            }
        }
        self.report_copied();
        self.note_left_groups();
        self.ask_for_more(now);
    }

    fn stop_copying(&mut self) {
        let copying = &mut self.copying;
        let turns = core::mem::replace(&mut copying.turns, Turns::new());
        for (_, asked) in turns.asked() {
            copying.rate.give_back(asked.bytes_expected);
        }
        copying.unpersisted.clear();
        copying.allowed_at = None;
        copying.manners.clear();
        copying.progress = CopyProgress::default();
    }

    /// Takes in what another replica holds of a group.
    pub(crate) fn take_pull_reply(
        &mut self,
        now: Time,
        from: NodeId,
        counter: Counter,
        group: Group,
        answer: PullAnswer,
    ) {
        #[cfg(feature = "planted-faults")]
        let takes_late = self.takes_late_pull_reply(self.era());
        let Some(pull) = self.copying.turns.get_mut(group) else {
            return;
        };
        // Of this very request, which was made in this epoch: what a reply to an earlier one shows
        // was read too early.
        let is_answered = |asked: &Asked| (asked.counter, asked.source) == (counter, from);
        #[cfg(feature = "planted-faults")]
        let is_answered = |asked: &Asked| takes_late || is_answered(asked);
        let Some(asked) = pull.asked.clone().filter(is_answered) else {
            return;
        };
        let floors = answer.floors.clone();
        let Some(brought) = pull.take(from, answer, &self.replica) else {
            return;
        };
        let is_done = pull.is_done();
        let copying = &mut self.copying;
        copying.turns.note_reply(group, brought.bytes);
        copying.rate.give_back(asked.bytes_expected);
        copying.rate.take(brought.bytes);
        let patience_min = self.options.resend_first;
        let manner = copying.manner_mut(from);
        manner.note_reply(&asked, now, patience_min);
        self.take_floors(group, &floors);
        for (name, cell) in brought.cells {
            if self.take_cell(from, &name, &cell) {
                let value = cell.record.content.map_or(0, |value| value.len());
                self.copying.progress.registers += 1;
                self.copying.progress.bytes += (name.as_bytes().len() + value) as u64;
            }
        }
        if is_done {
            self.copying.turns.remove(group);
            self.note_pulled(group);
            self.report_copied();
        }
        self.ask_for_more(now);
    }

    /// Takes whatever is newer of what another replica holds of a register. Returns whether anything
    /// was.
    pub(crate) fn take_cell(&mut self, from: NodeId, name: &RegisterName, cell: &Cell) -> bool {
        self.see_record(from, name, &cell.record);
        expect_one_cell(from, name, self.replica.cell(name).0, cell);
        let number = self.replica.merge(name, cell);
        if let Some(number) = number {
            self.persist(name, number);
        }
        number.is_some()
    }

    /// All of a group is here. It is copied once it is durable, with all else that is held: a
    /// source may have left out what this replica held already, but not durably.
    fn note_pulled(&mut self, group: Group) {
        let after = self.replica.persist_last();
        self.copying.unpersisted.push_back((after, group));
    }

    fn report_copied(&mut self) {
        while let Some(&(after, group)) = self.copying.unpersisted.front()
            && after <= self.persisted
        {
            self.copying.unpersisted.pop_front();
            self.copying.lacking.copied(group);
            #[cfg(feature = "planted-faults")]
            self.note_copied_for_change(group);
            self.copying.progress.groups_copied += 1;
            let epoch = self.epoch();
            self.outputs.push_back(Output::Copied { epoch, group });
        }
    }

    /// More is durable than before: groups may be copied by that.
    pub(crate) fn copying_persisted(&mut self, _now: Time) {
        self.report_copied();
    }

    /// Whether the group's slots fall to this lane.
    pub(crate) fn is_own_group(&self, group: Group) -> bool {
        group.lane(usize::from(self.options.lanes)) == usize::from(self.options.lane)
    }
}
