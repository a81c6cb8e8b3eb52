//! Taking arguments one by one: [`Arguments`].

use crate::error::{CommandError, kept};
use crate::expiry::UnixMillis;
use alloc::vec::Vec;
use bytes::Bytes;
use resp::{Request, parse_integer};

/// The arguments of a request whose command is known and whose count is right for it.
pub(crate) struct Arguments<'r> {
    request: &'r Request<'r>,
    /// The command as errors name it.
    pub(crate) name: &'static str,
    pub(crate) now: UnixMillis,
    /// The next one that is taken.
    next: usize,
}

impl<'r> Arguments<'r> {
    /// Begins at the argument with index `first`.
    pub(crate) fn new(
        request: &'r Request<'r>,
        name: &'static str,
        now: UnixMillis,
        first: usize,
    ) -> Self {
        Self {
            request,
            name,
            now,
            next: first,
        }
    }

    /// How many are left.
    pub(crate) fn left(&self) -> usize {
        self.request.len() - self.next
    }

    /// The next one, to look at.
    pub(crate) fn look(&mut self) -> Option<&'r [u8]> {
        let argument = self.request.get(self.next)?;
        self.next += 1;
        Some(argument)
    }

    /// The next one, to look at, which the arity of the command says is there.
    pub(crate) fn must_look(&mut self) -> Result<&'r [u8], CommandError> {
        self.look().ok_or(CommandError::WrongArity(self.name))
    }

    /// The next one, to keep.
    pub(crate) fn take(&mut self) -> Result<Bytes, CommandError> {
        if self.left() == 0 {
            return Err(CommandError::WrongArity(self.name));
        }
        self.next += 1;
        Ok(self.request.bytes(self.next - 1))
    }

    /// All that are left, to keep.
    pub(crate) fn take_all(&mut self) -> Vec<Bytes> {
        let all = (self.next..self.request.len()).map(|at| self.request.bytes(at));
        let all = all.collect();
        self.next = self.request.len();
        all
    }

    pub(crate) fn integer(&mut self) -> Result<i64, CommandError> {
        parse_integer(self.must_look()?).ok_or(CommandError::NotAnInteger)
    }

    /// Nothing may be left.
    pub(crate) fn end(&self) -> Result<(), CommandError> {
        match self.left() {
            0 => Ok(()),
            _ => Err(CommandError::Syntax),
        }
    }

    /// A name that is one word of printable ASCII.
    pub(crate) fn name(&mut self, what: &'static str) -> Result<Bytes, CommandError> {
        let name = self.take()?;
        if name.iter().all(u8::is_ascii_graphic) {
            Ok(name)
        } else {
            Err(CommandError::InvalidName(what))
        }
    }
}

/// Whether a word is this one, in letters of either case. As C sees it, it ends at a zero byte.
pub(crate) fn is(word: &[u8], expected: &str) -> bool {
    let end = word.iter().position(|byte| *byte == 0);
    word[..end.unwrap_or(word.len())].eq_ignore_ascii_case(expected.as_bytes())
}

/// The error for a word, with as much of it as errors repeat.
pub(crate) fn refuse<T>(
    word: &[u8],
    error: fn(Vec<u8>) -> CommandError,
) -> Result<T, CommandError> {
    Err(error(kept(word)))
}
