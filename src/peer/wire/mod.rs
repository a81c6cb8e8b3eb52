//! Bytes and meaning: what stands on the wire, and nothing that touches a socket.
//!
//! The layout is in the documentation of [`peer`](super). Decoding is strict. Nothing is
//! allocated for a length before that many bytes are there, a value is copied once into an
//! allocation of its own (so that one small value does not keep a whole frame in memory), and
//! garbage ends in a [`WireError`], never in a panic.

mod batch;
mod cell;
mod change;
mod field;
mod frame;
mod handshake;
mod listing;
mod membership;
mod message;
mod modify;
mod operation;
mod pull;
#[cfg(test)]
mod strategies;
mod values;
mod weight;

pub(super) use batch::{decode_control, decode_data, encode_control, encode_data, synced};
pub(crate) use cell::{decode_cell, encode_cell};
pub(super) use frame::{FrameHeader, FrameKind};
pub(super) use handshake::{Greeting, Refusal, VERSIONS};
pub(super) use membership::weight_bytes as control_weight_bytes;
pub(super) use weight::weight_bytes;

use std::fmt;

/// The first bytes of every connection between nodes.
///
/// No HTTP request, TLS hello (0x16) or Redis command begins with a zero byte, so the first one
/// tells.
pub(crate) const MAGIC: [u8; 8] = *b"\0shmpeer";

/// The most payload of one frame: what a pong may have to wait for at most.
pub(super) const PIECE_BYTES_MAX: usize = 256 * 1024;

/// The most bytes of one batch, put together from its pieces. The same for all nodes.
pub(super) const BATCH_BYTES_MAX: usize = 32 * 1024 * 1024;

/// The most messages of one batch of data: it bounds what decoding one can allocate.
pub(super) const BATCH_MESSAGES_MAX: usize = 4096;

/// The most messages of one batch of control.
pub(super) const CONTROL_MESSAGES_MAX: usize = 64;

/// The most configurations in one batch: more than any node sends, as a batch is closed as soon as
/// it weighs a piece. To place the slots of a configuration takes far more memory and time than its
/// bytes do.
const CONFIGURATIONS_MAX: usize = PIECE_BYTES_MAX.div_ceil(values::CONFIGURATION_BYTES_MAX);

/// The heaviest message that can be sent, by [`weight_bytes`]. A batch is closed as soon as it
/// weighs a piece, so that it ends below one piece and one message.
pub(super) const MESSAGE_BYTES_MAX: usize = BATCH_BYTES_MAX - PIECE_BYTES_MAX - 1024;

/// The most bytes of control that go as one batch: a frame's payload, whatever a later version
/// puts into the header.
pub(super) const CONTROL_BYTES_MAX: usize = PIECE_BYTES_MAX - batch::HEADER_BYTES_MAX;

/// The longest value that fits into a message, whatever the message and its register's name. Some
/// messages carry two: what a register holds, and what it is to hold.
pub(crate) const VALUE_BYTES_MAX: usize = 15 * 1024 * 1024;

const _: () = assert!(2 * VALUE_BYTES_MAX + weight::WITHOUT_VALUES_MAX <= MESSAGE_BYTES_MAX);
const _: () = assert!(membership::BYTES_MAX <= CONTROL_BYTES_MAX);

/// Why bytes are not what they should be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum WireError {
    /// A connection does not begin with [`MAGIC`].
    Magic,
    /// They end before they should.
    Short,
    /// Something follows where they should end.
    Trailing,
    /// A number that names a kind of something names none.
    Unknown {
        /// What it should name.
        what: &'static str,
        /// The number.
        found: u8,
    },
    /// A number, length or count lies outside of its bounds, or breaks a rule of its type.
    Invalid {
        /// What it is.
        what: &'static str,
    },
    /// A batch is for another node.
    Misaddressed,
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WireError::Magic => f.write_str("it does not begin as a connection between nodes does"),
            WireError::Short => f.write_str("something ends too early"),
            WireError::Trailing => f.write_str("something goes on after its end"),
            WireError::Unknown { what, found } => write!(f, "there is no {what} {found}"),
            WireError::Invalid { what } => write!(f, "{what} is out of its bounds"),
            WireError::Misaddressed => f.write_str("a batch is for another node"),
        }
    }
}

impl std::error::Error for WireError {}
