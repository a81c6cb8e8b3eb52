//! The Redis serialization protocol, RESP2 and RESP3, over [`bytes`].
//!
//! Pure: bytes come in, requests and replies come out. It has no clock, no socket and no async (it
//! is `no_std`).
//!
//! - [`sniff()`] tells by the first bytes of a connection who speaks, on a port that all share.
//! - [`RequestParser`] takes requests out of what a client sends. A [`Request`] is looked at where
//!   it lies in the read buffer, and what is kept of it is copied once; an argument that is long is
//!   read from the socket right into the allocation in which it stays.
//! - [`ReplyWriter`] writes replies, in the dialect of the client.
//! - [`write_request`] and [`ReplyParser`] are the same for clients.
//!
//! What it takes, and what it answers to bytes that are no requests, is what redis-server 7.0 takes
//! and answers, compared byte by byte in the tests. Two faults are told at once where Redis would
//! wait for more: see [`ProtocolFault`].
//!
//! # The loop
//!
//! **Take requests until there are none, send what was answered, then read into
//! [`RequestParser::read_space`].**
//!
//! ```
//! use bytes::BytesMut;
//! use resp::{Dialect, Limits, ReplyWriter, RequestParser};
//! use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
//!
//! async fn serve(mut stream: impl AsyncRead + AsyncWrite + Unpin) -> std::io::Result<()> {
//!     let (mut received, mut answers) = (BytesMut::new(), BytesMut::new());
//!     let mut requests = RequestParser::new(Limits::default());
//!     loop {
//!         let fault = loop {
//!             let request = match requests.next(&mut received) {
//!                 Ok(Some(request)) => request,
//!                 Ok(None) => break None,
//!                 Err(fault) => break Some(fault),
//!             };
//!             if request.is_cross_protocol() {
//!                 return Ok(());
//!             }
//!             let mut writer = ReplyWriter::new(&mut answers, Dialect::Resp2);
//!             match request.name().to_ascii_lowercase().as_slice() {
//!                 b"ping" => writer.simple("PONG"),
//!                 b"echo" if request.len() == 2 => writer.bulk(&request[1]),
//!                 _ => writer.error("ERR this example knows PING and ECHO"),
//!             }
//!         };
//!         if let Some(fault) = fault {
//!             fault.write(&mut answers);
//!         }
//!         stream.write_all_buf(&mut answers).await?;
//!         if fault.is_some() {
//!             return Ok(());
//!         }
//!         if stream.read_buf(&mut requests.read_space(&mut received)).await? == 0 {
//!             return Ok(());
//!         }
//!     }
//! }
//!
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! let (mut client, server) = tokio::io::duplex(64);
//! let serving = serve(server);
//! let asking = async {
//!     client.write_all(b"PING\r\n*2\r\n$4\r\nECHO\r\n$2\r\nhi\r\n*1\r\n+").await.unwrap();
//!     client.write_all(b"\r\n").await.unwrap();
//!     let mut answered = String::new();
//!     client.read_to_string(&mut answered).await.unwrap();
//!     answered
//! };
//! let (served, answered) = tokio::join!(serving, asking);
//! served.unwrap();
//! assert_eq!(
//!     answered,
//!     "+PONG\r\n$2\r\nhi\r\n-ERR Protocol error: expected '$', got '+'\r\n"
//! );
//! # });
//! ```
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod fault;
mod integer;
mod limits;
mod reply;
mod request;
mod sniff;

pub use fault::ProtocolFault;
pub use integer::parse_integer;
pub use limits::Limits;
pub use reply::{Dialect, Reply, ReplyFault, ReplyLimits, ReplyParser, ReplyWriter};
pub use request::{Arguments, OwnedRequest, READ_BYTES, Request, RequestParser, write_request};
pub use sniff::{SNIFF_BYTES_MAX, Speaker, sniff};
