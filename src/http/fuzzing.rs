//! For fuzzing: what a stranger can send where HTTP is spoken.

use super::double::{Double, change_of_epoch};
use super::{Http, Timeouts};
use crate::fuzzing::{run, stranger};
use crate::server::Limits;
use axum::body::{Body, to_bytes};
use axum::response::Response;
use hyper::StatusCode;
use hyper::header::CONTENT_TYPE;
use protocol::{ChangeRefusal, Epoch, Outcome};
use std::time::Duration;

/// A client sends this, the first byte apart, which decides in how large pieces it is read; then it
/// closes its side. Every answer is one that is meant, and whatever went wrong is described.
pub fn http_connection(data: &[u8]) {
    let (says, hears) = stranger(data);
    run(face(data).serve_halves((says, hears.clone()), std::future::pending()));
    let heard = hears.bytes();
    assert!(
        heard.is_empty() || heard.starts_with(b"HTTP/1."),
        "{:?} is no answer",
        heard.escape_ascii().to_string()
    );
}

/// The HTTP face of something that answers as a node, whose mood depends on the bytes.
fn face(data: &[u8]) -> Http {
    let limits = Limits {
        value_bytes_max: 1024,
        timeout_default: Duration::from_secs(5),
        timeout_max: Duration::from_secs(60),
        body_bytes_in_flight_max: 4096,
        memory_bytes_max: None,
    };
    let double = Double::new(limits);
    {
        let mut state = double.state();
        match data.len() % 8 {
            0 => state.always = Some(Outcome::Unknown),
            1 => state.view.change = Some(change_of_epoch(2)),
            2 => state.change_answer = Err(ChangeRefusal::NothingLost),
            _ => state.change_answer = Ok(Epoch(2)),
        }
    }
    // Nobody waits: all has been said, and whoever waits waits for ever.
    let never = Duration::from_secs(24 * 60 * 60);
    let timeouts = Timeouts {
        head: never,
        body: never,
        write: never,
        linger: never,
    };
    let mut http = Http::with_timeouts(double, None, timeouts);
    http.router = http.router.layer(axum::middleware::map_response(check));
    http
}

/// What a handler answers is one of what is documented; an error is a problem that says what
/// became of the data.
async fn check(answer: Response) -> Response {
    let (head, body) = answer.into_parts();
    let status = head.status;
    if status.is_success() {
        return Response::from_parts(head, body);
    }
    let meant = [400, 404, 405, 409, 412, 413, 429, 501, 503, 504];
    assert!(meant.contains(&status.as_u16()), "{status} is not meant");
    let bytes = to_bytes(body, usize::MAX).await.expect("it is in memory");
    let kind = head.headers.get(CONTENT_TYPE);
    let is_problem = kind.is_some_and(|kind| kind == "application/problem+json");
    // Only what says whether the node is ready says it in text.
    assert!(is_problem || status == StatusCode::SERVICE_UNAVAILABLE);
    // An answer to HEAD has no body.
    if is_problem && !bytes.is_empty() {
        let problem: serde_json::Value =
            serde_json::from_slice(&bytes).expect("an error is described");
        let outcome = problem["outcome"].as_str();
        let outcomes = [Some("done"), Some("refused"), Some("unknown")];
        assert!(outcomes.contains(&outcome), "{problem}");
        assert_eq!(problem["status"], status.as_u16(), "{problem}");
    }
    Response::from_parts(head, Body::from(bytes))
}

/// A client sends requests that are well formed up to their meaning: each has one of the paths and
/// a body of the length that is announced, so that what stands in a path, a query, a header or a
/// body is met with.
///
/// A request is two bytes, which choose method and path, and four parts, each ended by a zero byte:
/// the end of the path, the query, a header, the body.
pub fn http_requests(data: &[u8]) {
    let (manner, mut rest) = data.split_first().unwrap_or((&0, &[]));
    let mut bytes = vec![*manner];
    while let [method, path, parts @ ..] = rest {
        let mut parts = parts.splitn(5, |byte| *byte == 0);
        let mut part = || parts.next().unwrap_or_default();
        let (name, query, header, body) = (part(), part(), part(), part());
        rest = part();
        bytes.extend(METHODS[usize::from(*method) % METHODS.len()].bytes());
        bytes.extend(PATHS[usize::from(*path) % PATHS.len()].bytes());
        bytes.extend(name);
        if !query.is_empty() {
            bytes.push(b'?');
            bytes.extend(query);
        }
        bytes.extend(b" HTTP/1.1\r\n");
        bytes.extend(header);
        if !header.is_empty() {
            bytes.extend(b"\r\n");
        }
        bytes.extend(format!("Content-Length: {}\r\n\r\n", body.len()).bytes());
        bytes.extend(body);
    }
    http_connection(&bytes);
}

const METHODS: [&str; 6] = ["GET ", "PUT ", "POST ", "DELETE ", "HEAD ", "PATCH "];

const PATHS: [&str; 14] = [
    "/read/",
    "/write",
    "/status",
    "/v1/registers/",
    "/v1/batch",
    "/v1/cluster",
    "/v1/members",
    "/v1/members/",
    "/v1/members/change",
    "/v1/recover",
    "/readyz",
    "/metrics",
    "/openapi.json",
    "/",
];
