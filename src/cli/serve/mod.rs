//! `shardedmemory serve`: one node.

mod arguments;

pub(crate) use arguments::ServeArgs;

use crate::cli::failure::Failure;
use crate::cli::interrupt::Interrupt;
use crate::cli::log;
use crate::server;
use nix::sys::signal::{Signal, raise};
use std::io::{ErrorKind, Read};

/// Runs a node until it is told to stop.
pub(crate) fn run(arguments: &ServeArgs) -> Result<(), Failure> {
    let settings = arguments
        .settings()
        .map_err(|error| Failure::usage(error.to_string()).hint(error.hint()))?;
    log::start(&arguments.log, arguments.log_format)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::failed(format!("cannot start: {error}")))?;
    runtime.block_on(async {
        let mut interrupt = Interrupt::new()?;
        if arguments.exit_with_parent {
            std::thread::spawn(stop_when_input_ends);
        }
        let ended = server::run(settings, interrupt.wait()).await;
        ended.map_err(|error| Failure::failed(error.to_string()))
    })
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
