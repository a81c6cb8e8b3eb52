//! From a request to a [`Command`].

use crate::arguments::Arguments;
use crate::cluster::ClusterCommand;
use crate::connection::ConnectionCommand;
use crate::error::{CommandError, kept};
use crate::expiry::UnixMillis;
use crate::keys::KeyCommand;
use crate::script::ScriptCommand;
use crate::server::ServerCommand;
use crate::strings::StringCommand;
use crate::table;
use crate::transaction::TransactionCommand;
use resp::Request;

/// What a request asks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Command {
    /// Of a register's content.
    String(StringCommand),
    /// Of registers, whatever they hold.
    Key(KeyCommand),
    /// Of the connection itself.
    Connection(ConnectionCommand),
    /// Of the node.
    Server(ServerCommand),
    /// Of the cluster.
    Cluster(ClusterCommand),
    /// To gather commands.
    Transaction(TransactionCommand),
    /// To run a script.
    Script(ScriptCommand),
}

/// What the request asks; `now` is the wall clock, from which relative expiries are counted.
///
/// # Errors
/// What redis-server 7.0 answers, before it looks at any data.
pub fn parse(request: &Request<'_>, now: UnixMillis) -> Result<Command, CommandError> {
    let unknown = || CommandError::unknown_command(request);
    let mut info = table::find(request.name()).ok_or_else(unknown)?;
    let mut first = 1;
    if let Some(word) = request.get(1)
        && !info.subcommands.is_empty()
    {
        let unknown = || CommandError::UnknownSubcommand(info.name, kept(word));
        info = info.subcommand(word).ok_or_else(unknown)?;
        first = 2;
    }
    if !info.takes(request.len()) {
        return Err(CommandError::WrongArity(info.name));
    }
    (info.parse)(&mut Arguments::new(request, info.name, now, first))
}
