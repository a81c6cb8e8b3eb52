//! Where the protocol's time comes from: [`Clock`].

use protocol::{Time, UnixMillis};
use std::time::{Duration, Instant, SystemTime};

/// The process's monotonic clock, counted from its start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    origin: Instant,
}

impl Clock {
    /// A clock that stands at zero now.
    pub(crate) fn start() -> Self {
        Self {
            origin: Instant::now(),
        }
    }

    /// The time now.
    pub(crate) fn now(self) -> Time {
        self.time(Instant::now())
    }

    /// The time that this instant is.
    pub(crate) fn time(self, instant: Instant) -> Time {
        let micros = u64::try_from(instant.duration_since(self.origin).as_micros());
        Time::from_micros(micros.unwrap_or(u64::MAX))
    }

    /// What the wall clock shows. A clock before 1970 shows zero.
    pub(crate) fn wall(self) -> UnixMillis {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let millis = since.map_or(0, |since| since.as_millis());
        UnixMillis(u64::try_from(millis).unwrap_or(u64::MAX))
    }

    /// The instant that the protocol calls `time`.
    pub(crate) fn instant(self, time: Time) -> tokio::time::Instant {
        // The longest deadline is ten minutes away; an hour is as good as never.
        let from_now = time.since(self.now()).min(Duration::from_secs(3600));
        tokio::time::Instant::now() + from_now
    }
}
