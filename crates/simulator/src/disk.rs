//! What a node's disk holds: [`Disk`].

use crate::chance::Chance;
use protocol::{Cell, Configuration, Group, PersistNumber, RegisterName};
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
                Write::Drop(group) => self
                    .cells
                    .retain(|name, _| name.slot().group() != Some(group)),
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
        self.writes.push(Write::Cell(name, cell));
        self.numbers.insert(lane, number);
    }

    pub(crate) fn drop_group(&mut self, lane: usize, number: PersistNumber, group: Group) {
        self.writes.push(Write::Drop(group));
        self.numbers.insert(lane, number);
    }
}
