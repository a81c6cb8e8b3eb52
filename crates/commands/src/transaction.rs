//! Commands that gather others: [`TransactionCommand`].

use crate::arguments::Arguments;
use crate::error::CommandError;
use crate::parse::Command;
use alloc::vec::Vec;
use bytes::Bytes;

/// To gather commands, and do them in one go.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TransactionCommand {
    /// `MULTI`: what follows is gathered.
    Multi,
    /// `EXEC`: what was gathered is done.
    Exec,
    /// `DISCARD`: what was gathered is forgotten.
    Discard,
    /// `WATCH`: what is gathered next is done only if these stay as they are.
    Watch(Vec<Bytes>),
    /// `UNWATCH`: whatever becomes of them.
    Unwatch,
}

type Parsed = Result<Command, CommandError>;

pub(crate) fn multi(_: &mut Arguments<'_>) -> Parsed {
    Ok(Command::Transaction(TransactionCommand::Multi))
}

pub(crate) fn exec(_: &mut Arguments<'_>) -> Parsed {
    Ok(Command::Transaction(TransactionCommand::Exec))
}

pub(crate) fn discard(_: &mut Arguments<'_>) -> Parsed {
    Ok(Command::Transaction(TransactionCommand::Discard))
}

pub(crate) fn watch(arguments: &mut Arguments<'_>) -> Parsed {
    let keys = arguments.take_all();
    Ok(Command::Transaction(TransactionCommand::Watch(keys)))
}

pub(crate) fn unwatch(_: &mut Arguments<'_>) -> Parsed {
    Ok(Command::Transaction(TransactionCommand::Unwatch))
}
