//! Virtual time, and what each machine's clock makes of it.

use protocol::Time;
use std::fmt;
use std::ops::Add;
use std::time::Duration;

/// An instant of the run's own time, in microseconds since its start. No process ever sees one:
/// each has its [`Clock`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub(crate) struct Instant(u64);

impl Instant {
    pub(crate) const START: Instant = Instant(0);

    /// The span from `earlier` to `self`, or zero if `earlier` is the later one.
    pub(crate) fn since(self, earlier: Instant) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Instant {
    type Output = Instant;

    fn add(self, span: Duration) -> Instant {
        Instant(self.0 + micros(span))
    }
}

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:3}.{:06}", self.0 / MILLION, self.0 % MILLION)
    }
}

/// The monotonic clock of one machine: it has an origin and a rate of its own, and can be made to
/// jump forward or to stand still for a while. It never goes back.
#[derive(Clone, Debug)]
pub(crate) struct Clock {
    /// What it shows at `then`.
    shown_micros: u64,
    then: Instant,
    /// By how many microseconds it advances in a million.
    rate: u64,
}

const MILLION: u64 = 1_000_000;

impl Clock {
    /// A clock that runs at the rate of virtual time.
    pub(crate) const RATE_TRUE: u64 = MILLION;

    pub(crate) fn new(shown_at_start: Duration, rate: u64) -> Self {
        assert!(
            rate > 0,
            "a clock that stands still never reaches a deadline"
        );
        Self {
            shown_micros: micros(shown_at_start),
            then: Instant::START,
            rate,
        }
    }

    pub(crate) fn read(&self, now: Instant) -> Time {
        let elapsed = micros(now.since(self.then));
        Time::from_micros(self.shown_micros + elapsed * self.rate / MILLION)
    }

    /// The first instant at which it shows `time`, unless it is made to jump.
    pub(crate) fn when(&self, time: Time) -> Instant {
        let ahead = time.as_micros().saturating_sub(self.shown_micros);
        self.then + Duration::from_micros((ahead * MILLION).div_ceil(self.rate))
    }

    /// Makes it skip `span`.
    pub(crate) fn jump(&mut self, now: Instant, span: Duration) {
        self.shown_micros = self.read(now).as_micros() + micros(span);
        self.then = now;
    }

    /// Makes it forget the time since `stopped`, as that of a virtual machine that was paused.
    pub(crate) fn stand_still(&mut self, stopped: Instant, now: Instant) {
        if stopped >= self.then {
            self.shown_micros = self.read(stopped).as_micros();
            self.then = now;
        }
    }
}

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).expect("spans of virtual time are short")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Instant {
        Instant::START + Duration::from_secs(seconds)
    }

    #[test]
    fn a_clock_has_an_origin_and_a_rate_of_its_own() {
        let clock = Clock::new(Duration::from_secs(100), 1_200_000);
        assert_eq!(clock.read(at(0)), Time::from_micros(100_000_000));
        assert_eq!(clock.read(at(10)), Time::from_micros(112_000_000));
    }

    #[test]
    fn when_is_the_first_instant_at_which_the_clock_shows_the_time() {
        for rate in [800_000, 999_999, 1_000_000, 1_200_000] {
            let clock = Clock::new(Duration::from_secs(1), rate);
            for micros in [1_000_000, 1_000_001, 1_234_567, 9_999_999] {
                let time = Time::from_micros(micros);
                let when = clock.when(time);
                assert!(clock.read(when) >= time, "{rate} {micros}");
                if let Some(before) = when.0.checked_sub(1) {
                    assert!(clock.read(Instant(before)) < time, "{rate} {micros}");
                }
            }
        }
    }

    #[test]
    fn a_jump_skips_and_standing_still_forgets() {
        let mut clock = Clock::new(Duration::ZERO, Clock::RATE_TRUE);
        clock.jump(at(1), Duration::from_secs(5));
        assert_eq!(clock.read(at(2)), Time::from_micros(7_000_000));
        clock.stand_still(at(2), at(12));
        assert_eq!(clock.read(at(13)), Time::from_micros(8_000_000));
    }
}
