//! `shardedmemory verify`: is what clients see of a running cluster linearizable?

mod arguments;
mod judgement;
mod live;
mod nodes;
mod progress;
mod remarks;
mod report;
mod saved;

pub(crate) use arguments::VerifyArgs;
pub(crate) use judgement::Judgement;
pub(crate) use report::Report;

use crate::cli::failure::{Exit, Failure};
use crate::cli::interrupt::Interrupt;
use crate::cli::output;
use crate::cli::small_runtime;

/// Runs clients against a cluster, or takes a history from a file, and judges what they saw.
pub(crate) fn run(arguments: &VerifyArgs) -> Result<(), Failure> {
    let runtime = small_runtime()?;
    let ended = runtime.block_on(async {
        let mut interrupt = Interrupt::new()?;
        match &arguments.check {
            Some(path) => {
                let report = tokio::select! {
                    report = saved::check(path, arguments.operations_max) => report?,
                    () = interrupt.wait() => return Err(Failure::interrupted()),
                };
                tell(&report, arguments)
            }
            None => live::verify(arguments, &mut interrupt).await,
        }
    });
    // Somebody who interrupts the check does not wait for its end.
    runtime.shutdown_background();
    ended
}

/// Prints a report, and ends as its judgement has it.
fn tell(report: &Report, arguments: &VerifyArgs) -> Result<(), Failure> {
    match arguments.json {
        true => output::line(&report.json().to_string()),
        false => output::line(&report.text()),
    }
    // The report has said why.
    match report.judgement {
        Judgement::Linearizable => Ok(()),
        Judgement::Violated(_) => Err(Failure::silent(Exit::NotLinearizable)),
        Judgement::Undecided(_) | Judgement::Nothing => Err(Failure::silent(Exit::Failed)),
    }
}
