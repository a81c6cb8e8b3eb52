//! When a state machine is to be woken: [`Alarm`].

use super::clock::Clock;
use parking_lot::Mutex;
use protocol::Time;
use tokio::sync::Notify;

/// The time for which a state machine asked to be woken. One task waits for it; whoever has
/// called the machine sets it anew.
#[derive(Debug, Default)]
pub(crate) struct Alarm {
    at: Mutex<Option<Time>>,
    earlier: Notify,
}

impl Alarm {
    /// Sets it. The waiting task is disturbed only if the alarm is now earlier than it was: one
    /// that rings too early costs less than waking a task for each operation.
    pub(crate) fn set(&self, at: Option<Time>) {
        let mut current = self.at.lock();
        if let Some(at) = at
            && current.is_none_or(|current| at < current)
        {
            *current = Some(at);
            self.earlier.notify_one();
        }
    }

    /// Waits until it rings; then it is unset.
    pub(crate) async fn ring(&self, clock: Clock) {
        loop {
            let at = *self.at.lock();
            let earlier = self.earlier.notified();
            match at {
                None => earlier.await,
                Some(at) => tokio::select! {
                    () = earlier => {}
                    () = tokio::time::sleep_until(clock.instant(at)) => {
                        // The clock and the timer wheel round differently.
                        if clock.now() >= at {
                            *self.at.lock() = None;
                            return;
                        }
                    }
                },
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::time::Duration;

    #[tokio::test]
    async fn it_rings_at_the_earliest_time_that_was_asked_for() {
        let clock = Clock::start();
        let alarm = Arc::new(Alarm::default());
        alarm.set(Some(clock.now() + Duration::from_secs(600)));
        let ringing = tokio::spawn({
            let alarm = alarm.clone();
            async move { alarm.ring(clock).await }
        });
        tokio::task::yield_now().await;
        let due = clock.now() + Duration::from_millis(20);
        alarm.set(Some(due));
        alarm.set(Some(due + Duration::from_secs(600)));
        let rung = tokio::time::timeout(Duration::from_secs(60), ringing).await;
        rung.expect("it rings").unwrap();
        assert!(clock.now() >= due);
    }
}
