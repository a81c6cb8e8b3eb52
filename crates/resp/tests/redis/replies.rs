//! Replies as redis-server writes them: written by the writer, and read by the parser.

use crate::server::RedisServer;
use bytes::BytesMut;
use resp::{Dialect, Reply, ReplyLimits, ReplyParser, ReplyWriter, write_request};

const DIALECTS: [(Dialect, &str); 2] = [(Dialect::Resp2, "2"), (Dialect::Resp3, "3")];

/// What the server answers to the last of these requests, in a dialect.
fn answer(server: &RedisServer, dialect: &str, requests: &[&[&str]]) -> BytesMut {
    let mut bytes = BytesMut::new();
    write_request(&mut bytes, ["HELLO", dialect]);
    for request in requests {
        write_request(&mut bytes, request.iter());
    }
    let is_complete = |answer: &[u8]| {
        let (mut parser, mut answer) = (parser(), BytesMut::from(answer));
        (0..=requests.len()).all(|_| parser.next(&mut answer).expect("replies").is_some())
    };
    let mut answer = BytesMut::from(&server.answer(&bytes, is_complete)[..]);
    let mut parser = parser();
    for _ in 0..requests.len() {
        parser
            .next(&mut answer)
            .expect("a reply")
            .expect("all of it");
    }
    answer
}

fn parser() -> ReplyParser {
    ReplyParser::new(ReplyLimits::default())
}

fn read(bytes: &BytesMut) -> Reply {
    let mut bytes = bytes.clone();
    let reply = parser().next(&mut bytes).expect("a reply");
    assert!(bytes.is_empty(), "nothing follows");
    reply.expect("all of it")
}

fn written(dialect: Dialect, reply: &Reply) -> BytesMut {
    let mut out = BytesMut::new();
    reply.write(&mut ReplyWriter::new(&mut out, dialect));
    out
}

#[test]
fn each_kind_is_written_as_redis_does() {
    let Some(server) = RedisServer::start(&[]) else {
        return;
    };
    type Write = fn(&mut ReplyWriter<'_>);
    let kinds: [(&str, Write); 12] = [
        ("string", |to| to.bulk("Hello World")),
        ("integer", |to| to.integer(12345)),
        // What `DEBUG PROTOCOL` sends, which is no pi.
        ("double", |to| to.double("3.141".parse().expect("a number"))),
        ("null", |to| to.nil()),
        ("array", |to| {
            to.array(3);
            (0..3).for_each(|item| to.integer(item));
        }),
        ("set", |to| {
            to.set(3);
            (0..3).for_each(|item| to.integer(item));
        }),
        ("map", |to| {
            to.map(3);
            for item in 0..3 {
                to.integer(item);
                to.boolean(item == 1);
            }
        }),
        ("verbatim", |to| {
            to.verbatim(*b"txt", "This is a verbatim\nstring")
        }),
        ("true", |to| to.boolean(true)),
        ("false", |to| to.boolean(false)),
        ("bignum", |to| {
            to.big_number("1234567999999999999999999999999999999")
        }),
        ("push", |to| {
            to.push(2);
            to.bulk("server-cpu-usage");
            to.integer(42);
        }),
    ];
    for (dialect, hello) in DIALECTS {
        for (kind, write) in kinds {
            // Redis has no push for those who speak RESP2.
            if kind == "push" && dialect == Dialect::Resp2 {
                continue;
            }
            let expected = answer(&server, hello, &[&["DEBUG", "PROTOCOL", kind]]);
            let mut out = BytesMut::new();
            write(&mut ReplyWriter::new(&mut out, dialect));
            // After the push there is a reply of its own.
            let expected = match kind {
                "push" => &expected[..out.len()],
                _ => &expected,
            };
            assert_eq!(
                out.escape_ascii().to_string(),
                expected.escape_ascii().to_string(),
                "{kind}"
            );
        }
    }
}

#[test]
fn doubles_are_written_as_redis_does() {
    let Some(server) = RedisServer::start(&[]) else {
        return;
    };
    let mut values = vec![
        0.0,
        1.0,
        -1.0,
        0.1,
        1e16,
        1e17,
        1.5e300,
        1e-4,
        1e-5,
        0.3,
        1.0 / 3.0,
        123_456_789.125,
        f64::MAX,
        f64::MIN_POSITIVE,
        f64::EPSILON,
        f64::INFINITY,
        f64::NEG_INFINITY,
        1e21,
        1e22,
        9_007_199_254_740_993.0,
        4.35,
        2.675,
        1e15,
        999_999_999_999_999_999.0,
    ];
    // Numbers of all sizes, the same in each run.
    let mut bits = 0x9e37_79b9_7f4a_7c15_u64;
    while values.len() < 500 {
        bits = bits
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let value = f64::from_bits(bits);
        if value.is_normal() {
            values.push(value);
        }
    }
    for (dialect, hello) in DIALECTS {
        for value in &values {
            // Rust's `{:e}` is as short as can be and reads back as the same number.
            let spelt = format!("{value:e}");
            let requests: [&[&str]; 2] = [
                &["ZADD", "numbers", &spelt, "n"],
                &["ZSCORE", "numbers", "n"],
            ];
            let expected = answer(&server, hello, &requests);
            assert_eq!(
                written(dialect, &Reply::Double(*value)),
                expected,
                "{spelt}"
            );
        }
    }
}

#[test]
fn what_redis_answers_is_read_and_written_back_as_it_was() {
    let Some(server) = RedisServer::start(&[]) else {
        return;
    };
    let asked: [&[&str]; 16] = [
        &["COMMAND"],
        &["COMMAND", "DOCS"],
        &["COMMAND", "INFO", "get", "no", "set"],
        &["COMMAND", "COUNT"],
        &["HELLO"],
        &["INFO"],
        &["CONFIG", "GET", "*"],
        &["CLIENT", "LIST"],
        &["CLIENT", "TRACKINGINFO"],
        &["MEMORY", "STATS"],
        &["LATENCY", "HISTOGRAM"],
        &["ACL", "GETUSER", "default"],
        &["FUNCTION", "STATS"],
        &["GET", "nothing"],
        &["MGET", "nothing", "nothing"],
        &["NO", "such"],
    ];
    for (dialect, hello) in DIALECTS {
        for request in asked {
            let bytes = answer(&server, hello, &[request]);
            let again = written(dialect, &read(&bytes));
            assert!(again == bytes, "{request:?} in {dialect:?}");
        }
    }
}

#[test]
fn attributes_are_dropped() {
    let Some(server) = RedisServer::start(&[]) else {
        return;
    };
    let bytes = answer(&server, "3", &[&["DEBUG", "PROTOCOL", "attrib"]]);
    assert!(bytes.starts_with(b"|1\r\n"));
    assert_eq!(
        read(&bytes),
        Reply::Bulk("Some real reply following the attribute".into())
    );
}
