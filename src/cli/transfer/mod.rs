//! What `backup` and `restore` share: whom they ask, how patient they are, and what is seen of them.

mod aside;
mod patience;
mod progress;

pub(crate) use aside::aside;
pub(crate) use patience::{Patience, ask_patiently, is_worth_another_try};
pub(crate) use progress::{Progress, Tally};

use crate::cli::client::{Ask, ClientArgs, Nodes, View};
use crate::cli::failure::Failure;
use crate::cli::values::millis;
use clap::Args;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How many requests are under way at a time. With each, what a request or its answer may take of
/// memory is taken, and no more.
pub(crate) const IN_FLIGHT: usize = 8;

/// How many operations a batch has at most. All that are under way are then a quarter of what a
/// node takes on, if one gets them all: its other clients are still served.
pub(crate) const BATCH_MAX: usize = 250;

/// Whom to ask, and for how long to try again.
#[derive(Args, Clone, Debug)]
pub(crate) struct TransferArgs {
    #[command(flatten)]
    pub(crate) client: ClientArgs,

    /// For how long a request is made again, at each node in turn, if nothing comes of it
    #[arg(long, value_name = "MS", value_parser = millis, default_value = "30000")]
    pub(crate) give_up_after_ms: Duration,
}

impl TransferArgs {
    /// The nodes, and the id of their cluster, which the first one that answers tells.
    ///
    /// # Errors
    /// If none answers in time, or the one that does knows of no cluster.
    pub(crate) async fn cluster(&self) -> Result<(Nodes, String), Failure> {
        let mut nodes = Nodes::of(&self.client, &self.client.credentials()?);
        let ask = Ask::get("/v1/cluster".to_owned());
        let answer = ask_patiently(&mut nodes, &ask, self.give_up_after_ms).await?;
        let view: View = serde_json::from_slice(answer.body()).map_err(|error| {
            Failure::failed(format!(
                "what a node says of its cluster cannot be read: {error}"
            ))
        })?;
        match view.cluster {
            Some(cluster) => Ok((nodes, cluster)),
            None => Err(
                Failure::failed("the node that was asked knows of no cluster yet")
                    .hint("'shardedmemory status' tells what its founding waits for"),
            ),
        }
    }
}

/// What the wall clock shows, in milliseconds since 1970.
pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    })
}
