//! What an operator should read in the log: [`MembershipEvent`].

use crate::configuration::{ClusterId, Epoch};
use crate::node::{Address, NodeId};
use alloc::vec::Vec;
use core::fmt;

/// Something about the cluster that an operator should know. Its `Display` is the sentence for
/// the log: what happened, what it means, what to do.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum MembershipEvent {
    /// This node founded the cluster.
    Founded {
        /// The cluster.
        cluster: ClusterId,
        /// How many members it has.
        members: usize,
    },
    /// This node learned that it is a member of the cluster.
    Joined {
        /// The cluster.
        cluster: ClusterId,
        /// The epoch of what it learned.
        epoch: Epoch,
    },
    /// This node learned that a cluster stands of which it is no member.
    Outside {
        /// The cluster.
        cluster: ClusterId,
        /// The epoch of what it learned.
        epoch: Epoch,
    },
    /// The cluster's members changed, and this node is what it was.
    Changed {
        /// The cluster.
        cluster: ClusterId,
        /// The new epoch.
        epoch: Epoch,
    },
    /// A member's memory is gone.
    MemberLost {
        /// The member.
        member: NodeId,
        /// Its address.
        address: Address,
        /// The process that answers there now.
        by: NodeId,
    },
    /// The memories of so many members are gone that no quorum can be had again.
    QuorumLost {
        /// The cluster.
        cluster: ClusterId,
    },
    /// Another cluster's configuration was ignored.
    OtherCluster {
        /// The cluster that this node knows.
        cluster: ClusterId,
        /// The other one.
        other: ClusterId,
    },
    /// Other nodes answer at all addresses of this node's list.
    NotListed,
    /// One node answers at two addresses of the list.
    SharedAddress {
        /// The node.
        node: NodeId,
        /// One address.
        first: Address,
        /// The other one.
        second: Address,
    },
    /// A proposal was refused, as the proposer's list differs from this node's.
    ListDiffers {
        /// The proposer.
        proposer: NodeId,
        /// What stands on this node's list alone.
        only_here: Vec<Address>,
        /// What stands on the proposer's list alone.
        only_there: Vec<Address>,
    },
    /// A node asks in order to propose that is not at the least address of this node's list.
    ProposerDiffers {
        /// Where this node met it.
        asker: Address,
        /// The least address here.
        least: Address,
    },
    /// No cluster stands yet: what founding waits for.
    Waiting {
        /// The addresses where nobody answers.
        unmet: Vec<Address>,
        /// The addresses whose nodes answer, but have not agreed to this node's proposing.
        unagreed: Vec<Address>,
        /// The address whose node is to propose.
        least: Address,
    },
}

impl fmt::Display for MembershipEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MembershipEvent::Founded { cluster, members } => write!(
                f,
                "founded cluster {cluster} with {members} member(s); it serves from now on"
            ),
            MembershipEvent::Joined { cluster, epoch } => write!(
                f,
                "this node is a member of cluster {cluster} (epoch {epoch}); it serves from now on"
            ),
            MembershipEvent::Outside { cluster, epoch } => write!(
                f,
                "cluster {cluster} (epoch {epoch}) stands without this process, which holds none \
                 of its registers and has no vote; it forwards clients' requests to the members"
            ),
            MembershipEvent::Changed { cluster, epoch } => {
                write!(f, "cluster {cluster} has changed; it is in epoch {epoch}")
            }
            MembershipEvent::MemberLost {
                member,
                address,
                by,
            } => write!(
                f,
                "member {member} at {address} is lost with its memory: process {by} answers there \
                 now; the data is safe as long as a majority of the members is not lost"
            ),
            MembershipEvent::QuorumLost { cluster } => write!(
                f,
                "the data of cluster {cluster} is gone: so many members lost their memory that no \
                 quorum can be had again; to go on with a new, empty cluster, stop all nodes and \
                 then start them"
            ),
            MembershipEvent::OtherCluster { cluster, other } => write!(
                f,
                "ignored the configuration of cluster {other}, as this node knows cluster \
                 {cluster}; nodes of two clusters reach each other: correct their lists of \
                 addresses"
            ),
            MembershipEvent::NotListed => f.write_str(
                "this node's own address is not on its list: other nodes answer at all of them, so \
                 it can neither found a cluster nor be part of one that is founded; add its \
                 address to every node's list and restart them",
            ),
            MembershipEvent::SharedAddress {
                node,
                first,
                second,
            } => write!(
                f,
                "one node ({node}) answers at both {first} and {second}, so no cluster can be \
                 founded; list each node under one address and restart"
            ),
            MembershipEvent::ListDiffers {
                proposer,
                only_here,
                only_there,
            } => write!(
                f,
                "refused to found a cluster with node {proposer}, as its list of addresses differs \
                 (here alone: {}; there alone: {}); give all nodes the same list and restart them",
                Listed(only_here),
                Listed(only_there)
            ),
            MembershipEvent::ProposerDiffers { asker, least } => write!(
                f,
                "the node at {asker} wants to found a cluster, but on this node's list that falls \
                 to {least}: their lists differ; give all nodes the same list and restart them"
            ),
            MembershipEvent::Waiting {
                unmet,
                unagreed,
                least,
            } => {
                f.write_str("no cluster stands yet, and no request can be served: ")?;
                if !unmet.is_empty() {
                    write!(f, "waiting for an answer from {}", Listed(unmet))
                } else if !unagreed.is_empty() {
                    write!(
                        f,
                        "waiting for the agreement of {}; if this goes on, compare the nodes' \
                         lists of addresses",
                        Listed(unagreed)
                    )
                } else {
                    write!(
                        f,
                        "waiting for {least} to propose one; if this goes on, see its log"
                    )
                }
            }
        }
    }
}

struct Listed<'a>(&'a [Address]);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("none");
        }
        for (index, address) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(f, "{comma}{address}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;
    use alloc::vec;

    fn address(text: &str) -> Address {
        text.parse().unwrap()
    }

    #[test]
    fn a_difference_between_lists_is_named() {
        let event = MembershipEvent::ListDiffers {
            proposer: NodeId::new(1),
            only_here: vec![address("a:1"), address("b:1")],
            only_there: vec![],
        };
        let sentence = event.to_string();
        assert!(
            sentence.contains("(here alone: a:1, b:1; there alone: none)"),
            "{sentence}"
        );
    }

    #[test]
    fn waiting_names_the_nearest_reason() {
        let waiting = |unmet: &[&str], unagreed: &[&str]| {
            let addresses = |texts: &[&str]| texts.iter().map(|text| address(text)).collect();
            MembershipEvent::Waiting {
                unmet: addresses(unmet),
                unagreed: addresses(unagreed),
                least: address("a:1"),
            }
            .to_string()
        };
        assert!(waiting(&["b:1"], &["c:1"]).contains("an answer from b:1"));
        assert!(waiting(&[], &["c:1"]).contains("the agreement of c:1"));
        assert!(waiting(&[], &[]).contains("for a:1 to propose"));
    }
}
