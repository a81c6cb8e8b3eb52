//! Deadlines and bounds: [`PeerSettings`].

use crate::server::Password;
use std::time::Duration;

/// The deadlines and bounds of connections between nodes.
#[derive(Clone, Debug)]
pub(crate) struct PeerSettings {
    /// How long a dialled address has to accept the connection.
    pub(crate) connect_timeout: Duration,
    /// How long both greetings may take, at either end.
    pub(crate) handshake_timeout: Duration,
    /// How long the other node may take to accept one frame, of at most 256 KiB, and how long its
    /// machine may take to acknowledge what was sent. After that the connection is broken, and
    /// dialled anew.
    pub(crate) write_timeout: Duration,
    /// How long an incoming connection may be silent; its other end pings far more often.
    pub(crate) silence_max: Duration,
    /// About how long to wait before an address is dialled again. Each further wait is twice as
    /// long.
    pub(crate) redial_first: Duration,
    /// About the longest such wait. A connection that lived longer counts as a success.
    pub(crate) redial_max: Duration,
    /// The most bytes of messages between lanes that wait for one peer. Beyond that the oldest
    /// are dropped; whoever coordinates sends them again.
    pub(crate) outbox_bytes_max: usize,
    /// What nodes have to know to be talked to, if not everyone is.
    pub(crate) password: Option<Password>,
}

impl Default for PeerSettings {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(1),
            handshake_timeout: Duration::from_secs(2),
            write_timeout: Duration::from_secs(2),
            silence_max: Duration::from_secs(30),
            redial_first: Duration::from_millis(50),
            redial_max: Duration::from_secs(1),
            outbox_bytes_max: 32 * 1024 * 1024,
            password: None,
        }
    }
}
