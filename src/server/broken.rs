//! What becomes of a node that finds something broken in itself: [`end_when_broken`].

use crate::disk;
use std::io::{Write, stderr};
use std::panic::{self, PanicHookInfo};
use std::process;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;
use tracing::{Level, error};

/// What the process ends with.
const EXIT_CODE: i32 = 9;

/// What it ends with if its data directory was damaged: as with any other reason not to start.
const EXIT_CODE_OF_DAMAGE: i32 = 1;

/// How long the last line of the log may take. Whoever reads the log may have stopped reading.
const LAST_LINE_MAX: Duration = Duration::from_secs(1);

/// How long a backtrace before it may take, if one is wanted: it reads the whole program's symbols.
const BACKTRACE_MAX: Duration = Duration::from_secs(10);

/// From now on the process ends when something in it panics, with [`EXIT_CODE`], and the log's last
/// line says why.
///
/// A panic is a broken invariant: what this node holds may be wrong, and it must not spread. The
/// others go on without it.
///
/// The process ends within the panic, before its stack is unwound. So a lane that has found
/// something broken stays locked until there is no process any more: nobody calls it again, and
/// nobody takes its outputs, so that nothing of the call in which it was found, and nothing after
/// it, is sent, acknowledged or answered. Other lanes may still answer for other registers in the
/// time that the last line takes, and connections may still carry away what was sent before: none
/// of that follows from what was broken.
pub(super) fn end_when_broken() {
    let report = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        static ENDS: AtomicBool = AtomicBool::new(false);
        if ENDS.swap(true, Ordering::SeqCst) {
            // It ends already. This thread must neither go on nor unwind.
            loop {
                thread::park();
            }
        }
        let wants_backtrace =
            std::env::var_os("RUST_BACKTRACE").is_some_and(|wanted| wanted != "0");
        let backtrace_max = match wants_backtrace {
            true => BACKTRACE_MAX,
            false => Duration::ZERO,
        };
        let watchdog = thread::Builder::new().name("end".to_owned());
        // Should there be no thread to be had, the log is waited for.
        let _ = watchdog.spawn(move || {
            thread::sleep(backtrace_max + LAST_LINE_MAX);
            process::exit(EXIT_CODE);
        });
        if wants_backtrace {
            report(info);
        }
        if let Some(damaged) = disk::while_opening() {
            // The store found it in what it read, and nothing of this node has begun.
            say(&damaged.to_string());
            process::exit(EXIT_CODE_OF_DAMAGE);
        }
        say(&last_line(&what(info)));
        process::exit(EXIT_CODE);
    }));
}

/// What was found, and where, on one line.
fn what(info: &PanicHookInfo<'_>) -> String {
    let what = info.payload_as_str().unwrap_or("it gave no reason");
    let place = info.location().map(|place| format!(" ({place})"));
    let lines: Vec<&str> = what.lines().map(str::trim).collect();
    lines.join(" / ") + &place.unwrap_or_default()
}

fn last_line(what: &str) -> String {
    format!(
        "this node has found something in it that cannot be, and ends at once: {what}; nothing \
         that follows from it was sent or answered, and the other nodes go on without this one; \
         what clients had asked of it and got no answer to is unknown; keep this log, start the \
         node again (it comes back in its place, and copies what it lacks from the others), and \
         report this (shardedmemory {})",
        crate::VERSION
    )
}

/// The log may be set to tell not even errors.
fn say(line: &str) {
    if tracing::enabled!(Level::ERROR) {
        error!("{line}");
    } else {
        // There is nobody to tell that this failed.
        let _ = writeln!(stderr(), "{line}");
    }
}
