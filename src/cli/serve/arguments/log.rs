//! What a node logs: [`LogArgs`].

use crate::cli::log::{self, LogFormat};
use clap::Args;

/// What a node logs.
#[derive(Args, Clone, Debug)]
pub(crate) struct LogArgs {
    /// What to log: a level, or levels by module, as in 'info,shardedmemory=debug'
    #[arg(
        long,
        env = "SHARDEDMEMORY_LOG",
        value_name = "FILTER",
        value_parser = log::filter,
        default_value = "info"
    )]
    pub(crate) log: String,

    /// How to write it
    #[arg(
        long,
        env = "SHARDEDMEMORY_LOG_FORMAT",
        value_name = "FORMAT",
        default_value = "text"
    )]
    pub(crate) log_format: LogFormat,
}
