//! The records a node holds: [`Replica`].

mod digest;
mod store;

use crate::ballot::{Accepted, Ballot};
use crate::configuration::Groups;
use crate::message::{Answer, Want};
use crate::output::PersistNumber;
use crate::record::{Record, UnixMillis};
use crate::slot::{Group, RegisterName, Slot};
use crate::tag::Tag;
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::ops::Bound;
pub(crate) use store::{SlotStore, Totals};

/// All that a replica keeps of one register. Whatever copies a register copies all of it.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Cell {
    /// The record; [`Record::EMPTY`] if nobody wrote the register yet.
    pub record: Record,
    /// The greatest ballot promised, or [`Ballot::ZERO`].
    pub promised: Ballot,
    /// The step accepted last, if one was. It is kept when it has been chosen, or another value
    /// could be chosen for its tag.
    pub accepted: Option<Box<Accepted>>,
}

impl Cell {
    /// What is kept of a register of which nothing was ever heard.
    pub const EMPTY: Cell = Cell {
        record: Record::EMPTY,
        promised: Ballot::ZERO,
        accepted: None,
    };

    /// What tells it from every other state of its register.
    pub(crate) fn versions(&self) -> Versions {
        Versions {
            tag: self.record.tag,
            promised: self.promised,
            accepted: self.accepted.as_deref().map(Accepted::rank),
        }
    }
}

/// What tells one state of a register's cell from every other.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Versions {
    pub(crate) tag: Tag,
    pub(crate) promised: Ballot,
    pub(crate) accepted: Option<(Ballot, Tag)>,
}

/// Which parts of another cell are newer than those held here.
struct Lacks {
    record: bool,
    promised: bool,
    accepted: bool,
}

impl Lacks {
    fn of(own: &Cell, other: &Versions) -> Self {
        Self {
            record: other.tag > own.record.tag,
            promised: other.promised > own.promised,
            accepted: other.accepted > own.accepted.as_deref().map(Accepted::rank),
        }
    }

    fn anything(&self) -> bool {
        self.record || self.promised || self.accepted
    }
}

/// The registers of a lane, by slot: all that concerns many registers (copying, scans, counts,
/// repair) goes slot by slot.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub(crate) struct Replica {
    slots: BTreeMap<Slot, SlotStore>,
    /// The registers whose records expire, by when they do.
    expiring: BTreeSet<(UnixMillis, RegisterName)>,
    persist_last: PersistNumber,
}

/// What an update led to.
pub(crate) struct Updated {
    /// The tag that the replica holds now.
    pub(crate) tag: Tag,
    /// What must be durable before it is said.
    pub(crate) after: PersistNumber,
    /// Whether the update's record was taken, and the cell is to be made durable under that
    /// number.
    pub(crate) taken: bool,
}

impl Replica {
    /// What this replica holds, and what must be durable before it is said.
    pub(crate) fn query(&self, name: &RegisterName, want: Want) -> (Answer, PersistNumber) {
        let (cell, after) = self.cell(name);
        let record = &cell.record;
        let answer = match want {
            Want::RecordAbove(tag) if record.tag > tag => Answer::Record(record.clone()),
            Want::RecordAbove(_) | Want::Tag => Answer::Tag {
                tag: record.tag,
                settled: record.settled,
            },
        };
        (answer, after)
    }

    /// Takes the record if its tag is greater than that of the one held.
    pub(crate) fn update(&mut self, name: &RegisterName, record: &Record) -> Updated {
        let (cell, after) = self.cell(name);
        let held = cell.record.tag;
        if held >= record.tag {
            // Covered by a newer tag, or a repeat: what was taken then must be durable now too.
            return Updated {
                tag: held,
                after,
                taken: false,
            };
        }
        let cell = Cell {
            record: Record {
                settled: false,
                ..record.clone()
            },
            ..cell.clone()
        };
        Updated {
            tag: record.tag,
            after: self.put(name, cell),
            taken: true,
        }
    }

    /// Notes that `tag` is settled, if it is the one held.
    pub(crate) fn settle(&mut self, name: &RegisterName, tag: Tag) {
        if let Some(slot) = self.slots.get_mut(&name.slot()) {
            slot.settle(name, tag);
        }
    }

    /// Promises a ballot, if it is greater than what was promised. Says what is promised now, and
    /// whether that is news, to be made durable under the number.
    pub(crate) fn promise(
        &mut self,
        name: &RegisterName,
        ballot: Ballot,
    ) -> (Ballot, PersistNumber, bool) {
        let (cell, after) = self.cell(name);
        if ballot <= cell.promised {
            return (cell.promised, after, false);
        }
        let cell = Cell {
            promised: ballot,
            ..cell.clone()
        };
        (ballot, self.put(name, cell), true)
    }

    /// Accepts a step, unless a greater ballot was promised or a greater step accepted. Says
    /// whether this very step is the accepted one now, and what must be durable before that is
    /// said; and whether it is news.
    pub(crate) fn accept(
        &mut self,
        name: &RegisterName,
        step: &Accepted,
    ) -> (bool, PersistNumber, bool) {
        let (cell, after) = self.cell(name);
        let accepted = cell.accepted.as_deref().map(Accepted::rank);
        if accepted == Some(step.rank()) && step.ballot >= cell.promised {
            return (true, after, false);
        }
        if step.ballot < cell.promised || accepted > Some(step.rank()) {
            return (false, after, false);
        }
        let cell = Cell {
            promised: step.ballot,
            accepted: Some(Box::new(step.clone())),
            ..cell.clone()
        };
        (true, self.put(name, cell), true)
    }

    /// Takes whatever is greater of a cell that another replica holds: of the record by its tag,
    /// of the promise, of what was accepted by ballot and tag. Returns the number under which the
    /// outcome is to be made durable, if it is news.
    pub(crate) fn merge(&mut self, name: &RegisterName, other: &Cell) -> Option<PersistNumber> {
        let (own, _) = self.cell(name);
        let lacks = Lacks::of(own, &other.versions());
        if !lacks.anything() {
            return None;
        }
        let record = if lacks.record { other } else { own };
        let step = if lacks.accepted { other } else { own };
        let merged = Cell {
            record: record.record.clone(),
            promised: own.promised.max(other.promised),
            accepted: step.accepted.clone(),
        };
        Some(self.put(name, merged))
    }

    /// Whether a cell of these versions holds anything that is not held here.
    pub(crate) fn lacks(&self, name: &RegisterName, versions: &Versions) -> bool {
        Lacks::of(self.cell(name).0, versions).anything()
    }

    /// Drops what is kept of a group that this node no longer holds. Returns the number under
    /// which that is to be made durable, if anything was kept.
    pub(crate) fn drop_group(&mut self, group: Group) -> Option<PersistNumber> {
        let slots = group.slots();
        let dropped: Vec<SlotStore> = slots.filter_map(|slot| self.slots.remove(&slot)).collect();
        for (name, cell, _) in dropped.iter().flat_map(|slot| slot.cells_after(None)) {
            if let Some(at) = cell.record.expiry {
                self.expiring.remove(&(at, name.clone()));
            }
        }
        (!dropped.is_empty()).then(|| self.next_persist())
    }

    /// The groups of which anything is kept.
    pub(crate) fn groups(&self) -> Groups {
        self.slots.keys().filter_map(|slot| slot.group()).collect()
    }

    /// What is held of a register, and what must be durable before it is said.
    pub(crate) fn cell(&self, name: &RegisterName) -> (&Cell, PersistNumber) {
        let slot = self.slots.get(&name.slot());
        let held = slot.and_then(|slot| slot.get(name));
        held.unwrap_or((&Cell::EMPTY, PersistNumber::NONE))
    }

    /// The record held of a register, if any.
    pub(crate) fn record(&self, name: &RegisterName) -> Option<&Record> {
        let record = &self.cell(name).0.record;
        (!record.tag.is_zero()).then_some(record)
    }

    /// What is held of a slot, if anything ever was.
    pub(crate) fn slot(&self, slot: Slot) -> Option<&SlotStore> {
        self.slots.get(&slot)
    }

    /// The greatest number under which anything was to be made durable.
    pub(crate) fn persist_last(&self) -> PersistNumber {
        self.persist_last
    }

    /// Whether anything is held that expires.
    pub(crate) fn expires_anything(&self) -> bool {
        !self.expiring.is_empty()
    }

    /// The registers that have expired when the wall clock shows `wall`, in the order in which they
    /// did, from the one after `after` on.
    pub(crate) fn expired<'a>(
        &'a self,
        wall: UnixMillis,
        after: Option<&'a (UnixMillis, RegisterName)>,
    ) -> impl Iterator<Item = (UnixMillis, &'a RegisterName)> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let expiring = self.expiring.range((from, Bound::Unbounded));
        let expired = expiring.take_while(move |(at, _)| *at <= wall);
        expired.map(|(at, name)| (*at, name))
    }

    /// How much it holds of clients' registers.
    pub(crate) fn totals(&self) -> Totals {
        let clients = self.slots.range(..Slot::RESERVED);
        clients.map(|(_, slot)| slot.totals()).sum()
    }

    /// Takes in what a disk kept of a register. It is durable.
    pub(crate) fn restore(&mut self, name: &RegisterName, cell: Cell) {
        if let Some(at) = cell.record.expiry {
            self.expiring.insert((at, name.clone()));
        }
        let slot = self.slots.entry(name.slot()).or_default();
        slot.put(name, cell, PersistNumber::NONE);
    }

    /// The one place where what is kept changes, but for what is known to be settled.
    fn put(&mut self, name: &RegisterName, cell: Cell) -> PersistNumber {
        let number = self.next_persist();
        let slot = self.slots.entry(name.slot()).or_default();
        let former = slot.get(name).and_then(|(cell, _)| cell.record.expiry);
        let expiry = cell.record.expiry;
        slot.put(name, cell, number);
        if former != expiry {
            if let Some(at) = former {
                self.expiring.remove(&(at, name.clone()));
            }
            if let Some(at) = expiry {
                self.expiring.insert((at, name.clone()));
            }
        }
        number
    }

    fn next_persist(&mut self) -> PersistNumber {
        self.persist_last = PersistNumber(self.persist_last.0 + 1);
        self.persist_last
    }
}

#[cfg(test)]
mod tests;
