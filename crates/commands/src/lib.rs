//! The Redis commands that `shardedmemory` knows: which they are, and what they ask.
//!
//! [`parse()`] turns a request into a [`Command`] or into the error that redis-server 7.0 answers,
//! byte by byte; [`commands()`] is the table that `COMMAND` shows. Nothing is done here: there is
//! no data, and the wall clock is an argument. Keys and values are taken out of the request, each
//! copied once or not at all.
//!
//! ```
//! use bytes::BytesMut;
//! use commands::{Command, Expiry, StringCommand, UnixMillis, parse};
//! use resp::{Dialect, Limits, ReplyWriter, RequestParser};
//!
//! let mut requests = RequestParser::new(Limits::default());
//! let mut received = BytesMut::from("set lock me nx px 5000\r\nset lock me nx xx\r\n");
//! let now = UnixMillis(1_000_000);
//!
//! let request = requests.next(&mut received).unwrap().unwrap();
//! let Ok(Command::String(StringCommand::Set(set))) = parse(&request, now) else { panic!() };
//! assert_eq!(set.key, "lock");
//! assert_eq!(set.expiry, Expiry::At(UnixMillis(1_005_000)));
//!
//! let request = requests.next(&mut received).unwrap().unwrap();
//! let mut answer = BytesMut::new();
//! let error = parse(&request, now).unwrap_err();
//! error.write(&mut ReplyWriter::new(&mut answer, Dialect::Resp2));
//! assert_eq!(answer, "-ERR syntax error\r\n");
//! ```
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod arguments;
mod cluster;
mod connection;
mod error;
mod expiry;
mod keys;
mod parse;
mod script;
mod server;
mod strings;
mod table;
mod transaction;

pub use cluster::ClusterCommand;
pub use connection::{ClientField, ClientFilter, ConnectionCommand, Credentials, Hello};
pub use error::CommandError;
pub use expiry::{ExpireCondition, Expiry, UnixMillis};
pub use keys::{KeyCommand, Scan, TimeUnit};
pub use parse::{Command, parse};
pub use script::{ScriptCommand, ScriptName};
pub use server::{CommandFilter, ServerCommand};
pub use strings::{Condition, Set, StringCommand};
pub use table::{CommandInfo, KeyPositions, commands, find};
pub use transaction::TransactionCommand;
