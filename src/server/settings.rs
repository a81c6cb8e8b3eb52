//! What a node is told when it starts: [`Settings`].

mod check;
mod error;

pub(crate) use error::SettingsError;

use super::password::Password;
use crate::disk::Durability;
use crate::redis::MultiRegister;
use protocol::Address;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Everything that a node is told when it starts.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// Where it accepts connections, from clients and from nodes alike.
    pub(crate) listen: Vec<SocketAddr>,
    /// Where the other nodes reach it.
    pub(crate) advertise: Address,
    /// The nodes that found a cluster together, this one among them. None if it joins one.
    pub(crate) peers: Vec<Address>,
    /// Nodes of the cluster that it asks to be added to. None if it founds one, or comes back to
    /// the one it was a member of.
    pub(crate) join: Vec<Address>,
    /// The weight with which it joins: how large a share of the slots it takes.
    pub(crate) weight: u32,
    /// On how many members each slot is held, if the cluster is yet to be founded.
    pub(crate) replication: u8,
    /// What clients and the other nodes have to know, if not everyone is let in.
    pub(crate) password: Option<Password>,
    /// Where it keeps its registers and promises; `None` for memory alone.
    pub(crate) disk: Option<DiskSettings>,
    /// What becomes of Redis transactions on several registers.
    pub(crate) multi_register: MultiRegister,
    /// Whether it may listen where strangers can reach it, although it asks nobody who they are.
    pub(crate) insecure: bool,

    /// The deadline of an operation whose client names none.
    pub(crate) timeout: Duration,
    /// The longest deadline that a client may name.
    pub(crate) timeout_max: Duration,
    /// The longest value that a client may write.
    pub(crate) value_bytes_max: usize,
    /// How much may be held of requests' bodies that are still being read, over all clients.
    pub(crate) body_bytes_in_flight_max: usize,
    /// The memory that the node's registers may take; `None` for as much as they need.
    pub(crate) memory_bytes_max: Option<u64>,
    /// How many operations may run at once.
    pub(crate) operations_max: usize,
    /// How many connections may be open at once.
    pub(crate) connections_max: usize,
    /// Into how many lanes the registers are divided; lanes run side by side.
    pub(crate) lanes: usize,

    /// How often each peer is pinged.
    pub(crate) ping_interval: Duration,
    /// How long a pong may take before the peer is suspect.
    pub(crate) pong_timeout: Duration,
    /// How long a peer may be silent before it is down.
    pub(crate) down_after: Duration,
    /// How long a fresh node listens for a standing cluster before it helps to found one.
    pub(crate) founding_wait: Duration,
    /// How long a coordinator waits for replies before it first sends a message again.
    pub(crate) resend_first: Duration,
    /// The longest that it waits; each wait is twice as long as the one before.
    pub(crate) resend_max: Duration,
    /// How long running operations may take to finish once the node is told to stop.
    pub(crate) shutdown_timeout: Duration,

    /// How long a member may be down before it is removed; `None` for ever.
    pub(crate) replace_after: Option<Duration>,
    /// How long a change of members may make no progress before it is given up.
    pub(crate) change_stalled_after: Duration,
    /// Whether the node leaves the cluster before it stops.
    pub(crate) leave_on_stop: bool,
    /// How long leaving may take.
    pub(crate) leave_timeout: Duration,
    /// How many bytes of registers the node copies from others in a second, over all its lanes;
    /// `None` for no bound.
    pub(crate) copy_bytes_per_second_max: Option<u64>,
    /// How long each lane waits before it compares another group with what another replica holds;
    /// `None` if it does not.
    pub(crate) repair_interval: Option<Duration>,
}

/// Where a node keeps its registers and promises.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct DiskSettings {
    /// The data directory.
    pub(crate) directory: PathBuf,
    /// When what it takes is synced: [`Durability::Sync`] or [`Durability::Interval`].
    pub(crate) durability: Durability,
    /// Whether what an unclean end may have cost is accepted.
    pub(crate) accept_loss: bool,
}

impl Settings {
    /// The longest value that can be allowed. Between nodes two of them may travel in one batch of
    /// at most 32 MiB, as a compare-and-set names both what it expects and what it writes.
    pub(crate) const VALUE_BYTES_CEILING: usize = 15 * 1024 * 1024;

    /// The most lanes that a node can have; more than this many cores are of no use to it.
    pub(crate) const LANES_CEILING: usize = 256;

    /// What survives what.
    pub(crate) fn durability(&self) -> Durability {
        let disk = self.disk.as_ref();
        disk.map_or(Durability::Memory, |disk| disk.durability)
    }
}
