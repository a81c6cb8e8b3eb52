//! What a data directory holds, for those who look at it: [`Contents`].

use super::Durability;
use super::directory::Directory;
use super::error::DiskError;
use super::mark::Mark;
use super::opening::{Found, guarded, refusal};
use super::store::Store;
use protocol::{Cell, Configuration, Incarnation, RegisterName};
use std::path::Path;
use std::sync::Arc;

/// What a data directory holds.
#[derive(Debug)]
pub(crate) struct Contents {
    /// The node that it belongs to, and the configuration that it had entered last. None, if it
    /// was never in a cluster.
    pub(crate) node: Option<(Incarnation, Arc<Configuration>)>,
    /// The number of the last batch.
    pub(crate) batch: u64,
    /// The number of the last batch that is known to have been synced.
    pub(crate) synced: u64,
    /// How it was synced.
    pub(crate) durability: Option<Durability>,
    /// Whether its process closed it.
    pub(crate) is_closed: bool,
    /// What it keeps of registers, by group and name.
    pub(crate) cells: Vec<(RegisterName, Cell)>,
}

/// Reads a data directory that no process has open, and makes sure that it is whole. A torn end of
/// its journal is cut off by this, as it is when a node starts.
///
/// # Errors
/// [`DiskError`], if it is none, or is in use, or damaged.
pub(crate) fn read(path: &Path) -> Result<Contents, DiskError> {
    guarded(path, || contents(path))
}

fn contents(path: &Path) -> Result<Contents, DiskError> {
    let directory = Directory::existing(path)?;
    let cannot_read = |error| directory.failed("cannot read the file 'mark' of", error);
    let (mark, synced) = Mark::open(&directory.mark()).map_err(cannot_read)?;
    let synced = synced.ok_or_else(|| directory.damaged("its file 'mark' cannot be read"))?;
    let store = Store::new(directory.clone(), mark);
    let store = store.map_err(|error| refusal(&directory, error))?;
    let found = Found::read(&directory, &store)?;
    found.check(&directory, synced)?;
    found.check_digest(&directory)?;
    let run = found.run;
    Ok(Contents {
        node: found.identity.zip(found.configuration),
        batch: found.batch.number,
        synced,
        durability: run.as_ref().map(|run| run.durability),
        is_closed: run.is_some_and(|run| run.is_closed),
        cells: found.held.cells,
    })
}
