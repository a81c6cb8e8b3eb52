//! An HTTP client that knows whether what it asked was sent: [`Client`].

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{AUTHORIZATION, HeaderValue};
use hyper::{HeaderMap, Method};
use hyper_util::rt::TokioIo;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// A request as clients send it.
pub(crate) type Request = hyper::Request<Full<Bytes>>;

/// How long an answer may take whose request names no deadline: the node's own deadline, 5 s, and
/// much of the busy machine's time.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A keep-alive connection to one node, which is opened anew when it has broken.
pub(crate) struct Client {
    node: SocketAddr,
    sender: Option<SendRequest<Full<Bytes>>>,
    /// Said with each request that does not say something else.
    authorization: Option<HeaderValue>,
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum Lost {
    /// The node does not know of the request.
    Unsent,
    /// The connection broke after the request was sent.
    Broken,
    /// The answer did not come in time.
    Late,
}

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Answer {
    /// Its status.
    pub(crate) status: u16,
    /// Its headers.
    pub(crate) headers: HeaderMap,
    /// Its body.
    pub(crate) body: Bytes,
}

impl Client {
    /// A client of this node, not connected yet.
    pub(crate) fn new(node: SocketAddr) -> Self {
        Self {
            node,
            sender: None,
            authorization: None,
        }
    }

    /// The same, that says this password.
    pub(crate) fn saying(self, password: &str) -> Self {
        let authorization = HeaderValue::try_from(format!("Bearer {password}"));
        Self {
            authorization: Some(authorization.expect("a password is visible ASCII")),
            ..self
        }
    }

    /// `GET` of a path.
    pub(crate) fn get(path: &str) -> Request {
        Self::request(Method::GET, path, "")
    }

    /// `PUT` to a path.
    pub(crate) fn put(path: &str, body: impl Into<Vec<u8>>) -> Request {
        Self::request(Method::PUT, path, body)
    }

    /// `POST` of a JSON object to a path.
    pub(crate) fn post(path: &str, body: &serde_json::Value) -> Request {
        Self::request(Method::POST, path, body.to_string())
    }

    /// `DELETE` of a path.
    pub(crate) fn delete(path: &str) -> Request {
        Self::request(Method::DELETE, path, "")
    }

    /// A request.
    pub(crate) fn request(method: Method, path: &str, body: impl Into<Vec<u8>>) -> Request {
        hyper::Request::builder()
            .method(method)
            .uri(path)
            .header("host", "node")
            .body(Full::new(Bytes::from(body.into())))
            .expect("the tests' own paths are well-formed")
    }

    /// Sends a request and waits for the whole answer, for so long and no longer.
    pub(crate) async fn send(
        &mut self,
        mut request: Request,
        patience: Duration,
    ) -> Result<Answer, Lost> {
        if let Some(authorization) = &self.authorization {
            let said = request.headers_mut().entry(AUTHORIZATION);
            said.or_insert_with(|| authorization.clone());
        }
        let answer = timeout(patience, self.exchange(request)).await;
        let answer = answer.unwrap_or(Err(Lost::Late));
        if answer.is_err() {
            // Whatever may still come on this connection belongs to no one.
            self.sender = None;
        }
        answer
    }

    async fn exchange(&mut self, request: Request) -> Result<Answer, Lost> {
        let mut open = self.sender.take();
        if let Some(sender) = &mut open
            && sender.ready().await.is_err()
        {
            open = None;
        }
        let mut sender = match open {
            Some(sender) => sender,
            None => connect(self.node).await.ok_or(Lost::Unsent)?,
        };
        let answer = match sender.try_send_request(request).await {
            Ok(answer) => answer,
            // hyper gives a request back of which it has sent nothing.
            Err(mut error) => {
                return Err(match error.take_message() {
                    Some(_) => Lost::Unsent,
                    None => Lost::Broken,
                });
            }
        };
        let (head, body) = answer.into_parts();
        let body = body.collect().await.map_err(|_| Lost::Broken)?.to_bytes();
        self.sender = Some(sender);
        Ok(Answer {
            status: head.status.as_u16(),
            headers: head.headers,
            body,
        })
    }
}

async fn connect(node: SocketAddr) -> Option<SendRequest<Full<Bytes>>> {
    let stream = TcpStream::connect(node).await.ok()?;
    stream.set_nodelay(true).ok()?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.ok()?;
    // It ends when the sender is dropped, and whatever it meets, the sender is told.
    tokio::spawn(connection);
    sender.ready().await.ok()?;
    Some(sender)
}

impl Answer {
    /// A header's value.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .get(name)
            .map(|value| value.to_str().expect("headers are ASCII"))
    }

    /// How many rounds of messages the operation took.
    pub(crate) fn rounds(&self) -> u8 {
        let rounds = self
            .header("shardedmemory-rounds")
            .expect("an operation has rounds");
        rounds.parse().expect("rounds are a number")
    }

    /// The body as text.
    #[track_caller]
    pub(crate) fn text(&self) -> &str {
        str::from_utf8(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The body as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// That it has this status.
    #[track_caller]
    pub(crate) fn assert_status(&self, status: u16) -> &Self {
        assert_eq!(self.status, status, "{self:?}");
        self
    }

    /// That it is a problem of this kind, as every problem is, and that it asks for another try if
    /// and only if that may help.
    #[track_caller]
    pub(crate) fn assert_problem(&self, status: u16, kind: &str, outcome: &str) -> &Self {
        self.assert_status(status);
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json"),
            "{self:?}"
        );
        let json = self.json();
        assert_eq!(
            json["type"],
            format!("urn:shardedmemory:problem:{kind}"),
            "{json}"
        );
        assert_eq!(json["status"], status, "{json}");
        assert_eq!(json["outcome"], outcome, "{json}");
        for field in ["title", "detail"] {
            assert!(
                json[field].as_str().is_some_and(|text| !text.is_empty()),
                "{json}"
            );
        }
        let retry = matches!(status, 429 | 503);
        assert_eq!(self.header("retry-after").is_some(), retry, "{self:?}");
        self
    }
}
