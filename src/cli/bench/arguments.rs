//! What `bench` can be told: [`BenchArgs`].

use super::comparison::Comparison;
use super::load::{Load, Span, Spread};
use super::system::{Protocol, System};
use crate::cli::failure::Failure;
use crate::cli::values::{count, millis, millis_or_zero};
use clap::Args;
use protocol::Address;
use std::path::PathBuf;
use std::time::Duration;

/// Measure how many operations a cluster does, and how long they take
///
/// Sets clients to read and write registers at every node, and tells how many operations were done
/// each second, how long they took, how many failed and why, and how long nothing succeeded. With
/// --compare it puts the same load on other systems, in turn and in rounds, so that what else goes
/// on on the machine disturbs all of them alike.
///
/// Each client has a connection of its own to one node, and without --rate begins the next
/// operation, or the next --pipeline of them, when it has the answer to the last (a closed loop):
/// that shows how much a system can do. How long operations take is better asked with --rate: then
/// they are due at moments that were set beforehand (an open loop), and each is timed from the
/// moment at which it was due, also if it was sent late because the answers before it were late.
///
/// The registers that are read are written before. Their names begin with --prefix; they stay.
#[derive(Args, Debug)]
#[command(after_long_help = AFTER_HELP)]
pub(crate) struct BenchArgs {
    /// A node to put the load on; may be given several times
    #[arg(
        long = "node",
        env = "SHARDEDMEMORY_NODE",
        value_name = "HOST:PORT",
        value_delimiter = ',',
        default_value = "127.0.0.1:3030,127.0.0.1:3031,127.0.0.1:3032"
    )]
    nodes: Vec<Address>,

    /// How the nodes are spoken to
    #[arg(long, value_enum, value_name = "PROTOCOL", default_value = "redis")]
    protocol: Protocol,

    /// The password of the nodes, if they have one
    #[arg(
        long,
        env = "SHARDEDMEMORY_PASSWORD",
        value_name = "TEXT",
        hide_env_values = true
    )]
    password: Option<String>,

    /// Other systems to put the same load on: redis://HOST:PORT,.., http://HOST:PORT,.. or
    /// etcd://HOST:PORT,.. (and :PASSWORD@ before the first host)
    #[arg(long, value_name = "URL", num_args = 1..)]
    compare: Vec<System>,

    /// For how long it is measured
    #[arg(
        long,
        value_name = "N",
        value_parser = clap::value_parser!(u64).range(1..=86_400),
        default_value_t = 10
    )]
    seconds: u64,

    /// Or for how many operations
    #[arg(
        long,
        value_name = "N",
        value_parser = clap::value_parser!(u64).range(1..),
        conflicts_with = "seconds"
    )]
    operations: Option<u64>,

    /// For how long the load runs before it is measured, in milliseconds
    #[arg(long, value_name = "MS", value_parser = millis_or_zero, default_value = "1000")]
    warm_up_ms: Duration,

    /// How often each system has its turn [default: 1, or 3 with --compare]
    #[arg(long, value_name = "N", value_parser = count(1..=1_000))]
    rounds: Option<usize>,

    /// How many clients there are, spread over all nodes
    #[arg(long, value_name = "N", value_parser = count(1..=10_000), default_value_t = 64)]
    clients: usize,

    /// On how many threads [default: half as many as there are processors]
    #[arg(long, value_name = "N", value_parser = count(1..=256))]
    threads: Option<usize>,

    /// How many operations a client sends before it waits for their answers
    #[arg(long, value_name = "N", value_parser = count(1..=10_000), default_value_t = 1)]
    pipeline: usize,

    /// How many operations all clients together begin in a second, whatever is answered
    #[arg(long, value_name = "N", value_parser = rate)]
    rate: Option<f64>,

    /// The share of operations that read, from 0 to 1
    #[arg(
        long,
        visible_alias = "reads",
        value_name = "SHARE",
        value_parser = share,
        default_value_t = 0.5
    )]
    read_share: f64,

    /// The share of operations that write if the register holds anything; what is left writes
    #[arg(
        long,
        visible_alias = "conditional",
        value_name = "SHARE",
        value_parser = share,
        default_value_t = 0.0
    )]
    conditional_share: f64,

    /// How long values are
    #[arg(long, value_name = "N", value_parser = count(0..=15 * 1024 * 1024), default_value_t = 64)]
    value_bytes: usize,

    /// How many registers there are
    #[arg(
        long,
        visible_alias = "keys",
        value_name = "N",
        value_parser = clap::value_parser!(u64).range(1..=1_000_000_000),
        default_value_t = 10_000
    )]
    registers: u64,

    /// Ask for the n-th register with a frequency of 1 / n to the power of this (0.99, say) instead
    /// of for each alike
    #[arg(long, value_name = "EXPONENT", value_parser = exponent)]
    zipf: Option<f64>,

    /// What the registers' names begin with; a number of twelve digits follows
    #[arg(long, value_name = "TEXT", value_parser = prefix, default_value = "bench:")]
    prefix: String,

    /// Take the registers as they are, instead of writing all of them before
    #[arg(long)]
    no_fill: bool,

    /// How long an answer is waited for, in milliseconds; then the connection is given up
    #[arg(long, value_name = "MS", value_parser = millis, default_value = "5000")]
    timeout_ms: Duration,

    /// How many connections to etcd the clients share [default: one each]
    #[arg(long, value_name = "N", value_parser = count(1..=10_000))]
    etcd_connections: Option<usize>,

    /// Draw throughput and latency over time in this file
    #[arg(long, value_name = "FILE")]
    pub(super) svg: Option<PathBuf>,

    /// Print one JSON object instead
    #[arg(long)]
    pub(super) json: bool,
}

const AFTER_HELP: &str = "\
Exit codes: 0 if every operation was done, 1 if any failed.

Reads are GET, writes SET, conditional writes SET with XX; over HTTP the same with GET, PUT, and PUT
with If-Match: *; with etcd a linearizable Range, a Put, and a Txn that puts if the key exists.

Examples:
  shardedmemory bench                                  64 clients, half reads, 10 s
  shardedmemory bench --reads 1 --pipeline 16 --svg bench.svg
  shardedmemory bench --rate 20000 --seconds 60        how long operations take at this rate
  shardedmemory bench --zipf 0.99 --keys 1000000 --value-bytes 1024
  shardedmemory bench --protocol http --operations 100000
  shardedmemory bench --compare redis://127.0.0.1:6379 etcd://127.0.0.1:2379,127.0.0.1:22379
  shardedmemory bench --conditional 0.2 --seconds 30 & sleep 10; kill -9 PID; wait
                                                       how long nothing succeeds when a node dies

scripts/compare.py runs the side-by-side with etcd and redis-server on this machine: it starts three
nodes of each, and one redis-server, and tells how they compare; scripts/gap.py does the same when a
node is killed or frozen.";

impl BenchArgs {
    /// What is to be done.
    ///
    /// # Errors
    /// If the arguments make no sense together.
    pub(super) fn comparison(&self) -> Result<Comparison, Failure> {
        if self.read_share + self.conditional_share > 1.0 {
            return Err(Failure::usage(format!(
                "{} of the operations are to read and {} to write conditionally: more than all",
                self.read_share, self.conditional_share
            )));
        }
        if self.protocol == Protocol::Etcd && self.password.is_some() {
            return Err(Failure::usage("etcd is asked without a password"));
        }
        let own = System {
            protocol: self.protocol,
            nodes: self.nodes.clone(),
            password: self.password.clone(),
        };
        let systems: Vec<System> = [own].into_iter().chain(self.compare.clone()).collect();
        let nodes = systems.iter().map(|system| system.nodes.len()).max();
        if let Some(nodes) = nodes
            && nodes > self.clients
        {
            return Err(Failure::usage(format!(
                "{} clients cannot be at {nodes} nodes, since each is at one",
                self.clients
            ))
            .hint("give more --clients, or fewer nodes"));
        }
        let turns = self.rounds.unwrap_or(match systems.len() {
            1 => 1,
            _ => ROUNDS,
        });
        Ok(Comparison::new(self.load(), systems, turns))
    }

    fn load(&self) -> Load {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let threads = self.threads.unwrap_or_else(|| (processors / 2).max(1));
        Load {
            clients: self.clients,
            threads: threads.min(self.clients),
            pipeline: self.pipeline,
            value_bytes: self.value_bytes,
            prefix: self.prefix.clone(),
            registers: self.registers,
            spread: self.zipf.map_or(Spread::Uniform, Spread::Zipf),
            read_share: self.read_share,
            conditional_share: self.conditional_share,
            rate: self.rate,
            span: match self.operations {
                Some(operations) => Span::Operations(operations),
                None => Span::Time(Duration::from_secs(self.seconds)),
            },
            warm_up: self.warm_up_ms,
            timeout: self.timeout_ms,
            etcd_connections: self.etcd_connections,
        }
    }

    /// Whether the registers are to be written before.
    pub(super) fn fill(&self) -> bool {
        !self.no_fill
    }
}

/// How often each has its turn, if there are several.
const ROUNDS: usize = 3;

fn share(text: &str) -> Result<f64, String> {
    number_from(0.0, 1.0, text)
}

fn exponent(text: &str) -> Result<f64, String> {
    number_from(0.0, 10.0, text)
}

fn rate(text: &str) -> Result<f64, String> {
    number_from(0.001, 1e9, text)
}

fn number_from(least: f64, most: f64, text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(number) if (least..=most).contains(&number) => Ok(number),
        _ => Err(format!("a number from {least} to {most} is wanted")),
    }
}

fn prefix(text: &str) -> Result<String, String> {
    const BYTES_MAX: usize = 1000;
    match text.len() {
        0..=BYTES_MAX => Ok(text.to_owned()),
        _ => Err(format!("a prefix has up to {BYTES_MAX} bytes")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        arguments: BenchArgs,
    }

    fn parse(line: &str) -> Result<BenchArgs, clap::Error> {
        let words = ["bench"].into_iter().chain(line.split_whitespace());
        Line::try_parse_from(words).map(|line| line.arguments)
    }

    #[test]
    fn a_load_is_what_the_line_says() {
        let line = "--clients 8 --threads 2 --pipeline 16 --keys 5 --zipf 0.99 --reads 0.9 \
                    --conditional 0.1 --rate 1000 --operations 77 --warm-up-ms 0";
        let load = parse(line).unwrap().comparison().unwrap().load;
        assert_eq!((load.clients, load.threads, load.pipeline), (8, 2, 16));
        assert_eq!((load.registers, load.spread), (5, Spread::Zipf(0.99)));
        assert_eq!((load.read_share, load.conditional_share), (0.9, 0.1));
        assert_eq!(load.rate, Some(1000.0));
        assert_eq!(load.span, Span::Operations(77));
        assert_eq!(load.warm_up, Duration::ZERO);
    }

    #[test]
    fn others_are_compared_in_rounds() {
        let alone = parse("").unwrap().comparison().unwrap();
        assert_eq!((alone.systems.len(), alone.turns), (1, 1));
        assert_eq!(alone.systems[0].nodes.len(), 3);
        let line = "--node a:1 --compare redis://b:2 etcd://c:3 --seconds 2";
        let three = parse(line).unwrap().comparison().unwrap();
        assert_eq!((three.systems.len(), three.turns), (3, 3));
        assert_eq!(three.systems[0].to_string(), "redis://a:1");
        let told = parse("--rounds 7").unwrap().comparison().unwrap();
        assert_eq!(told.turns, 7);
    }

    #[test]
    fn what_makes_no_sense_is_refused_at_the_door() {
        for line in [
            "--reads 1.1",
            "--rate 0",
            "--rate nan",
            "--zipf -1",
            "--pipeline 0",
            "--clients 0",
            "--operations 0",
            "--operations 1 --seconds 1",
            "--compare 127.0.0.1:6379",
            "--protocol telnet",
        ] {
            assert!(parse(line).is_err(), "{line}");
        }
        for line in [
            "--reads 0.9 --conditional 0.2",
            "--clients 2",
            "--protocol etcd --password x",
        ] {
            assert!(parse(line).unwrap().comparison().is_err(), "{line}");
        }
    }
}
