//! What clients ask of a node.

use super::{NamesPage, Node, NotListed};
use crate::http::Registers;
use crate::metrics::{Metrics, OperationKind, PeerFigures, ReceivedFigures, Traffic};
use crate::peer::LinkFigures;
use crate::server::limits::Limits;
use crate::server::view::ClusterView;
use protocol::{
    ChangeRefusal, ChangeRequest, Epoch, NodeId, Operation, Outcome, Position, RecoveryView,
    Refusal, UnixMillis,
};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Counts one operation for as long as its client waits, however that ends.
struct Running<'a>(&'a AtomicUsize);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Registers for Node {
    async fn execute(&self, operation: Operation, timeout: Duration) -> Outcome {
        let inner = &*self.0;
        let started = Instant::now();
        let kind = OperationKind::of(&operation);
        let running = Running(&inner.operations_running);
        let outcome = if running.0.fetch_add(1, Ordering::Relaxed) >= inner.operations_max {
            Outcome::Refused(Refusal::Busy)
        } else if let Some(refusal) = inner.refusals.of(operation.name().slot()) {
            Outcome::Refused(refusal)
        } else if operation.is_write() && self.is_disk_pressed() {
            Outcome::Refused(Refusal::Disk)
        } else {
            self.run(operation, timeout).await
        };
        inner.metrics.observe(kind, &outcome, started.elapsed());
        outcome
    }

    async fn list(
        &self,
        after: Option<Position>,
        count: usize,
        timeout: Duration,
    ) -> Result<NamesPage, NotListed> {
        Node::list(self, after, count, timeout).await
    }

    async fn change(&self, request: ChangeRequest) -> Result<Epoch, ChangeRefusal> {
        match request {
            ChangeRequest::Recover {
                lost,
                groups,
                cluster,
            } => self.recover(lost, groups, cluster).await,
            request => self.change_members(request).await,
        }
    }

    fn recovery(&self, lost: &BTreeSet<NodeId>) -> Result<RecoveryView, ChangeRefusal> {
        self.recovery_view(lost)
    }

    fn wall_clock(&self) -> UnixMillis {
        Node::wall_clock(self)
    }

    fn view(&self) -> ClusterView {
        self.view_now()
    }

    fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    fn traffic(&self) -> Traffic {
        let received = self.0.links.incoming_figures();
        Traffic {
            sent: self.0.links.figures().iter().map(sent_to).collect(),
            undeliverable_messages: self.0.links.undeliverable(),
            received: ReceivedFigures {
                received_bytes: received.bytes,
                received_messages: received.messages + received.membership_messages,
                received_frames: received.frames,
            },
        }
    }

    fn limits(&self) -> &Limits {
        &self.0.limits
    }
}

fn sent_to(figures: &LinkFigures) -> PeerFigures {
    PeerFigures {
        address: figures.address.to_string(),
        sent_bytes: figures.bytes,
        sent_messages: figures.messages + figures.membership_messages,
        sent_frames: figures.frames,
        dropped_messages: figures.dropped,
    }
}
