//! A history as text, one operation a line: to keep it, to look at it, and to have one checked that
//! another program recorded.
//!
//! ```text
//! shardedmemory-history 1
//! # call end client register action outcome
//! 0 120 1 x write =a done
//! 150 180 2 x write =b done
//! 200 230 3 x read done =b node=127.0.0.1:3030 rounds=1
//! 240 - 1 x delete unknown
//! 250 260 3 x read done -
//! ```
//!
//! The first line names the format and its version. Lines that begin with `#`, and empty lines, say
//! nothing. Every other line is an operation: words with spaces between them, in this order.
//!
//! | word | meaning |
//! | --- | --- |
//! | call | when it was called: a whole number from 0 to 2^64 - 1; nanoseconds since the start, where shardedmemory wrote it |
//! | end | when it returned, on the same scale, not before the call; of an operation of unknown outcome, when its client gave it up, or `-` |
//! | client | the number of whoever called it |
//! | register | the register's name, one byte long or longer |
//! | action | what was asked for, with what belongs to it |
//! | outcome | how it ended, with what the register replied |
//! | notes | any number of `name=value`, of which the checker takes no notice; shardedmemory writes `node` and `rounds` |
//!
//! | action | asks the register to |
//! | --- | --- |
//! | `read` | tell what it holds |
//! | `write CONTENT` | hold this |
//! | `delete` | hold nothing |
//! | `compare-and-set CONTENT CONTENT` | hold the second, if it holds the first |
//! | `set-unless CONTENT CONTENT` | hold the second, unless it holds the first; to delete what is not there may be answered either way |
//! | `swap CONTENT` | hold this, and tell what was there |
//! | `add INTEGER` | hold so much more; from -2^63 to 2^63 - 1 |
//!
//! | outcome | of | means |
//! | --- | --- | --- |
//! | `done` | `write`, `delete` | it took effect |
//! | `done CONTENT` | `read` | it returned this |
//! | `modified CONTENT` | `compare-and-set`, `set-unless`, `add` | it took effect, and the register held this afterwards |
//! | `replaced CONTENT` | `set-unless`, `swap` | it took effect, and the register held this before |
//! | `unchanged CONTENT` | `compare-and-set`, `set-unless`, `add` | it changed nothing, for the register held this |
//! | `unmet` | `compare-and-set` | it changed nothing, for the register held something else than expected; what, is not told |
//! | `refused` | any | it did not take effect, and never will |
//! | `unknown` | any | nobody knows whether it took effect, or will |
//!
//! A content is `-` for nothing, or `=` and the bytes of a value after it; a value of no bytes is
//! `=`. (`write` takes no `-`: that is `delete`.) In names, values and notes, each byte that is a
//! space, a `%`, or no printable ASCII character is written as `%` and two hexadecimal digits; any
//! other may be.
//!
//! Lines may come in any order: only times count. Write a line when its operation has ended, and
//! one with `unknown` for each that has not: one that is left out makes a check worthless, since a
//! read may have returned what it wrote.
//!
//! ```
//! use checker::{Limits, Verdict, check, lines};
//!
//! let text = "shardedmemory-history 1\n\
//!     0 120 1 x write =a done\n\
//!     150 180 2 x write =b done\n\
//!     200 230 3 x read done =a\n";
//! let history = lines::read(text.as_bytes())?;
//! assert!(matches!(check(&history, Limits::default()), Verdict::Violation(_)));
//!
//! let mut written = Vec::new();
//! lines::write(&history, &mut written)?;
//! assert_eq!(written, text.as_bytes());
//!
//! let late = lines::read("shardedmemory-history 1\n9 5 1 x delete done\n".as_bytes());
//! assert_eq!(late.unwrap_err().to_string(), "line 2: its end, 5, is before its call, 9");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod escape;
mod parse;
mod reader;
mod writer;

pub use reader::{ReadError, Reader};
pub use writer::Writer;

use std::io;

use crate::byte_string::ByteString;
use crate::history::{History, Operation, OperationId, Outcome, RegisterName};

/// What the first line consists of, beside the version.
const NAME: &str = "shardedmemory-history";

/// The version that is written and read.
const VERSION: &str = "1";

/// One operation, with all that a line tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The register that it was called on.
    pub register: RegisterName,
    /// The operation.
    pub operation: Operation<ByteString>,
    /// Of an operation of unknown outcome: when its client gave it up, if that is known.
    pub given_up: Option<u64>,
    /// What else is told of it, by name.
    pub notes: Vec<(String, String)>,
}

impl Line {
    /// Adds the operation to a history.
    pub fn record(self, history: &mut History<ByteString>) -> OperationId {
        let Operation {
            client,
            action,
            call,
            outcome,
        } = self.operation;
        let id = history.call(client, &self.register, action, call);
        match outcome {
            Outcome::Done { time, reply } => history.done(id, time, reply),
            Outcome::Refused { time } => history.refused(id, time),
            Outcome::Unknown => history.unknown(id),
        }
        id
    }
}

/// Reads a history; all of it is kept in memory. Reading is quick if `source` has a buffer of some
/// size.
///
/// # Errors
/// If it cannot be read to its end, or is not in this format.
pub fn read(source: impl io::BufRead) -> Result<History<ByteString>, ReadError> {
    let mut history = History::new();
    for line in Reader::new(source)? {
        line?.record(&mut history);
    }
    Ok(history)
}

/// Writes a history. Each operation is written by itself: give it a buffer.
///
/// # Errors
/// If it cannot be written, or if a register's name is empty, for which there is no word.
pub fn write(history: &History<ByteString>, sink: impl io::Write) -> io::Result<()> {
    let mut writer = Writer::new(sink)?;
    for (register, operation) in history.operations() {
        writer.write(register, operation, None, &[])?;
    }
    writer.finish()
}

#[cfg(test)]
mod tests;
