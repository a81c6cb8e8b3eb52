//! A running HTTP face on a real socket.

use super::{Double, State};
use crate::http::client::{Answer, Client, SOON};
use crate::http::openapi::conformance::assert_described;
use crate::http::{Http, Timeouts};
use crate::server::{Limits, Password};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::timeout;

/// A running HTTP face.
pub(in crate::http) struct Server {
    pub(in crate::http) address: SocketAddr,
    double: Double,
    stop: watch::Sender<bool>,
}

impl Server {
    pub(in crate::http) async fn start() -> Self {
        Self::start_with(|_, _| ()).await
    }

    /// One that wants a password.
    pub(in crate::http) async fn start_guarded(password: &str) -> Self {
        let password = Password::new(password).unwrap();
        Self::start_as(Some(password), |_, _| ()).await
    }

    /// With other limits and time-outs than the usual ones.
    pub(in crate::http) async fn start_with(
        change: impl FnOnce(&mut Limits, &mut Timeouts),
    ) -> Self {
        Self::start_as(None, change).await
    }

    async fn start_as(
        password: Option<Password>,
        change: impl FnOnce(&mut Limits, &mut Timeouts),
    ) -> Self {
        let mut limits = Limits {
            value_bytes_max: 1024 * 1024,
            timeout_default: Duration::from_secs(5),
            timeout_max: Duration::from_secs(60),
            body_bytes_in_flight_max: 256 * 1024 * 1024,
            memory_bytes_max: None,
        };
        let mut timeouts = Timeouts::default();
        change(&mut limits, &mut timeouts);
        let double = Double::new(limits);
        let http = Http::with_timeouts(double.clone(), password, timeouts);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = watch::channel(false);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                stream.set_nodelay(true).unwrap();
                let (http, mut stopped) = (http.clone(), stopped.clone());
                let stopped = async move {
                    let _ = stopped.wait_for(|stopped| *stopped).await;
                };
                tokio::spawn(async move { http.serve_connection(stream, stopped).await });
            }
        });
        Self {
            address,
            double,
            stop,
        }
    }

    /// Changes how the double behaves.
    pub(in crate::http) fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.double.state());
    }

    /// Lets the operations go on that were held.
    pub(in crate::http) fn release(&self) {
        self.change(|state| state.holding = false);
        self.double.0.released.notify_waiters();
    }

    /// Asks all connections to end.
    pub(in crate::http) fn stop(&self) {
        self.stop.send_replace(true);
    }

    /// Waits until so many operations run.
    pub(in crate::http) async fn wait_for_running(&self, count: usize) {
        let running = async {
            while self.double.state().view.operations_running != count {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        timeout(SOON, running).await.expect("operations in time");
    }

    pub(in crate::http) async fn connect(&self) -> Client {
        let stream = TcpStream::connect(self.address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Client::new(stream)
    }

    pub(in crate::http) async fn get(&self, path: &str) -> Answer {
        self.request("GET", path, b"").await
    }

    /// One request on a connection of its own.
    pub(in crate::http) async fn request(&self, method: &str, path: &str, body: &[u8]) -> Answer {
        self.request_with(method, path, "", body).await
    }

    /// With further header lines, each with its end.
    pub(in crate::http) async fn request_with(
        &self,
        method: &str,
        path: &str,
        headers: &str,
        body: &[u8],
    ) -> Answer {
        let mut client = self.connect().await;
        let mut request =
            format!("{method} {path} HTTP/1.1\r\nHost: node\r\n{headers}").into_bytes();
        if !body.is_empty() {
            request.extend(format!("Content-Length: {}\r\n", body.len()).bytes());
        }
        request.extend(b"\r\n");
        request.extend(body);
        client.send(&request).await;
        let answer = client.answer_to(method).await;
        assert_described(method, path, &answer);
        answer
    }
}
