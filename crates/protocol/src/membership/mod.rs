//! The cluster as one node sees it: who answers, and which configuration stands.
//!
//! [`Membership`] puts together two things that know nothing of each other: the failure detector,
//! which pings, and founding, by which nodes that all lack memory agree on the first
//! configuration. It is driven like a lane: `handle_*` brings things in, and after each call
//! [`Membership::poll_output`] is drained until it gives `None`.
//!
//! # Founding
//!
//! Every node has the same list of addresses. A fresh node asks everyone on it whether a cluster
//! stands; a single answer that one does ends its founding, unless it may be the late word of a
//! process that is gone. The node that finds itself at the least address proposes, in rounds:
//!
//! ```text
//!   least address              every other address
//!        |--- Ask(round) ------------>|   has itself met the asker at the least address?
//!        |<-- Fresh(round, number) ---|   raises the number: earlier agreements are void
//!        |                            |   (all have answered)
//!        |--- Propose --------------->|   own list? own id? number still the last?
//!        |<-- Yes --------------------|
//!        |                            |   (all have agreed: it stands)
//!        |--- Commit ---------------->|   number still the last? then it stands
//! ```
//!
//! **What it guarantees**, if all nodes have the same list and each address is answered by one
//! process at a time: *no two live processes ever know different clusters.* A cluster is founded
//! when its proposer P has everyone's agreement.
//! 1. No process that lives then knows another. It would have to have been founded by an earlier
//!    process P' at the least address, which ended before P began. Whoever knew that cluster when
//!    P asked, said so, and P did not propose. Whoever answered 'fresh' has, with that answer,
//!    voided the commit of P', and did not agree to P's proposal if it learned of the other
//!    cluster before it came. From its agreeing on, it no longer believes words that may be late
//!    ones of a process that P found replaced; and nobody else can tell it.
//! 2. None learns of another one later, as none who knows one lives; and a later proposer is
//!    told of this one as long as anybody knows it.
//!
//! When everyone who knew a cluster is gone, so is its data; then a new one may be founded, and
//! one who had agreed to the old one, but not heard of the commit, may be in it.
//!
//! The number makes a proposer that restarts harmless: the new process asks, and with that the
//! old one's proposal and commit count no more. A question repeated within one round is answered
//! with the number it was answered with before, as a round makes one proposal at most: so a
//! message that comes twice costs no round.

mod answerer;
mod detector;
mod event;
mod founding;
mod links;
mod losses;
mod message;
mod options;
mod output;
mod proposer;
#[cfg(test)]
mod tests;

pub use detector::PeerState;
pub use event::MembershipEvent;
pub use message::{Founder, FreshNumber, MembershipMessage, Proposal, ProposalId};
pub use options::{MembershipOptions, MembershipOptionsError};
pub use output::{MembershipOutput, MembershipTimer};

use crate::configuration::{Configuration, Epoch};
use crate::node::{Address, Incarnation, NodeId};
use crate::time::Time;
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;
use detector::Detector;
use founding::Founding;
use links::Links;
use losses::Reported;

/// The membership of one node. The module's documentation tells how it works.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Membership {
    me: NodeId,
    list: Vec<Address>,
    announce_interval: Duration,
    links: Links,
    detector: Detector,
    knowledge: Knowledge,
    reported: Reported,
    outputs: VecDeque<MembershipOutput>,
}

/// Whether a node knows of a cluster.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum Knowledge {
    Fresh(Box<Founding>),
    Stands {
        configuration: Arc<Configuration>,
        announce_due: Time,
    },
}

/// What a node is to its cluster.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Standing {
    /// It knows of no cluster yet.
    Fresh,
    /// It holds registers and votes.
    Member,
    /// It holds nothing and forwards to members.
    Outsider,
}

impl Membership {
    /// The membership of a node whose process starts now, without memory.
    ///
    /// # Errors
    /// [`MembershipOptionsError`] tells which option cannot be used.
    pub fn new(now: Time, options: MembershipOptions) -> Result<Self, MembershipOptionsError> {
        options.check()?;
        Ok(Self {
            me: options.incarnation.node,
            list: options.list(),
            announce_interval: options.announce_interval,
            links: Links::default(),
            detector: Detector::new(&options),
            knowledge: Knowledge::Fresh(Box::new(Founding::new(now, &options))),
            reported: Reported::default(),
            outputs: VecDeque::new(),
        })
    }

    /// This node's own outgoing connection to that address has finished its handshake, with that
    /// incarnation, which may be this node itself.
    pub fn handle_link_up(&mut self, now: Time, address: &Address, incarnation: Incarnation) {
        if !self.addresses().contains(address) {
            return;
        }
        let node = incarnation.node;
        if self.links.node(address) != Some(node) {
            self.handle_link_down(now, address);
        }
        self.links.up(address, node);
        self.detector.link_up(now, node, &mut self.outputs);
        self.watch_peers(now);
        self.review_losses();
        if let Knowledge::Fresh(founding) = &mut self.knowledge {
            founding.handle_link_up(now, address, node, &self.links, &mut self.outputs);
        }
        self.enter_if_founded(now);
    }

    /// This node's own outgoing connection to that address has ended.
    pub fn handle_link_down(&mut self, now: Time, address: &Address) {
        if let Some(node) = self.links.down(address)
            && !self.links.reach(node)
        {
            self.detector.link_down(now, node, &mut self.outputs);
        }
    }

    /// A message from the node that the connection's handshake proved.
    pub fn handle_message(&mut self, now: Time, from: NodeId, message: MembershipMessage) {
        if from == self.me {
            return;
        }
        match message {
            MembershipMessage::Ping { number } => {
                let epoch = self.epoch();
                self.send(from, MembershipMessage::Pong { number, epoch });
            }
            MembershipMessage::Pong { number, epoch } => {
                self.detector.handle_pong(from, number, &mut self.outputs);
                if epoch > self.epoch() {
                    self.send(from, MembershipMessage::Ask { round: None });
                }
            }
            MembershipMessage::Stands { configuration } => {
                self.learn(now, Some(from), configuration);
            }
            message => self.handle_founding_message(now, from, message),
        }
        self.enter_if_founded(now);
    }

    fn handle_founding_message(&mut self, now: Time, from: NodeId, message: MembershipMessage) {
        let outputs = &mut self.outputs;
        match (&mut self.knowledge, message) {
            (Knowledge::Fresh(founding), MembershipMessage::Ask { round }) => {
                founding.handle_ask(from, round, &self.links, outputs);
            }
            (Knowledge::Fresh(founding), MembershipMessage::Fresh { number }) => {
                founding.handle_fresh(now, from, number, outputs);
            }
            (Knowledge::Fresh(founding), MembershipMessage::Propose { proposal }) => {
                founding.handle_propose(from, &proposal, &self.links, outputs);
            }
            (Knowledge::Fresh(founding), MembershipMessage::Yes { proposal }) => {
                founding.handle_yes(from, proposal);
            }
            (Knowledge::Fresh(founding), MembershipMessage::Commit { proposal }) => {
                if let Some(configuration) = founding.handle_commit(from, proposal) {
                    let event = self.news_of(&configuration);
                    self.enter(now, configuration, event);
                }
            }
            (
                Knowledge::Stands { configuration, .. },
                MembershipMessage::Ask { .. } | MembershipMessage::Propose { .. },
            ) => {
                let configuration = configuration.clone();
                self.send(from, MembershipMessage::Stands { configuration });
            }
            _ => {}
        }
    }

    /// A lane has heard of this configuration.
    pub fn handle_configuration(&mut self, now: Time, configuration: Arc<Configuration>) {
        self.learn(now, None, configuration);
    }

    /// It is `now`, and that may be what [`next_timeout`](Self::next_timeout) named.
    pub fn handle_timeout(&mut self, now: Time) {
        self.detector.handle_timeout(now, &mut self.outputs);
        match &mut self.knowledge {
            Knowledge::Fresh(founding) => {
                founding.handle_timeout(now, &self.links, &mut self.outputs);
            }
            Knowledge::Stands { announce_due, .. } if *announce_due <= now => {
                *announce_due = now + self.announce_interval;
                self.announce();
            }
            Knowledge::Stands { .. } => {}
        }
        self.enter_if_founded(now);
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) at the latest, and what for.
    pub fn next_timeout(&self) -> Option<(Time, MembershipTimer)> {
        let own = match &self.knowledge {
            Knowledge::Fresh(founding) => founding.next_timeout(),
            Knowledge::Stands { announce_due, .. } => {
                Some((*announce_due, MembershipTimer::Announce))
            }
        };
        own.into_iter().chain(self.detector.next_timeout()).min()
    }

    /// The next thing to be done, until there is none.
    pub fn poll_output(&mut self) -> Option<MembershipOutput> {
        self.outputs.pop_front()
    }

    /// What this node is to its cluster.
    pub fn standing(&self) -> Standing {
        match self.configuration() {
            None => Standing::Fresh,
            Some(configuration) if configuration.contains(self.me) => Standing::Member,
            Some(_) => Standing::Outsider,
        }
    }

    /// The newest configuration that this node knows.
    pub fn configuration(&self) -> Option<&Arc<Configuration>> {
        match &self.knowledge {
            Knowledge::Fresh(_) => None,
            Knowledge::Stands { configuration, .. } => Some(configuration),
        }
    }

    /// What this node believes of a peer; of itself, that it is alive.
    pub fn peer_state(&self, node: NodeId) -> PeerState {
        if node == self.me {
            return PeerState::Alive;
        }
        self.detector.state(node)
    }

    /// Who answered last at that address, if the link is up or that process is known to have
    /// replaced a member.
    pub fn met(&self, address: &Address) -> Option<NodeId> {
        let last = self.links.last(address)?;
        let mut members = self.configuration().into_iter().flat_map(|c| c.members());
        let replaced = members.any(|member| member.address == *address && member.id != last);
        (last == self.me || replaced || self.links.node(address).is_some()).then_some(last)
    }

    /// While no cluster stands: the listed addresses where nobody answers.
    pub fn awaited(&self) -> Vec<Address> {
        match &self.knowledge {
            Knowledge::Fresh(founding) => founding.unmet(&self.links),
            Knowledge::Stands { .. } => Vec::new(),
        }
    }

    /// The addresses to keep connections to: the list's and the members', but this node's own
    /// only until it has met itself there. It changes with the configuration and with
    /// [`handle_link_up`](Self::handle_link_up).
    pub fn dial(&self) -> impl Iterator<Item = Address> {
        let member = self.configuration().and_then(|c| c.member(self.me));
        let own = member.map(|member| member.address.clone());
        let mut addresses = self.addresses();
        addresses.retain(|address| {
            self.links.last(address) != Some(self.me) && Some(address) != own.as_ref()
        });
        addresses.into_iter()
    }

    /// Every address this node has to do with, its own among them.
    fn addresses(&self) -> BTreeSet<Address> {
        let members = self.configuration().into_iter().flat_map(|c| c.members());
        let members = members.map(|member| &member.address);
        members.chain(&self.list).cloned().collect()
    }

    fn epoch(&self) -> Epoch {
        self.configuration().map_or(Epoch::NONE, |c| c.epoch())
    }

    fn send(&mut self, to: NodeId, message: MembershipMessage) {
        let output = MembershipOutput::Send { to, message };
        self.outputs.push_back(output);
    }

    fn report(&mut self, event: MembershipEvent) {
        self.outputs.push_back(MembershipOutput::Event(event));
    }

    /// Tells every node that was met and is no member which cluster stands.
    fn announce(&mut self) {
        let Some(configuration) = self.configuration().cloned() else {
            return;
        };
        let met = self.addresses().into_iter();
        let met = met.filter_map(|address| self.links.node(&address));
        let strangers: BTreeSet<NodeId> = met
            .filter(|&node| node != self.me && !configuration.contains(node))
            .collect();
        for node in strangers {
            let configuration = configuration.clone();
            self.send(node, MembershipMessage::Stands { configuration });
        }
    }

    fn enter_if_founded(&mut self, now: Time) {
        if let Knowledge::Fresh(founding) = &self.knowledge
            && let Some(configuration) = founding.founded(&mut self.outputs)
        {
            let event = MembershipEvent::Founded {
                cluster: configuration.cluster(),
                members: configuration.members().len(),
            };
            self.enter(now, configuration, event);
        }
    }

    /// Somebody says that this is the configuration.
    fn learn(&mut self, now: Time, from: Option<NodeId>, configuration: Arc<Configuration>) {
        let is_news = match &self.knowledge {
            Knowledge::Fresh(founding) => founding.believes(&self.links, from, &configuration),
            Knowledge::Stands {
                configuration: own, ..
            } => {
                let (cluster, other) = (own.cluster(), configuration.cluster());
                if cluster != other && !self.reported.other_cluster {
                    self.reported.other_cluster = true;
                    self.report(MembershipEvent::OtherCluster { cluster, other });
                }
                cluster == other && configuration.epoch() > self.epoch()
            }
        };
        if is_news {
            let event = self.news_of(&configuration);
            self.enter(now, configuration, event);
        }
    }

    /// What it means to this node that the configuration stands.
    fn news_of(&self, configuration: &Configuration) -> MembershipEvent {
        let (cluster, epoch) = (configuration.cluster(), configuration.epoch());
        match (self.standing(), configuration.contains(self.me)) {
            (Standing::Fresh | Standing::Outsider, true) => {
                MembershipEvent::Joined { cluster, epoch }
            }
            (Standing::Fresh | Standing::Member, false) => {
                MembershipEvent::Outside { cluster, epoch }
            }
            _ => MembershipEvent::Changed { cluster, epoch },
        }
    }

    fn enter(&mut self, now: Time, configuration: Arc<Configuration>, event: MembershipEvent) {
        self.outputs
            .push_back(MembershipOutput::Configuration(configuration.clone()));
        self.report(event);
        self.knowledge = Knowledge::Stands {
            configuration,
            announce_due: now + self.announce_interval,
        };
        let addresses = self.addresses();
        self.links.retain(|address| addresses.contains(address));
        self.watch_peers(now);
        self.review_losses();
        self.announce();
    }

    /// Members are watched; as long as there are none, everyone who was met on the list.
    fn watch_peers(&mut self, now: Time) {
        let peers: Vec<NodeId> = match self.configuration() {
            Some(configuration) => configuration.members().iter().map(|m| m.id).collect(),
            None => {
                let met = self.list.iter().filter_map(|a| self.links.last(a));
                met.collect()
            }
        };
        let others = peers.into_iter().filter(|&peer| peer != self.me);
        let linked: BTreeMap<NodeId, bool> =
            others.map(|peer| (peer, self.links.reach(peer))).collect();
        self.detector.watch(now, linked, &mut self.outputs);
    }
}
