//! What a node can be told on the command line, or by its environment: [`ServeArgs`].

use crate::cli::log::{self, LogFormat};
use crate::cli::values::{count, millis};
use crate::server::{Settings, SettingsError};
use clap::Args;
use clap::builder::BoolishValueParser;
use protocol::Address;
use std::net::SocketAddr;
use std::time::Duration;

/// Run one node
///
/// A node serves clients and the other nodes on the same port. Nodes that are started with the
/// same list of peers found one cluster as soon as all of them are up. A node that restarts has
/// lost its memory: it no longer votes, and passes requests on to the others.
///
/// Every setting can be given as a flag or as the environment variable that is named beside it;
/// the flag wins.
#[derive(Args, Clone, Debug)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct ServeArgs {
    /// Accept connections here, from clients and nodes; may be given several times
    #[arg(
        long,
        env = "SHARDEDMEMORY_LISTEN",
        value_name = "IP:PORT",
        value_delimiter = ',',
        default_value = "127.0.0.1:3030",
        help_heading = ADDRESSES
    )]
    listen: Vec<SocketAddr>,

    /// Where the other nodes reach this one, as --peers has it [default: the first --listen]
    #[arg(
        long,
        env = "SHARDEDMEMORY_ADVERTISE",
        value_name = "HOST:PORT",
        help_heading = ADDRESSES
    )]
    advertise: Option<Address>,

    /// All nodes of the cluster, this one among them, separated by commas [default: this one alone]
    ///
    /// Give every node the same list: the addresses are compared letter by letter.
    #[arg(
        long,
        env = "SHARDEDMEMORY_PEERS",
        value_name = "A,B,C",
        value_delimiter = ',',
        help_heading = ADDRESSES
    )]
    peers: Vec<Address>,

    /// Allow addresses that are not loopback, although everyone who reaches them can read and write
    #[arg(
        long,
        env = "SHARDEDMEMORY_INSECURE",
        value_parser = BoolishValueParser::new(),
        help_heading = ADDRESSES
    )]
    insecure: bool,

    /// Deadline of an operation whose client names none, in milliseconds
    #[arg(
        long,
        env = "SHARDEDMEMORY_TIMEOUT_MS",
        value_name = "MS",
        value_parser = millis,
        default_value = "5000",
        help_heading = LIMITS
    )]
    timeout_ms: Duration,

    /// Longest deadline that a client may name
    #[arg(
        long,
        env = "SHARDEDMEMORY_TIMEOUT_MAX_MS",
        value_name = "MS",
        value_parser = millis,
        default_value = "60000",
        help_heading = LIMITS
    )]
    timeout_max_ms: Duration,

    /// Longest value that a client may write, in bytes; at most 15 MiB
    #[arg(
        long,
        env = "SHARDEDMEMORY_VALUE_BYTES_MAX",
        value_name = "BYTES",
        value_parser = count(1..=Settings::VALUE_BYTES_CEILING),
        default_value = "1048576",
        help_heading = LIMITS
    )]
    value_bytes_max: usize,

    /// Memory for values that are still arriving from clients; beyond it they are refused
    #[arg(
        long,
        env = "SHARDEDMEMORY_BODY_BYTES_IN_FLIGHT_MAX",
        value_name = "BYTES",
        value_parser = count(1..=1 << 40),
        default_value = "268435456",
        help_heading = LIMITS
    )]
    body_bytes_in_flight_max: usize,

    /// Operations that may run at once; one more is refused
    #[arg(
        long,
        env = "SHARDEDMEMORY_OPERATIONS_MAX",
        value_name = "COUNT",
        value_parser = count(1..=1 << 20),
        default_value = "8192",
        help_heading = LIMITS
    )]
    operations_max: usize,

    /// Connections that may be open at once; one more is closed
    #[arg(
        long,
        env = "SHARDEDMEMORY_CONNECTIONS_MAX",
        value_name = "COUNT",
        value_parser = count(1..=1 << 20),
        default_value = "10000",
        help_heading = LIMITS
    )]
    connections_max: usize,

    /// Lanes that serve registers side by side [default: the number of cores]
    #[arg(
        long,
        env = "SHARDEDMEMORY_LANES",
        value_name = "COUNT",
        value_parser = count(1..=Settings::LANES_CEILING),
        help_heading = LIMITS
    )]
    lanes: Option<usize>,

    /// Ping each node this often
    #[arg(
        long,
        env = "SHARDEDMEMORY_PING_INTERVAL_MS",
        value_name = "MS",
        value_parser = millis,
        default_value = "500",
        help_heading = TIMES
    )]
    ping_interval_ms: Duration,

    /// A node whose pong takes longer is suspect: others are asked first
    #[arg(
        long,
        env = "SHARDEDMEMORY_PONG_TIMEOUT_MS",
        value_name = "MS",
        value_parser = millis,
        default_value = "400",
        help_heading = TIMES
    )]
    pong_timeout_ms: Duration,

    /// A node that is silent for so long is down
    #[arg(
        long,
        env = "SHARDEDMEMORY_DOWN_AFTER_MS",
        value_name = "MS",
        value_parser = millis,
        default_value = "2000",
        help_heading = TIMES
    )]
    down_after_ms: Duration,

    /// Listen so long for a standing cluster before founding one
    #[arg(
        long,
        env = "SHARDEDMEMORY_FOUNDING_WAIT_MS",
        value_name = "MS",
        value_parser = millis,
        default_value = "2000",
        help_heading = TIMES
    )]
    founding_wait_ms: Duration,

    /// Send a message again if it is not answered within this time
    #[arg(
        long,
        env = "SHARDEDMEMORY_RESEND_FIRST_MS",
        value_name = "MS",
        value_parser = millis,
        default_value = "50",
        help_heading = TIMES
    )]
    resend_first_ms: Duration,

    /// Each further wait is twice as long, up to this
    #[arg(
        long,
        env = "SHARDEDMEMORY_RESEND_MAX_MS",
        value_name = "MS",
        value_parser = millis,
        default_value = "1000",
        help_heading = TIMES
    )]
    resend_max_ms: Duration,

    /// Give running operations so long to finish when the node is told to stop
    #[arg(
        long,
        env = "SHARDEDMEMORY_SHUTDOWN_TIMEOUT_MS",
        value_name = "MS",
        value_parser = millis,
        default_value = "10000",
        help_heading = TIMES
    )]
    shutdown_timeout_ms: Duration,

    /// What to log: a level, or levels by module, as in 'info,shardedmemory=debug'
    #[arg(
        long,
        env = "SHARDEDMEMORY_LOG",
        value_name = "FILTER",
        value_parser = log::filter,
        default_value = "info",
        help_heading = LOG
    )]
    pub(super) log: String,

    /// How to write it
    #[arg(
        long,
        env = "SHARDEDMEMORY_LOG_FORMAT",
        value_name = "FORMAT",
        default_value = "text",
        help_heading = LOG
    )]
    pub(super) log_format: LogFormat,

    /// Stop, as at SIGTERM, when standard input ends: so that a child never outlives its parent
    #[arg(long, hide = true)]
    pub(super) exit_with_parent: bool,
}

const ADDRESSES: &str = "Addresses";
const LIMITS: &str = "Limits";
const TIMES: &str = "Times, in milliseconds";
const LOG: &str = "Log, on standard error";

const AFTER_HELP: &str = "\
Examples:
  One node by itself:
    shardedmemory serve

  One of three on this machine (start it for each of the ports):
    shardedmemory serve --listen 127.0.0.1:3030 \\
      --peers 127.0.0.1:3030,127.0.0.1:3031,127.0.0.1:3032

  One of three machines in a network that you trust:
    shardedmemory serve --listen 0.0.0.0:3030 --advertise db-1:3030 \\
      --peers db-1:3030,db-2:3030,db-3:3030 --insecure

  The same by its environment:
    SHARDEDMEMORY_LISTEN=0.0.0.0:3030 SHARDEDMEMORY_ADVERTISE=db-1:3030 \\
      SHARDEDMEMORY_PEERS=db-1:3030,db-2:3030,db-3:3030 SHARDEDMEMORY_INSECURE=true \\
      shardedmemory serve

SIGTERM and Ctrl-C stop a node: it accepts nothing new, finishes what runs, and exits with 0.";

impl ServeArgs {
    /// The settings that these arguments mean.
    ///
    /// # Errors
    /// The first rule that they break.
    pub(crate) fn settings(&self) -> Result<Settings, SettingsError> {
        let advertise = match &self.advertise {
            Some(address) => address.clone(),
            None => first_address(&self.listen)?,
        };
        let peers = match self.peers.as_slice() {
            [] => vec![advertise.clone()],
            peers => peers.to_vec(),
        };
        let settings = Settings {
            listen: self.listen.clone(),
            advertise,
            peers,
            insecure: self.insecure,
            timeout: self.timeout_ms,
            timeout_max: self.timeout_max_ms,
            value_bytes_max: self.value_bytes_max,
            body_bytes_in_flight_max: self.body_bytes_in_flight_max,
            operations_max: self.operations_max,
            connections_max: self.connections_max,
            lanes: self.lanes.unwrap_or_else(cores),
            ping_interval: self.ping_interval_ms,
            pong_timeout: self.pong_timeout_ms,
            down_after: self.down_after_ms,
            founding_wait: self.founding_wait_ms,
            resend_first: self.resend_first_ms,
            resend_max: self.resend_max_ms,
            shutdown_timeout: self.shutdown_timeout_ms,
        };
        settings.check()?;
        Ok(settings)
    }
}

/// The first address that is listened on, as others would dial it.
fn first_address(listen: &[SocketAddr]) -> Result<Address, SettingsError> {
    let first = listen.first().ok_or(SettingsError::ListensNowhere)?;
    // Port 0 is the one thing about a socket's address that no one can dial.
    let address = first.to_string().parse();
    address.map_err(|_| SettingsError::ListensAnywhere(*first))
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, |cores| cores.get().min(Settings::LANES_CEILING))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        serve: ServeArgs,
    }

    fn settings(line: &str) -> Result<Settings, SettingsError> {
        let line = Line::try_parse_from(format!("serve {line}").split_whitespace());
        line.unwrap_or_else(|error| panic!("{error}"))
            .serve
            .settings()
    }

    #[test]
    fn a_node_that_is_told_nothing_is_a_cluster_of_its_own_on_port_3030() {
        let settings = settings("").unwrap();
        assert_eq!(settings.listen, ["127.0.0.1:3030".parse().unwrap()]);
        assert_eq!(settings.advertise.as_str(), "127.0.0.1:3030");
        assert_eq!(settings.peers, std::slice::from_ref(&settings.advertise));
        assert!(settings.lanes >= 1);
        assert_eq!(settings.timeout, Duration::from_secs(5));
    }

    #[test]
    fn lists_are_separated_by_commas_or_given_several_times() {
        let together = settings("--listen 127.0.0.1:1,127.0.0.1:2 --peers a:1,b:1").unwrap();
        let apart =
            settings("--listen 127.0.0.1:1 --listen 127.0.0.1:2 --peers a:1 --peers b:1").unwrap();
        assert_eq!(together.listen.len(), 2);
        assert_eq!(together.listen, apart.listen);
        assert_eq!(together.peers.len(), 2);
        assert_eq!(together.peers, apart.peers);
    }

    #[test]
    fn the_first_address_that_is_listened_on_is_advertised() {
        let settings = settings("--listen 127.0.0.1:7 --listen 127.0.0.1:8").unwrap();
        assert_eq!(settings.advertise.as_str(), "127.0.0.1:7");
    }

    #[test]
    fn an_address_for_everyone_needs_insecure_and_an_advertised_one() {
        let everywhere: Address = "0.0.0.0:3030".parse().unwrap();
        let exposed = SettingsError::Exposed("0.0.0.0:3030".parse().unwrap());
        assert_eq!(settings("--listen 0.0.0.0:3030").unwrap_err(), exposed);
        assert_eq!(
            settings("--listen 0.0.0.0:3030 --insecure").unwrap_err(),
            SettingsError::AdvertisesEverywhere(everywhere)
        );
        assert!(settings("--listen 0.0.0.0:3030 --insecure --advertise db-1:3030").is_ok());
    }

    #[test]
    fn port_zero_is_no_address_for_a_node() {
        let any = SettingsError::ListensAnywhere("127.0.0.1:0".parse().unwrap());
        assert_eq!(settings("--listen 127.0.0.1:0").unwrap_err(), any);
    }
}
