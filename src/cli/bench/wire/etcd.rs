//! etcd's gRPC: `Range`, `Put`, and a `Txn` that puts if the key exists.
//!
//! The few messages that are needed are written and read by hand; their fields are those of etcd's
//! `rpc.proto`.

use super::{Templates, name};
use crate::cli::bench::load::Load;
use crate::cli::bench::operation::{Answer, Kind};
use crate::cli::bench::template::Template;

/// What is asked of etcd. Reads are linearizable, which is etcd's default.
#[derive(Debug)]
pub(in crate::cli::bench) struct Etcd {
    templates: Templates,
}

/// What follows an answer.
#[derive(Clone, Copy, Debug)]
pub(in crate::cli::bench) struct Trailers<'a> {
    pub(in crate::cli::bench) status: Option<&'a str>,
    pub(in crate::cli::bench) message: Option<&'a str>,
}

impl Etcd {
    pub(in crate::cli::bench) fn new(load: &Load) -> Self {
        let value_bytes = load.value_bytes;
        let key = |field| bytes_field(field, name(load), load.name_bytes());
        let put = || {
            let value = bytes_field(2, Template::default().value(), value_bytes);
            // PutRequest: key = 1, value = 2.
            key(1).then(value)
        };
        let of = |kind| match kind {
            // RangeRequest: key = 1.
            Kind::Read => key(1),
            Kind::Write => put(),
            Kind::Conditional => {
                // Compare: result = 1 (GREATER = 1), target = 2 (VERSION = 0), key = 3, version = 4.
                let compare = Template::default().bytes([0x08, 1]).then(key(3));
                let compare = compare.bytes([0x20, 0]);
                let length = compare.len(value_bytes);
                let compare = bytes_field(1, compare, length);
                // RequestOp: request_put = 2.
                let success = bytes_field(2, put(), put().len(value_bytes));
                let length = success.len(value_bytes);
                // TxnRequest: compare = 1, success = 2.
                compare.then(bytes_field(2, success, length))
            }
        };
        Self {
            templates: Kind::ALL.map(|kind| framed(of(kind), value_bytes)),
        }
    }

    /// The message for an operation of this kind, in its frame.
    pub(in crate::cli::bench) fn template(&self, kind: Kind) -> &Template {
        &self.templates[kind as usize]
    }
}

/// The method for an operation of this kind.
pub(in crate::cli::bench) fn path(kind: Kind) -> &'static str {
    match kind {
        Kind::Read => "/etcdserverpb.KV/Range",
        Kind::Write => "/etcdserverpb.KV/Put",
        Kind::Conditional => "/etcdserverpb.KV/Txn",
    }
}

/// What the answer to an operation says.
///
/// # Errors
/// If this is no answer.
pub(in crate::cli::bench) fn answer<'a>(
    kind: Kind,
    framed: &[u8],
    trailers: Trailers<'_>,
    words: &'a mut String,
) -> Result<Answer<'a>, String> {
    let status = trailers.status.ok_or("etcd's answer has no grpc-status")?;
    if status != "0" {
        let message = trailers.message.unwrap_or_default();
        let kind_bytes = "gRPC ".len() + status.len();
        *words = format!("gRPC {status} {message}");
        return Ok(Answer::Error {
            kind: &words[..kind_bytes],
            words,
        });
    }
    const NOT_GRPC: &str = "etcd's answer is no gRPC message";
    let message = framed.get(FRAME_BYTES..).ok_or(NOT_GRPC)?;
    if framed[0] != 0 || framed[1..FRAME_BYTES] != (message.len() as u32).to_be_bytes() {
        return Err(NOT_GRPC.to_owned());
    }
    // RangeResponse: count = 4. TxnResponse: succeeded = 2. What is 0 or false is left out.
    let (field, otherwise) = match kind {
        Kind::Read => (4, Answer::Nothing),
        Kind::Conditional => (2, Answer::Unmet),
        Kind::Write => return Ok(Answer::Done),
    };
    match varint_field(message, field).ok_or(NOT_GRPC)? {
        0 => Ok(otherwise),
        _ => Ok(Answer::Done),
    }
}

/// Whether the message is compressed, and its length.
const FRAME_BYTES: usize = 5;

fn framed(message: Template, value_bytes: usize) -> Template {
    let length = u32::try_from(message.len(value_bytes)).expect("values are shorter than that");
    let frame = Template::default().bytes([0]).bytes(length.to_be_bytes());
    frame.then(message)
}

/// A field whose content has a length.
fn bytes_field(field: u8, content: Template, length: usize) -> Template {
    let mut begin = vec![field << 3 | LENGTH_DELIMITED as u8];
    let mut rest = length;
    while rest >= 0x80 {
        begin.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    begin.push(rest as u8);
    Template::default().bytes(begin).then(content)
}

const VARINT: u64 = 0;
const FIXED_64: u64 = 1;
const LENGTH_DELIMITED: u64 = 2;
const FIXED_32: u64 = 5;

/// The number in a field of a message; 0 if it has none, and nothing if this is no message.
fn varint_field(mut message: &[u8], wanted: u64) -> Option<u64> {
    let mut found = 0;
    while !message.is_empty() {
        let key = take_varint(&mut message)?;
        let skipped = match key & 7 {
            VARINT => {
                let number = take_varint(&mut message)?;
                if key >> 3 == wanted {
                    found = number;
                }
                0
            }
            FIXED_64 => 8,
            LENGTH_DELIMITED => usize::try_from(take_varint(&mut message)?).ok()?,
            FIXED_32 => 4,
            _ => return None,
        };
        message = message.get(skipped..)?;
    }
    Some(found)
}

fn take_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::bench::load::tests::load;
    use crate::cli::bench::operation::Operation;
    use crate::cli::bench::template::Values;

    fn written(kind: Kind, value_bytes: usize) -> Vec<u8> {
        let load = Load {
            value_bytes,
            prefix: "k".to_owned(),
            ..load()
        };
        let operation = Operation {
            kind,
            register: 7,
            value: 0,
        };
        let mut out = Vec::new();
        let values = Values::new(value_bytes);
        let etcd = Etcd::new(&load);
        etcd.template(kind).write(&operation, &values, &mut out);
        let (frame, message) = out.split_at(FRAME_BYTES);
        assert_eq!(frame[1..], (message.len() as u32).to_be_bytes());
        message.to_vec()
    }

    #[test]
    fn messages_are_those_of_etcd() {
        let key = b"k000000000007";
        let range = [&[0x0a, 13], &key[..]].concat();
        assert_eq!(written(Kind::Read, 64), range);
        let put = written(Kind::Write, 2);
        assert_eq!(put[..15], range);
        assert_eq!((put[15], put[16], put.len()), (0x12, 2, 19));
        let txn = written(Kind::Conditional, 2);
        let compare = [&[0x0a, 19, 0x08, 1, 0x1a, 13], &key[..], &[0x20, 0]].concat();
        assert_eq!(txn[..21], compare);
        assert_eq!(txn[21..25], [0x12, 21, 0x12, 19]);
        assert_eq!(txn[25..], put);
    }

    #[test]
    fn a_long_value_has_a_long_length() {
        let put = written(Kind::Write, 300);
        assert_eq!(put[15..18], [0x12, 0xac, 0x02]);
        assert_eq!(put.len(), 18 + 300);
    }

    fn told(kind: Kind, message: &[u8], status: Option<&str>) -> String {
        let framed = [&[0][..], &(message.len() as u32).to_be_bytes(), message].concat();
        let trailers = Trailers {
            status,
            message: Some("etcdserver: request timed out"),
        };
        match answer(kind, &framed, trailers, &mut String::new()) {
            Ok(answer) => format!("{answer:?}"),
            Err(error) => error,
        }
    }

    #[test]
    fn answers_are_told_apart() {
        let ok = Some("0");
        // A header of three bytes, more = false, count = 1.
        let found = [0x0a, 3, 1, 2, 3, 0x18, 0, 0x20, 1];
        assert_eq!(told(Kind::Read, &found, ok), "Done");
        assert_eq!(told(Kind::Read, &found[..5], ok), "Nothing");
        assert_eq!(told(Kind::Write, &[], ok), "Done");
        assert_eq!(told(Kind::Conditional, &[0x10, 1], ok), "Done");
        assert_eq!(told(Kind::Conditional, &[0x0a, 0], ok), "Unmet");
        assert_eq!(
            told(Kind::Read, &[], Some("14")),
            "Error { kind: \"gRPC 14\", words: \"gRPC 14 etcdserver: request timed out\" }"
        );
        for cut in [&[0x0a, 4, 1][..], &[0x20], &[0x0f], &[0xff; 11]] {
            assert!(told(Kind::Read, cut, ok).contains("no gRPC"), "{cut:?}");
        }
        assert!(told(Kind::Read, &found, None).contains("no grpc-status"));
    }
}
