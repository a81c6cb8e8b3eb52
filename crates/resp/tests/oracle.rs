//! Against another implementation: the crate `redis-protocol`.
//!
//! On bytes that are spelt as everyone spells them the two agree: whole, split anywhere, and after
//! random changes. On others they differ, and ours does what redis-server does (compared with it in
//! `tests/redis`). Where `redis-protocol` differs from redis-server:
//!
//! - it takes integers such as `+3`, `03` and `-0` in headers, which are faults;
//! - it wants `\r\n` after each header and argument, where any two bytes will do after an argument,
//!   and any byte after the `\r` of a header;
//! - it takes replies of all kinds where a request has bulk strings alone;
//! - it knows no inline commands, and has no bounds.
//!
//! And from the reply parser: it keeps attributes, which are dropped here; puts streamed strings
//! together, which are refused; its maps and sets have no order and no duplicates; it knows two
//! formats of verbatim strings; and its errors are UTF-8.

use bytes::{Bytes, BytesMut};
use proptest::prelude::*;
use redis_protocol::resp2;
use redis_protocol::resp3;
use resp::{
    Dialect, Limits, Reply, ReplyFault, ReplyLimits, ReplyParser, ReplyWriter, RequestParser,
    write_request,
};

type Arguments = Vec<Vec<u8>>;

/// The requests in `bytes`, which come in these pieces; and how many bytes they were.
fn requests(pieces: &[&[u8]]) -> (Vec<Arguments>, Result<usize, resp::ProtocolFault>) {
    let mut parser = RequestParser::new(Limits::default());
    let (mut buffer, mut requests) = (BytesMut::new(), Vec::new());
    for piece in pieces {
        buffer.extend_from_slice(piece);
        loop {
            match parser.next(&mut buffer) {
                Ok(Some(request)) => requests.push(request.iter().map(<[u8]>::to_vec).collect()),
                Ok(None) => break,
                Err(fault) => return (requests, Err(fault)),
            }
        }
    }
    let all: usize = pieces.iter().map(|piece| piece.len()).sum();
    (requests, Ok(all - buffer.len()))
}

/// The request at the start of `bytes` and its length, as the oracle has it.
fn oracle_request(bytes: &[u8]) -> Option<(Arguments, usize)> {
    let (frame, length) = resp2::decode::decode(bytes).ok()??;
    let resp2::types::OwnedFrame::Array(items) = frame else {
        return None;
    };
    let argument = |item| match item {
        resp2::types::OwnedFrame::BulkString(argument) => Some(argument),
        _ => None,
    };
    let arguments: Option<Arguments> = items.into_iter().map(argument).collect();
    Some((arguments.filter(|arguments| !arguments.is_empty())?, length))
}

fn spelt(arguments: &Arguments) -> BytesMut {
    let mut bytes = BytesMut::new();
    write_request(&mut bytes, arguments);
    bytes
}

fn any_arguments() -> impl Strategy<Value = Arguments> {
    let argument = prop_oneof![
        4 => prop::collection::vec(any::<u8>(), 0..20),
        1 => Just(b"\r\n$1\r\n".to_vec()),
        1 => (90usize..110).prop_map(|length| vec![b'a'; length]),
    ];
    prop::collection::vec(argument, 1..12)
}

/// Replaces, takes out and puts in a few bytes.
fn any_damage() -> impl Strategy<Value = Vec<(prop::sample::Index, u8, u8)>> {
    let byte = prop_oneof![
        any::<u8>(),
        prop::sample::select(&b"*$+-:_,#!=(%~>|\r\n0123456789?\"' "[..])
    ];
    prop::collection::vec((any::<prop::sample::Index>(), 0..3u8, byte), 1..4)
}

fn damaged(bytes: &[u8], damage: &[(prop::sample::Index, u8, u8)]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for (at, how, byte) in damage {
        let at = at.index(bytes.len().max(1));
        match how {
            0 if at < bytes.len() => bytes[at] = *byte,
            1 if at < bytes.len() => {
                bytes.remove(at);
            }
            _ => bytes.insert(at, *byte),
        }
    }
    bytes
}

proptest! {
    #[test]
    fn requests_are_read_as_the_oracle_reads_them_wherever_they_are_split(
        sent in prop::collection::vec(any_arguments(), 1..5)
    ) {
        let bytes = sent.iter().map(spelt).collect::<Vec<_>>().concat();
        let mut rest = &bytes[..];
        for request in &sent {
            let (arguments, length) = oracle_request(rest).expect("a request");
            prop_assert_eq!(&arguments, request);
            rest = &rest[length..];
        }
        for at in 0..=bytes.len() {
            let (before, after) = bytes.split_at(at);
            prop_assert_eq!(requests(&[before, after]), (sent.clone(), Ok(bytes.len())));
        }
    }

    #[test]
    fn damaged_requests_are_read_alike_where_they_are_spelt_as_everyone_does(
        sent in prop::collection::vec(any_arguments(), 1..3),
        damage in any_damage(),
    ) {
        let bytes = damaged(&sent.iter().map(spelt).collect::<Vec<_>>().concat(), &damage);
        let (got, end) = requests(&[&bytes]);
        let singly: Vec<&[u8]> = bytes.chunks(1).collect();
        prop_assert_eq!(requests(&singly), (got.clone(), end), "it depends on the pieces");

        let oracle = oracle_request(&bytes);
        if let Some(first) = got.first() && bytes.starts_with(&spelt(first)) {
            prop_assert_eq!(oracle, Some((first.clone(), spelt(first).len())));
        } else if let Some((first, length)) = oracle {
            prop_assert_ne!(&spelt(&first)[..], &bytes[..length]);
        }
    }

    #[test]
    fn any_bytes_are_requests_or_a_fault_whatever_the_pieces(bytes: Vec<u8>) {
        let singly: Vec<&[u8]> = bytes.chunks(1).collect();
        prop_assert_eq!(requests(&singly), requests(&[&bytes]));
    }
}

/// The replies in `bytes`, which come in these pieces; and how many bytes they were.
fn replies(pieces: &[&[u8]]) -> (Vec<Reply>, Result<usize, ReplyFault>) {
    let mut parser = ReplyParser::new(ReplyLimits::default());
    let (mut buffer, mut replies) = (BytesMut::new(), Vec::new());
    let mut taken = 0;
    for piece in pieces {
        buffer.extend_from_slice(piece);
        loop {
            let before = buffer.len();
            let next = parser.next(&mut buffer);
            taken += before - buffer.len();
            match next {
                Ok(Some(reply)) => replies.push(reply),
                Ok(None) => break,
                Err(fault) => return (replies, Err(fault)),
            }
        }
    }
    (replies, Ok(taken))
}

fn written(dialect: Dialect, reply: &Reply) -> BytesMut {
    let mut out = BytesMut::new();
    reply.write(&mut ReplyWriter::new(&mut out, dialect));
    out
}

/// The reply as the oracle has it.
fn as_oracle(reply: &Reply) -> resp3::types::OwnedFrame {
    use resp3::types::OwnedFrame;
    let attributes = None;
    let all = |items: &[Reply]| items.iter().map(as_oracle).collect::<Vec<_>>();
    match reply {
        Reply::Simple(text) => OwnedFrame::SimpleString {
            data: text.to_vec(),
            attributes,
        },
        Reply::Error(text) => OwnedFrame::SimpleError {
            data: String::from_utf8_lossy(text).into_owned(),
            attributes,
        },
        Reply::Integer(data) => OwnedFrame::Number {
            data: *data,
            attributes,
        },
        Reply::Bulk(bytes) => OwnedFrame::BlobString {
            data: bytes.to_vec(),
            attributes,
        },
        Reply::Nil => OwnedFrame::Null,
        Reply::Array(items) => OwnedFrame::Array {
            data: all(items),
            attributes,
        },
        Reply::Push(items) => OwnedFrame::Push {
            data: all(items),
            attributes,
        },
        Reply::Set(items) => OwnedFrame::Set {
            data: all(items).into_iter().collect(),
            attributes,
        },
        Reply::Map(entries) => OwnedFrame::Map {
            data: entries
                .iter()
                .map(|(key, value)| (as_oracle(key), as_oracle(value)))
                .collect(),
            attributes,
        },
        Reply::Double(data) => OwnedFrame::Double {
            data: *data,
            attributes,
        },
        Reply::Boolean(data) => OwnedFrame::Boolean {
            data: *data,
            attributes,
        },
        Reply::Verbatim { format, text } => OwnedFrame::VerbatimString {
            data: text.to_vec(),
            format: match format {
                b"mkd" => resp3::types::VerbatimStringFormat::Markdown,
                _ => resp3::types::VerbatimStringFormat::Text,
            },
            attributes,
        },
        Reply::BigNumber(digits) => OwnedFrame::BigNumber {
            data: digits.to_vec(),
            attributes,
        },
    }
}

/// Whether the oracle can hold the reply, and hold it in one way only.
fn is_for_oracle(reply: &Reply) -> bool {
    let is_key = |keys: &[&Reply], at: usize| {
        matches!(
            keys[at],
            Reply::Integer(_) | Reply::Bulk(_) | Reply::Simple(_)
        ) && !keys[..at].contains(&keys[at])
    };
    let are_keys = |keys: Vec<&Reply>| (0..keys.len()).all(|at| is_key(&keys, at));
    match reply {
        Reply::Error(text) => std::str::from_utf8(text).is_ok(),
        Reply::Verbatim { format, .. } => matches!(format, b"txt" | b"mkd"),
        Reply::Array(items) | Reply::Push(items) => items.iter().all(is_for_oracle),
        Reply::Set(items) => are_keys(items.iter().collect()),
        Reply::Map(entries) => {
            are_keys(entries.iter().map(|(key, _)| key).collect())
                && entries.iter().all(|(_, value)| is_for_oracle(value))
        }
        _ => true,
    }
}

/// Replies that the oracle can hold: what it hashes is what can be a key there.
fn any_reply() -> impl Strategy<Value = Reply> {
    let text = "[a-zA-Z0-9 .'é]{0,12}".prop_map(Bytes::from);
    let bytes = prop::collection::vec(any::<u8>(), 0..40).prop_map(Bytes::from);
    let key = prop_oneof![
        any::<i64>().prop_map(Reply::Integer),
        bytes.clone().prop_map(Reply::Bulk),
        text.clone().prop_map(Reply::Simple),
    ];
    let leaf = prop_oneof![
        key.clone(),
        text.clone().prop_map(Reply::Error),
        Just(Reply::Nil),
        any::<f64>()
            .prop_filter("it equals nothing", |value| !value.is_nan())
            .prop_map(Reply::Double),
        any::<bool>().prop_map(Reply::Boolean),
        (prop::sample::select(vec![*b"txt", *b"mkd"]), text)
            .prop_map(|(format, text)| Reply::Verbatim { format, text }),
        "-?[0-9]{1,40}".prop_map(|digits| Reply::BigNumber(digits.into())),
    ];
    leaf.prop_recursive(4, 40, 6, move |reply| {
        let all = prop::collection::vec(reply.clone(), 0..6);
        prop_oneof![
            all.clone().prop_map(Reply::Array),
            prop::collection::vec((key.clone(), reply), 0..6)
                .prop_map(Reply::Map)
                .prop_filter("no key twice", is_for_oracle),
            prop::collection::vec(key.clone(), 0..6)
                .prop_map(Reply::Set)
                .prop_filter("no key twice", is_for_oracle),
        ]
    })
}

proptest! {
    #[test]
    fn replies_are_read_as_the_oracle_reads_them_wherever_they_are_split(
        sent in prop::collection::vec(any_reply(), 1..4)
    ) {
        let bytes: Vec<BytesMut> = sent.iter().map(|reply| written(Dialect::Resp3, reply)).collect();
        for (reply, bytes) in sent.iter().zip(&bytes) {
            let (frame, length) = resp3::decode::complete::decode(bytes).unwrap().expect("a reply");
            prop_assert_eq!((frame, length), (as_oracle(reply), bytes.len()));
        }
        let bytes = bytes.concat();
        for at in 0..=bytes.len() {
            let (before, after) = bytes.split_at(at);
            prop_assert_eq!(replies(&[before, after]), (sent.clone(), Ok(bytes.len())));
        }
    }

    #[test]
    fn damaged_replies_are_read_alike_where_they_are_spelt_as_everyone_does(
        sent in any_reply(),
        damage in any_damage(),
    ) {
        let bytes = damaged(&written(Dialect::Resp3, &sent), &damage);
        let (got, end) = replies(&[&bytes]);
        let singly: Vec<&[u8]> = bytes.chunks(1).collect();
        // As text, in which nothing is something.
        prop_assert_eq!(
            format!("{:?}", replies(&singly)),
            format!("{:?}", (&got, end)),
            "it depends on the pieces"
        );
        if let Some(first) = got.first()
            && is_for_oracle(first)
            && bytes.starts_with(&written(Dialect::Resp3, first))
        {
            let oracle = resp3::decode::complete::decode(&bytes).ok().flatten();
            prop_assert_eq!(
                format!("{:?}", oracle.map(|(frame, length)| (frame == as_oracle(first), length))),
                format!("{:?}", Some((true, written(Dialect::Resp3, first).len())))
            );
        }
    }

    #[test]
    fn any_bytes_are_replies_or_a_fault_whatever_the_pieces(bytes: Vec<u8>) {
        let singly: Vec<&[u8]> = bytes.chunks(1).collect();
        prop_assert_eq!(format!("{:?}", replies(&singly)), format!("{:?}", replies(&[&bytes])));
    }
}
