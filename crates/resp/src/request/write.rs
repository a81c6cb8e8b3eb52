//! Writing requests, as a client does.

use crate::reply::write_header;
use bytes::{BufMut, BytesMut};

/// Writes a request: the name of a command and its arguments.
///
/// ```
/// let mut out = bytes::BytesMut::new();
/// resp::write_request(&mut out, ["GET", "greeting"]);
/// assert_eq!(out, "*2\r\n$3\r\nGET\r\n$8\r\ngreeting\r\n");
/// ```
pub fn write_request<I>(out: &mut BytesMut, arguments: I)
where
    I: IntoIterator<Item: AsRef<[u8]>, IntoIter: ExactSizeIterator>,
{
    let arguments = arguments.into_iter();
    write_header(out, b'*', arguments.len() as i64);
    for argument in arguments {
        let argument = argument.as_ref();
        write_header(out, b'$', argument.len() as i64);
        out.put_slice(argument);
        out.put_slice(b"\r\n");
    }
}
