//! Whether a cluster serves, what is unusual in it, and what to do: [`Health`].

use super::Status;
use super::remarks::remarks;
use crate::cli::client::View;
use crate::cli::figures::{counted, grouped};
use protocol::Slot;

/// Whether a cluster serves, and what is to be said about it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Health {
    /// Whether every operation can be served.
    pub(super) serves: bool,
    /// That, in a sentence.
    pub(super) summary: String,
    /// A sentence for each thing that is not as it should be, with what to do about it.
    pub(super) remarks: Vec<String>,
}

impl Health {
    /// Looks a cluster over.
    pub(super) fn of(status: &Status) -> Self {
        let (serves, summary) = summary(status);
        Self {
            serves,
            summary,
            remarks: remarks(status),
        }
    }
}

/// Whether every operation can be served, and that in a sentence.
fn summary(status: &Status) -> (bool, String) {
    let View {
        cluster,
        members,
        awaited,
        quorum,
        quorum_lost,
        slots_lost,
        slots_without_quorum,
        losses_survived,
        ..
    } = &status.view;
    let asked = &status.asked;
    if cluster.is_none() {
        return (
            false,
            match awaited.as_slice() {
                [] => format!(
                    "There is no cluster yet. {asked} waits for nobody: if this goes on, the logs of \
                 the nodes that it lists say why."
                ),
                awaited => format!(
                    "There is no cluster yet. {asked} waits for {}.",
                    awaited.join(", ")
                ),
            },
        );
    }
    if *quorum_lost {
        let words = "So many members lost their memory that no majority can ever be had again, and \
                     nothing is served. 'shardedmemory recover' shows what the others still hold, \
                     and goes on with that. To begin anew with an empty cluster instead, stop all \
                     nodes and then start them.";
        return (false, words.to_owned());
    }
    if *slots_lost > 0 {
        return (
            false,
            format!(
                "Reads and writes in {} are refused: a majority of those that held them lost their \
                 memory. 'shardedmemory recover' shows what the others still hold, and goes on with \
                 that.",
                of_slots(*slots_lost)
            ),
        );
    }
    if *slots_without_quorum > 0 && *slots_without_quorum < u64::from(Slot::COUNT) {
        return (
            false,
            format!(
                "Reads and writes in {} wait: a majority of the nodes that hold them is not up. \
                 Nothing is lost if they come back with their memory; if they cannot, \
                 'shardedmemory recover' goes on without them.",
                of_slots(*slots_without_quorum)
            ),
        );
    }
    if !quorum {
        let words = "Reads and writes wait: no majority of the members is up. Nothing is lost if \
                     they come back with their memory; if they cannot, 'shardedmemory recover' \
                     goes on without them.";
        return (false, words.to_owned());
    }
    (
        true,
        match losses_survived {
            _ if members.len() == 1 => {
                "The cluster serves. It is one node, and its registers are gone when that ends."
                    .to_owned()
            }
            Some(0) => {
                "The cluster serves, and does not survive the loss of one more node.".to_owned()
            }
            Some(count) => format!(
                "The cluster serves, and survives the loss of {}.",
                counted(*count, "more node", "more nodes")
            ),
            None => "The cluster serves.".to_owned(),
        },
    )
}

/// So many of all slots, in words.
pub(super) fn of_slots(count: u64) -> String {
    format!(
        "{} of {} slots",
        grouped(count),
        grouped(Slot::COUNT.into())
    )
}

#[cfg(test)]
mod tests {
    use super::super::testing::{own, status, view};
    use super::*;
    use serde_json::{Value, json};

    fn health(fields: Value) -> Health {
        let others = vec![(2, Ok(own(2, "member"))), (3, Ok(own(3, "member")))];
        Health::of(&status(view(fields), others))
    }

    #[test]
    fn a_cluster_that_is_well_needs_no_remark() {
        let health = health(json!({}));
        assert!(health.serves);
        assert_eq!(health.remarks, [""; 0]);
        assert!(
            health
                .summary
                .ends_with("survives the loss of 1 more node."),
            "{}",
            health.summary
        );
    }

    #[test]
    fn the_summary_says_how_many_more_losses_are_survived() {
        let survives = |count| health(json!({ "losses_survived": count })).summary;
        assert!(survives(json!(2)).contains("loss of 2 more nodes"));
        assert!(survives(json!(0)).contains("does not survive the loss of one more node"));
        assert_eq!(survives(json!(null)), "The cluster serves.");
    }

    #[test]
    fn what_cannot_be_served_is_told() {
        for (fields, part) in [
            (
                json!({ "quorum": false }),
                "no majority of the members is up",
            ),
            (
                json!({ "quorum": false, "slots_without_quorum": 16384 }),
                "no majority of the members is up",
            ),
            (
                json!({ "quorum": false, "slots_without_quorum": 1600 }),
                "in 1,600 of 16,384 slots wait",
            ),
            (
                json!({ "quorum": false, "quorum_lost": true }),
                "no majority can ever be had again",
            ),
            (
                json!({ "slots_lost": 16 }),
                "in 16 of 16,384 slots are refused",
            ),
            (
                json!({ "cluster": null, "members": [], "awaited": ["127.0.0.1:9"] }),
                "waits for 127.0.0.1:9",
            ),
            (json!({ "cluster": null, "members": [] }), "no cluster yet"),
        ] {
            let health = health(fields);
            assert!(!health.serves);
            assert!(health.summary.contains(part), "{}", health.summary);
        }
    }
}
