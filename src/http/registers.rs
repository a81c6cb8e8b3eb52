//! `/v1/registers/{name}`: registers by name, their values as they are.

use super::problem::Problem;
use super::{Face, Registers, arguments, operations};
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use hyper::header::{
    CONTENT_RANGE, CONTENT_TYPE, HeaderName, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH,
    IF_UNMODIFIED_SINCE,
};
use hyper::{HeaderMap, StatusCode};

const PATH: &str = "/v1/registers/";

/// `GET`: 200 with the value and its tag, 404 where nothing is (with the tombstone's tag, if there
/// is one), 304 if the client has this very tag.
pub(super) async fn get<R: Registers>(
    State(face): State<Face<R>>,
    request: Request,
) -> Result<Response, Problem> {
    let name = arguments::name(request.uri(), PATH)?;
    let timeout = arguments::timeout(request.uri(), face.registers.limits())?;
    let (record, rounds) = face.read(name, timeout).await?;
    let headers = operations::headers(record.tag, rounds);
    let Some(value) = record.content else {
        let detail = if record.tag.is_zero() {
            "nobody ever wrote this register"
        } else {
            "this register was deleted; the ETag is the delete's"
        };
        return Ok((headers, Problem::nothing(detail)).into_response());
    };
    if is_known(request.headers(), operations::etag(record.tag).as_bytes()) {
        return Ok((StatusCode::NOT_MODIFIED, headers).into_response());
    }
    let kind = [(CONTENT_TYPE, "application/octet-stream")];
    Ok((headers, kind, value).into_response())
}

/// `PUT`: the body becomes the value, whatever was there. 204 with the new tag.
pub(super) async fn put<R: Registers>(
    State(face): State<Face<R>>,
    request: Request,
) -> Result<Response, Problem> {
    let limits = face.registers.limits();
    let value_bytes_max = limits.value_bytes_max;
    let too_large =
        || Problem::too_large(format_args!("a value has at most {value_bytes_max} bytes"));
    let (head, body) = (face.bodies)
        .receive(request, value_bytes_max, too_large)
        .await?;
    refuse_what_would_be_ignored(&head.headers)?;
    let name = arguments::name(&head.uri, PATH)?;
    let timeout = arguments::timeout(&head.uri, limits)?;
    let (tag, rounds) = face.write(name, Some(body.bytes.clone()), timeout).await?;
    Ok((StatusCode::NO_CONTENT, operations::headers(tag, rounds)).into_response())
}

/// `DELETE`: nothing becomes the value, whatever was there and if anything was: it is a write, and
/// asks no questions. 204 with the tombstone's tag, always.
pub(super) async fn delete<R: Registers>(
    State(face): State<Face<R>>,
    request: Request,
) -> Result<Response, Problem> {
    refuse_what_would_be_ignored(request.headers())?;
    let name = arguments::name(request.uri(), PATH)?;
    let timeout = arguments::timeout(request.uri(), face.registers.limits())?;
    let (tag, rounds) = face.write(name, None, timeout).await?;
    Ok((StatusCode::NO_CONTENT, operations::headers(tag, rounds)).into_response())
}

/// Whether the client says that it has what this entity tag stands for.
fn is_known(headers: &HeaderMap, etag: &[u8]) -> bool {
    let lists = headers.get_all(IF_NONE_MATCH).into_iter();
    let mut tags = lists.flat_map(|list| list.as_bytes().split(|&byte| byte == b','));
    tags.any(|tag| {
        let tag = tag.trim_ascii();
        tag == b"*" || tag.strip_prefix(b"W/").unwrap_or(tag) == etag
    })
}

/// A client that sends one of these relies on it: to write regardless could destroy what it
/// wanted to keep.
fn refuse_what_would_be_ignored(headers: &HeaderMap) -> Result<(), Problem> {
    const CONDITIONS: [HeaderName; 4] = [
        IF_MATCH,
        IF_NONE_MATCH,
        IF_MODIFIED_SINCE,
        IF_UNMODIFIED_SINCE,
    ];
    if let Some(condition) = CONDITIONS.iter().find(|name| headers.contains_key(*name)) {
        return Err(Problem::not_implemented(format_args!(
            "writes cannot depend on {condition}, so nothing was written; leave it out to write \
             whatever is there"
        )));
    }
    if headers.contains_key(CONTENT_RANGE) {
        let detail = "a value is written as a whole, so nothing was written";
        return Err(Problem::malformed(detail));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::http::double::Server;
    use protocol::{NodeId, Outcome, Refusal, Slot};
    use std::time::Duration;

    #[tokio::test]
    async fn what_was_put_is_what_is_got() {
        let server = Server::start().await;
        for value in [&b"hello"[..], b"", b"\x00\xff\r\n", &[7; 1024 * 1024]] {
            let put = server.request("PUT", "/v1/registers/x", value).await;
            assert_eq!((put.status, put.text()), (204, ""));
            let got = server.get("/v1/registers/x").await;
            assert_eq!(got.status, 200);
            assert!(got.body == value);
            assert_eq!(got.header("content-type"), Some("application/octet-stream"));
            assert_eq!(got.header("cache-control"), Some("no-cache"));
            assert_eq!(got.header("etag"), put.header("etag"));
            assert_eq!(put.header("shardedmemory-rounds"), Some("2"));
            assert_eq!(got.header("shardedmemory-rounds"), Some("1"));
        }
    }

    #[tokio::test]
    async fn an_etag_is_the_tag_in_quotes() {
        let server = Server::start().await;
        let put = server.request("PUT", "/v1/registers/x", b"1").await;
        assert_eq!(put.header("etag"), Some("\"1-0000000000000001-1-0\""));
    }

    #[tokio::test]
    async fn a_name_is_taken_from_the_path_as_it_was_sent() {
        let server = Server::start().await;
        server.request("PUT", "/v1/registers/a%2Fb%ff", b"1").await;
        let same = server.get("/v1/registers/%61%2fb%FF").await;
        assert_eq!(same.text(), "1");
        assert_eq!(server.get("/v1/registers/a").await.status, 404);
        let longest = format!("/v1/registers/{}", "%ff".repeat(1024));
        assert_eq!(server.request("PUT", &longest, b"1").await.status, 204);
        let longer = server.request("PUT", &format!("{longest}a"), b"1").await;
        longer.assert_problem(400, "refused");
        server
            .get("/v1/registers/")
            .await
            .assert_problem(400, "refused");
        server
            .get("/v1/registers/%zz")
            .await
            .assert_problem(400, "refused");
    }

    #[tokio::test]
    async fn where_nothing_is_a_read_is_done_all_the_same() {
        let server = Server::start().await;
        let unset = server.get("/v1/registers/x").await;
        unset.assert_problem(404, "done");
        assert_eq!(unset.header("etag"), None);
        assert_eq!(unset.header("shardedmemory-rounds"), Some("1"));

        let deleted = server.request("DELETE", "/v1/registers/x", b"").await;
        assert_eq!(deleted.status, 204);
        let tombstone = server.get("/v1/registers/x").await;
        tombstone.assert_problem(404, "done");
        assert_eq!(tombstone.header("etag"), deleted.header("etag"));
        assert!(tombstone.header("etag").is_some());
        assert_eq!(tombstone.header("retry-after"), None);
    }

    #[tokio::test]
    async fn head_is_get_without_the_body() {
        let server = Server::start().await;
        let put = server.request("PUT", "/v1/registers/x", b"hello").await;
        let head = server.request("HEAD", "/v1/registers/x", b"").await;
        assert_eq!(head.status, 200);
        assert_eq!(head.header("content-length"), Some("5"));
        assert_eq!(head.header("etag"), put.header("etag"));
        assert_eq!(
            server.request("HEAD", "/v1/registers/y", b"").await.status,
            404
        );
    }

    #[tokio::test]
    async fn a_client_that_has_the_value_is_not_sent_it_again() {
        let server = Server::start().await;
        let put = server.request("PUT", "/v1/registers/x", b"hello").await;
        let etag = put.header("etag").unwrap().to_owned();
        let get = async |known: &str| {
            let header = format!("If-None-Match: {known}\r\n");
            server
                .request_with("GET", "/v1/registers/x", &header, b"")
                .await
        };
        for known in [etag.clone(), format!("\"z\", W/{etag}"), "*".to_owned()] {
            let answer = get(&known).await;
            assert_eq!((answer.status, answer.text()), (304, ""), "{known}");
            assert_eq!(answer.header("etag"), Some(&*etag));
        }
        assert_eq!(get("\"9-0000000000000001-1-0\"").await.text(), "hello");
    }

    #[tokio::test]
    async fn a_condition_that_writes_cannot_keep_stops_them() {
        let server = Server::start().await;
        server.request("PUT", "/v1/registers/x", b"old").await;
        for header in [
            "If-Match: \"1\"",
            "If-None-Match: *",
            "If-Unmodified-Since: now",
        ] {
            let header = format!("{header}\r\n");
            for (method, body) in [("PUT", &b"new"[..]), ("DELETE", b"")] {
                let answer = server
                    .request_with(method, "/v1/registers/x", &header, body)
                    .await;
                answer.assert_problem(501, "refused");
            }
        }
        let part = "Content-Range: bytes 0-2/9\r\n";
        let answer = server
            .request_with("PUT", "/v1/registers/x", part, b"new")
            .await;
        answer.assert_problem(400, "refused");
        assert_eq!(server.get("/v1/registers/x").await.text(), "old");
    }

    #[tokio::test]
    async fn the_deadline_is_the_clients() {
        let server = Server::start().await;
        server.get("/v1/registers/x?timeout_ms=70").await;
        server
            .request("PUT", "/v1/registers/x?timeout_ms=60000", b"1")
            .await;
        server
            .request("DELETE", "/v1/registers/x?timeout_ms=1", b"")
            .await;
        server.get("/v1/registers/x").await;
        let mut timeouts = Vec::new();
        server.change(|state| timeouts = state.timeouts.clone());
        assert_eq!(timeouts, [70, 60_000, 1, 5_000].map(Duration::from_millis));

        for (method, body) in [("GET", &b""[..]), ("PUT", b"1"), ("DELETE", b"")] {
            let path = "/v1/registers/x?timeout_ms=60001";
            let answer = server.request(method, path, body).await;
            answer.assert_problem(400, "refused");
        }
    }

    #[tokio::test]
    async fn what_is_refused_says_so_and_when_to_try_again() {
        let server = Server::start().await;
        for (refusal, status, retry_after) in [
            (Refusal::Busy, 429, Some("1")),
            (Refusal::NoCluster, 503, Some("1")),
            (Refusal::NoQuorum, 503, Some("1")),
            (Refusal::NoMember, 503, Some("1")),
            (Refusal::Exhausted, 507, None),
        ] {
            server.change(|state| state.always = Some(Outcome::Refused(refusal)));
            for (method, body) in [("GET", &b""[..]), ("PUT", b"1"), ("DELETE", b"")] {
                let answer = server.request(method, "/v1/registers/x", body).await;
                answer.assert_problem(status, "refused");
                assert_eq!(answer.header("retry-after"), retry_after, "{refusal}");
            }
        }
    }

    #[tokio::test]
    async fn a_write_of_unknown_outcome_is_504_and_not_to_be_tried_again() {
        let server = Server::start().await;
        server.change(|state| state.always = Some(Outcome::Unknown));
        for (method, body) in [("PUT", &b"1"[..]), ("DELETE", b"")] {
            let answer = server.request(method, "/v1/registers/x", body).await;
            answer.assert_problem(504, "unknown");
            assert_eq!(answer.header("retry-after"), None);
        }
        // A read changes nothing, however it ends.
        let answer = server.get("/v1/registers/x").await;
        answer.assert_problem(503, "refused");
    }

    #[tokio::test]
    async fn when_the_data_of_a_slot_is_gone_the_problem_of_its_registers_says_so() {
        let server = Server::start().await;
        let group = |name: &[u8]| Slot::of(name).group();
        assert_ne!(group(b"x"), group(b"y"));
        server.change(|state| {
            state.always = Some(Outcome::Refused(Refusal::NoQuorum));
            state.view.groups_lost = group(b"x").into_iter().collect();
        });
        let kind = async |path| {
            let answer = server.get(path).await;
            answer.assert_problem(503, "refused");
            answer.json()
        };
        let gone = kind("/v1/registers/x").await;
        assert_eq!(gone["type"], "urn:shardedmemory:problem:quorum-lost");
        let detail = gone["detail"].as_str().unwrap();
        assert!(detail.contains("is gone"), "{detail}");
        assert!(detail.contains("shardedmemory recover"), "{detail}");
        let other = kind("/v1/registers/y").await;
        assert_eq!(other["type"], "urn:shardedmemory:problem:no-quorum");
    }

    #[tokio::test]
    async fn a_process_whose_place_was_taken_says_who_took_it() {
        let server = Server::start().await;
        server.change(|state| {
            state.always = Some(Outcome::Refused(Refusal::NoMember));
            state.view.replaced_by = Some(NodeId::new(9));
        });
        let answer = server.get("/v1/registers/x").await;
        answer.assert_problem(503, "refused");
        let problem = answer.json();
        assert_eq!(problem["type"], "urn:shardedmemory:problem:replaced");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains("node 0000000000000009"), "{detail}");
    }
}
