//! What tests of a directory write and read, without a node.

use super::Durability;
use super::error::DiskError;
use super::handle::Unstarted;
use super::opening::{Opening, open};
use super::pending::Pending;
use super::queue::{Change, Entering, Gathered};
use super::store::{Medium, Store};
use super::writer::Begin;
use bytes::Bytes;
use protocol::{
    Ballot, Boot, Cell, ClusterId, Configuration, Epoch, Incarnation, Member, NodeId,
    PersistNumber, Record, RegisterName, Tag,
};
use std::collections::BTreeMap;
use std::env;
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;

/// What is kept of registers.
pub(super) type Cells = BTreeMap<RegisterName, Cell>;

/// A cluster of one node.
pub(super) fn configuration_of(node: NodeId, epoch: Epoch) -> Arc<Configuration> {
    let member = Member::new(node, "127.0.0.1:3030".parse().unwrap());
    Arc::new(Configuration::new(ClusterId(1), epoch, vec![member], 1).unwrap())
}

/// The digest that lanes have which keep these.
pub(super) fn digest(cells: &Cells) -> u128 {
    let digests = cells.iter().map(|(name, cell)| cell.digest(name));
    digests.fold(0, u128::wrapping_add)
}

/// Where the process has its copies that starts on what is damaged: it may leave some behind.
pub(super) const SCRATCH: &str = "DAMAGE_SCRATCH";

/// In memory where that is possible: each start syncs many files.
pub(super) fn scratch() -> TempDir {
    if let Some(scratch) = env::var_os(SCRATCH) {
        return tempfile::tempdir_in(scratch).unwrap();
    }
    tempfile::tempdir_in("/dev/shm").unwrap_or_else(|_| tempfile::tempdir().unwrap())
}

/// What is kept of a register after so many writes.
pub(super) fn cell(seq: u64, content: &str) -> Cell {
    let writer = Incarnation {
        node: NodeId::new(9),
        boot: Boot::new(2),
    };
    let tag = Tag {
        seq,
        writer,
        step: 0,
    };
    Cell {
        record: Record {
            tag,
            content: (!content.is_empty()).then(|| Bytes::copy_from_slice(content.as_bytes())),
            ..Record::EMPTY
        },
        promised: Ballot {
            round: seq,
            proposer: writer,
        },
        accepted: None,
    }
}

pub(super) fn name(number: u64) -> RegisterName {
    RegisterName::new(format!("register-{number}")).unwrap()
}

/// A directory that a node has opened, as far as its lanes are restored.
pub(super) struct Started {
    pub(super) incarnation: Incarnation,
    pub(super) opening: Opening,
    pub(super) cells: Cells,
    pub(super) store: Store,
    pub(super) begin: Begin,
}

/// Opens a directory as a node does that starts.
pub(super) fn start(path: &Path, durability: Durability) -> Result<Started, DiskError> {
    let mut opened = open(path, durability, false)?;
    let (incarnation, opening) = (opened.incarnation, opened.opening);
    let kept = opened.kept.take();
    let cells: Cells = kept.map_or_else(Cells::new, |kept| kept.cells.into_iter().collect());
    let digests = vec![digest(&cells)];
    let (_, Unstarted { store, begin }) = opened.into_disk(digests);
    Ok(Started {
        incarnation,
        opening,
        cells,
        store,
        begin,
    })
}

/// A node that writes a batch at a time to its directory, and syncs each.
pub(super) struct Scribe {
    pub(super) incarnation: Incarnation,
    pub(super) store: Store,
    pending: Pending,
    /// The number of the last batch.
    pub(super) batch: u64,
    pub(super) cells: Cells,
}

impl Scribe {
    /// Starts on a directory: if it is a new one, as the only member of its cluster.
    pub(super) fn start(path: &Path) -> Self {
        let started = start(path, Durability::Sync).unwrap();
        let mut scribe = Self {
            incarnation: started.incarnation,
            store: started.store,
            pending: Pending::new(
                started.begin.durability,
                started.begin.digests,
                started.begin.marks,
            ),
            batch: started.begin.batch,
            cells: started.cells,
        };
        if started.opening == Opening::Fresh {
            scribe.write_gathered(Gathered {
                entering: Some(Entering {
                    configuration: configuration_of(started.incarnation.node, Epoch::FIRST),
                    incarnation: started.incarnation,
                    begins_anew: true,
                }),
                ..Gathered::default()
            });
        }
        scribe
    }

    /// Writes one batch with these changes.
    pub(super) fn write(&mut self, changes: Vec<(RegisterName, Cell)>) {
        self.cells.extend(changes.iter().cloned());
        let changes = changes.into_iter();
        self.write_gathered(Gathered {
            changes: changes
                .map(|(name, cell)| Change::Cell(name, cell))
                .collect(),
            lanes: vec![Some((PersistNumber(self.batch), digest(&self.cells)))],
            ..Gathered::default()
        });
    }

    fn write_gathered(&mut self, gathered: Gathered) {
        self.pending.add(gathered);
        self.batch += 1;
        let batch = self.pending.batch(self.batch, &self.store).unwrap();
        self.store.commit(batch).unwrap();
        self.store.sync().unwrap();
        self.store.mark(self.batch).unwrap();
        self.pending.written();
    }
}
