//! A proxy between the nodes, for machines where they can have no network of their own: [`Proxy`].
//!
//! Each node listens on a loopback port of its own and is known to the others by another one, where
//! the proxy listens. What a node says first on a connection tells who dialled; from then on each
//! direction is a task that takes bytes from the one and gives them to the other as long as that
//! direction is not cut. While it is, nothing is taken, nothing is closed and nobody is told: to
//! the one who speaks the other side has gone silent, and what was said comes late, all at once,
//! when the link is whole again. (In namespaces it would be lost. Both must be borne.)

use super::cuts::Cuts;
use crate::cli::failure::Failure;
use crate::cli::local;
use crate::peer::{self, overhear};
use parking_lot::Mutex;
use protocol::{Address, NodeId};
use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener as StdListener};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tokio_util::task::AbortOnDropHandle;

/// The proxy of a whole cluster.
pub(crate) struct Proxy {
    /// Where the nodes listen.
    ports: Vec<u16>,
    /// Where the proxy listens, for each of them.
    doors: Vec<StdListener>,
    wires: Wires,
    tasks: Mutex<Vec<AbortOnDropHandle<()>>>,
}

/// What all connections share. Cheap to clone.
#[derive(Clone)]
struct Wires {
    cuts: watch::Sender<Cuts>,
    /// Which node has which identity: also those that died.
    nodes: watch::Sender<HashMap<NodeId, usize>>,
}

/// How long a connection may say nothing at first, and its other end take to be reached.
const OPEN_TIMEOUT: Duration = Duration::from_secs(5);

/// How often a connection that is held back is looked after.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);

/// What is taken from one side before it is given to the other.
const CHUNK_BYTES: usize = 64 * 1024;

/// Ports below those that the system gives to whoever asks for any, so that a node which is dead
/// for a while finds its own free again.
const PORTS_FROM: u16 = 10_000;
const PORTS_TO: u16 = 30_000;

impl Proxy {
    /// Finds ports for so many nodes.
    ///
    /// # Errors
    /// If there are none.
    pub(super) fn make(nodes: usize) -> Result<Self, Failure> {
        // Two that are started at once do not look in the same place.
        let from = rand::random_range(PORTS_FROM..PORTS_TO);
        let doors = (0..nodes).map(|_| {
            let door = StdListener::bind((Ipv4Addr::LOCALHOST, 0))?;
            door.set_nonblocking(true)?;
            Ok(door)
        });
        let doors: io::Result<Vec<_>> = doors.collect();
        Ok(Self {
            ports: local::first_free(from, nodes)?,
            doors: doors.map_err(|error| cannot_listen(&error))?,
            wires: Wires {
                cuts: watch::Sender::default(),
                nodes: watch::Sender::default(),
            },
            tasks: Mutex::default(),
        })
    }

    /// Begins to take connections, until this is dropped.
    pub(super) fn begin(&self) -> Result<(), Failure> {
        for (node, door) in self.doors.iter().enumerate() {
            let door = door.try_clone().and_then(TcpListener::from_std);
            let door = door.map_err(|error| cannot_listen(&error))?;
            let inside = SocketAddr::from((Ipv4Addr::LOCALHOST, self.ports[node]));
            let taking = tokio::spawn(self.wires.clone().take(door, node, inside));
            self.tasks.lock().push(AbortOnDropHandle::new(taking));
        }
        Ok(())
    }

    pub(super) fn listen(&self, node: usize) -> Address {
        local::address(self.ports[node])
    }

    pub(super) fn advertise(&self, node: usize) -> Address {
        let door = self.doors[node].local_addr();
        local::address(door.expect("a listener has an address").port())
    }

    pub(super) fn introduce(&self, node: usize, id: NodeId) {
        self.wires
            .nodes
            .send_if_modified(|nodes| nodes.insert(id, node) != Some(node));
    }

    pub(super) fn cut(&self, cuts: &Cuts) {
        self.wires.cuts.send_replace(cuts.clone());
    }
}

impl Wires {
    /// Takes the connections to one node.
    async fn take(self, door: TcpListener, to: usize, inside: SocketAddr) {
        let mut connections = tokio::task::JoinSet::new();
        loop {
            match door.accept().await {
                Ok((outer, _)) => {
                    let wires = self.clone();
                    connections.spawn(async move {
                        // Whatever ends a connection, its ends see that it has.
                        let _ = wires.join(outer, to, inside).await;
                    });
                }
                Err(_) => sleep(LOOK_INTERVAL).await,
            }
            while connections.try_join_next().is_some() {}
        }
    }

    /// Joins a connection to the node that it is for.
    async fn join(self, mut outer: TcpStream, to: usize, inside: SocketAddr) -> io::Result<()> {
        outer.set_nodelay(true)?;
        let opening = self.open(&mut outer);
        let (said, from) = timeout(OPEN_TIMEOUT, opening).await??;
        if let Some(from) = from {
            tokio::select! {
                () = self.until_open(from, to) => {}
                () = gone(&outer) => return Ok(()),
            }
        }
        let mut inner = timeout(OPEN_TIMEOUT, TcpStream::connect(inside)).await??;
        inner.set_nodelay(true)?;
        inner.write_all(&said).await?;
        let (outer_read, outer_write) = outer.split();
        let (inner_read, inner_write) = inner.split();
        let there = self.carry(outer_read, inner_write, from.map(|from| (from, to)));
        let back = self.carry(inner_read, outer_write, from.map(|from| (to, from)));
        // A connection between nodes ends as a whole.
        tokio::select! {
            ended = there => ended,
            ended = back => ended,
        }
    }

    /// Who dialled, and what it said to show it; nobody if that is no node.
    async fn open(&self, outer: &mut TcpStream) -> io::Result<(Vec<u8>, Option<usize>)> {
        let mut first = [0];
        if outer.peek(&mut first).await? == 0 || first[0] != peer::MAGIC[0] {
            return Ok((Vec::new(), None));
        }
        let (said, id) = overhear(outer).await?;
        let mut nodes = self.nodes.subscribe();
        let known = nodes.wait_for(|nodes| nodes.contains_key(&id)).await;
        let from = known.map_err(io::Error::other)?.get(&id).copied();
        Ok((said, from))
    }

    /// Carries what one side says to the other, while they are not cut off from each other, and
    /// ends when the one has no more to say.
    async fn carry(
        &self,
        mut from: impl AsyncRead + Unpin,
        mut to: impl AsyncWrite + Unpin,
        link: Option<(usize, usize)>,
    ) -> io::Result<()> {
        let mut chunk = vec![0; CHUNK_BYTES];
        loop {
            let count = from.read(&mut chunk).await?;
            // The end of a connection is news too, which no cut link lets through.
            if let Some((from, to)) = link {
                self.until_open(from, to).await;
            }
            if count == 0 {
                return Ok(());
            }
            to.write_all(&chunk[..count]).await?;
        }
    }

    async fn until_open(&self, from: usize, to: usize) {
        let mut cuts = self.cuts.subscribe();
        // The sender is part of `self`, so the wait ends only when the link is open.
        let _ = cuts.wait_for(|cuts| !cuts.is_cut(from, to)).await;
    }
}

/// Waits until the other side of a connection that says nothing has closed it.
async fn gone(stream: &TcpStream) {
    let mut byte = [0];
    while let Ok(1..) = stream.peek(&mut byte).await {
        sleep(LOOK_INTERVAL).await;
    }
}

fn cannot_listen(error: &io::Error) -> Failure {
    Failure::failed(format!("the proxy cannot listen: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a node says first, as its handshake has it.
    fn greeting(id: u64) -> Vec<u8> {
        let mut rest = vec![0, 0, 1, 0, 1];
        rest.extend(id.to_be_bytes());
        rest.extend(1_u32.to_be_bytes());
        rest.extend(7_u64.to_be_bytes());
        rest.extend([0, 0]);
        let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
        [&peer::MAGIC[..], &length, &rest].concat()
    }

    async fn read(stream: &mut TcpStream, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        let reading = stream.read_exact(&mut bytes);
        timeout(Duration::from_secs(20), reading)
            .await
            .expect("it comes")
            .expect("the connection stands");
        bytes
    }

    #[tokio::test]
    async fn what_is_said_on_a_link_that_is_cut_comes_when_it_is_whole_again() {
        let proxy = Proxy::make(2).unwrap();
        proxy.begin().unwrap();
        let node = TcpListener::bind(proxy.listen(1).as_str()).await.unwrap();
        let mut outer = TcpStream::connect(proxy.advertise(1).as_str())
            .await
            .unwrap();
        outer.write_all(&greeting(5)).await.unwrap();
        // Nobody knows yet who that is.
        proxy.introduce(0, NodeId::new(5));
        let (mut inner, _) = node.accept().await.unwrap();
        assert_eq!(read(&mut inner, greeting(5).len()).await, greeting(5));

        proxy.cut(&Cuts::default().one_way(&[0], &[1]));
        outer.write_all(b"late").await.unwrap();
        inner.write_all(b"at once").await.unwrap();
        assert_eq!(read(&mut outer, 7).await, b"at once");
        let heard = inner.try_read(&mut [0]).unwrap_err();
        assert_eq!(heard.kind(), io::ErrorKind::WouldBlock);

        proxy.cut(&Cuts::default());
        assert_eq!(read(&mut inner, 4).await, b"late");
    }

    #[tokio::test]
    async fn who_dials_over_a_link_that_is_cut_reaches_nobody() {
        let proxy = Proxy::make(2).unwrap();
        proxy.begin().unwrap();
        proxy.introduce(0, NodeId::new(5));
        proxy.cut(&Cuts::default().both_ways(&[0], &[1]));
        let node = TcpListener::bind(proxy.listen(1).as_str()).await.unwrap();
        let dial = async || {
            let mut outer = TcpStream::connect(proxy.advertise(1).as_str())
                .await
                .unwrap();
            outer.write_all(&greeting(5)).await.unwrap();
            outer
        };
        let mut outer = dial().await;
        proxy.cut(&Cuts::default());
        let (mut inner, _) = node.accept().await.unwrap();
        read(&mut inner, greeting(5).len()).await;
        inner.write_all(b"hello").await.unwrap();
        assert_eq!(read(&mut outer, 5).await, b"hello");
    }
}
