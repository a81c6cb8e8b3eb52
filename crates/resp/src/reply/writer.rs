//! Writing replies: [`ReplyWriter`].

use super::number::{put_integer, spell_double};
use bytes::{BufMut, BytesMut};

/// Which replies a client understands. It chooses with `HELLO`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub enum Dialect {
    /// Simple strings, errors, integers, bulk strings and arrays: what a client speaks that has
    /// not said otherwise.
    #[default]
    Resp2,
    /// All that [`Reply`](super::Reply) has.
    Resp3,
}

/// Writes replies, byte by byte as redis-server 7.0 does, in the dialect of the client: what RESP2
/// has no form of its own for, it gets in the form that Redis gives it.
///
/// An aggregate is its header and then as many replies as were said; for a map twice as many.
#[derive(Debug)]
pub struct ReplyWriter<'a> {
    out: &'a mut BytesMut,
    dialect: Dialect,
}

impl<'a> ReplyWriter<'a> {
    /// Appends to `out`.
    pub fn new(out: &'a mut BytesMut, dialect: Dialect) -> Self {
        Self { out, dialect }
    }

    /// Which dialect it writes.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// A word, such as `OK`. Line ends in it become spaces.
    pub fn simple(&mut self, text: impl AsRef<[u8]>) {
        self.line(b'+', text.as_ref());
    }

    /// An error: its code, such as `ERR`, a space, and a sentence. Line ends in it become spaces.
    pub fn error(&mut self, text: impl AsRef<[u8]>) {
        self.line(b'-', text.as_ref());
    }

    /// An integer.
    pub fn integer(&mut self, value: i64) {
        write_header(self.out, b':', value);
    }

    /// Bytes.
    pub fn bulk(&mut self, bytes: impl AsRef<[u8]>) {
        self.sized(b'$', bytes.as_ref());
    }

    /// Nothing, where a bulk string was asked for.
    pub fn nil(&mut self) {
        self.either(b"$-1\r\n", b"_\r\n");
    }

    /// Nothing, where an array was asked for, as by `EXEC`.
    pub fn nil_array(&mut self) {
        self.either(b"*-1\r\n", b"_\r\n");
    }

    /// A list of `count` replies, which follow.
    pub fn array(&mut self, count: usize) {
        write_header(self.out, b'*', count as i64);
    }

    /// A map of `count` entries; their keys and values follow in turns. In RESP2 a list of both.
    pub fn map(&mut self, count: usize) {
        match self.dialect {
            Dialect::Resp2 => self.array(2 * count),
            Dialect::Resp3 => write_header(self.out, b'%', count as i64),
        }
    }

    /// A set of `count` replies, which follow. In RESP2 a list.
    pub fn set(&mut self, count: usize) {
        self.aggregate(b'~', count);
    }

    /// `count` replies that were not asked for, which follow. In RESP2 a list.
    pub fn push(&mut self, count: usize) {
        self.aggregate(b'>', count);
    }

    /// A floating-point number. In RESP2 a bulk string.
    pub fn double(&mut self, value: f64) {
        let spelling = spell_double(value);
        match self.dialect {
            Dialect::Resp2 => self.bulk(spelling.as_bytes()),
            Dialect::Resp3 => self.line(b',', spelling.as_bytes()),
        }
    }

    /// True or false. In RESP2 1 or 0.
    pub fn boolean(&mut self, value: bool) {
        if value {
            self.either(b":1\r\n", b"#t\r\n");
        } else {
            self.either(b":0\r\n", b"#f\r\n");
        }
    }

    /// Text in a format of three letters, such as `txt`. In RESP2 a bulk string.
    pub fn verbatim(&mut self, format: [u8; 3], text: impl AsRef<[u8]>) {
        let text = text.as_ref();
        match self.dialect {
            Dialect::Resp2 => self.bulk(text),
            Dialect::Resp3 => {
                write_header(self.out, b'=', text.len() as i64 + 4);
                self.out.put_slice(&format);
                self.out.put_slice(b":");
                self.out.put_slice(text);
                self.out.put_slice(b"\r\n");
            }
        }
    }

    /// An integer of any size, in decimal. In RESP2 a bulk string.
    pub fn big_number(&mut self, digits: impl AsRef<[u8]>) {
        match self.dialect {
            Dialect::Resp2 => self.bulk(digits),
            Dialect::Resp3 => self.line(b'(', digits.as_ref()),
        }
    }

    fn aggregate(&mut self, resp3: u8, count: usize) {
        match self.dialect {
            Dialect::Resp2 => self.array(count),
            Dialect::Resp3 => write_header(self.out, resp3, count as i64),
        }
    }

    fn either(&mut self, resp2: &[u8], resp3: &[u8]) {
        self.out.put_slice(match self.dialect {
            Dialect::Resp2 => resp2,
            Dialect::Resp3 => resp3,
        });
    }

    fn line(&mut self, kind: u8, text: &[u8]) {
        self.out.reserve(text.len() + 3);
        self.out.put_u8(kind);
        let start = self.out.len();
        self.out.put_slice(text);
        for byte in &mut self.out[start..] {
            if matches!(byte, b'\r' | b'\n') {
                *byte = b' ';
            }
        }
        self.out.put_slice(b"\r\n");
    }

    fn sized(&mut self, kind: u8, bytes: &[u8]) {
        self.out.reserve(bytes.len() + HEADER_BYTES_MAX + 2);
        write_header(self.out, kind, bytes.len() as i64);
        self.out.put_slice(bytes);
        self.out.put_slice(b"\r\n");
    }
}

/// A kind, the longest integer, and the end of the line.
const HEADER_BYTES_MAX: usize = 1 + 20 + 2;

/// Writes `kind`, a count or a value, and the end of the line.
pub(crate) fn write_header(out: &mut BytesMut, kind: u8, value: i64) {
    if let digit @ 0..=9 = value {
        out.put_slice(&[kind, b'0' + digit as u8, b'\r', b'\n']);
        return;
    }
    out.put_u8(kind);
    put_integer(out, value);
    out.put_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(dialect: Dialect, write: impl Fn(&mut ReplyWriter<'_>)) -> BytesMut {
        let mut out = BytesMut::new();
        write(&mut ReplyWriter::new(&mut out, dialect));
        out
    }

    #[track_caller]
    fn assert_forms(write: impl Fn(&mut ReplyWriter<'_>), resp2: &str, resp3: &str) {
        assert_eq!(written(Dialect::Resp2, &write), resp2);
        assert_eq!(written(Dialect::Resp3, &write), resp3);
    }

    #[test]
    fn what_both_dialects_have_looks_alike_in_both() {
        assert_forms(|to| to.simple("OK"), "+OK\r\n", "+OK\r\n");
        assert_forms(|to| to.error("ERR no"), "-ERR no\r\n", "-ERR no\r\n");
        assert_forms(|to| to.integer(-7), ":-7\r\n", ":-7\r\n");
        assert_forms(|to| to.integer(10), ":10\r\n", ":10\r\n");
        assert_forms(
            |to| to.bulk("a\r\nb"),
            "$4\r\na\r\nb\r\n",
            "$4\r\na\r\nb\r\n",
        );
        assert_forms(|to| to.bulk(""), "$0\r\n\r\n", "$0\r\n\r\n");
        assert_forms(|to| to.array(2), "*2\r\n", "*2\r\n");
    }

    #[test]
    fn what_resp2_lacks_it_gets_in_a_form_that_it_has() {
        assert_forms(|to| to.nil(), "$-1\r\n", "_\r\n");
        assert_forms(|to| to.nil_array(), "*-1\r\n", "_\r\n");
        assert_forms(|to| to.map(2), "*4\r\n", "%2\r\n");
        assert_forms(|to| to.set(12), "*12\r\n", "~12\r\n");
        assert_forms(|to| to.push(3), "*3\r\n", ">3\r\n");
        assert_forms(|to| to.double(1.5), "$3\r\n1.5\r\n", ",1.5\r\n");
        assert_forms(
            |to| to.double(f64::NEG_INFINITY),
            "$4\r\n-inf\r\n",
            ",-inf\r\n",
        );
        assert_forms(|to| to.boolean(true), ":1\r\n", "#t\r\n");
        assert_forms(|to| to.boolean(false), ":0\r\n", "#f\r\n");
        assert_forms(
            |to| to.verbatim(*b"txt", "hi"),
            "$2\r\nhi\r\n",
            "=6\r\ntxt:hi\r\n",
        );
        assert_forms(|to| to.big_number("-123"), "$4\r\n-123\r\n", "(-123\r\n");
    }

    #[test]
    fn a_line_stays_one_line() {
        assert_forms(
            |to| to.error("ERR unknown command 'a\r\nb'"),
            "-ERR unknown command 'a  b'\r\n",
            "-ERR unknown command 'a  b'\r\n",
        );
    }
}
