//! `/read/{addr}`, `/write`, `/status`: registers by integer address, in JSON.
//!
//! The register with address 7 is the one named `7`. A value that is no UTF-8 is called
//! `value_base64` in place of `value`. Bodies may be of any content type: `curl -d` names one that
//! is not JSON's.

use super::cluster::standing;
use super::conditions::Precondition;
use super::expires::Expires;
use super::openapi::answers;
use super::openapi::parameters::Deadline;
use super::operations::Write;
use super::original_json::{RegisterJson, Wanted, WriteJson, body_bytes_max, parse};
use super::problem::Problem;
use super::{Face, Registers, arguments};
use axum::Json;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use hyper::http::request::Parts;
use protocol::RegisterName;
use serde::Serialize;
use utoipa::ToSchema;

/// `GET /read/{addr}`: 200 with address, value and tag. The value of a register that holds nothing
/// is `null`.
#[utoipa::path(
    get,
    path = "/read/{addr}",
    tag = "registers",
    operation_id = "readAddress",
    summary = "Read a register by integer address",
    params(
        ("addr" = u64, Path, example = 7,
            description = "The address; the register with address 7 is the one named 7."),
        Deadline
    ),
    responses(answers::Register, answers::OfAddresses)
)]
pub(super) async fn read<R: Registers>(
    State(face): State<Face<R>>,
    request: Request,
) -> Result<Response, Problem> {
    let address = arguments::address(request.uri(), "/read/")?;
    let timeout = arguments::timeout(request.uri(), face.registers.limits())?;
    let (content, about) = face.read(name(address), timeout).await?;
    let body = RegisterJson::new(address, content.as_deref(), about.tag);
    Ok((about.headers(), Json(body)).into_response())
}

/// `POST /write` with `{"addr":7,"value":"hello"}`, and `ttl_ms` if the value is to expire: 200 with
/// address, value and the new tag.
#[utoipa::path(
    post,
    path = "/write",
    tag = "registers",
    operation_id = "writeAddress",
    summary = "Write a register by integer address",
    params(Deadline),
    request_body(
        content = WriteJson,
        description = "The address, and the value as text or in base64. Any content type will do.",
        example = json!({ "addr": 7, "value": "hello" })
    ),
    responses(answers::Register, answers::OfWrites)
)]
pub(super) async fn write<R: Registers>(
    State(face): State<Face<R>>,
    request: Request,
) -> Result<Response, Problem> {
    let limits = face.registers.limits();
    let value_bytes_max = limits.value_bytes_max;
    let body_bytes_max = body_bytes_max(value_bytes_max);
    let too_large = || {
        Problem::too_large(format_args!(
            "the request has at most {body_bytes_max} bytes, and the value {value_bytes_max}"
        ))
    };
    let (head, body) = (face.bodies)
        .receive(request, body_bytes_max, too_large)
        .await?;
    refuse_what_would_be_ignored(&head)?;
    let timeout = arguments::timeout(&head.uri, limits)?;
    let Wanted {
        address,
        value,
        expires,
    } = parse(&body.bytes)?;
    if value.len() > value_bytes_max {
        return Err(too_large());
    }
    let write = Write {
        name: name(address),
        content: Some(value.clone()),
        expires,
        precondition: Precondition::None,
    };
    let about = face.write(write, timeout).await?;
    let body = RegisterJson::new(address, Some(&value), about.tag);
    Ok((about.headers(), Json(body)).into_response())
}

/// `GET /status`: 200 while the node answers at all.
#[utoipa::path(
    get,
    path = "/status",
    tag = "node",
    operation_id = "status",
    summary = "The node in three fields",
    responses(
        (status = 200, description = "The node.", body = StatusJson),
        answers::OfAnyone
    )
)]
pub(super) async fn status<R: Registers>(State(face): State<Face<R>>) -> Response {
    let view = face.registers.view();
    Json(StatusJson {
        node: view.node.node.to_string(),
        standing: standing(view.standing),
        epoch: view.epoch.0,
    })
    .into_response()
}

/// A client that sends these relies on them.
fn refuse_what_would_be_ignored(head: &Parts) -> Result<(), Problem> {
    if Precondition::of(&head.headers)? != Precondition::None {
        return Err(Problem::malformed(
            "conditions are for PUT /v1/registers/{name}, so nothing was written",
        ));
    }
    if Expires::of_query(&head.uri)?.is_some() {
        return Err(Problem::malformed(
            "when a value expires is said by ttl_ms in the body here, so nothing was written",
        ));
    }
    Ok(())
}

fn name(address: u64) -> RegisterName {
    RegisterName::new(address.to_string()).expect("an address has at most twenty digits")
}

#[derive(Serialize, ToSchema)]
#[schema(as = Status)]
struct StatusJson {
    /// The node's id.
    node: String,
    standing: &'static str,
    epoch: u64,
}

#[cfg(test)]
mod tests {
    use crate::http::client::Answer;
    use crate::http::double::{Double, Server};
    use protocol::{Outcome, Refusal};
    use serde_json::json;

    async fn post(server: &Server, body: impl AsRef<[u8]>) -> Answer {
        server.request("POST", "/write", body.as_ref()).await
    }

    #[tokio::test]
    async fn a_register_nobody_wrote_reads_as_null() {
        let server = Server::start().await;
        let answer = server.get("/read/7").await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("content-type"), Some("application/json"));
        assert_eq!(
            answer.text(),
            r#"{"addr":7,"value":null,"tag":{"seq":0,"writer":"0000000000000000-0","step":0}}"#
        );
    }

    #[tokio::test]
    async fn a_write_and_a_read_answer_with_address_value_and_tag() {
        let server = Server::start().await;
        let expected =
            r#"{"addr":7,"value":"hello","tag":{"seq":1,"writer":"0000000000000001-1","step":0}}"#;
        let written = post(&server, r#"{"addr":7,"value":"hello"}"#).await;
        assert_eq!((written.status, written.text()), (200, expected));
        assert_eq!(written.header("shardedmemory-rounds"), Some("2"));
        let read = server.get("/read/7").await;
        assert_eq!((read.status, read.text()), (200, expected));
        assert_eq!(read.header("shardedmemory-rounds"), Some("1"));
        assert_eq!(read.header("etag"), Some("\"1-0000000000000001-1-0\""));
        assert_eq!(read.header("cache-control"), Some("no-cache"));
    }

    #[tokio::test]
    async fn an_address_and_the_name_it_is_written_as_are_one_register() {
        let server = Server::start().await;
        post(&server, r#"{"addr":18446744073709551615,"value":"a"}"#).await;
        let named = server.get("/v1/registers/18446744073709551615").await;
        assert_eq!(named.text(), "a");
        server.request("PUT", "/v1/registers/0", b"b").await;
        assert_eq!(server.get("/read/0").await.json()["value"], "b");
        server.request("DELETE", "/v1/registers/0", b"").await;
        let deleted = server.get("/read/0").await;
        assert_eq!(deleted.json()["value"], json!(null));
        assert_eq!(deleted.json()["tag"]["seq"], 3);
    }

    #[tokio::test]
    async fn a_value_that_is_no_utf8_is_in_base64() {
        let server = Server::start().await;
        let written = post(&server, r#"{"addr":1,"value_base64":"/wA="}"#).await;
        assert_eq!(written.status, 200);
        let expected = r#"{"addr":1,"value_base64":"/wA=","tag":"#;
        assert!(written.text().starts_with(expected), "{}", written.text());
        let read = server.get("/read/1").await;
        assert!(read.text().starts_with(expected), "{}", read.text());
        assert_eq!(server.get("/v1/registers/1").await.body, [0xff, 0]);
        let text = post(&server, r#"{"addr":1,"value_base64":"aGk="}"#).await;
        assert_eq!(text.json()["value"], "hi");
    }

    #[tokio::test]
    async fn escapes_in_a_value_are_undone() {
        let server = Server::start().await;
        post(
            &server,
            r#" {"value":"\u00e9\n\ud83d\ude00\u0000","addr":1} "#,
        )
        .await;
        let raw = server.get("/v1/registers/1").await;
        assert_eq!(raw.text(), "é\n😀\0");
        assert_eq!(server.get("/read/1").await.json()["value"], "é\n😀\0");
    }

    #[tokio::test]
    async fn bodies_may_be_of_any_content_type() {
        let server = Server::start().await;
        let header = "Content-Type: application/x-www-form-urlencoded\r\n";
        let body = br#"{"addr":1,"value":"x"}"#;
        let answer = server.request_with("POST", "/write", header, body).await;
        assert_eq!(answer.status, 200);
    }

    #[tokio::test]
    async fn an_address_that_is_none_is_400() {
        let server = Server::start().await;
        for address in [
            "007",
            "-1",
            "abc",
            "18446744073709551616",
            "1.0",
            "%ff",
            "%",
        ] {
            let answer = server.get(&format!("/read/{address}")).await;
            answer.assert_problem(400, "refused");
        }
    }

    #[tokio::test]
    async fn a_body_of_another_shape_is_400_and_writes_nothing() {
        let server = Server::start().await;
        for body in [
            "",
            "hello",
            "null",
            "{}",
            "[7,\"x\",null]",
            r#"[7,"x"]"#,
            r#"{"addr":7}"#,
            r#"{"value":"x"}"#,
            r#"{"addr":"7","value":"x"}"#,
            r#"{"addr":7.0,"value":"x"}"#,
            r#"{"addr":7e0,"value":"x"}"#,
            r#"{"addr":-7,"value":"x"}"#,
            r#"{"addr":007,"value":"x"}"#,
            r#"{"addr":null,"value":"x"}"#,
            r#"{"addr":18446744073709551616,"value":"x"}"#,
            r#"{"addr":7,"value":null}"#,
            r#"{"addr":7,"value":8}"#,
            r#"{"addr":7,"value":["x"]}"#,
            r#"{"addr":7,"value":"x","value_base64":"eA=="}"#,
            r#"{"addr":7,"value":"x","value_base64":null}"#,
            r#"{"addr":7,"value_base64":"eA"}"#,
            r#"{"addr":7,"value_base64":"e A=="}"#,
            r#"{"addr":7,"value_base64":"_w=="}"#,
            r#"{"addr":7,"value":"x","ttl":1}"#,
            r#"{"addr":7,"value":"x","ttl_ms":0}"#,
            r#"{"addr":7,"value":"x","ttl_ms":-1}"#,
            r#"{"addr":7,"value":"x","ttl_ms":1.5}"#,
            r#"{"addr":7,"value":"x","ttl_ms":"1"}"#,
            r#"{"addr":7,"value":"x","ttl_ms":null}"#,
            r#"{"addr":7,"value":"x","ttl_ms":9007199254740992}"#,
            r#"{"addr":7,"value":"x","ttl_ms":18446744073709551616}"#,
            r#"{"addr":7,"addr":7,"value":"x"}"#,
            r#"{"addr":7,"value":"x","value":"x"}"#,
            r#"{"addr":7,"value":"x"}{}"#,
            r#"{"addr":7,"value":"x""#,
            r#"{"addr":7,"value":"\ud800"}"#,
            r#"{"addr":7,'value':'x'}"#,
        ] {
            let answer = post(&server, body).await;
            assert_eq!(answer.status, 400, "{body}");
            answer.assert_problem(400, "refused");
        }
        post(&server, b"{\"addr\":7,\"value\":\"\xff\"}")
            .await
            .assert_problem(400, "refused");
        assert_eq!(server.get("/read/7").await.json()["value"], json!(null));
    }

    #[tokio::test]
    async fn what_is_wrong_is_quoted_in_part_only() {
        let server = Server::start().await;
        let field = "x".repeat(100_000);
        let answer = post(&server, format!(r#"{{"addr":7,"{field}":1}}"#)).await;
        answer.assert_problem(400, "refused");
        assert!(answer.body.len() < 1_000);
    }

    #[tokio::test]
    async fn the_limit_is_on_the_value_and_not_on_how_it_is_written() {
        let server = Server::start_with(|limits, _| limits.value_bytes_max = 1000).await;
        let body = |field: &str, text: String| format!(r#"{{"addr":7,"{field}":"{text}"}}"#);
        for (fits, exceeds) in [
            (
                body("value", "x".repeat(1000)),
                body("value", "x".repeat(1001)),
            ),
            (
                body("value", "\\u0041".repeat(1000)),
                body("value", "\\u0041".repeat(1001)),
            ),
            (
                // 333 groups of three bytes and one, and two.
                body("value_base64", format!("{}QQ==", "QUFB".repeat(333))),
                body("value_base64", format!("{}QUE=", "QUFB".repeat(333))),
            ),
        ] {
            assert_eq!(post(&server, fits).await.status, 200);
            post(&server, exceeds).await.assert_problem(413, "refused");
        }
        let padding = " ".repeat(20_000);
        let padded = post(&server, format!(r#"{{"addr":7,{padding}"value":"x"}}"#)).await;
        padded.assert_problem(413, "refused");
    }

    #[tokio::test]
    async fn a_value_may_be_told_to_expire() {
        let server = Server::start().await;
        let written = post(&server, r#"{"addr":7,"value":"x","ttl_ms":1500}"#).await;
        assert_eq!(written.status, 200);
        let at = (Double::WALL_CLOCK.0 + 1_500).to_string();
        for answer in [written, server.get("/read/7").await] {
            assert_eq!(answer.header("shardedmemory-expires-ms"), Some(&*at));
            assert_eq!(answer.json()["value"], "x");
        }
        post(&server, r#"{"addr":7,"value":"x"}"#).await;
        let read = server.get("/read/7").await;
        assert_eq!(read.header("shardedmemory-expires-ms"), None);
    }

    #[tokio::test]
    async fn what_belongs_elsewhere_is_refused_and_not_ignored() {
        let server = Server::start().await;
        let body = br#"{"addr":7,"value":"x"}"#;
        for (path, header) in [
            ("/write?ttl_ms=5", ""),
            ("/write?ttl_ms=0", ""),
            ("/write?expires_ms=5", ""),
            ("/write", "If-None-Match: *\r\n"),
            ("/write", "If-Match: \"1-0000000000000001-1-0\"\r\n"),
        ] {
            let answer = server.request_with("POST", path, header, body).await;
            answer.assert_problem(400, "refused");
        }
        assert_eq!(server.get("/read/7").await.json()["value"], json!(null));
    }

    #[tokio::test]
    async fn operations_that_fail_are_problems_here_too() {
        let server = Server::start().await;
        let body = r#"{"addr":7,"value":"x"}"#;
        server.change(|state| state.always = Some(Outcome::Unknown));
        let unknown = post(&server, body).await;
        unknown.assert_problem(504, "unknown");
        assert_eq!(unknown.header("retry-after"), None);
        let read = server.get("/read/7").await;
        read.assert_problem(503, "refused");
        assert_eq!(read.header("retry-after"), Some("1"));
        server.change(|state| state.always = Some(Outcome::Refused(Refusal::Busy)));
        post(&server, body).await.assert_problem(429, "refused");
        server.get("/read/7").await.assert_problem(429, "refused");
        let path = "/write?timeout_ms=0";
        let answer = server.request("POST", path, body.as_bytes()).await;
        answer.assert_problem(400, "refused");
        let answer = server.get("/read/7?timeout_ms=x").await;
        answer.assert_problem(400, "refused");
    }

    #[tokio::test]
    async fn status_is_the_node_in_three_fields() {
        let server = Server::start().await;
        let answer = server.get("/status").await;
        assert_eq!(answer.status, 200);
        let expected = json!({ "node": "0000000000000001", "standing": "member", "epoch": 1 });
        assert_eq!(answer.json(), expected);
    }
}
