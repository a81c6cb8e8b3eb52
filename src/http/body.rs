//! Requests' bodies, with a bound on their length, on their time, and on all of them together.

use super::problem::Problem;
use axum::body::{Body, HttpBody};
use axum::extract::Request;
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::HeaderMap;
use hyper::header::EXPECT;
use hyper::http::request::Parts;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// Reads bodies, and holds no more bytes of them at once than it may. Clones share the bound.
#[derive(Clone)]
pub(super) struct BodyBudget {
    bytes_left: Arc<Semaphore>,
    timeout: Duration,
}

/// A whole body. While it lives, its bytes count as held.
pub(super) struct Received {
    /// The body, in an allocation of its own.
    pub(super) bytes: Bytes,
    /// What the body takes of the budget, given back when this is dropped.
    _held: Option<OwnedSemaphorePermit>,
}

impl BodyBudget {
    /// A bound on the bytes of all bodies together, and on the time that one may take to arrive.
    pub(super) fn new(bytes_max: usize, timeout: Duration) -> Self {
        Self {
            bytes_left: Arc::new(Semaphore::new(bytes_max.min(Semaphore::MAX_PERMITS))),
            timeout,
        }
    }

    /// The request's head and body. Beyond `bytes_max` bytes it is `too_large`.
    ///
    /// Bytes count from when they are here, not from when they are announced: else a few clients
    /// that announce much and send nothing could use the bound up.
    pub(super) async fn receive(
        &self,
        request: Request,
        bytes_max: usize,
        too_large: impl FnOnce() -> Problem,
    ) -> Result<(Parts, Received), Problem> {
        let (head, body) = request.into_parts();
        let announced = body.size_hint().exact();
        if announced.is_some_and(|announced| announced > bytes_max as u64) {
            return Err(self.refuse(&head.headers, body, too_large()).await);
        }
        let receiving = self.collect(body, bytes_max);
        match timeout(self.timeout, receiving).await {
            Err(_elapsed) => Err(Problem::body_timeout()),
            Ok(Ok(received)) => Ok((head, received)),
            Ok(Err(CollectError::TooLarge(rest))) => {
                Err(self.refuse(&head.headers, rest, too_large()).await)
            }
            Ok(Err(CollectError::Busy(rest))) => Err(self
                .refuse(&head.headers, rest, Problem::bodies_busy())
                .await),
            Ok(Err(CollectError::Broken)) => Err(Problem::malformed(
                "the body ended early or is not encoded as its headers say, so nothing was done",
            )
            .closing()),
        }
    }

    async fn collect(&self, mut body: Body, bytes_max: usize) -> Result<Received, CollectError> {
        let announced = body.size_hint().exact().unwrap_or(0);
        let mut bytes = Vec::with_capacity(announced.min(FIRST_CAPACITY_BYTES_MAX) as usize);
        let mut held: Option<OwnedSemaphorePermit> = None;
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|_| CollectError::Broken)?;
            let Ok(data) = frame.into_data() else {
                continue;
            };
            if data.len() > bytes_max - bytes.len() {
                return Err(CollectError::TooLarge(body));
            }
            let count = u32::try_from(data.len()).map_err(|_| CollectError::Broken)?;
            match (
                Arc::clone(&self.bytes_left).try_acquire_many_owned(count),
                &mut held,
            ) {
                (Err(_), _) => return Err(CollectError::Busy(body)),
                (Ok(more), Some(held)) => held.merge(more),
                (Ok(first), None) => held = Some(first),
            }
            bytes.extend_from_slice(&data);
        }
        // A value may be kept for long: not one byte more than it has.
        bytes.shrink_to_fit();
        Ok(Received {
            bytes: Bytes::from(bytes),
            _held: held,
        })
    }

    /// The problem, once the client has sent the rest, or as much of it as the node cares to
    /// discard. Most clients read no answer before they have sent everything.
    async fn refuse(&self, headers: &HeaderMap, mut rest: Body, problem: Problem) -> Problem {
        if headers.contains_key(EXPECT) && !rest.is_end_stream() {
            // This client asked first.
            return problem.closing();
        }
        let discarding = async {
            let mut discarded = 0;
            loop {
                match rest.frame().await {
                    None => return true,
                    Some(Err(_)) => return false,
                    Some(Ok(frame)) => discarded += frame.data_ref().map_or(0, Bytes::len),
                }
                if discarded > DISCARDED_BYTES_MAX {
                    return false;
                }
            }
        };
        match timeout(self.timeout, discarding).await {
            Ok(true) => problem,
            Ok(false) | Err(_) => problem.closing(),
        }
    }
}

enum CollectError {
    /// There are more bytes than there may be; this is the rest.
    TooLarge(Body),
    /// No more bytes may be held; this is the rest.
    Busy(Body),
    /// It ended before its announced end, or its encoding is broken.
    Broken,
}

/// What is allocated on the word of a client that announces a long body.
const FIRST_CAPACITY_BYTES_MAX: u64 = 64 * 1024;

/// How much of a refused body is read and thrown away before the connection is given up instead.
const DISCARDED_BYTES_MAX: usize = 16 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use crate::http::double::Server;
    use std::time::Duration;

    const PUT: &str = "PUT /v1/registers/x HTTP/1.1\r\nHost: node\r\n";

    #[tokio::test]
    async fn a_value_that_is_announced_as_too_large_is_413() {
        let server = Server::start().await;
        let value = vec![1; 1024 * 1024 + 1];
        let answer = server.request("PUT", "/v1/registers/x", &value).await;
        answer.assert_problem(413, "refused");
    }

    #[tokio::test]
    async fn a_chunked_value_is_measured_as_it_comes() {
        let server = Server::start_with(|limits, _| limits.value_bytes_max = 10).await;
        let mut client = server.connect().await;
        client
            .send(format!("{PUT}Transfer-Encoding: chunked\r\n\r\n"))
            .await;
        client.send("6\r\nhello \r\n4\r\nyou!\r\n0\r\n\r\n").await;
        assert_eq!(client.answer().await.status, 204);
        assert_eq!(server.get("/v1/registers/x").await.text(), "hello you!");

        client
            .send(format!("{PUT}Transfer-Encoding: chunked\r\n\r\n"))
            .await;
        client.send("6\r\nhello \r\n5\r\nyou!!\r\n0\r\n\r\n").await;
        client.answer().await.assert_problem(413, "refused");
        // The rest was read, so the connection goes on.
        client
            .send(format!("{PUT}Content-Length: 1\r\n\r\n1"))
            .await;
        assert_eq!(client.answer().await.status, 204);
    }

    #[tokio::test]
    async fn a_body_without_an_end_is_given_up_and_the_answer_is_still_read() {
        let server = Server::start_with(|limits, _| limits.value_bytes_max = 10).await;
        let mut client = server.connect().await;
        client
            .send(format!("{PUT}Transfer-Encoding: chunked\r\n\r\n"))
            .await;
        let chunk = [b"10000\r\n", &[b'x'; 0x10000][..], b"\r\n"].concat();
        for _ in 0..0x101 {
            client.send(&chunk).await;
        }
        let answer = client.answer().await;
        answer.assert_problem(413, "refused");
        assert_eq!(answer.header("connection"), Some("close"));
    }

    #[tokio::test]
    async fn a_client_that_asks_before_it_sends_is_told_at_once() {
        let server = Server::start_with(|limits, _| limits.value_bytes_max = 10).await;
        let expect = format!("{PUT}Expect: 100-continue\r\n");
        let mut client = server.connect().await;
        client
            .send(format!("{expect}Content-Length: 11\r\n\r\n"))
            .await;
        let answer = client.answer().await;
        answer.assert_problem(413, "refused");
        assert_eq!(answer.header("connection"), Some("close"));

        let mut client = server.connect().await;
        client
            .send(format!("{expect}Content-Length: 10\r\n\r\n"))
            .await;
        assert_eq!(client.answer().await.status, 100);
        client.send("0123456789").await;
        assert_eq!(client.answer().await.status, 204);
    }

    #[tokio::test]
    async fn a_body_that_trickles_is_408() {
        let change = |_: &mut _, timeouts: &mut crate::http::Timeouts| {
            timeouts.body = Duration::from_millis(50);
        };
        let server = Server::start_with(change).await;
        let mut client = server.connect().await;
        client
            .send(format!("{PUT}Content-Length: 10\r\n\r\n12345"))
            .await;
        let answer = client.answer().await;
        answer.assert_problem(408, "refused");
        assert_eq!(answer.header("connection"), Some("close"));
        assert_eq!(client.closed().await, b"");
        assert_eq!(server.get("/v1/registers/x").await.status, 404);
    }

    #[tokio::test]
    async fn a_body_that_breaks_off_is_400_and_writes_nothing() {
        use tokio::io::AsyncWriteExt;
        let server = Server::start().await;
        let mut client = server.connect().await;
        client
            .send(format!("{PUT}Content-Length: 10\r\n\r\n12345"))
            .await;
        client.stream.shutdown().await.unwrap();
        client.answer().await.assert_problem(400, "refused");

        let mut client = server.connect().await;
        client
            .send(format!("{PUT}Transfer-Encoding: chunked\r\n\r\nzz\r\n"))
            .await;
        client.answer().await.assert_problem(400, "refused");
        assert_eq!(server.get("/v1/registers/x").await.status, 404);
    }

    #[tokio::test]
    async fn bodies_in_flight_are_bounded_over_all_clients_and_given_back() {
        let server = Server::start_with(|limits, _| limits.body_bytes_in_flight_max = 100).await;
        server.change(|state| state.holding = true);
        let mut first = server.connect().await;
        let value = "x".repeat(60);
        first
            .send(format!("{PUT}Content-Length: 60\r\n\r\n{value}"))
            .await;
        server.wait_for_running(1).await;

        let second = server
            .request("PUT", "/v1/registers/y", value.as_bytes())
            .await;
        second.assert_problem(429, "refused");
        assert_eq!(second.header("retry-after"), Some("1"));
        assert_eq!(second.header("connection"), None);

        server.release();
        assert_eq!(first.answer().await.status, 204);
        let third = server
            .request("PUT", "/v1/registers/y", value.as_bytes())
            .await;
        assert_eq!(third.status, 204);
    }

    #[tokio::test]
    async fn what_is_only_announced_takes_nothing_from_others() {
        let server = Server::start_with(|limits, _| limits.body_bytes_in_flight_max = 100).await;
        let mut announcer = server.connect().await;
        announcer
            .send(format!("{PUT}Content-Length: 100\r\n\r\n"))
            .await;
        let other = server.request("PUT", "/v1/registers/y", &[1; 100]).await;
        assert_eq!(other.status, 204);
    }
}
