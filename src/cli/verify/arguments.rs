//! What `verify` can be told: [`VerifyArgs`].

use crate::cli::failure::Failure;
use crate::cli::password::PasswordArgs;
use crate::cli::values::{count, millis};
use crate::cli::workload::Names;
use clap::Args;
use protocol::Address;
use std::path::PathBuf;
use std::time::Duration;

/// Check that what clients see of a running cluster is linearizable
///
/// Sets clients to read and write a few registers of their own at every node, for some seconds. It
/// writes down when each operation was called, when it was answered, and what the answer was, and
/// then decides whether the record is linearizable: whether, for each register, all operations can
/// be put in one order that explains every answer, each at a moment between its call and its
/// answer. If they can, nobody saw an old value after a newer one had been read or acknowledged,
/// and no acknowledged write was lost, whichever nodes were asked. A write of which nobody knows
/// whether it was done, because its node died, say, may count from any moment after its call, or
/// never; one that was refused must never show.
///
/// The decision is exact, but it is about this record: it shows no more than what was seen. A
/// cluster to which nothing happens has little occasion to err, so break something meanwhile: kill
/// a node, freeze it, cut it off, add or remove one. The report says how long clients waited for
/// their next success, overall and at each node, and how much ran at the same time.
///
/// Exits with 0 only if the record is linearizable and something was done; with 8 if it is not, and
/// then the history is saved. Other registers than its own are not touched, and its own are
/// deleted in the end; tombstones with their names stay, as with every delete. Ctrl-C ends it
/// early, and what there is is judged.
#[derive(Args, Debug)]
#[command(after_long_help = AFTER_HELP)]
pub(crate) struct VerifyArgs {
    /// A node of the cluster; may be given several times. The other members are asked for
    #[arg(
        long = "node",
        env = "SHARDEDMEMORY_NODE",
        value_name = "HOST:PORT",
        value_delimiter = ',',
        default_value = "127.0.0.1:3030,127.0.0.1:3031,127.0.0.1:3032"
    )]
    pub(super) nodes: Vec<Address>,

    #[command(flatten)]
    pub(super) password: PasswordArgs,

    /// For how long clients work
    #[arg(
        long,
        value_name = "N",
        value_parser = clap::value_parser!(u64).range(1..=86_400),
        default_value_t = 10
    )]
    pub(super) seconds: u64,

    /// How many clients there are, spread over all nodes; each does one thing at a time
    #[arg(long, value_name = "N", value_parser = count(1..=1_000), default_value_t = 16)]
    pub(super) clients: usize,

    /// How many registers they share: the fewer, the more runs at the same time on each
    #[arg(long, value_name = "N", value_parser = count(1..=10_000), default_value_t = 8)]
    pub(super) registers: usize,

    /// What the registers' names begin with; a number follows. They must hold nothing
    /// [default: verify-, a random number, and -]
    #[arg(long, value_name = "TEXT", value_parser = prefix)]
    pub(super) prefix: Option<String>,

    /// The share of operations that read, from 0 to 1
    #[arg(long, value_name = "SHARE", value_parser = share, default_value_t = 0.5)]
    pub(super) read_share: f64,

    /// The share of operations that delete; what is left writes
    #[arg(long, value_name = "SHARE", value_parser = share, default_value_t = 0.02)]
    pub(super) delete_share: f64,

    /// The share of writes that take place only if the register still holds what their client read
    #[arg(long, value_name = "SHARE", value_parser = share, default_value_t = 0.2)]
    pub(super) conditional_share: f64,

    /// How many operations all clients together begin in a second, at most
    /// [default: as many as get answers and can be recorded]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) rate: Option<u32>,

    /// How long values are
    #[arg(long, value_name = "N", value_parser = count(0..=15 * 1024 * 1024), default_value_t = 64)]
    pub(super) value_bytes: usize,

    /// How long a node may take for an operation, in milliseconds; its client waits a second more
    #[arg(long, value_name = "MS", value_parser = millis, default_value = "1000")]
    pub(super) timeout_ms: Duration,

    /// How many operations are recorded, or read from a file, at about 200 bytes of memory each
    #[arg(
        long,
        value_name = "N",
        value_parser = count(1..=100_000_000),
        default_value_t = 1_000_000
    )]
    pub(super) operations_max: usize,

    /// Save the history in this file
    #[arg(long, value_name = "FILE")]
    pub(super) history: Option<PathBuf>,

    /// Keep the registers, instead of deleting them in the end
    #[arg(long)]
    pub(super) keep: bool,

    /// Check the history in this file instead (- is standard input); no cluster is needed
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with_all = [
            "seconds", "clients", "registers", "prefix", "read_share", "delete_share",
            "conditional_share",
            "rate", "value_bytes", "timeout_ms", "history", "keep",
        ]
    )]
    pub(super) check: Option<PathBuf>,

    /// Print one JSON object instead
    #[arg(long)]
    pub(super) json: bool,
}

const AFTER_HELP: &str = "\
Examples:
  shardedmemory verify --seconds 30 &           clients at every node, for 30 s; meanwhile
  sleep 5; kill -9 PID                          a node dies,
  sleep 5; kill -STOP PID2                      another one freezes,
  sleep 5; kill -CONT PID2                      and goes on
  wait

  shardedmemory verify --history seen.txt       keep what was seen
  shardedmemory verify --check seen.txt         judge it again, or on another machine

A history is text, one operation a line; any program can write one:

  shardedmemory-history 1
  # call end client register action outcome
  0 120 1 x write =a done
  150 180 2 x write =b done
  200 230 3 x read done =a
  240 - 1 x delete unknown

Here client 3 read a after b had been written: this history is not linearizable. Times are whole
numbers on one scale, nanoseconds in those that are saved here. A value stands behind =, and - is
nothing. An operation is done, refused (it never happened) or unknown (nobody knows whether it
did; its end may be -): leave none out. A space, a % and what is not printable ASCII are written as
% and two hexadecimal digits.";

/// A share of operations.
fn share(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(share) if (0.0..=1.0).contains(&share) => Ok(share),
        _ => Err("a number from 0 to 1 is wanted".to_owned()),
    }
}

fn prefix(text: &str) -> Result<String, String> {
    match text.len() {
        0 => Err("a prefix is not empty: the registers would be named 0, 1, 2".to_owned()),
        length if length > Names::PREFIX_BYTES_MAX => Err(format!(
            "a prefix has up to {} bytes, so that a number fits behind it",
            Names::PREFIX_BYTES_MAX
        )),
        _ => Ok(text.to_owned()),
    }
}

impl VerifyArgs {
    /// Sees that they make sense together.
    ///
    /// # Errors
    /// If they do not.
    pub(super) fn validate(&self) -> Result<(), Failure> {
        if self.read_share + self.delete_share > 1.0 {
            let message = "--read-share and --delete-share are more than 1 together";
            return Err(Failure::usage(message));
        }
        Ok(())
    }

    /// The registers.
    pub(super) fn names(&self) -> Names {
        let prefix = match &self.prefix {
            Some(prefix) => prefix.clone(),
            None => format!("verify-{:08x}-", rand::random::<u32>()),
        };
        Names::new(prefix, self.registers)
    }

    /// For how long clients work.
    pub(super) fn span(&self) -> Duration {
        Duration::from_secs(self.seconds)
    }

    /// How long each client waits at least from the beginning of an operation to that of its next,
    /// so that all of them can be recorded.
    pub(super) fn interval(&self) -> Duration {
        let clients = self.clients as f64;
        // Each client may begin one at once.
        let recordable = self.operations_max.saturating_sub(self.clients).max(1);
        let recordable = recordable as f64 / self.seconds as f64;
        let wanted = self.rate.map_or(recordable, f64::from);
        Duration::from_secs_f64(clients / wanted)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser, Debug)]
    struct Line {
        #[command(flatten)]
        arguments: VerifyArgs,
    }

    pub(crate) fn parse(line: &str) -> Result<VerifyArgs, clap::Error> {
        let words = ["verify"].into_iter().chain(line.split_whitespace());
        Line::try_parse_from(words).map(|line| line.arguments)
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let long = format!("--prefix {}", "x".repeat(1001));
        for line in [
            "--seconds 0",
            "--seconds 86401",
            "--clients 0",
            "--registers 0",
            "--read-share 1.1",
            "--read-share -0.1",
            "--read-share NaN",
            "--delete-share many",
            "--rate 0",
            "--value-bytes 15728641",
            "--timeout-ms 0",
            "--operations-max 0",
            "--prefix=",
            &long,
            "--node nowhere",
            "--check a --seconds 5",
            "--check a --keep",
            "--check a --history b",
        ] {
            assert!(parse(line).is_err(), "{line}");
        }
        for line in [
            "",
            "--check -",
            // It may be set in the environment.
            "--check a --node 127.0.0.1:1",
            "--check a --json --operations-max 5000000",
            "--read-share 0 --delete-share 1",
        ] {
            assert!(parse(line).is_ok(), "{line}");
        }
    }

    #[test]
    fn shares_of_more_than_all_are_refused() {
        let parsed = |line| parse(line).unwrap().validate();
        assert!(parsed("--read-share 0.9 --delete-share 0.2").is_err());
        assert!(parsed("--read-share 0.9 --delete-share 0.1").is_ok());
    }

    #[test]
    fn names_are_its_own_unless_it_is_told_others() {
        let (one, other) = (parse("").unwrap().names(), parse("").unwrap().names());
        assert_ne!(one, other);
        assert!(one.to_string().starts_with("\"verify-"), "{one}");
        let named = parse("--prefix a: --registers 3").unwrap().names();
        assert_eq!(named.to_string(), "\"a:0\" to \"a:2\"");
    }

    #[test]
    fn a_long_run_is_slow_enough_to_be_recorded() {
        let hour = parse("--seconds 3600 --clients 10 --operations-max 36010").unwrap();
        assert_eq!(hour.interval(), Duration::from_secs(1));
        let told = parse("--seconds 3600 --clients 10 --rate 1000").unwrap();
        assert_eq!(told.interval(), Duration::from_millis(10));
        let least = parse("--clients 10 --operations-max 1").unwrap();
        assert_eq!(least.interval(), Duration::from_secs(100));
    }
}
