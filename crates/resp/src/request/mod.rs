//! Requests: from the bytes of a client to arguments.

mod inline;
mod owned;
mod parser;
mod view;
mod write;

pub use owned::OwnedRequest;
pub use parser::{READ_BYTES, RequestParser};
pub use view::{Arguments, Request};
pub use write::write_request;

/// Where an argument lies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Argument {
    /// At these bytes of the frame.
    Framed { start: u32, end: u32 },
    /// In an allocation of its own, by its index.
    Large(u32),
}
