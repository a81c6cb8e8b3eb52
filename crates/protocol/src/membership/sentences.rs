//! What a [`MembershipEvent`] says in the log.

use super::MembershipEvent;
use crate::node::Address;
use core::fmt;

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
            MembershipEvent::Outside {
                cluster,
                epoch,
                asks,
            } => {
                write!(
                    f,
                    "cluster {cluster} (epoch {epoch}) stands without this process, which holds \
                     none of its registers and has no vote; it forwards clients' requests to the \
                     members"
                )?;
                f.write_str(match asks {
                    true => ", and asks them to let it in",
                    false => {
                        "; to have it hold registers, add it: shardedmemory members add ADDRESS"
                    }
                })
            }
            MembershipEvent::Changed { cluster, epoch } => {
                write!(f, "cluster {cluster} has changed; it is in epoch {epoch}")
            }
            MembershipEvent::ChangeStalled { epoch, stalled_for } => write!(
                f,
                "the change of members of epoch {epoch} has not moved on for {} s, so this node \
                 gives it up; see which members are down, and try again when they answer",
                stalled_for.as_secs()
            ),
            MembershipEvent::NotLetIn { address, why } => write!(
                f,
                "the node at {address} asks to be let in, and was not: {why}; it goes on asking"
            ),
            MembershipEvent::StillOutside {
                address,
                instead_of: Some(member),
            } => write!(
                f,
                "this node has not been let in yet in the place of member {member} at {address}; \
                 it goes on asking. A majority of the members must answer it and each other, and \
                 none may see another process alive at that address"
            ),
            MembershipEvent::StillOutside {
                address,
                instead_of: None,
            } => write!(
                f,
                "this node has not been let in yet; it goes on asking. A majority of the members \
                 must answer, reach it at {address}, and have no other change under way"
            ),
            MembershipEvent::Copied { epoch } => write!(
                f,
                "this node has copied all that it is to hold (epoch {epoch}); it is a full replica"
            ),
            MembershipEvent::Removing {
                member,
                address,
                silent_for,
            } => write!(
                f,
                "member {member} at {address} has not answered for {} s, so this node has it \
                 removed for good; a process that starts there is a new node, to be added",
                silent_for.as_secs()
            ),
            MembershipEvent::NotRemoved { member, why } => write!(
                f,
                "member {member}, which is down, was not removed: {why}; it will be tried again"
            ),
            MembershipEvent::Removed { cluster, epoch } => write!(
                f,
                "this node was removed from cluster {cluster} (epoch {epoch}); it holds nothing of \
                 it any more, has no vote and forwards clients' requests to the members; stop it, \
                 or add it again: shardedmemory members add ADDRESS"
            ),
            MembershipEvent::MemberLost {
                member,
                address,
                by,
            } => write!(
                f,
                "member {member} at {address} is lost with its memory: process {by} answers there \
                 now, and may come in its place; the data is safe as long as a majority of each \
                 slot's replicas is not lost"
            ),
            MembershipEvent::QuorumLost { cluster } => write!(
                f,
                "a majority of the members of cluster {cluster} lost their memory, so nothing can \
                 be decided in it ever again, and what they alone held is gone; to go on with what \
                 the others hold, see shardedmemory recover; to go on with a new, empty cluster, \
                 stop all nodes and then start them"
            ),
            MembershipEvent::GroupsLost { groups } => write!(
                f,
                "{groups} of the 1024 groups of slots lost the memory of a majority of their \
                 replicas: requests for their registers fail, and no change of members can move \
                 them; the others are served; see shardedmemory recover"
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
            MembershipEvent::ReplicationDiffers {
                proposer,
                here,
                there,
            } => write!(
                f,
                "refused to found a cluster with node {proposer}, as its replication factor is \
                 {there} and this node's is {here}; give all nodes the same and restart them"
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
            MembershipEvent::Searching { unmet, met } => {
                f.write_str("no cluster to join was found yet, and no request can be served: ")?;
                match met.is_empty() {
                    true => write!(f, "nobody answers at {}", Listed(unmet)),
                    false => write!(
                        f,
                        "{} answer(s), but has told of no cluster; if this goes on, see its log, \
                         and whether it reaches this node",
                        Listed(met)
                    ),
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
    use crate::node::NodeId;
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
