//! A client of a cluster: asks one node after another until one takes the operation.

mod connection;
mod credentials;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod members;
mod nodes;
mod pages;
mod problem;
mod reply;
#[cfg(test)]
pub(crate) mod stub;
mod terms;
mod view;

pub(crate) use connection::{Connection, Lost, Unreachable};
pub(crate) use credentials::Credentials;
pub(crate) use members::MembersView;
pub(crate) use nodes::{Ask, NoAnswer, Nodes};
pub(crate) use pages::Page;
pub(crate) use problem::{End, Problem};
pub(crate) use reply::{Reply, reply};
pub(crate) use terms::{ConditionArgs, Terms, Wanted};
pub(crate) use view::{
    ChangeView, MemberStanding, MemberView, Standing, State, View, ask_for, cluster_view,
    cluster_view_as,
};

use crate::cli::failure::{Exit, Failure};
use crate::cli::password::PasswordArgs;
use crate::cli::values::millis;
use clap::Args;
use hyper::body::Bytes;
use hyper::{HeaderMap, Method, Response, StatusCode};
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

    #[command(flatten)]
    pub(crate) password: PasswordArgs,

    /// Print one JSON object instead
    #[arg(long)]
    pub(crate) json: bool,
}

impl ClientArgs {
    /// What is said to the nodes to be let in.
    ///
    /// # Errors
    /// If what was given is no password, or cannot be read.
    pub(crate) fn credentials(&self) -> Result<Credentials, Failure> {
        Credentials::of(&self.password)
    }
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
    /// When the value expires, in milliseconds since 1970, if it does.
    pub(crate) expires_ms: Option<u64>,
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
        self.run_on(&Terms::default(), arguments).await
    }

    /// The same, on these terms.
    ///
    /// # Errors
    /// Those, and [`Exit::Unmet`] if the register is not as the terms have it.
    pub(crate) async fn run_on(
        &self,
        terms: &Terms,
        arguments: &ClientArgs,
    ) -> Result<Done, Failure> {
        let credentials = arguments.credentials()?;
        let mut reasons = Vec::new();
        let mut answered = false;
        for node in &arguments.nodes {
            let mut connection = match Connection::open_answering(node).await {
                Ok(connection) => connection.saying(&credentials),
                Err(unreachable) => {
                    reasons.push((node, unreachable.to_string()));
                    continue;
                }
            };
            answered = true;
            let answer = self
                .exchange(terms, &mut connection, arguments.timeout_ms)
                .await;
            if let Some(reason) = unmet(&answer) {
                return Err(self.unmet(node, &reason));
            }
            match reply(&self.verb, answer) {
                Reply::Done {
                    value,
                    tag,
                    expires_ms,
                    rounds,
                } => {
                    return Ok(Done {
                        node: node.clone(),
                        value,
                        tag,
                        expires_ms,
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
        let answer = self.exchange(&Terms::default(), connection, timeout).await;
        reply(&self.verb, answer)
    }

    /// Asks one node, on these terms. `None` if the register was not as they have it.
    pub(crate) async fn ask_on(
        &self,
        terms: &Terms,
        connection: &mut Connection,
        timeout: Duration,
    ) -> Option<Reply> {
        let answer = self.exchange(terms, connection, timeout).await;
        unmet(&answer).is_none().then(|| reply(&self.verb, answer))
    }

    async fn exchange(
        &self,
        terms: &Terms,
        connection: &mut Connection,
        timeout: Duration,
    ) -> Result<Response<Bytes>, Lost> {
        let (method, body) = match &self.verb {
            Verb::Read => (Method::GET, Bytes::new()),
            Verb::Write(value) => (Method::PUT, value.clone()),
            Verb::Delete => (Method::DELETE, Bytes::new()),
        };
        let mut path = format!(
            "{}?timeout_ms={}",
            register_path(self.name),
            timeout.as_millis()
        );
        if let Some(ttl_ms) = terms.ttl_ms {
            path.push_str(&format!("&ttl_ms={ttl_ms}"));
        }
        let headers: HeaderMap = terms.condition.iter().map(Wanted::header).collect();
        connection
            .request_with(method, &path, headers, body, timeout + ANSWER_GRACE)
            .await
    }

    fn unmet(&self, node: &Address, reason: &str) -> Failure {
        let message = format!("the {self} through {node} did not happen: {reason}");
        Failure::new(Exit::Unmet, message)
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

/// Why a write did not happen, if it is that its condition did not hold.
fn unmet(answer: &Result<Response<Bytes>, Lost>) -> Option<String> {
    let answer = answer.as_ref().ok()?;
    let problem = Problem::read(answer.body());
    let is_unmet =
        answer.status() == StatusCode::PRECONDITION_FAILED && problem.outcome == Some(End::Refused);
    is_unmet.then(|| problem.reason(answer.status()))
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

/// Where a register is.
pub(crate) fn register_path(name: &RegisterName) -> String {
    format!("/v1/registers/{}", percent_encode(name.as_bytes(), ENCODED))
}

#[cfg(test)]
mod tests;
