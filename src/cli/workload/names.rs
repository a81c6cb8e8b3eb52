//! The registers of a workload: [`Names`].

use crate::cli::client::{Connection, Credentials, Reply, Request, Verb};
use crate::cli::failure::Failure;
use protocol::{Address, RegisterName};
use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

/// Registers that are named by a prefix and a number, from zero on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Names {
    prefix: String,
    count: usize,
}

/// What became of registers that were to be deleted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Clearing {
    /// They hold nothing.
    Cleared,
    /// From this one on, they may hold something, for this reason.
    Stopped(RegisterName, String),
}

impl Names {
    /// How long a prefix may be, so that a number fits behind it.
    pub(crate) const PREFIX_BYTES_MAX: usize = 1000;

    /// So many registers with this prefix.
    ///
    /// # Panics
    /// If the prefix is longer than [`Names::PREFIX_BYTES_MAX`].
    pub(crate) fn new(prefix: impl Into<String>, count: usize) -> Self {
        let prefix = prefix.into();
        assert!(prefix.len() <= Self::PREFIX_BYTES_MAX, "{prefix}");
        Self { prefix, count }
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// The name with this number.
    pub(crate) fn get(&self, number: usize) -> RegisterName {
        let name = format!("{}{number}", self.prefix);
        RegisterName::new(name).expect("the prefix leaves room for a number")
    }

    /// All of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = RegisterName> {
        (0..self.count).map(|number| self.get(number))
    }

    /// Sees that the registers hold nothing, as a history has it that begins now.
    ///
    /// # Errors
    /// If one of them holds something, or no node tells.
    pub(crate) async fn claim(
        &self,
        nodes: &[Address],
        credentials: &Credentials,
        timeout: Duration,
    ) -> Result<(), Failure> {
        let nodes = (nodes, credentials);
        let mut connection = None;
        for name in self.iter() {
            match ask(nodes, &mut connection, &name, Verb::Read, timeout).await {
                Ok(None) => {}
                Ok(Some(_)) => {
                    let message = format!(
                        "the register {name:?} holds something, which is not touched; nothing \
                         happened"
                    );
                    return Err(Failure::failed(message)
                        .hint("choose a prefix that no register has, or none"));
                }
                Err(why) => {
                    let message = format!(
                        "no node tells whether the register {name:?} is free; nothing \
                         happened{why}"
                    );
                    return Err(Failure::failed(message).hint(
                        "'shardedmemory status' shows which nodes are up; a majority must be",
                    ));
                }
            }
        }
        Ok(())
    }

    /// Deletes the registers with these numbers. One that holds nothing gets a tombstone, too.
    pub(crate) async fn clear(
        &self,
        numbers: &BTreeSet<usize>,
        nodes: &[Address],
        credentials: &Credentials,
        timeout: Duration,
    ) -> Clearing {
        let nodes = (nodes, credentials);
        let mut connection = None;
        for name in numbers.iter().map(|number| self.get(*number)) {
            if let Err(why) = ask(nodes, &mut connection, &name, Verb::Delete, timeout).await {
                return Clearing::Stopped(name, why);
            }
        }
        Clearing::Cleared
    }
}

/// `"a-0" to "a-7"`
impl fmt::Display for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.count {
            1 => write!(f, "{:?}", self.get(0)),
            count => write!(f, "{:?} to {:?}", self.get(0), self.get(count - 1)),
        }
    }
}

/// Asks one node after the other until it is done; a read or a delete may be asked for twice.
async fn ask(
    (nodes, credentials): (&[Address], &Credentials),
    connection: &mut Option<Connection>,
    name: &RegisterName,
    verb: Verb,
    timeout: Duration,
) -> Result<Option<hyper::body::Bytes>, String> {
    let request = Request { name, verb };
    let mut reasons = String::new();
    if let Some(open) = connection
        && let Reply::Done { value, .. } = request.ask(open, timeout).await
    {
        return Ok(value);
    }
    *connection = None;
    for node in nodes {
        let why = match Connection::open_answering(node).await {
            Ok(open) => {
                let mut open = open.saying(credentials);
                match request.ask(&mut open, timeout).await {
                    Reply::Done { value, .. } => {
                        *connection = Some(open);
                        return Ok(value);
                    }
                    Reply::Elsewhere(why) | Reply::Refused(why) | Reply::Unknown(why) => why,
                }
            }
            Err(unreachable) => unreachable.to_string(),
        };
        reasons.push_str(&format!("\n  {node}: {why}"));
    }
    Err(reasons)
}
