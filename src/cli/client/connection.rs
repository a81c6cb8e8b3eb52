//! One HTTP connection to one node, every step of it with a deadline.
//!
//! hyper's connection is used as it is, without a pool above it: a client must know whether a
//! write that failed had been sent.

use crate::cli::client::Credentials;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{HeaderMap, Method, Request, Response, StatusCode, header};
use hyper_util::rt::TokioIo;
use protocol::Address;
use std::fmt;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// An open connection to a node. One request at a time.
pub(crate) struct Connection {
    node: Address,
    sender: SendRequest<Full<Bytes>>,
    credentials: Credentials,
}

/// Why a node cannot be asked. Nothing was asked of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Unreachable {
    /// The system says why.
    NoConnection(String),
    /// It did not accept, or did not answer, in [`OPEN_TIMEOUT`]: it may be frozen.
    Silent,
    /// What answers there is no node.
    Stranger,
}

/// Why there is no answer to a request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Lost {
    /// The request had not been sent.
    Unsent(String),
    /// The answer did not come in this time.
    Late(Duration),
    /// The connection broke, or the answer was none.
    Broken(String),
    /// The answer had more than [`ANSWER_BYTES_MAX`] bytes.
    TooLong,
}

/// How long a node may take to accept a connection, and to show that it is one.
const OPEN_TIMEOUT: Duration = Duration::from_secs(1);

/// The longest answer that is taken: the longest value that a node can be told to allow, and room.
const ANSWER_BYTES_MAX: usize = 16 * 1024 * 1024;

impl Connection {
    /// Opens a connection.
    ///
    /// # Errors
    /// [`Unreachable`] says why there is none.
    pub(crate) async fn open(node: &Address) -> Result<Self, Unreachable> {
        let broken = |error: &dyn fmt::Display| Unreachable::NoConnection(error.to_string());
        let connect = TcpStream::connect(node.as_str());
        let stream = match timeout(OPEN_TIMEOUT, connect).await {
            Ok(stream) => stream.map_err(|error| broken(&error))?,
            Err(_) => return Err(Unreachable::Silent),
        };
        stream.set_nodelay(true).map_err(|error| broken(&error))?;
        Self::over(node, stream).await
    }

    /// The connection that this stream to the node is.
    ///
    /// # Errors
    /// [`Unreachable`] says why it is none.
    pub(super) async fn over(
        node: &Address,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    ) -> Result<Self, Unreachable> {
        // This exchanges nothing with the node yet.
        let handshake = http1::handshake(TokioIo::new(stream)).await;
        let (sender, connection) =
            handshake.map_err(|error| Unreachable::NoConnection(error.to_string()))?;
        // It ends when the sender is dropped, and whatever it meets, the sender is told.
        tokio::spawn(connection);
        Ok(Self {
            node: node.clone(),
            sender,
            credentials: Credentials::NONE,
        })
    }

    /// Opens a connection to a node and sees that it answers. A frozen process accepts
    /// connections too, for its system does; an operation sent to it would be in doubt.
    ///
    /// # Errors
    /// [`Unreachable`] says why there is none.
    pub(crate) async fn open_answering(node: &Address) -> Result<Self, Unreachable> {
        let mut connection = Self::open(node).await?;
        let probe = connection.request(Method::GET, "/livez", Bytes::new(), OPEN_TIMEOUT);
        match probe.await {
            Ok(answer) if answer.status() == StatusCode::OK => Ok(connection),
            Ok(_) => Err(Unreachable::Stranger),
            Err(Lost::Late(_)) => Err(Unreachable::Silent),
            Err(Lost::Unsent(error) | Lost::Broken(error)) => Err(Unreachable::NoConnection(error)),
            Err(Lost::TooLong) => Err(Unreachable::Stranger),
        }
    }

    /// The same connection, by which this is said with each request from now on.
    pub(crate) fn saying(self, credentials: &Credentials) -> Self {
        Self {
            credentials: credentials.clone(),
            ..self
        }
    }

    /// Sends a request and waits for the whole answer. After an error the connection is of no
    /// more use.
    ///
    /// # Errors
    /// [`Lost`] says whether the request was sent.
    pub(crate) async fn request(
        &mut self,
        method: Method,
        path_and_query: &str,
        body: Bytes,
        deadline: Duration,
    ) -> Result<Response<Bytes>, Lost> {
        let headers = HeaderMap::new();
        self.request_with(method, path_and_query, headers, body, deadline)
            .await
    }

    /// The same, with further headers.
    ///
    /// # Errors
    /// [`Lost`] says whether the request was sent.
    pub(crate) async fn request_with(
        &mut self,
        method: Method,
        path_and_query: &str,
        headers: HeaderMap,
        body: Bytes,
        deadline: Duration,
    ) -> Result<Response<Bytes>, Lost> {
        let mut request = Request::builder()
            .method(method)
            .uri(path_and_query)
            .header(header::HOST, self.node.as_str())
            .body(Full::new(body))
            .map_err(|error| Lost::Unsent(error.to_string()))?;
        request.headers_mut().extend(headers);
        if let Some(authorization) = self.credentials.authorization() {
            (request.headers_mut()).insert(header::AUTHORIZATION, authorization.clone());
        }
        match timeout(deadline, self.exchange(request)).await {
            Ok(answer) => answer,
            Err(_) => Err(Lost::Late(deadline)),
        }
    }

    async fn exchange(&mut self, request: Request<Full<Bytes>>) -> Result<Response<Bytes>, Lost> {
        let ready = self.sender.ready().await;
        ready.map_err(|error| Lost::Unsent(error.to_string()))?;
        let answer = self.sender.try_send_request(request).await;
        let (head, body) = match answer {
            Ok(answer) => answer.into_parts(),
            // hyper gives a request back of which it has sent nothing.
            Err(mut error) => match error.take_message() {
                Some(_) => return Err(Lost::Unsent(error.into_error().to_string())),
                None => return Err(Lost::Broken(error.into_error().to_string())),
            },
        };
        let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await;
        let body = body.map_err(|error| match error.is::<LengthLimitError>() {
            true => Lost::TooLong,
            false => Lost::Broken(error.to_string()),
        })?;
        let body = body.to_bytes();
        Ok(Response::from_parts(head, body))
    }
}

impl fmt::Display for Unreachable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoConnection(error) => f.write_str(error),
            Self::Silent => write!(f, "no answer in {} ms", OPEN_TIMEOUT.as_millis()),
            Self::Stranger => f.write_str("what answers there is no node of shardedmemory"),
        }
    }
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Late(deadline) => write!(f, "no answer in {} ms", deadline.as_millis()),
            Self::Unsent(error) | Self::Broken(error) => f.write_str(error),
            Self::TooLong => write!(f, "its answer has more than {ANSWER_BYTES_MAX} bytes"),
        }
    }
}
