//! Something to look at while a command waits.

use indicatif::ProgressBar;
use std::time::Duration;

/// Waits for a future, with a spinner and these words on standard error if that is a terminal.
pub(crate) async fn spin<T>(words: impl Into<String>, future: impl Future<Output = T>) -> T {
    let spinner = Spinner(ProgressBar::new_spinner().with_message(words.into()));
    spinner.0.enable_steady_tick(Duration::from_millis(100));
    future.await
}

/// It goes away with the wait, even if nobody waits to the end.
struct Spinner(ProgressBar);

impl Drop for Spinner {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
