//! How far everyone is in copying: [`Progress`].

use super::MembershipMessage;
use crate::configuration::{Configuration, Epoch, Groups, Lacking};
use crate::node::NodeId;
use crate::slot::Group;
use crate::time::Time;
use alloc::collections::BTreeMap;
use core::time::Duration;

/// How often a node that lacks nothing says so, in each epoch and once it has copied the last
/// group, since each time it may be lost.
const TELLS_WHOLE: u8 = 4;

/// After how many intervals without a word another node is taken to lack nothing any more: it
/// would say so if it did.
const WORDLESS_MAX: u32 = 8;

/// What this node and the others lack in this configuration, as far as this node was told.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Progress {
    me: NodeId,
    interval: Duration,
    epoch: Epoch,
    is_joint: bool,
    /// The groups whose replica set the change that is under way changes.
    changed: Groups,
    /// What this node lacks.
    lacking: Lacking,
    /// What it lacked before it entered this epoch, and what it has copied since. A lane may have
    /// copied a group right before it entered, and that be heard of right after.
    lacking_before: Lacking,
    copied: Groups,
    registers: u64,
    bytes: u64,
    /// What others said, in this epoch or in the one before.
    reports: BTreeMap<NodeId, Report>,
    /// When anything last moved on, here or elsewhere.
    moved_on: Time,
    tell_due: Time,
    /// How often this node says what it lacks although that is nothing.
    tells_left: u8,
}

/// What another node said.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Report {
    epoch: Epoch,
    lacking: Groups,
    registers: u64,
    bytes: u64,
    heard: Time,
}

impl Progress {
    pub(super) fn new(me: NodeId, interval: Duration) -> Self {
        Self {
            me,
            interval,
            epoch: Epoch::NONE,
            is_joint: false,
            changed: Groups::NONE,
            lacking: Lacking::default(),
            lacking_before: Lacking::default(),
            copied: Groups::NONE,
            registers: 0,
            bytes: 0,
            reports: BTreeMap::new(),
            moved_on: Time::default(),
            tell_due: Time::default(),
            tells_left: 0,
        }
    }

    pub(super) fn enter(&mut self, now: Time, configuration: &Configuration) {
        let is_finished = self.is_joint
            && configuration.epoch() == self.epoch.next()
            && !configuration.is_aborted();
        // What the others lacked when the change was done, they lack still.
        self.reports.retain(|&node, report| {
            let holds = |group: Group| configuration.group_quorums(group).after().contains(node);
            report.heard = now;
            report.lacking = report
                .lacking
                .iter()
                .filter(|&group| holds(group))
                .collect();
            is_finished && configuration.contains(node)
        });
        self.epoch = configuration.epoch();
        self.is_joint = configuration.is_joint();
        self.changed = configuration.changed_groups().collect();
        self.lacking_before = self.lacking.clone();
        self.lacking.enter(configuration, self.me);
        self.copied = Groups::NONE;
        (self.registers, self.bytes) = (0, 0);
        self.moved_on = now;
        self.tell_due = now;
        self.tells_left = TELLS_WHOLE;
    }

    /// A lane has copied a group, in this epoch. Says whether this node lacks nothing any more by
    /// that.
    pub(super) fn note_copied(
        &mut self,
        now: Time,
        epoch: Epoch,
        group: Group,
        configuration: &Configuration,
    ) -> bool {
        let was_lacking = !self.lacking.groups().is_empty();
        if epoch == self.epoch {
            self.copied.insert(group);
            if self.lacking.copied(group) {
                self.moved_on = now;
            }
        } else if epoch.next() == self.epoch && self.lacking_before.copied(group) {
            self.lacking = self.lacking_before.clone();
            self.lacking.enter(configuration, self.me);
            for group in self.copied.iter() {
                self.lacking.copied(group);
            }
        }
        let is_whole = was_lacking && self.lacking.groups().is_empty();
        if is_whole {
            self.tells_left = TELLS_WHOLE;
            self.tell_due = now;
        }
        is_whole
    }

    /// So much has this node copied in this epoch. Says whether that is more than before.
    pub(super) fn note_volume(&mut self, registers: u64, bytes: u64) -> bool {
        let former = (self.registers, self.bytes);
        (self.registers, self.bytes) = (registers, bytes);
        former < (registers, bytes)
    }

    /// Another member says how far it is in this epoch.
    pub(super) fn note_report(
        &mut self,
        now: Time,
        from: NodeId,
        lacking: Groups,
        registers: u64,
        bytes: u64,
    ) {
        let report = Report {
            epoch: self.epoch,
            lacking,
            registers,
            bytes,
            heard: now,
        };
        let former = self.reports.insert(from, report);
        // Reports come in any order, so that one may be older than the one before.
        let has_moved = former.is_none_or(|former| {
            let of_now = former.epoch == self.epoch;
            !of_now || former.lacking.len() > lacking.len() || former.registers < registers
        });
        if has_moved {
            self.moved_on = now;
        }
    }

    /// Forgets what was said too long ago, of nodes that answer. It matters once the change is
    /// over only.
    pub(super) fn forget_wordless(&mut self, now: Time, answers: impl Fn(NodeId) -> bool) {
        let latest = self.interval * WORDLESS_MAX;
        if !self.is_joint {
            self.reports
                .retain(|&node, report| !answers(node) || now.since(report.heard) < latest);
        }
    }

    pub(super) fn moves_on(&mut self, now: Time) {
        self.moved_on = now;
    }

    pub(super) fn moved_on(&self) -> Time {
        self.moved_on
    }

    /// When to say how far this node is; `None` if it has nothing to say.
    pub(super) fn tell_due(&self) -> Option<Time> {
        let tells = self.is_joint || self.tells_left > 0 || !self.lacking.groups().is_empty();
        tells.then_some(self.tell_due)
    }

    pub(super) fn tell(&mut self, now: Time) -> MembershipMessage {
        self.tell_due = now + self.interval;
        if self.lacking.groups().is_empty() {
            self.tells_left = self.tells_left.saturating_sub(1);
        }
        MembershipMessage::Progress {
            epoch: self.epoch,
            lacking: self.lacking.groups(),
            registers: self.registers,
            bytes: self.bytes,
        }
    }

    /// Whether the change can be finished: of each group that it changes, a majority of the new
    /// replicas has copied it in this very epoch, and is alive.
    pub(super) fn is_finishable(
        &self,
        configuration: &Configuration,
        is_alive: impl Fn(NodeId) -> bool,
    ) -> bool {
        self.is_joint
            && (self.changed.iter()).all(|group| self.has_majority(configuration, group, &is_alive))
    }

    /// Whether a majority of the group's new replicas has copied it, each of which counts.
    pub(super) fn has_majority(
        &self,
        configuration: &Configuration,
        group: Group,
        counts: impl Fn(NodeId) -> bool,
    ) -> bool {
        let replicas = configuration.group_quorums(group).after();
        replicas.is_majority(|node| counts(node) && self.has_copied(node, group))
    }

    fn has_copied(&self, node: NodeId, group: Group) -> bool {
        if node == self.me {
            return !self.lacking.groups().contains(group);
        }
        let report = self.reports.get(&node);
        report.is_some_and(|report| report.epoch == self.epoch && !report.lacking.contains(group))
    }

    /// How many groups a majority of their new replicas has copied, and the volume of all copies.
    pub(super) fn figures(&self, configuration: &Configuration) -> (usize, u64, u64) {
        let groups = self.changed.iter();
        let copied = groups.filter(|&group| self.has_majority(configuration, group, |_| true));
        let reports = self.reports.values();
        let of_now = reports.filter(|report| report.epoch == self.epoch);
        let volume = of_now.fold(
            (self.registers, self.bytes),
            |(registers, bytes), report| {
                (
                    registers.saturating_add(report.registers),
                    bytes.saturating_add(report.bytes),
                )
            },
        );
        (copied.count(), volume.0, volume.1)
    }

    /// How many groups a member has not copied, as far as this node was told.
    pub(super) fn lacks(&self, node: NodeId, configuration: &Configuration) -> usize {
        if node == self.me {
            return self.lacking.groups().len();
        }
        let holds = |group: &Group| configuration.group_quorums(*group).after().contains(node);
        match self.reports.get(&node) {
            Some(report) => report.lacking.iter().filter(holds).count(),
            // Whatever changes hands has to be copied.
            None => self.changed.iter().filter(holds).count(),
        }
    }

    /// Whether a node has copied all that the change demands of it.
    pub(super) fn has_copied_changed(&self, node: NodeId) -> bool {
        if node == self.me {
            return self.lacking.groups().intersection(self.changed).is_empty();
        }
        let report = self.reports.get(&node);
        report.is_some_and(|report| {
            report.epoch == self.epoch && report.lacking.intersection(self.changed).is_empty()
        })
    }
}
