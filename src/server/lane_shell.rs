//! A lane and the world: [`LaneShell`].

use super::alarm::Alarm;
use super::clock::Clock;
use crate::peer::Links;
use parking_lot::Mutex;
use protocol::{Configuration, Lane, LaneOptions, Operation, Outcome, Output, Ticket, Time};
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::oneshot;

/// One lane behind its lock: it takes events in, lets the lane work, and carries the outputs
/// away.
#[derive(Debug)]
pub(crate) struct LaneShell {
    state: Mutex<State>,
    alarm: Alarm,
}

#[derive(Debug)]
struct State {
    lane: Lane,
    /// The clients' requests that run. A client that has gone away leaves its receiver closed,
    /// and its operation runs to its end all the same.
    waiting: HashMap<Ticket, oneshot::Sender<Outcome>>,
    tickets: u64,
}

impl LaneShell {
    pub(crate) fn new(options: LaneOptions) -> Self {
        Self {
            state: Mutex::new(State {
                lane: Lane::new(options),
                waiting: HashMap::new(),
                tickets: 0,
            }),
            alarm: Alarm::default(),
        }
    }

    /// Starts a client's operation; its outcome comes by the channel.
    pub(crate) fn request(
        &self,
        world: &World<'_>,
        operation: Operation,
        deadline: Time,
    ) -> oneshot::Receiver<Outcome> {
        let (sender, receiver) = oneshot::channel();
        let mut state = self.state.lock();
        state.tickets += 1;
        let ticket = Ticket(state.tickets);
        state.waiting.insert(ticket, sender);
        let now = world.clock.now();
        state.lane.handle_request(now, ticket, operation, deadline);
        let learned = self.carry_out(&mut state, world);
        debug_assert_eq!(learned, None, "a request brings no news of the cluster");
        receiver
    }

    /// Calls the lane, then does what it wants done. Returns a newer configuration if it heard of
    /// one: the caller takes that to the membership once it holds no lane's lock.
    #[must_use]
    pub(crate) fn call(
        &self,
        world: &World<'_>,
        call: impl FnOnce(&mut Lane, Time),
    ) -> Option<Arc<Configuration>> {
        let mut state = self.state.lock();
        call(&mut state.lane, world.clock.now());
        self.carry_out(&mut state, world)
    }

    /// Looks at the lane.
    pub(crate) fn inspect<T>(&self, look: impl FnOnce(&Lane) -> T) -> T {
        look(&self.state.lock().lane)
    }

    /// Waits until the lane wants to be called for the time's sake.
    pub(crate) async fn timeout(&self, clock: Clock) {
        self.alarm.ring(clock).await;
    }

    /// Messages are given to the links while the lane is locked, so that they leave in the order
    /// in which the lane sent them.
    fn carry_out(&self, state: &mut State, world: &World<'_>) -> Option<Arc<Configuration>> {
        let mut learned = None;
        while let Some(output) = state.lane.poll_output() {
            match output {
                // In memory there is nothing to wait for.
                Output::Send { message, .. } => world.links.send(message),
                Output::Persist { number, .. } => {
                    state.lane.handle_persisted(world.clock.now(), number);
                }
                Output::Answer { ticket, outcome } => {
                    if let Some(sender) = state.waiting.remove(&ticket) {
                        // A client that has gone away does not hear it.
                        let _ = sender.send(outcome);
                    }
                }
                Output::Configuration(configuration) => {
                    learned = learned
                        .filter(|known: &Arc<Configuration>| known.epoch() > configuration.epoch())
                        .or(Some(configuration));
                }
            }
        }
        self.alarm.set(state.lane.next_timeout().map(|(at, _)| at));
        learned
    }
}

/// What a lane's outputs reach.
pub(crate) struct World<'a> {
    pub(crate) clock: Clock,
    pub(crate) links: &'a Links,
}
