//! Why a data directory cannot be used: [`DiskError`].

use protocol::Address;
use std::fmt;
use std::io;
use std::path::PathBuf;

/// Why a data directory cannot be used, or can be used no longer. `Display` says what it means for
/// the data, and what to do.
#[derive(Debug)]
pub(crate) enum DiskError {
    /// The system refused something.
    Io {
        /// What was tried, as in "cannot read it".
        what: &'static str,
        /// With what.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// There is something in it, and it is no data directory.
    Foreign(PathBuf),
    /// It has another layout than this program reads; this is the line that names it.
    Version(PathBuf, String),
    /// Another process has it open.
    InUse(PathBuf),
    /// What it holds is not what was written.
    Damaged {
        /// The directory.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// The node that it belongs to is reached at another address.
    OtherAddress {
        /// The directory.
        path: PathBuf,
        /// The address of its node.
        kept: Address,
        /// The address that this process was told.
        told: Address,
    },
    /// A write or a sync failed while the node ran.
    Failed {
        /// The directory.
        path: PathBuf,
        /// What the store said.
        why: String,
    },
}

impl fmt::Display for DiskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DiskError::Io { what, path, error } => {
                write!(f, "{what} {}: {error}", path.display())
            }
            DiskError::Foreign(path) => write!(
                f,
                "{} is not empty and is no data directory of shardedmemory; nothing in it was \
                 touched; give --data-dir another one",
                path.display()
            ),
            DiskError::Version(path, line) => write!(
                f,
                "{} was written by another version of this program (its file 'format' says \
                 '{line}'); nothing in it was touched; start it with that version",
                path.display()
            ),
            DiskError::InUse(path) => write!(
                f,
                "{} is in use by another process; each node has a data directory of its own",
                path.display()
            ),
            DiskError::Damaged { path, what } => write!(
                f,
                "the data directory {} is damaged: {what}; what is lost at most is what this node \
                 alone held, and the other members hold every acknowledged write as long as a \
                 majority of them is intact; so move the directory away, keep it, and start this \
                 node again with the same flags: it comes back as a new node in the place of this \
                 one and copies everything from the others (or put another node in its place: \
                 shardedmemory members replace)",
                path.display()
            ),
            DiskError::OtherAddress { path, kept, told } => write!(
                f,
                "the data directory {} belongs to the node at {kept}, and this one is to be \
                 reached at {told}; give --advertise {kept}, or another --data-dir",
                path.display()
            ),
            DiskError::Failed { path, why } => write!(
                f,
                "the disk failed under {}: {why}; nothing that was not durable has been \
                 acknowledged by this node, which has stopped; the other nodes go on; look after \
                 the disk, then start the node again",
                path.display()
            ),
        }
    }
}

impl std::error::Error for DiskError {}
