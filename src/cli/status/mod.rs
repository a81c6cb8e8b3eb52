//! `shardedmemory status`.

#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod health;
mod nodes;
mod picture;
mod remarks;

use crate::cli::client::{
    ClientArgs, Credentials, MemberView, Standing, View, WHERE_NODES_ARE, cluster_view_as,
};
use crate::cli::failure::{Exit, Failure};
use crate::cli::{output, small_runtime};
use clap::Args;
use health::Health;
use picture::{Canvas, picture};
use protocol::Address;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::task::JoinSet;

/// Show a cluster: its nodes, how they are, and what to do about it
///
/// Asks the nodes that are named who the members are and whether they answer, and then each member
/// for its own figures. Exits with 5 if there are operations that the cluster cannot serve.
#[derive(Args, Debug)]
pub(crate) struct StatusArgs {
    #[command(flatten)]
    client: ClientArgs,
}

/// Shows the cluster.
pub(crate) fn run(arguments: &StatusArgs) -> Result<(), Failure> {
    let status = small_runtime()?.block_on(Status::gather(&arguments.client))?;
    let health = Health::of(&status);
    if arguments.client.json {
        output::line(&status.json(&health).to_string());
    } else {
        output::line(&picture(&status, &health, Canvas::of_stdout()));
    }
    match health.serves {
        true => Ok(()),
        // The picture has said why.
        false => Err(Failure::silent(Exit::Unavailable)),
    }
}

/// What a node says of its cluster, as written and as understood, or why it says nothing.
type Answer = Result<(Value, View), String>;

/// A cluster, in the words of its nodes.
struct Status {
    /// The node whose view of the others is shown.
    asked: Address,
    /// Its view.
    view: View,
    /// What everyone says, by address.
    answers: BTreeMap<Address, Answer>,
}

/// The longest that a single node is waited for, as the others' answers are there already.
const NODE_TIMEOUT: Duration = Duration::from_secs(2);

impl Status {
    async fn gather(arguments: &ClientArgs) -> Result<Self, Failure> {
        let deadline = arguments.timeout_ms.min(NODE_TIMEOUT);
        let credentials = arguments.credentials()?;
        let named = arguments.nodes.iter().cloned();
        let mut answers = ask_all(named, &credentials, deadline).await;
        let mut best: Option<(&Address, &View)> = None;
        for node in &arguments.nodes {
            if let Some(Ok((_, view))) = answers.get(node)
                && best.is_none_or(|(_, best)| knowledge(best) < knowledge(view))
            {
                best = Some((node, view));
            }
        }
        let Some((asked, view)) = best.map(|(node, view)| (node.clone(), view.clone())) else {
            let mut message = "no node answers".to_owned();
            for (node, answer) in &answers {
                if let Err(error) = answer {
                    message.push_str(&format!("\n  {node}: {error}"));
                }
            }
            return Err(Failure::failed(message).hint(WHERE_NODES_ARE));
        };
        let others = view
            .addresses()
            .filter(|address| !answers.contains_key(address));
        answers.append(&mut ask_all(others, &credentials, deadline).await);
        // Nobody misses an address that does not answer and belongs to no one.
        answers.retain(|node, answer| answer.is_ok() || view.addresses().any(|a| a == *node));
        Ok(Self {
            asked,
            view,
            answers,
        })
    }

    /// The members at this address, in the view that is shown: there are two while one comes in the
    /// other's place.
    fn members_at(&self, address: &Address) -> impl Iterator<Item = &MemberView> {
        let members = self.view.members.iter();
        members.filter(|member| member.address == address.as_str())
    }

    fn json(&self, health: &Health) -> Value {
        let nodes: Map<String, Value> = self
            .answers
            .iter()
            .map(|(address, answer)| {
                let value = match answer {
                    Ok((written, _)) => written.clone(),
                    Err(error) => json!({ "error": error }),
                };
                (address.to_string(), value)
            })
            .collect();
        json!({
            "asked": self.asked.as_str(),
            "serves": health.serves,
            "summary": health.summary,
            "remarks": health.remarks,
            "nodes": nodes,
        })
    }
}

/// How much a node can tell: of two, the greater one is believed.
fn knowledge(view: &View) -> (bool, u64, bool) {
    let is_member = view.standing == Standing::Member;
    (view.cluster.is_some(), view.epoch, is_member)
}

impl View {
    /// Every address that this view names.
    fn addresses(&self) -> impl Iterator<Item = Address> {
        let members = self.members.iter().map(|member| &member.address);
        members
            .chain(&self.awaited)
            .filter_map(|address| address.parse().ok())
    }
}

/// Asks all of them at once.
async fn ask_all(
    nodes: impl Iterator<Item = Address>,
    credentials: &Credentials,
    deadline: Duration,
) -> BTreeMap<Address, Answer> {
    let mut asking = JoinSet::new();
    for node in nodes {
        let credentials = credentials.clone();
        asking.spawn(async move {
            let answer = cluster_view_as(&node, &credentials, deadline).await;
            (node, answer)
        });
    }
    asking.join_all().await.into_iter().collect()
}

#[cfg(test)]
mod testing {
    //! Clusters as their nodes would tell of them.

    use super::*;
    use serde::Deserialize;

    /// The address of the node with this number.
    pub(super) fn address(number: u8) -> Address {
        format!("127.0.0.1:{number}").parse().unwrap()
    }

    /// A member as others see it, alive unless it is changed.
    pub(super) fn member(number: u8) -> Value {
        json!({
            "id": format!("{number:016x}"), "address": address(number).as_str(), "weight": 100,
            "state": "alive", "lost": false, "standing": "member", "slots": 16384,
            "lacking_slots": 0,
        })
    }

    /// What node 1 says of a cluster of three that is well, with these fields in the place of its
    /// own.
    pub(super) fn view(fields: Value) -> View {
        let mut view = json!({
            "node": format!("{:016x}", 1), "standing": "member", "cluster": "00000000000000c1",
            "epoch": 1, "replication": 3, "members": [member(1), member(2), member(3)],
            "change": null, "awaited": [], "quorum": true, "quorum_lost": false,
            "slots_without_quorum": 0, "losses_survived": 1, "lacking_slots": 0,
            "registers": 60_000, "bytes": 4 << 20, "operations_running": 3, "version": "0.1.0",
            "rounds": { "read": { "one": 999, "two": 1, "more": 0 } },
            "not known here": null,
        });
        let fields: Map<String, Value> = serde_json::from_value(fields).unwrap();
        view.as_object_mut().unwrap().extend(fields);
        View::deserialize(view).unwrap()
    }

    /// The same cluster with what its nodes say: node 1 as here, the others this.
    pub(super) fn status(view: View, others: Vec<(u8, Result<View, &str>)>) -> Status {
        let answer = |view: View| Ok((json!({ "epoch": view.epoch }), view));
        let mut answers = BTreeMap::from([(address(1), answer(view.clone()))]);
        for (number, view) in others {
            let own = view.map_err(str::to_owned).and_then(answer);
            answers.insert(address(number), own);
        }
        Status {
            asked: address(1),
            view,
            answers,
        }
    }

    /// What a node says of itself in that cluster.
    pub(super) fn own(number: u8, standing: &str) -> View {
        view(json!({ "node": format!("{number:016x}"), "standing": standing }))
    }
}

#[cfg(test)]
mod tests {
    use super::testing::{own, status, view};
    use super::*;

    #[test]
    fn json_has_what_each_node_wrote_and_whether_the_cluster_serves() {
        let status = status(
            view(json!({})),
            vec![(2, Ok(own(2, "member"))), (3, Err("connection refused"))],
        );
        let json = status.json(&Health::of(&status));
        assert_eq!(json["asked"], json!("127.0.0.1:1"));
        assert_eq!(json["serves"], json!(true));
        assert_eq!(json["nodes"]["127.0.0.1:2"], json!({ "epoch": 1 }));
        assert_eq!(
            json["nodes"]["127.0.0.1:3"],
            json!({ "error": "connection refused" })
        );
    }

    #[test]
    fn of_two_nodes_the_one_that_knows_more_is_believed() {
        let member = view(json!({ "epoch": 2 }));
        let behind = view(json!({}));
        let outsider = view(json!({ "epoch": 2, "standing": "outsider" }));
        let fresh = view(json!({ "epoch": 0, "cluster": null, "standing": "fresh" }));
        for lesser in [behind, outsider, fresh] {
            assert!(knowledge(&lesser) < knowledge(&member));
        }
    }
}
