//! One port for everything: a [`Doorman`] takes connections and tells by their first byte who
//! speaks.

use super::node::Node;
use super::settings::Settings;
use super::silent::SilentConnections;
use crate::http::Http;
use crate::peer;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::warn;

/// How long a connection may say nothing at first.
const FIRST_BYTE_TIMEOUT: Duration = Duration::from_secs(10);

/// How many connections from peers may be open. Each of 64 members has one; the rest is for nodes
/// that are no members, and for connections that are about to be closed.
const PEERS_MAX: usize = 256;

/// How long to wait before accepting again when the system has no room for another connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Takes the connections of all listeners of a node and hands them on. Cheap to clone.
///
/// Peers have a bound of their own, so that clients, however many, cannot cut a node off from its
/// cluster.
#[derive(Clone)]
pub(crate) struct Doorman {
    http: Http,
    node: Node,
    silent: SilentConnections,
    clients: Arc<Semaphore>,
    /// Whether the log tells already that there are too many clients.
    crowd_told: Arc<AtomicBool>,
    peers: Arc<Semaphore>,
    /// Clients' connections, which are waited for when the node stops.
    connections: TaskTracker,
    stop: CancellationToken,
}

impl Doorman {
    pub(crate) fn new(settings: &Settings, node: Node, stop: CancellationToken) -> Self {
        Self {
            http: Http::new(node.clone()),
            node,
            silent: SilentConnections::default(),
            clients: Arc::new(Semaphore::new(settings.connections_max)),
            crowd_told: Arc::default(),
            peers: Arc::new(Semaphore::new(PEERS_MAX)),
            connections: TaskTracker::new(),
            stop,
        }
    }

    /// Accepts connections until the node stops.
    pub(crate) async fn accept(self, listener: TcpListener) {
        let mut full = false;
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = self.stop.cancelled() => return,
            };
            match accepted {
                Ok((stream, _)) => {
                    full = false;
                    self.admit(stream);
                }
                Err(error) if is_of_the_connection(&error) => {}
                Err(error) => {
                    if !full {
                        warn!(
                            "cannot accept connections: {error}; clients that are connected \
                             are served, new ones wait"
                        );
                    }
                    full = true;
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    /// Waits until every client has its answers.
    pub(crate) async fn drain(&self) {
        self.connections.close();
        self.connections.wait().await;
    }

    /// How many clients are connected.
    pub(crate) fn clients(&self) -> usize {
        self.connections.len()
    }

    fn admit(&self, stream: TcpStream) {
        let mut place = self.silent.enter();
        let doorman = self.clone();
        tokio::spawn(async move {
            let first = tokio::select! {
                first = tokio::time::timeout(FIRST_BYTE_TIMEOUT, first_byte(&stream)) => first,
                () = place.lost() => return,
                () = doorman.stop.cancelled() => return,
            };
            drop(place);
            if let Ok(Ok(Some(byte))) = first
                && stream.set_nodelay(true).is_ok()
            {
                doorman.hand_on(stream, byte).await;
            }
        });
    }

    async fn hand_on(self, stream: TcpStream, first: u8) {
        if first == peer::MAGIC[0] {
            if let Ok(_permit) = self.peers.try_acquire() {
                // Peers are heard until the process ends: they carry the last answers.
                self.node.links().serve_incoming(stream).await;
            }
        } else if let Ok(_permit) = self.clients.try_acquire() {
            let serving = self.http.serve_connection(stream, self.stop.cancelled());
            self.connections.track_future(serving).await;
            self.crowd_told.store(false, Ordering::Relaxed);
        } else if !self.crowd_told.swap(true, Ordering::Relaxed) {
            warn!(
                "closed a client's connection unanswered, as {} are open, which is \
                 --connections-max; so it goes with others until some of these close",
                self.clients()
            );
        }
    }
}

/// The first byte that is said, without taking it; nothing if the connection ends before.
async fn first_byte(stream: &TcpStream) -> io::Result<Option<u8>> {
    let mut byte = [0];
    let count = stream.peek(&mut byte).await?;
    Ok((count > 0).then_some(byte[0]))
}

/// Whether an error concerns one connection that is gone already, and not the listener.
fn is_of_the_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::Interrupted
    )
}
