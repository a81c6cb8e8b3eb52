//! Who is connected: [`Connections`].

use bytes::Bytes;
use commands::UnixMillis;
use parking_lot::Mutex;
use resp::Dialect;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU8, AtomicU64, Ordering};

/// The Redis connections of a node, those that are open and how many there were.
///
/// There are no more entries than connections, which the node bounds.
#[derive(Debug, Default)]
pub(crate) struct Connections(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    open: BTreeMap<u64, Arc<Client>>,
    /// The number of the latest connection, which is also how many there were.
    latest: u64,
    /// What those asked that are closed.
    commands_before: u64,
}

/// What others may know of one connection. Its own task writes here, with no lock on what changes
/// with each request.
#[derive(Debug)]
pub(crate) struct Client {
    /// Its number; never used again.
    pub(super) id: u64,
    /// The other end.
    pub(super) peer: SocketAddr,
    /// This end.
    pub(super) local: SocketAddr,
    pub(super) opened: UnixMillis,
    /// What it said of itself.
    pub(super) names: Mutex<Names>,
    /// When it asked last.
    asked: AtomicI64,
    commands: AtomicU64,
    /// How many commands it has gathered, and one more; 0 if it is in no transaction.
    gathered: AtomicU64,
    watched: AtomicU64,
    flags: AtomicU8,
    /// How the name of its last command begins, as it was sent.
    command: [AtomicU64; 2],
}

/// What a client said of itself.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    pub(super) name: Bytes,
    pub(super) library: Bytes,
    pub(super) library_version: Bytes,
}

/// How many bytes of a command's name are kept. The longest one that there is has 11.
const COMMAND_BYTES: usize = 16;

const RESP3: u8 = 1;
const NO_EVICT: u8 = 2;
const NO_TOUCH: u8 = 4;

impl Connections {
    /// One more connection, until the [`Open`] is dropped.
    pub(super) fn enter(
        self: &Arc<Self>,
        peer: SocketAddr,
        local: SocketAddr,
        now: UnixMillis,
    ) -> Open {
        let mut state = self.0.lock();
        state.latest += 1;
        let client = Arc::new(Client {
            id: state.latest,
            peer,
            local,
            opened: now,
            names: Mutex::default(),
            asked: AtomicI64::new(now.0),
            commands: AtomicU64::new(0),
            gathered: AtomicU64::new(0),
            watched: AtomicU64::new(0),
            flags: AtomicU8::new(0),
            command: Default::default(),
        });
        state.open.insert(client.id, Arc::clone(&client));
        Open {
            connections: Arc::clone(self),
            client,
        }
    }

    /// Those that are open, the oldest first.
    pub(super) fn open(&self) -> Vec<Arc<Client>> {
        self.0.lock().open.values().cloned().collect()
    }

    /// The one with this number, if it is open.
    pub(super) fn find(&self, id: u64) -> Option<Arc<Client>> {
        self.0.lock().open.get(&id).cloned()
    }

    /// How many are open, how many there were in all, and how many commands all of them sent.
    pub(super) fn figures(&self) -> ConnectionFigures {
        let state = self.0.lock();
        let commands = state.open.values().map(|client| client.commands());
        ConnectionFigures {
            open: state.open.len(),
            ever: state.latest,
            commands: state.commands_before + commands.sum::<u64>(),
        }
    }
}

/// How many connections there are.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct ConnectionFigures {
    pub(super) open: usize,
    pub(super) ever: u64,
    /// What they asked, those that are closed too.
    pub(super) commands: u64,
}

/// A connection's place among those that are open.
#[derive(Debug)]
pub(super) struct Open {
    connections: Arc<Connections>,
    client: Arc<Client>,
}

impl std::ops::Deref for Open {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let mut state = self.connections.0.lock();
        state.open.remove(&self.client.id);
        state.commands_before += self.client.commands();
    }
}

impl Client {
    /// It has sent a command. Called by its own task alone, so nothing is counted twice.
    pub(super) fn note_command(&self, name: &[u8], now: UnixMillis) {
        let commands = self.commands.load(Ordering::Relaxed);
        self.commands.store(commands + 1, Ordering::Relaxed);
        self.asked.store(now.0, Ordering::Relaxed);
        let mut kept = [0; COMMAND_BYTES];
        let count = name.len().min(COMMAND_BYTES);
        kept[..count].copy_from_slice(&name[..count]);
        let (front, back) = kept.split_at(COMMAND_BYTES / 2);
        for (to, half) in self.command.iter().zip([front, back]) {
            let half = half.try_into().expect("half of sixteen bytes are eight");
            to.store(u64::from_le_bytes(half), Ordering::Relaxed);
        }
    }

    /// How many commands it has sent.
    pub(super) fn commands(&self) -> u64 {
        self.commands.load(Ordering::Relaxed)
    }

    /// When it asked last.
    pub(super) fn asked(&self) -> UnixMillis {
        UnixMillis(self.asked.load(Ordering::Relaxed))
    }

    /// Its last command, if that is one.
    pub(super) fn command(&self) -> Option<&'static str> {
        let [front, back] = &self.command;
        let halves = [front, back].map(|half| half.load(Ordering::Relaxed).to_le_bytes());
        let kept = halves.concat();
        let end = kept.iter().position(|byte| *byte == 0);
        let known = commands::find(&kept[..end.unwrap_or(COMMAND_BYTES)]);
        known.map(|command| command.name)
    }

    /// How many commands it has gathered, if it is in a transaction.
    pub(super) fn gathered(&self) -> Option<u64> {
        self.gathered.load(Ordering::Relaxed).checked_sub(1)
    }

    /// It has gathered so many commands, or is in no transaction.
    pub(super) fn note_gathered(&self, gathered: Option<usize>) {
        let gathered = gathered.map_or(0, |count| count as u64 + 1);
        self.gathered.store(gathered, Ordering::Relaxed);
    }

    /// How many registers it watches; of several, that they are more than one.
    pub(super) fn watched(&self) -> u64 {
        self.watched.load(Ordering::Relaxed)
    }

    pub(super) fn note_watched(&self, watched: u64) {
        self.watched.store(watched, Ordering::Relaxed);
    }

    /// Which dialect it is answered in.
    pub(super) fn dialect(&self) -> Dialect {
        match self.is(RESP3) {
            true => Dialect::Resp3,
            false => Dialect::Resp2,
        }
    }

    pub(super) fn note_dialect(&self, dialect: Dialect) {
        self.set(RESP3, dialect == Dialect::Resp3);
    }

    /// What it asked for by `CLIENT NO-EVICT`.
    pub(super) fn no_evict(&self) -> bool {
        self.is(NO_EVICT)
    }

    pub(super) fn note_no_evict(&self, on: bool) {
        self.set(NO_EVICT, on);
    }

    /// What it asked for by `CLIENT NO-TOUCH`.
    pub(super) fn no_touch(&self) -> bool {
        self.is(NO_TOUCH)
    }

    pub(super) fn note_no_touch(&self, on: bool) {
        self.set(NO_TOUCH, on);
    }

    fn is(&self, flag: u8) -> bool {
        self.flags.load(Ordering::Relaxed) & flag != 0
    }

    fn set(&self, flag: u8, on: bool) {
        match on {
            true => self.flags.fetch_or(flag, Ordering::Relaxed),
            false => self.flags.fetch_and(!flag, Ordering::Relaxed),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(port: u16) -> SocketAddr {
        ([127, 0, 0, 1], port).into()
    }

    fn enter(connections: &Arc<Connections>) -> Open {
        connections.enter(address(5000), address(3030), UnixMillis(1_000))
    }

    #[test]
    fn numbers_are_given_once_and_what_is_closed_is_counted_still() {
        let connections = Arc::new(Connections::default());
        let (first, second) = (enter(&connections), enter(&connections));
        assert_eq!((first.id, second.id), (1, 2));
        first.note_command(b"get", UnixMillis(1_001));
        second.note_command(b"get", UnixMillis(1_002));
        second.note_command(b"PEXPIRETIME", UnixMillis(1_003));
        assert_eq!(second.command(), Some("pexpiretime"));
        assert_eq!(second.asked(), UnixMillis(1_003));
        drop(second);
        let third = enter(&connections);
        assert_eq!(third.id, 3);
        let ids: Vec<u64> = connections.open().iter().map(|client| client.id).collect();
        assert_eq!(ids, [1, 3]);
        assert!(connections.find(2).is_none());
        let (open, ever, commands) = (2, 3, 3);
        let expected = ConnectionFigures {
            open,
            ever,
            commands,
        };
        assert_eq!(connections.figures(), expected);
    }

    #[test]
    fn a_command_that_there_is_not_is_not_repeated_to_others() {
        let connections = Arc::new(Connections::default());
        let client = enter(&connections);
        assert_eq!(client.command(), None);
        for name in [
            &b"nonsense"[..],
            b"",
            b"a name that is far too long",
            b"ge\nt",
        ] {
            client.note_command(name, UnixMillis(0));
            assert_eq!(client.command(), None);
        }
    }

    #[test]
    fn each_flag_is_apart() {
        let connections = Arc::new(Connections::default());
        let client = enter(&connections);
        client.note_no_evict(true);
        client.note_dialect(Dialect::Resp3);
        assert!(client.no_evict() && !client.no_touch());
        client.note_no_evict(false);
        client.note_no_touch(true);
        assert!(!client.no_evict() && client.no_touch());
        assert_eq!(client.dialect(), Dialect::Resp3);
        assert_eq!(client.gathered(), None);
        client.note_gathered(Some(0));
        assert_eq!(client.gathered(), Some(0));
        client.note_gathered(None);
        assert_eq!(client.gathered(), None);
    }
}
