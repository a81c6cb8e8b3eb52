//! Words for people and data for programs, on the right stream each.
//!
//! `println!` panics when its reader has gone (`shardedmemory status | head -1`); these do not.

use std::io::{IsTerminal, Write, stderr, stdout};

/// Writes data to standard output, exactly. Nobody is left to read an error about a reader that
/// has gone, so there is none.
pub(crate) fn data(bytes: &[u8]) {
    let mut stdout = stdout().lock();
    let _ = stdout.write_all(bytes).and_then(|()| stdout.flush());
}

/// Writes a line of data to standard output.
pub(crate) fn line(text: &str) {
    data(format!("{text}\n").as_bytes());
}

/// Writes a line that is no data to standard error.
pub(crate) fn note(text: &str) {
    let _ = stderr().write_all(format!("{text}\n").as_bytes());
}

/// This program as it was called, for commands that are to be tried.
pub(crate) fn program() -> String {
    let called = std::env::args_os().next();
    called.map_or_else(
        || "shardedmemory".to_owned(),
        |name| name.to_string_lossy().into_owned(),
    )
}

/// Whether somebody looks at standard output.
pub(crate) fn on_terminal() -> bool {
    stdout().is_terminal()
}

/// Whether standard output may be coloured: a terminal, and nobody asked for none.
pub(crate) fn data_in_colour() -> bool {
    on_terminal() && colours_are_welcome()
}

/// Whether standard error may be coloured: a terminal, and nobody asked for none.
pub(crate) fn notes_in_colour() -> bool {
    stderr().is_terminal() && colours_are_welcome()
}

/// By the conventions of <https://no-color.org> and of terminals that know no colours.
fn colours_are_welcome() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
        && std::env::var_os("TERM").is_none_or(|value| value != "dumb")
}
