//! What a node says of its cluster.

use crate::cli::client::Connection;
use hyper::body::Bytes;
use hyper::{Method, StatusCode};
use protocol::Address;
use serde::Deserialize;
use serde_json::Value;
use std::fmt;
use std::time::Duration;

/// The part of `GET /v1/cluster` that commands show or act on.
#[derive(Deserialize, Clone, PartialEq, Eq, Debug)]
pub(crate) struct View {
    /// The node's identity.
    pub(crate) node: String,
    /// What it is to the cluster.
    pub(crate) standing: Standing,
    /// The cluster, once there is one.
    pub(crate) cluster: Option<String>,
    /// The newest epoch it has entered.
    pub(crate) epoch: u64,
    /// The members, as this node sees them.
    pub(crate) members: Vec<MemberView>,
    /// While no cluster stands: the addresses that founding waits for.
    #[serde(default)]
    pub(crate) awaited: Vec<String>,
    /// Whether a quorum of the members is alive to it.
    pub(crate) quorum: bool,
    /// Whether so many members lost their memory that the registers are gone.
    #[serde(default)]
    pub(crate) quorum_lost: bool,
    /// How many registers it holds.
    pub(crate) registers: u64,
    /// How many clients' operations run on it.
    pub(crate) operations_running: u64,
    /// How many rounds its operations took.
    pub(crate) rounds: OperationRounds,
    /// The version of its program.
    pub(crate) version: String,
}

/// One member, as a node sees it.
#[derive(Deserialize, Clone, PartialEq, Eq, Debug)]
pub(crate) struct MemberView {
    /// Its identity.
    pub(crate) id: String,
    /// Where it is dialled.
    pub(crate) address: String,
    /// Whether it answers.
    pub(crate) state: State,
    /// Whether its memory is gone.
    #[serde(default)]
    pub(crate) lost: bool,
}

/// What a node is to its cluster.
#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Standing {
    /// It knows of no cluster yet.
    Fresh,
    /// It holds registers and votes.
    Member,
    /// It holds nothing and forwards.
    Outsider,
}

/// What a node believes of another.
#[derive(Deserialize, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[serde(rename_all = "lowercase")]
pub(crate) enum State {
    /// It answers.
    Alive,
    /// It missed a pong, or its connection broke.
    Suspect,
    /// It has been silent for long.
    Down,
}

/// How many rounds operations took, by kind.
#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct OperationRounds {
    /// Reads.
    pub(crate) read: Rounds,
}

/// How many operations took so many rounds.
#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Rounds {
    /// One.
    pub(crate) one: u64,
    /// Two.
    pub(crate) two: u64,
    /// More than two.
    pub(crate) more: u64,
}

impl Rounds {
    /// The share that took one round, or nothing if there were none.
    pub(crate) fn share_of_one(&self) -> Option<f64> {
        let all = self.one + self.two + self.more;
        (all > 0).then(|| self.one as f64 / all as f64)
    }
}

impl View {
    /// What this node believes of the member at an address.
    pub(crate) fn state_of(&self, address: &Address) -> Option<State> {
        let member = self
            .members
            .iter()
            .find(|member| member.address == address.as_str())?;
        Some(member.state)
    }
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Standing::Fresh => "fresh",
            Standing::Member => "member",
            Standing::Outsider => "outsider",
        })
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            State::Alive => "alive",
            State::Suspect => "suspect",
            State::Down => "down",
        })
    }
}

/// Asks a node for its view, as it wrote it and as it is understood here.
///
/// # Errors
/// Why it has none to give.
pub(crate) async fn cluster_view(
    node: &Address,
    deadline: Duration,
) -> Result<(Value, View), String> {
    let mut connection = Connection::open_answering(node)
        .await
        .map_err(|error| error.to_string())?;
    let answer = connection
        .request(Method::GET, "/v1/cluster", Bytes::new(), deadline)
        .await;
    let (head, body) = answer.map_err(|error| error.to_string())?.into_parts();
    if head.status != StatusCode::OK {
        return Err(format!("it answered {}", head.status));
    }
    let foreign = |error| format!("its view of the cluster cannot be read ({error})");
    let written: Value = serde_json::from_slice(&body).map_err(foreign)?;
    let view = View::deserialize(&written).map_err(foreign)?;
    Ok((written, view))
}
