//! What goes wrong in a story.

use super::{Story, site};
use crate::cluster::{Rule, Sent};
use crate::network::{Site, Storm};
use protocol::{Body, MembershipMessage};

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

impl Story {
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
