//! What is a request and what is a fault: the same bytes sent to redis-server and to the parser.

use crate::server::RedisServer;
use bytes::{BufMut, BytesMut};
use resp::{Dialect, Limits, ReplyWriter, Request, RequestParser};

const PASSWORD: &str = "secret";

/// The parser with the least server behind it that shows what was parsed.
struct Model {
    authenticated: bool,
}

impl Model {
    /// All that a server answers that reads `chunk` bytes at a time.
    fn answer(mut self, bytes: &[u8], chunk: usize) -> Vec<u8> {
        let mut parser = RequestParser::new(Limits::REDIS);
        parser.set_authenticated(self.authenticated);
        let (mut buffer, mut out) = (BytesMut::new(), BytesMut::new());
        for piece in bytes.chunks(chunk) {
            let mut piece = piece;
            while !piece.is_empty() {
                let mut space = parser.read_space(&mut buffer);
                let count = space.chunk_mut().len().min(piece.len());
                space.put_slice(piece.split_off(..count).expect("a part of it"));
            }
            loop {
                match parser.next(&mut buffer) {
                    Ok(None) => break,
                    // What was answered and not sent goes with the connection.
                    Ok(Some(request)) if request.is_cross_protocol() => return Vec::new(),
                    Ok(Some(request)) => {
                        self.serve(request, &mut ReplyWriter::new(&mut out, Dialect::Resp2));
                        parser.set_authenticated(self.authenticated);
                    }
                    Err(fault) => {
                        fault.write(&mut out);
                        return out.to_vec();
                    }
                }
            }
        }
        out.to_vec()
    }

    fn serve(&mut self, request: Request<'_>, writer: &mut ReplyWriter<'_>) {
        let name = request.name().to_ascii_lowercase();
        match (name.as_slice(), request.len()) {
            (b"auth", 2) => {
                self.authenticated = true;
                writer.simple("OK");
            }
            _ if !self.authenticated => writer.error("NOAUTH Authentication required."),
            (b"ping", 1) => writer.simple("PONG"),
            (b"ping" | b"echo", 2) => writer.bulk(&request[1]),
            (b"strlen", 2) => writer.integer(0),
            // The script is `return ARGV`.
            (b"eval", 3..) => {
                writer.array(request.len() - 3);
                request
                    .iter()
                    .skip(3)
                    .for_each(|argument| writer.bulk(argument));
            }
            (b"ping" | b"echo" | b"eval", _) => {
                let name = String::from_utf8_lossy(&name);
                writer.error(format!(
                    "ERR wrong number of arguments for '{name}' command"
                ));
            }
            _ => {
                let mut text = b"ERR unknown command '".to_vec();
                text.extend(until_zero(request.name()));
                text.extend(b"', with args beginning with: ");
                for argument in request.iter().skip(1) {
                    text.extend([b"'", until_zero(argument), b"' "].concat());
                }
                writer.error(text);
            }
        }
    }
}

/// Redis writes names into its errors as C does.
fn until_zero(text: &[u8]) -> &[u8] {
    text.split(|byte| *byte == 0).next().unwrap_or(text)
}

#[track_caller]
fn assert_same(server: &RedisServer, authenticated: bool, bytes: &[u8]) {
    // As one, and each byte by itself.
    let [got, bytewise] =
        [bytes.len().max(1), 1].map(|chunk| Model { authenticated }.answer(bytes, chunk));
    assert!(
        got == bytewise,
        "it depends on the pieces: {}",
        shown(bytes)
    );
    let expected = server.answer(bytes, |answer| answer.len() >= got.len());
    assert!(
        got == expected,
        "to {}\n redis: {}\n  ours: {}",
        shown(bytes),
        shown(&expected),
        shown(&got)
    );
}

fn shown(bytes: &[u8]) -> String {
    let start = &bytes[..bytes.len().min(200)];
    format!("{} ({} bytes)", start.escape_ascii(), bytes.len())
}

/// Requests and faults. Each is followed by a `PING`, which shows where the next one begins.
fn cases() -> Vec<Vec<u8>> {
    let mut cases: Vec<Vec<u8>> = Vec::new();
    let mut add = |bytes: &[u8]| cases.push(bytes.to_vec());
    // Headers of requests.
    for count in [
        "",
        "0",
        "1",
        "-0",
        "-1",
        "-5",
        "-2147483648",
        "00",
        "01",
        "+1",
        " 1",
        "1 ",
        "1a",
        "a",
        "-",
        "--1",
        "1.0",
        "0x1",
        "1e0",
        "2147483647",
        "2147483648",
        "4294967297",
        "1048577",
        "9223372036854775807",
        "9223372036854775808",
        "-9223372036854775808",
        "-9223372036854775809",
        "99999999999999999999",
        "1111111111111111111111111",
        "?",
        "*1",
        "\x0b1",
        "\t1",
        "\u{e9}",
    ] {
        add(format!("*{count}\r\n$4\r\nPING\r\n").as_bytes());
        add(format!("*{count}\n$4\r\nPING\r\n").as_bytes());
        add(format!("*{count}\r").as_bytes());
        add(format!("*{count}").as_bytes());
    }
    // Headers of arguments.
    for length in [
        "",
        "0",
        "4",
        "3",
        "5",
        "-0",
        "-1",
        "-5",
        "04",
        "+4",
        " 4",
        "4 ",
        "4a",
        "a",
        "-",
        "4.0",
        "0x4",
        "536870912",
        "536870913",
        "4294967300",
        "9223372036854775807",
        "9223372036854775808",
        "18446744073709551620",
        "99999999999999999999999",
        "?",
        "$4",
    ] {
        add(format!("*1\r\n${length}\r\nPING\r\n").as_bytes());
        add(format!("*2\r\n$4\r\nECHO\r\n${length}\r\nPING\r\n").as_bytes());
        add(format!("*1\r\n${length}\n").as_bytes());
        add(format!("*1\r\n${length}\r").as_bytes());
        add(format!("*1\r\n${length}").as_bytes());
    }
    // What stands for `$`.
    for kind in (1..=255u8).filter(|kind| *kind != b'$') {
        add(&[b"*1\r\n", &[kind][..], b"4\r\nPING\r\n"].concat());
    }
    add(b"*1\r\n\r\n$4\r\nPING\r\n");
    add(b"*1\r\nPING\r\n");
    add(b"*2\r\n$4\r\nECHO\r\n*1\r\n$1\r\na\r\n");
    add(b"*1\r\n$4\r\nPING\r\n\r\n");
    // Ends of lines that are none.
    add(b"*1\rX$4\rYPINGab");
    add(b"*2\r\n$4\r\nECHOab$2\r\nhi\n\n");
    add(b"*1\r\r\n$4\r\nPING\r\n");
    add(b"*1\n\r$4\r\nPING\r\n");
    add(b"*1\r\n$4\r\r\nPING\r\n");
    // Names and arguments of any bytes.
    add(b"*2\r\n$4\r\nECHO\r\n$0\r\n\r\n");
    add(b"*2\r\n$4\r\necho\r\n$6\r\n\0\r\n\xff* \r\n");
    add(b"*1\r\n$0\r\n\r\n");
    add(b"*2\r\n$4\r\nPING\r\n$0\r\n\r\n");
    add(b"*3\r\n$4\r\nPING\r\n$1\r\na\r\n$1\r\nb\r\n");
    add(b"*2\r\n$5\r\nno\r\nx\r\n$2\r\n\n\n\r\n");
    add(b"*3\r\n$4\r\nEVAL\r\n$11\r\nreturn ARGV\r\n$1\r\n0\r\n");
    // Pipelines, with what is ignored in between.
    add(b"PING\r\n*0\r\n*-5\r\n\r\n\n*1\r\n$4\r\nPING\r\nping\n");
    add(b"*1\r\n$4\r\nPING\r\n*1\r\n$4\r\nPING\r\n*1\r\n$4\r\nPING\r\n*1\r\n$x");
    add(b"*1\r\n$4\r\nPING\r\n*x\r\n*1\r\n$4\r\nPING\r\n");
    // Inline commands, split as `EVAL` shows.
    for words in [
        "",
        "a",
        "a b",
        " a  b ",
        "a\tb",
        "a\x0bb",
        "\x0ba",
        "a\x0cb",
        "a \x0b b",
        "\x0b",
        "a\rb",
        "a\r\r",
        "\"a b\"",
        "'a b'",
        "\"\"",
        "''",
        "\"\" ''",
        "a\"b c\"",
        "a'b c'",
        "'a'b",
        "\"a\"b",
        "\"a\"\"b\"",
        "'a''b'",
        "\"a\" \"b\"",
        "\"a\"\t'b'",
        "\"a\"\x0b'b'",
        "\"a",
        "'a",
        "\"",
        "'",
        "a\"",
        "a'",
        "\"\\",
        "\"\\\"",
        "\"\\\\\"",
        "\"\\\\",
        "'\\''",
        "'\\'",
        "'\\\\'",
        "'\\n'",
        "\\n",
        "\"\\n\\r\\t\\b\\a\"",
        "\"\\x41\\x4a\\xfF\"",
        "\"\\x4\"",
        "\"\\xg1\"",
        "\"\\x\"",
        "\"\\q\\'\"",
        "\"'\"",
        "'\"'",
        "\"a\nb\"",
        "\\\"a\\\"",
        "a\\ b",
        "\u{e9}\u{20ac}",
        "\x7f\x01",
        "*1",
        "$4",
        "\"\\x00\"",
        "\"\\x0d\\x0a\"",
        "a\\",
        "\"a\\",
        "{tag}",
        "#",
        "; b",
    ] {
        for end in ["\n", "\r\n"] {
            add(format!("EVAL \"return ARGV\" 0 {words}{end}").as_bytes());
            add(format!("{words}{end}").as_bytes());
        }
        add(words.as_bytes());
    }
    add(b"EVAL 'return ARGV' 0 \xff\xfe\x80\r\n");
    add(b"\"ping\"\r\n'PING'\r\n\"\\x70ing\"\r\n");
    // Cross-protocol.
    add(b"ping\r\nPOST / HTTP/1.1\r\nping\r\n");
    add(b"post\r\n");
    add(b"ping\r\nhost: a\r\nping\r\n");
    add(b"HOST:\r\n");
    add(b"Host:a\r\n");
    add(b"*1\r\n$4\r\nPOST\r\n");
    add(b"*2\r\n$5\r\nHost:\r\n$1\r\na\r\n");
    add(b"ECHO\r\nPOSTS\r\n");
    for case in &mut cases {
        case.extend(b"*1\r\n$4\r\nPING\r\n");
    }
    cases
}

#[test]
fn requests_and_faults_are_those_of_redis() {
    let Some(server) = RedisServer::start(&[]) else {
        return;
    };
    let cases = cases();
    for case in &cases {
        assert_same(&server, true, case);
    }
    println!("{} streams compared", cases.len());
}

#[test]
fn long_lines_and_arguments_end_as_they_do_in_redis() {
    let Some(server) = RedisServer::start(&[]) else {
        return;
    };
    let long = |begin: &str, fill: u8, length: usize, end: &str| {
        let fill = vec![fill; length];
        [begin.as_bytes(), &fill, end.as_bytes()].concat()
    };
    // A line that is too long and has an end is a fault or not in Redis, as the pieces may fall.
    for case in [
        long("ECHO ", b'a', 60_000, "\r\n"),
        long("", b'a', 1 << 16, ""),
        long("", b'a', (1 << 16) + 1, ""),
        long("", b'\r', (1 << 16) + 1, ""),
        long("*", b'1', (1 << 16) - 1, ""),
        long("*", b'1', 1 << 16, ""),
        long("*1\r\n", b'$', 1 << 16, ""),
        long("*1\r\n", b'$', (1 << 16) + 1, ""),
        long("*1\r\n$", b'1', 60_000, "\r\nPING\r\n"),
        long("*", b'0', 60_000, "\r\nPING\r\n"),
        long(
            "*2\r\n$4\r\nECHO\r\n$32767\r\n",
            b'a',
            32_767,
            "\r\nPING\r\n",
        ),
        long(
            "*2\r\n$4\r\nECHO\r\n$32768\r\n",
            b'a',
            32_768,
            "\r\nPING\r\n",
        ),
        long(
            "*2\r\n$4\r\nECHO\r\n$65535\r\n",
            b'a',
            65_535,
            "\r\nPING\r\n",
        ),
        long(
            "*2\r\n$4\r\nECHO\r\n$200000\r\n",
            b'\n',
            200_000,
            "xyPING\r\n*1\r\n+",
        ),
        long("*2\r\n$4\r\nECHO\r\n$200000\r\n", b'a', 199_999, ""),
        [
            long(
                "*5\r\n$4\r\nEVAL\r\n$11\r\nreturn ARGV\r\n$1\r\n0\r\n$70000\r\n",
                b'a',
                70_000,
                "\r\n",
            ),
            long("$100000\r\n", b'b', 100_000, "\r\nPING\r\n"),
        ]
        .concat(),
    ] {
        assert_same(&server, true, &case);
    }
}

#[test]
fn strangers_are_held_to_the_bounds_of_redis() {
    let Some(server) = RedisServer::start(&["--requirepass", PASSWORD]) else {
        return;
    };
    let auth = format!("*2\r\n$4\r\nAUTH\r\n${}\r\n{PASSWORD}\r\n", PASSWORD.len());
    for case in [
        "*10\r\n$4\r\nPING\r\n",
        "*11\r\n$4\r\nPING\r\n",
        "*2147483648\r\n",
        "*-1\r\nPING\r\n",
        "*1\r\n$16384\r\n",
        "*1\r\n$16385\r\n",
        "*1\r\n$536870913\r\n",
        "*1\r\n$-1\r\n",
        "*1\r\n+PING\r\n",
        "PING\r\n*1\r\n$4\r\nPING\r\n*11\r\n",
        "PING 1 2 3 4 5 6 7 8 9 10 11 12 13\r\n",
        "ECHO \"a\r\n",
    ] {
        assert_same(&server, false, case.as_bytes());
        assert_same(&server, false, format!("{auth}{case}").as_bytes());
    }
    let value = "a".repeat(16_385);
    assert_same(
        &server,
        false,
        format!("{auth}*2\r\n$4\r\nECHO\r\n$16385\r\n{value}\r\nPING\r\n").as_bytes(),
    );
}

#[test]
fn a_zero_byte_in_a_line_is_told_where_redis_waits_for_ever() {
    let Some(server) = RedisServer::start(&[]) else {
        return;
    };
    for case in [
        &b"PING\0\r\n"[..],
        b"\0\r\n",
        b"*1\0\r\n$4\r\nPING\r\n",
        b"*1\r\n$4\0\r\nPING\r\n",
        b"*1\r\n\0\r\nPING\r\n",
    ] {
        let got = Model {
            authenticated: true,
        }
        .answer(case, case.len());
        assert_eq!(got, b"-ERR Protocol error: zero byte in request\r\n");
        assert_eq!(
            server.answer(case, |_| true),
            b"",
            "{}",
            case.escape_ascii()
        );
    }
}
