//! Registers that have expired are deleted, though nobody asks for them: [`Sweeping`].
//!
//! It is a read-modify-write like that of a client who finds one, [`Change::EXPIRE`], and can delete
//! nothing else, whatever the clocks show. The first alive replica of a register does it; the
//! others wait, each a while longer, in case that one lacks the record.

use crate::change::Change;
use crate::lane::Lane;
use crate::operation::{Operation, Outcome};
use crate::record::UnixMillis;
use crate::running::Origin;
use crate::slot::RegisterName;
use crate::time::Time;
use alloc::vec::Vec;
use core::time::Duration;

/// How far a lane is in deleting what has expired.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub(crate) struct Sweeping {
    /// When it looks next, if it holds anything that expires.
    next: Option<Time>,
    /// The one it looked at last; it goes on after it.
    after: Option<(UnixMillis, RegisterName)>,
    /// How many deletions run.
    running: usize,
}

/// How many deletions may run at once in a lane, and no more than a quarter of all operations: those
/// of slots that have lost their replicas all run to their deadlines, and again.
const RUNNING_MAX: usize = 64;

/// How many registers are looked at in one go.
const LOOKED_AT_MAX: usize = 1024;

/// How much longer than the replica before it each further one waits.
const RANK_WAIT_MS: u64 = 30_000;

/// How long a deletion may take.
const DEADLINE: Duration = Duration::from_secs(5);

impl Lane {
    /// When [`Lane::sweep`] is to be called.
    pub(crate) fn sweep_timeout(&self) -> Option<Time> {
        self.sweeping.next
    }

    /// Something is held that expires: it will be looked for.
    pub(crate) fn expect_to_sweep(&mut self, now: Time) {
        if self.sweeping.next.is_none() && self.replica.expires_anything() {
            self.sweeping.next = Some(now + self.options.sweep_interval);
        }
    }

    /// Deletes what has expired, as much of it as may run at once.
    pub(crate) fn sweep(&mut self, now: Time) {
        if self.sweeping.next.is_none_or(|next| next > now) {
            return self.expect_to_sweep(now);
        }
        self.sweeping.next = None;
        self.expect_to_sweep(now);
        let most = RUNNING_MAX.min(self.options.operations_max / 4).max(1);
        let room = most.saturating_sub(self.sweeping.running);
        if room == 0 {
            return;
        }
        let (mut mine, mut looked_at) = (Vec::new(), 0);
        let mut last = None;
        for (at, name) in self
            .replica
            .expired(self.wall, self.sweeping.after.as_ref())
        {
            looked_at += 1;
            let waited_ms = self.wall.0 - at.0;
            let is_mine =
                (self.sweep_rank(name)).is_some_and(|rank| waited_ms >= rank * RANK_WAIT_MS);
            if is_mine {
                mine.push(name.clone());
            }
            last = Some((at, name.clone()));
            if mine.len() >= room || looked_at == LOOKED_AT_MAX {
                break;
            }
        }
        // Having come to the end it begins again.
        let is_end = mine.len() < room && looked_at < LOOKED_AT_MAX;
        self.sweeping.after = last.filter(|_| !is_end);
        for name in mine {
            self.sweeping.running += 1;
            let change = Change::EXPIRE;
            let operation = Operation::Modify { name, change };
            #[cfg(feature = "planted-faults")]
            let operation = match self.options.planted {
                Some(crate::PlantedFault::ExpireByPlainWrite) => Operation::Write {
                    name: operation.name().clone(),
                    content: None,
                    expiry: None,
                },
                _ => operation,
            };
            self.start(now, Origin::Sweep, operation, now + DEADLINE);
        }
    }

    /// How many replicas come before this node in deleting a register; `None` if it is none of them.
    pub(crate) fn sweep_rank(&self, name: &RegisterName) -> Option<u64> {
        let own = self.options.incarnation.node;
        let configuration = self.configuration.as_ref()?;
        let order = configuration.replicas_in_order(name.slot());
        let before = order.take_while(|node| *node != own);
        let alive = before.filter(|node| self.is_alive(*node)).count();
        self.is_replica_of(name).then_some(alive as u64)
    }

    /// Whether the own replica is among those of the register.
    pub(crate) fn is_replica_of(&self, name: &RegisterName) -> bool {
        let own = self.options.incarnation.node;
        let configuration = self.configuration.as_ref();
        configuration.is_some_and(|entered| entered.quorums(name.slot()).contains(own))
    }

    /// A deletion has ended. If it found a newer record than the own replica holds, that one takes
    /// it, lest it find the same for ever.
    pub(crate) fn swept(&mut self, name: &RegisterName, outcome: &Outcome) {
        if let Outcome::Unchanged { record, .. } = outcome
            && self.is_replica_of(name)
        {
            let own = self.options.incarnation.node;
            self.update_replica(own, name, record);
        }
    }

    /// Notes that a deletion has ended, or was refused.
    pub(crate) fn note_swept(&mut self) {
        self.sweeping.running -= 1;
    }
}
