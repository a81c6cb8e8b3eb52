//! How a fresh node answers one that would found a cluster: [`Answerer`].

use super::links::Links;
use super::{FreshNumber, Proposal, ProposalId};
use crate::configuration::Configuration;
use crate::node::{Address, NodeId};
use alloc::sync::Arc;
use alloc::vec::Vec;

/// What a fresh node has answered to the one that may propose.
///
/// It counts on one round of one proposer at a time: the one that it answered last. Whatever was
/// built on an earlier answer, a proposal or even its commit, is void. A question that is
/// repeated within that round gets the same answer with the same number, so that a message sent
/// twice voids nothing; that is safe because a round has one proposal at most.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub(super) struct Answerer {
    /// Raised at each answer to another round or another proposer.
    number: u64,
    /// Whose round that number was an answer to.
    answered: Option<ProposalId>,
    /// The proposal that was agreed to last.
    agreed: Option<Agreed>,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Agreed {
    id: ProposalId,
    configuration: Arc<Configuration>,
    /// How many links had come up before.
    ups: u64,
}

/// Why a proposal is not agreed to.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum Disagreement {
    /// It rests on an answer that this node did not give, or no longer holds to.
    Void,
    /// It is not for the addresses of this node's list.
    List,
    /// It is not for this node's replication factor.
    Replication,
}

impl Answerer {
    /// The answer 'fresh' to a node that asks in order to propose, and is at the least address.
    /// `None` if the question is older than one that was answered already.
    pub(super) fn fresh(&mut self, asker: NodeId, round: u64) -> Option<FreshNumber> {
        let question = ProposalId {
            proposer: asker,
            round,
        };
        match self.answered {
            Some(last) if last == question => {}
            Some(last) if last.proposer == asker && last.round > round => return None,
            _ => {
                self.number += 1;
                self.answered = Some(question);
            }
        }
        let number = self.number;
        Some(FreshNumber { round, number })
    }

    /// Whether it has agreed to a proposal, be that void or not.
    pub(super) fn has_agreed(&self) -> bool {
        self.agreed.is_some()
    }

    /// Agrees to a proposal, or says why not. `list` is sorted.
    pub(super) fn agree(
        &mut self,
        me: NodeId,
        (list, replication): (&[Address], u8),
        links: &Links,
        from: NodeId,
        proposal: &Proposal,
    ) -> Result<ProposalId, Disagreement> {
        let is_at_least = links.node(&list[0]) == Some(from);
        let counts = proposal.id.proposer == from && self.answered == Some(proposal.id);
        if !counts || !is_at_least {
            return Err(Disagreement::Void);
        }
        let mut addresses: Vec<_> = proposal.founders.iter().map(|f| &f.address).collect();
        addresses.sort();
        if !addresses.into_iter().eq(list) {
            return Err(Disagreement::List);
        }
        if proposal.replication != replication {
            return Err(Disagreement::Replication);
        }
        let mut founders = proposal.founders.iter();
        let counts_on_me = founders.any(|f| f.id == me && f.number == self.number);
        let mut founders = proposal.founders.iter();
        let is_least = founders.any(|f| f.id == from && Some(&f.address) == list.first());
        let configuration = proposal.configuration();
        let configuration = configuration.filter(|_| counts_on_me && is_least);
        let configuration = Arc::new(configuration.ok_or(Disagreement::Void)?);
        // If this is a repetition, what was met since the first time still counts.
        if self
            .agreed
            .as_ref()
            .is_none_or(|agreed| agreed.id != proposal.id)
        {
            self.agreed = Some(Agreed {
                id: proposal.id,
                configuration,
                ups: links.ups(),
            });
        }
        Ok(proposal.id)
    }

    /// The cluster that stands now, if the commit is of the proposal that was agreed to last and
    /// nothing was answered since.
    pub(super) fn commit(&self, from: NodeId, id: ProposalId) -> Option<Arc<Configuration>> {
        let counts = id.proposer == from && self.answered == Some(id);
        let agreed = self.agreed.as_ref().filter(|agreed| agreed.id == id);
        agreed
            .filter(|_| counts)
            .map(|agreed| agreed.configuration.clone())
    }

    /// Whether to believe that this cluster stands, on the word of `from`.
    ///
    /// A node that agreed to a proposal has heard from its proposer who is at each address. If
    /// the word is of another process, then that one may be gone, and with it everyone who was in
    /// the cluster it spoke of: its message was late. Believing it would set this node apart from
    /// the cluster that it agreed to, which may have been founded in the meantime. This holds on
    /// when the agreement is void, as the cluster may stand all the same.
    ///
    /// So from then on another cluster is believed in on the word of a founder, of a process that
    /// this node has met since, or of a member at an address that is not on the list. If that
    /// cluster does live, one of these will say so: the proposer, or who came after it.
    ///
    /// `None` stands for a word whose author is not known.
    pub(super) fn believes(
        &self,
        list: &[Address],
        links: &Links,
        from: Option<NodeId>,
        configuration: &Configuration,
    ) -> bool {
        let Some(agreed) = &self.agreed else {
            return true;
        };
        let is_elsewhere = |from| {
            let member = configuration.member(from);
            member.is_some_and(|member| !list.contains(&member.address))
        };
        let is_recent =
            |from| agreed.configuration.contains(from) || links.met_after(from, agreed.ups);
        agreed.configuration.cluster() == configuration.cluster()
            || from.is_some_and(|from| is_recent(from) || is_elsewhere(from))
    }
}

#[cfg(test)]
mod tests {
    use super::super::Founder;
    use super::*;
    use crate::configuration::{ClusterId, Epoch, Member};
    use alloc::vec;

    const ME: NodeId = NodeId::new(2);
    const PROPOSER: NodeId = NodeId::new(1);

    fn list() -> Vec<Address> {
        vec!["a:1".parse().unwrap(), "b:1".parse().unwrap()]
    }

    fn proposal(round: u64, number: u64) -> Proposal {
        let ids = [PROPOSER, ME];
        let founders = list().into_iter().zip(ids).map(|(address, id)| Founder {
            address,
            id,
            number: if id == ME { number } else { 0 },
        });
        Proposal {
            id: ProposalId {
                proposer: PROPOSER,
                round,
            },
            cluster: ClusterId(9),
            replication: 3,
            founders: founders.collect(),
        }
    }

    fn agree(answerer: &mut Answerer, proposal: &Proposal) -> Result<ProposalId, Disagreement> {
        let mut links = Links::default();
        links.up(&list()[0], PROPOSER);
        answerer.agree(ME, (&list(), 3), &links, PROPOSER, proposal)
    }

    #[test]
    fn each_answer_to_another_round_or_proposer_raises_the_number() {
        let mut answerer = Answerer::default();
        let mut number = |asker, round| {
            let fresh = answerer.fresh(asker, round);
            fresh.map(|fresh| fresh.number)
        };
        assert_eq!(number(PROPOSER, 1), Some(1));
        assert_eq!(number(PROPOSER, 1), Some(1));
        assert_eq!(number(PROPOSER, 2), Some(2));
        assert_eq!(number(PROPOSER, 1), None);
        assert_eq!(number(NodeId::new(7), 1), Some(3));
    }

    #[test]
    fn a_proposal_that_rests_on_the_last_answer_is_agreed_to() {
        let mut answerer = Answerer::default();
        answerer.fresh(PROPOSER, 1);
        let proposal = proposal(1, 1);
        assert_eq!(agree(&mut answerer, &proposal), Ok(proposal.id));
        let stands = answerer.commit(PROPOSER, proposal.id).unwrap();
        assert!(stands.contains(ME) && stands.contains(PROPOSER));
    }

    #[test]
    fn proposals_that_are_wrong_in_any_part_are_not_agreed_to() {
        type Spoil = fn(&mut Proposal);
        let wrong: [(Spoil, Disagreement); 10] = [
            (|p| p.replication = 2, Disagreement::Replication),
            (|p| p.id.round = 2, Disagreement::Void),
            (|p| p.id.proposer = ME, Disagreement::Void),
            (|p| p.founders[1].number = 2, Disagreement::Void),
            (|p| p.founders[1].id = NodeId::new(5), Disagreement::Void),
            (|p| p.founders[0].id = NodeId::new(5), Disagreement::Void),
            (|p| p.founders[0].id = ME, Disagreement::Void),
            (|p| p.founders.truncate(1), Disagreement::List),
            (
                |p| p.founders[1].address = p.founders[0].address.clone(),
                Disagreement::List,
            ),
            (
                |p| {
                    let founder = p.founders[1].clone();
                    p.founders.resize(1_000, founder);
                },
                Disagreement::List,
            ),
        ];
        for (index, (spoil, disagreement)) in wrong.into_iter().enumerate() {
            let mut answerer = Answerer::default();
            answerer.fresh(PROPOSER, 1);
            let mut proposal = proposal(1, 1);
            spoil(&mut proposal);
            assert_eq!(
                agree(&mut answerer, &proposal),
                Err(disagreement),
                "{index}"
            );
            assert_eq!(answerer.commit(PROPOSER, proposal.id), None, "{index}");
        }
    }

    #[test]
    fn a_later_answer_voids_what_was_agreed_to() {
        let mut answerer = Answerer::default();
        answerer.fresh(PROPOSER, 1);
        let id = agree(&mut answerer, &proposal(1, 1)).unwrap();
        answerer.fresh(NodeId::new(7), 1);
        assert_eq!(answerer.commit(PROPOSER, id), None);
        assert_eq!(
            agree(&mut answerer, &proposal(1, 1)),
            Err(Disagreement::Void)
        );
    }

    #[test]
    fn a_proposer_that_was_replaced_is_not_agreed_with() {
        let mut answerer = Answerer::default();
        answerer.fresh(PROPOSER, 1);
        let mut links = Links::default();
        links.up(&list()[0], NodeId::new(7));
        assert_eq!(
            answerer.agree(ME, (&list(), 3), &links, PROPOSER, &proposal(1, 1)),
            Err(Disagreement::Void)
        );
    }

    #[test]
    fn after_agreeing_another_cluster_is_believed_in_only_on_a_word_that_cannot_be_late() {
        let mut answerer = Answerer::default();
        answerer.fresh(PROPOSER, 1);
        let stranger = NodeId::new(7);
        let member = |id, address: &str| Member::new(id, address.parse().unwrap());
        let other = |address| {
            let members = vec![member(stranger, address)];
            Configuration::new(ClusterId(8), Epoch::FIRST, members, 1).unwrap()
        };
        let mut links = Links::default();
        let believes = |answerer: &Answerer, links: &Links, from, address| {
            answerer.believes(&list(), links, from, &other(address))
        };
        assert!(believes(&answerer, &links, Some(stranger), "b:1"));
        agree(&mut answerer, &proposal(1, 1)).unwrap();
        // The agreement's being void makes no difference.
        for round in 1..=2 {
            answerer.fresh(PROPOSER, round);
            assert!(!believes(&answerer, &links, Some(stranger), "b:1"));
            assert!(!believes(&answerer, &links, None, "b:1"));
            assert!(believes(&answerer, &links, Some(PROPOSER), "b:1"));
            assert!(believes(&answerer, &links, Some(stranger), "c:1"));
        }
        for _ in 0..2 {
            links.up(&list()[1], stranger);
        }
        assert!(believes(&answerer, &links, Some(stranger), "b:1"));
    }

    #[test]
    fn a_commit_counts_only_from_its_proposer() {
        let mut answerer = Answerer::default();
        answerer.fresh(PROPOSER, 1);
        let id = agree(&mut answerer, &proposal(1, 1)).unwrap();
        assert_eq!(answerer.commit(NodeId::new(7), id), None);
        assert!(answerer.commit(PROPOSER, id).is_some());
    }
}
