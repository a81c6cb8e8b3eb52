//! The records a node holds: [`Replica`].

mod digest;
mod footprint;
mod room;
mod store;
mod watch;

use crate::ballot::{Accepted, Ballot};
use crate::configuration::Groups;
use crate::message::{Answer, Want};
use crate::output::PersistNumber;
use crate::record::{Record, UnixMillis};
use crate::slot::{Group, RegisterName, Slot};
use crate::tag::Tag;
use alloc::boxed::Box;
use alloc::collections::btree_map::Entry;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::ops::Bound;
pub use digest::of_floor as floor_digest;
pub use room::Room;
pub(crate) use store::{SlotStore, Totals};
use watch::Watch;
pub(crate) use watch::Watcher;

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

    /// A digest of it, as what is kept of the register of this name. It tells apart all that is
    /// ever kept of one register, but for whether its tag is known to be settled.
    pub fn digest(&self, name: &RegisterName) -> u128 {
        digest::digest(digest::NameDigest::of(name), self)
    }

    /// Whether it says that the register was deleted.
    fn is_tombstone(&self) -> bool {
        self.record.content.is_none() && !self.record.tag.is_zero()
    }

    /// A step that took effect came twice, to be accepted and as a record: its value is kept once.
    fn share_content(&mut self) {
        if let Some(step) = &self.accepted
            && step.tag == self.record.tag
            && step.content == self.record.content
        {
            self.record.content = step.content.clone();
        }
    }

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
    /// The registers of which tombstones are held.
    tombstones: BTreeSet<RegisterName>,
    /// What is watched, and for whom.
    watches: BTreeMap<Watcher, Watch>,
    /// The memory that all of it takes: the sum over the slots, kept as they change.
    memory: u64,
    /// The sum of the slots' digests, and of those of their floors.
    digest: u128,
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
        let dropped: Vec<SlotStore> = slots
            .filter_map(|slot| {
                let store = self.slots.remove(&slot)?;
                self.memory -= store.totals().memory;
                let floor = digest::of_floor(slot, (store.floor, store.base));
                let held = store.digest().wrapping_add(floor);
                self.digest = self.digest.wrapping_sub(held);
                Some(store)
            })
            .collect();
        for (name, cell, _) in dropped.iter().flat_map(|slot| slot.cells_after(None)) {
            self.tombstones.remove(name);
            if let Some(at) = cell.record.expiry {
                self.expiring.remove(&(at, name.clone()));
            }
        }
        (!dropped.is_empty()).then(|| self.next_persist())
    }

    /// Forgets a register whose tombstone is dropped.
    pub(crate) fn forget(&mut self, name: &RegisterName) {
        if let Some(slot) = self.slots.get_mut(&name.slot()) {
            let (memory, digest) = (slot.totals().memory, slot.digest());
            slot.remove(name);
            self.memory = self.memory - memory + slot.totals().memory;
            let change = slot.digest().wrapping_sub(digest);
            self.digest = self.digest.wrapping_add(change);
            self.tombstones.remove(name);
        }
    }

    /// Raises the floor and the base of a slot. Returns the number under which that is to be made
    /// durable, if it is news.
    pub(crate) fn raise_floor(
        &mut self,
        slot: Slot,
        (floor, base): (u64, u64),
    ) -> Option<PersistNumber> {
        let held = self.floor(slot);
        let raised = (held.0.max(floor), held.1.max(base));
        if raised == held {
            return None;
        }
        self.restore_floor(slot, raised);
        Some(self.next_persist())
    }

    /// Sets the floor and the base of a slot. They are durable.
    pub(crate) fn restore_floor(&mut self, slot: Slot, floor: (u64, u64)) {
        let before = self.slots.get(&slot).map_or(0, |slot| slot.totals().memory);
        let store = self.slots.entry(slot).or_default();
        let former = digest::of_floor(slot, (store.floor, store.base));
        (store.floor, store.base) = floor;
        self.digest = self.digest.wrapping_sub(former);
        self.digest = (self.digest).wrapping_add(digest::of_floor(slot, floor));
        self.memory = self.memory - before + store.totals().memory;
    }

    /// The least sequence number that a new one in this slot may be, and that of a step on top of
    /// nothing.
    pub(crate) fn floor(&self, slot: Slot) -> (u64, u64) {
        let store = self.slots.get(&slot);
        store.map_or((0, 0), |store| (store.floor, store.base))
    }

    /// From now on it is noted which registers of this slot have a record below this floor. It
    /// replaces what the same one had watched.
    pub(crate) fn watch(&mut self, watcher: Watcher, slot: Slot, floor: u64) {
        self.watches.insert(watcher, Watch::new(slot, floor));
    }

    /// Nobody wants to know any more.
    pub(crate) fn unwatch(&mut self, watcher: Watcher) {
        self.watches.remove(&watcher);
    }

    /// Nobody wants to know anything any more.
    pub(crate) fn unwatch_all(&mut self) {
        self.watches.clear();
    }

    /// Digests of the names of the registers that have a record below the floor, and of those that
    /// had one since that is watched; `None` if it is not.
    pub(crate) fn watched(&self, watcher: Watcher) -> Option<(u128, u128)> {
        let watch = self.watches.get(&watcher)?;
        let store = self.slots.get(&watch.slot);
        let below = store.map_or(0, |store| store.names_below(watch.floor));
        Some((below, watch.passed()))
    }

    /// How many registers of a slot anything is kept of.
    pub(crate) fn cells_in(&self, slot: Slot) -> usize {
        self.slots.get(&slot).map_or(0, SlotStore::cells)
    }

    /// How many tombstones are held.
    pub(crate) fn tombstones(&self) -> usize {
        self.tombstones.len()
    }

    /// The registers of which tombstones are held, from the one after `after` on.
    pub(crate) fn tombstones_after(
        &self,
        after: Option<&RegisterName>,
    ) -> impl Iterator<Item = &RegisterName> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.tombstones.range((from, Bound::Unbounded))
    }

    /// The first group after this one, or the first of all, of which anything is kept.
    pub(crate) fn next_group(&self, after: Option<Group>) -> Option<Group> {
        let last = after.and_then(|group| group.slots().next_back());
        let from = last.map_or(Bound::Unbounded, Bound::Excluded);
        let slots = self.slots.range((from, Bound::Unbounded));
        slots.map(|(slot, _)| slot).find_map(|slot| slot.group())
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

    /// A digest of all that is kept: the sum of the slots'.
    pub(crate) fn digest(&self) -> u128 {
        self.digest
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
        self.keep(name, cell, PersistNumber::NONE);
    }

    /// What is kept of a register changes, and is to be made durable.
    fn put(&mut self, name: &RegisterName, cell: Cell) -> PersistNumber {
        let number = self.next_persist();
        self.keep(name, cell, number);
        number
    }

    /// The one place where what is kept changes, but for what is known to be settled.
    fn keep(&mut self, name: &RegisterName, mut cell: Cell, number: PersistNumber) {
        cell.share_content();
        let slots = self.slots.entry(name.slot());
        let (memory, digest) = match &slots {
            Entry::Vacant(_) => (0, 0),
            Entry::Occupied(slot) => (slot.get().totals().memory, slot.get().digest()),
        };
        let slot = slots.or_default();
        let former = slot.get(name).and_then(|(cell, _)| cell.record.expiry);
        let expiry = cell.record.expiry;
        let is_tombstone = cell.is_tombstone();
        if !self.watches.is_empty() {
            let former = slot
                .get(name)
                .map_or(Tag::ZERO, |(cell, _)| cell.record.tag);
            for watch in self.watches.values_mut() {
                watch.note(name, former, cell.record.tag);
            }
        }
        slot.put(name, cell, number);
        self.memory = self.memory - memory + slot.totals().memory;
        let change = slot.digest().wrapping_sub(digest);
        self.digest = self.digest.wrapping_add(change);
        if is_tombstone && !name.is_reserved() {
            self.tombstones.insert(name.clone());
        } else if !is_tombstone {
            self.tombstones.remove(name);
        }
        if former != expiry {
            if let Some(at) = former {
                self.expiring.remove(&(at, name.clone()));
            }
            if let Some(at) = expiry {
                self.expiring.insert((at, name.clone()));
            }
        }
    }

    pub(crate) fn next_persist(&mut self) -> PersistNumber {
        self.persist_last = PersistNumber(self.persist_last.0 + 1);
        self.persist_last
    }
}

#[cfg(test)]
mod tests;
