//! How far this node's disk is synced: [`Synced`].

use std::sync::atomic::{AtomicU64, Ordering};

/// The number of the last batch that this node's disk has synced, if it has a disk.
#[derive(Debug, Default)]
pub(super) struct Synced(Option<AtomicU64>);

impl Synced {
    /// At the start, if there is a disk.
    pub(super) fn new(recovered: Option<u64>) -> Self {
        Self(recovered.map(AtomicU64::new))
    }

    pub(super) fn set(&self, batch: u64) {
        if let Some(synced) = &self.0 {
            synced.store(batch, Ordering::Relaxed);
        }
    }

    pub(super) fn get(&self) -> Option<u64> {
        self.0.as_ref().map(|synced| synced.load(Ordering::Relaxed))
    }
}
