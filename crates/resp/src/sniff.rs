//! Who speaks on a port that all share: [`sniff()`].

/// The most bytes that [`sniff()`] wants to see.
///
/// A longer first line is an HTTP request or an inline command, which is decided without its end.
pub const SNIFF_BYTES_MAX: usize = 8 << 10;

/// Who speaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Speaker {
    /// Another node.
    Peer,
    /// Somebody who wants TLS first.
    Tls,
    /// A Redis client, or somebody at a terminal who types commands.
    Redis,
    /// HTTP/1.0 or 1.1. It stays that: what follows is never taken for a command.
    Http1,
    /// HTTP/2 without TLS, by its preface.
    Http2,
}

/// Tells by the first bytes of a connection who speaks; nothing if more must be seen, which is
/// never so with [`SNIFF_BYTES_MAX`]. `peer_magic` is what nodes begin with.
///
/// `GET` is a method and a command, so there the end of the first line decides. A line is HTTP if
/// it is a word in capital letters, a space, a target, a space, and `HTTP/1.` with a digit, where
/// the target is `*` or begins with `/` or, as it is asked of a proxy, with a scheme; the other
/// methods of HTTP, none of which is a command, are known by their name.
pub fn sniff(bytes: &[u8], peer_magic: &[u8]) -> Option<Speaker> {
    const HTTP2: &[u8] = b"PRI * HTTP/2.0\r\n";

    // Both protocols of lines skip empty ones.
    let skipped = bytes
        .iter()
        .take_while(|byte| matches!(byte, b'\r' | b'\n'))
        .count();
    let line = &bytes[skipped..];
    if line.is_empty() {
        return (bytes.len() >= SNIFF_BYTES_MAX).then_some(Speaker::Redis);
    }
    for (speaker, begins_with) in [
        (Speaker::Peer, peer_magic),
        (Speaker::Tls, &[0x16][..]),
        (Speaker::Redis, b"*"),
        (Speaker::Http2, HTTP2),
    ] {
        if line.starts_with(begins_with) {
            return Some(speaker);
        }
        if begins_with.starts_with(line) {
            return None;
        }
    }
    sniff_line(line, bytes.len() >= SNIFF_BYTES_MAX)
}

/// Who speaks lines: the one that begins with `bytes`, to which nothing is added if `all`.
fn sniff_line(bytes: &[u8], all: bool) -> Option<Speaker> {
    /// The methods that are no commands. `GET` is both.
    const METHODS: [&[u8]; 8] = [
        b"HEAD", b"POST", b"PUT", b"DELETE", b"CONNECT", b"OPTIONS", b"TRACE", b"PATCH",
    ];

    let capitals = bytes
        .iter()
        .take_while(|byte| byte.is_ascii_uppercase())
        .count();
    let (method, rest) = bytes.split_at(capitals);
    let target = match rest {
        [] if all => return Some(Speaker::Redis),
        [] => return None,
        [b' ', ..] if METHODS.contains(&method) => return Some(Speaker::Http1),
        [b' ', target @ ..] if !method.is_empty() => target,
        _ => return Some(Speaker::Redis),
    };
    match begins_target(target) {
        Some(true) => {}
        Some(false) => return Some(Speaker::Redis),
        None => return all.then_some(Speaker::Redis),
    }
    let Some(end) = target.iter().position(|byte| *byte == b'\n') else {
        // Nobody has a key that long, but a target may be.
        return all.then_some(match method {
            b"GET" => Speaker::Http1,
            _ => Speaker::Redis,
        });
    };
    let line = target[..end].strip_suffix(b"\r").unwrap_or(&target[..end]);
    match line {
        [
            ..,
            b' ',
            b'H',
            b'T',
            b'T',
            b'P',
            b'/',
            b'1',
            b'.',
            b'0'..=b'9',
        ] => Some(Speaker::Http1),
        _ => Some(Speaker::Redis),
    }
}

/// Whether `text` begins as a target does; nothing if it is too short to tell.
fn begins_target(text: &[u8]) -> Option<bool> {
    if matches!(text, [b'/' | b'*', ..]) {
        return Some(true);
    }
    for scheme in [&b"http://"[..], b"https://"] {
        if text.starts_with(scheme) {
            return Some(true);
        }
        if scheme.starts_with(text) {
            return None;
        }
    }
    Some(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    const MAGIC: &[u8] = b"\0magic";

    #[track_caller]
    fn assert_speaker(bytes: impl AsRef<[u8]>, speaker: Speaker) {
        let bytes = bytes.as_ref();
        assert_eq!(sniff(bytes, MAGIC), Some(speaker));
        // With less of it there is no other answer.
        for end in 0..bytes.len() {
            let early = sniff(&bytes[..end], MAGIC);
            assert!(
                early.is_none() || early == Some(speaker),
                "{end} bytes: {early:?}"
            );
        }
    }

    #[test]
    fn each_is_known_by_how_it_begins() {
        assert_speaker(b"\0magic and more", Speaker::Peer);
        assert_speaker(b"\x16\x03\x01", Speaker::Tls);
        assert_speaker("*1\r\n$4\r\nPING\r\n", Speaker::Redis);
        assert_speaker("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Speaker::Http2);
        assert_speaker("GET /read/7 HTTP/1.1\r\nHost: a\r\n\r\n", Speaker::Http1);
        assert_speaker("PING\r\n", Speaker::Redis);
    }

    #[test]
    fn get_is_told_by_the_end_of_its_line() {
        assert_speaker("GET / HTTP/1.0\r\n", Speaker::Http1);
        assert_speaker("GET / HTTP/1.1\n", Speaker::Http1);
        assert_speaker("GET http://a/b HTTP/1.1\r\n", Speaker::Http1);
        assert_speaker("GET /\r\n", Speaker::Redis);
        assert_speaker("GET /a HTTP/2.0\r\n", Speaker::Redis);
        assert_speaker("GET /HTTP/1.1\r\n", Speaker::Redis);
        assert_speaker("GET key HTTP/1.1\r\n", Speaker::Redis);
        assert_speaker("GET https\r\n", Speaker::Redis);
        assert_speaker("get / HTTP/1.1\r\n", Speaker::Redis);
        assert_eq!(sniff(b"GET /a HTTP/1.1", MAGIC), None);
    }

    #[test]
    fn other_methods_are_told_by_their_name() {
        for method in [
            "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH",
        ] {
            assert_speaker(std::format!("{method} "), Speaker::Http1);
        }
        assert_speaker("PROPFIND /a HTTP/1.1\r\n", Speaker::Http1);
        assert_speaker("POSTS a\r\n", Speaker::Redis);
        assert_speaker("DEL a\r\n", Speaker::Redis);
        assert_speaker("post / HTTP/1.1\r\n", Speaker::Redis);
        assert_speaker("PRIVATE\r\n", Speaker::Redis);
    }

    #[test]
    fn empty_lines_tell_nothing() {
        assert_eq!(sniff(b"", MAGIC), None);
        assert_eq!(sniff(b"\r\n\n", MAGIC), None);
        assert_speaker("\r\nGET / HTTP/1.1\r\n", Speaker::Http1);
        assert_speaker("\r\n*1\r\n", Speaker::Redis);
    }

    #[test]
    fn a_line_without_an_end_is_decided() {
        let full = |begin: &[u8], fill: u8| {
            let mut bytes = vec![fill; SNIFF_BYTES_MAX];
            bytes[..begin.len()].copy_from_slice(begin);
            sniff(&bytes, MAGIC)
        };
        assert_eq!(full(b"GET /", b'a'), Some(Speaker::Http1));
        assert_eq!(full(b"GET a", b'a'), Some(Speaker::Redis));
        assert_eq!(full(b"", b'A'), Some(Speaker::Redis));
        assert_eq!(full(b"", b'\n'), Some(Speaker::Redis));
    }

    proptest! {
        #[test]
        fn more_bytes_never_change_the_answer(
            begin in prop_oneof![
                Just(""), Just("GET "), Just("GET /"), Just("PRI *"), Just("SET /a "), Just("\r\n")
            ],
            bytes: Vec<u8>,
            end in any::<prop::sample::Index>(),
        ) {
            let bytes = [begin.as_bytes(), &bytes].concat();
            if let Some(speaker) = sniff(&bytes[..end.index(bytes.len() + 1)], MAGIC) {
                prop_assert_eq!(sniff(&bytes, MAGIC), Some(speaker));
            }
        }
    }
}
