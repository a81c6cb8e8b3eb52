//! A cluster of real processes on this machine, for `cluster`, `demo` and `torture`.

mod node;
mod ports;

pub(crate) use node::{Ended, Launch, LocalNode, Meeting, NodeLog};
pub(crate) use ports::{check_free, first_free};

use crate::cli::client::Connection;
use crate::cli::failure::Failure;
use hyper::body::Bytes;
use hyper::{Method, StatusCode};
use protocol::Address;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How long nodes that have just been started may take until they serve. They listen two seconds
/// for a standing cluster; the rest is for a busy machine.
pub(crate) const READY_TIMEOUT: Duration = Duration::from_secs(30);

/// How often a condition that is waited for is looked at.
pub(crate) const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// The address of a local node.
pub(crate) fn address(port: u16) -> Address {
    format!("127.0.0.1:{port}")
        .parse()
        .expect("no port of a local node is zero")
}

/// Waits until a node says that it serves.
///
/// # Errors
/// If it has not by [`READY_TIMEOUT`], with its last word on it.
pub(crate) async fn until_ready(node: &Address) -> Result<(), Failure> {
    let deadline = Instant::now() + READY_TIMEOUT;
    loop {
        let last_word = match readiness(node).await {
            Ok(()) => return Ok(()),
            Err(last_word) => last_word,
        };
        if Instant::now() >= deadline {
            let seconds = READY_TIMEOUT.as_secs();
            return Err(Failure::failed(format!(
                "{node} is not ready after {seconds} s: {last_word}"
            )));
        }
        sleep(POLL_INTERVAL).await;
    }
}

async fn readiness(node: &Address) -> Result<(), String> {
    const ANSWER_TIMEOUT: Duration = Duration::from_secs(1);
    let mut connection = Connection::open(node)
        .await
        .map_err(|error| error.to_string())?;
    let answer = connection
        .request(Method::GET, "/readyz", Bytes::new(), ANSWER_TIMEOUT)
        .await;
    let answer = answer.map_err(|error| error.to_string())?;
    match answer.status() {
        StatusCode::OK => Ok(()),
        status => {
            let words = String::from_utf8_lossy(answer.body()).trim().to_owned();
            Err(format!("it answered {status} {words}"))
        }
    }
}
