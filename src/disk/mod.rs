//! A node's disk: by it, what a node has promised outlives its process and its machine.
//!
//! ```text
//!   LaneShell --push--> Queue --take--> Writer --commit, sync--> Store, Mark
//!       ^                                 |
//!       +------- DiskEvents::durable -----+
//! ```
//!
//! - [`open`] reads what a directory holds, once, at the start.
//! - [`Disk`] takes what lanes keep, and tells the node by [`DiskEvents`] what is durable.
//! - [`Writer`](writer::Writer) is a thread: it writes all that has gathered as one batch, syncs it,
//!   and takes what has gathered meanwhile. So one sync serves all lanes.
//! - [`Store`](store::Store) is `fjall`: a journal, tables, compaction. Registers are read from it
//!   at the start and never again; they are in memory.
//!
//! # The directory, version 1
//!
//! | name | what |
//! | --- | --- |
//! | `format` | one line that names this layout; it is written first, and another version is refused |
//! | `mark` | the number of the last batch that was synced: two slots of 16 bytes, written in turn, each the number and its checksum |
//! | `store/` | the store's own files |
//!
//! A process that has it open has `format` locked. Each of these is made under a name that ends in
//! `.new`, and renamed.
//!
//! The store is one map. Integers in it are big-endian. Each value begins with eight bytes, the
//! XXH3-64 of its key and of what follows.
//!
//! | key | value |
//! | --- | --- |
//! | group 2, name | what is kept of that register: a cell, as it stands in messages between nodes (version 1) |
//! | `FF FE` | the same of the reserved register |
//! | `FF FD`, slot 2 | the floor 8 and the base 8 of that slot |
//! | `FF FC`, node 8, lane 2 | boot 4 and number 8: requests of that node's lane below it are refused |
//! | `FF FF`, `identity` | node 8, boot 4 |
//! | `FF FF`, `configuration` | the configuration that was entered last, as `Configuration::encode` writes it |
//! | `FF FF`, `batch` | the number of the batch 8, and the digest of all registers after it 16 |
//! | `FF FF`, `run` | how it is synced 1 (1 each batch, 2 at an interval), whether it was closed 1, and the system's boot id |
//!
//! # What a start finds out
//!
//! The store notices some damage by itself, and cuts off what follows on some other, even in the
//! middle. Therefore: a value that is not what was written is told by its checksum; a store that
//! ends too early by the mark; and one that lacks something in its middle by the digest, which the
//! registers that were read have to have all together. What it cannot tell is a last batch that
//! was never synced from one that was damaged since, if the mark had not reached the disk either:
//! that takes a power cut within a second of the batch.

mod contents;
mod directory;
mod error;
mod handle;
mod keys;
mod mark;
mod meta;
mod opening;
mod pending;
mod queue;
mod room;
mod store;
mod value;
mod writer;

#[cfg(test)]
mod damage;
#[cfg(test)]
mod fake;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub(crate) use contents::{Contents, read};
pub(crate) use error::DiskError;
pub(crate) use handle::{Disk, DiskEvents, DiskFigures, Pressure, Unstarted};
pub(crate) use opening::{Kept, Opened, Opening, open, while_opening};
pub(crate) use queue::Change;

use std::fmt;

/// What survives what.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub(crate) enum Durability {
    /// Every promise is on disk, and synced, before anything that rests on it is said.
    Sync,
    /// Every promise is written before anything that rests on it is said, so that it outlives the
    /// process; it is synced a moment later. A node whose machine went down in between counts as
    /// one that lost its memory.
    Interval,
    /// Nothing is on disk. A node whose process ends has lost its memory.
    Memory,
}

impl fmt::Display for Durability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Durability::Sync => "sync",
            Durability::Interval => "interval",
            Durability::Memory => "memory",
        })
    }
}
