//! What clients saw, for the checker: [`Recorder`].

use checker::{Action, Figures, History, Limits, OperationId, Reply, check};
use std::sync::Mutex;

/// A history that many clients write at once. Each event has a time of its own, their order.
#[derive(Default)]
pub(crate) struct Recorder(Mutex<Recording>);

#[derive(Default)]
struct Recording {
    history: History<String>,
    time: u64,
}

impl Recording {
    fn tick(&mut self) -> u64 {
        self.time += 1;
        self.time
    }
}

impl Recorder {
    /// A client is about to send an operation.
    pub(crate) fn call(&self, client: u64, register: &str, action: Action<String>) -> OperationId {
        let mut recording = self.0.lock().unwrap();
        let time = recording.tick();
        recording.history.call(client, register, action, time)
    }

    /// It was done, and this is the answer.
    pub(crate) fn done(&self, id: OperationId, reply: Reply<String>) {
        let mut recording = self.0.lock().unwrap();
        let time = recording.tick();
        recording.history.done(id, time, reply);
    }

    /// It certainly did not happen.
    pub(crate) fn refused(&self, id: OperationId) {
        let mut recording = self.0.lock().unwrap();
        let time = recording.tick();
        recording.history.refused(id, time);
    }

    /// Nobody knows.
    pub(crate) fn unknown(&self, id: OperationId) {
        self.0.lock().unwrap().history.unknown(id);
    }

    /// Decides whether it is linearizable.
    ///
    /// # Panics
    /// With a witness, if it is not.
    #[track_caller]
    pub(crate) fn check(&self) -> Figures {
        let recording = self.0.lock().unwrap();
        check(&recording.history, Limits::default()).expect_linearizable()
    }
}
