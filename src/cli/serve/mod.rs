//! `shardedmemory serve`: one node.

mod arguments;
mod file;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod origin;
mod setting;

pub(crate) use arguments::ServeArgs;
pub(crate) use file::SettingsFile;
pub(crate) use origin::Origin;
pub(crate) use setting::{Kind, Setting};

use crate::cli::failure::{Exit, Failure};
use crate::cli::interrupt::Interrupt;
use crate::cli::{environment, log};
use crate::server::{self, RunError};
use nix::sys::signal::{Signal, raise};
use std::io::{ErrorKind, Read};
use tracing::warn;

/// Runs a node until it is told to stop.
pub(crate) fn run(arguments: &ServeArgs) -> Result<(), Failure> {
    let settings = arguments.checked_settings()?;
    log::start(&arguments.log.log, arguments.log.log_format)?;
    for warning in environment::warnings() {
        warn!("{warning}");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::failed(format!("cannot start: {error}")))?;
    runtime.block_on(async {
        let mut interrupt = Interrupt::new()?;
        if arguments.exit_with_parent {
            std::thread::spawn(stop_when_input_ends);
        }
        let ended = server::run(settings, async || interrupt.wait().await).await;
        ended.map_err(|error| Failure::new(exit_of(&error), error.to_string()))
    })
}

/// How a process ends whose node could not run, or not to the end.
fn exit_of(error: &RunError) -> Exit {
    match error {
        RunError::Replaced { .. } => Exit::Replaced,
        RunError::NotLeft { .. } => Exit::NotLeft,
        _ => Exit::Failed,
    }
}

/// The parent holds the other end of the pipe that is standard input. However it ends, the system
/// closes that end.
fn stop_when_input_ends() {
    let mut ignored = [0; 64];
    let mut input = std::io::stdin().lock();
    loop {
        match input.read(&mut ignored) {
            Ok(1..) => {}
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Ok(0) | Err(_) => break,
        }
    }
    // The one signal that can be refused is one that does not exist.
    raise(Signal::SIGTERM).expect("SIGTERM exists");
}
