//! `shardedmemory status`.

use crate::cli::client::{ClientArgs, MemberView, View, WHERE_NODES_ARE, cluster_view};
use crate::cli::failure::Failure;
use crate::cli::{output, small_runtime};
use clap::Args;
use comfy_table::{Table, presets};
use protocol::Address;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use tokio::task::JoinSet;

/// Show the nodes of a cluster and their states
///
/// Asks the first node that answers who the members are and whether they answer it, and then each
/// member for its own view.
#[derive(Args, Debug)]
pub(crate) struct StatusArgs {
    #[command(flatten)]
    client: ClientArgs,
}

/// Shows the cluster.
pub(crate) fn run(arguments: &StatusArgs) -> Result<(), Failure> {
    let status = small_runtime()?.block_on(Status::gather(&arguments.client))?;
    if arguments.client.json {
        output::line(&status.json().to_string());
    } else {
        output::line(&status.to_text());
    }
    Ok(())
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

impl Status {
    async fn gather(arguments: &ClientArgs) -> Result<Self, Failure> {
        let mut answers = ask_all(arguments.nodes.iter().cloned(), arguments).await;
        let first = arguments
            .nodes
            .iter()
            .find_map(|node| match answers.get(node) {
                Some(Ok((_, view))) => Some((node.clone(), view.clone())),
                _ => None,
            });
        let Some((asked, view)) = first else {
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
        answers.append(&mut ask_all(others, arguments).await);
        // Nobody misses an address that does not answer and belongs to no one.
        answers.retain(|node, answer| answer.is_ok() || view.addresses().any(|a| a == *node));
        Ok(Self {
            asked,
            view,
            answers,
        })
    }

    fn to_text(&self) -> String {
        let mut text = format!("{}\n\n{}\n", self.headline(), self.table());
        for (node, answer) in &self.answers {
            if let Err(error) = answer {
                text.push_str(&format!("\n{node} does not answer: {error}"));
            }
        }
        text.trim_end().to_owned()
    }

    fn headline(&self) -> String {
        let View {
            cluster,
            epoch,
            members,
            awaited,
            quorum,
            quorum_lost,
            ..
        } = &self.view;
        let asked = &self.asked;
        let Some(cluster) = cluster else {
            return match awaited.as_slice() {
                [] => format!(
                    "no cluster yet: all nodes that {asked} lists answer it and have not agreed so \
                     far; if this goes on, their logs say why"
                ),
                awaited => format!("no cluster yet: {asked} waits for {}", awaited.join(", ")),
            };
        };
        let members = match members.len() {
            1 => "1 member".to_owned(),
            count => format!("{count} members"),
        };
        let health = match (quorum_lost, quorum) {
            (true, _) => "so many of them restarted that their registers are gone",
            (false, true) => "a majority is up, as it must be",
            (false, false) => "no majority is up: reads and writes wait for one",
        };
        format!("cluster {cluster} at epoch {epoch}, {members}; to {asked}, {health}")
    }

    fn table(&self) -> String {
        let mut table = Table::new();
        table.load_style(presets::NOTHING).set_header([
            "NODE",
            "STATE",
            "STANDING",
            "ID",
            "REGISTERS",
            "RUNNING",
            "ONE-ROUND READS",
            "VERSION",
        ]);
        for (address, answer) in &self.answers {
            let member = (self.view.members.iter()).find(|m| m.address == address.as_str());
            table.add_row(row(address, member, answer));
        }
        if let Some(first) = table.column_mut(0) {
            first.set_padding((0, 1));
        }
        table.trim_fmt()
    }

    fn json(&self) -> Value {
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
        json!({ "asked": self.asked.as_str(), "nodes": nodes })
    }
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
    arguments: &ClientArgs,
) -> BTreeMap<Address, Answer> {
    let deadline = arguments.timeout_ms;
    let mut asking = JoinSet::new();
    for node in nodes {
        asking.spawn(async move {
            let answer = cluster_view(&node, deadline).await;
            (node, answer)
        });
    }
    asking.join_all().await.into_iter().collect()
}

/// What is seen of a node from outside, then its own words.
fn row(address: &Address, member: Option<&MemberView>, answer: &Answer) -> [String; 8] {
    let none = || "-".to_owned();
    let state = match member {
        Some(member) if member.lost => "lost".to_owned(),
        Some(member) => member.state.to_string(),
        None => none(),
    };
    let id = member.map_or_else(none, |member| member.id.clone());
    let address = address.to_string();
    match answer {
        Ok((_, view)) => [
            address,
            state,
            view.standing.to_string(),
            view.node.clone(),
            view.registers.to_string(),
            view.operations_running.to_string(),
            percentage(view.rounds.read.share_of_one()),
            view.version.clone(),
        ],
        Err(_) => [address, state, none(), id, none(), none(), none(), none()],
    }
}

fn percentage(share: Option<f64>) -> String {
    share.map_or_else(|| "-".to_owned(), |share| format!("{:.1} %", share * 100.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    fn view(cluster: Option<&str>, quorum: bool, quorum_lost: bool) -> View {
        View::deserialize(json!({
            "node": "00000000000000aa-1", "standing": "member", "cluster": cluster, "epoch": 1,
            "members": [
                { "id": "00000000000000aa", "address": "127.0.0.1:1", "state": "alive" },
                { "id": "00000000000000bb", "address": "127.0.0.1:2", "state": "down" },
            ],
            "awaited": ["127.0.0.1:9"], "quorum": quorum, "quorum_lost": quorum_lost,
            "registers": 3, "operations_running": 0, "version": "1",
            "rounds": { "read": { "one": 999, "two": 1, "more": 0 } },
            "not known here": null,
        }))
        .unwrap()
    }

    fn status(view: View) -> Status {
        let asked: Address = "127.0.0.1:1".parse().unwrap();
        let answers = BTreeMap::from([
            (asked.clone(), Ok((json!({ "epoch": 1 }), view.clone()))),
            (
                "127.0.0.1:2".parse().unwrap(),
                Err("connection refused".to_owned()),
            ),
        ]);
        Status {
            asked,
            view,
            answers,
        }
    }

    #[test]
    fn each_member_is_a_row_with_its_state_and_its_own_word() {
        let text = status(view(Some("c"), true, false)).to_text();
        let row = |address| text.lines().find(|line| line.starts_with(address)).unwrap();
        for part in ["alive", "member", "00000000000000aa-1", "99.9 %"] {
            assert!(row("127.0.0.1:1").contains(part), "{text}");
        }
        for part in ["down", "00000000000000bb"] {
            assert!(row("127.0.0.1:2").contains(part), "{text}");
        }
        assert!(
            text.ends_with("127.0.0.1:2 does not answer: connection refused"),
            "{text}"
        );
    }

    #[test]
    fn the_headline_says_whether_the_cluster_serves() {
        let headline = |view| status(view).headline();
        assert!(headline(view(Some("c"), true, false)).contains("a majority is up"));
        assert!(headline(view(Some("c"), false, false)).contains("no majority is up"));
        assert!(headline(view(Some("c"), false, true)).contains("registers are gone"));
        assert!(headline(view(None, false, false)).contains("waits for 127.0.0.1:9"));
    }

    #[test]
    fn json_has_what_each_node_wrote() {
        let json = status(view(Some("c"), true, false)).json();
        assert_eq!(json["nodes"]["127.0.0.1:1"], json!({ "epoch": 1 }));
        assert_eq!(
            json["nodes"]["127.0.0.1:2"],
            json!({ "error": "connection refused" })
        );
    }
}
