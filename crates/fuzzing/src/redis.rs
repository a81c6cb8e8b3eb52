//! What Redis clients and servers send: requests, replies, and the first bytes that tell who speaks.

use crate::memory::{Allowance, within};
use bytes::BytesMut;
use commands::UnixMillis;
use resp::{
    Dialect, Limits, ProtocolFault, Reply, ReplyFault, ReplyLimits, ReplyParser, ReplyWriter,
    RequestParser, SNIFF_BYTES_MAX, sniff, write_request,
};

/// How much memory bytes may take: an argument without bytes has five on the wire, and its place in
/// a list that doubles; a reply has three, and its place in a list.
const PARSED: Allowance = Allowance {
    bytes: 128 * 1024,
    per_byte: 256,
};

/// Bounds that short inputs can reach.
const LIMITS: Limits = Limits {
    arguments_max: 64,
    bulk_bytes_max: 4096,
    ..Limits::REDIS
};

type Requests = (Vec<Vec<Vec<u8>>>, Result<usize, ProtocolFault>);

/// All that a client sends. Whatever the pieces in which it comes, it is the same requests, and the
/// same fault; each request that is written as everyone writes it is read back; and each is a
/// command, or an error that is one line.
pub fn redis_requests(data: &[u8]) {
    let (whole, end) = within(data, PARSED, |data| requests(std::iter::once(data)));
    let singly = requests(data.chunks(1));
    assert_eq!(singly, (whole.clone(), end), "it depends on the pieces");
    for arguments in &whole {
        let mut spelt = BytesMut::new();
        write_request(&mut spelt, arguments);
        let again = requests(std::iter::once(&spelt[..]));
        assert_eq!(again, (vec![arguments.clone()], Ok(spelt.len())));
        check_command(&mut spelt);
    }
}

/// What a request asks, or why it asks nothing.
fn check_command(spelt: &mut BytesMut) {
    let mut parser = RequestParser::new(LIMITS);
    let request = parser.next(spelt).expect("it was just read");
    let request = request.expect("it was just read");
    let now = UnixMillis(1_700_000_000_000);
    if let Err(error) = commands::parse(&request, now) {
        let mut written = BytesMut::new();
        error.write(&mut ReplyWriter::new(&mut written, Dialect::Resp2));
        let (replies, end) = replies(std::iter::once(&written[..]));
        assert!(
            matches!(&replies[..], [Reply::Error(_)]) && end == Ok(written.len()),
            "{:?} is no error in one line",
            written
        );
    }
}

fn requests<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Requests {
    let mut parser = RequestParser::new(LIMITS);
    let (mut buffer, mut requests, mut all) = (BytesMut::new(), Vec::new(), 0);
    for piece in pieces {
        buffer.extend_from_slice(piece);
        all += piece.len();
        loop {
            match parser.next(&mut buffer) {
                Ok(Some(request)) => requests.push(request.iter().map(<[u8]>::to_vec).collect()),
                Ok(None) => break,
                Err(fault) => return (requests, Err(fault)),
            }
        }
    }
    (requests, Ok(all - buffer.len()))
}

/// All that a server answers. Whatever the pieces in which it comes, it is the same replies, and
/// the same fault; and each is read back as it is written.
pub fn redis_replies(data: &[u8]) {
    let (whole, end) = within(data, PARSED, |data| replies(std::iter::once(data)));
    let shown = |replies: &(Vec<Reply>, Result<usize, ReplyFault>)| format!("{replies:?}");
    let singly = replies(data.chunks(1));
    // As text, in which what is no number is like itself.
    assert_eq!(
        shown(&singly),
        shown(&(whole.clone(), end)),
        "it depends on the pieces"
    );
    for reply in whole {
        let mut written = BytesMut::new();
        reply.write(&mut ReplyWriter::new(&mut written, Dialect::Resp3));
        let again = replies(std::iter::once(&written[..]));
        assert_eq!(shown(&again), shown(&(vec![reply], Ok(written.len()))));
    }
}

fn replies<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> (Vec<Reply>, Result<usize, ReplyFault>) {
    let mut parser = ReplyParser::new(ReplyLimits::default());
    let (mut buffer, mut replies, mut taken) = (BytesMut::new(), Vec::new(), 0);
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

/// The first bytes of a connection. Once it is told who speaks, further bytes change nothing; and
/// it is told in the end.
pub fn redis_sniffing(data: &[u8]) {
    const MAGIC: &[u8] = b"\0shmpeer";
    let mut told = None;
    for length in 0..=data.len().min(SNIFF_BYTES_MAX) {
        let now = sniff(&data[..length], MAGIC);
        assert!(
            told.is_none() || told == now,
            "after {length} bytes it is {now:?}, not {told:?}"
        );
        told = now;
    }
    let mut all = data.to_vec();
    all.resize(SNIFF_BYTES_MAX.max(data.len()), b' ');
    assert!(sniff(&all[..SNIFF_BYTES_MAX], MAGIC).is_some());
}
