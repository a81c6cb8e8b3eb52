//! The Redis face of a node, RESP2 and RESP3.
//!
//! | module | idea |
//! | --- | --- |
//! | `connection` | one connection: batches of operations, replies in order |
//! | `data` | commands on registers, as operations and replies |
//! | `listing` | commands on names |
//! | `session` | all other commands, and the state of a connection |
//!
//! Registers are the same ones as over HTTP: `SET 7 x` and `GET /read/7` meet.

mod connection;
mod data;
mod listing;
mod session;

pub(crate) use session::{MultiRegister, SessionSettings};

use crate::server::Node;
use connection::Connection;
use session::Sessions;
use socket2::{SockRef, TcpKeepalive};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;

/// After how long a silent client is asked whether it is still there. Redis' own default.
const KEEPALIVE: Duration = Duration::from_secs(300);

/// The Redis face of one node: made once, and given every connection that speaks it. Cheap to
/// clone.
#[derive(Clone)]
pub(crate) struct Redis {
    node: Node,
    sessions: Arc<Sessions<Node>>,
}

impl Redis {
    /// The Redis face of this node.
    pub(crate) fn new(node: Node, settings: SessionSettings) -> Self {
        let sessions = Sessions::new(node.clone(), settings);
        Self { node, sessions }
    }

    /// Serves a connection until the client closes it or sends what is no request; or, once
    /// `shutdown` ends, until what runs on it is answered.
    pub(crate) async fn serve_connection(
        &self,
        mut stream: TcpStream,
        shutdown: impl Future<Output = ()>,
    ) {
        let (Ok(peer), Ok(local)) = (stream.peer_addr(), stream.local_addr()) else {
            return;
        };
        // A client may be silent for as long as it likes, while it lives.
        let keepalive = TcpKeepalive::new().with_time(KEEPALIVE);
        if SockRef::from(&stream)
            .set_tcp_keepalive(&keepalive)
            .is_err()
        {
            return;
        }
        let now = self.node.wall_clock();
        let now = commands::UnixMillis(i64::try_from(now.0).unwrap_or(i64::MAX));
        let session = self.sessions.open(peer, local, now);
        let connection = Connection::new(&self.node, session, &mut stream);
        // How a connection ends is the client's business.
        let _ = connection.serve(shutdown).await;
    }
}
