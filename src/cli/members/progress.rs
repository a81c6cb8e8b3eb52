//! How far a change of members is, as it goes on: [`Progress`].

use crate::cli::client::ChangeView;
use crate::cli::figures::{bytes, counted, grouped};
use crate::cli::output;
use indicatif::{ProgressBar, ProgressStyle};
use std::io::{IsTerminal, stderr};
use std::time::Duration;
use tokio::time::Instant;

/// Shows how far a change is, on standard error: a bar on a terminal, elsewhere a line now and
/// then.
pub(super) struct Progress {
    what: String,
    bar: Option<ProgressBar>,
    told: Instant,
}

/// How long it says nothing where there is no terminal.
const LINE_INTERVAL: Duration = Duration::from_secs(3);

/// For how long nothing may move before that is worth a word.
const STALL_WORTH_TELLING: Duration = Duration::from_secs(3);

impl Progress {
    /// Begins to show how far this is.
    pub(super) fn begin(what: String) -> Self {
        let bar = stderr().is_terminal().then(|| {
            let style =
                ProgressStyle::with_template("{spinner} {wide_msg}\n  [{wide_bar}] {percent:>3} %")
                    .expect("the template is well formed")
                    .progress_chars("=> ");
            let bar = ProgressBar::new(1)
                .with_style(style)
                .with_message(what.clone());
            bar.enable_steady_tick(Duration::from_millis(100));
            bar
        });
        Self {
            what,
            bar,
            told: Instant::now(),
        }
    }

    /// So much of it is done, and this is to be said of it.
    pub(super) fn show(&mut self, done: u64, all: u64, words: &str) {
        let text = format!("{}: {words}", self.what);
        match &self.bar {
            Some(bar) => {
                // What moves nothing has no length.
                bar.set_length(all.max(1));
                bar.set_position(done);
                bar.set_message(text);
            }
            None => {
                if self.told.elapsed() >= LINE_INTERVAL {
                    self.told = Instant::now();
                    output::note(&text);
                }
            }
        }
    }

    /// So far is a change.
    pub(super) fn show_change(&mut self, change: &ChangeView) {
        self.show(change.groups_copied, change.groups, &describe(change));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// How far a change is, in words.
pub(crate) fn describe(change: &ChangeView) -> String {
    let mut text = format!(
        "{} of {} copied, {} with {} so far",
        grouped(change.groups_copied),
        counted(change.groups, "group of slots", "groups of slots"),
        counted(change.registers, "register", "registers"),
        bytes(change.bytes)
    );
    let stalled = Duration::from_millis(change.stalled_for_ms);
    if stalled >= STALL_WORTH_TELLING {
        text.push_str(&format!("; nothing has moved for {} s", stalled.as_secs()));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_told_in_groups_registers_and_bytes() {
        let mut change = ChangeView {
            epoch: 2,
            joining: vec![],
            leaving: vec![],
            groups: 1024,
            groups_copied: 512,
            registers: 60_000,
            bytes: 4 << 20,
            stalled_for_ms: 2_999,
        };
        assert_eq!(
            describe(&change),
            "512 of 1,024 groups of slots copied, 60,000 registers with 4.00 MiB so far"
        );
        change.stalled_for_ms = 12_000;
        assert!(describe(&change).ends_with("; nothing has moved for 12 s"));
    }
}
