//! How Redis clients are served: [`RedisArgs`].

use crate::redis::MultiRegister;
use clap::Args;

/// How Redis clients are served.
#[derive(Args, Clone, Debug)]
pub(crate) struct RedisArgs {
    /// What becomes of MULTI/EXEC on several registers: each command by itself, or nothing
    #[arg(
        long,
        env = "SHARDEDMEMORY_MULTI_REGISTER",
        value_name = "HOW",
        value_enum,
        default_value = "per-command"
    )]
    pub(crate) multi_register: MultiRegister,
}
