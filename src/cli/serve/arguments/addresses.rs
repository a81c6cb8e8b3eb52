//! Where a node is, and with whom it forms a cluster: [`AddressArgs`].

use clap::builder::BoolishValueParser;
use clap::{ArgAction, Args};
use protocol::Address;
use std::net::SocketAddr;

/// Where a node is, and with whom it forms a cluster.
#[derive(Args, Clone, Debug)]
pub(crate) struct AddressArgs {
    /// Accept connections here, from clients and nodes; may be given several times
    #[arg(
        long,
        env = "SHARDEDMEMORY_LISTEN",
        value_name = "IP:PORT",
        value_delimiter = ',',
        default_value = "127.0.0.1:3030"
    )]
    pub(crate) listen: Vec<SocketAddr>,

    /// Where the other nodes reach this one, as --peers has it [default: the first --listen]
    #[arg(long, env = "SHARDEDMEMORY_ADVERTISE", value_name = "HOST:PORT")]
    pub(crate) advertise: Option<Address>,

    /// The nodes that found the cluster, this one among them, separated by commas [default: this
    /// one alone]
    ///
    /// Give each of them the same list: the addresses are compared letter by letter. Where the
    /// cluster stands already, it is found by them.
    #[arg(
        long,
        env = "SHARDEDMEMORY_PEERS",
        value_name = "A,B,C",
        value_delimiter = ','
    )]
    pub(crate) peers: Vec<Address>,

    /// Some nodes of a cluster that serves, to be added to it as a member; excludes --peers
    ///
    /// The node asks until it is let in, and comes back as a member whenever it restarts.
    #[arg(
        long,
        env = "SHARDEDMEMORY_JOIN",
        value_name = "A,B",
        value_delimiter = ','
    )]
    pub(crate) join: Vec<Address>,

    /// Allow addresses that are not loopback without a password, although everyone who reaches them
    /// can read and write
    #[arg(
        long,
        env = "SHARDEDMEMORY_INSECURE",
        value_name = "BOOL",
        value_parser = BoolishValueParser::new(),
        action = ArgAction::Set,
        num_args = 0..=1,
        require_equals = true,
        default_value = "false",
        default_missing_value = "true"
    )]
    pub(crate) insecure: bool,
}
