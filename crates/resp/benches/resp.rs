//! What a request and a reply cost: `cargo bench -p resp`.

use bytes::{Bytes, BytesMut};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use resp::{
    Dialect, Limits, ReplyLimits, ReplyParser, ReplyWriter, Request, RequestParser, write_request,
};
use std::hint::black_box;

/// How many requests are sent before the first answer is waited for.
const PIPELINE: usize = 16;

const VALUE: [u8; 64] = [b'v'; 64];
const KEY: &[u8] = b"key:000000000001";

fn pipeline(arguments: &[&[u8]]) -> BytesMut {
    let mut bytes = BytesMut::new();
    for _ in 0..PIPELINE {
        write_request(&mut bytes, arguments);
    }
    bytes
}

/// Parses `bytes` again and again, as they come from a socket into one buffer.
fn parse<T>(criterion: &mut Criterion, name: &str, bytes: &[u8], see: impl Fn(Request<'_>) -> T) {
    let mut parser = RequestParser::new(Limits::default());
    let mut buffer = BytesMut::new();
    let mut group = criterion.benchmark_group("parse");
    group.throughput(Throughput::Elements(PIPELINE as u64));
    group.bench_function(name, |bencher| {
        bencher.iter(|| {
            let _ = parser.read_space(&mut buffer);
            buffer.extend_from_slice(black_box(bytes));
            while let Ok(Some(request)) = parser.next(&mut buffer) {
                black_box(see(request));
            }
        })
    });
}

fn requests(criterion: &mut Criterion) {
    let (get, set) = (pipeline(&[b"GET", KEY]), pipeline(&[b"SET", KEY, &VALUE]));
    parse(criterion, "GET, looked at", &get, |request| {
        (request.name().len(), request[1].len())
    });
    parse(criterion, "GET, key kept", &get, |request| request.bytes(1));
    parse(criterion, "SET, looked at", &set, |request| {
        (request[1].len(), request[2].len())
    });
    parse(criterion, "SET, key and value kept", &set, |request| {
        (request.bytes(1), request.bytes(2))
    });
    let inline = [&b"GET "[..], KEY, b"\r\n"].concat().repeat(PIPELINE);
    parse(criterion, "GET, inline", &inline, |request| {
        request[1].len()
    });

    let mut group = criterion.benchmark_group("redis-protocol");
    group.throughput(Throughput::Elements(PIPELINE as u64));
    group.bench_function("SET, decode_bytes_mut", |bencher| {
        bencher.iter_batched(
            || set.clone(),
            |mut bytes| {
                while let Ok(Some(frame)) =
                    redis_protocol::resp2::decode::decode_bytes_mut(&mut bytes)
                {
                    black_box(frame);
                }
            },
            BatchSize::SmallInput,
        )
    });
}

fn replies(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("replies");
    group.throughput(Throughput::Elements(PIPELINE as u64));
    type Write = fn(&mut ReplyWriter<'_>);
    let kinds: [(&str, Write); 5] = [
        ("OK", |to| to.simple("OK")),
        ("value", |to| to.bulk(VALUE)),
        ("nil", |to| to.nil()),
        ("integer", |to| to.integer(1_234_567)),
        ("double", |to| to.double(1234.5678)),
    ];
    for (name, write) in kinds {
        let mut out = BytesMut::with_capacity(1 << 16);
        group.bench_function(format!("write {name}"), |bencher| {
            bencher.iter(|| {
                out.clear();
                let mut writer = ReplyWriter::new(&mut out, Dialect::Resp3);
                for _ in 0..PIPELINE {
                    write(&mut writer);
                }
                black_box(out.len())
            })
        });
    }
    let mut answers = BytesMut::new();
    for _ in 0..PIPELINE {
        ReplyWriter::new(&mut answers, Dialect::Resp3).bulk(VALUE);
    }
    let answers: Bytes = answers.freeze();
    let mut parser = ReplyParser::new(ReplyLimits::default());
    let mut buffer = BytesMut::new();
    group.bench_function("read value", |bencher| {
        bencher.iter(|| {
            buffer.extend_from_slice(&answers);
            while let Ok(Some(reply)) = parser.next(&mut buffer) {
                black_box(reply);
            }
        })
    });
}

criterion_group!(benches, requests, replies);
criterion_main!(benches);
