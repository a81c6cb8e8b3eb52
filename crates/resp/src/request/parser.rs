//! Taking requests out of a read buffer: [`RequestParser`].

use super::{Argument, Request, inline};
use crate::fault::ProtocolFault;
use crate::integer::parse_integer;
use crate::limits::Limits;
use alloc::vec::Vec;
use bytes::buf::Limit;
use bytes::{Buf, BufMut, Bytes, BytesMut};

/// How much is read at once, and so how long an argument must be to be read into an allocation of
/// its own.
pub const READ_BYTES: usize = 32 << 10;

/// A read buffer that grew beyond this is given back as soon as it is empty.
const BUFFER_BYTES_KEPT: usize = 4 * READ_BYTES;

/// The places of arguments beyond this are given back after the request.
const ARGUMENTS_KEPT: usize = 256;

/// An argument's own allocation grows by this factor, up to the length that was announced: so it
/// is never more than four times what has come, and a third of the bytes is copied once more.
const LARGE_GROWTH: usize = 4;

/// Takes requests out of what a client sends, which may come in pieces of any size.
///
/// It looks at each byte once: when a request is not complete, the parser remembers where it was.
/// So all reading from the connection goes through [`RequestParser::read_space`], and nobody else
/// takes bytes from the buffer.
///
/// An argument of [`READ_BYTES`] or more that has not come as a whole is read from the socket into
/// an allocation of its own, of just its length in the end, and never copied again. All others stay
/// in the read buffer until the next request is asked for.
#[derive(Debug)]
pub struct RequestParser {
    limits: Limits,
    authenticated: bool,
    /// All before it in the buffer is parsed. Offsets count from the start of the request.
    position: usize,
    /// The line at `position` has no end before this.
    searched: usize,
    stage: Stage,
    arguments: Vec<Argument>,
    /// Arguments with an allocation of their own, in their order.
    large: Vec<Bytes>,
    /// The bytes of the arguments in `large`.
    large_bytes: usize,
}

/// What comes next.
#[derive(Debug)]
enum Stage {
    /// A request, after those `position` bytes that hold the last one.
    Request,
    /// The length of an argument, and how many arguments are left with it.
    Header { left: u32 },
    /// An argument in the buffer, its length, and how many are left with it.
    Framed { left: u32, length: usize },
    /// An argument in an allocation of its own.
    Large {
        left: u32,
        length: usize,
        value: BytesMut,
    },
    /// The two bytes that end such an argument.
    LargeEnd { left: u32 },
    /// Nothing that could be understood.
    Fault(ProtocolFault),
}

impl RequestParser {
    /// A parser for a new connection, whose client needs no authentication.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits: Limits {
                request_bytes_max: limits
                    .request_bytes_max
                    .min(Limits::REDIS.request_bytes_max),
                ..limits
            },
            authenticated: true,
            position: 0,
            searched: 0,
            stage: Stage::Request,
            arguments: Vec::new(),
            large: Vec::new(),
            large_bytes: 0,
        }
    }

    /// From the next request on the client is, or is not, held to the bounds for strangers.
    pub fn set_authenticated(&mut self, authenticated: bool) {
        self.authenticated = authenticated;
    }

    /// The next request, if all of it has come; otherwise read more, into
    /// [`RequestParser::read_space`]. What Redis ignores is taken and ignored: empty lines, and
    /// requests of no argument or fewer.
    ///
    /// # Errors
    /// A fault, and then the same one forever.
    pub fn next<'a>(
        &'a mut self,
        buffer: &'a mut BytesMut,
    ) -> Result<Option<Request<'a>>, ProtocolFault> {
        if matches!(self.stage, Stage::Request) && self.position > 0 {
            self.release(buffer);
        }
        match self.advance(buffer) {
            Ok(false) => Ok(None),
            Ok(true) => Ok(Some(Request {
                frame: buffer,
                arguments: &self.arguments,
                large: &self.large,
            })),
            Err(fault) => {
                self.stage = Stage::Fault(fault);
                Err(fault)
            }
        }
    }

    /// Where to read to: at least as much room as is worth a system call, and within it no more
    /// than belongs there.
    pub fn read_space<'a>(&'a mut self, buffer: &'a mut BytesMut) -> Limit<&'a mut BytesMut> {
        match &mut self.stage {
            Stage::Large { length, value, .. } => {
                if value.len() == value.capacity() {
                    grow(value, *length);
                }
                let missing = *length - value.len();
                value.limit(missing)
            }
            _ => {
                if buffer.is_empty() && buffer.capacity() > BUFFER_BYTES_KEPT {
                    *buffer = BytesMut::new();
                }
                if buffer.capacity() - buffer.len() < READ_BYTES / 4 {
                    buffer.reserve(READ_BYTES);
                }
                buffer.limit(usize::MAX)
            }
        }
    }

    /// Whether a request has begun and not come to its end; when the connection ends now, the
    /// client has broken it off.
    pub fn is_within_request(&self, buffer: &BytesMut) -> bool {
        match self.stage {
            Stage::Request => buffer.len() > self.position,
            _ => true,
        }
    }

    /// Gives up the request that was looked at.
    fn release(&mut self, buffer: &mut BytesMut) {
        buffer.advance(self.position);
        self.position = 0;
        self.searched = 0;
        self.arguments.clear();
        self.arguments.shrink_to(ARGUMENTS_KEPT);
        self.large.clear();
        self.large_bytes = 0;
    }

    /// Goes on until a request is complete, or there are no more bytes.
    fn advance(&mut self, buffer: &mut BytesMut) -> Result<bool, ProtocolFault> {
        loop {
            let has_come = match &mut self.stage {
                Stage::Fault(fault) => return Err(*fault),
                Stage::Request => match buffer.get(self.position) {
                    None => return Ok(false),
                    Some(b'*') => self.take_count(buffer)?,
                    Some(_) => self.take_inline(buffer)?,
                },
                Stage::Header { left } => {
                    let left = *left;
                    match self.take_whole(buffer, left) {
                        0 => {
                            self.stage = Stage::Request;
                            true
                        }
                        left => {
                            self.stage = Stage::Header { left };
                            self.take_length(buffer, left)?
                        }
                    }
                }
                Stage::Framed { left, length } => {
                    let (left, length) = (*left, *length);
                    self.take_framed(buffer, left, length)
                }
                Stage::Large { .. } => self.take_large(),
                Stage::LargeEnd { left } => {
                    let left = *left;
                    self.take_end(buffer, left)
                }
            };
            if !has_come {
                return Ok(false);
            }
            if matches!(self.stage, Stage::Request) {
                if !self.arguments.is_empty() {
                    return Ok(true);
                }
                self.release(buffer);
            }
        }
    }

    /// `*3\r\n`
    fn take_count(&mut self, buffer: &BytesMut) -> Result<bool, ProtocolFault> {
        let Some(line) = self.header(buffer, ProtocolFault::TooBigMultibulkCount)? else {
            return Ok(false);
        };
        let count = parse_integer(&line[1..])
            .filter(|count| *count <= i64::from(self.limits.arguments_max))
            .ok_or(ProtocolFault::InvalidMultibulkLength)?;
        let stranger_max = self.limits.unauthenticated_arguments_max;
        if count > i64::from(stranger_max) && !self.authenticated {
            return Err(ProtocolFault::UnauthenticatedMultibulkLength);
        }
        self.pass(line.len() + 2);
        if let Ok(left @ 1..) = u32::try_from(count) {
            self.stage = Stage::Header { left };
        }
        Ok(true)
    }

    /// Takes arguments as long as they are short and all of them has come, which is the way of
    /// nearly all, and gives how many are left. What is anything else is left too.
    fn take_whole(&mut self, buffer: &[u8], mut left: u32) -> u32 {
        let bytes_max = self.limits.request_bytes_max as usize - self.large_bytes;
        let mut position = self.position;
        while left > 0 {
            let Some((header, length)) = short_length(&buffer[position..]) else {
                break;
            };
            let start = position + header;
            let end = start + length;
            if buffer.len() < end + 2 || end > bytes_max || length > self.bulk_bytes_max() {
                break;
            }
            self.arguments.push(Argument::Framed {
                start: start as u32,
                end: end as u32,
            });
            position = end + 2;
            left -= 1;
        }
        self.position = position;
        left
    }

    /// `$5\r\n`
    fn take_length(&mut self, buffer: &mut BytesMut, left: u32) -> Result<bool, ProtocolFault> {
        let Some(line) = self.header(buffer, ProtocolFault::TooBigBulkCount)? else {
            return Ok(false);
        };
        // The line may be empty; then this is its end.
        let kind = buffer[self.position];
        if kind != b'$' {
            return Err(ProtocolFault::ExpectedBulk(kind));
        }
        let length = parse_integer(&line[1..])
            .and_then(|length| usize::try_from(length).ok())
            .filter(|length| *length <= self.limits.bulk_bytes_max as usize)
            .ok_or(ProtocolFault::InvalidBulkLength)?;
        if length > self.bulk_bytes_max() {
            return Err(ProtocolFault::UnauthenticatedBulkLength);
        }
        self.pass(line.len() + 2);
        if self.position + self.large_bytes + length > self.limits.request_bytes_max as usize {
            return Err(ProtocolFault::TooBigRequest);
        }
        let has_come = buffer.len() - self.position;
        self.stage = if length < READ_BYTES || has_come >= length {
            Stage::Framed { left, length }
        } else {
            let mut value = BytesMut::with_capacity(length.min(2 * READ_BYTES.max(has_come)));
            value.put_slice(&buffer[self.position..]);
            buffer.truncate(self.position);
            Stage::Large {
                left,
                length,
                value,
            }
        };
        Ok(true)
    }

    fn take_framed(&mut self, buffer: &BytesMut, left: u32, length: usize) -> bool {
        if buffer.len() - self.position < length + 2 {
            return false;
        }
        self.arguments.push(Argument::Framed {
            start: self.position as u32,
            end: (self.position + length) as u32,
        });
        self.pass(length);
        self.take_end(buffer, left)
    }

    /// The longest argument from this client.
    fn bulk_bytes_max(&self) -> usize {
        let max = self.limits.bulk_bytes_max;
        let stranger_max = self.limits.unauthenticated_bulk_bytes_max;
        if self.authenticated {
            max as usize
        } else {
            max.min(stranger_max) as usize
        }
    }

    /// `\r\n` after an argument. Redis does not look at these bytes either.
    fn take_end(&mut self, buffer: &BytesMut, left: u32) -> bool {
        if buffer.len() - self.position < 2 {
            return false;
        }
        self.pass(2);
        self.stage = match left - 1 {
            0 => Stage::Request,
            left => Stage::Header { left },
        };
        true
    }

    fn take_large(&mut self) -> bool {
        match core::mem::replace(&mut self.stage, Stage::Request) {
            Stage::Large {
                left,
                length,
                value,
            } if value.len() == length => {
                self.arguments
                    .push(Argument::Large(self.large.len() as u32));
                self.large.push(value.freeze());
                self.large_bytes += length;
                self.stage = Stage::LargeEnd { left };
                true
            }
            stage => {
                self.stage = stage;
                false
            }
        }
    }

    fn take_inline(&mut self, buffer: &mut BytesMut) -> Result<bool, ProtocolFault> {
        let end = self.line_end(buffer, b'\n', ProtocolFault::TooBigInline)?;
        let Some(end) = end else {
            return Ok(false);
        };
        let start = self.position;
        let line = &buffer[start..end];
        let end_without_return = end - usize::from(line.last() == Some(&b'\r'));
        inline::split(buffer, start, end_without_return, &mut self.arguments)?;
        self.pass(end + 1 - start);
        Ok(true)
    }

    /// The line of a header without its end, if all of it has come. Redis takes any byte after the
    /// carriage return for the line feed, and so does this.
    fn header<'a>(
        &mut self,
        buffer: &'a [u8],
        too_big: ProtocolFault,
    ) -> Result<Option<&'a [u8]>, ProtocolFault> {
        let end = self.line_end(buffer, b'\r', too_big)?;
        let end = end.filter(|end| end + 1 < buffer.len());
        Ok(end.map(|end| &buffer[self.position..end]))
    }

    /// Where the line at `position` ends, and with which byte; each byte is looked at once.
    fn line_end(
        &mut self,
        buffer: &[u8],
        ends_with: u8,
        too_big: ProtocolFault,
    ) -> Result<Option<usize>, ProtocolFault> {
        let from = self.searched.max(self.position);
        let line_max = self.position + self.limits.line_bytes_max as usize + 1;
        let to = buffer.len().min(line_max);
        let found = buffer[from..to]
            .iter()
            .position(|byte| *byte == ends_with || *byte == 0);
        match found {
            Some(at) if buffer[from + at] == 0 => Err(ProtocolFault::ZeroByte),
            Some(at) => {
                self.searched = from + at;
                Ok(Some(from + at))
            }
            None if to == line_max => Err(too_big),
            None => {
                self.searched = to;
                Ok(None)
            }
        }
    }

    fn pass(&mut self, bytes: usize) {
        self.position += bytes;
    }
}

/// The header of an argument that `bytes` begins with, as its own length and the argument's, if
/// it is complete and the argument has no more than 999 bytes.
fn short_length(bytes: &[u8]) -> Option<(usize, usize)> {
    let digit = |digit: u8| usize::from(digit - b'0');
    match *bytes {
        [b'$', a @ b'0'..=b'9', b'\r', _, ..] => Some((4, digit(a))),
        [b'$', a @ b'1'..=b'9', b @ b'0'..=b'9', b'\r', _, ..] => {
            Some((5, 10 * digit(a) + digit(b)))
        }
        [
            b'$',
            a @ b'1'..=b'9',
            b @ b'0'..=b'9',
            c @ b'0'..=b'9',
            b'\r',
            _,
            ..,
        ] => Some((6, 100 * digit(a) + 10 * digit(b) + digit(c))),
        _ => None,
    }
}

/// Makes room in `value`, of which `length` bytes will come at most.
fn grow(value: &mut BytesMut, length: usize) {
    let mut larger = BytesMut::with_capacity(length.min(LARGE_GROWTH * value.len()));
    larger.put_slice(value);
    *value = larger;
}
