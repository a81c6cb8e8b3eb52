//! How far copying is: [`CopyProgress`].

use crate::lane::Lane;

/// How far a lane is in copying, since it entered the configuration that it is in.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct CopyProgress {
    /// How many groups it has to copy in this configuration, those that it has copied among them.
    pub groups: usize,
    /// How many it has copied.
    pub groups_copied: usize,
    /// How many registers it took from others, of which it held nothing or something older.
    pub registers: u64,
    /// The bytes of their names and values.
    pub bytes: u64,
}

impl Lane {
    /// How far this lane is in copying.
    pub fn copy_progress(&self) -> CopyProgress {
        self.copying.progress
    }

    /// The bytes of the names and values of all registers of clients that this lane holds.
    pub fn bytes(&self) -> u64 {
        self.replica.totals().bytes
    }

    /// The memory that all that this lane holds takes, estimated: names and values, and all that is
    /// kept beside them.
    pub fn memory_bytes(&self) -> u64 {
        self.replica.memory()
    }
}
