//! The Redis protocol: GET, SET, and SET XX.

use super::{Templates, Wire, name};
use crate::cli::bench::load::Load;
use crate::cli::bench::operation::{Answer, Kind};
use crate::cli::bench::template::Template;
use bytes::BytesMut;

/// A system that speaks the Redis protocol.
#[derive(Debug)]
pub(in crate::cli::bench) struct Redis {
    templates: Templates,
    password: Option<String>,
}

impl Redis {
    pub(in crate::cli::bench) fn new(load: &Load, password: Option<String>) -> Self {
        let value = || Template::default().value();
        let name = || argument(name(load), load.name_bytes());
        let set = |arguments: u8| {
            command(arguments, "SET")
                .then(name())
                .then(argument(value(), load.value_bytes))
        };
        Self {
            templates: Kind::ALL.map(|kind| match kind {
                Kind::Read => command(2, "GET").then(name()),
                Kind::Write => set(3),
                Kind::Conditional => set(4).then(argument(Template::default().bytes("XX"), 2)),
            }),
            password,
        }
    }
}

fn command(arguments: u8, name: &str) -> Template {
    let begin = Template::default().bytes(format!("*{arguments}\r\n"));
    begin.then(argument(Template::default().bytes(name), name.len()))
}

fn argument(content: Template, length: usize) -> Template {
    let begin = Template::default().bytes(format!("${length}\r\n"));
    begin.then(content).bytes("\r\n")
}

impl Wire for Redis {
    fn template(&self, kind: Kind) -> &Template {
        &self.templates[kind as usize]
    }

    fn greeting(&self) -> Option<Vec<u8>> {
        let password = self.password.as_ref()?;
        let mut request = BytesMut::new();
        resp::write_request(&mut request, ["AUTH", password]);
        Some(request.to_vec())
    }

    fn answer<'a>(
        &self,
        received: &'a [u8],
        kind: Kind,
        words: &'a mut String,
    ) -> Result<Option<(usize, Answer<'a>)>, String> {
        const NOT_REDIS: &str = "the answer is not of the Redis protocol";
        let Some(&first) = received.first() else {
            return Ok(None);
        };
        let Some(end) = received.iter().position(|&byte| byte == b'\n') else {
            return match received.len() > LINE_BYTES_MAX {
                true => Err(NOT_REDIS.to_owned()),
                false => Ok(None),
            };
        };
        let line = received
            .get(1..end)
            .and_then(|line| line.strip_suffix(b"\r"));
        let line = line.ok_or(NOT_REDIS)?;
        let missing = match kind {
            Kind::Read => Answer::Nothing,
            Kind::Write | Kind::Conditional => Answer::Unmet,
        };
        let (bytes, answer) = match (first, line) {
            (b'$', b"-1") | (b'_', b"") => (end + 1, missing),
            (b'$', length) => {
                let length = resp::parse_integer(length).and_then(|length| length.try_into().ok());
                let length: usize = length.filter(|&it| it <= BULK_BYTES_MAX).ok_or(NOT_REDIS)?;
                (end + 1 + length + 2, Answer::Done)
            }
            (b'+', _) | (b':', _) => (end + 1, Answer::Done),
            (b'-', error) => {
                *words = String::from_utf8_lossy(error).into_owned();
                let kind = words.split(' ').next().unwrap_or_default();
                (end + 1, Answer::Error { kind, words })
            }
            _ => return Err(NOT_REDIS.to_owned()),
        };
        Ok((received.len() >= bytes).then_some((bytes, answer)))
    }
}

/// As Redis has it for what it receives.
const LINE_BYTES_MAX: usize = 64 << 10;
const BULK_BYTES_MAX: usize = 512 << 20;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::bench::load::tests::load;
    use crate::cli::bench::operation::Operation;
    use crate::cli::bench::template::Values;
    use proptest::prelude::*;
    use resp::{Dialect, Reply, ReplyLimits, ReplyParser, ReplyWriter};

    fn redis() -> Redis {
        Redis::new(&load(), None)
    }

    fn written(kind: Kind) -> String {
        let operation = Operation {
            kind,
            register: 7,
            value: 0,
        };
        let mut out = Vec::new();
        let values = Values::new(64);
        redis().template(kind).write(&operation, &values, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn requests_are_what_a_client_would_write() {
        let mut get = BytesMut::new();
        resp::write_request(&mut get, ["GET", "bench:000000000007"]);
        assert_eq!(written(Kind::Read).as_bytes(), get);
        let parse = |text: String| {
            let mut parser = resp::RequestParser::new(resp::Limits::default());
            let mut buffer = BytesMut::from(text.as_str());
            let request = parser.next(&mut buffer).unwrap().unwrap();
            let arguments: Vec<_> = request.iter().map(<[u8]>::to_vec).collect();
            assert!(matches!(parser.next(&mut buffer), Ok(None)));
            assert!(buffer.is_empty());
            arguments
        };
        let set = parse(written(Kind::Write));
        assert_eq!(set[..2], [b"SET".to_vec(), b"bench:000000000007".to_vec()]);
        assert_eq!((set.len(), set[2].len()), (3, 64));
        let conditional = parse(written(Kind::Conditional));
        assert_eq!(conditional[..3], set);
        assert_eq!(conditional[3], b"XX");
    }

    #[test]
    fn answers_are_told_apart() {
        let answer = |bytes: &str, kind| {
            let mut words = String::new();
            match redis().answer(bytes.as_bytes(), kind, &mut words) {
                Ok(Some((taken, answer))) => format!("{taken} {answer:?}"),
                Ok(None) => "not yet".to_owned(),
                Err(error) => error,
            }
        };
        assert_eq!(answer("+OK\r\n+OK\r\n", Kind::Write), "5 Done");
        assert_eq!(answer("$2\r\nab\r\n", Kind::Read), "8 Done");
        assert_eq!(answer("$2\r\nab\r", Kind::Read), "not yet");
        assert_eq!(answer("$-1\r\n", Kind::Read), "5 Nothing");
        assert_eq!(answer("_\r\n", Kind::Read), "3 Nothing");
        assert_eq!(answer("$-1\r\n", Kind::Conditional), "5 Unmet");
        let error = answer("-BUSY come back later\r\n", Kind::Write);
        assert_eq!(
            error,
            "23 Error { kind: \"BUSY\", words: \"BUSY come back later\" }"
        );
        for wrong in [
            "HTTP/1.1 400 Bad Request\r\n",
            "+OK\n",
            "$x\r\n",
            "$-2\r\n",
            "\n",
        ] {
            assert!(
                answer(wrong, Kind::Read).contains("not of the Redis"),
                "{wrong:?}"
            );
        }
        let endless = "+".repeat(LINE_BYTES_MAX + 1);
        assert!(answer(&endless, Kind::Read).contains("not of the Redis"));
    }

    fn reply() -> impl Strategy<Value = Reply> {
        let text = "[ -~]{0,20}".prop_map(bytes::Bytes::from);
        prop_oneof![
            text.clone().prop_map(Reply::Simple),
            text.prop_map(Reply::Error),
            any::<i64>().prop_map(Reply::Integer),
            prop::collection::vec(any::<u8>(), 0..50).prop_map(|bytes| Reply::Bulk(bytes.into())),
            Just(Reply::Nil),
        ]
    }

    proptest! {
        /// Each reply ends where the parser says that has read it whole, and not a byte earlier.
        #[test]
        fn a_reply_is_as_long_as_its_parser_has_it(reply in reply(), resp3: bool) {
            let dialect = if resp3 { Dialect::Resp3 } else { Dialect::Resp2 };
            let mut bytes = BytesMut::new();
            reply.write(&mut ReplyWriter::new(&mut bytes, dialect));
            let length = bytes.len();
            let mut words = String::new();
            for cut in 0..length {
                let answer = redis().answer(&bytes[..cut], Kind::Read, &mut words);
                prop_assert!(matches!(answer, Ok(None)), "{cut} of {length}");
            }
            bytes.extend_from_slice(b"+NEXT\r\n");
            let answer = redis().answer(&bytes, Kind::Read, &mut words);
            let (taken, answer) = answer.unwrap().unwrap();
            prop_assert_eq!(taken, length);
            let expected = match &reply {
                Reply::Error(_) => matches!(answer, Answer::Error { .. }),
                Reply::Nil => answer == Answer::Nothing,
                _ => answer == Answer::Done,
            };
            prop_assert!(expected);
            let parsed = ReplyParser::new(ReplyLimits::default()).next(&mut bytes);
            prop_assert_eq!(parsed.unwrap(), Some(reply));
        }
    }
}
