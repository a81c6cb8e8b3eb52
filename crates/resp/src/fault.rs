//! What is wrong with the bytes of a client.

use bytes::{BufMut, BytesMut};
use core::fmt;

/// The bytes are no requests. The client gets [`ProtocolFault::write`]'s reply, and the connection
/// is closed: nobody knows where the next request would begin.
///
/// Nothing of the faulty request was done; what came before it on the connection was.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ProtocolFault {
    /// An argument does not begin with `$` but with this byte.
    ExpectedBulk(u8),
    /// The count of arguments is no number, or more than [`arguments_max`](crate::Limits).
    InvalidMultibulkLength,
    /// The length of an argument is no number, negative, or more than
    /// [`bulk_bytes_max`](crate::Limits).
    InvalidBulkLength,
    /// More arguments than a client may send before it has authenticated.
    UnauthenticatedMultibulkLength,
    /// A longer argument than a client may send before it has authenticated.
    UnauthenticatedBulkLength,
    /// A quote is not closed, or something follows a closing quote at once.
    UnbalancedQuotes,
    /// An inline command without an end.
    TooBigInline,
    /// A count of arguments without an end.
    TooBigMultibulkCount,
    /// A length of an argument without an end.
    TooBigBulkCount,
    /// A zero byte in an inline command or in a header. Redis takes it for the end of what was
    /// received, and waits for more until there is too much; the client is better off to hear it.
    ZeroByte,
    /// The request is longer than [`request_bytes_max`](crate::Limits). Redis closes the connection
    /// and says nothing.
    TooBigRequest,
}

impl ProtocolFault {
    /// Writes the reply: redis-server 7.0's, byte by byte, where it has one.
    pub fn write(self, out: &mut BytesMut) {
        out.put_slice(b"-ERR Protocol error: ");
        match self {
            ProtocolFault::ExpectedBulk(got) => {
                out.put_slice(b"expected '$', got '");
                // An error is one line.
                out.put_u8(match got {
                    b'\r' | b'\n' => b' ',
                    got => got,
                });
                out.put_slice(b"'");
            }
            fault => out.put_slice(fault.text().as_bytes()),
        }
        out.put_slice(b"\r\n");
    }

    fn text(self) -> &'static str {
        match self {
            ProtocolFault::ExpectedBulk(_) => "expected '$', got something else",
            ProtocolFault::InvalidMultibulkLength => "invalid multibulk length",
            ProtocolFault::InvalidBulkLength => "invalid bulk length",
            ProtocolFault::UnauthenticatedMultibulkLength => "unauthenticated multibulk length",
            ProtocolFault::UnauthenticatedBulkLength => "unauthenticated bulk length",
            ProtocolFault::UnbalancedQuotes => "unbalanced quotes in request",
            ProtocolFault::TooBigInline => "too big inline request",
            ProtocolFault::TooBigMultibulkCount => "too big mbulk count string",
            ProtocolFault::TooBigBulkCount => "too big bulk count string",
            ProtocolFault::ZeroByte => "zero byte in request",
            ProtocolFault::TooBigRequest => "too big request",
        }
    }
}

impl fmt::Display for ProtocolFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ProtocolFault::ExpectedBulk(got) => {
                write!(f, "expected '$', got '{}'", got.escape_ascii())
            }
            fault => f.write_str(fault.text()),
        }
    }
}

impl core::error::Error for ProtocolFault {}
