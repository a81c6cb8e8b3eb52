//! A node, as sessions stand on it.

use super::Registers;
use crate::http::Registers as _;
use crate::metrics::{OperationKind, Traffic};
use crate::redis::listing;
use crate::server::{ClusterView, Limits, Node, Placement};
use commands::Command;
use protocol::{Operation, Outcome};
use resp::ReplyWriter;
use std::time::Duration;

impl Registers for Node {
    async fn execute(&self, operation: Operation, timeout: Duration) -> Outcome {
        crate::http::Registers::execute(self, operation, timeout).await
    }

    async fn list(&self, command: Command, to: &mut ReplyWriter<'_>) {
        listing::carry_out(self, command, to).await;
    }

    fn placement(&self) -> Option<Placement> {
        Node::placement(self)
    }

    fn view(&self) -> ClusterView {
        crate::http::Registers::view(self)
    }

    fn traffic(&self) -> Traffic {
        crate::http::Registers::traffic(self)
    }

    fn operations_done(&self) -> [u64; 4] {
        let metrics = self.metrics();
        OperationKind::ALL.map(|kind| {
            let rounds = metrics.rounds(kind);
            rounds.one + rounds.two + rounds.more
        })
    }

    fn limits(&self) -> &Limits {
        crate::http::Registers::limits(self)
    }
}
