//! `shardedmemory restore`.
//!
//! The file is read twice: once to see that it is whole, before anything is written, and again to
//! write what is in it. A thread reads and decompresses, and waits while all requests that may be
//! under way are, so that what is held at a time is a few of them.
//!
//! A write of unknown outcome is made again. That is safe here, and only here: to write what is in
//! the backup twice is to write it once, a little later, as long as nobody else writes to the
//! register meanwhile; and one who does is written over by a restore in any case, or, with
//! `--skip-existing`, is not, neither the first nor the second time.

mod batch;
mod outcome;
mod source;
mod writes;

pub(crate) use source::Source;

use crate::backup::Footer;
use crate::cli::client::{Ask, Nodes, Page};
use crate::cli::failure::{Exit, Failure};
use crate::cli::figures::{bytes, counted, grouped};
use crate::cli::interrupt::Interrupt;
use crate::cli::list::escaped;
use crate::cli::transfer::{IN_FLIGHT, Progress, Tally, TransferArgs, aside, ask_patiently};
use crate::cli::{output, small_runtime};
use clap::Args;
use outcome::Outcome;
use serde_json::json;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinSet;
use writes::Writes;

/// Write what is in a backup to a cluster, of whatever size
///
/// First all of the file is read, to see that it is whole; then its registers are written. What has
/// expired meanwhile is left out, what is to expire does so at the moment at which it was to. The
/// cluster must hold no registers, unless it is said what becomes of them; those that the backup
/// does not name stay as they are. Others should not write meanwhile: of two writes to a register
/// the later one holds.
///
/// Exits with 0 only if all was written; with 1 if nothing was, and with 3 if some may have been: a
/// restore may be made again, with --overwrite.
#[derive(Args, Debug)]
pub(crate) struct RestoreArgs {
    /// Where from; - for standard input, which is written as it comes, and found to be whole or not
    /// only in the end
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// Write over what registers hold
    #[arg(long, conflicts_with = "skip_existing")]
    overwrite: bool,

    /// Write only to registers that hold nothing (slower: these are conditional writes)
    #[arg(long)]
    skip_existing: bool,

    #[command(flatten)]
    transfer: TransferArgs,
}

/// Restores a backup.
pub(crate) fn run(arguments: &RestoreArgs) -> Result<(), Failure> {
    small_runtime()?.block_on(async {
        let mut interrupt = Interrupt::new()?;
        tokio::select! {
            end = restore(arguments) => end,
            () = interrupt.wait() => Err(Failure::interrupted()),
        }
    })
}

async fn restore(arguments: &RestoreArgs) -> Result<(), Failure> {
    let source = Source::of(&arguments.file);
    let whole = verify(&source).await?;
    let (mut nodes, cluster) = arguments.transfer.cluster().await?;
    if !arguments.overwrite && !arguments.skip_existing {
        refuse_unless_empty(&mut nodes, &arguments.transfer).await?;
    }
    let begun = Instant::now();
    let outcome = Arc::new(Outcome::default());
    let registers = whole.map(|footer| footer.counts.registers);
    let writing = write(arguments, source, &nodes, &cluster, &outcome);
    let progress = Progress::begin("written", registers);
    let written = progress.during(&outcome.tally, writing).await;
    written.map_err(|failure| not_all(failure, &outcome, registers))?;
    report(arguments, &cluster, &outcome, begun.elapsed());
    Ok(())
}

/// Reads all of a file. Nothing can be known of standard input before it was read.
async fn verify(source: &Source) -> Result<Option<Footer>, Failure> {
    if source.is_stdin() {
        return Ok(None);
    }
    let tally = Arc::new(Tally::default());
    let (counted, source) = (Arc::clone(&tally), source.clone());
    let verified = aside(move || source.verify(&counted));
    let footer = Progress::begin("verified", None)
        .during(&tally, verified)
        .await;
    footer.map(Some)
}

async fn refuse_unless_empty(nodes: &mut Nodes, transfer: &TransferArgs) -> Result<(), Failure> {
    let timeout_ms = nodes.timeout().as_millis();
    let mut cursor = String::new();
    loop {
        let path = format!("/v1/registers?limit=1&timeout_ms={timeout_ms}{cursor}");
        let answer = ask_patiently(nodes, &Ask::get(path), transfer.give_up_after_ms).await?;
        let page = Page::read(&answer).map_err(Failure::failed)?;
        if let Some(name) = page.registers.first() {
            return Err(Failure::failed(format!(
                "the cluster holds registers already, \"{}\" among them; nothing was written",
                escaped(name.as_bytes())
            ))
            .hint(
                "--overwrite writes over those that the backup names, --skip-existing does not",
            ));
        }
        match page.cursor {
            // A page may end before it has found anything.
            Some(next) => cursor = format!("&cursor={next}"),
            None => return Ok(()),
        }
    }
}

async fn write(
    arguments: &RestoreArgs,
    source: Source,
    nodes: &Nodes,
    cluster: &str,
    outcome: &Arc<Outcome>,
) -> Result<(), Failure> {
    let (giving, given) = mpsc::channel(IN_FLIGHT);
    let counted = Arc::clone(outcome);
    let reading = tokio::spawn(aside(move || source.read(&giving, &counted)));
    let mut tasks = JoinSet::new();
    let given = Arc::new(Mutex::new(given));
    for number in 0..IN_FLIGHT {
        let writes = Writes {
            nodes: nodes.from(number, cluster),
            limit: arguments.transfer.give_up_after_ms,
            skip_existing: arguments.skip_existing,
            outcome: Arc::clone(outcome),
        };
        tasks.spawn(writes.run(Arc::clone(&given)));
    }
    drop(given);
    while let Some(ended) = tasks.join_next().await {
        ended.expect("it is neither cancelled nor does it panic")?;
    }
    reading
        .await
        .expect("it is neither cancelled nor does it panic")
}

/// What it means for the data that it ended early.
fn not_all(failure: Failure, outcome: &Outcome, registers: Option<u64>) -> Failure {
    let message = failure.message.unwrap_or_default();
    let done = grouped(outcome.tally.registers());
    let of = registers.map_or(String::new(), |all| format!(" of {}", grouped(all)));
    Failure::new(
        Exit::Unknown,
        format!(
            "{done}{of} registers of the backup were written, and a few more may be: {message}"
        ),
    )
    .hint("a restore may be made again with --overwrite, which writes all of it")
}

fn report(arguments: &RestoreArgs, cluster: &str, outcome: &Outcome, elapsed: Duration) {
    let seconds = elapsed.as_secs_f64();
    let counts = outcome.counts();
    if arguments.transfer.client.json {
        let object = json!({
            "file": arguments.file.to_string_lossy(),
            "cluster": cluster,
            "written": counts.written,
            "expired": counts.expired,
            "kept": counts.kept,
            "bytes": counts.bytes,
            "seconds": seconds,
        });
        output::line(&object.to_string());
        return;
    }
    let mut text = format!(
        "{} with {} written to cluster {cluster} in {seconds:.1} s ({}/s, {}/s)",
        counted(counts.written, "register", "registers"),
        bytes(counts.bytes),
        grouped((counts.written as f64 / seconds) as u64),
        bytes((counts.bytes as f64 / seconds) as u64),
    );
    for (count, words) in [
        (counts.expired, "left out, expired meanwhile"),
        (counts.kept, "left as they were, since they held something"),
    ] {
        if count > 0 {
            text.push_str(&format!("; {} {words}", grouped(count)));
        }
    }
    output::note(&text);
}
