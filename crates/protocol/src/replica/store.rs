//! The registers of one slot: [`SlotStore`].

use super::Cell;
use super::digest::{NameDigest, digest};
use crate::ballot::Accepted;
use crate::output::PersistNumber;
use crate::slot::RegisterName;
use crate::tag::Tag;
use alloc::collections::BTreeMap;
use alloc::collections::btree_map::Entry;
use core::ops::Bound;

/// The registers of one slot, and what is known of all of them together, kept as they change.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub(crate) struct SlotStore {
    cells: BTreeMap<RegisterName, Held>,
    totals: Totals,
    digest: u128,
}

/// How much is held.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub(crate) struct Totals {
    /// How many registers were ever written, tombstones included. Others have nothing but a
    /// promise, or a step that was accepted.
    pub(crate) registers: usize,
    /// The bytes of all names, and of the values of all records.
    pub(crate) bytes: u64,
}

/// What is held of a register, and what must be durable before any message may show it.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Held {
    cell: Cell,
    persist: PersistNumber,
}

impl SlotStore {
    pub(super) fn get(&self, name: &RegisterName) -> Option<(&Cell, PersistNumber)> {
        let held = self.cells.get(name)?;
        Some((&held.cell, held.persist))
    }

    /// Keeps the cell in place of what is kept of this register now.
    ///
    /// # Panics
    /// If it is less in any part: whatever a replica has said that it holds, it holds.
    pub(super) fn put(&mut self, name: &RegisterName, cell: Cell, persist: PersistNumber) {
        let name_digest = NameDigest::of(name);
        self.totals.add(name, &cell);
        self.digest = self.digest.wrapping_add(digest(name_digest, &cell));
        match self.cells.entry(name.clone()) {
            Entry::Vacant(entry) => {
                entry.insert(Held { cell, persist });
            }
            Entry::Occupied(mut entry) => {
                let former = &entry.get().cell;
                assert_follows(former, &cell);
                self.totals.take(name, former);
                self.digest = self.digest.wrapping_sub(digest(name_digest, former));
                entry.insert(Held { cell, persist });
            }
        }
    }

    pub(super) fn settle(&mut self, name: &RegisterName, tag: Tag) {
        if let Some(held) = self.cells.get_mut(name)
            && held.cell.record.tag == tag
        {
            held.cell.record.settled = true;
        }
    }

    /// How much is held in this slot.
    pub(crate) fn totals(&self) -> Totals {
        self.totals
    }

    /// A digest of what is kept: two replicas of a slot that keep the same have the same one, and
    /// one that keeps nothing has zero.
    pub(crate) fn digest(&self) -> u128 {
        self.digest
    }

    /// The cells whose names come after `after`, in order, each with what must be durable before
    /// it is shown.
    pub(crate) fn cells_after(
        &self,
        after: Option<&RegisterName>,
    ) -> impl Iterator<Item = (&RegisterName, &Cell, PersistNumber)> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let cells = self.cells.range((from, Bound::Unbounded));
        cells.map(|(name, held)| (name, &held.cell, held.persist))
    }
}

fn assert_follows(former: &Cell, cell: &Cell) {
    assert!(
        former.record.tag <= cell.record.tag,
        "a record's tag never goes down"
    );
    assert!(
        former.promised <= cell.promised,
        "a promise is never taken back"
    );
    assert!(
        former.accepted.as_ref().map(Accepted::rank) <= cell.accepted.as_ref().map(Accepted::rank),
        "what was accepted gives way to what is greater only"
    );
}

impl Totals {
    fn add(&mut self, name: &RegisterName, cell: &Cell) {
        let Totals { registers, bytes } = Totals::of(name, cell);
        self.registers += registers;
        self.bytes += bytes;
    }

    fn take(&mut self, name: &RegisterName, cell: &Cell) {
        let Totals { registers, bytes } = Totals::of(name, cell);
        self.registers -= registers;
        self.bytes -= bytes;
    }

    fn of(name: &RegisterName, cell: &Cell) -> Totals {
        let value = cell.record.content.as_ref().map_or(0, |value| value.len());
        Totals {
            registers: usize::from(!cell.record.tag.is_zero()),
            bytes: (name.as_bytes().len() + value) as u64,
        }
    }
}

impl core::iter::Sum for Totals {
    fn sum<I: Iterator<Item = Totals>>(totals: I) -> Totals {
        totals.fold(Totals::default(), |sum, one| Totals {
            registers: sum.registers + one.registers,
            bytes: sum.bytes + one.bytes,
        })
    }
}
