//! How a run goes, as it goes on: [`Progress`].

use super::round::Figures;
use crate::cli::figures::grouped;
use indicatif::{ProgressBar, ProgressStyle};
use std::io::{IsTerminal, stderr};
use std::time::{Duration, Instant};

/// A bar on standard error, if that is a terminal. It goes away in the end.
pub(super) struct Progress {
    bar: Option<ProgressBar>,
    /// What the whole run takes, and when it began.
    span: Duration,
    begun: Instant,
    /// What is being done.
    words: String,
    /// What was seen last, for the rate.
    last: Figures,
    rate: f64,
}

impl Progress {
    /// How often it is to be shown.
    pub(super) const INTERVAL: Duration = Duration::from_millis(250);

    /// Begins to show how far a run of about this length is.
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
            begun: Instant::now(),
            words: String::new(),
            last: Figures::default(),
            rate: 0.0,
        }
    }

    /// Something else is done from here on.
    pub(super) fn turn_to(&mut self, words: String) {
        self.words = words;
        self.last = Figures::default();
        self.rate = 0.0;
        self.show(Figures::default());
    }

    /// It goes like this.
    pub(super) fn show(&mut self, figures: Figures) {
        let Some(bar) = &self.bar else { return };
        let since = figures.elapsed.saturating_sub(self.last.elapsed);
        if !since.is_zero() {
            self.rate = (figures.done - self.last.done) as f64 / since.as_secs_f64();
        }
        self.last = figures;
        bar.set_position(self.begun.elapsed().min(self.span).as_millis() as u64);
        bar.set_message(format!("{}{}", self.words, words(&figures, self.rate)));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn words(figures: &Figures, rate: f64) -> String {
    match figures.elapsed.is_zero() {
        true => String::new(),
        false => format!(
            ": {:.0} s: {} done, {}/s; {} failed",
            figures.elapsed.as_secs_f64(),
            grouped(figures.done),
            grouped(rate as u64),
            grouped(figures.failed),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_told_how_it_goes() {
        let figures = Figures {
            elapsed: Duration::from_millis(3_200),
            done: 41_234,
            failed: 7,
        };
        assert_eq!(
            words(&figures, 12_345.6),
            ": 3 s: 41,234 done, 12,345/s; 7 failed"
        );
        assert_eq!(words(&Figures::default(), 0.0), "");
    }
}
