//! `shardedmemory demo`: a local cluster, and a story told as it happens.

mod stage;
mod story;
mod traffic;
mod waits;

use crate::cli::failure::Failure;
use crate::cli::interrupt::Interrupt;
use crate::cli::{output, small_runtime};
use clap::Args;
use stage::Stage;
use story::Story;

/// See a cluster work while nodes freeze, die and come back
///
/// Starts three nodes on this machine, writes at one and reads at another, then freezes one, kills
/// one, starts it again, and when it is whole kills another, while clients go on reading and
/// writing; and says how long everything took. Each value that is read is checked; the exit code is
/// 1 if one was wrong.
#[derive(Args, Debug)]
pub(crate) struct DemoArgs {
    /// Leave the cluster up afterwards, until Ctrl-C
    #[arg(long)]
    keep: bool,

    /// Port of the first node [default: 3030, or the first from which on three are free]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    port: Option<u16>,
}

/// Tells the story.
pub(crate) fn run(arguments: &DemoArgs) -> Result<(), Failure> {
    let mut stage = Stage::set(arguments.port)?;
    small_runtime()?.block_on(async {
        let mut interrupt = Interrupt::new()?;
        let told = tokio::select! {
            told = Story::begin(&mut stage).tell() => told,
            () = interrupt.wait() => Err(Failure::interrupted()),
        };
        if told.is_ok() && arguments.keep {
            output::line(&format!(
                "\nThe cluster stays up until Ctrl-C. Try:\n{}",
                stage.commands()
            ));
            interrupt.wait().await;
        }
        stage.clear(told).await
    })
}
