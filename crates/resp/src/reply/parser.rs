//! Reading replies: [`ReplyParser`].

use super::value::Reply;
use crate::integer::parse_integer;
use alloc::vec::Vec;
use bytes::{Buf, Bytes, BytesMut};
use core::fmt;

/// A bulk string of this length or more shares the read buffer instead of being copied out of it.
const SHARED_BYTES_MIN: usize = 32 << 10;

/// The bounds of one reply. What is announced is never reserved.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ReplyLimits {
    /// The longest bulk string.
    pub bulk_bytes_max: usize,
    /// The longest line, be it a simple string, an error or a header, without its end.
    pub line_bytes_max: usize,
    /// The most replies within one reply, at all depths together.
    pub items_max: usize,
    /// The most aggregates around a reply.
    pub depth_max: usize,
}

impl Default for ReplyLimits {
    /// Bulk strings of at most 512 MiB, lines of 64 KiB, 16 Mi items, and 32 levels.
    fn default() -> Self {
        Self {
            bulk_bytes_max: 512 << 20,
            line_bytes_max: 64 << 10,
            items_max: 16 << 20,
            depth_max: 32,
        }
    }
}

/// The bytes are no replies, or more than is taken. The connection is of no use any more: nobody
/// knows where the next reply would begin, so what was asked and not answered has an unknown
/// outcome.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ReplyFault {
    /// A reply begins with a byte that means nothing.
    UnknownKind(u8),
    /// A count or a length is no number, or negative.
    InvalidLength,
    /// What should be a number, a boolean or nothing is not.
    InvalidValue,
    /// A bulk string has no end where it should.
    MissingEnd,
    /// A streamed string or aggregate, whose length comes at its end. No server sends them.
    Streamed,
    /// More than [`ReplyLimits`] allow.
    TooBig,
}

impl fmt::Display for ReplyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReplyFault::UnknownKind(kind) => {
                write!(f, "no reply begins with '{}'", kind.escape_ascii())
            }
            ReplyFault::InvalidLength => f.write_str("a length in a reply is no length"),
            ReplyFault::InvalidValue => f.write_str("a value in a reply is not of its kind"),
            ReplyFault::MissingEnd => f.write_str("a string in a reply is longer than announced"),
            ReplyFault::Streamed => f.write_str("streamed replies are not supported"),
            ReplyFault::TooBig => f.write_str("a reply is longer or deeper than is taken"),
        }
    }
}

impl core::error::Error for ReplyFault {}

/// Takes replies out of what a server sends, in either dialect and in pieces of any size. It looks
/// at each byte once. Attributes are read and dropped.
#[derive(Debug)]
pub struct ReplyParser {
    limits: ReplyLimits,
    /// The aggregates around what comes next, the outermost first.
    open: Vec<Open>,
    /// How many replies within this one have begun.
    items: usize,
    /// The line at the start of the buffer has no end before this.
    searched: usize,
    fault: Option<ReplyFault>,
}

/// An aggregate that is not complete.
#[derive(Debug)]
struct Open {
    kind: Aggregate,
    /// How many replies it lacks.
    left: usize,
    items: Vec<Reply>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Aggregate {
    Array,
    Map,
    Set,
    Push,
    /// What it holds is about the reply that follows.
    Attribute,
}

/// What was taken from the buffer.
enum Taken {
    Reply(Reply),
    Open(Aggregate, usize),
}

impl ReplyParser {
    /// A parser for a new connection.
    pub fn new(limits: ReplyLimits) -> Self {
        Self {
            limits,
            open: Vec::new(),
            items: 0,
            searched: 0,
            fault: None,
        }
    }

    /// The next reply, if all of it has come. What is taken is gone from the buffer.
    ///
    /// # Errors
    /// A fault, and then the same one forever.
    pub fn next(&mut self, buffer: &mut BytesMut) -> Result<Option<Reply>, ReplyFault> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        self.advance(buffer)
            .inspect_err(|fault| self.fault = Some(*fault))
    }

    /// Whether a reply has begun and not come to its end.
    pub fn is_within_reply(&self, buffer: &BytesMut) -> bool {
        !self.open.is_empty() || !buffer.is_empty()
    }

    fn advance(&mut self, buffer: &mut BytesMut) -> Result<Option<Reply>, ReplyFault> {
        while let Some(taken) = self.take(buffer)? {
            self.items += 1;
            if self.items > self.limits.items_max {
                return Err(ReplyFault::TooBig);
            }
            let mut reply = match taken {
                Taken::Reply(reply) => reply,
                Taken::Open(Aggregate::Attribute, 0) => continue,
                Taken::Open(kind, 0) => kind.close(Vec::new()),
                Taken::Open(kind, left) => {
                    if self.open.len() == self.limits.depth_max {
                        return Err(ReplyFault::TooBig);
                    }
                    self.open.push(Open {
                        kind,
                        left,
                        items: Vec::new(),
                    });
                    continue;
                }
            };
            loop {
                let Some(around) = self.open.last_mut() else {
                    self.items = 0;
                    return Ok(Some(reply));
                };
                around.items.push(reply);
                around.left -= 1;
                if around.left > 0 {
                    break;
                }
                let Some(Open { kind, items, .. }) = self.open.pop() else {
                    unreachable!("it was looked at above");
                };
                if kind == Aggregate::Attribute {
                    break;
                }
                reply = kind.close(items);
            }
        }
        Ok(None)
    }

    /// Takes a reply that is no aggregate, or the header of one.
    fn take(&mut self, buffer: &mut BytesMut) -> Result<Option<Taken>, ReplyFault> {
        let Some(end) = self.line_end(buffer)? else {
            return Ok(None);
        };
        let kind = buffer[0];
        if end == 0 {
            return Err(ReplyFault::UnknownKind(kind));
        }
        if let b'$' | b'!' | b'=' = kind {
            return self.take_bulk(buffer, kind, end);
        }
        let text = &buffer[1..end];
        let reply = match kind {
            b'+' => Reply::Simple(Bytes::copy_from_slice(text)),
            b'-' => Reply::Error(Bytes::copy_from_slice(text)),
            b':' => Reply::Integer(parse_integer(text).ok_or(ReplyFault::InvalidValue)?),
            b',' => Reply::Double(parse_double(text).ok_or(ReplyFault::InvalidValue)?),
            b'(' if is_big_number(text) => Reply::BigNumber(Bytes::copy_from_slice(text)),
            b'#' if text == b"t" => Reply::Boolean(true),
            b'#' if text == b"f" => Reply::Boolean(false),
            b'_' if text.is_empty() => Reply::Nil,
            b'(' | b'#' | b'_' => return Err(ReplyFault::InvalidValue),
            b'*' if text == b"-1" => Reply::Nil,
            b'*' | b'%' | b'~' | b'>' | b'|' => {
                let taken = self.open_aggregate(kind, text)?;
                self.drop_line(buffer, end);
                return Ok(Some(taken));
            }
            b';' | b'.' => return Err(ReplyFault::Streamed),
            unknown => return Err(ReplyFault::UnknownKind(unknown)),
        };
        self.drop_line(buffer, end);
        Ok(Some(Taken::Reply(reply)))
    }

    fn open_aggregate(&self, kind: u8, count: &[u8]) -> Result<Taken, ReplyFault> {
        let count = self.length(count, self.limits.items_max)?;
        let (kind, each) = match kind {
            b'%' => (Aggregate::Map, 2),
            b'~' => (Aggregate::Set, 1),
            b'>' => (Aggregate::Push, 1),
            b'|' => (Aggregate::Attribute, 2),
            _ => (Aggregate::Array, 1),
        };
        Ok(Taken::Open(kind, count * each))
    }

    /// Takes a string with its length, whose header ends at `end`.
    fn take_bulk(
        &mut self,
        buffer: &mut BytesMut,
        kind: u8,
        end: usize,
    ) -> Result<Option<Taken>, ReplyFault> {
        let text = &buffer[1..end];
        if kind == b'$' && text == b"-1" {
            self.drop_line(buffer, end);
            return Ok(Some(Taken::Reply(Reply::Nil)));
        }
        let length = self.length(text, self.limits.bulk_bytes_max)?;
        let start = end + 2;
        match buffer.get(start + length..start + length + 2) {
            None => return Ok(None),
            Some(b"\r\n") => {}
            Some(_) => return Err(ReplyFault::MissingEnd),
        }
        let mut bytes = if length < SHARED_BYTES_MIN {
            let bytes = Bytes::copy_from_slice(&buffer[start..start + length]);
            buffer.advance(start + length);
            bytes
        } else {
            buffer.advance(start);
            buffer.split_to(length).freeze()
        };
        self.drop_line(buffer, 0);
        let reply = match kind {
            b'$' => Reply::Bulk(bytes),
            b'!' => Reply::Error(bytes),
            _ => match *bytes {
                [first, second, third, b':', ..] => Reply::Verbatim {
                    format: [first, second, third],
                    text: bytes.split_off(4),
                },
                _ => return Err(ReplyFault::InvalidValue),
            },
        };
        Ok(Some(Taken::Reply(reply)))
    }

    fn length(&self, text: &[u8], max: usize) -> Result<usize, ReplyFault> {
        if text == b"?" {
            return Err(ReplyFault::Streamed);
        }
        let length = parse_integer(text).and_then(|length| usize::try_from(length).ok());
        let length = length.ok_or(ReplyFault::InvalidLength)?;
        if length > max {
            return Err(ReplyFault::TooBig);
        }
        Ok(length)
    }

    /// Where the line at the start of the buffer ends.
    fn line_end(&mut self, buffer: &[u8]) -> Result<Option<usize>, ReplyFault> {
        let line_max = self.limits.line_bytes_max + 1;
        let to = buffer.len().min(line_max);
        // An end that was found before is at the last byte that was searched.
        let from = self.searched.min(to);
        match buffer[from..to].iter().position(|byte| *byte == b'\r') {
            Some(at) => {
                self.searched = from + at;
                match buffer.get(from + at + 1) {
                    None => Ok(None),
                    Some(b'\n') => Ok(Some(from + at)),
                    Some(_) => Err(ReplyFault::MissingEnd),
                }
            }
            None if to == line_max => Err(ReplyFault::TooBig),
            None => {
                self.searched = to;
                Ok(None)
            }
        }
    }

    fn drop_line(&mut self, buffer: &mut BytesMut, end: usize) {
        buffer.advance(end + 2);
        self.searched = 0;
    }
}

impl Aggregate {
    fn close(self, items: Vec<Reply>) -> Reply {
        match self {
            Aggregate::Array => Reply::Array(items),
            Aggregate::Set => Reply::Set(items),
            Aggregate::Push => Reply::Push(items),
            Aggregate::Map | Aggregate::Attribute => {
                let mut entries = Vec::with_capacity(items.len() / 2);
                let mut items = items.into_iter();
                while let (Some(key), Some(value)) = (items.next(), items.next()) {
                    entries.push((key, value));
                }
                Reply::Map(entries)
            }
        }
    }
}

fn parse_double(text: &[u8]) -> Option<f64> {
    match text {
        b"inf" | b"+inf" => Some(f64::INFINITY),
        b"-inf" => Some(f64::NEG_INFINITY),
        b"nan" | b"-nan" => Some(f64::NAN),
        _ if text.iter().all(|byte| b"0123456789+-.eE".contains(byte)) => {
            core::str::from_utf8(text).ok()?.parse().ok()
        }
        _ => None,
    }
}

fn is_big_number(text: &[u8]) -> bool {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    !digits.is_empty() && digits.iter().all(u8::is_ascii_digit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    fn first(limits: ReplyLimits, bytes: &str) -> Result<Option<Reply>, ReplyFault> {
        let mut parser = ReplyParser::new(limits);
        let mut buffer = BytesMut::from(bytes);
        let first = parser.next(&mut buffer);
        if let Err(fault) = first {
            // A fault stays one, whatever comes.
            buffer.extend_from_slice(b"\r\n+OK\r\n");
            assert_eq!(parser.next(&mut buffer), Err(fault));
        }
        first
    }

    #[track_caller]
    fn assert_fault(bytes: &str, fault: ReplyFault) {
        assert_eq!(
            first(ReplyLimits::default(), bytes),
            Err(fault),
            "{bytes:?}"
        );
    }

    #[test]
    fn what_is_no_reply_is_a_fault() {
        assert_fault("\r\n", ReplyFault::UnknownKind(b'\r'));
        assert_fault("PONG\r\n", ReplyFault::UnknownKind(b'P'));
        assert_fault("+OK\rX", ReplyFault::MissingEnd);
        assert_fault("$2\r\nabc\r\n", ReplyFault::MissingEnd);
        assert_fault("$-2\r\n", ReplyFault::InvalidLength);
        assert_fault("*+1\r\n", ReplyFault::InvalidLength);
        assert_fault("%-1\r\n", ReplyFault::InvalidLength);
        assert_fault("=3\r\ntxt\r\n", ReplyFault::InvalidValue);
        for bytes in [
            ":\r\n",
            ":1.5\r\n",
            ",x\r\n",
            "#T\r\n",
            "_0\r\n",
            "(-\r\n",
            ",infinity\r\n",
        ] {
            assert_fault(bytes, ReplyFault::InvalidValue);
        }
    }

    #[test]
    fn streamed_replies_are_refused() {
        for bytes in ["$?\r\n", "*?\r\n", "%?\r\n", "~?\r\n", ";4\r\n", ".\r\n"] {
            assert_fault(bytes, ReplyFault::Streamed);
        }
    }

    #[test]
    fn an_attribute_is_dropped_wherever_it_stands() {
        let bytes = "*2\r\n:1\r\n|1\r\n+ttl\r\n*1\r\n:9\r\n:2\r\n";
        let both = Reply::Array(vec![Reply::Integer(1), Reply::Integer(2)]);
        assert_eq!(first(ReplyLimits::default(), bytes), Ok(Some(both)));
        assert_eq!(
            first(ReplyLimits::default(), "|0\r\n_\r\n"),
            Ok(Some(Reply::Nil))
        );
    }

    #[test]
    fn a_reply_is_bounded_in_each_direction() {
        let limits = ReplyLimits {
            bulk_bytes_max: 5,
            line_bytes_max: 10,
            items_max: 4,
            depth_max: 2,
        };
        let nil = Ok(Some(Reply::Nil));
        assert_eq!(first(limits, "$6\r\n"), Err(ReplyFault::TooBig));
        assert!(first(limits, "$5\r\nabcde\r\n").is_ok_and(|reply| reply.is_some()));
        assert_eq!(first(limits, "+0123456789"), Err(ReplyFault::TooBig));
        assert_eq!(first(limits, "+012345678"), Ok(None));
        assert_eq!(first(limits, "*5\r\n"), Err(ReplyFault::TooBig));
        assert_eq!(
            first(limits, "*4\r\n_\r\n_\r\n_\r\n_\r\n"),
            Err(ReplyFault::TooBig)
        );
        assert!(first(limits, "*3\r\n_\r\n_\r\n_\r\n").is_ok_and(|reply| reply.is_some()));
        assert_eq!(first(limits, "*1\r\n*1\r\n*1\r\n"), Err(ReplyFault::TooBig));
        assert_eq!(first(limits, "|2\r\n|2\r\n|2\r\n"), Err(ReplyFault::TooBig));
        assert_eq!(first(limits, "_\r\n"), nil);
    }
}
