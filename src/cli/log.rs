//! The log, on standard error.

use crate::cli::failure::Failure;
use crate::cli::output;
use std::io::stderr;
use tracing_subscriber::EnvFilter;

/// What a line of the log looks like.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub(crate) enum LogFormat {
    /// A sentence, for people.
    Text,
    /// An object, for programs.
    Json,
    /// `text` on a terminal, `json` elsewhere.
    Auto,
}

/// What may be logged, as a filter that was understood.
pub(crate) fn filter(text: &str) -> Result<String, String> {
    match EnvFilter::try_new(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => Err(format!(
            "{error}; 'info' or 'info,shardedmemory=debug' are filters"
        )),
    }
}

/// Starts the log.
///
/// # Errors
/// If the filter is none.
pub(crate) fn start(filter: &str, format: LogFormat) -> Result<(), Failure> {
    // What the store does by itself is its own business, as long as it can.
    let filter = EnvFilter::try_new(format!("fjall=warn,lsm_tree=warn,{filter}"))
        .map_err(|error| Failure::usage(format!("--log {filter}: {error}")))?;
    let lines = tracing_subscriber::fmt()
        .with_writer(stderr)
        .with_env_filter(filter)
        .with_target(false)
        .with_ansi(output::notes_in_colour())
        // A reader of the log that has gone must not end the node.
        .log_internal_errors(false);
    let json = match format {
        LogFormat::Text => false,
        LogFormat::Json => true,
        LogFormat::Auto => !std::io::IsTerminal::is_terminal(&stderr()),
    };
    if json {
        lines.json().with_target(true).init();
    } else {
        lines.init();
    }
    Ok(())
}
