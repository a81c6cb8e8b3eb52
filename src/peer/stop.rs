//! How a link's task is told to end: [`StopSignal`].

use tokio::sync::watch;

/// Why a task has to end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Stop {
    /// Its address is not to be dialled any more.
    Removed,
    /// The node shuts down.
    Shutdown,
}

/// What a task listens to.
pub(super) struct StopSignal(watch::Receiver<bool>);

/// What tells the task. Dropping it says that the node shuts down.
pub(super) struct StopSender(watch::Sender<bool>);

/// A signal that was not given yet.
pub(super) fn channel() -> (StopSender, StopSignal) {
    let (sender, receiver) = watch::channel(false);
    (StopSender(sender), StopSignal(receiver))
}

impl StopSender {
    /// Says that the address is not to be dialled any more.
    pub(super) fn remove(self) {
        self.0.send_replace(true);
    }
}

impl StopSignal {
    /// Waits for the future, or for the signal; the future is dropped then.
    pub(super) async fn or<T>(&mut self, future: impl Future<Output = T>) -> Result<T, Stop> {
        tokio::select! {
            biased;
            stop = self.given() => Err(stop),
            done = future => Ok(done),
        }
    }

    async fn given(&mut self) -> Stop {
        match self.0.wait_for(|removed| *removed).await {
            Ok(_) => Stop::Removed,
            Err(_) => Stop::Shutdown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_task_learns_why_it_has_to_end() {
        let (sender, mut signal) = channel();
        assert_eq!(signal.or(async { 7 }).await, Ok(7));
        sender.remove();
        let never = std::future::pending::<()>;
        assert_eq!(signal.or(never()).await, Err(Stop::Removed));

        let (sender, mut signal) = channel();
        drop(sender);
        assert_eq!(signal.or(never()).await, Err(Stop::Shutdown));
    }
}
