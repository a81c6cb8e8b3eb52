//! `shardedmemory delete`.

use crate::cli::client::{ClientArgs, ConditionArgs, Terms, Verb};
use crate::cli::failure::Failure;
use crate::cli::values::register_name;
use crate::cli::write::change;
use clap::Args;
use protocol::RegisterName;

/// Make a register hold nothing
///
/// It is a write like any other: it succeeds whether or not there was something to delete, unless a
/// condition says otherwise. Exits with 3 if it is unknown whether it happened.
#[derive(Args, Debug)]
pub(crate) struct DeleteArgs {
    /// The register's name, up to 1,024 bytes
    #[arg(value_parser = register_name())]
    name: RegisterName,

    #[command(flatten)]
    condition: ConditionArgs,

    #[command(flatten)]
    client: ClientArgs,
}

/// Deletes what is in a register.
pub(crate) fn run(arguments: &DeleteArgs) -> Result<(), Failure> {
    let terms = Terms {
        ttl_ms: None,
        condition: arguments.condition.wanted(),
    };
    change(&arguments.name, Verb::Delete, &terms, &arguments.client)
}
