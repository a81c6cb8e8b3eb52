//! Commands on the connection itself: [`ConnectionCommand`].

use crate::arguments::{Arguments, is, refuse};
use crate::error::CommandError;
use crate::parse::Command;
use alloc::vec::Vec;
use bytes::Bytes;
use core::fmt;
use resp::{Dialect, parse_integer};

/// Of the connection itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ConnectionCommand {
    /// `PING`: `PONG`, or what was said.
    Ping(Option<Bytes>),
    /// `ECHO`: what was said.
    Echo(Bytes),
    /// `HELLO`: which protocol to speak, and who the client is.
    Hello(Hello),
    /// `AUTH`: who the client is.
    Auth(Credentials),
    /// `SELECT`: the first database, as there is no other.
    Select,
    /// `QUIT`: `OK`, and the end.
    Quit,
    /// `RESET`: all is as when the connection began.
    Reset,
    /// `READONLY`.
    ReadOnly,
    /// `READWRITE`.
    ReadWrite,
    /// `CLIENT ID`: the number of the connection.
    ClientId,
    /// `CLIENT GETNAME`: the name that was set, or nil.
    ClientName,
    /// `CLIENT SETNAME`: it is named so from now on; an empty name is none.
    SetClientName(Bytes),
    /// `CLIENT SETINFO`: what the client's library says of itself.
    SetClientField(ClientField, Bytes),
    /// `CLIENT INFO`: a line about the connection.
    ClientInfo,
    /// `CLIENT LIST`: a line about each of these connections.
    ClientList(ClientFilter),
    /// `CLIENT NO-EVICT`, and whether it is on.
    ClientNoEvict(bool),
    /// `CLIENT NO-TOUCH`, and whether it is on.
    ClientNoTouch(bool),
}

/// What `HELLO` asks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hello {
    /// Which dialect to speak from now on; as before if it is not said.
    pub dialect: Option<Dialect>,
    /// Who the client is.
    pub credentials: Option<Credentials>,
    /// How the connection is named.
    pub name: Option<Bytes>,
}

/// Who a client says it is.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The user, if one is named.
    pub user: Option<Bytes>,
    /// The password.
    pub password: Bytes,
}

impl fmt::Debug for Credentials {
    /// Without the password: logs are read by many.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

/// What a library says of itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ClientField {
    /// `LIB-NAME`
    LibraryName,
    /// `LIB-VER`
    LibraryVersion,
}

/// Which connections are listed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ClientFilter {
    /// All.
    All,
    /// Those of ordinary clients, which are all there are here.
    Normal,
    /// Those of a kind that there is not here: replicas, subscribers, a primary.
    None,
    /// Those with these numbers.
    Ids(Vec<i64>),
}

type Parsed = Result<Command, CommandError>;

const fn done(command: ConnectionCommand) -> Parsed {
    Ok(Command::Connection(command))
}

pub(crate) fn ping(arguments: &mut Arguments<'_>) -> Parsed {
    match arguments.left() {
        0 => done(ConnectionCommand::Ping(None)),
        1 => done(ConnectionCommand::Ping(Some(arguments.take()?))),
        _ => Err(CommandError::WrongArity(arguments.name)),
    }
}

pub(crate) fn echo(arguments: &mut Arguments<'_>) -> Parsed {
    done(ConnectionCommand::Echo(arguments.take()?))
}

pub(crate) fn hello(arguments: &mut Arguments<'_>) -> Parsed {
    let mut hello = Hello {
        dialect: None,
        credentials: None,
        name: None,
    };
    if let Some(version) = arguments.look() {
        let version = parse_integer(version).ok_or(CommandError::VersionNotAnInteger)?;
        hello.dialect = Some(match version {
            2 => Dialect::Resp2,
            3 => Dialect::Resp3,
            _ => return Err(CommandError::UnsupportedVersion),
        });
    }
    while let Some(option) = arguments.look() {
        if is(option, "AUTH") && arguments.left() >= 2 {
            hello.credentials = Some(Credentials {
                user: Some(arguments.take()?),
                password: arguments.take()?,
            });
        } else if is(option, "SETNAME") && arguments.left() >= 1 {
            hello.name = Some(arguments.name("Client names")?);
        } else {
            return refuse(option, CommandError::HelloOption);
        }
    }
    done(ConnectionCommand::Hello(hello))
}

pub(crate) fn auth(arguments: &mut Arguments<'_>) -> Parsed {
    let user = match arguments.left() {
        1 => None,
        2 => Some(arguments.take()?),
        _ => return Err(CommandError::Syntax),
    };
    done(ConnectionCommand::Auth(Credentials {
        user,
        password: arguments.take()?,
    }))
}

pub(crate) fn select(arguments: &mut Arguments<'_>) -> Parsed {
    const MIN: i64 = i32::MIN as i64;
    const MAX: i64 = i32::MAX as i64;
    const BEYOND: i64 = MAX + 1;
    match arguments.integer()? {
        0 => done(ConnectionCommand::Select),
        ..MIN | BEYOND.. => Err(CommandError::OutOfRange(MIN, MAX)),
        _ => Err(CommandError::DatabaseOutOfRange),
    }
}

pub(crate) fn quit(_: &mut Arguments<'_>) -> Parsed {
    done(ConnectionCommand::Quit)
}

pub(crate) fn reset(_: &mut Arguments<'_>) -> Parsed {
    done(ConnectionCommand::Reset)
}

pub(crate) fn readonly(_: &mut Arguments<'_>) -> Parsed {
    done(ConnectionCommand::ReadOnly)
}

pub(crate) fn readwrite(_: &mut Arguments<'_>) -> Parsed {
    done(ConnectionCommand::ReadWrite)
}

pub(crate) fn client_id(_: &mut Arguments<'_>) -> Parsed {
    done(ConnectionCommand::ClientId)
}

pub(crate) fn client_getname(_: &mut Arguments<'_>) -> Parsed {
    done(ConnectionCommand::ClientName)
}

pub(crate) fn client_setname(arguments: &mut Arguments<'_>) -> Parsed {
    done(ConnectionCommand::SetClientName(
        arguments.name("Client names")?,
    ))
}

pub(crate) fn client_setinfo(arguments: &mut Arguments<'_>) -> Parsed {
    let option = arguments.must_look()?;
    let (field, name) = if is(option, "LIB-NAME") {
        (ClientField::LibraryName, "lib-name")
    } else if is(option, "LIB-VER") {
        (ClientField::LibraryVersion, "lib-ver")
    } else {
        return refuse(option, CommandError::UnrecognizedOption);
    };
    done(ConnectionCommand::SetClientField(
        field,
        arguments.name(name)?,
    ))
}

pub(crate) fn client_info(_: &mut Arguments<'_>) -> Parsed {
    done(ConnectionCommand::ClientInfo)
}

pub(crate) fn client_list(arguments: &mut Arguments<'_>) -> Parsed {
    let all = arguments.left();
    let option = arguments.look();
    let filter = match option {
        None => ClientFilter::All,
        Some(option) if is(option, "TYPE") && all == 2 => client_type(arguments.must_look()?)?,
        Some(option) if is(option, "ID") && all > 1 => {
            let mut ids = Vec::new();
            while let Some(id) = arguments.look() {
                ids.push(parse_integer(id).ok_or(CommandError::InvalidClientId)?);
            }
            ClientFilter::Ids(ids)
        }
        Some(_) => return Err(CommandError::Syntax),
    };
    done(ConnectionCommand::ClientList(filter))
}

fn client_type(name: &[u8]) -> Result<ClientFilter, CommandError> {
    if is(name, "normal") {
        Ok(ClientFilter::Normal)
    } else if ["slave", "replica", "pubsub", "master"]
        .iter()
        .any(|kind| is(name, kind))
    {
        Ok(ClientFilter::None)
    } else {
        refuse(name, CommandError::UnknownClientType)
    }
}

pub(crate) fn client_no_evict(arguments: &mut Arguments<'_>) -> Parsed {
    done(ConnectionCommand::ClientNoEvict(switch(arguments)?))
}

pub(crate) fn client_no_touch(arguments: &mut Arguments<'_>) -> Parsed {
    done(ConnectionCommand::ClientNoTouch(switch(arguments)?))
}

fn switch(arguments: &mut Arguments<'_>) -> Result<bool, CommandError> {
    match arguments.must_look()? {
        word if is(word, "ON") => Ok(true),
        word if is(word, "OFF") => Ok(false),
        _ => Err(CommandError::Syntax),
    }
}
