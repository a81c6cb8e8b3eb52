//! `shardedmemory`: one node of a fault-tolerant, linearizable shared memory with no leader, and
//! the commands to use it.

mod backup;
mod cli;
mod disk;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod glob;
mod http;
mod metrics;
mod peer;
mod redis;
mod server;
mod slots;

use std::process::ExitCode;

/// The version of this program, and the commit it was built from.
pub(crate) const VERSION: &str = concat!(
    env!("CARGO_PKG_VERSION"),
    " (",
    env!("SHARDEDMEMORY_COMMIT"),
    ")"
);

/// The commit this program was built from, or `unknown`.
pub(crate) const COMMIT: &str = env!("SHARDEDMEMORY_COMMIT");

/// Does what the command line asks for.
pub fn main() -> ExitCode {
    cli::main()
}
