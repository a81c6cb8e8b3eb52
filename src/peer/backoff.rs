//! How long to wait before an address is dialled again: [`Backoff`].

use std::time::Duration;

/// Waits that double up to a bound, each shortened at random by up to a half, so that nodes which
/// lost each other at one moment do not dial at one moment.
#[derive(Debug)]
pub(super) struct Backoff {
    first: Duration,
    max: Duration,
    next: Duration,
}

impl Backoff {
    pub(super) fn new(first: Duration, max: Duration) -> Self {
        let next = first;
        Self { first, max, next }
    }

    /// The next wait.
    pub(super) fn wait(&mut self) -> Duration {
        let wait = self.next;
        self.next = (wait * 2).min(self.max);
        rand::random_range(wait / 2..=wait)
    }

    /// Begins with the first wait again.
    pub(super) fn reset(&mut self) {
        self.next = self.first;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_bound_and_begin_anew_after_a_success() {
        let millis = Duration::from_millis;
        let mut backoff = Backoff::new(millis(50), millis(1000));
        for full in [50, 100, 200, 400, 800, 1000, 1000] {
            let wait = backoff.wait();
            assert!(
                (millis(full) / 2..=millis(full)).contains(&wait),
                "{wait:?}"
            );
        }
        backoff.reset();
        assert!(backoff.wait() <= millis(50));
    }
}
