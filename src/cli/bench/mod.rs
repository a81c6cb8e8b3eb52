//! `shardedmemory bench`: how fast is a cluster, beside others?

mod arguments;
mod client;
mod comparison;
mod errors;
mod fill;
mod gaps;
mod link;
mod load;
mod operation;
mod pacer;
mod picture;
mod progress;
mod recorder;
mod report;
mod round;
mod schedule;
#[cfg(test)]
mod stub;
mod system;
mod template;
mod timeline;
mod wire;

pub(crate) use arguments::BenchArgs;

use crate::cli::failure::{Exit, Failure};
use crate::cli::interrupt::Interrupt;
use crate::cli::output;
use crate::cli::small_runtime;
use comparison::Comparison;
use picture::Picture;
use progress::Progress;
use round::Running;
use std::time::Duration;

/// Puts a load on a cluster, and on whatever it is to be compared with.
pub(crate) fn run(arguments: &BenchArgs) -> Result<(), Failure> {
    let comparison = arguments.comparison()?;
    small_runtime()?.block_on(bench(arguments, comparison))
}

async fn bench(arguments: &BenchArgs, mut comparison: Comparison) -> Result<(), Failure> {
    let mut interrupt = Interrupt::new()?;
    let mut progress = Progress::begin(comparison.span());
    if arguments.fill() {
        for system in &comparison.systems {
            progress.turn_to(format!("writing the registers of {}", system.short()));
            tokio::select! {
                filled = fill::fill(&comparison.load, system) => filled?,
                () = interrupt.wait() => return Err(Failure::interrupted()),
            }
        }
    }
    for (round, index) in comparison.order() {
        progress.turn_to(comparison.words(round, index));
        let running = Running::begin(&comparison.load, &comparison.systems[index])?;
        let ended = running
            .finish(&mut interrupt, |figures| progress.show(figures))
            .await?;
        let interrupted = ended.interrupted;
        comparison.add(index, ended);
        if interrupted {
            break;
        }
        // What the last one left to do is not to be counted against the next.
        tokio::time::sleep(BETWEEN).await;
    }
    drop(progress);
    tell(arguments, &comparison)
}

/// How long everything rests between two rounds.
const BETWEEN: Duration = Duration::from_millis(200);

/// Prints what there is to say, and draws it; ends as it went.
fn tell(arguments: &BenchArgs, comparison: &Comparison) -> Result<(), Failure> {
    match arguments.json {
        true => output::line(&report::json(comparison).to_string()),
        false => output::line(&report::text(comparison)),
    }
    if let Some(path) = &arguments.svg {
        let picture = Picture::of(comparison).draw();
        std::fs::write(path, picture).map_err(|error| {
            Failure::failed(format!(
                "the picture cannot be written to {}: {error}",
                path.display()
            ))
        })?;
        output::note(&format!("The picture is in {}.", path.display()));
    }
    match comparison {
        _ if comparison.interrupted() => Err(Failure::interrupted()),
        _ if comparison.failed() > 0 => Err(Failure::silent(Exit::Failed)),
        _ => Ok(()),
    }
}
