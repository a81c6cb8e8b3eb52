//! Replies: written by a server, read by a client.

mod number;
mod parser;
mod value;
mod writer;

pub use parser::{ReplyFault, ReplyLimits, ReplyParser};
pub use value::Reply;
pub(crate) use writer::write_header;
pub use writer::{Dialect, ReplyWriter};
