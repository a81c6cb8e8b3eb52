//! A client of a cluster: asks one node after another until one takes the operation.

mod connection;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod members;
mod problem;
mod reply;
#[cfg(test)]
pub(crate) mod stub;
mod view;

pub(crate) use connection::{Connection, Lost, Unreachable};
pub(crate) use members::MembersView;
pub(crate) use problem::{End, Problem};
pub(crate) use reply::{Reply, reply};
pub(crate) use view::{
    ChangeView, MemberStanding, MemberView, Standing, State, View, ask_for, cluster_view,
};

use crate::cli::failure::{Exit, Failure};
use crate::cli::values::millis;
use clap::Args;
use hyper::Method;
use hyper::body::Bytes;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
use protocol::{Address, RegisterName};
use std::fmt;
use std::time::Duration;

/// Which nodes to ask, and how long.
#[derive(Args, Clone, Debug)]
pub(crate) struct ClientArgs {
    /// A node to ask; may be given several times, and the next is tried when one fails
    #[arg(
        long = "node",
        env = "SHARDEDMEMORY_NODE",
        value_name = "HOST:PORT",
        value_delimiter = ',',
        default_value = "127.0.0.1:3030,127.0.0.1:3031,127.0.0.1:3032"
    )]
    pub(crate) nodes: Vec<Address>,

    /// How long each node that is asked may take, in milliseconds
    #[arg(
        long,
        env = "SHARDEDMEMORY_CLIENT_TIMEOUT_MS",
        value_name = "MS",
        value_parser = millis,
        default_value = "5000"
    )]
    pub(crate) timeout_ms: Duration,

    /// Print one JSON object instead
    #[arg(long)]
    pub(crate) json: bool,
}

/// An operation on a register, as a client asks for it.
pub(crate) struct Request<'a> {
    /// The register.
    pub(crate) name: &'a RegisterName,
    /// What to do with it.
    pub(crate) verb: Verb,
}

/// What can be done with a register.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Verb {
    /// Give what it holds.
    Read,
    /// Make it hold this.
    Write(Bytes),
    /// Make it hold nothing.
    Delete,
}

/// How an operation ended that some node did.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Done {
    /// The node that did it.
    pub(crate) node: Address,
    /// What was read, if there was something to read.
    pub(crate) value: Option<Bytes>,
    /// The register's tag, as the node writes it.
    pub(crate) tag: Option<String>,
    /// How many rounds of messages it took.
    pub(crate) rounds: Option<u8>,
}

/// How much longer than the operation's deadline the answer may take to arrive.
const ANSWER_GRACE: Duration = Duration::from_secs(1);

impl Request<'_> {
    /// Asks the nodes, in their order, until one does it or may have done it.
    ///
    /// A write goes to the next node only if it certainly did not happen at the one before: two
    /// writes of one value are not one write.
    ///
    /// # Errors
    /// [`Exit::Failed`] if it did not happen, [`Exit::Unknown`] if it may have.
    pub(crate) async fn run(&self, arguments: &ClientArgs) -> Result<Done, Failure> {
        let mut reasons = Vec::new();
        let mut answered = false;
        for node in &arguments.nodes {
            let mut connection = match Connection::open_answering(node).await {
                Ok(connection) => connection,
                Err(unreachable) => {
                    reasons.push((node, unreachable.to_string()));
                    continue;
                }
            };
            answered = true;
            match self.ask(&mut connection, arguments.timeout_ms).await {
                Reply::Done { value, tag, rounds } => {
                    return Ok(Done {
                        node: node.clone(),
                        value,
                        tag,
                        rounds,
                    });
                }
                Reply::Elsewhere(reason) => reasons.push((node, reason)),
                Reply::Refused(reason) => return Err(self.refused(node, &reason)),
                Reply::Unknown(reason) => return Err(self.unknown(node, &reason)),
            }
        }
        Err(self.nowhere(&reasons, answered))
    }

    /// Asks one node.
    pub(crate) async fn ask(&self, connection: &mut Connection, timeout: Duration) -> Reply {
        let (method, body) = match &self.verb {
            Verb::Read => (Method::GET, Bytes::new()),
            Verb::Write(value) => (Method::PUT, value.clone()),
            Verb::Delete => (Method::DELETE, Bytes::new()),
        };
        let path = format!(
            "{}?timeout_ms={}",
            register_path(self.name),
            timeout.as_millis()
        );
        let answer = connection
            .request(method, &path, body, timeout + ANSWER_GRACE)
            .await;
        reply(&self.verb, answer)
    }

    fn refused(&self, node: &Address, reason: &str) -> Failure {
        Failure::failed(format!("{node} refused the {self}: {reason}"))
    }

    fn unknown(&self, node: &Address, reason: &str) -> Failure {
        let message =
            format!("it is unknown whether the {self} through {node} happened, or will: {reason}");
        Failure::new(Exit::Unknown, message)
            .hint("read the register to see; to write again makes a second write")
    }

    fn nowhere(&self, reasons: &[(&Address, String)], answered: bool) -> Failure {
        let mut message = format!("no node did the {self}; nothing happened");
        for (node, reason) in reasons {
            message.push_str(&format!("\n  {node}: {reason}"));
        }
        let hint = if answered {
            "'shardedmemory status' shows which nodes are up; a majority must be"
        } else {
            WHERE_NODES_ARE
        };
        Failure::failed(message).hint(hint)
    }
}

/// Advice for those who found no node that could help.
pub(crate) const WHERE_NODES_ARE: &str =
    "'shardedmemory cluster' starts three nodes here; --node HOST:PORT names others";

impl fmt::Display for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = match self.verb {
            Verb::Read => "read",
            Verb::Write(_) => "write",
            Verb::Delete => "delete",
        };
        write!(f, "{verb} of {:?}", self.name)
    }
}

/// Everything but the characters that RFC 3986 calls unreserved.
pub(crate) const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

fn register_path(name: &RegisterName) -> String {
    format!("/v1/registers/{}", percent_encode(name.as_bytes(), ENCODED))
}

#[cfg(test)]
mod tests;
