//! What a node's disk holds: [`Disk`].

use crate::chance::Chance;
use protocol::{
    Boot, Cell, Configuration, Counter, Group, Incarnation, NodeId, PersistNumber, RegisterName,
    Slot,
};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// A journal and what it has become: writes are durable in the order in which they were made, and a
/// crash leaves some first part of those that were not durable yet.
#[derive(Clone, Debug)]
pub(crate) struct Disk {
    durable: Stored,
    /// What was written in one go, the oldest first. A crash leaves all of one or nothing.
    pending: VecDeque<Batch>,
}

/// What a node finds when it starts again.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    /// The configuration that it had entered last.
    pub(crate) configuration: Arc<Configuration>,
    pub(crate) cells: BTreeMap<RegisterName, Cell>,
    /// The floor and the base of each slot.
    pub(crate) floors: BTreeMap<Slot, (u64, u64)>,
    /// Below which number the requests of each node's lanes are refused.
    pub(crate) marks: BTreeMap<(NodeId, u16), (Boot, Counter)>,
}

/// What is written in one go.
#[derive(Clone, Debug, Default)]
pub(crate) struct Batch {
    writes: Vec<Write>,
    /// The greatest number of each lane in it.
    numbers: BTreeMap<usize, PersistNumber>,
}

#[derive(Clone, Debug)]
enum Write {
    Configuration(Arc<Configuration>),
    Cell(RegisterName, Cell),
    Drop(Group),
    Floor(Slot, (u64, u64)),
    Marks(Vec<(Incarnation, Counter)>),
    Forget(Vec<RegisterName>),
}

impl Disk {
    pub(crate) fn holding(stored: Stored) -> Self {
        Self {
            durable: stored,
            pending: VecDeque::new(),
        }
    }

    /// The disk of a node that enters its first configuration.
    pub(crate) fn new(configuration: Arc<Configuration>) -> Self {
        Self::holding(Stored {
            configuration,
            cells: BTreeMap::new(),
            floors: BTreeMap::new(),
            marks: BTreeMap::new(),
        })
    }

    pub(crate) fn write(&mut self, batch: Batch) {
        if !batch.writes.is_empty() {
            self.pending.push_back(batch);
        }
    }

    /// Everything is durable up to this number of a lane, and so is all that was written before.
    pub(crate) fn sync_to(&mut self, lane: usize, number: PersistNumber) {
        let reaches = |batch: &Batch| batch.numbers.get(&lane).is_some_and(|last| *last <= number);
        let count = self.pending.iter().rposition(reaches);
        self.sync(count.map_or(0, |last| last + 1));
    }

    /// Everything is durable.
    pub(crate) fn sync_all(&mut self) {
        self.sync(self.pending.len());
    }

    fn sync(&mut self, count: usize) {
        for batch in self.pending.drain(..count) {
            self.durable.take(batch);
        }
    }

    /// What is left after a crash.
    pub(crate) fn after_crash(mut self, chance: &mut Chance) -> Stored {
        self.sync(chance.below(self.pending.len() + 1));
        self.durable
    }
}

impl Stored {
    fn take(&mut self, batch: Batch) {
        for write in batch.writes {
            match write {
                Write::Configuration(configuration) => self.configuration = configuration,
                Write::Cell(name, cell) => {
                    self.cells.insert(name, cell);
                }
                Write::Drop(group) => {
                    let is_kept = |slot: Slot| slot.group() != Some(group);
                    self.cells.retain(|name, _| is_kept(name.slot()));
                    self.floors.retain(|slot, _| is_kept(*slot));
                }
                Write::Floor(slot, floor) => {
                    self.floors.insert(slot, floor);
                }
                Write::Marks(marks) => {
                    for (from, mark) in marks {
                        let known = self.marks.entry((from.node, mark.lane()));
                        let known = known.or_insert((from.boot, mark));
                        *known = (from.boot, mark).max(*known);
                    }
                }
                Write::Forget(names) => {
                    for name in names {
                        self.cells.remove(&name);
                    }
                }
            }
        }
    }
}

impl Batch {
    pub(crate) fn enter(&mut self, configuration: Arc<Configuration>) {
        self.writes.push(Write::Configuration(configuration));
    }

    pub(crate) fn put(
        &mut self,
        lane: usize,
        number: PersistNumber,
        name: RegisterName,
        cell: Cell,
    ) {
        self.write(lane, number, Write::Cell(name, cell));
    }

    pub(crate) fn drop_group(&mut self, lane: usize, number: PersistNumber, group: Group) {
        self.write(lane, number, Write::Drop(group));
    }

    pub(crate) fn raise_floor(
        &mut self,
        lane: usize,
        number: PersistNumber,
        slot: Slot,
        floor: (u64, u64),
    ) {
        self.write(lane, number, Write::Floor(slot, floor));
    }

    pub(crate) fn mark(
        &mut self,
        lane: usize,
        number: PersistNumber,
        marks: Vec<(Incarnation, Counter)>,
    ) {
        self.write(lane, number, Write::Marks(marks));
    }

    pub(crate) fn forget(&mut self, lane: usize, number: PersistNumber, names: Vec<RegisterName>) {
        self.write(lane, number, Write::Forget(names));
    }

    fn write(&mut self, lane: usize, number: PersistNumber, write: Write) {
        self.writes.push(write);
        self.numbers.insert(lane, number);
    }
}
