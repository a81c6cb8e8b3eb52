//! What clients are to do: [`WorkloadPlan`].

use super::names::Names;
use crate::cli::client::Credentials;
use protocol::Address;
use std::time::Duration;

/// What clients are to do.
#[derive(Clone, Debug)]
pub(crate) struct WorkloadPlan {
    /// Which nodes they ask. Clients are spread over them; each stays with one as long as that
    /// answers, turns to another when it fails, and comes back.
    pub(crate) nodes: Vec<Address>,
    /// What they say to be let in.
    pub(crate) credentials: Credentials,
    /// Which registers they share. Nobody else may write these.
    pub(crate) names: Names,
    /// How many clients there are. Each does one thing at a time.
    pub(crate) clients: usize,
    /// The share of operations that read, from 0 to 1.
    pub(crate) read_share: f64,
    /// The share that delete. What is left writes.
    pub(crate) delete_share: f64,
    /// The share of these writes that take place only if the register still holds what the client
    /// last read there, or nothing.
    pub(crate) conditional_share: f64,
    /// Each operation's deadline. The answer may take a second more to arrive.
    pub(crate) operation_timeout: Duration,
    /// How long values are. What a value needs to be told from others, it has at the least.
    pub(crate) value_bytes: usize,
    /// A client begins no operation sooner than this after it began the one before.
    pub(crate) interval: Duration,
    /// How many operations are recorded, at about 200 bytes each; then the clients stop.
    pub(crate) operations_max: usize,
    /// What the clients do is drawn from this. When they do it depends on the cluster.
    pub(crate) seed: u64,
}

impl WorkloadPlan {
    /// Clients of these nodes and registers, and otherwise what is usual.
    pub(crate) fn new(nodes: Vec<Address>, names: Names) -> Self {
        Self {
            nodes,
            credentials: Credentials::NONE,
            names,
            clients: 16,
            read_share: 0.5,
            delete_share: 0.02,
            conditional_share: 0.0,
            operation_timeout: Duration::from_secs(1),
            value_bytes: 64,
            interval: Duration::ZERO,
            operations_max: 1_000_000,
            seed: rand::random(),
        }
    }
}
