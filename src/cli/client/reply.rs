//! What a node's answer to an operation means.

use crate::cli::client::problem::{End, Problem};
use crate::cli::client::{Lost, Verb};
use hyper::body::Bytes;
use hyper::header::{self, HeaderMap};
use hyper::{Response, StatusCode};
use std::str::FromStr;

/// What an answer, or its absence, lets a client believe.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Reply {
    /// It was done.
    Done {
        /// What was read, if there was something to read.
        value: Option<Bytes>,
        /// The register's tag.
        tag: Option<String>,
        /// When the value expires, in milliseconds since 1970, if it does.
        expires_ms: Option<u64>,
        /// How many rounds of messages it took.
        rounds: Option<u8>,
    },
    /// It did not happen here, for this reason, and another node may be asked.
    Elsewhere(String),
    /// It did not happen, for this reason, and another node would say the same.
    Refused(String),
    /// It is a write that may have happened, or may yet.
    Unknown(String),
}

/// What the answer to this operation means.
pub(crate) fn reply(verb: &Verb, answer: Result<Response<Bytes>, Lost>) -> Reply {
    let (head, body) = match answer {
        Ok(answer) => answer.into_parts(),
        Err(lost) => return without_answer(verb, &lost),
    };
    let done = |value| Reply::Done {
        value,
        tag: tag(&head.headers),
        expires_ms: number(&head.headers, "shardedmemory-expires-ms"),
        rounds: number(&head.headers, "shardedmemory-rounds"),
    };
    match head.status {
        status if status.is_success() => done((*verb == Verb::Read).then_some(body)),
        status => {
            let problem = Problem::read(&body);
            match (verb, status, &problem) {
                (
                    Verb::Read,
                    StatusCode::NOT_FOUND,
                    Problem {
                        outcome: Some(End::Done),
                        ..
                    },
                ) => done(None),
                _ => not_done(verb, status, problem),
            }
        }
    }
}

/// A read changes nothing, so there is never doubt about it.
fn without_answer(verb: &Verb, lost: &Lost) -> Reply {
    match (verb, lost) {
        (Verb::Read, _) | (_, Lost::Unsent(_)) => Reply::Elsewhere(lost.to_string()),
        (_, Lost::Late(_) | Lost::TooLong) => Reply::Unknown(lost.to_string()),
        (_, Lost::Broken(error)) => Reply::Unknown(format!(
            "the connection broke before the answer came ({error})"
        )),
    }
}

fn not_done(verb: &Verb, status: StatusCode, problem: Problem) -> Reply {
    let outcome = problem.outcome;
    let reason = problem.reason(status);
    // Only a node's own word `refused` makes a server's error certain: 502 or 504 may also come
    // from something between.
    let certain = *verb == Verb::Read
        || outcome == Some(End::Refused)
        || (outcome.is_none() && status.is_client_error());
    match status {
        _ if !certain => Reply::Unknown(reason),
        StatusCode::TOO_MANY_REQUESTS => Reply::Elsewhere(reason),
        _ if status.is_server_error() => Reply::Elsewhere(reason),
        _ => Reply::Refused(reason),
    }
}

fn tag(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(header::ETAG)?.to_str().ok()?;
    Some(text.trim_matches('"').to_owned())
}

fn number<T: FromStr>(headers: &HeaderMap, name: &str) -> Option<T> {
    headers.get(name)?.to_str().ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write() -> Verb {
        Verb::Write(Bytes::from_static(b"x"))
    }

    fn answer(status: u16, body: &'static str) -> Result<Response<Bytes>, Lost> {
        let response = Response::builder()
            .status(status)
            .header("etag", "\"1-00000000000000aa-1-0\"")
            .header("shardedmemory-expires-ms", "1700000000000")
            .header("shardedmemory-rounds", "2")
            .body(Bytes::from_static(body.as_bytes()));
        Ok(response.unwrap())
    }

    fn done(value: Option<&'static str>) -> Reply {
        Reply::Done {
            value: value.map(|value| Bytes::from_static(value.as_bytes())),
            tag: Some("1-00000000000000aa-1-0".to_owned()),
            expires_ms: Some(1_700_000_000_000),
            rounds: Some(2),
        }
    }

    #[test]
    fn success_is_done_with_the_tag_and_the_rounds() {
        assert_eq!(
            reply(&Verb::Read, answer(200, "hello")),
            done(Some("hello"))
        );
        assert_eq!(reply(&write(), answer(204, "")), done(None));
        assert_eq!(reply(&Verb::Delete, answer(204, "")), done(None));
    }

    #[test]
    fn an_empty_value_is_not_nothing() {
        assert_eq!(reply(&Verb::Read, answer(200, "")), done(Some("")));
        assert_eq!(
            reply(&Verb::Read, answer(404, r#"{"outcome":"done"}"#)),
            done(None)
        );
    }

    #[test]
    fn a_path_that_is_not_there_is_not_a_register_that_holds_nothing() {
        for elsewhere in ["", "<html>", r#"{"outcome":"refused"}"#] {
            let reply = reply(&Verb::Read, answer(404, elsewhere));
            assert!(matches!(reply, Reply::Refused(_)), "{reply:?}");
        }
    }

    #[test]
    fn a_refusal_that_another_node_may_not_share_goes_elsewhere() {
        for status in [429, 503] {
            let refused = answer(status, r#"{"outcome":"refused","detail":"no"}"#);
            assert_eq!(
                reply(&write(), refused),
                Reply::Elsewhere("no".to_owned()),
                "{status}"
            );
        }
    }

    #[test]
    fn a_refusal_of_the_request_itself_is_final() {
        for status in [400, 401, 403, 405, 413] {
            let refused = answer(status, r#"{"outcome":"refused","title":"no"}"#);
            assert_eq!(
                reply(&write(), refused),
                Reply::Refused("no".to_owned()),
                "{status}"
            );
        }
    }

    #[test]
    fn a_write_without_a_certain_end_is_unknown() {
        let unknown = answer(504, r#"{"outcome":"unknown","detail":"who knows"}"#);
        assert_eq!(
            reply(&write(), unknown),
            Reply::Unknown("who knows".to_owned())
        );
        for unclear in [answer(500, ""), answer(502, "<html>"), answer(504, "{}")] {
            let reply = reply(&write(), unclear);
            assert!(matches!(reply, Reply::Unknown(_)), "{reply:?}");
        }
        for lost in [Lost::Late(Default::default()), Lost::Broken(String::new())] {
            let reply = reply(&Verb::Delete, Err(lost));
            assert!(matches!(reply, Reply::Unknown(_)), "{reply:?}");
        }
    }

    #[test]
    fn a_write_that_was_not_sent_goes_elsewhere() {
        let unsent = reply(&write(), Err(Lost::Unsent("closed".to_owned())));
        assert_eq!(unsent, Reply::Elsewhere("closed".to_owned()));
    }

    #[test]
    fn a_read_is_never_in_doubt() {
        for failed in [
            answer(500, ""),
            answer(504, r#"{"outcome":"unknown"}"#),
            Err(Lost::Late(Default::default())),
            Err(Lost::Broken(String::new())),
        ] {
            let reply = reply(&Verb::Read, failed);
            assert!(matches!(reply, Reply::Elsewhere(_)), "{reply:?}");
        }
    }
}
