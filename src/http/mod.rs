//! The HTTP face of a node.
//!
//! | path | methods | what it is |
//! | --- | --- | --- |
//! | `/read/{addr}` | GET | a register by integer address, as JSON |
//! | `/write` | POST | the same, to write |
//! | `/status` | GET | the node in three fields |
//! | `/v1/registers/{name}` | GET, PUT, DELETE | a register by name, as raw bytes |
//! | `/v1/registers` | GET | the names of registers, a page of them, as JSON |
//! | `/v1/batch` | POST | many reads and writes in one request, as JSON |
//! | `/v1/cluster` | GET | this node's view of its cluster, as JSON |
//! | `/v1/members` | GET, POST | the members and the change that is under way; to add or replace one |
//! | `/v1/members/{id or address}` | DELETE | to remove one |
//! | `/v1/members/change` | DELETE | to give up the change that is under way |
//! | `/v1/recover` | GET, POST | what going on without lost members would do; to go on without them |
//! | `/livez`, `/readyz` | GET | whether the process runs, and whether clients should be sent here |
//! | `/metrics` | GET | figures for Prometheus |
//! | `/openapi.json` | GET | all of this, for programs |
//!
//! HEAD works wherever GET does. Whatever goes wrong is answered by a [`Problem`],
//! except what is no HTTP request at all: that gets a bare 400, 414 or 431, and the connection is
//! closed.
//!
//! One connection carries one request at a time, and answers keep the order of pipelined
//! requests. Every wait on a client has a time-out, and everything that a client can make the
//! node hold has a bound; see [`Timeouts`] and [`body`].

mod arguments;
mod batch;
mod batch_json;
mod body;
#[cfg(test)]
mod client;
mod cluster;
mod conditions;
mod connection;
#[cfg(any(test, feature = "fuzzing"))]
mod double;
mod expires;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod gate;
mod health;
mod json;
mod listing;
mod members;
mod members_json;
mod openapi;
mod operations;
mod original;
mod original_json;
mod problem;
mod recover;
mod registers;
mod stream;

pub(crate) use openapi::{document as openapi_document, postman_collection};

use crate::metrics::{self, Metrics, Traffic};
use crate::server::{ClusterView, Limits, NamesPage, NotListed, Password};
use axum::Router;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, delete, get, post};
use body::BodyBudget;
use gate::Gate;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE};
use problem::Problem;
use protocol::{
    ChangeRefusal, ChangeRequest, Epoch, NodeId, Operation, Outcome, Position, RecoveryView,
    UnixMillis,
};
use std::collections::BTreeSet;
use std::time::Duration;

/// What the HTTP face stands on: a node, or in tests something that answers as one.
pub(crate) trait Registers: Clone + Send + Sync + 'static {
    /// Carries out one client's operation. Ends by itself soon after the time-out.
    fn execute(
        &self,
        operation: Operation,
        timeout: Duration,
    ) -> impl Future<Output = Outcome> + Send;

    /// A page of the names of registers that hold a value, after a position or from the beginning:
    /// about so many. Ends by itself soon after the time-out.
    fn list(
        &self,
        after: Option<Position>,
        count: usize,
        timeout: Duration,
    ) -> impl Future<Output = Result<NamesPage, NotListed>> + Send;

    /// Asks for a change of members, and says in which epoch it began. Ends by itself soon.
    fn change(
        &self,
        request: ChangeRequest,
    ) -> impl Future<Output = Result<Epoch, ChangeRefusal>> + Send;

    /// What a recovery would do, if these members are lost for good.
    fn recovery(&self, lost: &BTreeSet<NodeId>) -> Result<RecoveryView, ChangeRefusal>;

    /// What the wall clock shows: for moments at which values expire, and nothing else.
    fn wall_clock(&self) -> UnixMillis;

    /// The node's view of its cluster at this moment.
    fn view(&self) -> ClusterView;

    /// What the node counts.
    fn metrics(&self) -> &Metrics;

    /// What passed between the node and its peers.
    fn traffic(&self) -> Traffic;

    /// What clients may ask for.
    fn limits(&self) -> &Limits;
}

/// The HTTP face of one node: made once, and given every connection that speaks HTTP.
#[derive(Clone)]
pub(crate) struct Http {
    router: Router,
    gate: Gate,
    timeouts: Timeouts,
}

/// How long the node waits for a client.
#[derive(Clone, Copy, Debug)]
struct Timeouts {
    /// From one answer to the end of the next request's head. One that sends nothing and one that
    /// sends a byte now and then cost the node the same, so one time-out serves both.
    head: Duration,
    /// From the end of a request's head to the end of its body.
    body: Duration,
    /// Between two pieces of an answer that the client takes.
    write: Duration,
    /// How long the node goes on reading, and discards what it reads, after it has closed its
    /// side. Closing both sides at once would reset the connection and could take the last answer
    /// from a client that is still sending.
    linger: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(30),
            // 1 MiB at 35 kB/s.
            body: Duration::from_secs(30),
            write: Duration::from_secs(30),
            linger: Duration::from_secs(1),
        }
    }
}

impl Http {
    /// The HTTP face of this node, which lets in those who know the password, if there is one.
    pub(crate) fn new(registers: impl Registers, password: Option<Password>) -> Self {
        Self::with_timeouts(registers, password, Timeouts::default())
    }

    fn with_timeouts(
        registers: impl Registers,
        password: Option<Password>,
        timeouts: Timeouts,
    ) -> Self {
        let bodies = BodyBudget::new(registers.limits().body_bytes_in_flight_max, timeouts.body);
        let router = router(Face { registers, bodies });
        Self {
            router,
            gate: Gate::new(password),
            timeouts,
        }
    }
}

/// What every handler is given.
#[derive(Clone)]
struct Face<R> {
    registers: R,
    bodies: BodyBudget,
}

fn router<R: Registers>(face: Face<R>) -> Router {
    let mut router = Router::new();
    for (path, methods) in routes() {
        router = router.route(path, methods);
    }
    router
        .fallback(unknown_path)
        .method_not_allowed_fallback(wrong_method)
        .with_state(face)
}

/// What there is at which path. Each is described in [`openapi`].
fn routes<R: Registers>() -> Vec<(&'static str, MethodRouter<Face<R>>)> {
    let register = get(registers::get::<R>)
        .put(registers::put::<R>)
        .delete(registers::delete::<R>);
    vec![
        ("/read/{addr}", get(original::read::<R>)),
        ("/write", post(original::write::<R>)),
        ("/status", get(original::status::<R>)),
        ("/v1/registers", get(listing::list::<R>)),
        // Where a name is missing, that is said rather than that there is nothing at this path.
        ("/v1/registers/", register.clone()),
        ("/v1/registers/{name}", register),
        ("/v1/batch", post(batch::run::<R>)),
        ("/v1/cluster", get(cluster::get::<R>)),
        (
            "/v1/members",
            get(members::list::<R>).post(members::add::<R>),
        ),
        ("/v1/members/change", delete(members::give_up::<R>)),
        ("/v1/members/{member}", delete(members::remove::<R>)),
        (
            "/v1/recover",
            get(recover::view::<R>).post(recover::recover::<R>),
        ),
        ("/livez", get(health::live)),
        ("/readyz", get(health::ready::<R>)),
        ("/metrics", get(figures::<R>)),
        ("/openapi.json", get(openapi::get)),
    ]
}

/// `GET`: 200 with the figures.
#[utoipa::path(
    get,
    path = "/metrics",
    tag = "node",
    operation_id = "metrics",
    summary = "Figures for Prometheus",
    responses(
        (
            status = 200,
            description = "The figures, in the OpenMetrics text format.",
            body = String,
            content_type = "application/openmetrics-text"
        ),
        openapi::answers::OfAnyone
    )
)]
async fn figures<R: Registers>(State(face): State<Face<R>>) -> Response {
    let registers = &face.registers;
    let text = (registers.metrics()).render(registers.view(), registers.traffic());
    let headers = [
        (CONTENT_TYPE, metrics::CONTENT_TYPE),
        (CACHE_CONTROL, NEVER_CACHED),
    ];
    (headers, text).into_response()
}

async fn unknown_path(request: Request) -> Problem {
    Problem::unknown_path(request.uri().path()).closing_if_body(request.body())
}

async fn wrong_method(request: Request) -> Problem {
    Problem::wrong_method(request.method()).closing_if_body(request.body())
}

/// Every answer says that it may not be used again for another request: one from a cache could be
/// a stale read.
const NEVER_CACHED: &str = "no-cache";

#[cfg(test)]
mod tests {
    use super::double::Server;

    #[tokio::test]
    async fn an_unknown_path_is_404_and_a_wrong_method_405_with_what_is_allowed() {
        let server = Server::start().await;
        for path in [
            "/",
            "/nope",
            "/read",
            "/read/",
            "/read/7/8",
            "/v1",
            "/v1/members/",
            "/v1/members/a/b",
        ] {
            let answer = server.get(path).await;
            answer.assert_problem(404, "refused");
        }
        for (method, path, allow) in [
            ("POST", "/read/7", "GET,HEAD"),
            ("GET", "/write", "POST"),
            ("PATCH", "/v1/registers/x", "GET,HEAD,PUT,DELETE"),
            ("POST", "/v1/registers", "GET,HEAD"),
            ("DELETE", "/metrics", "GET,HEAD"),
            ("DELETE", "/v1/members", "GET,HEAD,POST"),
            ("GET", "/v1/members/127.0.0.1:3030", "DELETE"),
            ("PUT", "/v1/members/change", "DELETE"),
            ("DELETE", "/v1/recover", "GET,HEAD,POST"),
        ] {
            let answer = server.request(method, path, b"").await;
            answer.assert_problem(405, "refused");
            assert_eq!(answer.header("allow"), Some(allow), "{method} {path}");
        }
    }

    #[tokio::test]
    async fn a_slash_in_a_name_gets_a_hint() {
        let server = Server::start().await;
        let answer = server.get("/v1/registers/a/b").await;
        answer.assert_problem(404, "refused");
        assert!(answer.json()["detail"].as_str().unwrap().contains("%2F"));
    }

    #[tokio::test]
    async fn a_refused_request_whose_body_was_not_read_says_that_the_connection_ends() {
        let server = Server::start().await;
        for (method, path) in [("POST", "/nope"), ("POST", "/readyz")] {
            let answer = server.request(method, path, &[b'x'; 100_000]).await;
            assert_eq!(answer.header("connection"), Some("close"), "{path}");
        }
        let answer = server.get("/nope").await;
        assert_eq!(answer.header("connection"), None);
    }

    #[tokio::test]
    async fn metrics_are_open_metrics_text() {
        let server = Server::start().await;
        let answer = server.get("/metrics").await;
        assert_eq!(answer.status, 200);
        let kind = answer.header("content-type").unwrap();
        assert!(kind.starts_with("application/openmetrics-text"), "{kind}");
        assert!(answer.text().contains("\nshardedmemory_epoch 1\n"));
    }
}
