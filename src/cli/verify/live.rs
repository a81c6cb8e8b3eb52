//! A run against a live cluster, from its words before to its report.

use super::arguments::VerifyArgs;
use super::judgement::Judgement;
use super::nodes::Nodes;
use super::progress::Progress;
use super::report::Report;
use super::saved::HistoryFile;
use super::tell;
use crate::cli::client::Credentials;
use crate::cli::failure::Failure;
use crate::cli::figures::counted;
use crate::cli::interrupt::Interrupt;
use crate::cli::output;
use crate::cli::spinner::spin;
use crate::cli::workload::{Clearing, Ended, Kind, Names, Workload, WorkloadPlan, WorkloadRecord};
use protocol::Address;
use std::time::Duration;
use tokio::task::spawn_blocking;
use tokio::time::{interval, sleep_until};

/// Runs clients, judges what they saw, and tells.
///
/// # Errors
/// If that is not linearizable, or if it came to nothing.
pub(super) async fn verify(
    arguments: &VerifyArgs,
    interrupt: &mut Interrupt,
) -> Result<(), Failure> {
    arguments.validate()?;
    let path = arguments.history.as_deref();
    // A file that cannot be written is better known before.
    let file = path.map(HistoryFile::open).transpose()?;
    let credentials = Credentials::of(&arguments.password)?;
    let names = arguments.names();
    let preparing = prepare(arguments, &names, &credentials);
    let nodes = or_interrupted(preparing, interrupt).await??;
    introduce(arguments, &names, &nodes);

    let mut workload = Workload::start(plan(arguments, &names, &nodes, &credentials));
    let is_interrupted = watch(&mut workload, arguments.span(), interrupt).await;
    let stopping = spin("the last operations end", workload.stop());
    let record = or_interrupted(stopping, interrupt).await?;

    let saved = file.map(|file| file.write(&record)).transpose();
    let (record, mut report) = or_interrupted(judge(record), interrupt).await?;
    let events = events(&record, is_interrupted);
    report.remarks.splice(0..0, events);
    let is_violated = matches!(report.judgement, Judgement::Violated(_));
    let saved = match saved {
        Ok(None) if is_violated => HistoryFile::create()
            .and_then(|file| file.write(&record))
            .map(Some),
        saved => saved,
    };
    let saved = saved.map_err(|error| format!("the history could not be saved: {error}"));
    match &saved {
        Ok(path) => report.history.clone_from(path),
        Err(why) => report.remarks.push(why.clone()),
    }
    let end = match (arguments.keep, is_violated) {
        (true, _) => vec![format!("the registers {names} are kept")],
        (_, true) => vec![format!(
            "the registers {names} are kept, so that they can be looked at"
        )],
        _ => {
            let clearing = clear(&record, &names, &nodes.all, &credentials);
            or_interrupted(clearing, interrupt).await?
        }
    };
    report.remarks.extend(end);

    tell(&report, arguments)?;
    // Who asked for a file must not believe that it is there.
    saved.map(|_| ()).map_err(Failure::failed)
}

/// How long a node may take for an operation before and after the run, when nothing is measured.
const CARE_TIMEOUT: Duration = Duration::from_secs(5);

async fn or_interrupted<T>(
    future: impl Future<Output = T>,
    interrupt: &mut Interrupt,
) -> Result<T, Failure> {
    tokio::select! {
        output = future => Ok(output),
        () = interrupt.wait() => Err(Failure::interrupted()),
    }
}

/// Finds the nodes, and sees that the registers hold nothing.
async fn prepare(
    arguments: &VerifyArgs,
    names: &Names,
    credentials: &Credentials,
) -> Result<Nodes, Failure> {
    let finding = Nodes::find(&arguments.nodes, credentials);
    let nodes = spin("looking for the nodes", finding).await?;
    let claiming = names.claim(&nodes.all, credentials, CARE_TIMEOUT);
    spin("seeing that the registers are free", claiming).await?;
    Ok(nodes)
}

fn plan(
    arguments: &VerifyArgs,
    names: &Names,
    nodes: &Nodes,
    credentials: &Credentials,
) -> WorkloadPlan {
    WorkloadPlan {
        clients: arguments.clients,
        read_share: arguments.read_share,
        delete_share: arguments.delete_share,
        conditional_share: arguments.conditional_share,
        operation_timeout: arguments.timeout_ms,
        value_bytes: arguments.value_bytes,
        interval: arguments.interval(),
        operations_max: arguments.operations_max,
        credentials: credentials.clone(),
        ..WorkloadPlan::new(nodes.all.clone(), names.clone())
    }
}

/// Tells what is about to happen.
fn introduce(arguments: &VerifyArgs, names: &Names, nodes: &Nodes) {
    let registers = counted(names.count() as u64, "register", "registers");
    let clients = counted(arguments.clients as u64, "client", "clients");
    let end = if arguments.keep { "keep" } else { "delete" };
    output::note(&format!(
        "For {} s, {clients} will read and write {registers} ({names})\nat {}, touch no others, and \
         {end} these in the end. Then it is checked whether\nwhat they saw is linearizable. A \
         cluster to which nothing happens has little occasion to\nerr: break something meanwhile.",
        arguments.seconds,
        counted(nodes.all.len() as u64, "node", "nodes"),
    ));
    for (node, why) in &nodes.silent {
        output::note(&format!("{node} does not answer: {why}"));
    }
}

/// Shows how it goes until the time has passed, or the record is full; tells whether somebody
/// ended it early.
async fn watch(workload: &mut Workload, span: Duration, interrupt: &mut Interrupt) -> bool {
    let mut progress = Progress::begin(span);
    let mut ticks = interval(Progress::INTERVAL);
    let end = workload.began() + span;
    loop {
        tokio::select! {
            () = sleep_until(end) => return false,
            () = workload.ended() => return false,
            () = interrupt.wait() => return true,
            _ = ticks.tick() => progress.show(workload.figures()),
        }
    }
}

/// Judges a record, beside whatever else there is to do.
async fn judge(record: WorkloadRecord) -> (WorkloadRecord, Report) {
    let judging = spawn_blocking(move || {
        let report = Report::of(&record);
        (record, report)
    });
    let judged = spin("the history is checked", judging).await;
    judged.expect("no check panics")
}

/// What befell the clients, a sentence each.
fn events(record: &WorkloadRecord, is_interrupted: bool) -> Vec<String> {
    let mut events = Vec::new();
    if is_interrupted {
        events.push("it ended early: it was interrupted".to_owned());
    } else if record.full {
        events.push(format!(
            "it ended early: {} were recorded, and there is no room for more (--operations-max)",
            counted(record.operations.len() as u64, "operation", "operations")
        ));
    }
    if record.unreachable > 0 {
        events.push(format!(
            "{}, a client could not connect, and turned to another node",
            counted(record.unreachable, "time", "times")
        ));
    }
    let last = record.last_failure.as_ref();
    events.extend(last.map(|failure| format!("the last thing to fail: {failure}")));
    events
}

/// Deletes the registers that may hold something. Returns what there is to say of it.
async fn clear(
    record: &WorkloadRecord,
    names: &Names,
    nodes: &[Address],
    credentials: &Credentials,
) -> Vec<String> {
    let writes = || {
        let operations = record.operations.iter();
        operations.filter(|operation| operation.kind == Kind::Write)
    };
    let written = writes().map(|write| write.register as usize).collect();
    let clearing = names.clear(&written, nodes, credentials, CARE_TIMEOUT);
    let mut told = match spin("the registers are deleted", clearing).await {
        Clearing::Cleared => Vec::new(),
        Clearing::Stopped(name, why) => vec![format!(
            "not all registers of {names} could be deleted; that failed for {name:?}{why}"
        )],
    };
    if writes().any(|write| write.ended == Ended::Unknown) {
        told.push(
            "a write of unknown outcome may come yet, and find its register deleted".to_owned(),
        );
    }
    told
}
