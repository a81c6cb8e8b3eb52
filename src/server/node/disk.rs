//! A node and its disk: [`NodeDisk`].

use super::{Ended, Inner, Node};
use crate::disk::{Disk, DiskEvents, Pressure};
use protocol::{Body, Epoch, Message, PersistNumber};
use std::sync::Weak;
use std::time::Duration;
use tracing::{error, warn};

/// Hands what the disk tells to the node. The disk, which a node owns, owns this; so it must not
/// own the node.
pub(in crate::server) struct NodeDisk(Weak<Inner>);

impl NodeDisk {
    fn with_node(&self, call: impl FnOnce(Node)) {
        if let Some(inner) = self.0.upgrade() {
            call(Node(inner));
        }
    }
}

impl DiskEvents for NodeDisk {
    fn synced(&self, batch: u64) {
        self.with_node(|node| node.links().set_synced(batch));
    }

    fn durable(&self, lane: usize, number: PersistNumber) {
        self.with_node(|node| {
            if node.0.lanes[lane].durable(&node.world(), number) {
                node.call_membership(|_, _| {});
            }
        });
    }

    fn entered(&self, epoch: Epoch) {
        self.with_node(|node| node.enter_kept(epoch));
    }

    fn failed(&self, why: String) {
        self.with_node(|node| node.end(Ended::DiskFailed(why)));
    }
}

impl Node {
    /// What the disk is to tell this node by.
    pub(in crate::server) fn disk_events(&self) -> NodeDisk {
        NodeDisk(std::sync::Arc::downgrade(&self.0))
    }

    /// Its disk, if it has one.
    pub(in crate::server) fn disk(&self) -> Option<&Disk> {
        self.0.disk.as_ref()
    }

    /// Whether its disk takes on no more than it has to.
    pub(super) fn is_disk_pressed(&self) -> bool {
        let disk = self.0.disk.as_ref();
        disk.is_some_and(|disk| disk.pressure() != Pressure::None)
    }

    /// While the disk takes on no more, others' requests to keep something are as good as lost:
    /// they go on without this node, or ask again.
    pub(super) fn refuse_to_keep(&self, messages: &mut Vec<Message>) {
        if self.is_disk_pressed() {
            messages.retain(|message| !is_to_keep(&message.body));
        }
    }

    /// Writes what waits for the disk, and lets go of the data directory.
    pub(in crate::server) async fn close_disk(&self, within: Duration) {
        if self.0.disk.is_none() {
            return;
        }
        let node = self.clone();
        let closing = tokio::task::spawn_blocking(move || {
            if let Some(disk) = &node.0.disk {
                disk.close();
            }
        });
        if tokio::time::timeout(within, closing).await.is_err() {
            warn!(
                "stopped before the data directory was closed: nothing acknowledged is lost, and \
                 the next start reads its journal"
            );
        }
    }

    /// This process can serve no longer.
    pub(in crate::server) fn end(&self, why: Ended) {
        self.0.refusals.refuse_all();
        let is_first = self.0.ended.send_if_modified(|ended| {
            let is_first = ended.is_none();
            ended.get_or_insert_with(|| why.clone());
            is_first
        });
        if is_first {
            match why {
                Ended::Replaced { by, address } => error!(
                    "node {by} at {address} has taken the place of this process ({}), which holds \
                     nothing that counts any more; it stops serving and exits; to have it in the \
                     cluster as well, start it anew under an address of its own with --join",
                    self.0.incarnation.node
                ),
                Ended::DiskFailed(why) => error!(
                    "the disk has failed ({why}): this node acknowledges nothing any more and \
                     exits; the others go on without it"
                ),
            }
        }
    }
}

fn is_to_keep(body: &Body) -> bool {
    match body {
        Body::Update { .. } | Body::Prepare { .. } | Body::Accept { .. } => true,
        Body::PullReply { .. } => true,
        Body::Forward { operation, .. } => operation.is_write(),
        _ => false,
    }
}
