//! Environment variables that look like settings and are none.

use crate::cli::Cli;
use crate::cli::values::nearest;
use clap::{Command, CommandFactory};
use std::collections::BTreeSet;

/// What every variable of this program begins with.
const PREFIX: &str = "SHARDEDMEMORY_";

/// Variables that mean something elsewhere: cargo sets it for those whom it runs.
const FOREIGN: [&str; 1] = ["SHARDEDMEMORY_COMMIT"];

/// A sentence for each variable of the environment that was probably meant to be a setting.
pub(crate) fn warnings() -> Vec<String> {
    let names = std::env::vars_os().map(|(name, _)| name.to_string_lossy().into_owned());
    unknown(names)
}

fn unknown(names: impl Iterator<Item = String>) -> Vec<String> {
    let mut known = BTreeSet::new();
    collect(&Cli::command(), &mut known);
    let mut names: Vec<String> = names
        .filter(|name| name.starts_with(PREFIX) && !known.contains(name))
        .filter(|name| !FOREIGN.contains(&name.as_str()))
        .collect();
    names.sort();
    names
        .iter()
        .map(|name| {
            let nearest = nearest(name, known.iter().map(String::as_str));
            let nearest = nearest.expect("there are variables");
            format!(
                "the environment variable {name} is none of this program's and has no effect; the \
                 nearest is {nearest}"
            )
        })
        .collect()
}

/// The variables of a command and of those below it.
fn collect(command: &Command, known: &mut BTreeSet<String>) {
    let variables = command.get_arguments().filter_map(|arg| arg.get_env());
    known.extend(variables.map(|name| name.to_string_lossy().into_owned()));
    for command in command.get_subcommands() {
        collect(command, known);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_variable_is_told_with_the_nearest_one() {
        let names = [
            "SHARDEDMEMORY_PEER",
            "SHARDEDMEMORY_PEERS",
            "SHARDEDMEMORY_CONFIG",
            "SHARDEDMEMORY_NODE",
            "SHARDEDMEMORY_TIMEOUT_MS",
            "SHARDEDMEMORY_CLIENT_TIMEOUT_MS",
            "SHARDEDMEMORY_COMMIT",
            "PEER",
        ];
        let told = unknown(names.into_iter().map(str::to_owned));
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].contains("SHARDEDMEMORY_PEER is none"), "{told:?}");
        assert!(
            told[0].ends_with("nearest is SHARDEDMEMORY_PEERS"),
            "{told:?}"
        );
    }
}
