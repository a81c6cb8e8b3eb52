//! How long a node waits: [`TimeArgs`].

use crate::cli::values::millis;
use clap::Args;
use std::time::Duration;

/// How long a node waits.
#[derive(Args, Clone, Debug)]
pub(crate) struct TimeArgs {
    /// Ping each node this often
    #[arg(
        long,
        env = "SHARDEDMEMORY_PING_INTERVAL_MS",
        value_name = "MS",
        value_parser = millis,
        default_value = "500"
    )]
    pub(crate) ping_interval_ms: Duration,

    /// A node whose pong takes longer is suspect: others are asked first
    #[arg(
        long,
        env = "SHARDEDMEMORY_PONG_TIMEOUT_MS",
        value_name = "MS",
        value_parser = millis,
        default_value = "400"
    )]
    pub(crate) pong_timeout_ms: Duration,

    /// A node that is silent for so long is down
    #[arg(
        long,
        env = "SHARDEDMEMORY_DOWN_AFTER_MS",
        value_name = "MS",
        value_parser = millis,
        default_value = "2000"
    )]
    pub(crate) down_after_ms: Duration,

    /// Listen so long for a standing cluster before founding one
    #[arg(
        long,
        env = "SHARDEDMEMORY_FOUNDING_WAIT_MS",
        value_name = "MS",
        value_parser = millis,
        default_value = "2000"
    )]
    pub(crate) founding_wait_ms: Duration,

    /// Send a message again if it is not answered within this time
    #[arg(
        long,
        env = "SHARDEDMEMORY_RESEND_FIRST_MS",
        value_name = "MS",
        value_parser = millis,
        default_value = "50"
    )]
    pub(crate) resend_first_ms: Duration,

    /// Each further wait is twice as long, up to this
    #[arg(
        long,
        env = "SHARDEDMEMORY_RESEND_MAX_MS",
        value_name = "MS",
        value_parser = millis,
        default_value = "1000"
    )]
    pub(crate) resend_max_ms: Duration,

    /// Give running operations so long to finish when the node is told to stop
    #[arg(
        long,
        env = "SHARDEDMEMORY_SHUTDOWN_TIMEOUT_MS",
        value_name = "MS",
        value_parser = millis,
        default_value = "10000"
    )]
    pub(crate) shutdown_timeout_ms: Duration,
}
