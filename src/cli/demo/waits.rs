//! What the story waits for before it goes on.

use crate::cli::client::{Standing, State, View, cluster_view};
use crate::cli::demo::story::{OPERATION_TIMEOUT, Story};
use crate::cli::failure::Failure;
use crate::cli::local::POLL_INTERVAL;
use crate::cli::spinner::spin;
use protocol::Address;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How long a change that is waited for may take to show: many times what it should, and an end.
const CHANGE_TIMEOUT: Duration = Duration::from_secs(15);

impl Story<'_> {
    /// Waits until the first node believes this of another, and tells how long that took.
    pub(super) async fn until_state(
        &self,
        node: usize,
        since: Instant,
        wanted: impl Fn(State) -> bool,
    ) -> Result<(), Failure> {
        let (observer, subject) = (self.stage.address(0), self.stage.address(node));
        let waiting = async {
            loop {
                let state = match cluster_view(&observer, OPERATION_TIMEOUT).await {
                    Ok((_, view)) => view.state_of(&subject),
                    Err(_) => None,
                };
                match state {
                    Some(state) if wanted(state) => return Ok(state),
                    _ if since.elapsed() > CHANGE_TIMEOUT => return Err(state),
                    _ => sleep(POLL_INTERVAL).await,
                }
            }
        };
        let words = format!("waiting for {} to notice", self.stage.port(0));
        match spin(words, waiting).await {
            Ok(state) => {
                self.say(format!(
                    "{} calls {} {state}, {:.2} s later",
                    self.stage.port(0),
                    self.stage.port(node),
                    since.elapsed().as_secs_f64()
                ));
                Ok(())
            }
            Err(state) => Err(Failure::failed(format!(
                "after {} s, {observer} still believes of {subject}: {}",
                CHANGE_TIMEOUT.as_secs(),
                state.map_or_else(|| "nothing".to_owned(), |state| state.to_string())
            ))),
        }
    }

    /// Waits until a node that was started then is a member that lacks nothing, in its own eyes and
    /// in those of the first node. Returns its view.
    pub(super) async fn until_whole(&self, node: usize, since: Instant) -> Result<View, Failure> {
        let (observer, subject) = (self.stage.address(0), self.stage.address(node));
        let waiting = async {
            loop {
                let last_word = match self.look(&observer, &subject).await {
                    Ok(view) => return Ok(view),
                    Err(last_word) => last_word,
                };
                if since.elapsed() > CHANGE_TIMEOUT {
                    return Err(Failure::failed(format!(
                        "after {} s, {subject} is not back as a member: {last_word}",
                        CHANGE_TIMEOUT.as_secs()
                    )));
                }
                sleep(POLL_INTERVAL).await;
            }
        };
        spin("it is let in, and copies what it is to hold", waiting).await
    }

    async fn look(&self, observer: &Address, subject: &Address) -> Result<View, String> {
        let (_, own) = cluster_view(subject, OPERATION_TIMEOUT).await?;
        if own.standing != Standing::Member || own.lacking_slots > 0 {
            return Err(format!(
                "it is a {} that lacks {} slots",
                own.standing, own.lacking_slots
            ));
        }
        let (_, others) = cluster_view(observer, OPERATION_TIMEOUT).await?;
        let seen = others.members.iter().find(|member| member.id == own.node);
        match seen {
            Some(seen) if others.change.is_none() && seen.state == State::Alive => Ok(own),
            Some(seen) => Err(format!("to {observer} it is {}", seen.state)),
            None => Err(format!("{observer} does not know it")),
        }
    }
}
