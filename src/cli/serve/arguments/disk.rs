//! What outlives the process: [`DiskArgs`].

use crate::disk::Durability;
use crate::server::{DiskSettings, SettingsError};
use clap::Args;
use std::path::PathBuf;

/// What outlives the process.
#[derive(Args, Clone, Debug)]
pub(crate) struct DiskArgs {
    /// Keep registers and promises in this directory, which is made if it is not there; without
    /// one they are in memory only
    #[arg(long, env = "SHARDEDMEMORY_DATA_DIR", value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,

    /// When what the data directory takes is synced: before it is acknowledged, or each 100 ms
    /// [default: sync with a data directory, memory without]
    #[arg(
        long,
        env = "SHARDEDMEMORY_DURABILITY",
        value_name = "HOW",
        value_enum,
        hide_default_value = true
    )]
    pub(crate) durability: Option<Durability>,

    /// With --durability interval, after the machine went down: go on with what the directory has,
    /// although the last of what was acknowledged may be missing. Only when the cluster is lost
    /// otherwise
    #[arg(long, env = "SHARDEDMEMORY_ACCEPT_LOSS")]
    pub(crate) accept_loss: bool,
}

impl DiskArgs {
    /// What they mean together; nothing for a node without a disk.
    ///
    /// # Errors
    /// The first rule that they break.
    pub(super) fn settings(&self) -> Result<Option<DiskSettings>, SettingsError> {
        let durability = self.durability;
        match (&self.data_dir, durability) {
            (Some(_), Some(Durability::Memory)) => Err(SettingsError::MemoryOnDisk),
            (Some(directory), _) => Ok(Some(DiskSettings {
                directory: directory.clone(),
                durability: durability.unwrap_or(Durability::Sync),
                accept_loss: self.accept_loss,
            })),
            (None, Some(durability @ (Durability::Sync | Durability::Interval))) => {
                Err(SettingsError::DurableNowhere(durability))
            }
            (None, _) if self.accept_loss => Err(SettingsError::NothingToLose),
            (None, _) => Ok(None),
        }
    }
}
