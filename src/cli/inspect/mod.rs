//! `shardedmemory inspect`: what a path is decides what is said of it.

mod backup;
mod directory;

use crate::cli::failure::Failure;
use clap::Args;
use std::path::PathBuf;

/// Show what is in a backup or a data directory, and whether it is whole
///
/// Reads all of it and checks each checksum. Exits with 1 if it is not whole, and says where. No
/// node may have the data directory open; a torn end of its journal is cut off, as it is when a
/// node starts.
#[derive(Args, Debug)]
pub(crate) struct InspectArgs {
    /// A file that `shardedmemory backup` wrote, - for standard input; or a node's --data-dir
    #[arg(value_name = "FILE|DIR")]
    path: PathBuf,

    /// Print the names instead, one a line, each after the length of its value in bytes
    #[arg(long)]
    names: bool,

    /// Print one JSON object instead; with --names, one for each register
    #[arg(long)]
    json: bool,
}

/// Looks at what there is at the path.
pub(crate) fn run(arguments: &InspectArgs) -> Result<(), Failure> {
    match arguments.path.is_dir() {
        true => directory::inspect(arguments),
        false => backup::inspect(arguments),
    }
}
