//! Short, directed runs that read like stories: [`Story`].

mod told;

pub use told::{Asked, AskedChange, Told};

use crate::cluster::{Cluster, Rule, Sent, Step};
use crate::figures::Figures;
use crate::network::{Site, Storm, Weather};
use crate::plan::Machines;
use crate::trace::Trace;
use bytes::Bytes;
use checker::{Limits, check};
use protocol::{
    Address, Body, ChangeRefusal, ChangeRequest, Expected, Member, MembershipMessage, NodeId,
    Operation, PeerState, PlantedFault, RegisterName, Standing, Ticket,
};
use std::collections::BTreeMap;
use std::time::Duration;

/// A cluster on plain machines and a fair network, in which only what is told goes wrong.
///
/// Nodes are named by number, from one on. Whatever must hold is asserted at every step, and the
/// clients' history is checked when the story ends. Every mistake panics: a story is a test. If the
/// environment has `SIMULATOR_TRACE`, everything that happens is written to standard error.
#[derive(Debug)]
pub struct Story {
    cluster: Cluster,
    ended: BTreeMap<Ticket, Told>,
    clients: usize,
    timeout: Duration,
    patience: Duration,
}

/// On what a story takes place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Setting {
    /// How many nodes found the cluster. They have the first numbers.
    pub nodes: usize,
    /// How many other nodes there are. Each was a member and was removed, so that it does not ask
    /// to be let in.
    pub others: usize,
    /// On how many nodes each slot is held.
    pub replication: u8,
    /// A fault put back into the protocol. Then only the clients' history is judged.
    pub planted: Option<PlantedFault>,
}

/// A change of members that an operator asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Change {
    /// Let the process at this node in.
    Add(usize),
    /// Let the member go that is at this node.
    Remove(usize),
    /// Let the process at one node come in the place of the member at another.
    Replace {
        /// Where the member is.
        member: usize,
        /// Where the other one is.
        by: usize,
    },
    /// Give up the change under way.
    Abort,
}

/// Which messages of one node to another are lost.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lost {
    /// Those by which a write or a write-back propagates a record.
    Updates,
    /// Those by which forwarded operations are answered.
    ForwardReplies,
    /// Those by which a replica asks another for what it holds of a group.
    Pulls,
    /// Those that tell of a configuration, in whatever way.
    Configurations,
}

/// What a process does first when it thaws.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum First {
    /// Its timers go off.
    Timers,
    /// It reads what came meanwhile.
    Sockets,
}

/// How long a story waits for something that must come about, unless it says otherwise.
const PATIENCE: Duration = Duration::from_secs(30);

impl Story {
    /// A cluster of so many nodes that has been founded. Each holds everything.
    pub fn of(nodes: usize) -> Self {
        let mut story = Self::before_founding(nodes);
        story.found(nodes);
        story
    }

    #[track_caller]
    fn found(&mut self, nodes: usize) {
        for node in 1..=nodes {
            self.start(node);
        }
        self.wait_until("the cluster is founded", |story| {
            (1..=nodes).all(|node| story.standing(node) == Some(Standing::Member))
        });
        self.wait_until("everyone believes in everyone", |story| {
            let mut pairs = (1..=nodes).flat_map(|a| (1..=nodes).map(move |b| (a, b)));
            pairs.all(|(a, b)| story.state_of(b, a) == PeerState::Alive)
        });
    }

    /// A cluster in this setting, at rest.
    ///
    /// # Panics
    /// If it does not come about.
    #[track_caller]
    pub fn with(setting: Setting) -> Self {
        let mut story = Self::in_setting(setting);
        story.found(setting.nodes);
        for other in setting.nodes + 1..=setting.nodes + setting.others {
            story.start(other);
            story.wait_until("the other node is let in", |story| {
                story.standing(other) == Some(Standing::Member)
            });
            story.come_to_rest();
            story
                .change(1, Change::Remove(other))
                .expect("it is a member");
            story.wait_until("the other node is let go", |story| {
                story.standing(other) == Some(Standing::Outsider)
            });
            story.come_to_rest();
        }
        story
    }

    /// Machines on which no process has started yet.
    pub fn before_founding(nodes: usize) -> Self {
        Self::in_setting(Setting {
            nodes,
            others: 0,
            replication: u8::try_from(nodes).expect("stories have few nodes"),
            planted: None,
        })
    }

    fn in_setting(setting: Setting) -> Self {
        let weather = Weather::fair(Duration::from_millis(1));
        let machines = Machines {
            replication: setting.replication,
            planted: setting.planted,
            ..Machines::plain(setting.nodes, setting.others)
        };
        let trace = match std::env::var_os("SIMULATOR_TRACE") {
            Some(_) => Trace::written_to(Box::new(std::io::stderr())),
            None => Trace::silent(),
        };
        let cluster = Cluster::new(0, machines, weather, trace);
        Self {
            cluster,
            ended: BTreeMap::new(),
            clients: 0,
            timeout: Duration::from_secs(5),
            patience: PATIENCE,
        }
    }

    /// From now on clients wait so long.
    pub fn with_timeout(&mut self, timeout: Duration) {
        self.timeout = timeout;
    }

    /// From now on the story waits so long for what must come about.
    pub fn with_patience(&mut self, patience: Duration) {
        self.patience = patience;
    }

    /// A new client writes and waits for the answer.
    #[track_caller]
    pub fn write(&mut self, node: usize, name: &str, value: &str) -> Told {
        let asked = self.begin_write(node, name, value);
        self.end(asked)
    }

    /// A new client reads and waits for the answer.
    #[track_caller]
    pub fn read(&mut self, node: usize, name: &str) -> Told {
        let asked = self.begin_read(node, name);
        self.end(asked)
    }

    /// A new client deletes and waits for the answer.
    #[track_caller]
    pub fn delete(&mut self, node: usize, name: &str) -> Told {
        let asked = self.begin(
            node,
            Operation::Write {
                name: register(name),
                content: None,
                expiry: None,
            },
        );
        self.end(asked)
    }

    /// A new client adds to a register and waits for the answer.
    #[track_caller]
    pub fn add(&mut self, node: usize, name: &str, amount: i64) -> Told {
        let change = protocol::Change::Add { amount };
        let name = register(name);
        let asked = self.begin(node, Operation::Modify { name, change });
        self.end(asked)
    }

    /// A new client sets a register if it holds what is expected, and waits for the answer.
    #[track_caller]
    pub fn set_if(&mut self, node: usize, name: &str, expected: Option<&str>, new: &str) -> Told {
        let asked = self.begin_set_if(node, name, expected, new);
        self.end(asked)
    }

    /// A new client asks for a register to be set if it holds what is expected.
    pub fn begin_set_if(
        &mut self,
        node: usize,
        name: &str,
        expected: Option<&str>,
        new: &str,
    ) -> Asked {
        let bytes = |text: &str| Bytes::copy_from_slice(text.as_bytes());
        let change = protocol::Change::CompareAndSet {
            expected: Expected::Content(expected.map(bytes)),
            content: Some(bytes(new)),
            expiry: None,
        };
        let name = register(name);
        self.begin(node, Operation::Modify { name, change })
    }

    /// An operator asks a node for a change, and waits for the answer: the epoch of the change, or
    /// why there is none.
    #[track_caller]
    pub fn change(&mut self, node: usize, change: Change) -> Result<u64, ChangeRefusal> {
        let asked = self.begin_change(node, change);
        self.end_change(asked)
    }

    /// An operator asks a node for a change.
    #[track_caller]
    pub fn begin_change(&mut self, node: usize, change: Change) -> AskedChange {
        let address = |node: usize| self.cluster.address(site(node)).clone();
        let request = match change {
            Change::Add(node) => ChangeRequest::Add {
                address: address(node),
                weight: Member::WEIGHT_DEFAULT,
            },
            Change::Remove(node) => ChangeRequest::Remove {
                member: self.member_at(node),
            },
            Change::Replace { member, by } => ChangeRequest::Replace {
                member: self.member_at(member),
                address: address(by),
            },
            Change::Abort => ChangeRequest::Abort,
        };
        AskedChange(self.cluster.ask_for_change(site(node), request))
    }

    /// Waits until an operator is told what became of a change.
    #[track_caller]
    pub fn end_change(&mut self, asked: AskedChange) -> Result<u64, ChangeRefusal> {
        self.wait_until("the operator is answered", |story| {
            story.cluster.change_answer(asked.0).is_some()
        });
        let answer = self.cluster.change_answer(asked.0).expect("it is there");
        answer.clone().map(|epoch| epoch.0)
    }

    /// Waits until changes have ended, every node that is to be a member is one, and every member
    /// has copied all that it holds.
    #[track_caller]
    pub fn come_to_rest(&mut self) {
        let (patience, limit) = (self.patience, self.cluster.now() + self.patience);
        while let Some(unrest) = self.cluster.unrest() {
            // Looking is dearer than stepping.
            let next = self.cluster.now() + Duration::from_millis(1);
            while self.step(next) {}
            assert!(next < limit, "within {patience:?}: {unrest}");
        }
    }

    /// A new client asks for a write.
    pub fn begin_write(&mut self, node: usize, name: &str, value: &str) -> Asked {
        let content = Some(Bytes::copy_from_slice(value.as_bytes()));
        self.begin(
            node,
            Operation::Write {
                name: register(name),
                content,
                expiry: None,
            },
        )
    }

    /// A new client asks for a read.
    pub fn begin_read(&mut self, node: usize, name: &str) -> Asked {
        self.begin(
            node,
            Operation::Read {
                name: register(name),
            },
        )
    }

    fn begin(&mut self, node: usize, operation: Operation) -> Asked {
        self.clients += 1;
        Asked(
            self.cluster
                .call(self.clients, site(node), operation, self.timeout),
        )
    }

    /// Waits until an operation ends.
    #[track_caller]
    pub fn end(&mut self, asked: Asked) -> Told {
        self.wait_until("the operation ends", |story| {
            story.ended.contains_key(&asked.0)
        });
        self.ended[&asked.0].clone()
    }

    /// A process starts without memory.
    pub fn start(&mut self, node: usize) {
        self.cluster.start(site(node));
    }

    /// The process is gone with its memory.
    pub fn crash(&mut self, node: usize) {
        self.cluster.crash(site(node));
    }

    /// The process is gone, and a new one starts in its place.
    pub fn restart(&mut self, node: usize) {
        self.crash(node);
        self.start(node);
    }

    /// The process does nothing from now on.
    pub fn freeze(&mut self, node: usize) {
        self.cluster.freeze(site(node));
    }

    /// The frozen process goes on.
    pub fn thaw(&mut self, node: usize, first: First) {
        self.cluster.thaw(site(node), first == First::Timers);
    }

    /// Nothing passes between these nodes and all others.
    pub fn isolate(&mut self, nodes: &[usize]) {
        let all = || 1..=self.cluster.sites();
        let pairs = all().flat_map(|from| all().map(move |to| (from, to)));
        let apart = pairs.filter(|(from, to)| nodes.contains(from) != nodes.contains(to));
        let links: Vec<(Site, Site)> = apart.map(|(from, to)| (site(from), site(to))).collect();
        self.cluster.cut(&links);
    }

    /// Nothing passes from the one node to the other; the other way is open.
    pub fn cut(&mut self, from: usize, to: usize) {
        self.cluster.cut(&[(site(from), site(to))]);
    }

    /// From now on these messages of a node to another are lost.
    pub fn lose(&mut self, what: Lost, from: usize, to: usize) {
        self.lose_if(move |sender, receiver, sent| {
            (sender, receiver) == (from, to) && what.includes(sent)
        });
    }

    /// From now on the messages are lost that `names` names, by the nodes they go from and to.
    pub fn lose_if(&mut self, names: impl Fn(usize, usize, Sent<'_>) -> bool + 'static) {
        self.rule(names, false);
    }

    /// From now on the messages are held back that `names` names, until they are released.
    pub fn hold_if(&mut self, names: impl Fn(usize, usize, Sent<'_>) -> bool + 'static) {
        self.rule(names, true);
    }

    fn rule(&mut self, names: impl Fn(usize, usize, Sent<'_>) -> bool + 'static, holds: bool) {
        let names = move |from: Site, to: Site, sent: Sent<'_>| names(from + 1, to + 1, sent);
        self.cluster.add_rule(Rule {
            names: Box::new(names),
            holds,
        });
    }

    /// Nothing is lost or held back any more, and what was held back is sent on.
    pub fn release(&mut self) {
        self.cluster.release();
    }

    /// From now on every message arrives twice.
    pub fn duplicate_everything(&mut self) {
        self.cluster.begin_storm(Storm {
            loss: 0.0,
            duplication: 1.0,
        });
    }

    /// The network is whole again, and every frozen process goes on.
    pub fn heal(&mut self) {
        self.cluster.heal();
    }

    /// Lets time pass.
    #[track_caller]
    pub fn wait(&mut self, span: Duration) {
        let until = self.cluster.now() + span;
        while self.step(until) {}
    }

    /// Lets time pass until something comes about.
    ///
    /// # Panics
    /// If it does not within half a minute, or the patience that the story has.
    #[track_caller]
    pub fn wait_until(&mut self, what: &str, holds: impl Fn(&Story) -> bool) {
        let (patience, limit) = (self.patience, self.cluster.now() + self.patience);
        while !holds(self) {
            assert!(
                self.step(limit),
                "within {patience:?} it did not come about that {what}"
            );
        }
    }

    #[track_caller]
    fn step(&mut self, limit: crate::clocks::Instant) -> bool {
        let step = self.cluster.step(limit);
        if let Some(failure) = self.cluster.failure() {
            panic!("{failure}");
        }
        for ended in self.cluster.take_ended() {
            let took = ended.ended_at.since(ended.called_at);
            self.ended.insert(
                ended.ticket,
                Told {
                    outcome: ended.outcome,
                    took,
                },
            );
        }
        step != Step::Quiet
    }

    /// What the node is to its cluster; `None` if no process runs there.
    pub fn standing(&self, node: usize) -> Option<Standing> {
        self.cluster.standing(site(node))
    }

    /// What one node believes of another.
    ///
    /// # Panics
    /// If no process is at either.
    #[track_caller]
    pub fn state_of(&self, peer: usize, seen_by: usize) -> PeerState {
        self.state_of_id(self.id(peer), seen_by)
    }

    /// What a node believes of a process, which may be dead.
    ///
    /// # Panics
    /// If no process is at the node.
    #[track_caller]
    pub fn state_of_id(&self, peer: NodeId, seen_by: usize) -> PeerState {
        let process = self
            .cluster
            .process(site(seen_by))
            .expect("a process is there");
        process.membership().peer_state(peer)
    }

    /// Whether the node knows that the data is gone for good.
    pub fn knows_data_is_gone(&self, node: usize) -> bool {
        let process = self.cluster.process(site(node));
        process.is_some_and(|process| process.membership().quorum_lost())
    }

    /// The id of the process that is at the node now.
    ///
    /// # Panics
    /// If there is none.
    #[track_caller]
    pub fn id(&self, node: usize) -> NodeId {
        self.cluster
            .process(site(node))
            .expect("a process is there")
            .incarnation
            .node
    }

    /// The id of the member whose place is at the node, alive or not.
    ///
    /// # Panics
    /// If no member's is.
    #[track_caller]
    pub fn member_at(&self, node: usize) -> NodeId {
        let address = self.cluster.address(site(node));
        let configuration = self.cluster.configuration().expect("a cluster stands");
        let mut members = configuration.members_after().iter();
        let member = members.find(|member| member.address == *address);
        member.expect("a member is there").id
    }

    /// The members, as far as the node knows; in a change, those before it and after it.
    pub fn members(&self, node: usize) -> Vec<NodeId> {
        let process = self.cluster.process(site(node));
        let configuration = process.and_then(|process| process.configuration());
        let members = configuration.into_iter().flat_map(|known| known.members());
        members.map(|member| member.id).collect()
    }

    /// The node's address.
    pub fn address(&self, node: usize) -> Address {
        self.cluster.address(site(node)).clone()
    }

    /// The epoch that the node has entered; zero if it knows no cluster.
    pub fn epoch(&self, node: usize) -> u64 {
        let process = self.cluster.process(site(node));
        let configuration = process.and_then(|process| process.configuration());
        configuration.map_or(0, |configuration| configuration.epoch().0)
    }

    /// Whether the process at the node has copied all that it has to.
    pub fn is_whole(&self, node: usize) -> bool {
        let process = self.cluster.process(site(node));
        process.is_some_and(|process| process.is_whole())
    }

    /// Whether a process is at the node.
    pub fn is_up(&self, node: usize) -> bool {
        self.cluster.process(site(node)).is_some()
    }

    /// The cluster that the node is in or outside of, as a number; `None` if it knows none.
    pub fn cluster_of(&self, node: usize) -> Option<u64> {
        let process = self.cluster.process(site(node))?;
        process
            .configuration()
            .map(|configuration| configuration.cluster().0)
    }

    /// The numbers of the story so far.
    pub fn figures(&self) -> Figures {
        self.cluster.figures()
    }

    /// Heals what is broken, lets everything end, and checks the clients' history.
    ///
    /// # Panics
    /// If it is not linearizable, or an operation never ends.
    #[track_caller]
    pub fn conclude(mut self) {
        self.heal();
        self.wait_until("every operation ends", |story| {
            story.cluster.book().all_running().next().is_none()
        });
        check(self.cluster.book().history(), Limits::default()).expect_linearizable();
    }
}

impl Lost {
    fn includes(self, sent: Sent<'_>) -> bool {
        match (sent, self) {
            (Sent::Lane(message), Lost::Updates) => matches!(message.body, Body::Update { .. }),
            (Sent::Lane(message), Lost::ForwardReplies) => {
                matches!(message.body, Body::ForwardReply { .. })
            }
            (Sent::Lane(message), Lost::Pulls) => matches!(message.body, Body::Pull { .. }),
            (Sent::Lane(message), Lost::Configurations) => match &message.body {
                Body::Update { name, .. } => name.is_reserved(),
                Body::StaleEpoch { .. } | Body::Configuration { .. } => true,
                _ => false,
            },
            (Sent::Membership(message), Lost::Configurations) => {
                matches!(message, MembershipMessage::Stands { .. })
            }
            (Sent::Membership(_), _) => false,
        }
    }
}

fn site(node: usize) -> Site {
    node.checked_sub(1).expect("nodes are numbered from one on")
}

fn register(name: &str) -> RegisterName {
    RegisterName::new(name.as_bytes().to_vec()).expect("stories use short names")
}
