//! All connections of one node: [`Links`].

use super::figures::{IncomingFigures, LinkFigures};
use super::inbox::Inbox;
use super::incoming;
use super::link::{Link, keep_up};
use super::settings::PeerSettings;
use super::shared::Shared;
use super::stop::{self, StopSender};
use parking_lot::Mutex;
use protocol::{Address, ClusterId, Incarnation, MembershipMessage, Message, NodeId};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

/// The connections between this node and the others: those it dials, by which it sends, and those
/// it is dialled by, on which it listens.
///
/// Its calls return at once. Dropping it, or [`Links::shut_down`], ends what it dials.
pub(crate) struct Links {
    shared: Arc<Shared>,
    dialled: Mutex<Dialled>,
}

#[derive(Default)]
struct Dialled {
    links: BTreeMap<Address, Running>,
    /// Tasks that were told to end and may not have ended yet. There is at most one task for an
    /// address at any time, so that the node is told of its connections in order.
    ending: BTreeMap<Address, JoinHandle<()>>,
}

struct Running {
    link: Arc<Link>,
    stop: StopSender,
    task: JoinHandle<()>,
}

impl Links {
    /// The connections of this incarnation: none yet. What they bring goes to the inbox. If it has
    /// a disk, that held everything up to the batch `recovered` when it started.
    pub(crate) fn new(
        incarnation: Incarnation,
        recovered: Option<u64>,
        settings: PeerSettings,
        inbox: Arc<dyn Inbox>,
    ) -> Self {
        Self {
            shared: Arc::new(Shared::new(incarnation, recovered, settings, inbox)),
            dialled: Mutex::default(),
        }
    }

    /// This node belongs to this cluster from now on, which may have been recovered from another:
    /// nodes of any other are refused. Connections that stand are not asked again.
    pub(crate) fn set_cluster(&self, cluster: ClusterId, predecessor: Option<ClusterId>) {
        self.shared.set_cluster(cluster, predecessor);
    }

    /// This node's disk has synced everything up to this batch.
    pub(crate) fn set_synced(&self, batch: u64) {
        self.shared.synced.set(batch);
    }

    /// Dials exactly these addresses from now on.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub(crate) fn ensure(&self, addresses: impl IntoIterator<Item = Address>) {
        let wanted: BTreeSet<Address> = addresses.into_iter().collect();
        let mut dialled = self.dialled.lock();
        let Dialled { links, ending } = &mut *dialled;
        ending.retain(|_, task| !task.is_finished());
        for (address, running) in links.extract_if(.., |address, _| !wanted.contains(address)) {
            running.stop.remove();
            ending.insert(address, running.task);
        }
        for address in wanted {
            if !links.contains_key(&address) {
                let former = ending.remove(&address);
                links.insert(address.clone(), self.start(address, former));
            }
        }
    }

    fn start(&self, address: Address, former: Option<JoinHandle<()>>) -> Running {
        let link = Arc::new(Link::new(address, &self.shared.settings));
        let (stop, signal) = stop::channel();
        let keeping_up = keep_up(Arc::clone(&link), Arc::clone(&self.shared), signal);
        let task = tokio::spawn(async move {
            if let Some(former) = former {
                // How it ended does not matter, only that it has.
                let _ = former.await;
            }
            keeping_up.await;
        });
        Running { link, stop, task }
    }

    /// Sends a message to the node it is for, if a connection to that node stands. It may be
    /// lost, as any message may.
    pub(crate) fn send(&self, message: Message) {
        debug_assert_eq!(message.from, self.shared.incarnation);
        let to = message.to;
        self.shared
            .on_route(to, |link| link.outbox.push_data(message));
    }

    /// Sends a membership message to a node, if a connection to it stands. It goes before all
    /// messages between lanes, and may be lost.
    pub(crate) fn send_membership(&self, to: NodeId, message: MembershipMessage) {
        self.shared
            .on_route(to, |link| link.outbox.push_control(to, message));
    }

    /// Serves a connection that begins with [`MAGIC`](super::MAGIC), none of which has been read
    /// yet, until it ends. Dropping the future closes the connection.
    ///
    /// How many are served at once is for the caller to bound.
    pub(crate) fn serve_incoming(
        &self,
        stream: TcpStream,
    ) -> impl Future<Output = ()> + Send + use<> {
        incoming::serve(Arc::clone(&self.shared), stream)
    }

    /// What has gone out, by dialled address.
    pub(crate) fn figures(&self) -> Vec<LinkFigures> {
        let dialled = self.dialled.lock();
        dialled
            .links
            .values()
            .map(|running| running.link.figures())
            .collect()
    }

    /// What has come in.
    pub(crate) fn incoming_figures(&self) -> IncomingFigures {
        self.shared.incoming.figures()
    }

    /// How many messages were dropped because no connection to their node stood.
    pub(crate) fn undeliverable(&self) -> u64 {
        self.shared.undeliverable.get()
    }

    /// Ends the connections that this node dialled, at once, and says nothing of it to the inbox.
    /// They stay ended until [`Links::ensure`] is called again.
    pub(crate) fn shut_down(&self) {
        *self.dialled.lock() = Dialled::default();
    }
}
