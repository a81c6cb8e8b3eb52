//! One operation out of its line.

use std::str::FromStr;

use super::Line;
use super::escape::unescaped;
use super::writer::is_note_name;
use crate::byte_string::ByteString;
use crate::history::{Action, Client, Operation, Outcome, RegisterName, Reply};

/// The operation that a line tells of.
///
/// # Errors
/// What is wrong with the line, in words that follow on `line 7: `.
pub(super) fn parse(line: &[u8]) -> Result<Line, String> {
    let mut words = Words(line);
    let call = number(words.want("its call")?, "its call")?;
    let end = match words.want("its end")? {
        b"-" => None,
        end => Some(number(end, "its end")?),
    };
    if let Some(end) = end
        && end < call
    {
        return Err(format!("its end, {end}, is before its call, {call}"));
    }
    let client = Client(number(words.want("its client")?, "its client")?);
    let register = RegisterName::new(bytes(words.want("its register")?)?);
    let action = action(&mut words)?;
    let outcome = outcome(&mut words, &action, end)?;
    let given_up = end.filter(|_| outcome == Outcome::Unknown);
    let mut notes = Vec::new();
    while let Some(word) = words.next() {
        notes.push(note(word)?);
    }
    let operation = Operation {
        client,
        action,
        call,
        outcome,
    };
    Ok(Line {
        register,
        operation,
        given_up,
        notes,
    })
}

/// What is left of a line.
struct Words<'a>(&'a [u8]);

impl<'a> Words<'a> {
    fn next(&mut self) -> Option<&'a [u8]> {
        let rest = self.0.trim_ascii_start();
        let end = rest.iter().position(u8::is_ascii_whitespace);
        let (word, rest) = rest.split_at(end.unwrap_or(rest.len()));
        self.0 = rest;
        (!word.is_empty()).then_some(word)
    }

    fn want(&mut self, what: &str) -> Result<&'a [u8], String> {
        self.next()
            .ok_or_else(|| format!("it ends before {what} is told"))
    }

    /// Nothing, or a value.
    fn content(&mut self, what: &str) -> Result<Option<ByteString>, String> {
        match self.want(what)? {
            b"-" => Ok(None),
            [b'=', value @ ..] => Ok(Some(bytes(value)?.into())),
            word => Err(format!(
                "{} stands where {what} should: - for nothing, or = and a value",
                shown(word)
            )),
        }
    }
}

fn action(words: &mut Words<'_>) -> Result<Action<ByteString>, String> {
    Ok(match words.want("its action")? {
        b"read" => Action::Read,
        b"write" => match words.content("what was written")? {
            Some(value) => Action::Write(value),
            None => return Err("a write of nothing is called delete".to_owned()),
        },
        b"delete" => Action::Delete,
        b"compare-and-set" => Action::CompareAndSet {
            expected: words.content("what was expected")?,
            new: words.content("what was to be set")?,
        },
        b"set-unless" => Action::SetUnless {
            unexpected: words.content("what was not expected")?,
            new: words.content("what was to be set")?,
        },
        b"swap" => Action::Swap(words.content("what was to be set")?),
        b"add" => {
            let amount = words.want("what was added")?;
            Action::Add(number(amount, "what was added")?)
        }
        word => {
            return Err(format!(
                "{} is no action; there are read, write, delete, compare-and-set, \
                 set-unless, swap and add",
                shown(word)
            ));
        }
    })
}

fn outcome(
    words: &mut Words<'_>,
    action: &Action<ByteString>,
    end: Option<u64>,
) -> Result<Outcome<ByteString>, String> {
    let word = words.want("its outcome")?;
    let reply = match (word, action) {
        (b"unknown", _) => return Ok(Outcome::Unknown),
        (b"refused", _) => None,
        (b"done", Action::Read) => Some(Reply::Read(words.content("what was read")?)),
        (b"done", Action::Write(_) | Action::Delete) => Some(Reply::Written),
        (b"modified", Action::CompareAndSet { .. } | Action::SetUnless { .. } | Action::Add(_)) => {
            Some(Reply::Modified(
                words.content("what the register held then")?,
            ))
        }
        (b"replaced", Action::SetUnless { .. } | Action::Swap(_)) => Some(Reply::Replaced(
            words.content("what the register held before")?,
        )),
        (
            b"unchanged",
            Action::CompareAndSet { .. } | Action::SetUnless { .. } | Action::Add(_),
        ) => Some(Reply::Unchanged(words.content("what the register held")?)),
        (b"unmet", Action::CompareAndSet { .. }) => Some(Reply::Unmet),
        (word, action) => {
            let own = match action {
                Action::Read | Action::Write(_) | Action::Delete => "done",
                Action::CompareAndSet { .. } => "modified, unchanged, unmet",
                Action::SetUnless { .. } => "modified, replaced, unchanged",
                Action::Swap(_) => "replaced",
                Action::Add(_) => "modified, unchanged",
            };
            return Err(format!(
                "{} is no outcome of its action; there are {own}, refused and unknown",
                shown(word)
            ));
        }
    };
    let Some(time) = end else {
        return Err(format!("it is {}, and its end is not told", shown(word)));
    };
    Ok(match reply {
        Some(reply) => Outcome::Done { time, reply },
        None => Outcome::Refused { time },
    })
}

fn note(word: &[u8]) -> Result<(String, String), String> {
    let split = word.iter().position(|byte| *byte == b'=');
    let (name, value) = word.split_at(split.unwrap_or(word.len()));
    let value = value.strip_prefix(b"=").map(bytes).transpose()?;
    match (str::from_utf8(name), value.map(String::from_utf8)) {
        (Ok(name), Some(Ok(value))) if is_note_name(name) => Ok((name.to_owned(), value)),
        _ => Err(format!(
            "{} stands where only notes can, which are name=value",
            shown(word)
        )),
    }
}

/// A number in the one way in which it is written, so that nothing is mistaken for one.
fn number<N: FromStr + ToString>(word: &[u8], what: &str) -> Result<N, String> {
    let text = str::from_utf8(word).ok();
    let number = text.and_then(|text| Some((text, text.parse::<N>().ok()?)));
    match number {
        Some((text, number)) if number.to_string() == text => Ok(number),
        _ => Err(format!("{what}, {}, is no number of 64 bits", shown(word))),
    }
}

fn bytes(word: &[u8]) -> Result<Vec<u8>, String> {
    unescaped(word).ok_or_else(|| {
        format!(
            "in {}, a % is not followed by two hexadecimal digits",
            shown(word)
        )
    })
}

/// A word as people can read it, or its beginning.
fn shown(word: &[u8]) -> String {
    const BYTES_MAX: usize = 40;
    match word.get(..BYTES_MAX) {
        None => format!("\"{}\"", word.escape_ascii()),
        Some(beginning) => format!("\"{}...\"", beginning.escape_ascii()),
    }
}
