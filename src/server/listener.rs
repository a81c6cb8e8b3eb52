//! One port for everything: a [`Doorman`] takes connections and tells by what they begin with who
//! speaks.

use super::node::Node;
use super::settings::Settings;
use super::silent::SilentConnections;
use crate::http::Http;
use crate::peer;
use crate::redis::{Redis, SessionSettings};
use resp::{SNIFF_BYTES_MAX, Speaker, sniff};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::warn;

/// How long it may take until a connection has said enough to tell who speaks.
const SNIFF_TIMEOUT: Duration = Duration::from_secs(10);

/// How long to wait for more of a first line that has come in part. Few clients send it so.
const SNIFF_PAUSE: Duration = Duration::from_millis(10);

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
    redis: Redis,
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
            http: Http::new(node.clone(), settings.password.clone()),
            redis: Redis::new(node.clone(), SessionSettings::from(settings)),
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
            let speaker = tokio::select! {
                speaker = tokio::time::timeout(SNIFF_TIMEOUT, speaker(&stream)) => speaker,
                () = place.lost() => return,
                () = doorman.stop.cancelled() => return,
            };
            drop(place);
            if let Ok(Ok(Some(speaker))) = speaker
                && stream.set_nodelay(true).is_ok()
            {
                doorman.hand_on(stream, speaker).await;
            }
        });
    }

    async fn hand_on(self, stream: TcpStream, speaker: Speaker) {
        if speaker == Speaker::Peer {
            if let Ok(_permit) = self.peers.try_acquire() {
                // Peers are heard until the process ends: they carry the last answers.
                self.node.links().serve_incoming(stream).await;
            }
            return;
        }
        let Ok(_permit) = self.clients.try_acquire() else {
            return self.turn_away(&stream, speaker);
        };
        let stopped = self.stop.cancelled();
        match speaker {
            Speaker::Redis => {
                let serving = self.redis.serve_connection(stream, stopped);
                self.connections.track_future(serving).await;
            }
            // A client that wants TLS or HTTP/2 is told as one of HTTP/1 would be that sent
            // something else.
            _ => {
                let serving = self.http.serve_connection(stream, stopped);
                self.connections.track_future(serving).await;
            }
        }
        self.crowd_told.store(false, Ordering::Relaxed);
    }

    /// There is no room for another client.
    fn turn_away(&self, stream: &TcpStream, speaker: Speaker) {
        if speaker == Speaker::Redis {
            // Redis' own words. It has said nothing that could fill the socket, so this fits.
            let _ = stream.try_write(b"-ERR max number of clients reached\r\n");
        }
        if !self.crowd_told.swap(true, Ordering::Relaxed) {
            warn!(
                "closed a client's connection, as {} are open, which is --connections-max; so it \
                 goes with others until some of these close",
                self.clients()
            );
        }
    }
}

/// Who speaks on a connection, by what it begins with, without taking that; nothing if the
/// connection ends before.
async fn speaker(stream: &TcpStream) -> io::Result<Option<Speaker>> {
    let (mut seen, mut count_before) = (vec![0; 64], 0);
    loop {
        let count = stream.peek(&mut seen).await?;
        if count == 0 {
            return Ok(None);
        }
        if let Some(speaker) = sniff(&seen[..count], &peer::MAGIC) {
            return Ok(Some(speaker));
        }
        if count == count_before {
            tokio::time::sleep(SNIFF_PAUSE).await;
        }
        count_before = count;
        seen.resize(SNIFF_BYTES_MAX, 0);
    }
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
