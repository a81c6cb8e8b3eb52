//! The registers of one slot: [`SlotStore`].

use super::Cell;
use super::digest::{NameDigest, digest};
use super::footprint;
use crate::ballot::Accepted;
use crate::broken::{Broken, Kept};
use crate::output::PersistNumber;
use crate::slot::RegisterName;
use crate::tag::Tag;
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::collections::btree_map::Entry;
use core::fmt::Debug;
use core::ops::Bound;

/// The registers of one slot, and what is known of all of them together, kept as they change.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub(crate) struct SlotStore {
    /// Each in a place of its own: they are large, and a map leaves a third of its room empty.
    cells: BTreeMap<RegisterName, Box<Held>>,
    totals: Totals,
    digest: u128,
    /// The least sequence number that a new one may be: tombstones of lesser ones may have been
    /// dropped. It is no part of the digest: whoever copies the slot takes it anyhow.
    pub(super) floor: u64,
    /// The sequence number of a step on top of nothing. Of whatever has, or will have, a plain write
    /// below it all replicas of the slot hold something.
    pub(super) base: u64,
}

/// How much is held.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub(crate) struct Totals {
    /// How many registers were ever written, tombstones included. Others have nothing but a
    /// promise, or a step that was accepted.
    pub(crate) registers: usize,
    /// How many of them hold a value.
    pub(crate) values: usize,
    /// The bytes of all names, and of the values of all records.
    pub(crate) bytes: u64,
    /// The memory that all of it takes, estimated.
    pub(crate) memory: u64,
}

/// What is held of a register, and what must be durable before any message may show it.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Held {
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
        expect_promised(name, &cell);
        match self.cells.entry(name.clone()) {
            Entry::Vacant(entry) => {
                entry.insert(Box::new(Held { cell, persist }));
            }
            Entry::Occupied(mut entry) => {
                let former = &entry.get().cell;
                expect_not_less(name, former, &cell);
                self.totals.take(name, former);
                self.digest = self.digest.wrapping_sub(digest(name_digest, former));
                **entry.get_mut() = Held { cell, persist };
            }
        }
        #[cfg(any(debug_assertions, feature = "costly-invariants"))]
        self.expect_counted(name);
    }

    /// The counts and the digest are those of the registers. A slot of many is looked at now and
    /// then only.
    #[cfg(any(debug_assertions, feature = "costly-invariants"))]
    fn expect_counted(&self, name: &RegisterName) {
        const FEW: usize = 16;
        if self.cells.len() > FEW && !self.digest.is_multiple_of(self.cells.len() as u128) {
            return;
        }
        let digests =
            (self.cells.iter()).map(|(name, held)| digest(NameDigest::of(name), &held.cell));
        let digest = digests.fold(0, u128::wrapping_add);
        let totals = self
            .cells
            .iter()
            .map(|(name, held)| Totals::of(name, &held.cell));
        if (digest, totals.sum()) != (self.digest, self.totals) {
            Broken::Miscounted { slot: name.slot() }.stop()
        }
    }

    /// Drops a register.
    pub(super) fn remove(&mut self, name: &RegisterName) {
        if let Some(held) = self.cells.remove(name) {
            self.totals.take(name, &held.cell);
            let digest = digest(NameDigest::of(name), &held.cell);
            self.digest = self.digest.wrapping_sub(digest);
        }
    }

    /// A digest of the names of the registers whose records are below a sequence number.
    pub(super) fn names_below(&self, seq: u64) -> u128 {
        let below = self.cells.iter().filter(|(_, held)| {
            let tag = held.cell.record.tag;
            !tag.is_zero() && tag.seq < seq
        });
        let digests = below.map(|(name, _)| NameDigest::of(name).sum());
        digests.fold(0, u128::wrapping_add)
    }

    /// How many registers there are of which anything is kept.
    pub(super) fn cells(&self) -> usize {
        self.cells.len()
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
        let memory = self.totals.memory + self.memory_besides();
        Totals {
            memory,
            ..self.totals
        }
    }

    /// The memory that it takes beside that of what it keeps of each register.
    fn memory_besides(&self) -> u64 {
        footprint::SLOT + footprint::of_map(self.cells.len())
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
        self.cells_from(after.map_or(Bound::Unbounded, Bound::Excluded))
    }

    /// The cells whose names come at this bound and after it, in order, each with what must be
    /// durable before it is shown.
    pub(crate) fn cells_from<'a>(
        &'a self,
        from: Bound<&RegisterName>,
    ) -> impl Iterator<Item = (&'a RegisterName, &'a Cell, PersistNumber)> + use<'a> {
        let cells = self.cells.range((from, Bound::Unbounded));
        cells.map(|(name, held)| (name, &held.cell, held.persist))
    }
}

/// Whatever a replica has said that it holds, it holds.
fn expect_not_less(name: &RegisterName, former: &Cell, cell: &Cell) {
    if cell.record.tag < former.record.tag {
        went_down(name, Kept::Tag, &former.record.tag, &cell.record.tag);
    }
    if cell.promised < former.promised {
        went_down(name, Kept::Promise, &former.promised, &cell.promised);
    }
    let rank = |cell: &Cell| cell.accepted.as_deref().map(Accepted::rank);
    if former.accepted.is_some() && rank(cell) < rank(former) {
        went_down(name, Kept::Step, &rank(former), &rank(cell));
    }
}

#[cold]
fn went_down(name: &RegisterName, what: Kept, former: &dyn Debug, now: &dyn Debug) -> ! {
    Broken::WentDown {
        name,
        what,
        former,
        now,
    }
    .stop()
}

/// A step is accepted under a ballot that is promised by that.
fn expect_promised(name: &RegisterName, cell: &Cell) {
    if let Some(step) = &cell.accepted
        && step.ballot > cell.promised
    {
        Broken::NotPromised {
            name,
            step: step.ballot,
            promised: cell.promised,
        }
        .stop()
    }
}

impl Totals {
    fn add(&mut self, name: &RegisterName, cell: &Cell) {
        let other = Totals::of(name, cell);
        self.registers += other.registers;
        self.values += other.values;
        self.bytes += other.bytes;
        self.memory += other.memory;
    }

    fn take(&mut self, name: &RegisterName, cell: &Cell) {
        let other = Totals::of(name, cell);
        self.registers -= other.registers;
        self.values -= other.values;
        self.bytes -= other.bytes;
        self.memory -= other.memory;
    }

    fn of(name: &RegisterName, cell: &Cell) -> Totals {
        let value = cell.record.content.as_ref().map_or(0, |value| value.len());
        Totals {
            registers: usize::from(!cell.record.tag.is_zero()),
            values: usize::from(cell.record.content.is_some()),
            bytes: (name.as_bytes().len() + value) as u64,
            memory: footprint::of_cell(name, cell),
        }
    }
}

impl core::iter::Sum for Totals {
    fn sum<I: Iterator<Item = Totals>>(totals: I) -> Totals {
        totals.fold(Totals::default(), |sum, one| Totals {
            registers: sum.registers + one.registers,
            values: sum.values + one.values,
            bytes: sum.bytes + one.bytes,
            memory: sum.memory + one.memory,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ballot::Ballot;
    use crate::message::{Counter, OperationId};
    use crate::node::{Boot, Incarnation, NodeId};
    use crate::record::Record;
    use alloc::boxed::Box;

    const WRITER: Incarnation = Incarnation {
        node: NodeId::new(1),
        boot: Boot::FIRST,
    };

    fn ballot(round: u64) -> Ballot {
        Ballot {
            round,
            proposer: WRITER,
        }
    }

    fn step(round: u64) -> Accepted {
        Accepted {
            ballot: ballot(round),
            tag: Tag::ZERO,
            content: None,
            expiry: None,
            operation: OperationId {
                origin: WRITER,
                counter: Counter(1),
            },
        }
    }

    /// What is kept by the seq of a record, the round of a promise, and that of a step.
    fn cell(seq: u64, promised: u64, accepted: u64) -> Cell {
        Cell {
            record: Record {
                tag: Tag {
                    seq,
                    writer: WRITER,
                    step: 0,
                },
                ..Record::EMPTY
            },
            promised: ballot(promised),
            accepted: Some(Box::new(step(accepted))),
        }
    }

    fn put_one_after_the_other(cells: [Cell; 2]) {
        let name = RegisterName::new("r").unwrap();
        let mut store = SlotStore::default();
        for cell in cells {
            store.put(&name, cell, PersistNumber(1));
        }
    }

    #[test]
    fn each_part_may_go_up_by_itself() {
        for higher in [cell(2, 2, 2), cell(1, 3, 2), cell(1, 3, 3)] {
            put_one_after_the_other([cell(1, 2, 2), higher]);
        }
    }

    #[test]
    #[should_panic(
        expected = "the tag of register \"r\" would go down from 2-0000000000000001-1-0"
    )]
    fn a_tag_that_goes_down_is_found() {
        put_one_after_the_other([cell(2, 2, 2), cell(1, 2, 2)]);
    }

    #[test]
    #[should_panic(expected = "the promised ballot of register \"r\" would go down")]
    fn a_promise_that_goes_down_is_found() {
        put_one_after_the_other([cell(1, 3, 2), cell(1, 2, 2)]);
    }

    #[test]
    #[should_panic(expected = "the accepted step of register \"r\" would go down")]
    fn an_accepted_step_that_goes_down_is_found() {
        put_one_after_the_other([cell(1, 3, 2), cell(1, 3, 1)]);
    }

    #[test]
    #[should_panic(expected = "would hold a step of ballot 3@0000000000000001-1 with no greater")]
    fn a_step_that_was_not_promised_is_found() {
        put_one_after_the_other([cell(1, 2, 2), cell(1, 2, 3)]);
    }

    #[cfg(any(debug_assertions, feature = "costly-invariants"))]
    #[test]
    #[should_panic(expected = "is not that of its registers")]
    fn a_digest_that_is_not_that_of_the_registers_is_found() {
        let name = RegisterName::new("r").unwrap();
        let mut store = SlotStore::default();
        store.put(&name, cell(1, 2, 2), PersistNumber(1));
        store.digest ^= 1;
        store.put(&name, cell(2, 2, 2), PersistNumber(2));
    }
}
