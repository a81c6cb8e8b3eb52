//! Waiting for a moment, and not much longer: [`Pacer`].

use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use std::io;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::time::{Duration, Instant};
use tokio::io::unix::AsyncFd;

/// A timer of the system. Those of the runtime go off at whole milliseconds, and how late an
/// operation begins counts into how long it takes.
pub(super) struct Pacer(AsyncFd<Timer>);

struct Timer(TimerFd);

impl AsRawFd for Timer {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}

impl Pacer {
    pub(super) fn new() -> io::Result<Self> {
        let flags = TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC;
        let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, flags)?;
        #[expect(
            deprecated,
            reason = "what took its place is unsafe: it trusts that the descriptor stays open as \
                      long as its owner, and this owner's does"
        )]
        let timer = AsyncFd::new(Timer(timer))?;
        Ok(Self(timer))
    }

    /// Waits until this moment.
    pub(super) async fn until(&mut self, moment: Instant) -> io::Result<()> {
        let wait = moment.saturating_duration_since(Instant::now());
        // A timer that is set to zero is off.
        let wait = TimeSpec::from_duration(wait.max(Duration::from_nanos(1)));
        let timer = &self.0.get_ref().0;
        timer.set(Expiration::OneShot(wait), TimerSetTimeFlags::empty())?;
        loop {
            let mut ready = self.0.readable().await?;
            let gone_off = ready.try_io(|timer| Ok(timer.get_ref().0.wait()?));
            if let Ok(gone_off) = gone_off {
                return gone_off;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_never_goes_off_too_early_and_at_once_if_the_moment_is_past() {
        let mut pacer = Pacer::new().unwrap();
        for micros in [0, 1, 300, 2_500] {
            let moment = Instant::now() + Duration::from_micros(micros);
            pacer.until(moment).await.unwrap();
            assert!(Instant::now() >= moment);
        }
        pacer
            .until(Instant::now() - Duration::from_millis(1))
            .await
            .unwrap();
    }
}
