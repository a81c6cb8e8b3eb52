//! What holds the map of a data directory: [`Store`].

use super::directory::Directory;
use super::keys::Key;
use super::mark::Mark;
use super::room;
use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};
use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io;
use std::path::Path;

/// What is to be written under each key; nothing for a key that is to go.
pub(super) type Writes = BTreeMap<Key, Option<Vec<u8>>>;

/// Where a writer writes. A test has others than [`Store`].
pub(super) trait Medium: Send {
    /// Writes all of it, or nothing. It outlives the process, but not yet the machine.
    fn commit(&mut self, writes: &Writes) -> Result<(), Trouble>;

    /// Makes what was committed durable.
    fn sync(&mut self) -> Result<(), Trouble>;

    /// Everything up to the batch of this number is durable.
    fn mark(&mut self, batch: u64) -> Result<(), Trouble>;

    /// After something failed: lets go of everything, and begins anew with what is there.
    fn reopen(&mut self) -> Result<(), Trouble>;

    /// The keys that begin so.
    fn keys(&self, prefix: &[u8]) -> Result<Vec<Key>, Trouble>;

    /// Whether there is room to write. If it `is_full`, it takes somewhat more.
    fn has_room(&self, is_full: bool) -> bool;

    /// It will not be written to again.
    fn close(&mut self) -> Result<(), Trouble>;
}

/// Why something was not written.
#[derive(Debug)]
pub(super) enum Trouble {
    /// There is no room for it.
    Full(String),
    /// Anything else.
    Failed(String),
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Trouble::Full(why) | Trouble::Failed(why) => f.write_str(why),
        }
    }
}

/// The store of a data directory, and the mark beside it.
pub(super) struct Store {
    directory: Directory,
    /// Both, unless it failed to be opened anew.
    open: Option<(Database, Keyspace)>,
    mark: Mark,
}

impl Store {
    pub(super) fn new(directory: Directory, mark: Mark) -> Result<Self, fjall::Error> {
        if !directory.store().try_exists()? {
            make(&directory)?;
        }
        let open = Some(open(&directory.store())?);
        Ok(Self {
            directory,
            open,
            mark,
        })
    }

    /// All that is in it, by key.
    pub(super) fn entries(
        &self,
    ) -> impl Iterator<Item = Result<(fjall::UserKey, fjall::UserValue), fjall::Error>> {
        let (_, map) = self.open.iter().next().expect("nothing has failed yet");
        map.iter().map(fjall::Guard::into_inner)
    }

    /// Writes a table of what only the journal holds so far.
    #[cfg(test)]
    pub(super) fn write_table(&self) {
        let (_, map) = self.open.as_ref().unwrap();
        map.rotate_memtable_and_wait().unwrap();
    }

    /// Everything up to the batch of this number is durable, and so is that it is.
    pub(super) fn mark_durably(&mut self, batch: u64) -> Result<(), Trouble> {
        self.mark(batch)?;
        self.mark.sync().map_err(cannot_mark)
    }

    fn database(&self) -> Result<&(Database, Keyspace), Trouble> {
        let is_gone = || Trouble::Failed("it could not be opened anew".to_owned());
        self.open.as_ref().ok_or_else(is_gone)
    }

    /// What a failure to write means: a store that failed in its own work, as for want of room,
    /// says no more than that.
    fn trouble(&self, error: fjall::Error) -> Trouble {
        let is_full = match &error {
            fjall::Error::Io(error) => is_want_of_room(error),
            fjall::Error::Storage(fjall::LsmError::Io(error)) => is_want_of_room(error),
            fjall::Error::Poisoned => !self.has_room(true),
            _ => false,
        };
        match is_full {
            true => Trouble::Full(error.to_string()),
            false => Trouble::Failed(error.to_string()),
        }
    }
}

impl Medium for Store {
    fn commit(&mut self, writes: &Writes) -> Result<(), Trouble> {
        let (database, map) = self.database()?;
        let mut batch = database.batch().durability(Some(PersistMode::Buffer));
        for (key, value) in writes {
            match value {
                Some(value) => batch.insert(map, key.as_slice(), value.as_slice()),
                None => batch.remove(map, key.as_slice()),
            }
        }
        batch.commit().map_err(|error| self.trouble(error))
    }

    /// After a sync that failed, nobody can say what is on the disk: it is never room that lacks.
    fn sync(&mut self) -> Result<(), Trouble> {
        let (database, _) = self.database()?;
        let synced = database.persist(PersistMode::SyncData);
        synced.map_err(|error| Trouble::Failed(error.to_string()))
    }

    fn mark(&mut self, batch: u64) -> Result<(), Trouble> {
        self.mark.write(batch).map_err(cannot_mark)
    }

    fn reopen(&mut self) -> Result<(), Trouble> {
        // It is locked until the former one is gone.
        self.open = None;
        self.open = Some(open(&self.directory.store()).map_err(|error| self.trouble(error))?);
        Ok(())
    }

    fn keys(&self, prefix: &[u8]) -> Result<Vec<Key>, Trouble> {
        let (_, map) = self.database()?;
        let keys = map.prefix(prefix).map(|entry| {
            let key = entry.key().map_err(|error| self.trouble(error))?;
            Ok(key.to_vec())
        });
        keys.collect()
    }

    fn has_room(&self, is_full: bool) -> bool {
        room::is_left(self.directory.path(), is_full)
    }

    fn close(&mut self) -> Result<(), Trouble> {
        let synced = self.mark.sync();
        self.open = None;
        synced.map_err(cannot_mark)
    }
}

fn cannot_mark(error: io::Error) -> Trouble {
    Trouble::Failed(format!("cannot write the mark: {error}"))
}

fn is_want_of_room(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    )
}

/// Makes an empty one, which is there as a whole or not at all: none can be opened that was left
/// half made.
fn make(directory: &Directory) -> Result<(), fjall::Error> {
    let draft = directory.store_draft();
    match fs::remove_dir_all(&draft) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    let made = open(&draft)?;
    drop(made);
    fs::rename(&draft, directory.store())?;
    Ok(directory.sync()?)
}

fn open(path: &Path) -> Result<(Database, Keyspace), fjall::Error> {
    let database = Database::builder(path)
        .cache_size(CACHE_BYTES)
        .worker_threads(WORKERS)
        .max_journaling_size(JOURNALS_BYTES_MAX)
        .open()?;
    let options = || KeyspaceCreateOptions::default().max_memtable_size(MEMTABLE_BYTES);
    let map = database.keyspace("registers", options)?;
    Ok((database, map))
}

/// Registers are read once: what is cached serves compaction alone.
const CACHE_BYTES: u64 = 8 * 1024 * 1024;

/// Threads that write tables and compact them.
const WORKERS: usize = 2;

/// Journals are removed once tables hold what is in them; beyond this, tables are written.
const JOURNALS_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// What the store holds in memory of the newest writes before it writes a table.
const MEMTABLE_BYTES: u64 = 16 * 1024 * 1024;
