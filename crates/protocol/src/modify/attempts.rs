//! When a read-modify-write begins, and begins anew: [`Turns`], ballots, and back-off.

use crate::ballot::Ballot;
use crate::invariants::Issued;
use crate::lane::Lane;
use crate::message::{Counter, OperationId};
use crate::operation::{Outcome, Refusal};
use crate::replica::Room;
use crate::running::{Running, Task};
use crate::slot::RegisterName;
use crate::time::Time;
use alloc::collections::{BTreeMap, VecDeque};
use core::time::Duration;
use xxhash_rust::xxh3::xxh3_64;

/// Whose turn it is: the read-modify-writes of one register go one after another at their
/// coordinator, or it would duel with itself.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub(crate) struct Turns {
    /// The registers of which one runs, and those that wait for it, the first one first.
    waiting: BTreeMap<RegisterName, VecDeque<Counter>>,
}

impl Turns {
    /// Takes in a new one. Says whether it is its turn at once.
    fn join(&mut self, name: &RegisterName, counter: Counter) -> bool {
        match self.waiting.get_mut(name) {
            Some(queue) => {
                queue.push_back(counter);
                false
            }
            None => {
                self.waiting.insert(name.clone(), VecDeque::new());
                true
            }
        }
    }

    /// One that waits has ended.
    fn leave(&mut self, name: &RegisterName, counter: Counter) {
        if let Some(queue) = self.waiting.get_mut(name) {
            queue.retain(|waiting| *waiting != counter);
        }
    }

    /// The one that runs has ended: the next one's turn, if one waits.
    fn next(&mut self, name: &RegisterName) -> Option<Counter> {
        let next = self.waiting.get_mut(name)?.pop_front();
        if next.is_none() {
            self.waiting.remove(name);
        }
        next
    }
}

impl Lane {
    /// A read-modify-write has been taken in: it begins, or waits for its turn.
    pub(crate) fn begin_modify(&mut self, now: Time, counter: Counter) {
        let Some(running) = self.operations.get(counter) else {
            return;
        };
        let (name, deadline) = (running.name.clone(), running.deadline);
        if self.turns.join(&name, counter) {
            self.attempt_or_end(now, counter);
        } else {
            // Nothing is asked, so nothing is asked again.
            let wait = self.options.resend_first;
            self.operations.set_resend(counter, deadline, wait);
        }
    }

    /// A read-modify-write has ended: the next one of its register begins.
    pub(crate) fn pass_turn(&mut self, now: Time, counter: Counter, ended: &Running) {
        let Task::Modify(modify) = &ended.task else {
            return;
        };
        if modify.is_queued() {
            return self.turns.leave(&ended.name, counter);
        }
        while let Some(next) = self.turns.next(&ended.name) {
            match self.attempt(now, next) {
                None => return,
                Some(outcome) => self.conclude(next, outcome),
            };
        }
    }

    /// Draws a new ballot for a read-modify-write and sends it, or ends it if there is none left.
    pub(crate) fn attempt_or_end(&mut self, now: Time, counter: Counter) {
        if let Some(outcome) = self.attempt(now, counter) {
            self.end(now, counter, outcome);
        }
    }

    /// Returns how the operation ends if there is no ballot left, or no room for a register of which
    /// the own replica has never heard: a promise alone would take as much as one.
    fn attempt(&mut self, now: Time, counter: Counter) -> Option<Outcome> {
        let name = &self.operations.get(counter)?.name;
        let is_full = self.is_replica_of(name)
            && self.replica.is_unknown(name)
            && self.bounds(name).room == Room::NONE;
        let running = self.operations.get_mut(counter)?;
        let Task::Modify(modify) = &mut running.task else {
            return None;
        };
        modify.take_turn();
        if !modify.needs_no_room() && is_full {
            return Some(modify.outcome_now(Refusal::Full));
        }
        // What the own replica has promised costs nothing to look at, and saves a refusal.
        let (own, _) = self.replica.cell(&running.name);
        let issued = Issued {
            own: self.options.incarnation,
            seqs: &self.issued,
            round: self.round_issued,
        };
        issued.expect_ballot(&running.name, own.promised);
        let seen = modify.round_seen().max(own.promised.round);
        let Some(round) = next_round(seen.max(self.round_issued)) else {
            return Some(modify.outcome_now(Refusal::Exhausted));
        };
        self.round_issued = round;
        modify.prepare(Ballot {
            round,
            proposer: self.options.incarnation,
        });
        let wait = self.options.resend_first;
        self.operations.set_resend(counter, now + wait, wait * 2);
        self.launch(now, counter);
        None
    }

    /// A read-modify-write lost to another, or helped one: after a while it begins anew, under a
    /// new number, so that answers to the former ballot count no more.
    pub(crate) fn try_again(&mut self, now: Time, counter: Counter) {
        let Some(mut running) = self.operations.suspend(counter) else {
            return;
        };
        if let Some(record) = running.update() {
            let tag = record.tag;
            self.spread_settled(&running, tag);
        }
        if let Task::Modify(modify) = &mut running.task {
            modify.back_off();
            let wait = self.back_off(modify.id(), modify.attempts());
            running.resend_at = now + wait;
        }
        self.operations.insert(running);
    }

    /// How long an operation waits before it tries once more. It looks random, so that rivals do
    /// not keep step with each other, and grows with the attempts.
    fn back_off(&self, id: OperationId, attempts: u32) -> Duration {
        let doublings = attempts.min(BACK_OFF_DOUBLINGS_MAX);
        let longest = self.options.resend_first / BACK_OFF_PART * (1 << doublings);
        let longest = longest.min(self.options.resend_max);
        let mut seed = [0; 24];
        seed[..8].copy_from_slice(&id.origin.node.get().to_le_bytes());
        seed[8..16].copy_from_slice(&id.counter.0.to_le_bytes());
        seed[16..20].copy_from_slice(&id.origin.boot.get().to_le_bytes());
        seed[20..].copy_from_slice(&attempts.to_le_bytes());
        let longest_micros = u64::try_from(longest.as_micros()).unwrap_or(u64::MAX - 1);
        Duration::from_micros(xxh3_64(&seed) % (longest_micros + 1))
    }
}

/// The first back-off is at most an eighth of the first wait for a lost message: a few round trips
/// of a local network.
const BACK_OFF_PART: u32 = 16;

/// After so many doublings any back-off has reached the longest wait for a lost message.
const BACK_OFF_DOUBLINGS_MAX: u32 = 12;

/// The round after `seen`, as long as there is one that other nodes accept.
fn next_round(seen: u64) -> Option<u64> {
    (seen < Ballot::ROUND_MAX).then(|| seen + 1)
}
