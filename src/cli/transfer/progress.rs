//! How far it is, as it goes on: [`Progress`].

use crate::cli::figures::{bytes, grouped};
use indicatif::{ProgressBar, ProgressStyle};
use std::io::{IsTerminal, stderr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::time::interval;

/// What was done so far.
#[derive(Default, Debug)]
pub(crate) struct Tally {
    /// How many registers.
    pub(crate) registers: AtomicU64,
    /// The bytes of their names and values.
    pub(crate) bytes: AtomicU64,
}

impl Tally {
    /// So many registers more, with so many bytes.
    pub(crate) fn add(&self, registers: u64, bytes: u64) {
        self.registers.fetch_add(registers, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// How many registers.
    pub(crate) fn registers(&self) -> u64 {
        self.registers.load(Ordering::Relaxed)
    }
}

/// A line on standard error, if that is a terminal, with a bar if it is known how much there is.
/// It goes away in the end.
pub(crate) struct Progress {
    bar: Option<ProgressBar>,
    verb: &'static str,
    begun: Instant,
}

impl Progress {
    /// Begins to show how many registers were `verb`, of so many if that is known.
    pub(crate) fn begin(verb: &'static str, registers: Option<u64>) -> Self {
        let bar = stderr().is_terminal().then(|| match registers {
            Some(registers) => {
                let style =
                    ProgressStyle::with_template("{wide_msg}\n  [{wide_bar}] {percent:>3} %")
                        .expect("the template is well formed")
                        .progress_chars("=> ");
                ProgressBar::new(registers).with_style(style)
            }
            None => ProgressBar::new_spinner(),
        });
        Self {
            bar,
            verb,
            begun: Instant::now(),
        }
    }

    /// Waits for something, and shows the tally meanwhile.
    pub(crate) async fn during<T>(self, tally: &Tally, work: impl Future<Output = T>) -> T {
        const INTERVAL: Duration = Duration::from_millis(250);
        let mut interval = interval(INTERVAL);
        tokio::pin!(work);
        loop {
            tokio::select! {
                done = &mut work => return done,
                _ = interval.tick() => self.show(tally),
            }
        }
    }

    fn show(&self, tally: &Tally) {
        let Some(bar) = &self.bar else { return };
        let registers = tally.registers();
        bar.set_position(registers);
        bar.set_message(words(
            registers,
            self.verb,
            tally.bytes.load(Ordering::Relaxed),
            self.begun.elapsed(),
        ));
        bar.tick();
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn words(registers: u64, verb: &str, size: u64, elapsed: Duration) -> String {
    let seconds = elapsed.as_secs_f64();
    let rate = registers as f64 / seconds.max(0.001);
    format!(
        "{seconds:.0} s: {} registers {verb}, {}, {}/s",
        grouped(registers),
        bytes(size),
        grouped(rate as u64)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_told_how_far_it_is() {
        let told = words(41_234, "read", 4 * 1024 * 1024, Duration::from_secs(2));
        assert_eq!(told, "2 s: 41,234 registers read, 4.00 MiB, 20,617/s");
    }
}
