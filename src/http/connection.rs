//! One client's connection, from its first request to its last.

use super::Http;
use super::stream::ClientStream;
use axum::response::IntoResponse;
use futures_util::future::Either;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1::Builder;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::future::{poll_fn, ready};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

/// The longest head of a request. A name of 1,024 bytes, each of them percent-encoded, takes
/// 3 KiB; what else browsers and proxies put there, a few more.
const HEAD_BYTES_MAX: usize = 64 * 1024;

impl Http {
    /// Serves a connection until the client closes it, keeps the node waiting for too long, or
    /// sends what is no HTTP; or, once `shutdown` ends, until the request that runs is answered.
    ///
    /// The stream should have `TCP_NODELAY` set. Dropping this future drops the connection, and
    /// with it whatever runs on it.
    pub(crate) async fn serve_connection(
        &self,
        stream: TcpStream,
        shutdown: impl Future<Output = ()>,
    ) {
        self.serve_halves(stream.into_split(), shutdown).await;
    }

    /// The same for a connection of any kind, given as what is read and what is written.
    pub(super) async fn serve_halves<R, W>(
        &self,
        halves: (R, W),
        shutdown: impl Future<Output = ()>,
    ) where
        R: AsyncRead + Unpin + Send + 'static,
        W: AsyncWrite + Unpin + Send + 'static,
    {
        let stopping = Arc::new(AtomicBool::new(false));
        let stream = ClientStream::new(halves, self.timeouts, Arc::clone(&stopping));
        let answers = stream.answers();
        let service = TowerToHyperService::new(self.router.clone());
        let service = service_fn(
            |request: Request<Incoming>| match self.gate.admit(&request) {
                Ok(()) => Either::Left(service.call(request)),
                Err(problem) => {
                    let problem = problem.closing_if_body(request.body());
                    Either::Right(ready(Ok(problem.into_response())))
                }
            },
        );
        let connection = Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.timeouts.head)
            .max_buf_size(HEAD_BYTES_MAX)
            // A client may close its side after its last request and still read the answers.
            .half_close(true)
            .serve_connection(TokioIo::new(stream), service);
        let mut connection = pin!(connection);
        let mut shutdown = pin!(shutdown);
        poll_fn(|cx| {
            if !stopping.load(Ordering::Relaxed) && shutdown.as_mut().poll(cx).is_ready() {
                stopping.store(true, Ordering::Relaxed);
                connection.as_mut().graceful_shutdown();
            }
            // How a connection ends is the client's business: nothing is lost by it here, and
            // clients come and go in such numbers that saying so would be noise.
            if connection.as_mut().poll(cx).is_ready() {
                return Poll::Ready(());
            }
            // Now everything that could be answered is, so the answers leave together.
            match answers.poll_send(cx) {
                Poll::Ready(Err(_)) => Poll::Ready(()),
                Poll::Ready(Ok(())) | Poll::Pending => Poll::Pending,
            }
        })
        .await;
    }
}

#[cfg(test)]
mod tests {
    use crate::http::Timeouts;
    use crate::http::client::SOON;
    use crate::http::double::Server;
    use std::time::Duration;
    use tokio::io::AsyncWriteExt;

    const READ: &str = "GET /read/7 HTTP/1.1\r\nHost: node\r\n\r\n";

    async fn server_with(change: impl FnOnce(&mut Timeouts)) -> Server {
        Server::start_with(|_, timeouts| change(timeouts)).await
    }

    fn put(name: &str, value: &str) -> String {
        let length = value.len();
        format!("PUT /v1/registers/{name} HTTP/1.1\r\nContent-Length: {length}\r\n\r\n{value}")
    }

    #[tokio::test]
    async fn pipelined_requests_are_answered_in_their_order() {
        let server = Server::start().await;
        let mut client = server.connect().await;
        let mut requests = String::new();
        for number in 0..100 {
            requests += &put("x", &number.to_string());
            requests += "GET /v1/registers/x HTTP/1.1\r\n\r\n";
        }
        client.send(requests).await;
        for number in 0..100 {
            assert_eq!(client.answer().await.status, 204);
            assert_eq!(client.answer().await.text(), number.to_string());
        }
    }

    #[tokio::test]
    async fn answers_of_all_sizes_arrive_whole() {
        let server = Server::start().await;
        let sizes = [
            0,
            1,
            100,
            8_000,
            16_000,
            16_384,
            17_000,
            70_000,
            1024 * 1024,
        ];
        let value = |size| vec![b'a' + (size % 26) as u8; size];
        let mut requests = String::new();
        for size in sizes {
            let path = format!("/v1/registers/{size}");
            server.request("PUT", &path, &value(size)).await;
            requests += &format!("GET {path} HTTP/1.1\r\n\r\n");
        }
        let mut client = server.connect().await;
        client.send(requests.repeat(5)).await;
        for size in sizes.repeat(5) {
            assert!(client.answer().await.body == value(size), "{size}");
        }
    }

    #[tokio::test]
    async fn an_answer_waits_for_nothing_that_follows_its_request() {
        let server = Server::start().await;
        let mut client = server.connect().await;
        for rest in ["\r\n", "GET /re"] {
            client.send(format!("{READ}{rest}")).await;
            assert_eq!(client.answer().await.status, 200);
        }
        client.send("ad/7 HTTP/1.1\r\n\r\n").await;
        assert_eq!(client.answer().await.status, 200);
    }

    #[tokio::test]
    async fn an_answer_does_not_wait_for_the_operation_of_the_next_request() {
        let server = Server::start().await;
        server.change(|state| state.holding = true);
        let mut client = server.connect().await;
        client
            .send(format!("GET /livez HTTP/1.1\r\n\r\n{READ}{READ}"))
            .await;
        assert_eq!(client.answer().await.text(), "live\n");
        server.release();
        assert_eq!(client.answer().await.status, 200);
        assert_eq!(client.answer().await.status, 200);
    }

    #[tokio::test]
    async fn a_client_that_sends_half_a_head_is_dropped() {
        let server = server_with(|timeouts| timeouts.head = Duration::from_millis(50)).await;
        let mut client = server.connect().await;
        client.send("GET /read/7 HTTP/1.1\r\nX-Slow: ").await;
        assert_eq!(client.closed().await, b"");
    }

    #[tokio::test]
    async fn a_client_that_trickles_its_head_gains_no_time_by_it() {
        let server = server_with(|timeouts| timeouts.head = Duration::from_millis(50)).await;
        let client = server.connect().await;
        let (mut reader, mut writer) = client.stream.into_split();
        let trickling = tokio::spawn(async move {
            writer.write_all(b"GET /read/7 HTTP/1.1\r\n").await?;
            loop {
                writer.write_all(b"x: y\r\n").await?;
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            #[allow(unreachable_code)]
            std::io::Result::Ok(())
        });
        let mut buffer = [0; 16];
        let reading = tokio::io::AsyncReadExt::read(&mut reader, &mut buffer);
        let read = tokio::time::timeout(SOON, reading).await;
        assert!(matches!(read.unwrap(), Ok(0) | Err(_)));
        trickling.abort();
    }

    #[tokio::test]
    async fn an_idle_connection_is_closed() {
        let server = server_with(|timeouts| timeouts.head = Duration::from_millis(50)).await;
        let mut client = server.connect().await;
        client.send(READ).await;
        assert_eq!(client.answer().await.status, 200);
        assert_eq!(client.closed().await, b"");
    }

    #[tokio::test]
    async fn an_operation_may_take_longer_than_a_head_may() {
        let server = server_with(|timeouts| timeouts.head = Duration::from_millis(10)).await;
        server.change(|state| state.holding = true);
        let mut client = server.connect().await;
        client.send(READ).await;
        server.wait_for_running(1).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
        server.release();
        assert_eq!(client.answer().await.status, 200);
    }

    #[tokio::test]
    async fn a_client_that_takes_no_answer_is_dropped() {
        let server = server_with(|timeouts| timeouts.write = Duration::from_millis(50)).await;
        let value = "x".repeat(1024 * 1024);
        server
            .request("PUT", "/v1/registers/x", value.as_bytes())
            .await;
        let mut client = server.connect().await;
        // More than any socket's buffers hold.
        client
            .send("GET /v1/registers/x HTTP/1.1\r\n\r\n".repeat(64))
            .await;
        let dropped = async {
            // Nothing is read, and still the connection breaks.
            while client.stream.write_all(b"\r\n").await.is_ok() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let dropped = tokio::time::timeout(SOON, dropped);
        dropped.await.expect("dropped in time");
    }

    #[tokio::test]
    async fn a_half_closed_client_gets_its_answers() {
        let server = Server::start().await;
        server.change(|state| state.holding = true);
        let mut client = server.connect().await;
        client.send(READ.repeat(2)).await;
        client.stream.shutdown().await.unwrap();
        server.wait_for_running(1).await;
        server.release();
        assert_eq!(client.answer().await.status, 200);
        assert_eq!(client.answer().await.status, 200);
        assert_eq!(client.closed().await, b"");
    }

    #[tokio::test]
    async fn a_client_that_goes_away_harms_nobody() {
        let server = Server::start().await;
        server.change(|state| state.holding = true);
        let mut leaver = server.connect().await;
        leaver.send(put("x", "1")).await;
        let mut other = server.connect().await;
        other.send(put("y", "2")).await;
        server.wait_for_running(2).await;
        drop(leaver);
        server.release();
        assert_eq!(other.answer().await.status, 204);
        // What it had asked for was done all the same.
        server.wait_for_running(0).await;
        assert_eq!(server.get("/v1/registers/x").await.text(), "1");
    }

    #[tokio::test]
    async fn a_head_that_is_too_large_is_431_or_414_and_one_that_is_none_400() {
        let server = Server::start().await;
        let huge = format!(
            "GET /read/7 HTTP/1.1\r\nX: {}\r\n\r\n",
            "y".repeat(1024 * 1024)
        );
        let many = format!("GET /read/7 HTTP/1.1\r\n{}\r\n", "X: y\r\n".repeat(1000));
        let long = format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(65_535));
        for (request, status) in [
            (&*huge, 431),
            (&*many, 431),
            (&*long, 414),
            ("GET /read/7 HTTP/9.9\r\n\r\n", 400),
            ("GET /read/7\r\n\r\n", 400),
            ("GET /re ad/7 HTTP/1.1\r\n\r\n", 400),
            ("G@T /read/7 HTTP/1.1\r\nX\r\n\r\n", 400),
            ("PUT /x HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
            (
                "PUT /x HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
                400,
            ),
        ] {
            let mut client = server.connect().await;
            client.send(request).await;
            let answer = client.answer().await;
            assert_eq!(
                answer.status,
                status,
                "{}",
                &request[..40.min(request.len())]
            );
            assert_eq!(client.closed().await, b"");
        }
        assert_eq!(server.get("/read/7").await.status, 200);
    }

    #[tokio::test]
    async fn a_connection_lasts_as_long_as_its_client_and_version_want() {
        let server = Server::start().await;
        for request in [
            "GET /read/7 HTTP/1.0\r\n\r\n",
            "GET /read/7 HTTP/1.1\r\nConnection: close\r\n\r\n",
        ] {
            let mut client = server.connect().await;
            client.send(request).await;
            assert_eq!(client.answer().await.status, 200);
            assert_eq!(client.closed().await, b"");
        }
        let mut client = server.connect().await;
        for _ in 0..3 {
            client
                .send("GET /read/7 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
                .await;
            assert_eq!(client.answer().await.status, 200);
        }
    }

    #[tokio::test]
    async fn stopping_finishes_what_runs_and_closes_what_is_idle() {
        let server = server_with(|timeouts| timeouts.linger = Duration::from_secs(3600)).await;
        let mut idle = server.connect().await;
        idle.send(READ).await;
        assert_eq!(idle.answer().await.status, 200);
        let mut silent = server.connect().await;
        server.change(|state| state.holding = true);
        let mut busy = server.connect().await;
        busy.send(put("x", "1")).await;
        server.wait_for_running(1).await;

        server.stop();
        assert_eq!(idle.closed().await, b"");
        assert_eq!(silent.closed().await, b"");
        server.release();
        let answer = busy.answer().await;
        assert_eq!(answer.status, 204);
        assert_eq!(answer.header("connection"), Some("close"));
        assert_eq!(busy.closed().await, b"");
    }
}
