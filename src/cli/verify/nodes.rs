//! The nodes that clients are spread over: [`Nodes`].

use crate::cli::client::{Credentials, View, WHERE_NODES_ARE, cluster_view_as};
use crate::cli::failure::Failure;
use protocol::Address;
use std::time::Duration;
use tokio::task::JoinSet;

/// The nodes of a cluster.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Nodes {
    /// All members, and those that were named, answer, and are none.
    pub(super) all: Vec<Address>,
    /// Those of them that do not answer, and why.
    pub(super) silent: Vec<(Address, String)>,
}

/// How long each node may take to tell of its cluster.
const TIMEOUT: Duration = Duration::from_secs(2);

impl Nodes {
    /// Asks these nodes for the others.
    ///
    /// # Errors
    /// If none of them knows of a cluster, or they know of different ones.
    pub(super) async fn find(
        named: &[Address],
        credentials: &Credentials,
    ) -> Result<Self, Failure> {
        let answers = ask_all(named, credentials).await;
        let views = || {
            let views = answers.iter().filter_map(|(node, answer)| {
                let view = answer.as_ref().ok()?;
                Some((node, view, view.cluster.as_ref()?))
            });
            views.collect::<Vec<_>>()
        };
        let views = views();
        let Some((first, _, cluster)) = views.first() else {
            return Err(no_cluster(&answers));
        };
        if let Some((other, ..)) = views.iter().find(|(_, _, other)| other != cluster) {
            let message =
                format!("{first} and {other} are in different clusters; nothing happened");
            return Err(Failure::usage(message).hint("name nodes of one of them"));
        }
        let mut all: Vec<Address> = views.iter().map(|(node, ..)| (*node).clone()).collect();
        let newest = views.iter().max_by_key(|(_, view, _)| view.epoch);
        let (_, view, _) = newest.expect("there is a first one");
        let members = view
            .members
            .iter()
            .filter_map(|member| member.address.parse().ok());
        all.extend(members);
        all.sort_unstable();
        all.dedup();
        let others: Vec<Address> = (all.iter())
            .filter(|node| !views.iter().any(|(answered, ..)| answered == node))
            .cloned()
            .collect();
        let answers = ask_all(&others, credentials).await;
        let silent = answers
            .into_iter()
            .filter_map(|(node, answer)| Some((node, answer.err()?)));
        let silent = silent.collect();
        Ok(Self { all, silent })
    }
}

type Answer = (Address, Result<View, String>);

/// Asks all of them at once.
async fn ask_all(nodes: &[Address], credentials: &Credentials) -> Vec<Answer> {
    let mut asking = JoinSet::new();
    for node in nodes.iter().cloned() {
        let credentials = credentials.clone();
        asking.spawn(async move {
            let answer = cluster_view_as(&node, &credentials, TIMEOUT).await;
            (node, answer.map(|(_, view)| view))
        });
    }
    let mut answers = asking.join_all().await;
    answers.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
    answers
}

fn no_cluster(answers: &[Answer]) -> Failure {
    let mut message = "no node tells of a cluster; nothing happened".to_owned();
    for (node, answer) in answers {
        let why = match answer {
            Ok(_) => "it knows of no cluster yet",
            Err(why) => why,
        };
        message.push_str(&format!("\n  {node}: {why}"));
    }
    Failure::failed(message).hint(WHERE_NODES_ARE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::client::stub::{Stub, json, nowhere};
    use crate::cli::failure::Exit;
    use serde_json::json;

    async fn node(cluster: Option<&'static str>, epoch: u64, members: Vec<Address>) -> Stub {
        let members: Vec<_> = (members.iter())
            .map(|address| json!({ "id": "0", "address": address.as_str(), "state": "alive" }))
            .collect();
        let view = json!({
            "node": "0", "standing": "member", "cluster": cluster, "epoch": epoch,
            "members": members, "quorum": true, "registers": 0, "operations_running": 0,
            "rounds": { "read": { "one": 0, "two": 0, "more": 0 } }, "version": "0",
        });
        Stub::start(move |_| Some(json(200, &view.to_string()))).await
    }

    #[tokio::test]
    async fn members_are_asked_for_and_named_nodes_that_are_away_are_left_out() {
        let (away, lost) = (nowhere().await, nowhere().await);
        let other = node(Some("c1"), 7, vec![]).await;
        let members = vec![other.address.clone(), lost.clone()];
        let newer = node(Some("c1"), 7, members).await;
        let older = node(Some("c1"), 6, vec![away.clone()]).await;
        let fresh = node(None, 0, vec![]).await;
        let named = [&away, &older.address, &fresh.address, &newer.address].map(Address::clone);
        let nodes = Nodes::find(&named, &Credentials::NONE).await.unwrap();
        let mut expected =
            [&lost, &other.address, &newer.address, &older.address].map(Address::clone);
        expected.sort();
        assert_eq!(nodes.all, expected);
        let silent: Vec<_> = nodes.silent.iter().map(|(node, _)| node).collect();
        assert_eq!(silent, [&lost]);
    }

    #[tokio::test]
    async fn without_a_cluster_nothing_happens() {
        let (away, fresh) = (nowhere().await, node(None, 0, vec![]).await);
        let failure = Nodes::find(&[away.clone(), fresh.address.clone()], &Credentials::NONE)
            .await
            .unwrap_err();
        assert_eq!(failure.exit, Exit::Failed);
        let message = failure.message.unwrap();
        for part in [
            away.as_str(),
            fresh.address.as_str(),
            "no cluster yet",
            "nothing happened",
        ] {
            assert!(message.contains(part), "{message}");
        }
    }

    #[tokio::test]
    async fn two_clusters_are_not_taken_for_one() {
        let (one, other) = (
            node(Some("c1"), 1, vec![]).await,
            node(Some("c2"), 1, vec![]).await,
        );
        let failure = Nodes::find(
            &[one.address.clone(), other.address.clone()],
            &Credentials::NONE,
        )
        .await
        .unwrap_err();
        assert_eq!(failure.exit, Exit::Usage);
    }
}
