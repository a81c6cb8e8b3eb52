//! Histories in files.

use super::report::Report;
use crate::cli::failure::Failure;
use crate::cli::spinner::spin;
use crate::cli::workload::{ReadError, WorkloadRecord};
use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use tokio::task::spawn_blocking;

/// Judges the history in a file, or on standard input if the path is `-`.
///
/// # Errors
/// If there is no history in it.
pub(super) async fn check(path: &Path, operations_max: usize) -> Result<Report, Failure> {
    let path = path.to_owned();
    let checking = spawn_blocking(move || {
        let record = read(&path, operations_max)?;
        Ok(Report::of(&record))
    });
    let checked = spin("the history is checked", checking).await;
    checked.expect("no check panics")
}

fn read(path: &Path, operations_max: usize) -> Result<WorkloadRecord, Failure> {
    let (name, source): (String, Box<dyn Read>) = match path.to_str() {
        Some("-") => ("standard input".to_owned(), Box::new(io::stdin())),
        _ => {
            let name = path.display().to_string();
            let file = File::open(path).map_err(|error| {
                Failure::failed(format!("cannot read {name}: {error}; nothing was checked"))
            })?;
            (name, Box::new(file))
        }
    };
    let source = BufReader::with_capacity(1 << 16, source);
    WorkloadRecord::read(source, operations_max).map_err(|error| {
        let failure = Failure::failed(format!("{name}, {error}; nothing was checked"));
        match error {
            ReadError::TooMany(_) => {
                failure.hint("--operations-max allows more; each takes about 200 bytes of memory")
            }
            ReadError::Lines(checker::lines::ReadError::Io { .. }) => failure,
            ReadError::Lines(_) => {
                failure.hint("'shardedmemory help verify' shows the format of a history")
            }
        }
    })
}

/// A file that a history is to be written to.
pub(super) struct HistoryFile {
    path: PathBuf,
    file: File,
}

impl HistoryFile {
    /// Opens or creates a file. What is in it stays until a history is written.
    ///
    /// # Errors
    /// If the system does not allow it.
    pub(super) fn open(path: &Path) -> Result<Self, Failure> {
        if path == "-" {
            let message = "--history wants the name of a file; nothing happened";
            return Err(Failure::usage(message).hint("/dev/stdout is one"));
        }
        let opened = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(path);
        let file = opened.map_err(|error| {
            let path = path.display();
            Failure::failed(format!(
                "cannot write the history to {path}: {error}; nothing happened"
            ))
        })?;
        let path = path.to_owned();
        Ok(Self { path, file })
    }

    /// Creates a file with a name of its own, in the current directory or else in the system's for
    /// temporary files.
    ///
    /// # Errors
    /// If neither is possible.
    pub(super) fn create() -> io::Result<Self> {
        let name = format!("shardedmemory-violation-{:08x}.txt", rand::random::<u32>());
        let create = |path: PathBuf| {
            let file = OpenOptions::new()
                .write(true)
                .create_new(true)
                .open(&path)?;
            Ok(Self { path, file })
        };
        create(PathBuf::from(&name))
            .or_else(|_: io::Error| create(std::env::temp_dir().join(&name)))
    }

    /// Writes a history; returns where it is.
    ///
    /// # Errors
    /// If that failed.
    pub(super) fn write(self, record: &WorkloadRecord) -> io::Result<String> {
        // What is no file, as /dev/stdout is none, has no length to be set.
        if self.file.metadata()?.is_file() {
            self.file.set_len(0)?;
        }
        let mut sink = BufWriter::with_capacity(1 << 16, &self.file);
        record.write(&mut sink)?;
        sink.flush()?;
        Ok(self.path.display().to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_history_replaces_what_was_in_the_file_before() {
        let path = std::env::temp_dir().join(format!("history-{}.txt", rand::random::<u64>()));
        std::fs::write(&path, "x".repeat(1000)).unwrap();
        let record = WorkloadRecord::of_lines("1 2 3 x delete done\n");
        let file = HistoryFile::open(&path).unwrap();
        assert_eq!(std::fs::read(&path).unwrap().len(), 1000, "not yet");
        let told = file.write(&record).unwrap();
        assert_eq!(told, path.display().to_string());
        let again = read(&path, 1).unwrap();
        assert_eq!(again.operations.len(), 1);
        std::fs::remove_file(&path).unwrap();
    }

    #[test]
    fn a_file_that_cannot_be_read_or_written_is_told() {
        let nowhere = Path::new("/nowhere/at/all");
        let read = read(nowhere, 1).err().unwrap().message.unwrap();
        assert!(read.contains("/nowhere/at/all"), "{read}");
        let opened = HistoryFile::open(nowhere).err().unwrap().message.unwrap();
        assert!(opened.contains("nothing happened"), "{opened}");
        assert!(HistoryFile::open(Path::new("-")).is_err());
    }
}
