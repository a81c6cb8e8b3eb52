//! Writing operations one by one: [`Writer`].

use std::io::{self, Write};

use super::escape::write_escaped;
use super::{NAME, VERSION};
use crate::byte_string::ByteString;
use crate::history::{Action, Client, Operation, Outcome, RegisterName, Reply};

/// Writes a history, operation by operation.
#[derive(Debug)]
pub struct Writer<W> {
    sink: W,
}

impl<W: Write> Writer<W> {
    /// Begins a history. Each operation is written by itself: give it a buffer.
    ///
    /// # Errors
    /// If the first line cannot be written.
    pub fn new(mut sink: W) -> io::Result<Self> {
        writeln!(sink, "{NAME} {VERSION}")?;
        Ok(Self { sink })
    }

    /// Writes a line that says nothing to the checker.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn comment(&mut self, text: &str) -> io::Result<()> {
        for line in text.lines() {
            writeln!(self.sink, "# {line}")?;
        }
        Ok(())
    }

    /// Writes an operation; if its outcome is unknown, with the time at which its client gave it
    /// up; and with notes, each of which has a name and a value.
    ///
    /// # Errors
    /// If it cannot be written; if the name of the register is empty, or that of a note has other
    /// characters than letters, digits and `_`, or does not begin with a letter.
    pub fn write(
        &mut self,
        register: &RegisterName,
        operation: &Operation<ByteString>,
        given_up: Option<u64>,
        notes: &[(&str, &str)],
    ) -> io::Result<()> {
        if register.as_bytes().is_empty() {
            return Err(invalid("a register without a name cannot be written"));
        }
        let sink = &mut self.sink;
        let Client(client) = operation.client;
        write!(sink, "{} ", operation.call)?;
        match operation.outcome.end().or(given_up) {
            Some(end) => write!(sink, "{end} {client} ")?,
            None => write!(sink, "- {client} ")?,
        }
        write_escaped(register.as_bytes(), sink)?;
        write_action(&operation.action, sink)?;
        write_outcome(&operation.outcome, sink)?;
        for (name, value) in notes {
            if !is_note_name(name) {
                return Err(invalid(
                    "a note's name begins with a letter, and has no others \
                     than letters, digits and _",
                ));
            }
            write!(sink, " {name}=")?;
            write_escaped(value.as_bytes(), sink)?;
        }
        sink.write_all(b"\n")
    }

    /// Ends the history.
    ///
    /// # Errors
    /// If what is left in a buffer cannot be written.
    pub fn finish(mut self) -> io::Result<()> {
        self.sink.flush()
    }
}

/// Whether a note can have this name.
pub(super) fn is_note_name(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    name.starts_with(|first: char| first.is_ascii_alphabetic()) && name.bytes().all(is_plain)
}

fn write_action(action: &Action<ByteString>, sink: &mut impl Write) -> io::Result<()> {
    match action {
        Action::Read => sink.write_all(b" read"),
        Action::Write(value) => {
            sink.write_all(b" write")?;
            write_content(Some(value), sink)
        }
        Action::Delete => sink.write_all(b" delete"),
        Action::CompareAndSet { expected, new } => {
            sink.write_all(b" compare-and-set")?;
            write_content(expected.as_ref(), sink)?;
            write_content(new.as_ref(), sink)
        }
        Action::SetUnless { unexpected, new } => {
            sink.write_all(b" set-unless")?;
            write_content(unexpected.as_ref(), sink)?;
            write_content(new.as_ref(), sink)
        }
        Action::Swap(new) => {
            sink.write_all(b" swap")?;
            write_content(new.as_ref(), sink)
        }
        Action::Add(amount) => write!(sink, " add {amount}"),
    }
}

fn write_outcome(outcome: &Outcome<ByteString>, sink: &mut impl Write) -> io::Result<()> {
    let (word, content) = match outcome {
        Outcome::Refused { .. } => return sink.write_all(b" refused"),
        Outcome::Unknown => return sink.write_all(b" unknown"),
        Outcome::Done { reply, .. } => match reply {
            Reply::Written => return sink.write_all(b" done"),
            Reply::Read(content) => ("done", content),
            Reply::Modified(content) => ("modified", content),
            Reply::Replaced(content) => ("replaced", content),
            Reply::Unchanged(content) => ("unchanged", content),
            Reply::Unmet => return sink.write_all(b" unmet"),
        },
    };
    write!(sink, " {word}")?;
    write_content(content.as_ref(), sink)
}

fn write_content(content: Option<&ByteString>, sink: &mut impl Write) -> io::Result<()> {
    match content {
        None => sink.write_all(b" -"),
        Some(value) => {
            sink.write_all(b" =")?;
            write_escaped(value.as_bytes(), sink)
        }
    }
}

fn invalid(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, why)
}
