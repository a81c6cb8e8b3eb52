//! What the connections of one node share: [`Shared`].

use super::figures::{Count, IncomingCounts};
use super::greet::Introduction;
use super::histories::Histories;
use super::inbox::Inbox;
use super::link::Link;
use super::settings::PeerSettings;
use super::synced::Synced;
use super::wire::{Greeting, VERSIONS};
use parking_lot::{Mutex, RwLock};
use protocol::{ClusterId, Incarnation, NodeId};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// Who this node is, whom it is connected to, and where what it hears goes.
pub(super) struct Shared {
    pub(super) incarnation: Incarnation,
    /// A random number: it tells this process from another that runs under the same identity.
    process: u64,
    /// The number of the last batch that its disk held when it started, if it has one.
    recovered: Option<u64>,
    pub(super) synced: Synced,
    pub(super) histories: Arc<Histories>,
    cluster: Mutex<Cluster>,
    pub(super) settings: PeerSettings,
    pub(super) inbox: Arc<dyn Inbox>,
    /// The links that are up, by who answered there. So few that looking through them is quicker
    /// than any map. Two addresses may lead to one node; the first one is used.
    routes: RwLock<Vec<(NodeId, Arc<Link>)>>,
    /// How many nodes have dialled this one that no link leads to. Whoever dials can be dialled:
    /// links that wait for their next attempt make it when this changes.
    pub(super) strangers: watch::Sender<u64>,
    /// Messages for nodes that no link leads to.
    pub(super) undeliverable: Count,
    pub(super) incoming: IncomingCounts,
    /// When the log last told of one who did not know the password.
    told_of_intruder: Mutex<Option<Instant>>,
}

/// How often the log tells of those who do not know the password.
const INTRUDER_INTERVAL: Duration = Duration::from_secs(10);

/// What is known of the cluster.
#[derive(Clone, Copy, Default)]
struct Cluster {
    id: Option<ClusterId>,
    predecessor: Option<ClusterId>,
}

impl Shared {
    pub(super) fn new(
        incarnation: Incarnation,
        recovered: Option<u64>,
        settings: PeerSettings,
        inbox: Arc<dyn Inbox>,
    ) -> Self {
        Self {
            incarnation,
            process: rand::random(),
            recovered,
            synced: Synced::new(recovered),
            histories: Arc::default(),
            cluster: Mutex::default(),
            settings,
            inbox,
            routes: RwLock::default(),
            strangers: watch::Sender::new(0),
            undeliverable: Count::default(),
            incoming: IncomingCounts::default(),
            told_of_intruder: Mutex::default(),
        }
    }

    pub(super) fn set_cluster(&self, cluster: ClusterId, predecessor: Option<ClusterId>) {
        *self.cluster.lock() = Cluster {
            id: Some(cluster),
            predecessor,
        };
    }

    /// What this node says of itself on one connection.
    pub(super) fn introduction(&self) -> Introduction {
        let Cluster { id, predecessor } = *self.cluster.lock();
        let password = self.settings.password.clone();
        let greeting = Greeting {
            refusal: None,
            versions: VERSIONS,
            incarnation: self.incarnation,
            process: self.process,
            cluster: id,
            predecessor,
            challenge: password.is_some().then(rand::random),
            recovered: self.recovered,
        };
        Introduction {
            greeting,
            password,
            histories: Arc::clone(&self.histories),
        }
    }

    /// Whether it is time to say again in the log that strangers dial: at once, and then now and
    /// then, as whoever guesses passwords would fill it.
    pub(super) fn may_tell_of_intruder(&self) -> bool {
        let mut told = self.told_of_intruder.lock();
        let now = Instant::now();
        let is_due = told.is_none_or(|told| now - told >= INTRUDER_INTERVAL);
        if is_due {
            *told = Some(now);
        }
        is_due
    }

    /// Opens the link's outbox, so that messages for this peer take it from now on.
    pub(super) fn add_route(&self, link: &Arc<Link>, peer: Incarnation) {
        link.outbox.open(peer);
        self.routes.write().push((peer.node, Arc::clone(link)));
    }

    /// Takes back what [`Shared::add_route`] did, and drops what waits.
    pub(super) fn remove_route(&self, link: &Arc<Link>) {
        self.routes
            .write()
            .retain(|(_, other)| !Arc::ptr_eq(other, link));
        link.outbox.close();
    }

    /// Takes note of a node that has dialled this one.
    pub(super) fn note_caller(&self, peer: Incarnation) {
        let routes = self.routes.read();
        if routes.iter().all(|(node, _)| *node != peer.node) {
            self.strangers.send_modify(|count| *count += 1);
        }
    }

    /// Calls `push` with the link that leads to this node, if one does.
    pub(super) fn on_route(&self, to: NodeId, push: impl FnOnce(&Link)) {
        let routes = self.routes.read();
        match routes.iter().find(|(node, _)| *node == to) {
            Some((_, link)) => push(link),
            None => self.undeliverable.add(1),
        }
    }
}
