//! Reading operations one by one: [`Reader`].

use std::error::Error;
use std::fmt;
use std::io::{self, BufRead, Read};

use super::parse::parse;
use super::{Line, NAME, VERSION};

/// Reads a history, operation by operation, with no more in memory than a line. After an error it
/// has nothing more.
#[derive(Debug)]
pub struct Reader<R> {
    /// Nothing after an error.
    source: Option<R>,
    buffer: Vec<u8>,
    /// The number of the line in the buffer, from 1 on.
    line: u64,
}

/// Why a history cannot be read.
#[derive(Debug)]
#[non_exhaustive]
pub enum ReadError {
    /// The source failed.
    Io {
        /// The line that was being read, from 1 on.
        line: u64,
        /// What it said.
        error: io::Error,
    },
    /// The first line does not name this format.
    NoHistory,
    /// The first line names another version of this format.
    Version(String),
    /// A line is not as it must be.
    Malformed {
        /// Which, from 1 on.
        line: u64,
        /// What is wrong with it, in words that follow on `line 7: `.
        why: String,
    },
}

/// The longest line that is read. It has room for two of the longest values that a node can be told
/// to allow, each byte of them escaped.
const LINE_BYTES_MAX: usize = 100 << 20;

/// How much of the first line is looked at.
const FIRST_LINE_BYTES_MAX: usize = 1000;

impl<R: BufRead> Reader<R> {
    /// Reads the first line.
    ///
    /// # Errors
    /// If it does not name this format in a version that can be read.
    pub fn new(source: R) -> Result<Self, ReadError> {
        let mut reader = Self {
            source: Some(source),
            buffer: Vec::new(),
            line: 0,
        };
        reader.next_line(FIRST_LINE_BYTES_MAX)?;
        let first = str::from_utf8(&reader.buffer).unwrap_or_default();
        let mut words = first.split_ascii_whitespace();
        match (words.next(), words.next(), words.next()) {
            (Some(NAME), Some(VERSION), None) => Ok(reader),
            (Some(NAME), Some(version), _) => Err(ReadError::Version(version.to_owned())),
            _ => Err(ReadError::NoHistory),
        }
    }

    /// The next line with an operation.
    fn next_operation(&mut self) -> Result<Option<Line>, ReadError> {
        while self.next_line(LINE_BYTES_MAX)? {
            if self.buffer.len() > LINE_BYTES_MAX {
                return Err(self.malformed(format!("it has more than {LINE_BYTES_MAX} bytes")));
            }
            let words = self.buffer.trim_ascii();
            if words.is_empty() || words.starts_with(b"#") {
                continue;
            }
            let line = parse(words).map_err(|why| self.malformed(why))?;
            return Ok(Some(line));
        }
        Ok(None)
    }

    /// Takes a line into the buffer, or so much of it and a byte; tells whether there was one.
    fn next_line(&mut self, bytes_max: usize) -> Result<bool, ReadError> {
        let Some(source) = &mut self.source else {
            return Ok(false);
        };
        self.line += 1;
        self.buffer.clear();
        // The end of the line does not count.
        let mut source = source.take(bytes_max as u64 + 2);
        let read = source.read_until(b'\n', &mut self.buffer);
        let read = read.map_err(|error| ReadError::Io {
            line: self.line,
            error,
        })?;
        if self.buffer.ends_with(b"\n") {
            self.buffer.pop();
        }
        Ok(read > 0)
    }

    fn malformed(&self, why: String) -> ReadError {
        let line = self.line;
        ReadError::Malformed { line, why }
    }
}

impl<R: BufRead> Iterator for Reader<R> {
    type Item = Result<Line, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.next_operation().transpose();
        if !matches!(next, Some(Ok(_))) {
            self.source = None;
        }
        next
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { line, error } => write!(f, "line {line}: {error}"),
            Self::NoHistory => write!(
                f,
                "line 1: it is not `{NAME} {VERSION}`, so this is no history in the line format"
            ),
            Self::Version(version) => write!(
                f,
                "line 1: the history is in version {} of the line format, and this program reads \
                 version {VERSION}",
                version.escape_debug()
            ),
            Self::Malformed { line, why } => write!(f, "line {line}: {why}"),
        }
    }
}

impl Error for ReadError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Io { error, .. } => Some(error),
            Self::NoHistory | Self::Version(_) | Self::Malformed { .. } => None,
        }
    }
}
