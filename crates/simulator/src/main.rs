//! The command line of the simulator.

use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};
use simulator::{Campaign, Length, Nodes, Planted, Replication, Run, Tally, run, run_traced};
use std::io;
use std::num::{NonZeroU64, NonZeroUsize};
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

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

    /// Run seeds for so many minutes, however many they are.
    #[arg(long, conflicts_with_all = ["seed", "seeds"])]
    minutes: Option<NonZeroU64>,

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

    /// Lose a majority for good in each run in which that can be, and have an operator go on.
    #[arg(long)]
    loss: bool,

    /// Give the nodes of every run disks, and not only those of some runs.
    #[arg(long)]
    disks: bool,

    /// Have clients delete much, and tombstones dropped soon, in every run.
    #[arg(long)]
    deletes: bool,

    /// Put a fault back, to see it found.
    #[arg(long, value_parser = parse_planted)]
    planted: Option<Planted>,

    /// Go on after a failure, and tell of all at the end.
    #[arg(long, conflicts_with = "seed")]
    keep_going: bool,

    /// How many runs go side by side. Default: as many as there are processors.
    #[arg(long, visible_alias = "jobs")]
    threads: Option<NonZeroUsize>,
}

impl Arguments {
    /// The first run, or the only one.
    fn first(&self) -> Run {
        Run {
            seed: self.seed.unwrap_or(self.start_seed),
            nodes: self.nodes,
            replication: self.replication,
            loss: self.loss,
            disks: self.disks,
            deletes: self.deletes,
            planted: self.planted,
        }
    }

    fn campaign(&self) -> Campaign {
        let minutes = self.minutes.map(NonZeroU64::get);
        let threads = self
            .threads
            .or_else(|| thread::available_parallelism().ok());
        Campaign {
            first: self.first(),
            length: minutes.map_or(Length::Seeds(self.seeds), |minutes| {
                Length::Time(Duration::from_secs(60 * minutes))
            }),
            threads: threads.unwrap_or(NonZeroUsize::MIN),
            keep_going: self.keep_going,
        }
    }
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

fn parse_planted(text: &str) -> Result<Planted, String> {
    let named = |fault: &&Planted| fault.to_string() == text;
    let found = Planted::ALL.iter().find(named).copied();
    found.ok_or_else(|| {
        let names = Planted::ALL.map(|fault| fault.to_string());
        format!("it is one of {}", names.join(", "))
    })
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match arguments.seed {
        Some(_) => replay(arguments.first(), arguments.trace),
        None => conduct(&arguments.campaign()),
    }
}

/// One run, with all that happens in it if that is wanted.
fn replay(this: Run, trace: bool) -> ExitCode {
    let result = match trace {
        true => run_traced(this, Box::new(io::BufWriter::new(io::stdout()))),
        false => run(this),
    };
    match result {
        Ok(passed) => {
            let (figures, seed, digest) = (passed.figures, this.seed, passed.digest);
            println!("{figures}\nseed {seed} passed; digest {digest:016x}");
            ExitCode::SUCCESS
        }
        Err(failure) => {
            println!("{failure}");
            ExitCode::FAILURE
        }
    }
}

/// Many runs. How far they are is written to standard error, what came of them to standard output.
fn conduct(campaign: &Campaign) -> ExitCode {
    let tally = match campaign.length {
        Length::Seeds(seeds) => {
            let style = "{bar:40} {pos}/{len} seeds, {per_sec}, {eta} left";
            let style = ProgressStyle::with_template(style).expect("the template is a constant");
            let bar = ProgressBar::new(seeds).with_style(style);
            let tally = campaign.conduct(Duration::from_millis(500), |so_far| {
                bar.set_position(so_far.ended);
            });
            bar.finish_and_clear();
            tally
        }
        Length::Time(_) => campaign.conduct(Duration::from_secs(30), |so_far| {
            eprintln!("{}", line_of(so_far));
        }),
    };
    println!("{}", tally.figures);
    let (took, threads) = (tally.took, campaign.threads);
    println!("took         {took:.1?} with {threads} at a time");
    let first = campaign.first.seed;
    let Some(failure) = tally.failures.first() else {
        match tally.ended.checked_sub(1) {
            Some(others) => println!("all seeds from {first} to {} passed", first + others),
            None => println!("no seed was run"),
        }
        return ExitCode::SUCCESS;
    };
    match campaign.keep_going {
        false => println!("{failure}"),
        true => {
            for failure in &tally.failures {
                println!("{failure}");
            }
            let (failed, ended) = (tally.failures.len(), tally.ended);
            println!("{failed} of {ended} seeds failed");
        }
    }
    ExitCode::FAILURE
}

/// How far it is, in one line.
fn line_of(tally: &Tally) -> String {
    let figures = &tally.figures;
    format!(
        "{:5} s: {} seeds, {:.1} h of virtual time, {} operations, {} faults, {} changes, \
         {} recoveries, {} failures",
        tally.took.as_secs(),
        tally.ended,
        figures.virtual_time.as_secs_f64() / 3600.0,
        figures.operations.total(),
        figures.faults_total(),
        figures.changes.begun,
        figures.recoveries.finished,
        tally.failures.len()
    )
}
