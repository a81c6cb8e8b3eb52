//! The kinds of strangers: each function is one connection, from its first byte to its end.

use crate::harness::SOON;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// The first bytes of a connection between nodes.
const PEER_MAGIC: &[u8; 8] = b"\0shmpeer";

type Address = std::net::SocketAddr;

/// A byte now and then, for as long as the node listens.
pub(super) async fn say_slowly(node: Address, begin: Vec<u8>) {
    const PAUSE: Duration = Duration::from_millis(100);
    let mut stream = connect(node).await;
    say(&mut stream, &begin).await;
    while stream.write_all(b"x").await.is_ok() {
        tokio::time::sleep(PAUSE).await;
    }
}

/// Asks for far more than the connection holds, and reads none of it.
pub(super) async fn ask_and_never_read(node: Address) {
    let mut stream = connect(node).await;
    let asking = b"GET /v1/registers/long HTTP/1.1\r\nhost: x\r\n\r\n".repeat(100);
    let _ = stream.write_all(&asking).await;
    std::future::pending().await
}

pub(super) async fn say_nothing(node: Address) {
    let mut stream = connect(node).await;
    assert_eq!(heard_until_closed(&mut stream).await, b"");
}

pub(super) async fn say_garbage(node: Address, seed: u64) {
    let mut stream = connect(node).await;
    let mut garbage = [0; 4096];
    StdRng::seed_from_u64(seed).fill_bytes(&mut garbage);
    // No letter begins a method with this, and no peer speaks so.
    garbage[0] |= 0x80;
    say(&mut stream, &garbage).await;
    heard_until_closed(&mut stream).await;
}

pub(super) async fn speak_another_protocol(node: Address) {
    for words in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
        b"*1\r\n$4\r\nPING\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.9\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
    ] {
        let mut stream = connect(node).await;
        say(&mut stream, words).await;
        stream.shutdown().await.expect("our side can be closed");
        let heard = heard_until_closed(&mut stream).await;
        assert!(
            !heard.starts_with(b"HTTP/1.1 2"),
            "{}",
            String::from_utf8_lossy(&heard)
        );
    }
}

pub(super) async fn head_without_end(node: Address) {
    let mut stream = connect(node).await;
    say(&mut stream, b"GET /status HTTP/1.1\r\nx: ").await;
    say(&mut stream, &vec![b'x'; 1 << 20]).await;
    let heard = heard_until_closed(&mut stream).await;
    // The answer can be lost when the node closes a connection that is still being written to.
    if !heard.is_empty() {
        assert_answer(&heard, 431);
    }
}

pub(super) async fn body_beyond_all_bounds(node: Address) {
    let mut stream = connect(node).await;
    let head =
        b"PUT /v1/registers/huge HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000000000\r\n\r\n";
    say(&mut stream, head).await;
    // As a client that reads no answer before it has sent everything.
    let (mut reading, mut writing) = stream.split();
    let mut heard = Vec::new();
    let saying = async {
        let piece = vec![b'x'; 64 * 1024];
        while writing.write_all(&piece).await.is_ok() {}
    };
    let both = async { tokio::join!(saying, reading.read_to_end(&mut heard)) };
    let _ = timeout(SOON, both)
        .await
        .expect("the node closes the connection");
    if !heard.is_empty() {
        assert_answer(&heard, 413);
    }
}

pub(super) async fn chunks_without_end(node: Address) {
    let mut stream = connect(node).await;
    let head = b"PUT /v1/registers/huge HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n";
    say(&mut stream, head).await;
    let chunk = [b"10000\r\n".as_slice(), &[b'x'; 0x10000], b"\r\n"].concat();
    let (mut reading, mut writing) = stream.split();
    let mut heard = Vec::new();
    let saying = async { while writing.write_all(&chunk).await.is_ok() {} };
    let both = async { tokio::join!(saying, reading.read_to_end(&mut heard)) };
    let _ = timeout(SOON, both)
        .await
        .expect("the node closes the connection");
    if !heard.is_empty() {
        assert_answer(&heard, 413);
    }
}

/// Closes its side in the middle of a head, of a body, and of a chunk, and hears how that ends.
pub(super) async fn end_in_the_middle(node: Address) {
    for (words, status) in [
        (&b"GET /status HT"[..], None),
        (b"PUT /v1/registers/half HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nhalf", Some(400)),
        (
            b"PUT /v1/registers/half HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n8\r\nhalf",
            Some(400),
        ),
        (
            b"PUT /v1/registers/half HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nnone\r\n\r\n",
            Some(400),
        ),
    ] {
        let mut stream = connect(node).await;
        say(&mut stream, words).await;
        stream.shutdown().await.expect("our side can be closed");
        let heard = heard_until_closed(&mut stream).await;
        if let Some(status) = status {
            assert_answer(&heard, status);
        }
    }
}

pub(super) async fn reset_in_the_middle(node: Address) {
    let mut stream = connect(node).await;
    say(
        &mut stream,
        b"PUT /v1/registers/half HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nhalf",
    )
    .await;
    stream.set_zero_linger().expect("the system allows it");
    drop(stream);
}

/// Closes its side after a whole request: it still wants the answer.
pub(super) async fn ask_with_one_side_closed(node: Address) {
    let mut stream = connect(node).await;
    say(&mut stream, b"GET /status HTTP/1.1\r\nhost: x\r\n\r\n").await;
    stream.shutdown().await.expect("our side can be closed");
    assert_answer(&heard_until_closed(&mut stream).await, 200);
}

/// Speaks as a node does, to a different point.
pub(super) async fn begin_as_a_peer_and_end_in_garbage(node: Address, number: usize) {
    let mut random = StdRng::seed_from_u64(number as u64);
    let mut garbage = vec![0; 64 * 1024];
    random.fill_bytes(&mut garbage);
    let mut stream = connect(node).await;
    let greeting = greeting(random.next_u64() | 1);
    let accepted = match number % 7 {
        // Nothing more.
        0 => false,
        1 => {
            say(&mut stream, &PEER_MAGIC[..3]).await;
            false
        }
        2 => {
            say(&mut stream, &[PEER_MAGIC, &garbage[..]].concat()).await;
            false
        }
        3 => {
            say(
                &mut stream,
                &[PEER_MAGIC, &b"\xff\xff"[..], &garbage].concat(),
            )
            .await;
            false
        }
        // A greeting that is accepted, and then an unknown kind of frame, one that is too long,
        // and ones of each kind that hold garbage.
        4 => {
            say(
                &mut stream,
                &[&greeting[..], b"\x09\x00\x00\x00\x04oops"].concat(),
            )
            .await;
            true
        }
        5 => {
            say(
                &mut stream,
                &[&greeting[..], b"\x01\xff\xff\xff\xff", &garbage].concat(),
            )
            .await;
            true
        }
        _ => {
            let frame = b"\x03\x00\x01\x00\x00";
            say(&mut stream, &[&greeting[..], frame, &garbage].concat()).await;
            true
        }
    };
    if number % 7 < 2 {
        say(&mut stream, &PEER_MAGIC[..1]).await;
    }
    let heard = heard_until_closed(&mut stream).await;
    if accepted {
        assert_eq!(&heard[..8], PEER_MAGIC, "a greeting is answered by one");
        assert_eq!(
            heard[10], 0,
            "the greeting was refused, so the frames were not looked at"
        );
    }
}

pub(super) async fn connect(node: Address) -> TcpStream {
    TcpStream::connect(node)
        .await
        .expect("the node accepts connections")
}

/// Everything that the node says until it closes the connection, which it must do soon. A reset
/// closes it too.
pub(super) async fn heard_until_closed(stream: &mut TcpStream) -> Vec<u8> {
    let mut heard = Vec::new();
    let reading = stream.read_to_end(&mut heard);
    let closed = timeout(SOON, reading).await;
    let _ = closed.expect("the node closes the connection");
    heard
}

/// Says as much as the node takes. It may have closed the connection before it has heard all.
pub(super) async fn say(stream: &mut TcpStream, bytes: &[u8]) {
    let saying = stream.write_all(bytes);
    let _ = timeout(SOON, saying)
        .await
        .expect("the node takes it or closes the connection");
}

fn assert_answer(heard: &[u8], status: u16) {
    let text = String::from_utf8_lossy(heard);
    assert!(
        text.starts_with(&format!("HTTP/1.1 {status} ")),
        "not {status}: {text}"
    );
}

/// What a node with this id, of no cluster yet, says first: magic, length, no refusal, versions 1
/// to 1, its id and boot, its process's number, no cluster, and none that it was recovered from.
pub(super) fn greeting(node: u64) -> Vec<u8> {
    let mut rest = vec![0, 0, 1, 0, 1];
    rest.extend(node.to_be_bytes());
    rest.extend(1_u32.to_be_bytes());
    rest.extend(node.to_be_bytes());
    rest.extend([0, 0]);
    let length = u16::try_from(rest.len()).expect("a greeting is short");
    [&PEER_MAGIC[..], &length.to_be_bytes(), &rest].concat()
}
