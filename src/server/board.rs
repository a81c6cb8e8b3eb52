//! Where the outcomes of one client's operations gather: [`Board`].

use parking_lot::Mutex;
use protocol::Outcome;
use std::task::{Context, Poll, Waker};

/// Where the outcomes of operations gather that one client has under way, until its task takes
/// them: one allocation for all of them, and one wake-up for all that end together.
#[derive(Debug, Default)]
pub(crate) struct Board(Mutex<Posted>);

#[derive(Debug, Default)]
struct Posted {
    ended: Vec<(Place, Outcome)>,
    /// Who is woken by the next outcome.
    waiting: Option<Waker>,
}

/// The client's number for an operation.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct Place(pub(crate) u64);

impl Board {
    /// An operation has ended so.
    pub(super) fn post(&self, place: Place, outcome: Outcome) {
        let waiting = {
            let mut posted = self.0.lock();
            posted.ended.push((place, outcome));
            posted.waiting.take()
        };
        if let Some(waiting) = waiting {
            waiting.wake();
        }
    }

    /// Moves what has ended to the end of `to`.
    pub(super) fn take(&self, to: &mut Vec<(Place, Outcome)>) {
        to.append(&mut self.0.lock().ended);
    }

    /// Ready when there is something to take. One task may wait.
    pub(super) fn poll_posted(&self, context: &mut Context<'_>) -> Poll<()> {
        let mut posted = self.0.lock();
        if !posted.ended.is_empty() {
            return Poll::Ready(());
        }
        match &mut posted.waiting {
            Some(waiting) => waiting.clone_from(context.waker()),
            waiting => *waiting = Some(context.waker().clone()),
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;
    use std::sync::Arc;
    use std::time::Duration;

    #[tokio::test]
    async fn whoever_waits_is_woken_once_for_all_that_has_ended() {
        let board = Arc::new(Board::default());
        let waiting = tokio::spawn({
            let board = Arc::clone(&board);
            async move {
                let mut taken = Vec::new();
                while taken.len() < 3 {
                    poll_fn(|context| board.poll_posted(context)).await;
                    board.take(&mut taken);
                }
                taken
            }
        });
        tokio::task::yield_now().await;
        for place in 0..3 {
            board.post(Place(place), Outcome::Unknown);
        }
        let taken = tokio::time::timeout(Duration::from_secs(60), waiting).await;
        let taken = taken.expect("it is woken").unwrap();
        let places: Vec<u64> = taken.iter().map(|(place, _)| place.0).collect();
        assert_eq!(places, [0, 1, 2]);
    }
}
