//! How a run goes, as it goes on: [`Progress`].

use crate::cli::figures::{Millis, grouped};
use crate::cli::workload::Figures;
use indicatif::{ProgressBar, ProgressStyle};
use std::io::{IsTerminal, stderr};
use std::time::Duration;

/// A bar on standard error, if that is a terminal. It goes away in the end.
pub(super) struct Progress {
    bar: Option<ProgressBar>,
    span: Duration,
    /// What was seen last, for the rate.
    last: Figures,
    rate: f64,
}

impl Progress {
    /// How often it is to be shown.
    pub(super) const INTERVAL: Duration = Duration::from_millis(250);

    /// Begins to show how far a run of this length is.
    pub(super) fn begin(span: Duration) -> Self {
        let bar = stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template("{wide_msg}\n  [{wide_bar}] {percent:>3} %")
                .expect("the template is well formed")
                .progress_chars("=> ");
            ProgressBar::new(span.as_millis() as u64).with_style(style)
        });
        Self {
            bar,
            span,
            last: Figures::default(),
            rate: 0.0,
        }
    }

    /// It goes like this.
    pub(super) fn show(&mut self, figures: Figures) {
        let Some(bar) = &self.bar else { return };
        let since = figures.elapsed.saturating_sub(self.last.elapsed);
        if !since.is_zero() {
            self.rate = (figures.done - self.last.done) as f64 / since.as_secs_f64();
        }
        self.last = figures;
        bar.set_position(figures.elapsed.min(self.span).as_millis() as u64);
        bar.set_message(words(&figures, self.rate));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// A line that fits in 80 characters as long as the numbers are not too great.
fn words(figures: &Figures, rate: f64) -> String {
    /// From when on it is said that nothing succeeds any more.
    const SILENCE: Duration = Duration::from_secs(1);
    let gap = match figures.gap {
        gap if gap >= SILENCE => format!("no success for {:.1} s", gap.as_secs_f64()),
        _ => format!("longest gap {}", Millis(figures.gap_longest)),
    };
    format!(
        "{:.0} s: {} done, {}/s; {} refused, {} unknown; {gap}",
        figures.elapsed.as_secs_f64(),
        grouped(figures.done),
        grouped(rate as u64),
        grouped(figures.refused),
        grouped(figures.unknown),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_told_how_it_goes() {
        let mut figures = Figures {
            elapsed: Duration::from_millis(3_200),
            done: 41_234,
            refused: 7,
            unknown: 2,
            unreachable: 1,
            gap: Duration::from_millis(1),
            gap_longest: Duration::from_millis(52),
        };
        assert_eq!(
            words(&figures, 12_345.6),
            "3 s: 41,234 done, 12,345/s; 7 refused, 2 unknown; longest gap 52 ms"
        );
        figures.gap = Duration::from_millis(1_540);
        assert!(words(&figures, 0.0).ends_with("no success for 1.5 s"));
    }
}
