//! What requests and replies cost in memory: allocations, and how much is held on whose word.

use allocation_counter::{AllocationInfo, measure};
use bytes::{BufMut, Bytes, BytesMut};
use resp::{
    Dialect, Limits, OwnedRequest, ProtocolFault, READ_BYTES, ReplyWriter, RequestParser,
    write_request,
};

/// Reads as a socket would, as much as there is room for.
fn read(parser: &mut RequestParser, buffer: &mut BytesMut, bytes: &mut &[u8]) {
    let mut space = parser.read_space(buffer);
    let count = space.chunk_mut().len().min(bytes.len());
    space.put_slice(bytes.split_off(..count).expect("a part of it"));
}

/// What it takes to read `bytes`, and to `keep` something of each request.
fn cost<T>(
    parser: &mut RequestParser,
    buffer: &mut BytesMut,
    mut bytes: &[u8],
    keep: impl Fn(&resp::Request<'_>) -> T,
) -> (Vec<T>, AllocationInfo) {
    let mut kept = Vec::with_capacity(1000);
    let info = measure(|| {
        while !bytes.is_empty() {
            read(parser, buffer, &mut bytes);
            while let Some(request) = parser.next(buffer).expect("no fault") {
                kept.push(keep(&request));
            }
        }
    });
    (kept, info)
}

fn request(arguments: &[&[u8]]) -> BytesMut {
    let mut bytes = BytesMut::new();
    write_request(&mut bytes, arguments);
    bytes
}

#[test]
fn looking_at_requests_and_answering_allocates_nothing_once_the_buffers_are_warm() {
    let set = request(&[b"SET", b"key:000001", &[b'v'; 64]]);
    let get = request(&[b"GET", b"key:000001"]);
    let pipeline = [&set[..], &get, b"ECHO 'a \"b' \r\n"].concat().repeat(16);
    let mut parser = RequestParser::new(Limits::default());
    let (mut buffer, mut out) = (BytesMut::new(), BytesMut::with_capacity(1 << 16));
    cost(&mut parser, &mut buffer, &pipeline, |_| ());

    let (seen, parsing) = cost(&mut parser, &mut buffer, &pipeline, |request| request.len());
    assert_eq!(seen.len(), 48);
    // The list of what was seen, made by the test itself.
    assert_eq!(parsing.count_total, 0, "{parsing:?}");

    let answering = measure(|| {
        let mut writer = ReplyWriter::new(&mut out, Dialect::Resp3);
        for count in 0..100 {
            writer.simple("OK");
            writer.bulk([b'v'; 64]);
            writer.integer(1_000_000 + count);
            writer.double(0.1);
            writer.nil();
        }
    });
    assert_eq!(answering.count_total, 0, "{answering:?}");
}

#[test]
fn what_is_kept_of_a_short_argument_is_one_allocation_of_its_length() {
    let set = request(&[b"SET", b"key:000001", &[b'v'; 64]]).repeat(100);
    let mut parser = RequestParser::new(Limits::default());
    let mut buffer = BytesMut::new();
    cost(&mut parser, &mut buffer, &set, |_| ());

    let (kept, info) = cost(&mut parser, &mut buffer, &set, |request| request.bytes(2));
    assert_eq!(
        (info.count_total, info.bytes_current),
        (100, 6400),
        "{info:?}"
    );
    drop((parser, buffer));
    assert!(kept.iter().all(|value| value[..] == [b'v'; 64]));
}

#[test]
fn a_long_argument_is_read_into_an_allocation_of_its_length_and_shared() {
    let value = vec![b'v'; 1 << 20];
    let bytes = request(&[b"SET", b"key", &value]);
    let mut parser = RequestParser::new(Limits::default());
    let mut buffer = BytesMut::new();
    cost(&mut parser, &mut buffer, b"PING\r\n", |_| ());

    let (kept, info) = cost(&mut parser, &mut buffer, &bytes, |request| request.bytes(2));
    assert!(kept[0] == value);
    // What stays is the value, and what counts who shares it.
    assert!(info.bytes_current < (1 << 20) + 1000, "{info:?}");
    // On the way its allocation was moved, each time to one four times as large.
    assert!(
        info.count_total < 10 && info.bytes_total < 3 << 20,
        "{info:?}"
    );
    assert!(buffer.capacity() < 2 * READ_BYTES, "{}", buffer.capacity());
}

#[test]
fn nothing_is_reserved_on_the_word_of_a_stranger() {
    for header in [
        "*1000000\r\n",
        "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$16777216\r\n",
        "*1\r\n$16777216\r\nab",
    ] {
        let mut parser = RequestParser::new(Limits::default());
        let mut buffer = BytesMut::new();
        let info = measure(|| {
            let mut bytes = header.as_bytes();
            while !bytes.is_empty() {
                read(&mut parser, &mut buffer, &mut bytes);
                assert!(parser.next(&mut buffer).expect("no fault").is_none());
            }
            let _ = parser.read_space(&mut buffer);
        });
        assert!(
            info.bytes_max < 4 * READ_BYTES as u64,
            "{header:?}: {info:?}"
        );
        assert!(parser.is_within_request(&buffer));
    }
}

#[test]
fn a_buffer_that_grew_is_given_back() {
    let many: Vec<&[u8]> = [&b"MSET"[..]]
        .into_iter()
        .chain((0..4000).map(|_| &[b'v'; 500][..]))
        .collect();
    let bytes = request(&many);
    let mut parser = RequestParser::new(Limits::default());
    let mut buffer = BytesMut::new();
    let (kept, _) = cost(&mut parser, &mut buffer, &bytes, |request| request.len());
    assert_eq!(kept, [4001]);
    let _ = parser.read_space(&mut buffer);
    assert!(buffer.capacity() <= 2 * READ_BYTES, "{}", buffer.capacity());
}

#[test]
fn a_request_is_kept_in_as_many_allocations_whatever_its_arguments() {
    let long = vec![b'v'; 100_000];
    let bytes = request(&[b"MSET", b"a", &long, b"b", b"", b"c", &[b'v'; 300]]);
    let mut parser = RequestParser::new(Limits::default());
    let mut buffer = BytesMut::new();
    let (kept, _) = cost(&mut parser, &mut buffer, &bytes, |request| {
        let mut kept: Option<OwnedRequest> = None;
        let info = measure(|| kept = Some(request.to_owned()));
        assert!(info.count_total <= 4 && info.bytes_total < 1000, "{info:?}");
        kept
    });
    drop((parser, buffer));
    let kept = kept[0].as_ref().expect("the request");
    let seen: Vec<&[u8]> = kept.view().iter().collect();
    assert_eq!(
        seen,
        [&b"MSET"[..], b"a", &long, b"b", b"", b"c", &[b'v'; 300]]
    );
    let (shared, again): (Bytes, Bytes) = (kept.view().bytes(2), kept.view().bytes(2));
    assert_eq!(shared.as_ptr(), again.as_ptr());
}

#[test]
fn a_request_has_a_bound_as_a_whole() {
    let limits = Limits {
        request_bytes_max: 1000,
        ..Limits::default()
    };
    let fault = |bytes: &[u8]| {
        let mut parser = RequestParser::new(limits);
        let mut buffer = BytesMut::from(bytes);
        let first = parser.next(&mut buffer).map(|request| request.is_some());
        // A fault stays one, whatever comes.
        buffer.extend_from_slice(b"\r\nPING\r\n");
        let second = parser.next(&mut buffer).map(|request| request.is_some());
        assert_eq!(first.is_err(), second.is_err());
        first
    };
    assert_eq!(fault(&request(&[b"ECHO", &[b'a'; 900]])), Ok(true));
    assert_eq!(
        fault(b"*2\r\n$4\r\nECHO\r\n$2000\r\n"),
        Err(ProtocolFault::TooBigRequest)
    );
    assert_eq!(
        fault(&request(&[&b"a"[..]; 150])),
        Err(ProtocolFault::TooBigRequest)
    );
    let long = Limits {
        request_bytes_max: 200_000,
        ..Limits::default()
    };
    let mut parser = RequestParser::new(long);
    let mut buffer = BytesMut::new();
    let bytes = request(&[b"MSET", b"a", &[b'v'; 150_000], b"b", &[b'v'; 60_000]]);
    let mut bytes = &bytes[..];
    let fault = loop {
        read(&mut parser, &mut buffer, &mut bytes);
        match parser.next(&mut buffer) {
            Ok(request) => assert!(request.is_none()),
            Err(fault) => break fault,
        }
    };
    assert_eq!(fault, ProtocolFault::TooBigRequest);
}
