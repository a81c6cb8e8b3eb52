//! HTTP: `GET` and `PUT` on `/v1/registers/{name}`, and `PUT` with `If-Match: *`.

use super::{Templates, Wire, name};
use crate::cli::bench::load::Load;
use crate::cli::bench::operation::{Answer, Kind};
use crate::cli::bench::template::Template;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use protocol::Address;

/// Nodes of `shardedmemory`, asked over HTTP.
#[derive(Debug)]
pub(in crate::cli::bench) struct Http {
    templates: Templates,
}

impl Http {
    /// A node that is called by this address, with this password.
    pub(in crate::cli::bench) fn new(load: &Load, node: &Address, password: Option<&str>) -> Self {
        let encoded = Load {
            prefix: utf8_percent_encode(&load.prefix, NON_ALPHANUMERIC).to_string(),
            ..load.clone()
        };
        let authorization =
            password.map(|password| format!("Authorization: Bearer {password}\r\n"));
        let authorization = authorization.unwrap_or_default();
        let head = |method: &str, headers: &str| {
            Template::default()
                .bytes(format!("{method} /v1/registers/"))
                .then(name(&encoded))
                .bytes(format!(
                    " HTTP/1.1\r\nHost: {node}\r\n{authorization}{headers}\r\n"
                ))
        };
        let length = format!("Content-Length: {}\r\n", load.value_bytes);
        Self {
            templates: Kind::ALL.map(|kind| match kind {
                Kind::Read => head("GET", ""),
                Kind::Write => head("PUT", &length).value(),
                Kind::Conditional => head("PUT", &format!("{length}If-Match: *\r\n")).value(),
            }),
        }
    }
}

impl Wire for Http {
    fn template(&self, kind: Kind) -> &Template {
        &self.templates[kind as usize]
    }

    fn answer<'a>(
        &self,
        received: &'a [u8],
        kind: Kind,
        words: &'a mut String,
    ) -> Result<Option<(usize, Answer<'a>)>, String> {
        let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
        let mut head = httparse::Response::new(&mut headers);
        let begin = match head.parse(received) {
            Ok(httparse::Status::Complete(begin)) => begin,
            Ok(httparse::Status::Partial) if received.len() <= HEAD_BYTES_MAX => return Ok(None),
            Ok(httparse::Status::Partial) => return Err("the answer's head has no end".to_owned()),
            Err(error) => return Err(format!("the answer is no HTTP: {error}")),
        };
        let status = head.code.expect("a head that is complete has a status");
        let header = |name: &str| {
            let found = head.headers.iter();
            let mut found = found.filter(|header| header.name.eq_ignore_ascii_case(name));
            found.next().map(|header| header.value)
        };
        let length = match (status, header("content-length")) {
            (204 | 304, _) => 0,
            (_, Some(length)) => std::str::from_utf8(length)
                .ok()
                .and_then(|length| length.parse::<usize>().ok())
                .ok_or("the answer's Content-Length is no number")?,
            (_, None) => return Err(format!("the answer {status} has no Content-Length")),
        };
        let end = begin + length;
        if received.len() < end {
            return Ok(None);
        }
        let answer = match (status, kind) {
            (200..=299, _) => Answer::Done,
            (404, Kind::Read) => Answer::Nothing,
            (412, Kind::Conditional) => Answer::Unmet,
            _ => {
                let body = String::from_utf8_lossy(&received[begin..end]);
                *words = format!("HTTP {status} {}", body.trim());
                let kind_bytes = "HTTP 000".len().min(words.len());
                Answer::Error {
                    kind: &words[..kind_bytes],
                    words,
                }
            }
        };
        Ok(Some((end, answer)))
    }
}

const HEADERS_MAX: usize = 64;
const HEAD_BYTES_MAX: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::bench::load::tests::load;
    use crate::cli::bench::operation::Operation;
    use crate::cli::bench::template::Values;

    fn http(password: Option<&str>) -> Http {
        Http::new(&load(), &"node:3030".parse().unwrap(), password)
    }

    fn written(kind: Kind, password: Option<&str>) -> String {
        let operation = Operation {
            kind,
            register: 7,
            value: 0,
        };
        let mut out = Vec::new();
        let values = Values::new(64);
        let http = http(password);
        http.template(kind).write(&operation, &values, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn requests_name_the_register_and_prove_who_asks() {
        assert_eq!(
            written(Kind::Read, None),
            "GET /v1/registers/bench%3A000000000007 HTTP/1.1\r\nHost: node:3030\r\n\r\n"
        );
        let put = written(Kind::Conditional, Some("secret"));
        let (head, value) = put.split_once("\r\n\r\n").unwrap();
        assert_eq!(
            head,
            "PUT /v1/registers/bench%3A000000000007 HTTP/1.1\r\nHost: node:3030\r\n\
             Authorization: Bearer secret\r\nContent-Length: 64\r\nIf-Match: *"
        );
        assert_eq!(value.len(), 64);
    }

    #[test]
    fn answers_are_told_apart() {
        let answer = |bytes: &str, kind| {
            let mut words = String::new();
            match http(None).answer(bytes.as_bytes(), kind, &mut words) {
                Ok(Some((taken, answer))) => format!("{taken} {answer:?}"),
                Ok(None) => "not yet".to_owned(),
                Err(error) => error,
            }
        };
        let value = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab";
        assert_eq!(answer(&format!("{value}HTTP"), Kind::Read), "40 Done");
        assert_eq!(answer(&value[..39], Kind::Read), "not yet");
        assert_eq!(answer(&value[..20], Kind::Read), "not yet");
        let written = "HTTP/1.1 204 No Content\r\nETag: \"1\"\r\n\r\n";
        assert_eq!(answer(written, Kind::Write), "38 Done");
        let problem = |status| format!("HTTP/1.1 {status} X\r\ncontent-length: 3\r\n\r\nwhy");
        assert!(answer(&problem(404), Kind::Read).ends_with("Nothing"));
        assert!(answer(&problem(412), Kind::Conditional).ends_with("Unmet"));
        let refused = answer(&problem(503), Kind::Read);
        assert!(
            refused.ends_with("Error { kind: \"HTTP 503\", words: \"HTTP 503 why\" }"),
            "{refused}"
        );
        assert!(answer(&problem(404), Kind::Write).contains("HTTP 404"));
        assert!(answer("-ERR\r\n", Kind::Read).contains("no HTTP"));
        assert!(answer("HTTP/1.1 200 OK\r\n\r\n", Kind::Read).contains("no Content-Length"));
        let endless = format!("HTTP/1.1 200 OK\r\nA: {}", "x".repeat(HEAD_BYTES_MAX));
        assert!(answer(&endless, Kind::Read).contains("no end"));
    }
}
