//! `shardedmemory backup`.
//!
//! Names come in pages, values by batches of reads, several of which are under way; a thread
//! compresses them and writes. Each of the three waits for the next, so that what is held at a time
//! is a few pages and batches, however large the cluster is.

mod destination;
mod names;
mod pace;
mod reads;
mod writing;

use crate::backup::Header;
use crate::cli::failure::Failure;
use crate::cli::figures::{bytes, counted, grouped};
use crate::cli::interrupt::Interrupt;
use crate::cli::transfer::{IN_FLIGHT, Progress, Tally, TransferArgs, aside, now_ms};
use crate::cli::{output, small_runtime};
use clap::Args;
use destination::Destination;
use reads::Reads;
use serde_json::json;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinSet;
use writing::{Filling, Written};

/// Write all registers of a cluster to a file, while it serves
///
/// Each register that holds a value all the while is in the file, with a value that a read returned
/// in the meantime; of those that come and go, some are. It is no moment of the whole cluster: two
/// registers may have been read at different times. When a value expires is kept, as a moment.
///
/// The file appears under its name once it is complete and on the disk. `shardedmemory restore`
/// writes it to a cluster, `shardedmemory inspect` shows what is in it, and both find whatever was
/// changed in it or cut off.
#[derive(Args, Debug)]
pub(crate) struct BackupArgs {
    /// Where to; - for standard output
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// Replace the file if there is one
    #[arg(long)]
    force: bool,

    #[command(flatten)]
    transfer: TransferArgs,
}

/// Makes a backup.
pub(crate) fn run(arguments: &BackupArgs) -> Result<(), Failure> {
    small_runtime()?.block_on(async {
        let mut interrupt = Interrupt::new()?;
        tokio::select! {
            end = back_up(arguments) => end,
            () = interrupt.wait() => Err(Failure::interrupted()),
        }
    })
}

async fn back_up(arguments: &BackupArgs) -> Result<(), Failure> {
    let begun = Instant::now();
    let destination = Destination::new(&arguments.file, arguments.force)?;
    // When this ends early the file that has been begun is removed, as the destination is dropped.
    let sink = destination.open()?;
    let (nodes, cluster) = arguments.transfer.cluster().await?;
    let header = Header {
        cluster: cluster.clone(),
        begun_ms: now_ms(),
        program: crate::VERSION.to_owned(),
    };
    let tally = Arc::new(Tally::default());
    let limit = arguments.transfer.give_up_after_ms;

    let (filling, fill) = mpsc::channel(IN_FLIGHT);
    let writing = aside(move || writing::write(sink, &header, fill));
    let reading = async {
        let mut tasks = JoinSet::new();
        let (naming, named) = mpsc::channel(IN_FLIGHT);
        tasks.spawn(names::list(nodes.from(0, &cluster), limit, naming));
        let named = Arc::new(Mutex::new(named));
        for number in 0..IN_FLIGHT {
            let reads = Reads {
                nodes: nodes.from(number, &cluster),
                limit,
                tally: Arc::clone(&tally),
                to: filling.clone(),
            };
            tasks.spawn(reads.run(Arc::clone(&named)));
        }
        while let Some(ended) = tasks.join_next().await {
            ended.expect("it is neither cancelled nor does it panic")?;
        }
        // If nobody takes it, the writing ended early, and says why.
        let _ = filling.send(Filling::End(now_ms())).await;
        Ok(())
    };
    let both = async {
        let writing = tokio::spawn(writing);
        reading.await?;
        let written = writing
            .await
            .expect("it is neither cancelled nor does it panic");
        written.map_err(|error| destination.not_written(&error))
    };
    let written = Progress::begin("read", None).during(&tally, both).await?;
    let Some(written) = written else {
        return Err(Failure::failed("the backup was given up before its end"));
    };
    destination.keep()?;
    report(arguments, &cluster, &written, begun.elapsed());
    Ok(())
}

fn report(arguments: &BackupArgs, cluster: &str, written: &Written, elapsed: Duration) {
    let counts = written.counts;
    let seconds = elapsed.as_secs_f64();
    let text = if arguments.transfer.client.json {
        json!({
            "file": arguments.file.to_string_lossy(),
            "cluster": cluster,
            "registers": counts.registers,
            "expiring": counts.expiring,
            "name_bytes": counts.name_bytes,
            "value_bytes": counts.value_bytes,
            "file_bytes": written.bytes,
            "seconds": seconds,
        })
        .to_string()
    } else {
        let size = counts.name_bytes + counts.value_bytes;
        format!(
            "{} of cluster {cluster} with {} in {}, {} long, in {seconds:.1} s ({}/s, {}/s)",
            counted(counts.registers, "register", "registers"),
            bytes(size),
            destination::told(&arguments.file),
            bytes(written.bytes),
            grouped((counts.registers as f64 / seconds) as u64),
            bytes((size as f64 / seconds) as u64),
        )
    };
    // Where the backup itself goes to standard output, there is no room for anything else.
    let to_stdout = arguments.transfer.client.json && !destination::is_stdout(&arguments.file);
    match to_stdout {
        true => output::line(&text),
        false => output::note(&text),
    }
}
