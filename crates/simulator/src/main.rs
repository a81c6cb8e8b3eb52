//! The command line of the simulator.

use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};
use protocol::PlantedFault;
use simulator::{Failure, Figures, Nodes, Replication, Run, run, run_traced};
use std::io;
use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

/// Runs clusters of the real protocol code in virtual time, under seeded faults, and checks that
/// no client ever saw anything but one linearizable memory.
///
/// Each seed is one cluster: it founds itself, is broken for a while in every way there is, heals,
/// and must then serve every request. The same seed always gives the same run.
#[derive(Parser, Debug)]
#[command(name = "simulator", version)]
struct Arguments {
    /// How many seeds to run.
    #[arg(long, default_value_t = 1000, conflicts_with = "seed")]
    seeds: u64,

    /// The first seed.
    #[arg(long, default_value_t = 0, conflicts_with = "seed")]
    start_seed: u64,

    /// Run this one seed.
    #[arg(long)]
    seed: Option<u64>,

    /// Write everything that happens in that run to standard output.
    #[arg(long, requires = "seed")]
    trace: bool,

    /// How many nodes found each cluster: 1 to 7, or any of these. Others may join it.
    #[arg(long, default_value = "any", value_parser = parse_nodes)]
    nodes: Nodes,

    /// On how many nodes each slot is held: 1 to 7, or any of these.
    #[arg(long, default_value = "any", value_parser = parse_replication)]
    replication: Replication,

    /// Put a fault back into the protocol, to see it found.
    #[arg(long, value_parser = parse_planted)]
    planted: Option<PlantedFault>,

    /// Go on after a failure, and tell of all at the end.
    #[arg(long, conflicts_with = "seed")]
    keep_going: bool,

    /// How many runs go side by side. Default: as many as there are processors.
    #[arg(long)]
    jobs: Option<NonZeroUsize>,
}

fn parse_nodes(text: &str) -> Result<Nodes, String> {
    Ok(parse_one_to_seven(text)?.map_or(Nodes::Any, |nodes| Nodes::Exactly(nodes.into())))
}

fn parse_replication(text: &str) -> Result<Replication, String> {
    Ok(parse_one_to_seven(text)?.map_or(Replication::Any, Replication::Exactly))
}

fn parse_one_to_seven(text: &str) -> Result<Option<u8>, String> {
    match text.parse() {
        Ok(number @ 1..=7) => Ok(Some(number)),
        _ if text == "any" => Ok(None),
        _ => Err("it is a number from 1 to 7, or any".into()),
    }
}

fn parse_planted(text: &str) -> Result<PlantedFault, String> {
    let named = |fault: &&PlantedFault| simulator::planted_name(**fault) == text;
    let found = simulator::PLANTED.iter().find(named).copied();
    found.ok_or_else(|| {
        let names = simulator::PLANTED.map(simulator::planted_name);
        format!("it is one of {}", names.join(", "))
    })
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match arguments.seed {
        Some(seed) => replay(&arguments, seed),
        None => run_many(&arguments),
    }
}

fn replay(arguments: &Arguments, seed: u64) -> ExitCode {
    let this = Run {
        seed,
        nodes: arguments.nodes,
        replication: arguments.replication,
        planted: arguments.planted,
    };
    let result = if arguments.trace {
        run_traced(this, Box::new(io::BufWriter::new(io::stdout())))
    } else {
        run(this)
    };
    match result {
        Ok(passed) => {
            println!(
                "{}\nseed {seed} passed; digest {:016x}",
                passed.figures, passed.digest
            );
            ExitCode::SUCCESS
        }
        Err(failure) => {
            println!("{failure}");
            ExitCode::FAILURE
        }
    }
}

fn run_many(arguments: &Arguments) -> ExitCode {
    let progress = ProgressBar::new(arguments.seeds).with_style(
        ProgressStyle::with_template("{bar:40} {pos}/{len} seeds, {per_sec}, {eta} left")
            .expect("the template is a constant"),
    );
    let jobs = arguments
        .jobs
        .or_else(|| thread::available_parallelism().ok());
    let jobs = jobs.map_or(1, NonZeroUsize::get);
    let started = Instant::now();

    let next = AtomicU64::new(0);
    let stop = AtomicBool::new(false);
    let sum = Mutex::new(Figures::default());
    let failures: Mutex<Vec<Failure>> = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                let mut figures = Figures::default();
                while !stop.load(Ordering::Relaxed) {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    if index >= arguments.seeds {
                        break;
                    }
                    let seed = arguments.start_seed + index;
                    let this = Run {
                        seed,
                        nodes: arguments.nodes,
                        replication: arguments.replication,
                        planted: arguments.planted,
                    };
                    match run(this) {
                        Ok(passed) => figures += passed.figures,
                        Err(failure) => {
                            stop.store(!arguments.keep_going, Ordering::Relaxed);
                            failures
                                .lock()
                                .expect("no thread panics with it")
                                .push(failure);
                        }
                    }
                    progress.inc(1);
                }
                *sum.lock().expect("no thread panics with it") += figures;
            });
        }
    });

    progress.finish_and_clear();
    let sum = sum.into_inner().expect("no thread panics with it");
    println!("{sum}");
    let elapsed = started.elapsed();
    println!("took         {elapsed:.1?} with {jobs} at a time");
    let mut failures = failures.into_inner().expect("no thread panics with it");
    if failures.is_empty() {
        println!("all {} seeds passed", arguments.seeds);
        return ExitCode::SUCCESS;
    }
    failures.sort_by_key(|failure| failure.run.seed);
    if !arguments.keep_going {
        failures.truncate(1);
    }
    for failure in &failures {
        println!("{failure}");
    }
    if arguments.keep_going {
        println!("{} of {} seeds failed", failures.len(), arguments.seeds);
    }
    ExitCode::FAILURE
}
