//! `/v1/batch`: many reads and writes in one request.
//!
//! They run side by side, each as if it had been asked by itself, and each has its own outcome. A
//! batch is no transaction: others may see some of its writes before the rest. It names each
//! register once, so that there is no order among them to be had.

use super::batch_json::{AnswersJson, BatchJson, Step, parse};
use super::openapi::answers;
use super::openapi::parameters::Deadline;
use super::operations::About;
use super::problem::Problem;
use super::{Face, NEVER_CACHED, Registers, arguments};
use axum::Json;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::future::join_all;
use hyper::header::CACHE_CONTROL;
use protocol::RegisterName;
use std::time::Duration;

/// The most operations in a batch.
pub(super) const OPERATIONS_MAX: usize = 1_000;

/// The longest body of a batch, and the most bytes of values that its answer carries, before they
/// are spelt in JSON.
pub(super) const BATCH_BYTES_MAX: usize = 8 * 1024 * 1024;

/// How one operation ended.
pub(super) type Ended = Result<Done, Problem>;

/// What an operation did.
pub(super) enum Done {
    /// It read this.
    Read(Bytes, About),
    /// It wrote.
    Written(About),
}

/// `POST /v1/batch` with `{"operations":[..]}`: 200 with the results, one for each operation and in
/// their order, whatever became of them.
#[utoipa::path(
    post,
    path = "/v1/batch",
    tag = "registers",
    operation_id = "batch",
    summary = "Read and write many registers",
    params(Deadline),
    request_body(
        content = BatchJson,
        description = "1 to 1,000 operations in at most 8 MiB, each on a register of its own. They \
            run side by side, each by itself: a batch is no transaction.",
        example = json!({ "operations": [
            { "op": "read", "name": "greeting" },
            { "op": "write", "name": "session", "value": "open", "ttl_ms": 60000 },
            { "op": "write", "name": "lock", "value": "mine", "if_absent": true },
            { "op": "delete", "name": "old" },
        ] })
    ),
    responses(
        (
            status = 200,
            description = "The results, one for each operation and in their order, whatever \
                became of them. Values beyond 8 MiB are left out, and their results say so.",
            body = AnswersJson
        ),
        answers::OfBatches
    )
)]
pub(super) async fn run<R: Registers>(
    State(face): State<Face<R>>,
    request: Request,
) -> Result<Response, Problem> {
    let limits = face.registers.limits();
    let body_bytes_max = BATCH_BYTES_MAX.min(limits.body_bytes_in_flight_max);
    let too_large = || {
        Problem::too_large(format_args!(
            "a batch has at most {body_bytes_max} bytes, so nothing was done; send several"
        ))
    };
    let (head, body) = (face.bodies)
        .receive(request, body_bytes_max, too_large)
        .await?;
    let timeout = arguments::timeout(&head.uri, limits)?;
    let steps = parse(&body.bytes, limits.value_bytes_max)?;
    let ended = join_all(steps.into_iter().map(|step| face.take(step, timeout))).await;
    let body = AnswersJson::new(bounded(ended));
    Ok(([(CACHE_CONTROL, NEVER_CACHED)], Json(body)).into_response())
}

impl<R: Registers> Face<R> {
    async fn take(&self, step: Step, timeout: Duration) -> Ended {
        match step {
            Step::Read(name) => self.read_value(name, timeout).await,
            Step::Write(write) => self.write(write, timeout).await.map(Done::Written),
        }
    }

    async fn read_value(&self, name: RegisterName, timeout: Duration) -> Ended {
        match self.read(name, timeout).await? {
            (Some(value), about) => Ok(Done::Read(value, about)),
            (None, about) => Err(Problem::nothing(about)),
        }
    }
}

/// An answer is held in memory as a whole: values for which there is no room are left out, and
/// their clients told.
fn bounded(ended: Vec<Ended>) -> impl Iterator<Item = Ended> {
    let mut room_bytes = BATCH_BYTES_MAX;
    ended.into_iter().map(move |ended| match ended {
        Ok(Done::Read(value, about)) => match room_bytes.checked_sub(value.len()) {
            Some(rest) => {
                room_bytes = rest;
                Ok(Done::Read(value, about))
            }
            None => Err(Problem::no_room_for_value(about)),
        },
        ended => ended,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::client::Answer;
    use crate::http::double::{Double, Server};
    use protocol::{Outcome, Refusal};
    use serde_json::{Value, json};

    async fn post(server: &Server, body: impl AsRef<[u8]>) -> Answer {
        server.request("POST", "/v1/batch", body.as_ref()).await
    }

    async fn results(server: &Server, operations: Value) -> Vec<Value> {
        let body = json!({ "operations": operations }).to_string();
        let answer = post(server, body).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.header("cache-control"), Some("no-cache"));
        answer.json()["results"].as_array().unwrap().clone()
    }

    #[tokio::test]
    async fn each_operation_has_its_own_result_in_its_place() {
        let server = Server::start().await;
        server.request("PUT", "/v1/registers/text", b"hello").await;
        server
            .request("PUT", "/v1/registers/%ff", b"\xff\x00")
            .await;
        server.request("PUT", "/v1/registers/old", b"1").await;
        let results = results(
            &server,
            json!([
                { "op": "read", "name": "text" },
                { "op": "read", "name_base64": "/w==" },
                { "op": "read", "name": "nothing" },
                { "op": "write", "name": "new", "value": "é", "ttl_ms": 5 },
                { "op": "write", "name": "bytes", "value_base64": "/wA=" },
                { "op": "delete", "name": "old" },
                { "op": "write", "name": "", "value": "of no name" },
            ]),
        )
        .await;
        let expires_ms = Double::WALL_CLOCK.0 + 5;
        assert_eq!(results.len(), 7);
        assert_eq!(
            results[0],
            json!({ "status": 200, "value": "hello", "tag": "1-0000000000000001-1-0", "rounds": 1 })
        );
        assert_eq!(results[1]["value_base64"], "/wA=");
        assert_eq!(results[2]["status"], 404);
        assert_eq!(results[2]["problem"]["outcome"], "done");
        assert_eq!(
            (&results[3]["status"], &results[3]["expires_ms"]),
            (&json!(204), &json!(expires_ms))
        );
        assert_eq!(results[4]["status"], 204);
        assert_eq!(
            (&results[5]["status"], &results[6]["status"]),
            (&json!(204), &json!(204))
        );
        assert_eq!(server.get("/v1/registers/new").await.text(), "é");
        assert_eq!(server.get("/v1/registers/bytes").await.body, [0xff, 0]);
        assert_eq!(server.get("/v1/registers/old").await.status, 404);
    }

    #[tokio::test]
    async fn a_value_that_was_read_is_written_to_expire_at_the_same_moment() {
        let server = Server::start().await;
        let at = Double::WALL_CLOCK.0 + 1_234;
        let write = json!({ "op": "write", "name": "a", "value": "1", "expires_ms": at });
        let conditional = json!({ "op": "write", "name": "b", "value": "1", "expires_ms": at, "if_absent": true });
        let far = json!({ "op": "write", "name": "c", "value": "1", "expires_ms": u64::MAX });
        results(&server, json!([write, conditional, far])).await;
        let read = ["a", "b", "c"].map(|name| json!({ "op": "read", "name": name }));
        let read = results(&server, json!(read)).await;
        let moments: Vec<_> = read.iter().map(|read| &read["expires_ms"]).collect();
        assert_eq!(moments, [&json!(at), &json!(at), &json!(u64::MAX)]);
    }

    #[tokio::test]
    async fn a_condition_that_fails_stops_its_own_write_alone() {
        let server = Server::start().await;
        server.request("PUT", "/v1/registers/a", b"1").await;
        server.request("PUT", "/v1/registers/b", b"1").await;
        let results = results(
            &server,
            json!([
                { "op": "write", "name": "a", "value": "2", "if_tag": "1-0000000000000001-1-0" },
                { "op": "write", "name": "b", "value": "2", "if_tag": "1-0000000000000001-1-0" },
                { "op": "write", "name": "c", "value": "2", "if_present": true },
                { "op": "write", "name": "d", "value": "2", "if_absent": true },
                { "op": "write", "name": "e", "value": "2", "if_tag": "nonsense" },
            ]),
        )
        .await;
        let statuses: Vec<u64> = results
            .iter()
            .map(|it| it["status"].as_u64().unwrap())
            .collect();
        assert_eq!(statuses, [204, 412, 412, 204, 412]);
        assert_eq!(results[1]["tag"], "2-0000000000000001-1-0");
        assert_eq!(
            results[1]["problem"]["type"],
            "urn:shardedmemory:problem:condition-failed"
        );
        assert_eq!(results[2].get("tag"), None);
        assert_eq!(server.get("/v1/registers/a").await.text(), "2");
        assert_eq!(server.get("/v1/registers/b").await.text(), "1");
        assert_eq!(server.get("/v1/registers/c").await.status, 404);
    }

    #[tokio::test]
    async fn operations_that_fail_are_told_one_by_one() {
        let server = Server::start().await;
        server.change(|state| state.always = Some(Outcome::Refused(Refusal::NoQuorum)));
        let operations = json!([
            { "op": "read", "name": "a" },
            { "op": "write", "name": "b", "value": "1" },
            { "op": "delete", "name": "c", "if_present": true },
        ]);
        for result in results(&server, operations.clone()).await {
            assert_eq!(result["status"], 503);
            assert_eq!(result["problem"]["outcome"], "refused");
        }
        server.change(|state| state.always = Some(Outcome::Unknown));
        let unknown = results(&server, operations).await;
        assert_eq!(unknown[0]["problem"]["outcome"], "refused");
        for result in &unknown[1..] {
            assert_eq!(result["status"], 504);
            assert_eq!(result["problem"]["outcome"], "unknown");
        }
    }

    #[tokio::test]
    async fn they_run_side_by_side_under_one_deadline() {
        let server = Server::start().await;
        server.change(|state| state.holding = true);
        let mut client = server.connect().await;
        let names: Vec<Value> = (0..OPERATIONS_MAX)
            .map(|number| json!({ "op": "read", "name": number.to_string() }))
            .collect();
        let body = json!({ "operations": names }).to_string();
        let length = body.len();
        client
            .send(format!(
                "POST /v1/batch?timeout_ms=70 HTTP/1.1\r\nHost: node\r\nContent-Length: {length}\r\n\r\n{body}"
            ))
            .await;
        server.wait_for_running(OPERATIONS_MAX).await;
        server.release();
        assert_eq!(client.answer().await.status, 200);
        server.change(|state| {
            assert_eq!(
                state.timeouts,
                [Duration::from_millis(70)].repeat(OPERATIONS_MAX)
            );
        });
    }

    #[tokio::test]
    async fn a_batch_that_is_none_does_nothing() {
        let server = Server::start().await;
        let write = json!({ "op": "write", "name": "x", "value": "1" });
        let many: Vec<Value> = (0..=OPERATIONS_MAX)
            .map(|number| json!({ "op": "write", "name": format!("x{number}"), "value": "1" }))
            .collect();
        for operations in [
            json!([]),
            json!(many),
            json!([write, { "op": "read", "name": "x" }]),
            json!([write, { "op": "read", "name_base64": "eA==" }]),
            json!([write, { "op": "add", "name": "y" }]),
            json!([write, { "name": "y" }]),
            json!([write, { "op": "read" }]),
            json!([write, { "op": "read", "name": "y".repeat(1025) }]),
            json!([write, { "op": "read", "name": "y", "name_base64": "eQ==" }]),
            json!([write, { "op": "read", "name": "y", "value": "1" }]),
            json!([write, { "op": "read", "name": "y", "if_tag": "z" }]),
            json!([write, { "op": "write", "name": "y" }]),
            json!([write, { "op": "write", "name": "y", "value": null }]),
            json!([write, { "op": "write", "name": "y", "value": "1", "value_base64": "eQ==" }]),
            json!([write, { "op": "write", "name": "y", "value_base64": "!" }]),
            json!([write, { "op": "write", "name": "y", "value": "1", "ttl_ms": 0 }]),
            json!([write, { "op": "write", "name": "y", "value": "1", "expires_ms": 0 }]),
            json!([write, { "op": "write", "name": "y", "value": "1", "expires_ms": 9, "ttl_ms": 9 }]),
            json!([write, { "op": "write", "name": "y", "value": "1", "if_absent": false }]),
            json!([write, { "op": "write", "name": "y", "value": "1", "if_absent": true, "if_present": true }]),
            json!([write, { "op": "write", "name": "y", "value": "1", "if_absent": true, "if_tag": "1-0000000000000001-1-0" }]),
            json!([write, { "op": "write", "name": "y", "value": "1", "more": 1 }]),
            json!([write, { "op": "delete", "name": "y", "value": "1" }]),
            json!([write, { "op": "delete", "name": "y", "ttl_ms": 1 }]),
            json!([write, { "op": "delete", "name": "y", "expires_ms": 1 }]),
            json!([write, { "op": "read", "name": "y", "expires_ms": 1 }]),
            json!([write, ["write", "y", "1"]]),
            json!(write),
        ] {
            let answer = post(&server, json!({ "operations": operations }).to_string()).await;
            assert_eq!(answer.status, 400, "{operations}");
            answer.assert_problem(400, "refused");
        }
        for body in ["", "[]", "null", "{}", r#"{"operations":null}"#] {
            post(&server, body).await.assert_problem(400, "refused");
        }
        server.change(|state| assert!(state.timeouts.is_empty()));
    }

    #[tokio::test]
    async fn what_is_too_large_is_413() {
        let server = Server::start().await;
        let long = "x".repeat(1024 * 1024 + 1);
        let body = json!({ "operations": [{ "op": "write", "name": "x", "value": long }] });
        let answer = post(&server, body.to_string()).await;
        answer.assert_problem(413, "refused");
        let answer = post(&server, vec![b' '; BATCH_BYTES_MAX + 1]).await;
        answer.assert_problem(413, "refused");
    }

    #[tokio::test]
    async fn an_answer_has_room_for_so_many_values_and_says_which_are_left_out() {
        let server = Server::start().await;
        let value = vec![b'x'; 1024 * 1024];
        let fits = BATCH_BYTES_MAX / value.len();
        let mut operations = Vec::new();
        for number in 0..=fits {
            let path = format!("/v1/registers/{number}");
            server.request("PUT", &path, &value).await;
            operations.push(json!({ "op": "read", "name": number.to_string() }));
        }
        operations.push(json!({ "op": "read", "name": "nothing" }));
        let results = results(&server, json!(operations)).await;
        assert!(results[..fits].iter().all(|result| result["status"] == 200));
        assert_eq!(results[fits]["status"], 413);
        assert_eq!(results[fits]["problem"]["outcome"], "refused");
        assert!(results[fits]["tag"].is_string());
        assert_eq!(results[fits + 1]["status"], 404);
    }
}
