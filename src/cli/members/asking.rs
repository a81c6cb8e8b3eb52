//! Asking for a change until a node takes it: [`Begun`].

use super::change::{Change, Goal};
use super::voices::Voices;
use crate::cli::client::{Connection, End, Lost, Problem};
use crate::cli::failure::{Exit, Failure};
use crate::cli::spinner::spin;
use hyper::StatusCode;
use serde::Deserialize;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// A change that has begun.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Begun {
    /// The epoch in which it is under way.
    pub(super) epoch: u64,
}

/// What a node's answer, or its absence, lets an operator believe.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Reply {
    /// It has begun in this epoch.
    Begun(u64),
    /// It has not begun, for this reason, and another node may be asked.
    Elsewhere(String),
    /// It has not begun, for this reason, and another node would say the same.
    Refused(String),
    /// It may have begun, or may yet.
    Unknown(String),
}

/// How long a node may need to see that a change can be made, beyond what the operator allows for
/// an answer: it asks the nodes in question and has a majority agree. Nodes answer within a minute.
const AGREEMENT_TIMEOUT: Duration = Duration::from_secs(60);

/// Advice for those who asked for what cannot be.
const WHO_AND_WHAT: &str =
    "'shardedmemory members list' shows the members and the change that is under way";

/// How often another node is asked for a change whose beginning was not told.
const SEEK_INTERVAL: Duration = Duration::from_millis(200);

impl Begun {
    /// Asks one node after the other until one begins the change.
    ///
    /// # Errors
    /// [`Exit::Failed`] if it was not begun, [`Exit::Unknown`] if it may have been.
    pub(super) async fn ask(
        change: &Change,
        goal: &Goal,
        voices: &mut Voices,
    ) -> Result<Self, Failure> {
        let mut reasons = String::new();
        // A node that says no may be the one that tells of others.
        let mut asked = 0;
        while asked < voices.count() {
            asked += 1;
            let node = voices.current().clone();
            let deadline = voices.deadline() + AGREEMENT_TIMEOUT;
            let reply = match voices.connection().await {
                Ok(connection) => {
                    let words = format!("asking {node} for {change}");
                    spin(words, ask_one(change, connection, deadline)).await
                }
                Err(unreachable) => Reply::Elsewhere(unreachable.to_string()),
            };
            match reply {
                Reply::Begun(epoch) => return Ok(Self { epoch }),
                Reply::Elsewhere(reason) => {
                    reasons.push_str(&format!("\n  {node}: {reason}"));
                    voices.turn();
                }
                Reply::Refused(reason) => {
                    let message = format!("{node} refused {change}: {reason}");
                    return Err(Failure::failed(message).hint(WHO_AND_WHAT));
                }
                Reply::Unknown(reason) => {
                    voices.turn();
                    return Self::seek(change, goal, voices, &reason).await;
                }
            }
        }
        let message = format!("no node takes on {change}; nothing happened{reasons}");
        Err(Failure::failed(message)
            .hint("'shardedmemory status' shows which nodes are up; a majority must be"))
    }

    /// Looks whether a change, the answer to which was lost, is under way or done.
    async fn seek(
        change: &Change,
        goal: &Goal,
        voices: &mut Voices,
        reason: &str,
    ) -> Result<Self, Failure> {
        let began = Instant::now();
        // If it was decided, those who are alive know of it within a round of messages.
        while began.elapsed() < voices.deadline() {
            if let Ok((_, view)) = voices.view().await {
                if goal.is_met(&view) {
                    let epoch = match &view.change {
                        Some(change) => change.epoch,
                        None => view.epoch.saturating_sub(1),
                    };
                    return Ok(Self { epoch });
                }
                voices.turn();
            }
            sleep(SEEK_INTERVAL).await;
        }
        let message = format!("it is unknown whether {change} has begun, or will: {reason}");
        Err(Failure::new(Exit::Unknown, message)
            .hint("'shardedmemory members list' shows whether it is under way or done"))
    }
}

async fn ask_one(change: &Change, connection: &mut Connection, deadline: Duration) -> Reply {
    #[derive(Deserialize)]
    struct Accepted {
        epoch: u64,
    }
    let (method, path, body) = change.request();
    let answer = connection.request(method, &path, body, deadline).await;
    let (head, body) = match answer {
        Ok(answer) => answer.into_parts(),
        Err(Lost::Unsent(error)) => return Reply::Elsewhere(error),
        Err(lost) => return Reply::Unknown(lost.to_string()),
    };
    if head.status.is_success() {
        return match serde_json::from_slice(&body) {
            Ok(Accepted { epoch }) => Reply::Begun(epoch),
            Err(error) => Reply::Unknown(format!("its answer cannot be read ({error})")),
        };
    }
    let problem = Problem::read(&body);
    let outcome = problem.outcome;
    let reason = problem.reason(head.status);
    // Only a node's own word `refused` makes a server's error certain.
    let certain =
        outcome == Some(End::Refused) || (outcome.is_none() && head.status.is_client_error());
    match head.status {
        _ if !certain => Reply::Unknown(reason),
        _ if change.is_asked_of_one() => Reply::Refused(reason),
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => Reply::Elsewhere(reason),
        _ => Reply::Refused(reason),
    }
}
