//! Commands on the node: [`ServerCommand`].

use crate::arguments::{Arguments, is};
use crate::error::CommandError;
use crate::parse::Command;
use alloc::vec::Vec;
use bytes::Bytes;
use resp::parse_integer;

/// Of the node.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ServerCommand {
    /// `COMMAND`: all that [`commands()`](crate::commands()) has.
    Commands,
    /// `COMMAND COUNT`: how many there are.
    CommandCount,
    /// `COMMAND INFO`: of these, or of all if none is named.
    CommandInfo(Vec<Bytes>),
    /// `COMMAND DOCS`: of these, or of all if none is named.
    CommandDocs(Vec<Bytes>),
    /// `COMMAND LIST`: the names of these.
    CommandList(CommandFilter),
    /// `CONFIG GET`: the settings that these patterns match.
    ConfigGet(Vec<Bytes>),
    /// `INFO`: these sections, or the usual ones if none is named.
    Info(Vec<Bytes>),
    /// `DBSIZE`: how many registers there are.
    Size,
    /// `TIME`: the wall clock.
    Time,
    /// `ROLE`.
    Role,
    /// `WAIT`: on how many other nodes the writes of this connection are. No longer than these
    /// milliseconds, or as long as it takes if it is 0.
    Wait {
        /// How many are waited for.
        replicas: i64,
        /// How long.
        timeout_ms: u64,
    },
}

/// Which commands are listed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CommandFilter {
    /// All.
    All,
    /// Those of a module.
    Module(Bytes),
    /// Those of an access category, which is named without its `@`.
    Category(Bytes),
    /// Those whose names a pattern matches.
    Pattern(Bytes),
}

type Parsed = Result<Command, CommandError>;

const fn done(command: ServerCommand) -> Parsed {
    Ok(Command::Server(command))
}

pub(crate) fn command(_: &mut Arguments<'_>) -> Parsed {
    done(ServerCommand::Commands)
}

pub(crate) fn command_count(_: &mut Arguments<'_>) -> Parsed {
    done(ServerCommand::CommandCount)
}

pub(crate) fn command_info(arguments: &mut Arguments<'_>) -> Parsed {
    done(ServerCommand::CommandInfo(arguments.take_all()))
}

pub(crate) fn command_docs(arguments: &mut Arguments<'_>) -> Parsed {
    done(ServerCommand::CommandDocs(arguments.take_all()))
}

pub(crate) fn command_list(arguments: &mut Arguments<'_>) -> Parsed {
    let filter = match arguments.look() {
        None => CommandFilter::All,
        Some(word) if is(word, "FILTERBY") && arguments.left() == 2 => {
            match (arguments.must_look()?, arguments.take()?) {
                (by, name) if is(by, "MODULE") => CommandFilter::Module(name),
                (by, name) if is(by, "ACLCAT") => CommandFilter::Category(name),
                (by, name) if is(by, "PATTERN") => CommandFilter::Pattern(name),
                _ => return Err(CommandError::Syntax),
            }
        }
        Some(_) => return Err(CommandError::Syntax),
    };
    done(ServerCommand::CommandList(filter))
}

pub(crate) fn config_get(arguments: &mut Arguments<'_>) -> Parsed {
    done(ServerCommand::ConfigGet(arguments.take_all()))
}

pub(crate) fn info(arguments: &mut Arguments<'_>) -> Parsed {
    done(ServerCommand::Info(arguments.take_all()))
}

pub(crate) fn dbsize(_: &mut Arguments<'_>) -> Parsed {
    done(ServerCommand::Size)
}

pub(crate) fn time(_: &mut Arguments<'_>) -> Parsed {
    done(ServerCommand::Time)
}

pub(crate) fn role(_: &mut Arguments<'_>) -> Parsed {
    done(ServerCommand::Role)
}

pub(crate) fn wait(arguments: &mut Arguments<'_>) -> Parsed {
    let replicas = arguments.integer()?;
    let timeout_ms = parse_integer(arguments.must_look()?);
    let timeout_ms = timeout_ms.ok_or(CommandError::TimeoutNotAnInteger)?;
    done(ServerCommand::Wait {
        replicas,
        timeout_ms: u64::try_from(timeout_ms).map_err(|_| CommandError::TimeoutNegative)?,
    })
}
