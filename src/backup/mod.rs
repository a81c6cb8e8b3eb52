//! The format of backups: registers in a file, in which whatever was changed or cut off is found.
//!
//! `docs/backup-format.md` is this for people, byte by byte. A file is a preamble, then sections one
//! after another, then a checksum of all of it:
//!
//! | part | what is in it |
//! | --- | --- |
//! | preamble | [`MAGIC`], and the version of the format |
//! | header | the [`Header`]: of which cluster, begun when, by which program |
//! | blocks | registers, compressed, about a MiB of them each |
//! | footer | the [`Footer`]: when it ended, and the counts of what is in the blocks |
//! | checksum | XXH3 of every byte before it |
//!
//! Nothing here knows of files or clusters: [`Writer`] writes to anything, [`Reader`] reads from
//! anything. Both hold a block at a time, and no more of what a file claims than it shows.

mod block;
mod error;
mod fields;
mod footer;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod hashed;
mod header;
mod reader;
mod section;
#[cfg(test)]
mod tests;
mod writer;

pub(crate) use error::ReadError;
pub(crate) use footer::{Counts, Footer};
pub(crate) use header::Header;
pub(crate) use reader::Reader;
pub(crate) use writer::Writer;

use hyper::body::Bytes;
use protocol::RegisterName;

/// A register as a backup holds it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Register {
    /// Its name.
    pub(crate) name: RegisterName,
    /// What it holds.
    pub(crate) value: Bytes,
    /// When that expires, in milliseconds since 1970, if it does.
    pub(crate) expires_ms: Option<u64>,
}

/// What each file begins with. The first byte is no ASCII, and line ends of both kinds are among
/// them, so that a file that was sent as text is found at its beginning.
const MAGIC: [u8; 8] = *b"\x89SMBK\r\n\x1a";

/// The version of the format that is written and read here.
const VERSION: u32 = 1;

/// The most bytes in a block of several registers.
const BLOCK_BYTES: usize = 1024 * 1024;

/// The longest value that a backup can hold: more than any cluster takes.
const VALUE_BYTES_MAX: usize = 16 * 1024 * 1024;
