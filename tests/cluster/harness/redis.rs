//! A Redis client that sends just the bytes that it is told to: [`RedisClient`].

use super::client::PATIENCE;
use bytes::BytesMut;
use resp::{Reply, ReplyLimits, ReplyParser, write_request};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

/// A connection that speaks the Redis protocol, version 2 unless it asks for another.
pub(crate) struct RedisClient {
    node: SocketAddr,
    writer: OwnedWriteHalf,
    replies: Replies,
}

/// What comes on a connection.
struct Replies {
    reader: OwnedReadHalf,
    received: BytesMut,
    parser: ReplyParser,
}

/// One command, as its words.
pub(crate) type Words<'a> = &'a [&'a str];

impl RedisClient {
    /// Connects to this node.
    ///
    /// # Panics
    /// If it does not let anybody in.
    pub(crate) async fn connect(node: SocketAddr) -> Self {
        Self::of(node, TcpStream::connect(node).await.expect("the node runs"))
    }

    /// Connects to this node, if it lets anybody in.
    pub(crate) async fn try_connect(node: SocketAddr) -> Option<Self> {
        Some(Self::of(node, TcpStream::connect(node).await.ok()?))
    }

    /// Connects to this node, with so small a buffer for what it answers that a client which does
    /// not read is soon noticed.
    pub(crate) async fn connect_narrow(node: SocketAddr) -> Self {
        const RECEIVE_BUFFER_BYTES: u32 = 4096;
        let socket = TcpSocket::new_v4().expect("the system has sockets");
        (socket.set_recv_buffer_size(RECEIVE_BUFFER_BYTES)).expect("the system allows it");
        Self::of(node, socket.connect(node).await.expect("the node runs"))
    }

    fn of(node: SocketAddr, stream: TcpStream) -> Self {
        stream.set_nodelay(true).expect("the system allows it");
        let (reader, writer) = stream.into_split();
        let (received, parser) = (BytesMut::new(), ReplyParser::new(ReplyLimits::default()));
        Self {
            node,
            writer,
            replies: Replies {
                reader,
                received,
                parser,
            },
        }
    }

    /// Sends bytes.
    ///
    /// # Panics
    /// If the node does not take them within [`PATIENCE`].
    #[track_caller]
    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) -> impl Future<Output = ()> {
        let caller = std::panic::Location::caller();
        async move {
            let sent = timeout(PATIENCE, self.writer.write_all(bytes.as_ref())).await;
            let sent = sent.unwrap_or_else(|_| panic!("not taken (sent at {caller})"));
            sent.unwrap_or_else(|error| panic!("{error} (sent at {caller})"));
        }
    }

    /// Sends bytes; tells whether the node has taken them within [`PATIENCE`].
    pub(crate) async fn try_send(&mut self, bytes: &[u8]) -> bool {
        let sent = timeout(PATIENCE, self.writer.write_all(bytes)).await;
        sent.is_ok_and(|sent| sent.is_ok())
    }

    /// Says that nothing else will be sent.
    pub(crate) async fn shut_down_sending(&mut self) {
        self.writer
            .shutdown()
            .await
            .expect("the connection is open");
    }

    /// Sends one command and gives its reply, as [`text()`] has it.
    ///
    /// # Panics
    /// If there is none within [`PATIENCE`].
    #[track_caller]
    pub(crate) fn ask(&mut self, words: Words<'_>) -> impl Future<Output = String> {
        let caller = std::panic::Location::caller();
        let node = self.node;
        async move {
            self.send(request(words)).await;
            let reply = timeout(PATIENCE, self.replies.next()).await.ok().flatten();
            let reply =
                reply.unwrap_or_else(|| panic!("no reply of {node} to {words:?} (at {caller})"));
            text(&reply)
        }
    }

    /// Sends commands at once and gives their replies, as [`text()`] has them.
    ///
    /// # Panics
    /// If one of them does not come within [`PATIENCE`] of the one before.
    #[track_caller]
    pub(crate) fn pipeline(&mut self, commands: &[Words<'_>]) -> impl Future<Output = Vec<String>> {
        let requests: Vec<u8> = commands.iter().flat_map(|words| request(words)).collect();
        self.exchange(requests, commands.len())
    }

    /// Sends bytes and, while they are being taken, hears so many replies, as [`text()`] has them.
    ///
    /// # Panics
    /// If one of them does not come within [`PATIENCE`] of the one before.
    #[track_caller]
    pub(crate) fn exchange(
        &mut self,
        bytes: impl AsRef<[u8]>,
        count: usize,
    ) -> impl Future<Output = Vec<String>> {
        let caller = std::panic::Location::caller();
        async move {
            let Self {
                writer, replies, ..
            } = self;
            let sending = async {
                let sent = writer.write_all(bytes.as_ref()).await;
                sent.unwrap_or_else(|error| panic!("{error} (sent at {caller})"));
            };
            let hearing = async {
                let mut heard = Vec::new();
                while heard.len() < count {
                    let reply = timeout(PATIENCE, replies.next()).await.ok().flatten();
                    let reply = reply.unwrap_or_else(|| {
                        panic!("{} of {count} replies (sent at {caller})", heard.len())
                    });
                    heard.push(text(&reply));
                }
                heard
            };
            tokio::join!(sending, hearing).1
        }
    }

    /// The next reply, as [`text()`] has it.
    ///
    /// # Panics
    /// If there is none within [`PATIENCE`].
    #[track_caller]
    pub(crate) fn reply(&mut self) -> impl Future<Output = String> {
        let caller = std::panic::Location::caller();
        async move {
            let reply = timeout(PATIENCE, self.replies.next()).await.ok().flatten();
            text(&reply.unwrap_or_else(|| panic!("no reply (waited for at {caller})")))
        }
    }

    /// The next reply, as [`text()`] has it, if it comes within this time and [`PATIENCE`].
    pub(crate) async fn try_reply(&mut self, time: Duration) -> Option<String> {
        let reply = timeout(time + PATIENCE, self.replies.next()).await;
        reply.ok().flatten().as_ref().map(text)
    }

    /// Whether a reply comes within this time; it is not taken.
    pub(crate) async fn hears_something_within(&mut self, time: Duration) -> bool {
        let readable = timeout(time, self.replies.reader.readable()).await;
        !self.replies.received.is_empty() || readable.is_ok()
    }

    /// All that comes until the node closes the connection, which it must do soon; a reset closes
    /// it too.
    #[track_caller]
    pub(crate) fn heard_until_closed(&mut self) -> impl Future<Output = Vec<u8>> {
        let caller = std::panic::Location::caller();
        async move {
            let mut heard = self.replies.received.split().to_vec();
            let reading = self.replies.reader.read_to_end(&mut heard);
            let closed = timeout(PATIENCE, reading).await;
            let _ = closed.unwrap_or_else(|_| panic!("never closed (waited for at {caller})"));
            heard
        }
    }
}

impl Replies {
    /// The next reply; nothing if the connection has ended.
    ///
    /// # Panics
    /// If what comes is no reply.
    async fn next(&mut self) -> Option<Reply> {
        loop {
            let next = self.parser.next(&mut self.received);
            if let Some(reply) = next.expect("the node speaks the protocol") {
                return Some(reply);
            }
            match self.reader.read_buf(&mut self.received).await {
                Ok(0) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }
}

/// The bytes of a command.
pub(crate) fn request(words: &[impl AsRef<[u8]>]) -> Vec<u8> {
    let mut bytes = BytesMut::new();
    write_request(&mut bytes, words);
    bytes.to_vec()
}

/// A reply as it is easily read and compared: `+OK`, `-ERR ..`, `:1`, `"text"`, `nil`, `[..]`.
pub(crate) fn text(reply: &Reply) -> String {
    let utf8 = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match reply {
        Reply::Simple(text) => format!("+{}", utf8(text)),
        Reply::Error(text) => format!("-{}", utf8(text)),
        Reply::Integer(value) => format!(":{value}"),
        Reply::Bulk(bytes) => format!("{:?}", utf8(bytes)),
        Reply::Nil => "nil".to_owned(),
        Reply::Array(items) => {
            let items: Vec<String> = items.iter().map(text).collect();
            format!("[{}]", items.join(", "))
        }
        other => format!("{other:?}"),
    }
}
