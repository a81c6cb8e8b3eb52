//! A Redis client that keeps what it was answered byte by byte: [`Client`].

use bytes::BytesMut;
use resp::{Reply, ReplyLimits, ReplyParser, write_request};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long an answer may take: longer than any deadline of a node.
const PATIENCE: Duration = Duration::from_secs(40);

/// A connection.
pub(super) struct Client {
    stream: TcpStream,
    received: BytesMut,
}

impl Client {
    pub(super) async fn connect(node: SocketAddr) -> Self {
        let stream = TcpStream::connect(node).await.expect("the node accepts");
        stream.set_nodelay(true).expect("a socket");
        let received = BytesMut::new();
        Self { stream, received }
    }

    /// The answer to one command.
    pub(super) async fn ask<const N: usize>(&mut self, words: [&str; N]) -> Reply {
        let mut request = BytesMut::new();
        write_request(&mut request, words);
        let answers = self.exchange(&request, 1).await;
        parse(&answers).remove(0)
    }

    /// The answers to these lines, which are inline commands.
    pub(super) async fn ask_lines(&mut self, lines: &str) -> Vec<Reply> {
        let count = lines.trim().lines().count();
        let bytes = lines.trim().replace('\n', "\r\n") + "\r\n";
        parse(&self.exchange(bytes.as_bytes(), count).await)
    }

    /// Sends bytes, and takes so many answers to them, as they come.
    pub(super) async fn exchange(&mut self, bytes: &[u8], count: usize) -> Vec<u8> {
        let sent = timeout(PATIENCE, self.stream.write_all(bytes)).await;
        sent.expect("the node takes it in time")
            .expect("the connection holds");
        let mut parser = ReplyParser::new(ReplyLimits::default());
        let mut unparsed = self.received.clone();
        let mut whole = 0;
        loop {
            while parser.next(&mut unparsed).expect("replies").is_some() {
                whole += 1;
                if whole == count {
                    let rest = self.received.len() - unparsed.len();
                    return self.received.split_to(rest).to_vec();
                }
            }
            let before = self.received.len();
            let read = timeout(PATIENCE, self.stream.read_buf(&mut self.received)).await;
            let read = read.unwrap_or_else(|_| panic!("no answer to {}", bytes.escape_ascii()));
            assert_ne!(
                read.expect("the connection holds"),
                0,
                "closed before {count} answers"
            );
            unparsed.extend_from_slice(&self.received[before..]);
        }
    }

    /// Whether the node closes the connection.
    pub(super) async fn is_closed(&mut self) -> bool {
        let read = timeout(PATIENCE, self.stream.read_buf(&mut self.received)).await;
        matches!(read, Ok(Ok(0) | Err(_)))
    }
}

/// All replies in these bytes.
pub(super) fn parse(bytes: &[u8]) -> Vec<Reply> {
    split(bytes).into_iter().map(|(reply, _)| reply).collect()
}

/// All replies in these bytes, each with its bytes.
pub(super) fn split(bytes: &[u8]) -> Vec<(Reply, Vec<u8>)> {
    let mut parser = ReplyParser::new(ReplyLimits::default());
    let mut buffer = BytesMut::from(bytes);
    let mut replies = Vec::new();
    let mut start = 0;
    while let Some(reply) = parser.next(&mut buffer).expect("replies") {
        let end = bytes.len() - buffer.len();
        replies.push((reply, bytes[start..end].to_vec()));
        start = end;
    }
    replies
}

pub(super) fn ok() -> Reply {
    Reply::Simple("OK".into())
}

pub(super) fn bulk(text: &str) -> Reply {
    Reply::Bulk(text.to_owned().into())
}

/// The text of an error.
#[track_caller]
pub(super) fn error_of(reply: &Reply) -> String {
    match reply {
        Reply::Error(text) => String::from_utf8_lossy(text).into_owned(),
        other => panic!("no error: {other:?}"),
    }
}

/// The items of a list.
#[track_caller]
pub(super) fn items(reply: &Reply) -> &[Reply] {
    match reply {
        Reply::Array(items) => items,
        other => panic!("no list: {other:?}"),
    }
}

/// The text of a string.
#[track_caller]
pub(super) fn text(reply: &Reply) -> String {
    match reply {
        Reply::Bulk(text) | Reply::Simple(text) | Reply::Verbatim { text, .. } => {
            String::from_utf8_lossy(text).into_owned()
        }
        other => panic!("no text: {other:?}"),
    }
}
