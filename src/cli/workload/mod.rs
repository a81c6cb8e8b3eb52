//! Clients that read and write a live cluster all the time, and a record of what they saw, for the
//! checker: [`Workload`].
//!
//! Every value that is written is written once, so that the checker can tell which write a read
//! saw. Whatever a client does has a deadline of its own, and the record has a bound: when it is
//! full, the clients stop.

mod client;
mod file;
mod names;
mod plan;
mod record;
mod recorder;
mod summary;
mod values;

pub(crate) use file::ReadError;
pub(crate) use names::{Clearing, Names};
pub(crate) use plan::WorkloadPlan;
pub(crate) use record::{Ended, Kind, OperationRecord, WorkloadRecord};
pub(crate) use recorder::Figures;
pub(crate) use summary::{Ends, Gap, KindSummary, Latency, Summary};

use client::Client;
use recorder::Recorder;
use std::sync::Arc;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Clients at work. They stop when this is dropped.
pub(crate) struct Workload {
    recorder: Arc<Recorder>,
    stopping: CancellationToken,
    clients: JoinSet<()>,
}

impl Workload {
    /// Sets clients to work. It needs a runtime, and takes what has been written to the registers
    /// before for a fault of the cluster: see [`Names::claim`].
    ///
    /// # Panics
    /// If the plan has no nodes, no registers or no clients.
    pub(crate) fn start(plan: WorkloadPlan) -> Self {
        let recorder = Arc::new(Recorder::new(&plan));
        let plan = Arc::new(plan);
        let stopping = CancellationToken::new();
        let mut clients = JoinSet::new();
        for number in 0..plan.clients {
            let client = Client::new(number, &plan, &recorder, &stopping);
            clients.spawn(client.work());
        }
        Self {
            recorder,
            stopping,
            clients,
        }
    }

    /// The zero of all times in the record.
    pub(crate) fn began(&self) -> Instant {
        self.recorder.began()
    }

    /// How it goes.
    pub(crate) fn figures(&self) -> Figures {
        self.recorder.figures()
    }

    /// Waits until the clients have stopped by themselves: because the record is full.
    pub(crate) async fn ended(&mut self) {
        while let Some(ended) = self.clients.join_next().await {
            ended.expect("nothing in a client panics");
        }
    }

    /// Lets every client end its operation, and gives the record. It takes no longer than the
    /// operation's deadline and a second.
    pub(crate) async fn stop(mut self) -> WorkloadRecord {
        self.stopping.cancel();
        self.ended().await;
        self.recorder.take()
    }
}

#[cfg(test)]
mod tests;
