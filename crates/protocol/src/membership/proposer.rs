//! How the node at the least address founds a cluster: [`Proposer`].

use super::{Founder, FreshNumber, MembershipMessage, Proposal, ProposalId};
use crate::configuration::{ClusterId, Configuration};
use crate::node::{Address, NodeId};
use crate::time::Time;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::sync::Arc;
use core::time::Duration;

/// The rounds of a node that would found a cluster.
///
/// A round asks every node that was met on the list for a numbered answer 'fresh', proposes the
/// cluster that these answers allow, and founds it when all have agreed. A round in which
/// anything goes wrong is given up for a new one; what was said in it no longer counts.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Proposer {
    me: NodeId,
    cluster: ClusterId,
    replication: u8,
    /// The last round's number; the first round's is one.
    round: u64,
    phase: Phase,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum Phase {
    Idle,
    Asking {
        since: Time,
        /// Everyone on the list, this node among them.
        party: BTreeMap<Address, NodeId>,
        /// Who answered, with which number.
        numbers: BTreeMap<NodeId, u64>,
    },
    Proposed {
        since: Time,
        proposal: Arc<Proposal>,
        configuration: Arc<Configuration>,
        agreed: BTreeSet<NodeId>,
    },
}

impl Proposer {
    pub(super) fn new(me: NodeId, cluster: ClusterId, replication: u8) -> Self {
        Self {
            me,
            cluster,
            replication,
            round: 0,
            phase: Phase::Idle,
        }
    }

    pub(super) fn is_idle(&self) -> bool {
        self.phase == Phase::Idle
    }

    /// When the round is given up.
    pub(super) fn round_ends(&self, round_timeout: Duration) -> Option<Time> {
        match &self.phase {
            Phase::Idle => None,
            Phase::Asking { since, .. } | Phase::Proposed { since, .. } => {
                Some(*since + round_timeout)
            }
        }
    }

    pub(super) fn give_up(&mut self) {
        self.phase = Phase::Idle;
    }

    pub(super) fn start_round(&mut self, now: Time, party: BTreeMap<Address, NodeId>) {
        self.round += 1;
        self.phase = Phase::Asking {
            since: now,
            party,
            numbers: BTreeMap::new(),
        };
        self.propose_if_all_answered(now);
    }

    /// Another process than the one that the round counts on answers at this address.
    pub(super) fn handle_met(&mut self, address: &Address, node: NodeId) {
        let counted_on = match &self.phase {
            Phase::Idle => return,
            Phase::Asking { party, .. } => party.get(address).copied(),
            Phase::Proposed { proposal, .. } => {
                let mut founders = proposal.founders.iter();
                let founder = founders.find(|founder| founder.address == *address);
                founder.map(|founder| founder.id)
            }
        };
        if counted_on.is_some_and(|counted_on| counted_on != node) {
            self.give_up();
        }
    }

    /// Takes in an answer to this round. Says whether it was the last one, so that the proposal
    /// is to be made now.
    pub(super) fn handle_fresh(&mut self, now: Time, from: NodeId, fresh: FreshNumber) -> bool {
        let Phase::Asking { party, numbers, .. } = &mut self.phase else {
            return false;
        };
        if fresh.round != self.round || !party.values().any(|&node| node == from) {
            return false;
        }
        numbers.insert(from, fresh.number);
        self.propose_if_all_answered(now);
        matches!(self.phase, Phase::Proposed { .. })
    }

    pub(super) fn handle_yes(&mut self, from: NodeId, id: ProposalId) {
        if let Phase::Proposed {
            proposal,
            configuration,
            agreed,
            ..
        } = &mut self.phase
            && proposal.id == id
            && configuration.contains(from)
        {
            agreed.insert(from);
        }
    }

    /// The proposal that everyone agreed to: the cluster stands.
    pub(super) fn founded(&self) -> Option<(ProposalId, Arc<Configuration>)> {
        let Phase::Proposed {
            proposal,
            configuration,
            agreed,
            ..
        } = &self.phase
        else {
            return None;
        };
        let mut members = configuration.members().iter();
        let all = members.all(|member| member.id == self.me || agreed.contains(&member.id));
        all.then(|| (proposal.id, configuration.clone()))
    }

    /// What this round still wants of the node; `None` outside of a round, or if it wants nothing.
    pub(super) fn wants(&self, node: NodeId) -> Option<MembershipMessage> {
        match &self.phase {
            Phase::Asking { party, numbers, .. } => {
                let asked = party.values().any(|&asked| asked == node);
                (asked && node != self.me && !numbers.contains_key(&node)).then_some({
                    let round = Some(self.round);
                    MembershipMessage::Ask { round }
                })
            }
            Phase::Proposed {
                proposal,
                configuration,
                agreed,
                ..
            } => {
                let asked = node != self.me && configuration.contains(node);
                (asked && !agreed.contains(&node)).then(|| MembershipMessage::Propose {
                    proposal: proposal.clone(),
                })
            }
            Phase::Idle => None,
        }
    }

    /// Everyone that the round is about, this node among them.
    pub(super) fn party(&self) -> BTreeSet<NodeId> {
        match &self.phase {
            Phase::Idle => BTreeSet::new(),
            Phase::Asking { party, .. } => party.values().copied().collect(),
            Phase::Proposed { configuration, .. } => {
                configuration.members().iter().map(|m| m.id).collect()
            }
        }
    }

    fn propose_if_all_answered(&mut self, now: Time) {
        let Phase::Asking { party, numbers, .. } = &self.phase else {
            return;
        };
        let founder = |(address, &id): (&Address, &NodeId)| {
            // Nobody answers itself; the number of the proposer is never looked at.
            let own = (id == self.me).then_some(0);
            Some(Founder {
                address: address.clone(),
                id,
                number: own.or_else(|| numbers.get(&id).copied())?,
            })
        };
        let Some(founders) = party.iter().map(founder).collect() else {
            return;
        };
        let proposal = Proposal {
            id: ProposalId {
                proposer: self.me,
                round: self.round,
            },
            cluster: self.cluster,
            replication: self.replication,
            founders,
        };
        self.phase = match proposal.configuration() {
            Some(configuration) => Phase::Proposed {
                since: now,
                proposal: Arc::new(proposal),
                configuration: Arc::new(configuration),
                agreed: BTreeSet::new(),
            },
            None => Phase::Idle,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ME: NodeId = NodeId::new(1);
    const OTHER: NodeId = NodeId::new(2);

    fn party() -> BTreeMap<Address, NodeId> {
        let address = |text: &str| text.parse().unwrap();
        BTreeMap::from([(address("a:1"), ME), (address("b:1"), OTHER)])
    }

    #[test]
    fn only_the_last_answer_to_the_very_round_makes_the_proposal() {
        let now = Time::default();
        let mut proposer = Proposer::new(ME, ClusterId(1), 3);
        proposer.start_round(now, party());
        proposer.give_up();
        proposer.start_round(now, party());
        let fresh = |round| FreshNumber { round, number: 1 };
        // Were it taken for one, everyone would be asked again for each late answer, and answer
        // late again.
        assert!(!proposer.handle_fresh(now, OTHER, fresh(1)));
        assert!(!proposer.handle_fresh(now, NodeId::new(3), fresh(2)));
        assert!(proposer.handle_fresh(now, OTHER, fresh(2)));
        assert!(
            !proposer.handle_fresh(now, OTHER, fresh(2)),
            "it came twice"
        );
    }
}
