//! What became of the registers of a backup: [`Outcome`].

use crate::backup::Register;
use crate::cli::transfer::Tally;
use std::sync::atomic::{AtomicU64, Ordering};

/// What became of registers so far.
#[derive(Default, Debug)]
pub(super) struct Outcome {
    /// What is done with, whatever became of it.
    pub(super) tally: Tally,
    expired: AtomicU64,
    kept: AtomicU64,
    written: AtomicU64,
    bytes: AtomicU64,
}

/// What became of registers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Counts {
    /// How many were written.
    pub(super) written: u64,
    /// How many had expired.
    pub(super) expired: u64,
    /// How many held something, and were not written over.
    pub(super) kept: u64,
    /// The bytes of the names and values of those that were written.
    pub(super) bytes: u64,
}

impl Outcome {
    pub(super) fn note_written(&self, register: &Register) {
        let bytes = size(register);
        self.written.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.tally.add(1, bytes);
    }

    pub(super) fn note_expired(&self, register: &Register) {
        self.expired.fetch_add(1, Ordering::Relaxed);
        self.tally.add(1, size(register));
    }

    pub(super) fn note_kept(&self, register: &Register) {
        self.kept.fetch_add(1, Ordering::Relaxed);
        self.tally.add(1, size(register));
    }

    pub(super) fn counts(&self) -> Counts {
        Counts {
            written: self.written.load(Ordering::Relaxed),
            expired: self.expired.load(Ordering::Relaxed),
            kept: self.kept.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
        }
    }
}

fn size(register: &Register) -> u64 {
    (register.name.as_bytes().len() + register.value.len()) as u64
}
