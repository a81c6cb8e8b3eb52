//! `/v1/registers/{name}`: registers by name, their values as they are.

use super::conditions::{Precondition, is_known};
use super::expires::Expires;
use super::openapi::answers;
use super::openapi::parameters::{Bytes, Conditions, Deadline, Expiry, Known, Name};
use super::operations::{Write, etag};
use super::problem::Problem;
use super::{Face, Registers, arguments};
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use hyper::StatusCode;
use hyper::header::CONTENT_TYPE;

const PATH: &str = "/v1/registers/";

/// `GET`: 200 with the value and its tag, 404 where nothing is (with the tombstone's tag, if there
/// is one), 304 if the client has this very tag.
#[utoipa::path(
    get,
    path = "/v1/registers/{name}",
    tag = "registers",
    operation_id = "readRegister",
    summary = "Read a register",
    params(Name, Deadline, Known),
    responses(answers::Value, answers::OfReads)
)]
pub(super) async fn get<R: Registers>(
    State(face): State<Face<R>>,
    request: Request,
) -> Result<Response, Problem> {
    let name = arguments::name(request.uri(), PATH)?;
    let timeout = arguments::timeout(request.uri(), face.registers.limits())?;
    let (content, about) = face.read(name, timeout).await?;
    let Some(value) = content else {
        return Err(Problem::nothing(about));
    };
    let headers = about.headers();
    if is_known(request.headers(), etag(about.tag).as_bytes()) {
        return Ok((StatusCode::NOT_MODIFIED, headers).into_response());
    }
    let kind = [(CONTENT_TYPE, "application/octet-stream")];
    Ok((headers, kind, value).into_response())
}

/// `PUT`: the body becomes the value, whatever was there, or if that is as `If-Match` or
/// `If-None-Match` has it. 204 with the new tag, or 412 with the one that is there.
#[utoipa::path(
    put,
    path = "/v1/registers/{name}",
    tag = "registers",
    operation_id = "writeRegister",
    summary = "Write a register",
    params(Name, Expiry, Deadline, Conditions),
    request_body(
        content = inline(Bytes),
        content_type = "application/octet-stream",
        description = "The value, as it is. Any content type will do.",
        example = "hello"
    ),
    responses(answers::Written, answers::OfWrites)
)]
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
    let write = Write {
        precondition: Precondition::of(&head.headers)?,
        name: arguments::name(&head.uri, PATH)?,
        content: Some(body.bytes.clone()),
        expires: Expires::of_query(&head.uri)?,
    };
    let timeout = arguments::timeout(&head.uri, limits)?;
    let about = face.write(write, timeout).await?;
    Ok((StatusCode::NO_CONTENT, about.headers()).into_response())
}

/// `DELETE`: nothing becomes the value, whatever was there and if anything was: it is a write, and
/// asks no questions but those of `If-Match`. 204 with the tombstone's tag, or 412.
#[utoipa::path(
    delete,
    path = "/v1/registers/{name}",
    tag = "registers",
    operation_id = "deleteRegister",
    summary = "Delete what a register holds",
    params(Name, Deadline, Conditions),
    responses(answers::Written, answers::OfWrites)
)]
pub(super) async fn delete<R: Registers>(
    State(face): State<Face<R>>,
    request: Request,
) -> Result<Response, Problem> {
    let write = Write {
        precondition: Precondition::of(request.headers())?,
        name: arguments::name(request.uri(), PATH)?,
        content: None,
        expires: None,
    };
    let timeout = arguments::timeout(request.uri(), face.registers.limits())?;
    let about = face.write(write, timeout).await?;
    Ok((StatusCode::NO_CONTENT, about.headers()).into_response())
}

#[cfg(test)]
mod tests {
    use crate::http::client::Answer;
    use crate::http::double::{Double, Server};
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
        let old = server.request("PUT", "/v1/registers/x", b"old").await;
        let etag = old.header("etag").unwrap();
        for (header, status) in [
            (format!("If-Match: W/{etag}"), 400),
            (format!("If-Match: {etag}, \"b\""), 400),
            (format!("If-None-Match: {etag}"), 400),
            ("If-Match: 1".to_owned(), 400),
            ("If-Unmodified-Since: now".to_owned(), 501),
            ("Content-Range: bytes 0-2/9".to_owned(), 400),
        ] {
            let header = format!("{header}\r\n");
            for (method, body) in [("PUT", &b"new"[..]), ("DELETE", b"")] {
                let answer = server
                    .request_with(method, "/v1/registers/x", &header, body)
                    .await;
                answer.assert_problem(status, "refused");
            }
        }
        assert_eq!(server.get("/v1/registers/x").await.text(), "old");
    }

    #[tokio::test]
    async fn a_write_happens_only_under_the_tag_that_it_names() {
        let server = Server::start().await;
        let first = server.request("PUT", "/v1/registers/x", b"1").await;
        let first = first.header("etag").unwrap().to_owned();
        let write = async |method: &str, etag: &str, body: &[u8]| {
            let header = format!("If-Match: {etag}\r\n");
            server
                .request_with(method, "/v1/registers/x", &header, body)
                .await
        };
        let second = write("PUT", &first, b"2").await;
        assert_eq!((second.status, second.text()), (204, ""));
        let second = second.header("etag").unwrap().to_owned();
        assert_ne!(first, second);
        let found = server.get("/v1/registers/x").await;
        assert_eq!((found.header("etag"), found.text()), (Some(&*second), "2"));

        for (method, body) in [("PUT", &b"3"[..]), ("DELETE", b"")] {
            for stale in [&first, "\"of another store\""] {
                let failed = write(method, stale, body).await;
                failed.assert_problem(412, "refused");
                assert_eq!(failed.header("etag"), Some(&*second));
                assert_eq!(failed.header("retry-after"), None);
                assert!(failed.header("shardedmemory-rounds").is_some());
            }
        }
        assert_eq!(server.get("/v1/registers/x").await.text(), "2");

        let deleted = write("DELETE", &second, b"").await;
        assert_eq!(deleted.status, 204);
        let tombstone = deleted.header("etag").unwrap().to_owned();
        let found = server.get("/v1/registers/x").await;
        assert_eq!(
            (found.status, found.header("etag")),
            (404, Some(&*tombstone))
        );
        // To delete under a delete's own tag is to have done it.
        let again = write("DELETE", &tombstone, b"").await;
        assert_eq!(
            (again.status, again.header("etag")),
            (204, Some(&*tombstone))
        );
        let revived = write("PUT", &tombstone, b"4").await;
        assert_eq!(revived.status, 204);
        assert_eq!(server.get("/v1/registers/x").await.text(), "4");
    }

    #[tokio::test]
    async fn a_write_may_depend_on_whether_something_is_there() {
        let server = Server::start().await;
        let write = async |method: &str, header: &str, body: &[u8]| {
            let header = format!("{header}: *\r\n");
            let answer = server
                .request_with(method, "/v1/registers/x", &header, body)
                .await;
            answer.status
        };
        assert_eq!(write("PUT", "If-Match", b"1").await, 412);
        assert_eq!(write("DELETE", "If-Match", b"").await, 412);
        assert_eq!(write("DELETE", "If-None-Match", b"").await, 204);
        assert_eq!(server.get("/v1/registers/x").await.header("etag"), None);
        assert_eq!(write("PUT", "If-None-Match", b"2").await, 204);
        assert_eq!(write("PUT", "If-None-Match", b"3").await, 412);
        assert_eq!(write("DELETE", "If-None-Match", b"").await, 412);
        assert_eq!(server.get("/v1/registers/x").await.text(), "2");
        assert_eq!(write("PUT", "If-Match", b"4").await, 204);
        assert_eq!(server.get("/v1/registers/x").await.text(), "4");
        assert_eq!(write("DELETE", "If-Match", b"").await, 204);
        assert_eq!(server.get("/v1/registers/x").await.status, 404);
        assert_eq!(write("PUT", "If-None-Match", b"5").await, 204);
    }

    #[tokio::test]
    async fn a_value_that_is_to_expire_says_when() {
        let server = Server::start().await;
        let at = |ttl_ms: u64| (Double::WALL_CLOCK.0 + ttl_ms).to_string();
        let expires = |answer: &Answer| {
            let at = answer.header("shardedmemory-expires-ms");
            at.map(str::to_owned)
        };
        let put = async |query: &str, header: &str| {
            let path = format!("/v1/registers/x{query}");
            server.request_with("PUT", &path, header, b"1").await
        };
        let plain = put("?ttl_ms=1500", "").await;
        let etag = plain.header("etag").unwrap().to_owned();
        assert_eq!((plain.status, expires(&plain)), (204, Some(at(1_500))));
        let get = server.get("/v1/registers/x").await;
        assert_eq!((get.status, expires(&get)), (200, Some(at(1_500))));
        let known = format!("If-None-Match: {etag}\r\n");
        let known = server
            .request_with("GET", "/v1/registers/x", &known, b"")
            .await;
        assert_eq!((known.status, expires(&known)), (304, Some(at(1_500))));
        let conditional = put("?ttl_ms=2500", &format!("If-Match: {etag}\r\n")).await;
        assert_eq!(
            (conditional.status, expires(&conditional)),
            (204, Some(at(2_500)))
        );
        let failed = put("?ttl_ms=3500", &format!("If-Match: {etag}\r\n")).await;
        assert_eq!((failed.status, expires(&failed)), (412, Some(at(2_500))));
        for ttl_ms in ["0", "-1", "x", "9007199254740992"] {
            let refused = put(&format!("?ttl_ms={ttl_ms}"), "").await;
            refused.assert_problem(400, "refused");
        }
        for query in ["?expires_ms=0", "?expires_ms=x", "?expires_ms=9&ttl_ms=9"] {
            put(query, "").await.assert_problem(400, "refused");
        }
        assert_eq!(
            expires(&server.get("/v1/registers/x").await),
            Some(at(2_500))
        );
        let path = format!("?expires_ms={}", at(4_500));
        assert_eq!(expires(&put(&path, "").await), Some(at(4_500)));
        let get = server.get("/v1/registers/x").await;
        assert_eq!((get.status, expires(&get)), (200, Some(at(4_500))));
        put("", "").await;
        assert_eq!(expires(&server.get("/v1/registers/x").await), None);
    }

    #[tokio::test]
    async fn a_conditional_write_ends_like_any_other() {
        let server = Server::start().await;
        let put = async || {
            let header = "If-Match: \"1-0000000000000001-1-0\"\r\n";
            server
                .request_with("PUT", "/v1/registers/x", header, b"1")
                .await
        };
        server.change(|state| state.always = Some(Outcome::Unknown));
        let unknown = put().await;
        unknown.assert_problem(504, "unknown");
        assert_eq!(unknown.header("retry-after"), None);
        for (refusal, status) in [(Refusal::NoQuorum, 503), (Refusal::Contended, 429)] {
            server.change(|state| state.always = Some(Outcome::Refused(refusal)));
            put().await.assert_problem(status, "refused");
        }
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
            let requests = [("GET", &b""[..]), ("PUT", b"1"), ("DELETE", b"")];
            let is_possible = |method| method != "GET" || refusal != Refusal::Exhausted;
            for (method, body) in requests.into_iter().filter(|it| is_possible(it.0)) {
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
