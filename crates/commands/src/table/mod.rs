//! Which commands there are: [`commands()`].

mod rows;

use crate::arguments::Arguments;
use crate::error::CommandError;
use crate::parse::Command;
use resp::ReplyWriter;
use rows::TABLE;

/// The longest name of a command, with room to spare.
const NAME_BYTES_MAX: usize = 32;

/// What is known of a command, or of a subcommand.
#[derive(Debug)]
pub struct CommandInfo {
    /// Its name in small letters; of a subcommand with the command's, as in `client|list`.
    pub name: &'static str,
    /// How many arguments it takes, its name among them (a subcommand's too); if negative, that
    /// many or more.
    pub arity: i32,
    /// Where the keys are among its arguments.
    pub keys: Option<KeyPositions>,
    /// In alphabetical order.
    pub subcommands: &'static [CommandInfo],
    flags: &'static str,
    categories: &'static str,
    tips: &'static str,
    pub(crate) parse: fn(&mut Arguments<'_>) -> Result<Command, CommandError>,
}

/// Where the keys are among the arguments of a command, and what becomes of them, in Redis' words.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KeyPositions {
    /// The first argument after the name.
    One(&'static str),
    /// All of them.
    All(&'static str),
    /// The first, the third, and so on.
    EverySecond(&'static str),
    /// As many as the second one says, after it.
    Counted(&'static str),
}

/// All commands, in alphabetical order.
pub fn commands() -> &'static [CommandInfo] {
    &TABLE
}

/// The command of this name, in letters of either case.
pub fn find(name: &[u8]) -> Option<&'static CommandInfo> {
    let mut small = [0; NAME_BYTES_MAX];
    let small = small.get_mut(..name.len())?;
    small.copy_from_slice(name);
    small.make_ascii_lowercase();
    let at = TABLE.binary_search_by(|info| info.name.as_bytes().cmp(small));
    at.ok().map(|at| &TABLE[at])
}

impl CommandInfo {
    /// The subcommand of this name, in letters of either case.
    pub fn subcommand(&self, name: &[u8]) -> Option<&'static CommandInfo> {
        self.subcommands.iter().find(|info| {
            let (_, own) = info.name.split_once('|').unwrap_or_default();
            name.eq_ignore_ascii_case(own.as_bytes())
        })
    }

    /// Whether it can have this many arguments, its name among them.
    pub fn takes(&self, count: usize) -> bool {
        let least = self.arity.unsigned_abs() as usize;
        count == least || (self.arity < 0 && count > least)
    }

    /// What Redis says of how it behaves, such as `readonly`.
    pub fn flags(&self) -> impl ExactSizeIterator<Item = &'static str> + Clone {
        words(self.flags)
    }

    /// The access categories that it belongs to, without their `@`.
    pub fn categories(&self) -> impl ExactSizeIterator<Item = &'static str> + Clone {
        words(self.categories)
    }

    /// Writes it as `COMMAND INFO` does, with its subcommands. Redis adds remarks for humans to
    /// where the keys are; here there are none.
    pub fn write(&self, writer: &mut ReplyWriter<'_>) {
        writer.array(10);
        writer.bulk(self.name);
        writer.integer(self.arity.into());
        write_words(writer, words(self.flags), "");
        let (first, last, step) = self.keys.map_or((0, 0, 0), KeyPositions::range);
        writer.integer(first);
        writer.integer(last);
        writer.integer(step);
        write_words(writer, words(self.categories), "@");
        let tips = words(self.tips);
        writer.set(tips.len());
        tips.for_each(|tip| writer.bulk(tip));
        writer.set(self.keys.iter().len());
        if let Some(keys) = self.keys {
            keys.write(writer);
        }
        writer.set(self.subcommands.len());
        self.subcommands.iter().for_each(|info| info.write(writer));
    }

    const fn with_tips(self, tips: &'static str) -> Self {
        Self { tips, ..self }
    }

    const fn with_subcommands(self, subcommands: &'static [CommandInfo]) -> Self {
        Self {
            subcommands,
            ..self
        }
    }
}

impl KeyPositions {
    /// The first and the last one among the arguments, and the step between them; the last is -1
    /// if it is the last argument, and all are 0 if it is not as simple as that.
    pub fn range(self) -> (i64, i64, i64) {
        match self {
            KeyPositions::One(_) => (1, 1, 1),
            KeyPositions::All(_) => (1, -1, 1),
            KeyPositions::EverySecond(_) => (1, -1, 2),
            KeyPositions::Counted(_) => (0, 0, 0),
        }
    }

    fn write(self, writer: &mut ReplyWriter<'_>) {
        let (KeyPositions::One(flags)
        | KeyPositions::All(flags)
        | KeyPositions::EverySecond(flags)
        | KeyPositions::Counted(flags)) = self;
        let (_, last, step) = self.range();
        let is_counted = matches!(self, KeyPositions::Counted(_));
        writer.map(3);
        writer.bulk("flags");
        write_words(writer, words(flags), "");
        writer.bulk("begin_search");
        writer.map(2);
        writer.bulk("type");
        writer.bulk("index");
        writer.bulk("spec");
        writer.map(1);
        writer.bulk("index");
        writer.integer(if is_counted { 2 } else { 1 });
        writer.bulk("find_keys");
        writer.map(2);
        writer.bulk("type");
        let (kind, spec) = if is_counted {
            (
                "keynum",
                [("keynumidx", 0), ("firstkey", 1), ("keystep", 1)],
            )
        } else {
            // Counted from the first key.
            (
                "range",
                [("lastkey", last.min(0)), ("keystep", step), ("limit", 0)],
            )
        };
        writer.bulk(kind);
        writer.bulk("spec");
        writer.map(spec.len());
        for (name, value) in spec {
            writer.bulk(name);
            writer.integer(value);
        }
    }
}

fn words(text: &'static str) -> impl ExactSizeIterator<Item = &'static str> + Clone {
    Words {
        left: text.split_ascii_whitespace().count(),
        words: text.split_ascii_whitespace(),
    }
}

/// Words that know how many they are.
#[derive(Clone)]
struct Words {
    words: core::str::SplitAsciiWhitespace<'static>,
    left: usize,
}

impl Iterator for Words {
    type Item = &'static str;

    fn next(&mut self) -> Option<&'static str> {
        let word = self.words.next()?;
        self.left -= 1;
        Some(word)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Words {}

fn write_words(
    writer: &mut ReplyWriter<'_>,
    words: impl ExactSizeIterator<Item = &'static str>,
    before: &str,
) {
    writer.set(words.len());
    for word in words {
        writer.simple([before.as_bytes(), word.as_bytes()].concat());
    }
}

/// A command without subcommands.
const fn leaf(
    name: &'static str,
    arity: i32,
    flags: &'static str,
    categories: &'static str,
    keys: Option<KeyPositions>,
    parse: fn(&mut Arguments<'_>) -> Result<Command, CommandError>,
) -> CommandInfo {
    CommandInfo {
        name,
        arity,
        keys,
        subcommands: &[],
        flags,
        categories,
        tips: "",
        parse,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_is_found_by_its_name() {
        for info in commands() {
            assert!(info.name.len() <= NAME_BYTES_MAX);
            for name in [
                info.name.to_ascii_lowercase(),
                info.name.to_ascii_uppercase(),
            ] {
                let found = find(name.as_bytes()).expect("the command");
                assert_eq!(found.name, info.name);
            }
            for subcommand in info.subcommands {
                let (command, name) = subcommand.name.split_once('|').expect("two names");
                assert_eq!(command, info.name);
                let found = info.subcommand(name.to_ascii_uppercase().as_bytes());
                assert_eq!(found.expect("the subcommand").name, subcommand.name);
            }
        }
        assert!(find(b"").is_none() && find(b"gets").is_none() && find(&[b'g'; 40]).is_none());
    }
}
