//! Requests that are wrong in every way that HTTP has, and some that it has not.

use crate::harness::{Answer, Client, Cluster, Request};
use http_body_util::Full;
use hyper::body::Bytes;

/// The longest value of the nodes in these tests, small so that too long ones are quickly sent.
const VALUE_BYTES_MAX: usize = 4096;

#[tokio::test]
async fn each_wrong_request_gets_its_problem_and_the_node_serves_on() {
    let flags = ["--value-bytes-max", &VALUE_BYTES_MAX.to_string()];
    let cluster = Cluster::start_with(3, &flags).await;
    let node = &cluster[0];
    node.put("/v1/registers/kept", "value")
        .await
        .assert_status(204);
    let mut asked = 0;
    let mut client = node.client();
    for wrong in wrong_requests() {
        let what = format!("{} {}", wrong.request.method(), wrong.request.uri());
        println!("{what} -> {} {}", wrong.status, wrong.kind);
        let answer = client.send(wrong.request, crate::harness::PATIENCE).await;
        let answer = answer.unwrap_or_else(|lost| panic!("{what}: {lost:?}"));
        answer.assert_problem(wrong.status, wrong.kind, "refused");
        if wrong.status == 405 {
            assert!(answer.header("allow").is_some(), "{answer:?}");
        }
        asked += 1;
        let served = client
            .send(Client::get("/v1/registers/kept"), crate::harness::PATIENCE)
            .await;
        assert_eq!(
            served.expect("the node serves on").text(),
            "value",
            "after {what}"
        );
    }
    for node in cluster.nodes() {
        for path in ["/v1/registers/a", "/v1/registers/7"] {
            let untouched: Answer = node.get(path).await;
            untouched.assert_problem(404, "nothing", "done");
            assert_eq!(
                untouched.header("etag"),
                None,
                "what was refused did not happen"
            );
        }
    }
    println!("{asked} wrong requests");
}

#[tokio::test]
async fn values_up_to_the_limit_are_taken_however_they_are_written() {
    let flags = ["--value-bytes-max", &VALUE_BYTES_MAX.to_string()];
    let cluster = Cluster::start_with(1, &flags).await;
    let node = &cluster[0];
    node.put("/v1/registers/a", vec![0xff; VALUE_BYTES_MAX])
        .await
        .assert_status(204);
    assert_eq!(
        node.get("/v1/registers/a").await.body.len(),
        VALUE_BYTES_MAX
    );
    // The limit is on the decoded value: these bodies are six times as long.
    let escaped = format!(
        r#"{{"addr":1,"value":"{}"}}"#,
        r"\u0041".repeat(VALUE_BYTES_MAX)
    );
    node.ask(post(&escaped)).await.assert_status(200);
    assert_eq!(
        node.get("/v1/registers/1").await.text(),
        "A".repeat(VALUE_BYTES_MAX)
    );
    let encoded = format!(
        r#"{{"addr":2,"value_base64":"{}"}}"#,
        "AAAA".repeat(VALUE_BYTES_MAX / 3)
    );
    node.ask(post(&encoded)).await.assert_status(200);
    assert_eq!(
        node.get("/v1/registers/2").await.body,
        vec![0; VALUE_BYTES_MAX / 3 * 3]
    );
}

/// A request and what it is to be told.
struct Wrong {
    request: Request,
    status: u16,
    kind: &'static str,
}

fn wrong_requests() -> Vec<Wrong> {
    let mut all = Vec::new();
    let mut add = |status, kind, request| {
        all.push(Wrong {
            request,
            status,
            kind,
        })
    };

    for address in [
        "007",
        "00",
        "-1",
        "+1",
        "1.0",
        "1e3",
        "0x7",
        "abc",
        "%ff",
        "18446744073709551616",
        "7%20",
    ] {
        add(400, "malformed", Client::get(&format!("/read/{address}")));
    }
    let too_long = "x".repeat(VALUE_BYTES_MAX + 1);
    let too_long_json = format!(r#"{{"addr":7,"value":"{too_long}"}}"#);
    for body in [
        "",
        "hello",
        "{",
        r#"{"addr":7,"value":"x"} more"#,
        r#"[7,"x"]"#,
        "null",
        r#"{"addr":7}"#,
        r#"{"value":"x"}"#,
        r#"{"addr":"7","value":"x"}"#,
        r#"{"addr":-1,"value":"x"}"#,
        r#"{"addr":1.5,"value":"x"}"#,
        r#"{"addr":18446744073709551616,"value":"x"}"#,
        r#"{"addr":7,"value":null}"#,
        r#"{"addr":7,"value":5}"#,
        r#"{"addr":7,"value":"x","value_base64":"eA=="}"#,
        r#"{"addr":7,"value_base64":"not base64!"}"#,
        r#"{"addr":7,"value_base64":"eA"}"#,
        r#"{"addr":7,"value":"x","ttl":5}"#,
        r#"{"addr":7,"addr":7,"value":"x"}"#,
        "{\"addr\":7,\"value\":\"\n\"}",
    ] {
        add(400, "malformed", post(body));
    }
    add(
        400,
        "malformed",
        post(b"{\"addr\":7,\"value\":\"\xff\"}".as_slice()),
    );
    add(413, "too-large", post(&too_long_json));
    add(
        413,
        "too-large",
        Client::put("/v1/registers/a", too_long.as_str()),
    );
    // Longer than any value can be, however it is written.
    add(413, "too-large", post(" ".repeat(VALUE_BYTES_MAX * 8)));

    let long_name = format!("/v1/registers/{}", "%41".repeat(1025));
    for path in [
        "/v1/registers/%",
        "/v1/registers/%4",
        "/v1/registers/a%zz",
        &long_name,
    ] {
        add(400, "malformed", Client::get(path));
        add(400, "malformed", Client::put(path, "x"));
    }
    for timeout in [
        "",
        "0",
        "-1",
        "1.5",
        "1s",
        "abc",
        "60001",
        "99999999999999999999",
    ] {
        let query = format!("?timeout_ms={timeout}");
        add(400, "malformed", Client::get(&format!("/read/7{query}")));
        add(
            400,
            "malformed",
            Client::put(&format!("/v1/registers/a{query}"), "x"),
        );
    }
    add(
        400,
        "malformed",
        Client::get("/v1/registers/a?timeout_ms=1&timeout_ms=2"),
    );

    for path in [
        "/",
        "/nope",
        "/read",
        "/read/",
        "/read/7/8",
        "/v1/registers/a/b",
    ] {
        add(404, "unknown-path", Client::get(path));
    }
    for (method, path) in [
        ("POST", "/read/7"),
        ("GET", "/write"),
        ("PUT", "/write"),
        ("POST", "/v1/registers/a"),
        ("PATCH", "/v1/registers/a"),
        ("DELETE", "/v1/cluster"),
        ("BREW", "/status"),
    ] {
        let method = method.parse().expect("a method is a word");
        add(405, "wrong-method", Client::request(method, path, ""));
    }
    let of_time = with_header(
        Client::put("/v1/registers/a", "x"),
        "if-unmodified-since",
        "*",
    );
    add(501, "not-implemented", of_time);
    for tag in ["", "1", "\"1\", \"2\"", "W/\"1-2-3\""] {
        let condition = with_header(Client::put("/v1/registers/a", "x"), "if-match", tag);
        add(400, "malformed", condition);
    }
    let unmet = with_header(Client::put("/v1/registers/a", "x"), "if-match", "*");
    add(412, "condition-failed", unmet);
    let part = with_header(
        Client::put("/v1/registers/a", "x"),
        "content-range",
        "bytes 0-0/2",
    );
    add(400, "malformed", part);
    all
}

fn post(body: impl AsRef<[u8]>) -> Request {
    Client::request(hyper::Method::POST, "/write", body.as_ref())
}

fn with_header(
    mut request: hyper::Request<Full<Bytes>>,
    name: &'static str,
    value: &'static str,
) -> Request {
    request
        .headers_mut()
        .insert(name, hyper::header::HeaderValue::from_static(value));
    request
}
