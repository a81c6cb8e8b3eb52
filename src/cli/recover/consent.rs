//! Having an operator say that a recovery is wanted.

use crate::cli::failure::Failure;
use std::io::{IsTerminal, Write, stderr, stdin};

/// What an operator types who wants it.
const WORD: &str = "recover";

/// Whether somebody is there who can be asked.
///
/// # Errors
/// If not.
pub(super) fn check_possible() -> Result<(), Failure> {
    match stdin().is_terminal() && stderr().is_terminal() {
        true => Ok(()),
        false => Err(Failure::usage(
            "there is no terminal on which to ask whether this is wanted; nothing happened",
        )
        .hint("look at what it would do, without --force; then add --yes")),
    }
}

/// Asks, on the terminal.
///
/// # Errors
/// If it is not wanted.
pub(super) fn ask() -> Result<(), Failure> {
    let mut terminal = stderr();
    let _ = write!(terminal, "\nThere is no way back. Type '{WORD}' to do it: ")
        .and_then(|()| terminal.flush());
    let mut line = String::new();
    let read = stdin().read_line(&mut line);
    match read.is_ok() && line.trim() == WORD {
        true => Ok(()),
        false => Err(Failure::failed("not confirmed; nothing happened")),
    }
}
