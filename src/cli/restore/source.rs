//! Where a backup comes from: [`Source`].

use super::batch::Batch;
use super::outcome::Outcome;
use crate::backup::{Footer, ReadError, Reader};
use crate::cli::failure::Failure;
use crate::cli::transfer::{Tally, now_ms};
use std::fmt;
use std::fs::File;
use std::io::{BufReader, Read, stdin};
use std::path::{Path, PathBuf};
use tokio::sync::mpsc::Sender;

/// A file, or standard input.
#[derive(Clone, Debug)]
pub(crate) struct Source(PathBuf);

impl Source {
    /// The file at a path, or standard input for a hyphen.
    pub(crate) fn of(path: &Path) -> Self {
        Self(path.to_owned())
    }

    /// Whether it can be read only once.
    pub(crate) fn is_stdin(&self) -> bool {
        self.0.as_os_str() == "-"
    }

    /// Begins to read it.
    ///
    /// # Errors
    /// If it is no backup.
    pub(crate) fn open(&self) -> Result<Reader<Box<dyn Read>>, Failure> {
        let source: Box<dyn Read> = match self.is_stdin() {
            true => Box::new(stdin().lock()),
            false => Box::new(BufReader::with_capacity(
                1 << 20,
                File::open(&self.0)
                    .map_err(|error| Failure::failed(format!("cannot read {self}: {error}")))?,
            )),
        };
        Reader::open(source).map_err(|error| self.not_whole(&error))
    }

    /// Something is amiss with it.
    pub(crate) fn not_whole(&self, error: &ReadError) -> Failure {
        Failure::failed(format!("{self} is not a whole backup: {error}"))
    }

    /// Reads all of it, to see that it is whole.
    ///
    /// # Errors
    /// If it is not.
    pub(super) fn verify(&self, tally: &Tally) -> Result<Footer, Failure> {
        let mut reader = self.open()?;
        while let Some(registers) = reader.next_block().map_err(|it| self.not_whole(&it))? {
            let bytes = registers
                .iter()
                .map(|it| it.name.as_bytes().len() + it.value.len());
            tally.add(registers.len() as u64, bytes.sum::<usize>() as u64);
        }
        Ok(reader.footer().expect("it was read to its end").clone())
    }

    /// Reads all of it, and gives it away in batches that fit into a request each, without what has
    /// expired.
    ///
    /// By whose clock does not matter: what is taken here for living and is not any more is written
    /// with its expiry, and is nothing to its cluster.
    ///
    /// # Errors
    /// If it is not whole. What was given is as it was written all the same.
    pub(super) fn read(&self, to: &Sender<Batch>, outcome: &Outcome) -> Result<(), Failure> {
        let mut reader = self.open()?;
        let mut batch = Batch::default();
        while let Some(registers) = reader.next_block().map_err(|it| self.not_whole(&it))? {
            let now_ms = now_ms();
            for register in registers {
                if register.expires_ms.is_some_and(|at| at <= now_ms) {
                    outcome.note_expired(&register);
                    continue;
                }
                if !batch.takes(&register) {
                    // If nobody takes it, the writing ended early, and says why.
                    if to.blocking_send(std::mem::take(&mut batch)).is_err() {
                        return Ok(());
                    }
                }
                batch.push(register);
            }
        }
        if !batch.is_empty() {
            let _ = to.blocking_send(batch);
        }
        Ok(())
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.is_stdin() {
            true => f.write_str("standard input"),
            false => self.0.display().fmt(f),
        }
    }
}
