//! The directory and its files: [`Directory`].

use super::error::DiskError;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

/// Where things are in a data directory, which is nobody else's as long as this is there.
#[derive(Clone, Debug)]
pub(super) struct Directory {
    path: PathBuf,
    /// The file `format`, locked. The store has a lock of its own, but not while it is made, nor
    /// while it is opened anew.
    _lock: Arc<File>,
}

const FORMAT: &str = "shardedmemory data directory, version 1\n";

const DRAFT: &str = "format.new";

/// More than any version's line is long.
const FORMAT_BYTES_MAX: usize = 200;

impl Directory {
    /// Makes the directory if it is not there, and makes sure that it is one of this layout: its
    /// own, or empty.
    pub(super) fn prepare(path: &Path) -> Result<Self, DiskError> {
        let failed = |what| move |error| failed(path, what, error);
        fs::create_dir_all(path).map_err(failed("cannot make"))?;
        let entries = fs::read_dir(path).map_err(failed("cannot read"))?;
        // The draft is left if the machine stopped in the middle of this.
        let is_draft =
            |entry: io::Result<fs::DirEntry>| entry.is_ok_and(|entry| entry.file_name() == DRAFT);
        if entries.into_iter().all(is_draft) {
            write_format(path).map_err(failed("cannot write to"))?;
        }
        Self::existing(path)
    }

    /// A directory that is there already.
    pub(super) fn existing(path: &Path) -> Result<Self, DiskError> {
        let format = check_format(path)?;
        for attempt in 1.. {
            match format.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if attempt < LOCK_ATTEMPTS => {
                    thread::sleep(LOCK_PAUSE);
                }
                Err(TryLockError::WouldBlock) => return Err(DiskError::InUse(path.to_owned())),
                Err(TryLockError::Error(error)) => {
                    return Err(failed(path, "cannot lock the file 'format' of", error));
                }
            }
        }
        Ok(Self {
            path: path.to_owned(),
            _lock: Arc::new(format),
        })
    }

    /// What was made or renamed in it is there after a power cut.
    pub(super) fn sync(&self) -> io::Result<()> {
        sync(&self.path)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn mark(&self) -> PathBuf {
        self.path.join("mark")
    }

    pub(super) fn store(&self) -> PathBuf {
        self.path.join("store")
    }

    /// Where the store is while it is made.
    pub(super) fn store_draft(&self) -> PathBuf {
        self.path.join("store.new")
    }

    /// The system refused something with it.
    pub(super) fn failed(&self, what: &'static str, error: io::Error) -> DiskError {
        failed(&self.path, what, error)
    }

    /// It does not hold what was written.
    pub(super) fn damaged(&self, what: impl Into<String>) -> DiskError {
        DiskError::Damaged {
            path: self.path.clone(),
            what: what.into(),
        }
    }
}

fn write_format(directory: &Path) -> io::Result<()> {
    // Renamed into its place, so that it is there as a whole or not at all.
    let draft = directory.join(DRAFT);
    fs::write(&draft, FORMAT)?;
    File::open(&draft)?.sync_all()?;
    fs::rename(&draft, directory.join("format"))?;
    sync(directory)
}

/// Returns the file `format`, if it is the one of this layout.
fn check_format(directory: &Path) -> Result<File, DiskError> {
    let foreign = || DiskError::Foreign(directory.to_owned());
    let path = directory.join("format");
    let read = File::open(&path).and_then(|file| Ok((file, fs::read(&path)?)));
    let (file, bytes) = read.map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => foreign(),
        _ => failed(directory, "cannot read the file 'format' of", error),
    })?;
    if bytes == FORMAT.as_bytes() {
        return Ok(file);
    }
    let line = &bytes[..bytes.len().min(FORMAT_BYTES_MAX)];
    let line = String::from_utf8_lossy(line).trim().to_owned();
    match line.starts_with("shardedmemory data directory") {
        true => Err(DiskError::Version(directory.to_owned(), line)),
        false => Err(foreign()),
    }
}

fn sync(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

fn failed(directory: &Path, what: &'static str, error: io::Error) -> DiskError {
    DiskError::Io {
        what,
        path: directory.to_owned(),
        error,
    }
}

/// A process that has just ended may hold its lock for a moment longer.
const LOCK_ATTEMPTS: u32 = 4;

const LOCK_PAUSE: Duration = Duration::from_millis(100);
