//! Short, directed runs that read like stories: [`Story`].

mod clients;
mod faults;
mod operators;
mod sight;
mod told;

pub use faults::{First, Lost};
pub use operators::Change;
pub use told::{Asked, AskedChange, Told};

use crate::cluster::{Cluster, Step};
use crate::network::{Site, Weather};
use crate::plan::Machines;
use crate::planted::Planted;
use crate::trace::Trace;
use checker::{Limits, check};
use protocol::{PeerState, Standing, Ticket};
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
    pub planted: Option<Planted>,
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

    /// From now on the story waits so long for what must come about.
    pub fn with_patience(&mut self, patience: Duration) {
        self.patience = patience;
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
        check(&self.cluster.history(), Limits::default()).expect_linearizable();
    }
}

fn site(node: usize) -> Site {
    node.checked_sub(1).expect("nodes are numbered from one on")
}
