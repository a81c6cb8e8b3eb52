//! Commands on the connection itself: `HELLO`, `AUTH`, `CLIENT` and the like.

use super::answers;
use super::connections::Client;
use super::server::REDIS_VERSION;
use super::transaction::Watched;
use super::{Registers, Session, Sessions};
use bytes::{Bytes, BytesMut};
use commands::{ClientField, ClientFilter, ConnectionCommand, Credentials, Hello, UnixMillis};
use resp::{Dialect, ReplyWriter};
use std::fmt::Write;

/// The one user that there is.
const USER: &[u8] = b"default";

impl<N: Registers> Sessions<N> {
    /// Whether clients have to say a password.
    pub(super) fn wants_password(&self) -> bool {
        self.settings.password.is_some()
    }

    fn is_right(&self, credentials: &Credentials) -> bool {
        let user = credentials.user.as_deref().unwrap_or(USER);
        let password = self.settings.password.as_ref();
        // Without a password the user is let in with any.
        user == USER && password.is_none_or(|password| password.is(&credentials.password))
    }
}

impl<N: Registers> Session<N> {
    pub(super) fn answer_connection(
        &mut self,
        command: ConnectionCommand,
        now: UnixMillis,
        out: &mut BytesMut,
    ) {
        match command {
            ConnectionCommand::Hello(hello) => return self.hello(hello, out),
            ConnectionCommand::Auth(credentials) => return self.authenticate(&credentials, out),
            ConnectionCommand::Reset => return self.reset(out),
            ConnectionCommand::SetClientName(name) => self.client.names.lock().name = name,
            ConnectionCommand::SetClientField(field, value) => {
                let mut names = self.client.names.lock();
                match field {
                    ClientField::LibraryName => names.library = value,
                    ClientField::LibraryVersion => names.library_version = value,
                }
            }
            ConnectionCommand::ClientNoEvict(on) => self.client.note_no_evict(on),
            ConnectionCommand::ClientNoTouch(on) => self.client.note_no_touch(on),
            ConnectionCommand::Select
            | ConnectionCommand::ReadOnly
            | ConnectionCommand::ReadWrite
            | ConnectionCommand::Quit => {}
            command => return self.tell(command, now, out),
        }
        ReplyWriter::new(out, self.dialect).simple("OK");
    }

    /// Answers what changes nothing.
    fn tell(&self, command: ConnectionCommand, now: UnixMillis, out: &mut BytesMut) {
        let to = &mut ReplyWriter::new(out, self.dialect);
        match command {
            ConnectionCommand::Ping(None) => to.simple("PONG"),
            ConnectionCommand::Ping(Some(text)) | ConnectionCommand::Echo(text) => to.bulk(text),
            ConnectionCommand::ClientId => to.integer(self.client.id as i64),
            ConnectionCommand::ClientName => {
                let name = self.client.names.lock().name.clone();
                match name.is_empty() {
                    true => to.nil(),
                    false => to.bulk(name),
                }
            }
            ConnectionCommand::ClientInfo => to.verbatim(*b"txt", line(&self.client, now)),
            ConnectionCommand::ClientList(filter) => {
                let clients = self.listed(&filter);
                let lines: String = clients.iter().map(|client| line(client, now)).collect();
                to.verbatim(*b"txt", lines);
            }
            other => unreachable!("{other:?} is answered by OK or by itself"),
        }
    }

    fn listed(&self, filter: &ClientFilter) -> Vec<std::sync::Arc<Client>> {
        let connections = &self.shared.connections;
        match filter {
            ClientFilter::All | ClientFilter::Normal => connections.open(),
            ClientFilter::None => Vec::new(),
            ClientFilter::Ids(ids) => {
                let mut ids: Vec<u64> = ids.iter().filter_map(|&id| id.try_into().ok()).collect();
                // Named twice it is listed once, or a long request would have a far longer answer.
                ids.sort_unstable();
                ids.dedup();
                ids.into_iter()
                    .filter_map(|id| connections.find(id))
                    .collect()
            }
        }
    }

    fn hello(&mut self, hello: Hello, out: &mut BytesMut) {
        let refuse = |text: &str, out: &mut BytesMut| {
            ReplyWriter::new(out, self.dialect).error(text);
        };
        match &hello.credentials {
            Some(credentials) if !self.shared.is_right(credentials) => {
                return refuse(answers::WRONG_PASSWORD, out);
            }
            Some(_) => self.is_authenticated = true,
            None if !self.is_authenticated => return refuse(answers::NO_AUTH_HELLO, out),
            None => {}
        }
        if let Some(name) = hello.name {
            self.client.names.lock().name = name;
        }
        if let Some(dialect) = hello.dialect {
            self.speak(dialect);
        }
        let to = &mut ReplyWriter::new(out, self.dialect);
        to.map(7);
        to.bulk("server");
        to.bulk("redis");
        to.bulk("version");
        to.bulk(REDIS_VERSION);
        to.bulk("proto");
        to.integer(match self.dialect {
            Dialect::Resp2 => 2,
            Dialect::Resp3 => 3,
        });
        to.bulk("id");
        to.integer(self.client.id as i64);
        to.bulk("mode");
        to.bulk("standalone");
        to.bulk("role");
        to.bulk("master");
        to.bulk("modules");
        to.array(0);
    }

    fn authenticate(&mut self, credentials: &Credentials, out: &mut BytesMut) {
        let to = &mut ReplyWriter::new(out, self.dialect);
        if credentials.user.is_none() && !self.shared.wants_password() {
            to.error(answers::NO_PASSWORD_SET);
        } else if self.shared.is_right(credentials) {
            self.is_authenticated = true;
            to.simple("OK");
        } else {
            to.error(answers::WRONG_PASSWORD);
        }
    }

    fn reset(&mut self, out: &mut BytesMut) {
        self.discard();
        self.set_watched(Watched::Nothing);
        self.speak(Dialect::Resp2);
        self.is_authenticated = !self.shared.wants_password();
        self.client.names.lock().name = Bytes::new();
        self.client.note_no_evict(false);
        self.client.note_no_touch(false);
        ReplyWriter::new(out, self.dialect).simple("RESET");
    }

    fn speak(&mut self, dialect: Dialect) {
        self.dialect = dialect;
        self.client.note_dialect(dialect);
    }
}

/// What `CLIENT LIST` says of a connection. What Redis tells of its own buffers is left out.
fn line(client: &Client, now: UnixMillis) -> String {
    let names = client.names.lock().clone();
    let since = |then: UnixMillis| now.0.saturating_sub(then.0).max(0) / 1000;
    let mut flags = String::new();
    for (flag, is_set) in [
        ('x', client.gathered().is_some()),
        ('e', client.no_evict()),
        ('T', client.no_touch()),
    ] {
        if is_set {
            flags.push(flag);
        }
    }
    if flags.is_empty() {
        flags.push('N');
    }
    let mut line = String::new();
    // The names are printable ASCII without spaces, as they were checked when they were said.
    let text = |bytes: &Bytes| String::from_utf8_lossy(bytes).into_owned();
    let gathered = client.gathered().map_or(-1, |count| count as i64);
    let _ = writeln!(
        line,
        "id={} addr={} laddr={} name={} age={} idle={} flags={flags} db=0 sub=0 psub=0 ssub=0 \
         multi={gathered} watch={} cmd={} user=default redir=-1 resp={} lib-name={} lib-ver={} \
         tot-cmds={}",
        client.id,
        client.peer,
        client.local,
        text(&names.name),
        since(client.opened),
        since(client.asked()),
        client.watched(),
        client.command().unwrap_or("NULL"),
        match client.dialect() {
            Dialect::Resp2 => 2,
            Dialect::Resp3 => 3,
        },
        text(&names.library),
        text(&names.library_version),
        client.commands(),
    );
    line
}
