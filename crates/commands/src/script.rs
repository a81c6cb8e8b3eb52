//! Commands that run scripts: [`ScriptCommand`].

use crate::arguments::{Arguments, is};
use crate::error::CommandError;
use crate::parse::Command;
use alloc::vec::Vec;
use bytes::Bytes;

/// To run a script, or to have it known.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ScriptCommand {
    /// `EVAL`, `EVALSHA`: runs it.
    Run {
        /// Which one.
        script: ScriptName,
        /// The registers that it works on.
        keys: Vec<Bytes>,
        /// What else it is told.
        arguments: Vec<Bytes>,
    },
    /// `SCRIPT LOAD`: it is known from now on; its name.
    Load(Bytes),
    /// `SCRIPT EXISTS`: which of these names are known.
    Exists(Vec<Bytes>),
    /// `SCRIPT FLUSH`: none is known any more.
    Flush,
}

/// Which script.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ScriptName {
    /// Its text.
    Text(Bytes),
    /// The SHA-1 of its text, in hexadecimal digits of either case, if that is what the client sent.
    Sha1(Bytes),
}

type Parsed = Result<Command, CommandError>;

pub(crate) fn eval(arguments: &mut Arguments<'_>) -> Parsed {
    let script = ScriptName::Text(arguments.take()?);
    run(script, arguments)
}

pub(crate) fn evalsha(arguments: &mut Arguments<'_>) -> Parsed {
    let script = ScriptName::Sha1(arguments.take()?);
    run(script, arguments)
}

fn run(script: ScriptName, arguments: &mut Arguments<'_>) -> Parsed {
    let count = arguments.integer()?;
    if count > arguments.left() as i64 {
        return Err(CommandError::TooManyKeys);
    }
    let count = usize::try_from(count).map_err(|_| CommandError::NegativeKeys)?;
    let mut keys = arguments.take_all();
    let rest = keys.split_off(count);
    Ok(Command::Script(ScriptCommand::Run {
        script,
        keys,
        arguments: rest,
    }))
}

pub(crate) fn load(arguments: &mut Arguments<'_>) -> Parsed {
    Ok(Command::Script(ScriptCommand::Load(arguments.take()?)))
}

pub(crate) fn exists(arguments: &mut Arguments<'_>) -> Parsed {
    Ok(Command::Script(ScriptCommand::Exists(arguments.take_all())))
}

pub(crate) fn flush(arguments: &mut Arguments<'_>) -> Parsed {
    match (arguments.look(), arguments.left()) {
        (None, _) => {}
        (Some(mode), 0) if is(mode, "SYNC") || is(mode, "ASYNC") => {}
        _ => return Err(CommandError::ScriptFlushMode),
    }
    Ok(Command::Script(ScriptCommand::Flush))
}
