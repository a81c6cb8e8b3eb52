//! What a node has of the cluster's registers, and how that changes: [`MemberArgs`].

use crate::cli::values::{millis, millis_or_zero};
use clap::builder::BoolishValueParser;
use clap::{ArgAction, Args};
use protocol::{Configuration, Member};
use std::time::Duration;

/// What a node has of the cluster's registers, and how that changes.
#[derive(Args, Clone, Debug)]
pub(crate) struct MemberArgs {
    /// On how many members each register is held, if they are so many; all founders give the same
    #[arg(
        long,
        env = "SHARDEDMEMORY_REPLICATION",
        value_name = "COUNT",
        value_parser = clap::value_parser!(u8).range(1..=i64::from(Configuration::REPLICATION_MAX)),
        default_value = "3"
    )]
    pub(crate) replication: u8,

    /// With --join: how large a share of the registers this node takes, beside the others' 100
    #[arg(
        long,
        env = "SHARDEDMEMORY_WEIGHT",
        value_name = "COUNT",
        value_parser = clap::value_parser!(u32).range(1..=i64::from(Member::WEIGHT_MAX)),
        default_value = "100"
    )]
    pub(crate) weight: u32,

    /// Remove a member that is down for so long, if enough are left to hold everything; 0 for never
    #[arg(
        long,
        env = "SHARDEDMEMORY_REPLACE_AFTER_MS",
        value_name = "MS",
        value_parser = millis_or_zero,
        default_value = "0"
    )]
    pub(crate) replace_after_ms: Duration,

    /// Give a change of members up that makes no progress for so long
    #[arg(
        long,
        env = "SHARDEDMEMORY_CHANGE_STALLED_AFTER_MS",
        value_name = "MS",
        value_parser = millis,
        default_value = "30000"
    )]
    pub(crate) change_stalled_after_ms: Duration,

    /// Copy at most so many bytes a second from other nodes, in and after a change; 0 for no bound
    #[arg(
        long,
        env = "SHARDEDMEMORY_COPY_BYTES_PER_SECOND_MAX",
        value_name = "BYTES",
        default_value = "67108864"
    )]
    pub(crate) copy_bytes_per_second_max: u64,

    /// Compare a few registers at a time with what other replicas hold, so often, and take what was
    /// missed; 0 for never
    #[arg(
        long,
        env = "SHARDEDMEMORY_REPAIR_INTERVAL_MS",
        value_name = "MS",
        value_parser = millis_or_zero,
        default_value = "100"
    )]
    pub(crate) repair_interval_ms: Duration,

    /// At SIGTERM and Ctrl-C, leave the cluster first: the others copy what this node holds
    #[arg(
        long,
        env = "SHARDEDMEMORY_LEAVE_ON_STOP",
        value_name = "BOOL",
        value_parser = BoolishValueParser::new(),
        action = ArgAction::Set,
        num_args = 0..=1,
        require_equals = true,
        default_value = "false",
        default_missing_value = "true"
    )]
    pub(crate) leave_on_stop: bool,

    /// How long leaving may take; then the node stops without having left, with exit code 7
    #[arg(
        long,
        env = "SHARDEDMEMORY_LEAVE_TIMEOUT_MS",
        value_name = "MS",
        value_parser = millis,
        default_value = "60000"
    )]
    pub(crate) leave_timeout_ms: Duration,
}
