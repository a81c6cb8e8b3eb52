//! Reading a data directory at the start: [`open`].

use super::Durability;
use super::directory::Directory;
use super::error::DiskError;
use super::handle::{Disk, Unstarted};
use super::keys;
use super::mark::Mark;
use super::meta::{self, BatchNote, RunNote, of_identity};
use super::store::{Medium, Store, Writes};
use super::value;
use super::writer::Begin;
use parking_lot::Mutex;
use protocol::{Boot, Cell, Configuration, Counter, Incarnation, NodeId, RegisterName, Slot};
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What a node finds in its data directory when it starts.
pub(crate) struct Opened {
    /// Who it is.
    pub(crate) incarnation: Incarnation,
    /// What it kept, if it was ever in a cluster.
    pub(crate) kept: Option<Kept>,
    /// How it comes back.
    pub(crate) opening: Opening,
    store: Store,
    durability: Durability,
    batch: BatchNote,
    marks: Vec<(Incarnation, Counter)>,
}

/// What a node kept.
pub(crate) struct Kept {
    /// The configuration that it had entered last.
    pub(crate) configuration: Arc<Configuration>,
    /// What it kept of registers: nothing, if it comes back as another node.
    pub(crate) cells: Vec<(RegisterName, Cell)>,
    /// The floors and bases of slots.
    pub(crate) floors: Vec<(Slot, (u64, u64))>,
    /// Below which number requests of incarnations' lanes are refused.
    pub(crate) marks: Vec<(Incarnation, Counter)>,
}

/// How a node comes back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Opening {
    /// It was never in a cluster.
    Fresh,
    /// It goes on as the node that it was.
    GoesOn,
    /// It was a member, and is none any more: it comes as a new node.
    WasRemoved,
    /// Its machine went down before everything was synced: it comes as a new node. What is on disk
    /// is left there until the new node is let in.
    LostMemory,
}

/// Opens the data directory, or makes it, and reads all that it holds.
///
/// A node that goes on as the one that it was has a greater boot, which is durable when this
/// returns. With `trust`, what an unclean end may have cost is accepted.
///
/// # Errors
/// [`DiskError`], if the directory cannot be used, or does not hold what was written.
pub(crate) fn open(path: &Path, durability: Durability, trust: bool) -> Result<Opened, DiskError> {
    guarded(path, || read(path, durability, trust))
}

/// The store takes for granted some of what it reads, and panics where that is damaged. In a node
/// the process ends within the panic, and says what [`while_opening`] tells.
pub(super) fn guarded<T>(
    path: &Path,
    read: impl FnOnce() -> Result<T, DiskError>,
) -> Result<T, DiskError> {
    *OPENS.lock() = Some(path.to_owned());
    // Nothing outlives the panic that it left half done: what was opened is closed by it.
    let read = panic::catch_unwind(AssertUnwindSafe(read));
    *OPENS.lock() = None;
    read.unwrap_or_else(|_| Err(unreadable(path)))
}

/// The directory that is being opened.
static OPENS: Mutex<Option<PathBuf>> = Mutex::new(None);

/// What a panic means while a directory is being opened, if one is. Then nothing else runs.
pub(crate) fn while_opening() -> Option<DiskError> {
    OPENS.lock().as_deref().map(unreadable)
}

fn unreadable(path: &Path) -> DiskError {
    DiskError::Damaged {
        path: path.to_owned(),
        what: "its store cannot be read".to_owned(),
    }
}

fn read(path: &Path, durability: Durability, trust: bool) -> Result<Opened, DiskError> {
    let directory = Directory::prepare(path)?;
    let mark_path = directory.mark();
    let is_made = |path: &Path| path.try_exists();
    let cannot_read = |error| directory.failed("cannot read", error);
    let (mark, marked) = match is_made(&mark_path).map_err(cannot_read)? {
        true => Mark::open(&mark_path).map_err(cannot_read)?,
        // The mark is made before the store is.
        false if is_made(&directory.store()).map_err(cannot_read)? => {
            return Err(directory.damaged("its file 'mark' is gone"));
        }
        false => {
            let cannot_write = |error| directory.failed("cannot write to", error);
            let mark = Mark::create(&mark_path).map_err(cannot_write)?;
            directory.sync().map_err(cannot_write)?;
            (mark, Some(0))
        }
    };
    let marked = marked.ok_or_else(|| directory.damaged("its file 'mark' cannot be read"))?;
    let mut store =
        Store::new(directory.clone(), mark).map_err(|error| refusal(&directory, error))?;
    let found = Found::read(&directory, &store)?;
    found.check(&directory, marked)?;
    found.check_digest(&directory)?;
    let (incarnation, opening) = found.comes_back(trust);
    let goes_on = opening == Opening::GoesOn;
    let mut batch = found.batch;
    if goes_on {
        // It is a batch like any other, or a store that ends before it would not be told from one
        // that was never opened, and the node would have the same boot twice.
        batch.number += 1;
        let notes = [
            RunNote::begun(durability).entry(),
            of_identity(incarnation),
            batch.entry(),
        ];
        let writes: Writes = notes.map(|(key, value)| (key, Some(value))).into();
        let written = store.commit(&writes).and_then(|()| store.sync());
        let marked = written.and_then(|()| store.mark_durably(batch.number));
        marked.map_err(|trouble| DiskError::Failed {
            path: path.to_owned(),
            why: trouble.to_string(),
        })?;
    }
    let held = if goes_on { found.held } else { Held::default() };
    let marks = held.marks.clone();
    Ok(Opened {
        incarnation,
        kept: (found.configuration).map(|configuration| Kept {
            configuration,
            cells: held.cells,
            floors: held.floors,
            marks: held.marks,
        }),
        marks,
        opening,
        store,
        durability,
        batch,
    })
}

impl Opened {
    /// The disk on which lanes keep what they promise from here on; these are the digests of what
    /// they hold.
    pub(crate) fn into_disk(self, digests: Vec<u128>) -> (Disk, Unstarted) {
        let has_identity = self.opening == Opening::GoesOn;
        let recovered = self.batch.number;
        let disk = Disk::new(self.incarnation, has_identity, recovered, digests.len());
        let begin = Begin {
            durability: self.durability,
            batch: recovered,
            digests,
            marks: self.marks,
        };
        let store = self.store;
        (disk, Unstarted { store, begin })
    }
}

/// What a store holds.
#[derive(Default)]
pub(super) struct Found {
    pub(super) identity: Option<Incarnation>,
    pub(super) configuration: Option<Arc<Configuration>>,
    pub(super) batch: BatchNote,
    pub(super) run: Option<RunNote>,
    pub(super) held: Held,
}

/// What lanes keep.
#[derive(Default)]
pub(super) struct Held {
    pub(super) cells: Vec<(RegisterName, Cell)>,
    pub(super) floors: Vec<(Slot, (u64, u64))>,
    pub(super) marks: Vec<(Incarnation, Counter)>,
}

impl Held {
    fn take(&mut self, key: &[u8], value: &[u8]) -> Option<()> {
        if let Some(slot) = keys::floor(key) {
            let floor = meta::floor(value::opened(key, value)?)?;
            self.floors.push((slot, floor));
        } else if let Some((node, lane)) = keys::mark(key) {
            let mark = meta::mark(node, value::opened(key, value)?)?;
            self.marks.push(mark);
            return (mark.1.lane() == lane).then_some(());
        } else {
            self.cells.push(value::cell(key, value)?);
        }
        Some(())
    }

    /// What lanes that keep this say that it sums up to.
    fn digest(&self) -> u128 {
        let cells = self.cells.iter().map(|(name, cell)| cell.digest(name));
        let floors = self.floors.iter();
        let floors = floors.map(|(slot, floor)| protocol::floor_digest(*slot, *floor));
        cells.chain(floors).fold(0, u128::wrapping_add)
    }
}

impl Found {
    pub(super) fn read(directory: &Directory, store: &Store) -> Result<Self, DiskError> {
        let mut found = Found::default();
        for entry in store.entries() {
            let (key, value) = entry.map_err(|error| refusal(directory, error))?;
            let taken = match keys::is_meta(&key) {
                true => found.take_note(&key, &value),
                false => found.held.take(&key, &value),
            };
            if taken.is_none() {
                let what = format!(
                    "what it holds under '{}' is not what was written",
                    key.escape_ascii()
                );
                return Err(directory.damaged(what));
            }
        }
        Ok(found)
    }

    fn take_note(&mut self, key: &[u8], value: &[u8]) -> Option<()> {
        let payload = value::opened(key, value)?;
        match key {
            keys::IDENTITY => self.identity = Some(meta::identity(payload)?),
            keys::CONFIGURATION => {
                self.configuration = Some(Arc::new(Configuration::decode(payload).ok()?));
            }
            keys::BATCH => self.batch = BatchNote::read(payload)?,
            keys::RUN => self.run = Some(RunNote::read(payload)?),
            _ => return None,
        }
        Some(())
    }

    /// Whether it reaches as far as was ever synced, and is whole.
    pub(super) fn check(&self, directory: &Directory, marked: u64) -> Result<(), DiskError> {
        if self.batch.number < marked {
            return Err(directory.damaged(format!(
                "its store ends at batch {}, and batch {marked} had been synced",
                self.batch.number
            )));
        }
        let notes = [self.identity.is_some(), self.configuration.is_some()];
        let is_whole = match self.batch.number {
            0 => notes == [false, false] && self.held.cells.is_empty(),
            _ => notes == [true, true],
        };
        match is_whole {
            true => Ok(()),
            false => Err(directory.damaged("a part of its store is missing")),
        }
    }

    /// Whether the registers are those that were written: none is missing, and none has a former
    /// value.
    pub(super) fn check_digest(&self, directory: &Directory) -> Result<(), DiskError> {
        match self.held.digest() == self.batch.digest {
            true => Ok(()),
            false => Err(directory
                .damaged("registers that were written are missing from it, or have former values")),
        }
    }

    fn comes_back(&self, trust: bool) -> (Incarnation, Opening) {
        let anew = Incarnation {
            node: NodeId::new(rand::random_range(1..=u64::MAX)),
            boot: Boot::FIRST,
        };
        let (Some(own), Some(configuration)) = (self.identity, &self.configuration) else {
            return (anew, Opening::Fresh);
        };
        let kept_everything = self.run.as_ref().is_none_or(RunNote::kept_everything);
        if !configuration.contains(own.node) {
            return (anew, Opening::WasRemoved);
        }
        if !kept_everything && !trust {
            return (anew, Opening::LostMemory);
        }
        match own.boot.get().checked_add(1) {
            Some(boot) => {
                let boot = Boot::new(boot);
                (Incarnation { boot, ..own }, Opening::GoesOn)
            }
            // After four thousand million starts, another name.
            None => (anew, Opening::LostMemory),
        }
    }
}

/// Why the store could not be opened or read.
pub(super) fn refusal(directory: &Directory, error: fjall::Error) -> DiskError {
    match error {
        fjall::Error::Locked => DiskError::InUse(directory.path().to_owned()),
        fjall::Error::Io(error) => directory.failed("cannot open", error),
        fjall::Error::InvalidVersion(_) => {
            DiskError::Version(directory.path().to_owned(), format!("{error}"))
        }
        error => directory.damaged(format!("its store cannot be read ({error})")),
    }
}
