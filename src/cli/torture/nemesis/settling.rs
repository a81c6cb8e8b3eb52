//! Waiting until all is well, and who has to serve until then and from then on.

use super::{Nemesis, Pending};
use crate::cli::failure::Failure;
use crate::cli::local::POLL_INTERVAL;
use crate::cli::torture::board::whole_members;
use crate::cli::torture::network::Cuts;
use protocol::Address;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How long a change that was begun may take to show.
const CHANGE_TIMEOUT: Duration = Duration::from_secs(15);

impl Nemesis<'_> {
    /// Waits until all is well, and notes it. `since` tells, in words, what it is waited for after.
    ///
    /// # Errors
    /// If that takes longer than it may, with what is amiss; if a node has ended by itself.
    pub(crate) async fn settle(&mut self, since: &str) -> Result<Duration, Failure> {
        let began = Instant::now();
        let addresses: Vec<Address> = (0..self.places.count())
            .map(|node| self.network.advertise(node))
            .collect();
        loop {
            self.places.check()?;
            let runs: Vec<bool> = (0..self.places.count())
                .map(|node| self.places.is_there(node))
                .collect();
            match whole_members(&self.board.views_since(began), &runs, &addresses) {
                Ok(members) if self.is_change_to_come(&members, began) => {
                    sleep(POLL_INTERVAL).await;
                }
                Ok(members) => {
                    if let Some(change) = self.change.take() {
                        self.tell_change(change, &members);
                    }
                    self.members_then.clone_from(&members);
                    self.members = members;
                    self.struck.clear();
                    self.strained = Cuts::default();
                    self.chronicle.settled();
                    self.oblige();
                    return Ok(began.elapsed());
                }
                Err(amiss) if began.elapsed() > self.patience => {
                    let seconds = self.patience.as_secs();
                    return Err(Failure::failed(format!(
                        "{seconds} s after {since} the cluster is not whole: {amiss}"
                    )));
                }
                Err(_) => sleep(POLL_INTERVAL).await,
            }
        }
    }

    /// Says who has to serve every register from now on: each whole member that nothing has
    /// befallen since all was well, and that is not parted from more nodes than may be missing of a
    /// register's replicas.
    pub(super) fn oblige(&self) {
        let obliged = (0..self.places.count()).map(|node| {
            let away = (0..self.places.count()).filter(|&other| {
                other != node && (self.struck.contains(&other) || self.strained.part(node, other))
            });
            self.members.contains(&node)
                && !self.struck.contains(&node)
                && away.count() <= self.missing_max
        });
        self.chronicle.obliged(obliged.collect());
    }

    /// Whether there was a change to be made that has not been made, and may still be.
    fn is_change_to_come(&self, members: &[usize], since: Instant) -> bool {
        self.change.as_ref().is_some_and(|change| {
            change.answer.is_to_come && change.before == members && since.elapsed() < CHANGE_TIMEOUT
        })
    }

    fn tell_change(&self, change: Pending, members: &[usize]) {
        let words = change.answer.words;
        let outcome = match change.before == members {
            true => format!("{words}; the members are as they were"),
            false => format!("{words}; it is done"),
        };
        self.chronicle.over(change.number, Some(outcome));
    }
}
