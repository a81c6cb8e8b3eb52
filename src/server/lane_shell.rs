//! A lane and the world: [`LaneShell`].

use super::alarm::Alarm;
use super::board::{Board, Place};
use super::clock::Clock;
use super::news::{News, NewsBox};
use crate::peer::Links;
use parking_lot::{Mutex, MutexGuard};
use protocol::{
    Configuration, Decision, Epoch, Group, Lane, LaneOptions, ListOutcome, ListRequest, Operation,
    Outcome, Output, Ticket, Time,
};
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::oneshot;

/// One lane behind its lock: it takes events in, lets the lane work, and carries the outputs
/// away. What the membership is to know it leaves in the [`NewsBox`].
#[derive(Debug)]
pub(crate) struct LaneShell {
    state: Mutex<State>,
    alarm: Alarm,
}

#[derive(Debug)]
struct State {
    lane: Lane,
    /// Who waits for the end of what runs.
    waiting: HashMap<Ticket, Waiting>,
    tickets: u64,
    /// What was copied in the configurations before the present one.
    copied_before: Copied,
}

#[derive(Debug)]
enum Waiting {
    /// A client. One that has gone away leaves its receiver closed, and its operation runs to its
    /// end all the same.
    Client(oneshot::Sender<Outcome>),
    /// A client that has many operations under way. One that has gone away looks at the board no
    /// more.
    Board(Arc<Board>, Place),
    /// The membership, which wants something to follow on the configuration of this epoch.
    Membership(Epoch),
    /// A client that asks which registers there are.
    Listing(oneshot::Sender<ListOutcome>),
}

/// How much was copied from other nodes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Copied {
    /// Registers.
    pub(crate) registers: u64,
    /// The bytes of their names and values.
    pub(crate) bytes: u64,
}

impl Copied {
    /// Both together.
    pub(crate) fn plus(self, other: Copied) -> Copied {
        Copied {
            registers: self.registers + other.registers,
            bytes: self.bytes + other.bytes,
        }
    }

    fn in_this_configuration(lane: &Lane) -> Copied {
        let progress = lane.copy_progress();
        Copied {
            registers: progress.registers,
            bytes: progress.bytes,
        }
    }
}

/// What a lane holds, and what it has copied.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LaneFigures {
    /// Registers, tombstones included.
    pub(crate) registers: usize,
    /// The bytes of their names and values.
    pub(crate) bytes: u64,
    /// What was copied since the lane was made.
    pub(crate) copied: Copied,
}

impl LaneFigures {
    /// Both together.
    pub(crate) fn plus(self, other: LaneFigures) -> LaneFigures {
        LaneFigures {
            registers: self.registers + other.registers,
            bytes: self.bytes + other.bytes,
            copied: self.copied.plus(other.copied),
        }
    }
}

impl LaneShell {
    pub(crate) fn new(options: LaneOptions) -> Self {
        Self {
            state: Mutex::new(State {
                lane: Lane::new(options),
                waiting: HashMap::new(),
                tickets: 0,
                copied_before: Copied::default(),
            }),
            alarm: Alarm::default(),
        }
    }

    /// Starts a client's operation; its outcome comes by the channel. Says besides whether there
    /// is news for the membership.
    pub(crate) fn request(
        &self,
        world: &World<'_>,
        operation: Operation,
        deadline: Time,
    ) -> (oneshot::Receiver<Outcome>, bool) {
        let (sender, receiver) = oneshot::channel();
        let mut state = self.lock(world);
        let ticket = state.expect(Waiting::Client(sender));
        let now = world.clock.now();
        state.lane.handle_request(now, ticket, operation, deadline);
        (receiver, self.carry_out(state, world))
    }

    /// Starts many operations of one client; their outcomes come to the board. Says besides whether
    /// there is news for the membership.
    pub(crate) fn request_all(
        &self,
        world: &World<'_>,
        operations: impl Iterator<Item = (Place, Operation, Time)>,
        board: &Arc<Board>,
    ) -> bool {
        let mut state = self.lock(world);
        let now = world.clock.now();
        for (place, operation, deadline) in operations {
            let ticket = state.expect(Waiting::Board(Arc::clone(board), place));
            state.lane.handle_request(now, ticket, operation, deadline);
        }
        self.carry_out(state, world)
    }

    /// Starts a client's listing of a group; its outcome comes by the channel.
    pub(crate) fn list(
        &self,
        world: &World<'_>,
        group: Group,
        request: ListRequest,
        deadline: Time,
    ) -> oneshot::Receiver<ListOutcome> {
        let (sender, receiver) = oneshot::channel();
        let mut state = self.lock(world);
        let ticket = state.expect(Waiting::Listing(sender));
        let now = world.clock.now();
        (state.lane).handle_list(now, ticket, group, request, deadline);
        self.carry_out(state, world);
        receiver
    }

    /// Proposes that `next` follow on the configuration of epoch `base`. News tell how that ended,
    /// by the deadline.
    pub(crate) fn propose(
        &self,
        world: &World<'_>,
        base: Epoch,
        next: &Configuration,
        deadline: Time,
    ) {
        let mut state = self.lock(world);
        let ticket = state.expect(Waiting::Membership(base));
        let now = world.clock.now();
        (state.lane).handle_proposal(now, ticket, base, next, deadline);
        self.carry_out(state, world);
    }

    /// Enters a configuration.
    pub(crate) fn enter(&self, world: &World<'_>, configuration: Arc<Configuration>) {
        let mut state = self.lock(world);
        let before = Copied::in_this_configuration(&state.lane);
        let is_news = configuration.epoch() > state.lane.epoch();
        let now = world.clock.now();
        state.lane.handle_configuration(now, configuration);
        if is_news {
            // The lane counts from zero again.
            state.copied_before = state.copied_before.plus(before);
        }
        self.carry_out(state, world);
    }

    /// Calls the lane, then does what it wants done. Says whether there is news for the
    /// membership.
    pub(crate) fn call(&self, world: &World<'_>, call: impl FnOnce(&mut Lane, Time)) -> bool {
        let mut state = self.lock(world);
        call(&mut state.lane, world.clock.now());
        self.carry_out(state, world)
    }

    /// The lane is about to be called: it is told what the wall clock shows.
    fn lock(&self, world: &World<'_>) -> MutexGuard<'_, State> {
        let mut state = self.state.lock();
        state.lane.note_wall_clock(world.clock.wall());
        state
    }

    /// How many operations run, those for other nodes included.
    pub(crate) fn operations_running(&self) -> usize {
        self.state.lock().lane.operations_running()
    }

    /// What was copied in the present configuration.
    pub(crate) fn copied_in_this_configuration(&self) -> Copied {
        Copied::in_this_configuration(&self.state.lock().lane)
    }

    /// What it holds, and what it has copied.
    pub(crate) fn figures(&self) -> LaneFigures {
        let state = self.state.lock();
        let copied = Copied::in_this_configuration(&state.lane);
        LaneFigures {
            registers: state.lane.registers(),
            bytes: state.lane.bytes(),
            copied: state.copied_before.plus(copied),
        }
    }

    /// Waits until the lane wants to be called for the time's sake.
    pub(crate) async fn timeout(&self, clock: Clock) {
        self.alarm.ring(clock).await;
    }

    /// Messages are given to the links while the lane is locked, so that they leave in the order
    /// in which the lane sent them; so is what the membership is to know.
    fn carry_out(&self, mut state: MutexGuard<'_, State>, world: &World<'_>) -> bool {
        let mut news = News::default();
        while let Some(output) = state.lane.poll_output() {
            match output {
                // In memory there is nothing to wait for.
                Output::Send { message, .. } => world.links.send(message),
                Output::Persist { number, .. } | Output::Drop { number, .. } => {
                    state.lane.handle_persisted(world.clock.now(), number);
                }
                Output::Answer { ticket, outcome } => match state.waiting.remove(&ticket) {
                    Some(Waiting::Client(sender)) => {
                        // A client that has gone away does not hear it.
                        let _ = sender.send(outcome);
                    }
                    Some(Waiting::Board(board, place)) => board.post(place, outcome),
                    Some(Waiting::Membership(base)) => news.decision(base, decision(&outcome)),
                    Some(Waiting::Listing(_)) | None => {}
                },
                Output::Listed { ticket, outcome } => {
                    if let Some(Waiting::Listing(sender)) = state.waiting.remove(&ticket) {
                        // A client that has gone away does not hear it.
                        let _ = sender.send(outcome);
                    }
                }
                Output::Configuration(configuration) => news.configuration(configuration),
                Output::Copied { epoch, group } => news.copied(epoch, group),
            }
        }
        self.alarm.set(state.lane.next_timeout().map(|(at, _)| at));
        world.news.leave(news)
    }
}

impl State {
    fn expect(&mut self, waiting: Waiting) -> Ticket {
        self.tickets += 1;
        let ticket = Ticket(self.tickets);
        self.waiting.insert(ticket, waiting);
        ticket
    }
}

/// What the end of a proposal's read-modify-write says about the proposal.
fn decision(outcome: &Outcome) -> Decision {
    match outcome {
        Outcome::Modified { .. } => Decision::Decided,
        Outcome::Unchanged { .. } | Outcome::Refused(_) => Decision::Refused,
        // A proposal ends in no other way; should it, nothing is known of it.
        Outcome::Unknown | Outcome::Read { .. } | Outcome::Written { .. } => Decision::Unknown,
    }
}

/// What a lane's outputs reach.
pub(crate) struct World<'a> {
    pub(crate) clock: Clock,
    pub(crate) links: &'a Links,
    pub(crate) news: &'a NewsBox,
}
