//! What a node says of its cluster.

use crate::cli::client::{Connection, Credentials, Problem};
use hyper::body::Bytes;
use hyper::{Method, StatusCode};
use protocol::Address;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::fmt;
use std::time::Duration;

/// The part of `GET /v1/cluster` that commands show or act on.
///
/// What has a default here may be missing in the view of a node of another version.
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
    /// On how many members each slot is held, if there are so many.
    #[serde(default)]
    pub(crate) replication: Option<u8>,
    /// The members, as this node sees them.
    pub(crate) members: Vec<MemberView>,
    /// The change of members that is under way.
    #[serde(default)]
    pub(crate) change: Option<ChangeView>,
    /// While no cluster stands: the addresses that founding waits for.
    #[serde(default)]
    pub(crate) awaited: Vec<String>,
    /// Whether a quorum of the members is alive to it.
    pub(crate) quorum: bool,
    /// Whether so many members lost their memory that the registers are gone.
    #[serde(default)]
    pub(crate) quorum_lost: bool,
    /// How many slots have no quorum alive.
    #[serde(default)]
    pub(crate) slots_without_quorum: u64,
    /// How many slots are gone: a majority of those that held them lost their memory.
    #[serde(default)]
    pub(crate) slots_lost: u64,
    /// How many more members may be lost, whichever they are, before something stops.
    #[serde(default)]
    pub(crate) losses_survived: Option<u64>,
    /// The node that has taken this one's place.
    #[serde(default)]
    pub(crate) replaced_by: Option<String>,
    /// Of how many slots that it is to hold it may lack something.
    #[serde(default)]
    pub(crate) lacking_slots: u64,
    /// How many registers it holds.
    pub(crate) registers: u64,
    /// The bytes of their names and values.
    #[serde(default)]
    pub(crate) bytes: u64,
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
    /// How large a share of the slots it takes, beside the others.
    #[serde(default)]
    pub(crate) weight: u32,
    /// What it is to the change of members that is under way.
    #[serde(default)]
    pub(crate) standing: MemberStanding,
    /// How many slots it holds; after the change, if one is under way.
    #[serde(default)]
    pub(crate) slots: u64,
    /// Of how many slots that it is to hold it may lack something.
    #[serde(default)]
    pub(crate) lacking_slots: u64,
}

/// What a member is to the change of members that is under way.
#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Debug, Default)]
#[serde(rename_all = "lowercase")]
pub(crate) enum MemberStanding {
    /// It is a member before and after it, or there is none.
    #[default]
    Member,
    /// It will be a member.
    Joining,
    /// It will be a member no longer.
    Leaving,
}

/// A change of members that is under way, as a node sees it.
#[derive(Deserialize, Clone, PartialEq, Eq, Debug)]
pub(crate) struct ChangeView {
    /// The epoch of the joint configuration.
    pub(crate) epoch: u64,
    /// The ids of those who will be members.
    pub(crate) joining: Vec<String>,
    /// The ids of those who will be members no longer.
    pub(crate) leaving: Vec<String>,
    /// How many groups of slots change hands.
    pub(crate) groups: u64,
    /// How many of them are copied.
    pub(crate) groups_copied: u64,
    /// How many registers were copied.
    pub(crate) registers: u64,
    /// The bytes of their names and values.
    pub(crate) bytes: u64,
    /// For how long nothing has moved on.
    pub(crate) stalled_for_ms: u64,
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

impl fmt::Display for MemberStanding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            MemberStanding::Member => "member",
            MemberStanding::Joining => "joining",
            MemberStanding::Leaving => "leaving",
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
    cluster_view_as(node, &Credentials::NONE, deadline).await
}

/// The same of a node that may want a password.
///
/// # Errors
/// Why it has none to give.
pub(crate) async fn cluster_view_as(
    node: &Address,
    credentials: &Credentials,
    deadline: Duration,
) -> Result<(Value, View), String> {
    let mut connection = Connection::open_answering(node)
        .await
        .map_err(|error| error.to_string())?
        .saying(credentials);
    ask_for(&mut connection, "/v1/cluster", deadline).await
}

/// Asks a node for something that it writes in JSON; returns that as it is, and as it is
/// understood here.
///
/// # Errors
/// Why it has none to give.
pub(crate) async fn ask_for<T: DeserializeOwned>(
    connection: &mut Connection,
    path: &str,
    deadline: Duration,
) -> Result<(Value, T), String> {
    let answer = connection
        .request(Method::GET, path, Bytes::new(), deadline)
        .await;
    let (head, body) = answer.map_err(|error| error.to_string())?.into_parts();
    if head.status != StatusCode::OK {
        return Err(Problem::read(&body).reason(head.status));
    }
    let foreign = |error| format!("its answer at {path} cannot be read ({error})");
    let written: Value = serde_json::from_slice(&body).map_err(foreign)?;
    let understood = T::deserialize(&written).map_err(foreign)?;
    Ok((written, understood))
}
