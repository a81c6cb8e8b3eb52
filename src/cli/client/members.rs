//! What a node says of its cluster's members: [`MembersView`].

use crate::cli::client::{ChangeView, Connection, MemberView, ask_for};
use protocol::Address;
use serde::Deserialize;
use serde_json::Value;
use std::time::Duration;

/// What `GET /v1/members` answers.
#[derive(Deserialize, Clone, PartialEq, Eq, Debug)]
pub(crate) struct MembersView {
    /// The cluster, once there is one.
    pub(crate) cluster: Option<String>,
    /// The newest epoch that the node has entered.
    pub(crate) epoch: u64,
    /// On how many members each slot is held, if there are so many.
    pub(crate) replication: Option<u8>,
    /// The members; during a change, those before it and those after it.
    pub(crate) members: Vec<MemberView>,
    /// Where members were that have left.
    pub(crate) former: Vec<String>,
    /// The change that is under way.
    pub(crate) change: Option<ChangeView>,
}

impl MembersView {
    /// Asks a node for it, as the node writes it and as it is understood here.
    ///
    /// # Errors
    /// Why there is none, in words.
    pub(crate) async fn ask(
        connection: &mut Connection,
        deadline: Duration,
    ) -> Result<(Value, Self), String> {
        let (written, view) = ask_for::<Self>(connection, "/v1/members", deadline).await?;
        match view.cluster {
            Some(_) => Ok((written, view)),
            None => Err("it knows of no cluster yet".to_owned()),
        }
    }

    /// The member with this id.
    pub(crate) fn member(&self, id: &str) -> Option<&MemberView> {
        self.members.iter().find(|member| member.id == id)
    }

    /// The members' addresses.
    pub(crate) fn addresses(&self) -> impl Iterator<Item = Address> {
        let members = self.members.iter();
        members.filter_map(|member| member.address.parse().ok())
    }
}
