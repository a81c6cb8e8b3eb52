//! What becomes of a panic of the code that is simulated: it is caught, with its place.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind, set_hook, take_hook};
use std::sync::Once;

thread_local! {
    /// Whether this thread is inside of [`caught`], and what panicked there.
    static WATCHED: RefCell<Watched> = const { RefCell::new(Watched::No) };
}

enum Watched {
    No,
    Yes,
    Panicked(String),
}

/// Runs it. Should it panic, that is said in words, with the place, and nothing is written to
/// standard error. With `RUST_BACKTRACE` the words include the backtrace.
///
/// Other threads are not concerned: their panics are told as ever.
pub(crate) fn caught<T>(run: impl FnOnce() -> T) -> Result<T, String> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let former = take_hook();
        set_hook(Box::new(move |info| {
            if !note(info) {
                former(info);
            }
        }));
    });
    WATCHED.set(Watched::Yes);
    let result = catch_unwind(AssertUnwindSafe(run));
    let watched = WATCHED.replace(Watched::No);
    result.map_err(|_| match watched {
        Watched::Panicked(told) => told,
        Watched::No | Watched::Yes => "the code panicked, and gave no reason".to_owned(),
    })
}

/// Takes note of a panic of this thread. Says whether somebody waits for that.
fn note(info: &PanicHookInfo<'_>) -> bool {
    WATCHED.with_borrow_mut(|watched| {
        if matches!(watched, Watched::No) {
            return false;
        }
        let reason = info.payload_as_str().unwrap_or("it gave no reason");
        let place = info.location().map(|place| format!(" at {place}"));
        let mut told = format!(
            "the code panicked{}: {reason}",
            place.as_deref().unwrap_or_default()
        );
        let backtrace = Backtrace::capture();
        if backtrace.status() == BacktraceStatus::Captured {
            told += &format!("\n{backtrace}");
        }
        *watched = Watched::Panicked(told);
        true
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    #[test]
    fn a_panic_is_told_with_its_place_and_the_thread_goes_on() {
        let told = caught(|| panic!("that cannot be: {}", 7)).unwrap_err();
        assert!(told.contains("panics.rs:"), "{told}");
        assert!(told.contains(": that cannot be: 7"), "{told}");
        assert_eq!(caught(|| 8), Ok(8));
    }

    #[test]
    fn panics_of_other_threads_are_their_own() {
        let watched = caught(|| {
            let other = thread::spawn(|| caught(|| panic!("there")));
            other.join().expect("it was caught there")
        });
        let there: Result<(), String> = watched.expect("nothing panicked here");
        assert!(there.unwrap_err().contains("there"));
    }
}
