//! Our connection to one address: [`Link`], and the task that keeps it up.

use super::backoff::Backoff;
use super::figures::{LinkCounts, LinkFigures};
use super::greet::{GreetError, greet};
use super::outbox::Outbox;
use super::settings::PeerSettings;
use super::shared::Shared;
use super::stop::{Stop, StopSignal};
use super::wire::Refusal;
use super::writer::{WriteError, Writer};
use protocol::{Address, Incarnation};
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::net::tcp::ReadHalf;
use tokio::time::{Instant, sleep, timeout};

/// How long an address is left alone after each attempt, whoever may have come meanwhile.
const REDIAL_LEAST: Duration = Duration::from_millis(25);

/// An address that is dialled, and what waits to be sent there.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) address: Address,
    pub(super) outbox: Outbox,
    counts: LinkCounts,
}

impl Link {
    pub(super) fn new(address: Address, settings: &PeerSettings) -> Self {
        Self {
            address,
            outbox: Outbox::new(settings.outbox_bytes_max),
            counts: LinkCounts::default(),
        }
    }

    pub(super) fn figures(&self) -> LinkFigures {
        LinkFigures {
            address: self.address.clone(),
            peer: self.outbox.peer(),
            attempts: self.counts.attempts.get(),
            connections: self.counts.connections.get(),
            bytes: self.counts.bytes.get(),
            frames: self.counts.frames.get(),
            messages: self.counts.messages.get(),
            membership_messages: self.counts.membership_messages.get(),
            dropped: self.outbox.dropped(),
        }
    }
}

/// Dials the link's address, writes what waits for the node there, and dials again, until it is
/// told to stop or has met this very process.
pub(super) async fn keep_up(link: Arc<Link>, shared: Arc<Shared>, mut stop: StopSignal) {
    let settings = &shared.settings;
    let mut backoff = Backoff::new(settings.redial_first, settings.redial_max);
    let mut reported = None;
    let mut strangers = shared.strangers.subscribe();
    loop {
        strangers.mark_unchanged();
        link.counts.attempts.add(1);
        let dialled = match stop.or(dial(&link.address, &shared)).await {
            Ok(dialled) => dialled,
            Err(Stop::Removed | Stop::Shutdown) => return,
        };
        match dialled {
            Ok(connection) => {
                reported = None;
                link.counts.connections.add(1);
                let start = Instant::now();
                let end = use_connection(&link, &shared, connection, &mut stop).await;
                if end.is_err() {
                    return;
                }
                if start.elapsed() > settings.redial_max {
                    backoff.reset();
                }
            }
            Err(DialError::Greet(GreetError::Refused(Refusal::Itself))) => {
                shared.inbox.link_up(&link.address, shared.incarnation);
                return;
            }
            Err(error) => {
                if reported.as_ref() != Some(&error) {
                    error.report(&link.address);
                    reported = Some(error);
                }
            }
        }
        let wait = backoff.wait();
        let least = wait.min(REDIAL_LEAST);
        let pause = async {
            sleep(least).await;
            // Whether it is a stranger's coming or the time that ends the wait, it is over.
            let _ = timeout(wait - least, strangers.changed()).await;
        };
        if stop.or(pause).await.is_err() {
            return;
        }
    }
}

/// Uses the connection until it ends, and tells the node of its beginning and its end.
async fn use_connection(
    link: &Arc<Link>,
    shared: &Shared,
    mut connection: Connection,
    stop: &mut StopSignal,
) -> Result<(), Stop> {
    let Connection { peer, version, .. } = connection;
    let address = &link.address;
    tracing::info!(%address, %peer, wire_version = version, "connected to a node");
    shared.add_route(link, peer);
    shared.inbox.link_up(address, peer);
    let end = stop.or(connection.use_until_lost(link, shared)).await;
    shared.remove_route(link);
    match end {
        Ok(loss) => {
            tracing::warn!(
                %address, %peer, reason = %loss,
                "lost the connection to a node; dialling its address again"
            );
            shared.inbox.link_down(address);
            Ok(())
        }
        Err(Stop::Removed) => {
            shared.inbox.link_down(address);
            Err(Stop::Removed)
        }
        Err(Stop::Shutdown) => Err(Stop::Shutdown),
    }
}

/// A connection whose greetings were exchanged.
struct Connection {
    stream: TcpStream,
    peer: Incarnation,
    version: u16,
}

/// Why there is no connection.
#[derive(PartialEq, Eq, Debug)]
enum DialError {
    /// The address was not reached, for this reason.
    Unreachable(String),
    /// It was not reached in time.
    Late,
    /// It was reached, but no greetings were exchanged.
    Greet(GreetError),
}

impl DialError {
    fn report(&self, address: &Address) {
        match self {
            DialError::Unreachable(_) | DialError::Late => {
                tracing::info!(%address, reason = %self, "no connection yet; trying on");
            }
            DialError::Greet(_) => {
                tracing::warn!(%address, reason = %self, "no connection with a node; trying on");
            }
        }
    }
}

impl fmt::Display for DialError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DialError::Unreachable(reason) => f.write_str(reason),
            DialError::Late => f.write_str("nothing accepts the connection in time"),
            DialError::Greet(error) => error.fmt(f),
        }
    }
}

async fn dial(address: &Address, shared: &Shared) -> Result<Connection, DialError> {
    let settings = &shared.settings;
    let connecting = TcpStream::connect(address.as_str());
    let mut stream = match timeout(settings.connect_timeout, connecting).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return Err(DialError::Unreachable(error.to_string())),
        Err(_) => return Err(DialError::Late),
    };
    prepare(&stream, settings).map_err(|error| DialError::Unreachable(error.to_string()))?;
    let deadline = settings.handshake_timeout;
    let (other, version) = greet(&mut stream, &shared.introduction(), deadline)
        .await
        .map_err(DialError::Greet)?;
    Ok(Connection {
        stream,
        peer: other.incarnation,
        version,
    })
}

/// A partition that heals must not leave the connection waiting for a retransmission that TCP has
/// put off for minutes, so the kernel gives it up as early as a write does.
fn prepare(stream: &TcpStream, settings: &PeerSettings) -> io::Result<()> {
    stream.set_nodelay(true)?;
    #[cfg(target_os = "linux")]
    socket2::SockRef::from(stream).set_tcp_user_timeout(Some(settings.write_timeout))?;
    Ok(())
}

/// Why a connection ended.
#[derive(PartialEq, Eq, Debug)]
enum Loss {
    /// Something could not be written.
    Write(WriteError),
    /// The other side closed it.
    Closed,
    /// The other side wrote to it, which is not for it to do.
    Talkative,
    /// It broke.
    Broken(io::ErrorKind),
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Loss::Write(error) => error.fmt(f),
            Loss::Closed => f.write_str("the other side closed it"),
            Loss::Talkative => f.write_str("the other side wrote to it, against the protocol"),
            Loss::Broken(kind) => write!(f, "the connection broke: {kind}"),
        }
    }
}

impl Connection {
    async fn use_until_lost(&mut self, link: &Link, shared: &Shared) -> Loss {
        let (read_half, write_half) = self.stream.split();
        let writer = Writer::new(
            self.peer.node,
            &link.outbox,
            write_half,
            shared.settings.write_timeout,
            &shared.synced,
            &link.counts,
        );
        tokio::select! {
            error = writer.run() => Loss::Write(error),
            loss = watch_for_end(read_half) => loss,
        }
    }
}

/// After the greetings nothing comes this way but the end.
async fn watch_for_end(mut read_half: ReadHalf<'_>) -> Loss {
    match read_half.read_u8().await {
        Ok(_) => Loss::Talkative,
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Loss::Closed,
        Err(error) => Loss::Broken(error.kind()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn the_kernel_gives_a_connection_up_as_early_as_a_write_does() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap())
            .await
            .unwrap();
        prepare(&stream, &PeerSettings::default()).unwrap();
        assert!(stream.nodelay().unwrap());
        let timeout = socket2::SockRef::from(&stream).tcp_user_timeout().unwrap();
        assert_eq!(timeout, Some(Duration::from_secs(2)));
    }
}
