//! `shardedmemory torture`: a local cluster, what can go wrong, and whether clients noticed.

mod board;
mod fault;
mod judgement;
mod nemesis;
mod network;
mod picture;
mod places;
mod plan;
mod report;
mod run;
mod timeline;
mod track;

use crate::cli::failure::Failure;
use crate::cli::small_runtime;
use crate::cli::values::{count, millis};
use clap::Args;
use fault::FaultGroup;
use network::{Network, NetworkKind};
use plan::Plan;
use protocol::Configuration;
use run::Run;
use std::path::PathBuf;
use std::time::Duration;

/// Break a cluster on this machine in every way, and check what its clients saw
///
/// Starts nodes, each a process of its own, and clients that read and write all the time; then
/// kills, freezes and restarts nodes, cuts the network between them, and changes the members, as a
/// seed says: phases of faults that overlap, and calm between them, in which the cluster has to get
/// over them. What the clients saw is checked: whether it is linearizable, whether the nodes that
/// should have served did, and whether everything served again afterwards. A picture shows all of
/// it on a line of time.
///
/// Nodes keep registers in memory. So never more of them forget at once than a majority of each
/// register's replicas can do without; anything else may happen to any of them at any time.
#[derive(Args, Debug)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct TortureArgs {
    /// How long faults go on, in minutes
    #[arg(long, value_name = "MINUTES", value_parser = clap::value_parser!(u64).range(1..=1440), default_value = "1")]
    minutes: u64,

    /// The same in seconds
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=86_400), conflicts_with = "minutes")]
    seconds: Option<u64>,

    /// How many nodes found the cluster; one more comes and goes
    #[arg(long, value_name = "COUNT", value_parser = count(2..=20), default_value = "5")]
    nodes: usize,

    /// On how many of them each register is held
    #[arg(
        long,
        value_name = "COUNT",
        value_parser = clap::value_parser!(u8).range(1..=i64::from(Configuration::REPLICATION_MAX)),
        default_value = "3"
    )]
    replication: u8,

    /// What the faults are drawn from; the same seed gives the same faults again, though not at the
    /// same moments of what nodes and clients do [default: a new one]
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,

    /// What stands between the nodes
    #[arg(long, value_enum, value_name = "KIND", default_value = "auto")]
    network: NetworkKind,

    /// What may go wrong
    #[arg(
        long,
        value_enum,
        value_name = "A,B",
        value_delimiter = ',',
        default_value = "kill,restart,freeze,partition,members"
    )]
    faults: Vec<FaultGroup>,

    /// How many clients read and write
    #[arg(long, value_name = "COUNT", value_parser = count(1..=1000), default_value = "16")]
    clients: usize,

    /// Over how many registers; the fewer, the more of what they do overlaps
    #[arg(long, value_name = "COUNT", value_parser = count(1..=10_000), default_value = "6")]
    registers: usize,

    /// Deadline of each operation, in milliseconds
    ///
    /// Clients do one thing at a time: what cannot be served holds one up for so long, and what a
    /// frozen node was asked for a second more.
    #[arg(long, value_name = "MS", value_parser = millis, default_value = "2000")]
    timeout_ms: Duration,

    /// How long the cluster may take to be whole again after each phase of faults, in seconds
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=3600), default_value = "60")]
    patience: u64,

    /// Where the picture goes
    #[arg(long, value_name = "FILE", default_value = "torture.svg")]
    svg: PathBuf,

    /// Save what the clients saw; 'verify --check FILE' checks it again
    #[arg(long, value_name = "FILE")]
    history: Option<PathBuf>,

    /// Where the nodes' logs go, which then are kept [default: a temporary directory, which is kept
    /// if something goes wrong]
    #[arg(long, value_name = "DIRECTORY")]
    logs: Option<PathBuf>,

    /// Print one JSON object instead
    #[arg(long)]
    json: bool,
}

const AFTER_HELP: &str = "\
Where 'ip' and 'nft' are installed, and this user is root or may have namespaces, each node has a
network of its own, and partitions are real: packets are lost. Elsewhere a proxy stands between the
nodes. Nothing of either is left afterwards.

Exit codes: 0 if what the clients saw is linearizable, the nodes that should have served did, and all
served again after each phase; 1 if not all of that could be had; 8 if what they saw is not
linearizable.

Examples:
  shardedmemory torture                                   a minute of everything
  shardedmemory torture --minutes 10 --nodes 7 --replication 5
  shardedmemory torture --seconds 30 --faults partition --network proxy --seed 7";

/// Tortures a cluster.
pub(crate) fn run(arguments: &TortureArgs) -> Result<(), Failure> {
    let seed = arguments.seed.unwrap_or_else(rand::random);
    let replicas = usize::from(arguments.replication).min(arguments.nodes);
    // One fewer than half of them, rounded up.
    let missing_max = replicas.saturating_sub(1) / 2;
    let plan = Plan::new(
        seed,
        arguments.nodes + LATER_NODES,
        missing_max,
        &arguments.faults,
    );
    if plan.is_empty() {
        return Err(Failure::usage(format!(
            "with each register on {replicas} of the nodes none of them may lose its memory, so \
             nothing is left that could go wrong"
        ))
        .hint("give more --faults, or a greater --replication"));
    }
    // Before there are threads.
    let (network, note) = Network::make(arguments.network, arguments.nodes + LATER_NODES)?;
    small_runtime()?.block_on(async {
        Run::set_up(arguments, seed, plan, network, note, missing_max)?
            .finish()
            .await
    })
}

impl TortureArgs {
    /// How long faults go on.
    fn span(&self) -> Duration {
        Duration::from_secs(self.seconds.unwrap_or(self.minutes * 60))
    }

    /// How it is run again.
    fn again(&self, seed: u64) -> String {
        let groups: Vec<String> = (self.faults.iter())
            .filter_map(clap::ValueEnum::to_possible_value)
            .map(|value| value.get_name().to_owned())
            .collect();
        let network = clap::ValueEnum::to_possible_value(&self.network)
            .map_or_else(String::new, |value| value.get_name().to_owned());
        format!(
            "{} torture --seed {seed} --seconds {} --nodes {} --replication {} --network {network} \
             --faults {} --clients {} --registers {} --timeout-ms {}",
            crate::cli::output::program(),
            self.span().as_secs(),
            self.nodes,
            self.replication,
            groups.join(","),
            self.clients,
            self.registers,
            self.timeout_ms.as_millis(),
        )
    }
}

/// How many nodes there are beside those that found the cluster.
const LATER_NODES: usize = 1;

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        arguments: TortureArgs,
    }

    fn parse(line: &str) -> Result<TortureArgs, clap::Error> {
        Line::try_parse_from(line.split_whitespace()).map(|line| line.arguments)
    }

    #[test]
    fn the_line_that_is_told_runs_the_same_again() {
        let given = "torture --minutes 2 --nodes 7 --replication 5 --network proxy --clients 3 \
                     --registers 9 --timeout-ms 700 --faults freeze,kill";
        let told = parse(given).unwrap().again(42);
        let (_, line) = told.split_once(' ').unwrap();
        let again = parse(line).unwrap();
        assert_eq!(again.seed, Some(42));
        assert_eq!(again.span(), Duration::from_secs(120));
        assert_eq!((again.nodes, again.replication), (7, 5));
        assert_eq!((again.clients, again.registers), (3, 9));
        assert_eq!(again.network, NetworkKind::Proxy);
        assert_eq!(again.faults, [FaultGroup::Freeze, FaultGroup::Kill]);
        assert_eq!(again.timeout_ms, Duration::from_millis(700));
    }

    #[test]
    fn what_makes_no_sense_is_refused_at_the_door() {
        for line in [
            "torture --minutes 0",
            "torture --seconds 1 --minutes 1",
            "torture --nodes 1",
            "torture --faults luck",
            "torture --network pigeons",
            "torture --clients 0",
        ] {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}
