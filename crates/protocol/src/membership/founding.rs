//! A fresh node's part in founding a cluster: [`Founding`].

use super::answerer::{Answerer, Disagreement};
use super::links::Links;
use super::proposer::Proposer;
use super::{
    FreshNumber, MembershipEvent, MembershipMessage, MembershipOptions, MembershipOutput,
    MembershipTimer, Proposal, ProposalId,
};
use crate::configuration::Configuration;
use crate::node::{Address, NodeId};
use crate::time::Time;
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

/// The longest that a round may take. Within it everyone is asked again and again, so it is no
/// time in which nothing happens.
const ROUND_TIMEOUT_MAX: Duration = Duration::from_secs(30);

/// What a node does as long as it knows of no cluster: it asks, answers, and, if it finds itself
/// at the least address of its list, proposes.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Founding {
    me: NodeId,
    /// Sorted, each address once.
    list: Vec<Address>,
    /// Where the others reach this node, as it was told.
    advertise: Address,
    replication: u8,
    ask_interval: Duration,
    round_timeout: Duration,
    report_interval: Duration,
    answerer: Answerer,
    proposer: Proposer,
    /// Before this moment it does not propose. `None` once that has passed.
    waits_until: Option<Time>,
    ask_due: Time,
    report_due: Time,
    /// Whose agreement the last round that failed was lacking.
    unagreed: Vec<Address>,
    reported: Reported,
}

/// What has been said once and is not said again.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
struct Reported {
    not_listed: bool,
    shared: BTreeSet<Address>,
    asker_differs: BTreeSet<Address>,
    list_differs: Option<NodeId>,
    replication_differs: Option<NodeId>,
}

impl Founding {
    pub(super) fn new(now: Time, options: &MembershipOptions) -> Self {
        let me = options.incarnation.node;
        Self {
            me,
            list: options.list(),
            advertise: options.advertise.clone(),
            replication: options.replication,
            ask_interval: options.ask_interval,
            round_timeout: options.round_timeout,
            report_interval: options.report_interval,
            answerer: Answerer::default(),
            proposer: Proposer::new(me, options.cluster, options.replication),
            waits_until: Some(now + options.founding_wait),
            ask_due: now + options.ask_interval,
            report_due: now + options.report_interval,
            unagreed: Vec::new(),
            reported: Reported::default(),
        }
    }

    pub(super) fn handle_link_up(
        &mut self,
        now: Time,
        address: &Address,
        node: NodeId,
        links: &Links,
        outputs: &mut VecDeque<MembershipOutput>,
    ) {
        self.proposer.handle_met(address, node);
        self.report_list(address, node, links, outputs);
        if node != self.me {
            self.ask(node, outputs);
        }
        self.start_if_due(now, links, outputs);
    }

    pub(super) fn handle_ask(
        &mut self,
        from: NodeId,
        round: Option<u64>,
        links: &Links,
        outputs: &mut VecDeque<MembershipOutput>,
    ) {
        let number = match round {
            Some(round) if links.node(&self.list[0]) == Some(from) => {
                let number = self.answerer.fresh(from, round);
                if number.is_none() {
                    return;
                }
                number
            }
            Some(_) => {
                self.report_asker(from, links, outputs);
                None
            }
            None => None,
        };
        send(outputs, from, MembershipMessage::Fresh { number });
        // It reaches this node, so what was sent before may have been lost: its answer needs a
        // link that it may not have had then.
        if let Some(message) = self.proposer.wants(from) {
            send(outputs, from, message);
        }
    }

    pub(super) fn handle_fresh(
        &mut self,
        now: Time,
        from: NodeId,
        number: Option<FreshNumber>,
        outputs: &mut VecDeque<MembershipOutput>,
    ) {
        if let Some(fresh) = number
            && self.proposer.handle_fresh(now, from, fresh)
        {
            self.tell_party(outputs);
        }
    }

    pub(super) fn handle_propose(
        &mut self,
        from: NodeId,
        proposal: &Proposal,
        links: &Links,
        outputs: &mut VecDeque<MembershipOutput>,
    ) {
        let own = (&self.list[..], self.replication);
        match self.answerer.agree(self.me, own, links, from, proposal) {
            Ok(proposal) => send(outputs, from, MembershipMessage::Yes { proposal }),
            Err(Disagreement::List) => self.report_difference(from, proposal, outputs),
            Err(Disagreement::Replication) => self.report_replication(from, proposal, outputs),
            Err(Disagreement::Void) => {}
        }
    }

    pub(super) fn handle_yes(&mut self, from: NodeId, id: ProposalId) {
        self.proposer.handle_yes(from, id);
    }

    /// The cluster that stands by this commit, if it counts.
    pub(super) fn handle_commit(&self, from: NodeId, id: ProposalId) -> Option<Arc<Configuration>> {
        self.answerer.commit(from, id)
    }

    /// Whether to believe that this cluster stands, on the word of `from`.
    pub(super) fn believes(
        &self,
        links: &Links,
        from: Option<NodeId>,
        configuration: &Configuration,
    ) -> bool {
        self.answerer
            .believes(&self.list, links, from, configuration)
    }

    /// Whether this node has agreed to a founding, and so may yet be part of it.
    pub(super) fn has_agreed(&self) -> bool {
        self.answerer.has_agreed()
    }

    /// The cluster that this node has just founded, if everyone agreed; the others are told.
    pub(super) fn founded(
        &self,
        outputs: &mut VecDeque<MembershipOutput>,
    ) -> Option<Arc<Configuration>> {
        let (proposal, configuration) = self.proposer.founded()?;
        for member in configuration.members() {
            if member.id != self.me {
                send(outputs, member.id, MembershipMessage::Commit { proposal });
            }
        }
        Some(configuration)
    }

    pub(super) fn handle_timeout(
        &mut self,
        now: Time,
        links: &Links,
        outputs: &mut VecDeque<MembershipOutput>,
    ) {
        if self.report_due <= now {
            self.report_due = now + self.report_interval;
            let event = MembershipEvent::Waiting {
                unmet: self.unmet(links),
                unagreed: self.unagreed.clone(),
                least: self.list[0].clone(),
            };
            outputs.push_back(MembershipOutput::Event(event));
        }
        if self.waits_until.is_some_and(|until| until <= now) {
            self.waits_until = None;
        }
        let round_ends = self.proposer.round_ends(self.round_timeout);
        if round_ends.is_some_and(|end| end <= now) {
            self.unagreed = self.wanting(links);
            self.proposer.give_up();
            // Where messages take longer than a round may, no round would ever end well.
            self.round_timeout = (self.round_timeout * 2).min(ROUND_TIMEOUT_MAX);
        }
        if self.ask_due <= now {
            self.ask_due = now + self.ask_interval;
            let met = self.list.iter().filter_map(|address| links.node(address));
            let met: BTreeSet<NodeId> = met.filter(|&node| node != self.me).collect();
            for node in met {
                self.ask(node, outputs);
            }
        }
        self.start_if_due(now, links, outputs);
    }

    pub(super) fn next_timeout(&self) -> Option<(Time, MembershipTimer)> {
        let round_ends = self.proposer.round_ends(self.round_timeout);
        [
            Some((self.ask_due, MembershipTimer::Ask)),
            Some((self.report_due, MembershipTimer::Report)),
            round_ends.map(|end| (end, MembershipTimer::Round)),
            self.waits_until
                .map(|until| (until, MembershipTimer::FoundingWait)),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// The listed addresses where nobody answers.
    pub(super) fn unmet(&self, links: &Links) -> Vec<Address> {
        let unmet = |address: &&Address| self.met(address, links).is_none();
        self.list.iter().filter(unmet).cloned().collect()
    }

    /// Asks the node whatever is to be asked of it now.
    fn ask(&self, node: NodeId, outputs: &mut VecDeque<MembershipOutput>) {
        let in_round = self.proposer.wants(node);
        if let Some(message) = in_round {
            send(outputs, node, message);
        } else if self.proposer.is_idle() {
            send(outputs, node, MembershipMessage::Ask { round: None });
            if !self.list.contains(&self.advertise) {
                // Others do not look for it there, and so could not answer.
                let address = self.advertise.clone();
                let weight = None;
                send(outputs, node, MembershipMessage::Join { address, weight });
            }
        }
    }

    /// Starts a round if this node is the one to propose and has met everyone on its list.
    fn start_if_due(&mut self, now: Time, links: &Links, outputs: &mut VecDeque<MembershipOutput>) {
        let is_least = links.last(&self.list[0]) == Some(self.me);
        if !is_least || self.waits_until.is_some() || !self.proposer.is_idle() {
            return;
        }
        let met = |address: &Address| Some((address.clone(), self.met(address, links)?));
        let party: Option<BTreeMap<Address, NodeId>> = self.list.iter().map(met).collect();
        let Some(party) = party else { return };
        let nodes: BTreeSet<NodeId> = party.values().copied().collect();
        if nodes.len() == party.len() {
            self.proposer.start_round(now, party);
            self.tell_party(outputs);
        }
    }

    fn tell_party(&self, outputs: &mut VecDeque<MembershipOutput>) {
        for node in self.proposer.party() {
            if let Some(message) = self.proposer.wants(node) {
                send(outputs, node, message);
            }
        }
    }

    /// Who answers there. Itself a node need meet only once: it does not move.
    fn met(&self, address: &Address, links: &Links) -> Option<NodeId> {
        let own = links.last(address).filter(|&node| node == self.me);
        own.or_else(|| links.node(address))
    }

    /// The listed addresses whose nodes have not done what this round wants of them.
    fn wanting(&self, links: &Links) -> Vec<Address> {
        let wanting = |address: &&Address| {
            let node = links.last(address);
            node.is_some_and(|node| self.proposer.wants(node).is_some())
        };
        self.list.iter().filter(wanting).cloned().collect()
    }

    fn report_list(
        &mut self,
        address: &Address,
        node: NodeId,
        links: &Links,
        outputs: &mut VecDeque<MembershipOutput>,
    ) {
        if let Some(twin) = links.twin(address)
            && !self.reported.shared.contains(twin)
            && self.reported.shared.insert(address.clone())
        {
            outputs.push_back(MembershipOutput::Event(MembershipEvent::SharedAddress {
                node,
                first: twin.clone(),
                second: address.clone(),
            }));
        }
        let others = |address| links.last(address).is_some_and(|node| node != self.me);
        if self.list.iter().all(others) && !self.reported.not_listed {
            self.reported.not_listed = true;
            outputs.push_back(MembershipOutput::Event(MembershipEvent::NotListed));
        }
    }

    fn report_asker(
        &mut self,
        from: NodeId,
        links: &Links,
        outputs: &mut VecDeque<MembershipOutput>,
    ) {
        let mut list = self.list.iter();
        if let Some(asker) = list.find(|address| links.node(address) == Some(from))
            && self.reported.asker_differs.insert(asker.clone())
        {
            outputs.push_back(MembershipOutput::Event(MembershipEvent::ProposerDiffers {
                asker: asker.clone(),
                least: self.list[0].clone(),
            }));
        }
    }

    fn report_replication(
        &mut self,
        proposer: NodeId,
        proposal: &Proposal,
        outputs: &mut VecDeque<MembershipOutput>,
    ) {
        if self.reported.replication_differs.replace(proposer) != Some(proposer) {
            let event = MembershipEvent::ReplicationDiffers {
                proposer,
                here: self.replication,
                there: proposal.replication,
            };
            outputs.push_back(MembershipOutput::Event(event));
        }
    }

    fn report_difference(
        &mut self,
        proposer: NodeId,
        proposal: &Proposal,
        outputs: &mut VecDeque<MembershipOutput>,
    ) {
        if self.reported.list_differs.replace(proposer) == Some(proposer) {
            return;
        }
        let there: BTreeSet<&Address> = proposal.founders.iter().map(|f| &f.address).collect();
        let here: BTreeSet<&Address> = self.list.iter().collect();
        let only = |these: &BTreeSet<&Address>, others: &BTreeSet<&Address>| {
            let only = these.difference(others).take(Configuration::MEMBERS_MAX);
            only.map(|&address| address.clone()).collect()
        };
        outputs.push_back(MembershipOutput::Event(MembershipEvent::ListDiffers {
            proposer,
            only_here: only(&here, &there),
            only_there: only(&there, &here),
        }));
    }
}

fn send(outputs: &mut VecDeque<MembershipOutput>, to: NodeId, message: MembershipMessage) {
    outputs.push_back(MembershipOutput::Send { to, message });
}
