//! A Redis connection, apart from its data: who is there, what it gathers, and what it asks of the
//! node itself.
//!
//! [`Sessions`] is what all connections of a node share, a [`Session`] is one of them. A session
//! is asked first about each request ([`Session::step`]) and says what becomes of it.

mod answers;
mod cluster;
mod connections;
mod handshake;
mod local;
mod node;
mod one_register;
mod scripts;
mod server;
mod shared;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod transaction;

pub(crate) use shared::{MultiRegister, SessionSettings, Sessions};

use crate::metrics::Traffic;
use crate::server::{ClusterView, Limits, Placement};
use bytes::BytesMut;
use commands::{
    Command, CommandInfo, ConnectionCommand, ScriptCommand, ServerCommand, TransactionCommand,
    UnixMillis, find, parse,
};
use connections::Open;
use protocol::{Operation, Outcome, RegisterName};
use resp::{Dialect, ReplyWriter, Request};
use scripts::Deed;
use std::sync::Arc;
use std::time::Duration;
use transaction::{Gathered, Watched};

/// What sessions stand on: a node, or in tests something that answers as one.
pub(crate) trait Registers: Send + Sync + 'static {
    /// Carries out one operation. Ends by itself soon after the time-out.
    fn execute(
        &self,
        operation: Operation,
        timeout: Duration,
    ) -> impl Future<Output = Outcome> + Send;

    /// Carries out and answers a command on the names of registers. Ends by itself soon.
    fn list(&self, command: Command, to: &mut ReplyWriter<'_>) -> impl Future<Output = ()> + Send;

    /// Which nodes hold what; nothing before there is a cluster.
    fn placement(&self) -> Option<Placement>;

    /// The node's view of its cluster at this moment.
    fn view(&self) -> ClusterView;

    /// What passed between the node and its peers.
    fn traffic(&self) -> Traffic;

    /// How many operations it has done of each kind, as in
    /// [`OperationKind::ALL`](crate::metrics::OperationKind::ALL).
    fn operations_done(&self) -> [u64; 4];

    /// What clients may ask for.
    fn limits(&self) -> &Limits;
}

/// The state of one connection. When it is dropped, the connection is gone.
pub(crate) struct Session<N> {
    shared: Arc<Sessions<N>>,
    client: Open,
    dialect: Dialect,
    is_authenticated: bool,
    /// What `MULTI` began, if it did.
    gathered: Option<Gathered>,
    watched: Watched,
}

/// What becomes of a request.
#[derive(Debug)]
pub(crate) enum Step {
    /// It is about registers: the connection carries it out.
    Data(Command),
    /// It has been answered.
    Answered,
    /// It has been answered, and is the last one.
    Close,
    /// It takes a while: [`Session::carry_out`].
    Later(Later),
}

/// What takes a while. All that came before it is to be finished when it begins, and nothing that
/// comes after it may begin before its end.
#[derive(Debug)]
pub(crate) struct Later(Wait);

#[derive(Debug)]
enum Wait {
    Watch(RegisterName),
    Execute(Gathered, Watched),
    Script(Deed),
}

impl<N: Registers> Session<N> {
    /// In which dialect it is answered now. `HELLO` changes that for itself and what follows.
    pub(crate) fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Whether the client has said the password, if there is one.
    pub(crate) fn is_authenticated(&self) -> bool {
        self.is_authenticated
    }

    /// Looks at a request, and answers it if it can be answered at once. `now` is the wall clock.
    pub(crate) fn step(
        &mut self,
        request: &Request<'_>,
        now: UnixMillis,
        out: &mut BytesMut,
    ) -> Step {
        self.client.note_command(request.name(), now);
        if self.is_authenticated && self.gathered.is_none() {
            return match parse(request, now) {
                Ok(command) => self.begin(command, now, out),
                Err(error) => self.refuse(|to| error.write(to), out),
            };
        }
        let Some(info) = look_up(request) else {
            self.spoil(request);
            return match parse(request, now) {
                Err(error) => self.refuse(|to| error.write(to), out),
                Ok(_) => unreachable!("what there is not is not parsed"),
            };
        };
        if !self.is_authenticated && !info.flags().any(|flag| flag == "no_auth") {
            return self.refuse(|to| to.error(answers::NO_AUTH), out);
        }
        if self.gathered.is_some() && !AT_ONCE.contains(&info.name) {
            return self.gather(request, out);
        }
        match parse(request, now) {
            Ok(command) => self.begin(command, now, out),
            Err(error) => self.refuse(|to| error.write(to), out),
        }
    }

    fn begin(&mut self, command: Command, now: UnixMillis, out: &mut BytesMut) -> Step {
        match command {
            Command::String(_) | Command::Key(_) | Command::Server(ServerCommand::Size) => {
                Step::Data(command)
            }
            Command::Transaction(command) => self.begin_transaction(command, out),
            Command::Script(ScriptCommand::Run {
                script,
                keys,
                arguments,
            }) => match self.shared.scripts.deed(&script, &keys, &arguments, now) {
                Ok(deed) => Step::Later(Later(Wait::Script(deed))),
                Err(error) => self.refuse(|to| error.write(to), out),
            },
            Command::Connection(ConnectionCommand::Quit) => {
                ReplyWriter::new(out, self.dialect).simple("OK");
                Step::Close
            }
            command => {
                self.answer(command, now, out);
                Step::Answered
            }
        }
    }

    /// Answers a command that is neither about registers nor about what is gathered.
    fn answer(&mut self, command: Command, now: UnixMillis, out: &mut BytesMut) {
        match command {
            Command::Connection(command) => self.answer_connection(command, now, out),
            Command::Server(command) => self.answer_server(command, now, out),
            Command::Cluster(command) => self.answer_cluster(command, out),
            Command::Script(command) => {
                let scripts = &self.shared.scripts;
                scripts.answer(command, &mut ReplyWriter::new(out, self.dialect));
            }
            Command::String(_) | Command::Key(_) | Command::Transaction(_) => {
                unreachable!("it is begun, and not answered at once")
            }
        }
    }

    /// Carries out what takes a while, and answers it. Ends by itself soon after the time that an
    /// operation has.
    pub(crate) async fn carry_out(&mut self, later: Later, out: &mut BytesMut) {
        match later.0 {
            Wait::Watch(name) => self.watch(name, out).await,
            Wait::Execute(gathered, watched) => self.execute(gathered, watched, out).await,
            Wait::Script(deed) => self.run(deed, out).await,
        }
    }

    fn refuse(&self, write: impl FnOnce(&mut ReplyWriter<'_>), out: &mut BytesMut) -> Step {
        write(&mut ReplyWriter::new(out, self.dialect));
        Step::Answered
    }

    fn begin_transaction(&mut self, command: TransactionCommand, out: &mut BytesMut) -> Step {
        match self.transact(command) {
            transaction::Next::Answer(answer) => self.refuse(|to| answer.write(to), out),
            transaction::Next::Wait(wait) => Step::Later(Later(wait)),
        }
    }
}

/// What is done at once even after `MULTI`.
const AT_ONCE: [&str; 6] = ["exec", "discard", "multi", "watch", "quit", "reset"];

/// The command that a request names, if there is one and it takes so many arguments. What is
/// wrong with the arguments themselves is told only when it is carried out.
fn look_up(request: &Request<'_>) -> Option<&'static CommandInfo> {
    let mut info = find(request.name())?;
    if let Some(word) = request.get(1)
        && !info.subcommands.is_empty()
    {
        info = info.subcommand(word)?;
    }
    info.takes(request.len()).then_some(info)
}
