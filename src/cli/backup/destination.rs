//! Where a backup goes: [`Destination`].

use crate::cli::failure::Failure;
use std::cell::Cell;
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, ErrorKind, Stdout, Write};
use std::path::{Path, PathBuf};

/// A file that is to be whole or not there; or standard output.
pub(super) struct Destination {
    path: PathBuf,
    force: bool,
    /// The name that it has until it is whole, beside the one that it gets. Nothing for standard
    /// output, and once it is not to be removed any more.
    partial: Cell<Option<PathBuf>>,
}

/// What a backup is written to.
pub(super) enum Sink {
    /// A file.
    File(BufWriter<File>),
    /// Standard output.
    Stdout(Stdout),
}

/// Whether this stands for standard output.
pub(super) fn is_stdout(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// It, in words.
pub(super) fn told(path: &Path) -> String {
    match is_stdout(path) {
        true => "standard output".to_owned(),
        false => path.display().to_string(),
    }
}

impl Destination {
    /// The file at this path, which may be there already only if it is to be replaced.
    ///
    /// # Errors
    /// If it is there.
    pub(super) fn new(path: &Path, force: bool) -> Result<Self, Failure> {
        let is_file = !is_stdout(path);
        let destination = Self {
            path: path.to_owned(),
            force,
            partial: Cell::new(None),
        };
        if is_file && destination.is_taken() {
            return Err(Failure::failed(format!(
                "{} is there already; nothing was done",
                path.display()
            ))
            .hint("--force replaces it, once the backup is complete"));
        }
        Ok(destination)
    }

    /// Opens it. What is written is not at its path yet.
    ///
    /// # Errors
    /// If the system does not allow it.
    pub(super) fn open(&self) -> Result<Sink, Failure> {
        if is_stdout(&self.path) {
            return Ok(Sink::Stdout(io::stdout()));
        }
        let mut name = OsString::from(&self.path);
        name.push(format!(".{}.partial", std::process::id()));
        let partial = PathBuf::from(name);
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&partial);
        let file = file.map_err(|error| {
            Failure::failed(format!("cannot write {}: {error}", partial.display()))
        })?;
        self.partial.set(Some(partial));
        Ok(Sink::File(BufWriter::with_capacity(1 << 20, file)))
    }

    /// What is written is whole and on the disk: it gets its name.
    ///
    /// # Errors
    /// If it cannot have it. Then it is kept under the one that it has.
    pub(super) fn keep(&self) -> Result<(), Failure> {
        let Some(partial) = self.partial.take() else {
            return Ok(());
        };
        let kept = |reason: &dyn std::fmt::Display| {
            Failure::failed(format!(
                "the backup is complete, but cannot be named {}: {reason}; it is kept as {}",
                self.path.display(),
                partial.display()
            ))
        };
        if self.is_taken() {
            return Err(kept(&"there is a file of this name by now"));
        }
        fs::rename(&partial, &self.path).map_err(|error| kept(&error))?;
        // The name is on the disk when the folder is.
        let folder = match self.path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let synced = File::open(folder).and_then(|folder| folder.sync_all());
        synced.map_err(|error| {
            Failure::failed(format!(
                "the backup is complete in {}, but whether its name outlives a power cut is \
                 unknown: {error}",
                self.path.display()
            ))
        })
    }

    /// It could not be written.
    pub(super) fn not_written(&self, error: &io::Error) -> Failure {
        Failure::failed(format!(
            "{} cannot be written: {error}; there is no backup",
            told(&self.path)
        ))
    }

    fn is_taken(&self) -> bool {
        !self.force
            && fs::symlink_metadata(&self.path)
                .map_err(|it| it.kind())
                .err()
                != Some(ErrorKind::NotFound)
    }
}

impl Drop for Destination {
    fn drop(&mut self) {
        if let Some(partial) = self.partial.take() {
            // Whatever became of it, there is nobody to be told of more than one trouble.
            let _ = fs::remove_file(partial);
        }
    }
}

impl Sink {
    /// Puts all that was written onto the disk.
    pub(super) fn sync(self) -> io::Result<()> {
        match self {
            Self::File(file) => file.into_inner()?.sync_all(),
            Self::Stdout(mut stdout) => stdout.flush(),
        }
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::File(file) => file.write(bytes),
            Self::Stdout(stdout) => stdout.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::File(file) => file.flush(),
            Self::Stdout(stdout) => stdout.flush(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Folder(PathBuf);

    impl Folder {
        fn new() -> Self {
            let path = std::env::temp_dir().join(format!("backup-{}", rand::random::<u64>()));
            fs::create_dir(&path).unwrap();
            Self(path)
        }

        fn files(&self) -> Vec<OsString> {
            let files = fs::read_dir(&self.0).unwrap();
            files.map(|file| file.unwrap().file_name()).collect()
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            fs::remove_dir_all(&self.0).unwrap();
        }
    }

    #[test]
    fn a_file_has_its_name_once_it_is_whole_and_leaves_nothing_if_it_never_is() {
        let folder = Folder::new();
        let path = folder.0.join("b");
        let given_up = Destination::new(&path, false).unwrap();
        drop(given_up.open().unwrap());
        assert_ne!(folder.files(), ["b"]);
        drop(given_up);
        assert!(folder.files().is_empty());

        let destination = Destination::new(&path, false).unwrap();
        let mut sink = destination.open().unwrap();
        sink.write_all(b"whole").unwrap();
        sink.sync().unwrap();
        assert_ne!(folder.files(), ["b"]);
        destination.keep().unwrap();
        drop(destination);
        assert_eq!(folder.files(), ["b"]);
        assert_eq!(fs::read(&path).unwrap(), b"whole");
    }

    #[test]
    fn a_file_that_is_there_is_replaced_only_if_that_is_wanted() {
        let folder = Folder::new();
        let path = folder.0.join("b");
        let late = Destination::new(&path, false).unwrap();
        drop(late.open().unwrap());
        fs::write(&path, "old").unwrap();
        assert!(Destination::new(&path, false).is_err());
        let kept = late.keep().unwrap_err().message.unwrap();
        assert!(kept.contains("it is kept as"), "{kept}");
        drop(late);
        assert_eq!(folder.files().len(), 2);
        assert_eq!(fs::read(&path).unwrap(), b"old");

        let destination = Destination::new(&path, true).unwrap();
        // The other one has the partial name of this process.
        fs::remove_file(folder.0.join(format!("b.{}.partial", std::process::id()))).unwrap();
        let mut sink = destination.open().unwrap();
        sink.write_all(b"new").unwrap();
        sink.sync().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"old");
        destination.keep().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
    }
}
