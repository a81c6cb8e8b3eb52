//! Parts of a file that carry their length, their place among the others and their checksum.
//!
//! The head of a section has a checksum of its own, so that no length is acted upon that was not
//! written like this.

use super::block::REST_BYTES_MAX;
use super::error::Fault;
use super::fields::Fields;
use super::{BLOCK_BYTES, VALUE_BYTES_MAX};
use hyper::body::Bytes;
use lz4_flex::block::{compress_into, decompress_into, get_maximum_output_size};
use protocol::RegisterName;
use xxhash_rust::xxh3::xxh3_64;

/// What a section is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// The first one.
    Header = 1,
    /// One with registers.
    Block = 2,
    /// The last one.
    Footer = 3,
}

/// How what is in a section is stored.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stored {
    /// As it is: it would not get shorter.
    Plain = 0,
    /// As a block of LZ4, without a frame.
    Lz4 = 1,
}

/// What comes before what a section stores.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Head {
    /// What the section is.
    pub(super) kind: Kind,
    /// Its number: the header's is zero, and each has the one after that of the one before it.
    pub(super) number: u64,
    stored: Stored,
    /// How long its content is.
    content_bytes: u32,
    /// How many bytes that is stored in.
    pub(super) stored_bytes: u32,
    /// Of these bytes.
    checksum: u64,
}

/// How many bytes a head takes.
pub(super) const HEAD_BYTES: usize = FIELDS_BYTES + 8;

/// How many of these its own checksum is about.
const FIELDS_BYTES: usize = 1 + 8 + 1 + 4 + 4 + 8;

/// The longest content: that of a block with one register, the longest that there is.
const CONTENT_BYTES_MAX: usize = VALUE_BYTES_MAX + RegisterName::BYTES_MAX + REST_BYTES_MAX;

const _: () = assert!(BLOCK_BYTES <= CONTENT_BYTES_MAX);

/// How much longer than what is stored LZ4 can make it: each byte that it spends on the length of
/// a repetition stands for so many, at most, and the last one for a few less.
const LZ4_RATIO_MAX: usize = 255;

/// A section: its head and what it stores, as written.
pub(super) fn encode(kind: Kind, number: u64, content: &[u8]) -> Vec<u8> {
    assert!(
        content.len() <= CONTENT_BYTES_MAX,
        "blocks are closed in time"
    );
    let mut out = vec![0; HEAD_BYTES + get_maximum_output_size(content.len())];
    let compressed = compress_into(content, &mut out[HEAD_BYTES..]).ok();
    let stored = match compressed {
        Some(length) if length < content.len() => {
            out.truncate(HEAD_BYTES + length);
            Stored::Lz4
        }
        _ => {
            out.truncate(HEAD_BYTES);
            out.extend(content);
            Stored::Plain
        }
    };
    let head = Head {
        kind,
        number,
        stored,
        content_bytes: content.len() as u32,
        stored_bytes: (out.len() - HEAD_BYTES) as u32,
        checksum: xxh3_64(&out[HEAD_BYTES..]),
    };
    out[..HEAD_BYTES].copy_from_slice(&head.encode());
    out
}

impl Head {
    fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(HEAD_BYTES);
        out.push(self.kind as u8);
        out.extend(self.number.to_be_bytes());
        out.push(self.stored as u8);
        out.extend(self.content_bytes.to_be_bytes());
        out.extend(self.stored_bytes.to_be_bytes());
        out.extend(self.checksum.to_be_bytes());
        out.extend(xxh3_64(&out).to_be_bytes());
        out
    }

    /// Reads a head.
    pub(super) fn decode(bytes: &[u8; HEAD_BYTES]) -> Result<Self, Fault> {
        let (fields, checksum) = bytes.split_at(FIELDS_BYTES);
        if xxh3_64(fields).to_be_bytes() != checksum {
            return Err(Fault::WrongChecksum);
        }
        Self::fields(Bytes::copy_from_slice(fields)).map_err(Fault::Malformed)
    }

    fn fields(fields: Bytes) -> Result<Self, &'static str> {
        let mut fields = Fields(fields);
        let kind = match fields.u8()? {
            1 => Kind::Header,
            2 => Kind::Block,
            3 => Kind::Footer,
            _ => return Err("there is no such section"),
        };
        let number = fields.u64()?;
        let stored = match fields.u8()? {
            0 => Stored::Plain,
            1 => Stored::Lz4,
            _ => return Err("its content is stored in no known way"),
        };
        let head = Self {
            kind,
            number,
            stored,
            content_bytes: fields.u32()?,
            stored_bytes: fields.u32()?,
            checksum: fields.u64()?,
        };
        head.check_lengths().map(|()| head)
    }

    fn check_lengths(&self) -> Result<(), &'static str> {
        let (content, stored) = (self.content_bytes as usize, self.stored_bytes as usize);
        let fit = match self.stored {
            Stored::Plain => content == stored,
            Stored::Lz4 => stored < content && content <= stored * LZ4_RATIO_MAX,
        };
        match fit && content <= CONTENT_BYTES_MAX {
            true => Ok(()),
            false => Err("its lengths cannot be those of a section"),
        }
    }

    /// The content of what is stored.
    pub(super) fn content(&self, stored: Vec<u8>) -> Result<Bytes, Fault> {
        if xxh3_64(&stored) != self.checksum {
            return Err(Fault::WrongChecksum);
        }
        match self.stored {
            Stored::Plain => Ok(stored.into()),
            Stored::Lz4 => {
                let mut content = vec![0; self.content_bytes as usize];
                match decompress_into(&stored, &mut content) {
                    Ok(length) if length == content.len() => Ok(content.into()),
                    _ => Err(Fault::Malformed("it cannot be decompressed")),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_get_shorter_is_stored_as_it_is() {
        let short = encode(Kind::Block, 7, b"abc");
        assert_eq!(&short[HEAD_BYTES..], b"abc");
        let long = encode(Kind::Block, 7, &[b'a'; 100_000]);
        assert!(long.len() < 1_000, "{}", long.len());
        for (section, content) in [(short, &b"abc"[..]), (long, &[b'a'; 100_000])] {
            let (head, stored) = section.split_first_chunk().unwrap();
            let head = Head::decode(head).unwrap();
            assert_eq!((head.kind, head.number), (Kind::Block, 7));
            assert_eq!(head.content(stored.to_vec()).unwrap(), content);
        }
    }

    #[test]
    fn lengths_that_cannot_be_are_not_acted_upon() {
        let head = Head {
            kind: Kind::Block,
            number: 1,
            stored: Stored::Lz4,
            content_bytes: 1000,
            stored_bytes: 10,
            checksum: 0,
        };
        let of = |head: Head| Head::decode(&head.encode().try_into().unwrap());
        assert_eq!(of(head).unwrap(), head);
        let long = CONTENT_BYTES_MAX as u32 + 1;
        for (stored, content_bytes, stored_bytes) in [
            (Stored::Plain, 10, 9),
            (Stored::Plain, long, long),
            (Stored::Lz4, 10, 10),
            (Stored::Lz4, 2551, 10),
            (Stored::Lz4, long, long - 1),
            (Stored::Lz4, u32::MAX, u32::MAX - 1),
        ] {
            let head = Head {
                stored,
                content_bytes,
                stored_bytes,
                ..head
            };
            assert!(matches!(of(head), Err(Fault::Malformed(_))), "{head:?}");
        }
    }
}
