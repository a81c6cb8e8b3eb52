//! How fast a lane copies: [`Rate`].

use crate::time::Time;

/// An allowance of bytes that fills up with time. It may be overdrawn, since how much a request
/// brings is known only when it has come: then nothing more is asked for until it is filled up
/// again. So any span of time brings what the rate allows, a tenth of a second's worth, and one
/// request's.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Rate {
    bytes_per_second_max: Option<u64>,
    /// What may be taken at once, in millionths of bytes, so that a microsecond fills up exactly.
    allowance: i128,
    filled_at: Time,
}

const MICROS: i128 = 1_000_000;

impl Rate {
    /// An allowance that is full. `None` is one that never ends; zero bytes in a second are one.
    pub(super) fn new(bytes_per_second_max: Option<u64>) -> Self {
        let mut rate = Self {
            bytes_per_second_max: bytes_per_second_max.map(|bytes| bytes.max(1)),
            allowance: 0,
            filled_at: Time::default(),
        };
        rate.allowance = rate.allowance_max();
        rate
    }

    fn per_second(&self) -> i128 {
        i128::from(self.bytes_per_second_max.unwrap_or_default())
    }

    fn allowance_max(&self) -> i128 {
        (self.per_second() * MICROS / 10).max(MICROS)
    }

    fn fill(&mut self, now: Time) {
        let micros = i128::try_from(now.since(self.filled_at).as_micros()).unwrap_or(i128::MAX);
        let filled = micros.saturating_mul(self.per_second());
        let allowance = self.allowance.saturating_add(filled);
        self.allowance = allowance.min(self.allowance_max());
        self.filled_at = self.filled_at.max(now);
    }

    /// Whether anything may be asked for now.
    pub(super) fn allows(&mut self, now: Time) -> bool {
        self.fill(now);
        self.bytes_per_second_max.is_none() || self.allowance > 0
    }

    /// So many bytes have come, or are expected to.
    pub(super) fn take(&mut self, bytes: u64) {
        if self.bytes_per_second_max.is_some() {
            self.allowance = self.allowance.saturating_sub(i128::from(bytes) * MICROS);
        }
    }

    /// So many bytes that were expected do not come, or are counted otherwise.
    pub(super) fn give_back(&mut self, bytes: u64) {
        if self.bytes_per_second_max.is_some() {
            self.allowance = self.allowance.saturating_add(i128::from(bytes) * MICROS);
        }
    }

    /// When something may be asked for, as far as is known.
    pub(super) fn allows_at(&self) -> Time {
        if self.bytes_per_second_max.is_none() || self.allowance > 0 {
            return self.filled_at;
        }
        let lacking = 1 - self.allowance;
        let micros = (lacking + self.per_second() - 1) / self.per_second();
        let micros = u64::try_from(micros).unwrap_or(u64::MAX);
        self.filled_at + core::time::Duration::from_micros(micros)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::time::Duration;

    fn at(millis: u64) -> Time {
        Time::from_micros(millis * 1000)
    }

    #[test]
    fn what_was_overdrawn_is_waited_for_to_the_microsecond() {
        let mut rate = Rate::new(Some(1000));
        assert!(rate.allows(at(5000)));
        // A tenth of a second's worth is there at once.
        rate.take(99);
        assert!(rate.allows(at(5000)));
        rate.take(501);
        assert!(!rate.allows(at(5000)));
        let ready = rate.allows_at();
        assert_eq!(ready, at(5500) + Duration::from_micros(1));
        assert!(!rate.allows(at(5500)));
        assert!(rate.allows(ready));
    }

    #[test]
    fn however_often_it_is_asked_it_gives_the_same() {
        let mut rate = Rate::new(Some(3));
        rate.take(1000);
        let ready = rate.allows_at();
        for micros in 0..1_000_000 {
            assert!(!rate.allows(Time::from_micros(micros)));
        }
        assert_eq!(rate.allows_at(), ready);
    }

    #[test]
    fn what_is_given_back_may_be_taken_again_and_no_more_than_the_burst_gathers() {
        let mut rate = Rate::new(Some(1000));
        rate.take(1_000_000);
        rate.give_back(1_000_000);
        assert!(rate.allows(at(3_600_000)));
        rate.take(100);
        assert!(!rate.allows(at(3_600_000)));
    }

    #[test]
    fn without_a_limit_everything_is_allowed_and_the_least_limit_is_a_byte_in_a_second() {
        let mut rate = Rate::new(None);
        rate.take(u64::MAX);
        assert!(rate.allows(at(0)));
        assert_eq!(rate.allows_at(), at(0));
        let mut rate = Rate::new(Some(0));
        rate.take(10);
        assert!(!rate.allows(at(9000)));
        assert!(rate.allows(at(9001)));
    }
}
