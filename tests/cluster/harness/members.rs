//! Who is a member, and changing that, over HTTP.

use super::client::{Answer, Client};
use super::cluster::Cluster;
use super::node::Node;
use super::{eventually, eventually_ok};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

impl Node {
    /// What it says of the members, if it answers within a while.
    pub(crate) async fn members(&self) -> Option<Value> {
        let answer = self.try_get("/v1/members").await?;
        Some(answer.assert_status(200).json())
    }

    /// Its answer to a request to let in the node at an address.
    pub(crate) async fn add(&self, address: &str) -> Answer {
        self.ask(Client::post("/v1/members", &json!({ "address": address })))
            .await
    }

    /// Its answer to a request to let the node at an address come in a member's place.
    pub(crate) async fn replace(&self, member: &str, address: &str) -> Answer {
        let body = json!({ "address": address, "replaces": member });
        self.ask(Client::post("/v1/members", &body)).await
    }

    /// Its answer to a request to let a member go.
    pub(crate) async fn remove(&self, member: &str) -> Answer {
        self.ask(Client::delete(&format!("/v1/members/{member}")))
            .await
    }

    /// Its present process's identity, as soon as it answers.
    pub(crate) async fn id(&self) -> String {
        let mut id = None;
        eventually("the node says who it is", async || {
            let view = self.try_get("/v1/cluster").await;
            id = view.and_then(|view| view.json()["node"].as_str().map(str::to_owned));
            id.is_some()
        })
        .await;
        id.expect("it has just been said")
    }

    /// Waits until a change is under way, as far as it knows, and returns its epoch.
    pub(crate) async fn change(&self) -> u64 {
        self.change_where("a change is under way", |_| true).await
    }

    /// Waits until a change is under way by which the present process of this node comes in, and
    /// returns its epoch.
    pub(crate) async fn change_for(&self, joiner: &Node) -> u64 {
        let id = Value::from(joiner.id().await);
        let what = format!("{id} is to come in");
        let is_it = |change: &Value| change["joining"].as_array().unwrap().contains(&id);
        self.change_where(&what, is_it).await
    }

    async fn change_where(&self, what: &str, is_it: impl Fn(&Value) -> bool) -> u64 {
        let mut epoch = None;
        eventually(what, async || {
            let change = self
                .members()
                .await
                .map(|members| members["change"].clone());
            let change = change.filter(|change| change.is_object() && is_it(change));
            epoch = change.and_then(|change| change["epoch"].as_u64());
            epoch.is_some()
        })
        .await;
        epoch.expect("it has just been seen")
    }
}

impl Cluster {
    /// Waits until each of these nodes says that they are the members and nobody else is, that all
    /// of them are alive and hold all that they are to hold, and that no change is under way.
    #[track_caller]
    pub(crate) fn whole(&self, nodes: &[usize]) -> impl Future<Output = Duration> + use<'_> {
        let nodes = nodes.to_vec();
        eventually_ok("these nodes are the whole cluster", async move || {
            self.check_whole(&nodes).await
        })
    }

    /// Whether [`Cluster::whole`] would return at once.
    pub(crate) async fn is_whole(&self, nodes: &[usize]) -> bool {
        self.check_whole(nodes).await.is_ok()
    }

    async fn check_whole(&self, nodes: &[usize]) -> Result<(), String> {
        let silent = |node: usize| format!("node {node} says nothing");
        let mut members = BTreeMap::new();
        for &node in nodes {
            let view = self[node].try_get("/v1/cluster").await;
            let id = view.ok_or_else(|| silent(node))?.json()["node"].clone();
            members.insert(self[node].address().to_string(), id);
        }
        for &node in nodes {
            let view = self[node].members().await.ok_or_else(|| silent(node))?;
            if !is_whole(&view, &members) {
                return Err(format!("node {node} says {view}; it is to be {members:?}"));
            }
        }
        Ok(())
    }
}

/// Whether the members are these, by address, and lack nothing.
fn is_whole(view: &Value, members: &BTreeMap<String, Value>) -> bool {
    let listed = view["members"].as_array().expect("members are listed");
    let ids = listed.iter().map(|member| {
        let address = member["address"].as_str().expect("an address is text");
        (address.to_owned(), member["id"].clone())
    });
    let are_well = listed.iter().all(|member| {
        member["standing"] == "member" && member["state"] == "alive" && member["lacking_slots"] == 0
    });
    are_well && view["change"].is_null() && ids.collect::<BTreeMap<_, _>>() == *members
}
