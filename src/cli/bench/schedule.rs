//! When operations are to begin: [`Schedule`].

use std::time::{Duration, Instant};

/// The moments at which one client is to begin its operations, in an open loop: evenly apart, and
/// the clients one after another.
///
/// They depend on nothing that is answered. An operation that begins late because answers were
/// late has been waiting all the same, as a user would have: it is timed from here on, so that what
/// a slow system holds back is not left out of what is measured ("coordinated omission").
#[derive(Clone, Debug)]
pub(super) struct Schedule {
    begin: Instant,
    /// Seconds after `begin` at which the first is due.
    first: f64,
    /// Seconds between two of them.
    every: f64,
    taken: u64,
}

impl Schedule {
    /// Of `clients`, that number `client`, at so many operations each second by all together.
    pub(super) fn new(begin: Instant, client: usize, clients: usize, rate: f64) -> Self {
        Self {
            begin,
            first: client as f64 / rate,
            every: clients as f64 / rate,
            taken: 0,
        }
    }

    /// When the next operation is to begin.
    pub(super) fn due(&self) -> Instant {
        // From the beginning each time: errors of rounding do not add up.
        let seconds = self.first + self.taken as f64 * self.every;
        self.begin + Duration::from_secs_f64(seconds.min(SECONDS_MAX))
    }

    /// Goes on to the one after.
    pub(super) fn advance(&mut self) {
        self.taken += 1;
    }
}

/// Ten years, which is never, and not too long to be added to any moment.
const SECONDS_MAX: f64 = 10.0 * 365.0 * 86_400.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_clients_together_are_evenly_apart() {
        let begin = Instant::now();
        let mut due = Vec::new();
        for client in 0..4 {
            let mut schedule = Schedule::new(begin, client, 4, 1000.0);
            for _ in 0..25 {
                due.push(schedule.due() - begin);
                schedule.advance();
            }
        }
        due.sort();
        for (index, due) in due.into_iter().enumerate() {
            let expected = Duration::from_millis(index as u64);
            let off = due.abs_diff(expected);
            assert!(off < Duration::from_micros(1), "{index}: {due:?}");
        }
    }

    #[test]
    fn a_rate_that_is_next_to_nothing_does_no_harm() {
        let mut schedule = Schedule::new(Instant::now(), 999, 1000, 1e-9);
        schedule.advance();
        assert!(schedule.due() > Instant::now() + Duration::from_secs(86_400));
    }
}
