//! What a replica missed, and nobody has asked for since, is found and taken: [`Repairing`].
//!
//! A write is done once a quorum holds it. A replica that was cut off just then lacks it until the
//! register is read or written again: there is a copy less than there should be. So in every epoch
//! at rest each replica compares, slowly, group after group, what it holds with what the others do.
//!
//! ```text
//!   replica                                  another
//!     | -- Pull: the digests of my 16 slots --> |   if its own are others, it compares soon, too
//!     | <-- versions of what differs, a page -- |
//!     |       what is on its way comes          |
//!     | -- Pull: what still is missing -------> |
//!     | <-- cells, a page --------------------- |
//! ```
//!
//! What is taken is merged with what is held, as in copying. A record that comes so is an update
//! that comes late. A step that comes so was proposed under its ballot, and its replica promises no
//! less by that; the vote of that replica counts for its proposer only if it could have been asked
//! by that one as well. Nobody counts on what a replica holds beyond that.
//!
//! A request holds the low-water mark down while its reply is waited for, as any operation does: or
//! a reply could bring back what was deleted and dropped meanwhile.
//!
//! A replica that holds nothing of a group does not ask about it: those that do, will, and so it
//! learns that it lacks something.

use crate::copying::Position;
use crate::lane::Lane;
use crate::membership::PeerState;
use crate::message::{Body, Counter, PullAnswer};
use crate::node::NodeId;
use crate::output::PersistNumber;
use crate::slot::Group;
use crate::time::Time;
use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use core::ops::Bound;
use core::time::Duration;

/// How far a lane is in comparing what it holds with what others hold.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub(crate) struct Repairing {
    /// When the next comparison begins.
    next: Option<Time>,
    /// The group that had its turn last; the next one comes after it.
    after: Option<Group>,
    /// How often it came to the end of them. Each time others are asked.
    sweeps: usize,
    /// Groups, and other replicas that have shown digests of them that differ from those here.
    differing: BTreeSet<(Group, NodeId)>,
    /// The one of those that had its turn last: each has its turn, though others come again at once.
    differing_last: Option<(Group, NodeId)>,
    /// Whether the latest turn was of one of those. Then the next one is not, lest those that are
    /// always written to keep all others from their turns.
    was_differing: bool,
    /// Those that have begun. Most of them wait for what may come by itself.
    comparisons: Vec<Comparison>,
    /// When what was asked for is paid off, at the rate that is allowed.
    paid_off_at: Time,
    progress: RepairProgress,
}

/// The comparison of a group with one other replica.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Comparison {
    group: Group,
    source: NodeId,
    position: Position,
    /// The request whose reply is waited for.
    asked: Option<Counter>,
    /// When that is given up; or, without a request, when it goes on.
    until: Time,
}

impl Repairing {
    fn has_room(&self) -> bool {
        self.comparisons.len() < COMPARISONS_MAX
    }

    fn is_comparing(&self, group: Group, with: NodeId) -> bool {
        let mut comparisons = self.comparisons.iter();
        comparisons.any(|it| (it.group, it.source) == (group, with))
    }

    /// Whatever it was, the group gets its turn again.
    fn give_up(&mut self, index: usize) {
        self.comparisons.swap_remove(index);
    }

    fn next_differing(&mut self) -> Option<(Group, NodeId)> {
        let after = self
            .differing_last
            .map_or(Bound::Unbounded, Bound::Excluded);
        let mut later = self.differing.range((after, Bound::Unbounded));
        let next = later.next().or(self.differing.first()).copied()?;
        self.differing.remove(&next);
        self.differing_last = Some(next);
        Some(next)
    }
}

/// What a lane has found by comparing what it holds with what others hold.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct RepairProgress {
    /// How many groups it has compared with what another replica held of them.
    pub groups: u64,
    /// How many registers it took from others, of which it had missed a record or a step.
    pub registers: u64,
}

/// How long what is missing may take to come by itself. It is longer than coordinators wait before
/// they send again.
const GRACE: Duration = Duration::from_secs(1);

/// How long a reply is waited for. No request is sent twice: the group gets its turn again.
const PATIENCE: Duration = Duration::from_secs(4);

/// How many intervals it rests when it has come to the end of the groups.
const PAUSE_INTERVALS: u32 = 50;

/// How many groups that others see to are passed over at once.
const GROUPS_PER_TURN: usize = 16;

/// How many comparisons go on at once.
const COMPARISONS_MAX: usize = 64;

/// How many bytes a second a lane asks for at most.
const BYTES_PER_SECOND: u64 = 4 << 20;

impl Lane {
    /// What this lane has found by comparing what it holds with what others hold.
    pub fn repair_progress(&self) -> RepairProgress {
        self.repairing.progress
    }

    /// When [`Lane::repair`] is to be called.
    pub(crate) fn repair_timeout(&self) -> Option<Time> {
        let repairing = &self.repairing;
        let begins = repairing.next.filter(|_| repairing.has_room());
        let go_on = repairing.comparisons.iter().map(|it| it.until);
        go_on.chain(begins).min()
    }

    /// The first of the requests whose replies are waited for: what they bring may be old by then.
    pub(crate) fn repair_low_water(&self) -> Option<Counter> {
        let comparisons = self.repairing.comparisons.iter();
        comparisons.filter_map(|it| it.asked).min()
    }

    /// Something is held: it will be compared with what others hold.
    pub(crate) fn expect_to_repair(&mut self, now: Time) {
        let Some(interval) = self.options.repair_interval else {
            return;
        };
        if self.repairing.next.is_none() && self.replica.next_group(None).is_some() {
            self.repairing.next = Some(now + interval);
        }
    }

    /// Another epoch began. What is asked in it is answered by others, perhaps.
    pub(crate) fn start_repairing_over(&mut self) {
        self.repairing.comparisons.clear();
        self.repairing.differing.clear();
    }

    /// Another replica has told the digests of what it holds of a group.
    pub(crate) fn note_digests_of(
        &mut self,
        now: Time,
        from: NodeId,
        group: Group,
        digests: &[u128; Group::SLOTS as usize],
    ) {
        let Some(interval) = self.options.repair_interval else {
            return;
        };
        if !self.may_compare(group, from) {
            return;
        }
        let digest = |slot| self.replica.slot(slot).map_or(0, |store| store.digest());
        let mut slots = group.slots().zip(digests);
        if slots.all(|(slot, told)| digest(slot) == *told) {
            return;
        }
        self.repairing.differing.insert((group, from));
        let soon = now + interval;
        let next = self.repairing.next.unwrap_or(soon);
        self.repairing.next = Some(next.min(soon));
    }

    /// Whether it makes sense to ask this replica what it holds of a group.
    fn may_compare(&self, group: Group, with: NodeId) -> bool {
        let own = self.options.incarnation.node;
        self.configuration.as_ref().is_some_and(|configuration| {
            let replicas = configuration.group_quorums(group);
            configuration.is_at_rest()
                && replicas.contains(own)
                && replicas.contains(with)
                && !self.copying.is_lacking(group)
                && !self.repairing.is_comparing(group, with)
                && self.peers.state(with) == PeerState::Alive
        })
    }

    /// Goes on with the comparisons that have begun, and begins another.
    pub(crate) fn repair(&mut self, now: Time) {
        // From the last one on: those that end are taken out.
        for index in (0..self.repairing.comparisons.len()).rev() {
            let comparison = &self.repairing.comparisons[index];
            match comparison.asked {
                _ if comparison.until > now => {}
                Some(_) => self.repairing.give_up(index),
                None => self.ask_to_compare(now, index),
            }
        }
        if !self.repairing.has_room() || self.repairing.next.is_none_or(|next| next > now) {
            return self.expect_to_repair(now);
        }
        self.repairing.next = None;
        self.expect_to_repair(now);
        let Some((group, source)) = self.next_to_compare(now) else {
            return;
        };
        self.repairing.comparisons.push(Comparison {
            group,
            source,
            position: Position::patient(),
            asked: None,
            until: now,
        });
        self.ask_to_compare(now, self.repairing.comparisons.len() - 1);
    }

    /// Which group is to be compared now, and with whom.
    fn next_to_compare(&mut self, now: Time) -> Option<(Group, NodeId)> {
        if !self.repairing.was_differing {
            while let Some((group, node)) = self.repairing.next_differing() {
                if self.may_compare(group, node) {
                    self.repairing.was_differing = true;
                    return Some((group, node));
                }
            }
        }
        self.repairing.was_differing = false;
        for _ in 0..GROUPS_PER_TURN {
            let Some(group) = self.replica.next_group(self.repairing.after) else {
                self.repairing.after = None;
                self.repairing.sweeps = self.repairing.sweeps.wrapping_add(1);
                if self.repairing.differing.is_empty() {
                    let pause = self.options.repair_interval? * PAUSE_INTERVALS;
                    self.repairing.next = Some(now + pause);
                }
                return None;
            };
            self.repairing.after = Some(group);
            if let Some(source) = self.other_replica(group) {
                return Some((group, source));
            }
        }
        None
    }

    /// Another replica of the group that can be asked, each time another one.
    fn other_replica(&self, group: Group) -> Option<NodeId> {
        let own = self.options.incarnation.node;
        let replicas = self.configuration.as_ref()?.group_quorums(group).replicas();
        let others: Vec<NodeId> = replicas.filter(|node| *node != own).collect();
        let turn = self.repairing.sweeps % others.len().max(1);
        let (last, first) = others.split_at(turn);
        let mut others = first.iter().chain(last);
        others.find(|node| self.may_compare(group, **node)).copied()
    }

    /// Asks for the next that is to be known, if there is anything.
    fn ask_to_compare(&mut self, now: Time, index: usize) {
        let comparison = &mut self.repairing.comparisons[index];
        comparison.position.leave_out_what_came(&self.replica);
        let Some(ask) = comparison.position.ask(comparison.group, &self.replica) else {
            self.repairing.progress.groups += 1;
            return self.repairing.give_up(index);
        };
        if self.repairing.paid_off_at > now {
            comparison.until = self.repairing.paid_off_at;
            return;
        }
        let counter = self.operations.draw();
        comparison.asked = Some(counter);
        comparison.until = now + PATIENCE;
        let (group, source) = (comparison.group, comparison.source);
        let body = Body::Pull {
            counter,
            group,
            ask,
        };
        self.send(source, self.epoch(), body, PersistNumber::NONE);
    }

    /// Takes in what another replica holds of a group, if that was asked for here. Returns the
    /// answer otherwise.
    pub(crate) fn take_repair_reply(
        &mut self,
        now: Time,
        from: NodeId,
        counter: Counter,
        group: Group,
        answer: PullAnswer,
    ) -> Result<(), PullAnswer> {
        let repairing = &mut self.repairing;
        let is_answered =
            |it: &Comparison| (it.asked, it.source, it.group) == (Some(counter), from, group);
        let Some(index) = repairing.comparisons.iter().position(is_answered) else {
            return Err(answer);
        };
        let comparison = &mut repairing.comparisons[index];
        comparison.asked = None;
        let floors = answer.floors.clone();
        let Some(brought) = comparison.position.take(group, answer, &self.replica) else {
            repairing.give_up(index);
            return Ok(());
        };
        let is_listing = brought.cells.is_empty();
        let misses = comparison.position.is_missing_cells();
        let grace = if is_listing && misses {
            GRACE
        } else {
            Duration::ZERO
        };
        comparison.until = now + grace;
        let cost = Duration::from_micros(brought.bytes * 1_000_000 / BYTES_PER_SECOND);
        repairing.paid_off_at = repairing.paid_off_at.max(now) + cost;
        self.take_floors(group, &floors);
        for (name, cell) in brought.cells {
            let before = self.replica.cell(&name).0.versions();
            self.take_cell(from, &name, &cell);
            let after = self.replica.cell(&name).0.versions();
            // A promise that was not asked of this replica is nothing that it missed.
            if (before.tag, before.accepted) != (after.tag, after.accepted) {
                self.repairing.progress.registers += 1;
            }
        }
        self.repair(now);
        Ok(())
    }
}
