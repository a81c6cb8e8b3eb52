//! What a node takes on: [`LimitArgs`].

use crate::cli::values::{Size, count, millis, size};
use crate::server::Settings;
use clap::Args;
use std::time::Duration;

/// What a node takes on.
#[derive(Args, Clone, Debug)]
pub(crate) struct LimitArgs {
    /// Deadline of an operation whose client names none, in milliseconds
    #[arg(
        long,
        env = "SHARDEDMEMORY_TIMEOUT_MS",
        value_name = "MS",
        value_parser = millis,
        default_value = "5000"
    )]
    pub(crate) timeout_ms: Duration,

    /// Longest deadline that a client may name
    #[arg(
        long,
        env = "SHARDEDMEMORY_TIMEOUT_MAX_MS",
        value_name = "MS",
        value_parser = millis,
        default_value = "60000"
    )]
    pub(crate) timeout_max_ms: Duration,

    /// Longest value that a client may write, in bytes; at most 15 MiB
    #[arg(
        long,
        env = "SHARDEDMEMORY_VALUE_BYTES_MAX",
        value_name = "BYTES",
        value_parser = count(1..=Settings::VALUE_BYTES_CEILING),
        default_value = "1048576"
    )]
    pub(crate) value_bytes_max: usize,

    /// Memory for values that are still arriving from clients; beyond it they are refused
    #[arg(
        long,
        env = "SHARDEDMEMORY_BODY_BYTES_IN_FLIGHT_MAX",
        value_name = "BYTES",
        value_parser = count(1..=1 << 40),
        default_value = "268435456"
    )]
    pub(crate) body_bytes_in_flight_max: usize,

    /// Memory for registers, such as 512MiB or 2GB; beyond it only deletes and what adds nothing are
    /// accepted; 0 for no limit
    #[arg(
        long,
        env = "SHARDEDMEMORY_MEMORY_LIMIT",
        value_name = "SIZE",
        value_parser = size,
        default_value = "0"
    )]
    pub(crate) memory_limit: Size,

    /// Operations that may run at once; one more is refused
    #[arg(
        long,
        env = "SHARDEDMEMORY_OPERATIONS_MAX",
        value_name = "COUNT",
        value_parser = count(1..=1 << 20),
        default_value = "8192"
    )]
    pub(crate) operations_max: usize,

    /// Connections that may be open at once; one more is closed
    #[arg(
        long,
        env = "SHARDEDMEMORY_CONNECTIONS_MAX",
        value_name = "COUNT",
        value_parser = count(1..=1 << 20),
        default_value = "10000"
    )]
    pub(crate) connections_max: usize,

    /// Lanes that serve registers side by side [default: the number of cores]
    #[arg(
        long,
        env = "SHARDEDMEMORY_LANES",
        value_name = "COUNT",
        value_parser = count(1..=Settings::LANES_CEILING)
    )]
    pub(crate) lanes: Option<usize>,
}
