//! How often something is tried: [`Patience`].

use crate::cli::client::{Ask, NoAnswer, Nodes, Problem, WHERE_NODES_ARE};
use crate::cli::failure::Failure;
use hyper::body::Bytes;
use hyper::{Response, StatusCode};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// Lets something be tried again until nothing has succeeded for a while.
pub(crate) struct Patience {
    limit: Duration,
    since: Instant,
    pause: Duration,
}

/// The first pause, and the longest.
const PAUSES: [Duration; 2] = [Duration::from_millis(50), Duration::from_secs(1)];

impl Patience {
    /// This much of it.
    pub(crate) fn of(limit: Duration) -> Self {
        Self {
            limit,
            since: Instant::now(),
            pause: PAUSES[0],
        }
    }

    /// Something succeeded: all of it is there again.
    pub(crate) fn renew(&mut self) {
        *self = Self::of(self.limit);
    }

    /// Waits a little, and longer from time to time. Says whether to try again.
    pub(crate) async fn wait(&mut self) -> bool {
        if self.since.elapsed() >= self.limit {
            return false;
        }
        sleep(self.pause).await;
        self.pause = (self.pause * 2).min(PAUSES[1]);
        true
    }
}

/// Asks until there is an answer of success.
///
/// # Errors
/// If there is none for so long, or one that refuses.
pub(crate) async fn ask_patiently(
    nodes: &mut Nodes,
    ask: &Ask,
    limit: Duration,
) -> Result<Response<Bytes>, Failure> {
    let mut patience = Patience::of(limit);
    loop {
        match nodes.ask(ask).await {
            Ok((_, answer)) if answer.status().is_success() => return Ok(answer),
            Ok((node, answer)) => {
                let reason = Problem::read(answer.body()).reason(answer.status());
                return Err(Failure::failed(format!("{node} refused it: {reason}")));
            }
            Err(NoAnswer::TooLong) => {
                return Err(Failure::failed(NoAnswer::TooLong.to_string()));
            }
            Err(none) if !patience.wait().await => {
                return Err(Failure::failed(format!(
                    "no node has answered for {} s:{none}",
                    limit.as_secs_f64()
                ))
                .hint(WHERE_NODES_ARE));
            }
            Err(_) => {}
        }
    }
}

/// Whether an operation of a batch that ended like this may go better the next time.
pub(crate) fn is_worth_another_try(status: u16) -> bool {
    let status = StatusCode::from_u16(status).unwrap_or_default();
    // No room for a write that outgrew its tags is a server's error that does not pass.
    let passes = status.is_server_error() && status != StatusCode::INSUFFICIENT_STORAGE;
    passes || status == StatusCode::TOO_MANY_REQUESTS
}
