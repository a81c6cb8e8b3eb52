//! A lane and the world: [`LaneShell`].

use super::alarm::Alarm;
use super::board::{Board, Place};
use super::clock::Clock;
use super::news::{News, NewsBox};
use crate::disk::{Change, Disk, Pressure};
use crate::peer::Links;
use parking_lot::{Mutex, MutexGuard};
use protocol::{
    Cell, Configuration, Counter, Decision, Epoch, Group, Incarnation, Lane, LaneOptions,
    ListOutcome, ListRequest, Message, Operation, Outcome, Output, PersistNumber, RegisterName,
    Slot, Ticket, Time,
};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use tokio::sync::oneshot;

/// One lane behind its lock: it takes events in, lets the lane work, and carries the outputs
/// away. What the membership is to know it leaves in the [`NewsBox`].
#[derive(Debug)]
pub(crate) struct LaneShell {
    /// Which of the node's lanes it is.
    index: usize,
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
    /// What the disk has made durable.
    durable: PersistNumber,
    /// Messages that rest on what is not durable yet, by that. Among those that rest on the same,
    /// and between these and others, the order does not matter: any message may be late.
    held: BTreeMap<PersistNumber, Vec<Message>>,
    /// What the disk is about to be given; empty between calls.
    changes: Vec<Change>,
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
    /// The memory that all of it takes, estimated.
    pub(crate) memory_bytes: u64,
    /// Tombstones that it holds.
    pub(crate) tombstones: usize,
    /// Tombstones that it has dropped.
    pub(crate) tombstones_dropped: u64,
    /// How often a group was compared with what another replica held of it.
    pub(crate) groups_compared: u64,
    /// Registers of which that showed that something had been missed.
    pub(crate) registers_repaired: u64,
    /// What was copied since the lane was made.
    pub(crate) copied: Copied,
}

impl LaneFigures {
    /// Both together.
    pub(crate) fn plus(self, other: LaneFigures) -> LaneFigures {
        LaneFigures {
            registers: self.registers + other.registers,
            bytes: self.bytes + other.bytes,
            memory_bytes: self.memory_bytes + other.memory_bytes,
            tombstones: self.tombstones + other.tombstones,
            tombstones_dropped: self.tombstones_dropped + other.tombstones_dropped,
            groups_compared: self.groups_compared + other.groups_compared,
            registers_repaired: self.registers_repaired + other.registers_repaired,
            copied: self.copied.plus(other.copied),
        }
    }
}

impl LaneShell {
    pub(crate) fn new(options: LaneOptions) -> Self {
        Self {
            index: options.lane.into(),
            state: Mutex::new(State {
                lane: Lane::new(options),
                waiting: HashMap::new(),
                tickets: 0,
                copied_before: Copied::default(),
                durable: PersistNumber::NONE,
                held: BTreeMap::new(),
                changes: Vec::new(),
            }),
            alarm: Alarm::default(),
        }
    }

    /// A lane that goes on with what a disk kept of it, in this configuration.
    pub(crate) fn restored(
        options: LaneOptions,
        now: Time,
        configuration: Arc<Configuration>,
        cells: Vec<(RegisterName, Cell)>,
        floors: Vec<(Slot, (u64, u64))>,
        marks: Vec<(Incarnation, Counter)>,
    ) -> Self {
        let shell = Self::new(options);
        let mut state = shell.state.lock();
        state.lane.restore_floors(floors, marks);
        state.lane.restore(now, configuration, cells);
        let timeout = state.lane.next_timeout();
        drop(state);
        shell.alarm.set(timeout.map(|(at, _)| at));
        shell
    }

    /// The digest of all that it keeps.
    pub(crate) fn kept_digest(&self) -> u128 {
        self.state.lock().lane.kept_digest()
    }

    /// What the lane keeps is durable up to this number. Says whether there is news for the
    /// membership.
    pub(crate) fn durable(&self, world: &World<'_>, number: PersistNumber) -> bool {
        let mut state = self.lock(world);
        state.durable = number;
        while let Some(first) = state.held.first_entry()
            && *first.key() <= number
        {
            for message in first.remove() {
                world.links.send(message);
            }
        }
        state.lane.handle_persisted(world.clock.now(), number);
        self.carry_out(state, world)
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
        let repair = state.lane.repair_progress();
        LaneFigures {
            registers: state.lane.registers(),
            bytes: state.lane.bytes(),
            memory_bytes: state.lane.memory_bytes(),
            tombstones: state.lane.tombstones(),
            tombstones_dropped: state.lane.tombstones_dropped(),
            groups_compared: repair.groups,
            registers_repaired: repair.registers,
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
        let mut kept = None;
        while let Some(output) = state.lane.poll_output() {
            match output {
                Output::Send { message, after } => state.send(world, message, after),
                Output::Persist { number, name, cell } => {
                    kept = state
                        .keep(world, number, || Change::Cell(name, cell))
                        .or(kept);
                }
                Output::Drop { number, group } => {
                    kept = state.keep(world, number, || Change::Drop(group)).or(kept);
                }
                Output::Floor {
                    number,
                    slot,
                    floor,
                    base,
                } => {
                    let floor = || Change::Floor(slot, (floor, base));
                    kept = state.keep(world, number, floor).or(kept);
                }
                Output::Forget { number, names } => {
                    kept = (state.keep(world, number, || Change::Forget(names))).or(kept);
                }
                Output::Marks { number, marks } => {
                    kept = (state.keep(world, number, || Change::Marks(marks))).or(kept);
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
        if let (Some(disk), Some(number)) = (world.disk, kept) {
            let digest = state.lane.kept_digest();
            disk.push(self.index, number, digest, &mut state.changes);
        }
        self.alarm.set(state.lane.next_timeout().map(|(at, _)| at));
        world.news.leave(news)
    }
}

impl State {
    /// Sends a message, now or once what it rests on is durable. While nothing becomes durable it
    /// is lost instead, as any message may be: those who wait for it ask again.
    fn send(&mut self, world: &World<'_>, message: Message, after: PersistNumber) {
        match world.disk {
            Some(disk) if after > self.durable => {
                if disk.pressure() != Pressure::Full {
                    self.held.entry(after).or_default().push(message);
                }
            }
            _ => world.links.send(message),
        }
    }

    /// Has a change made durable: in memory it is at once. Otherwise returns its number.
    fn keep(
        &mut self,
        world: &World<'_>,
        number: PersistNumber,
        change: impl FnOnce() -> Change,
    ) -> Option<PersistNumber> {
        match world.disk {
            Some(_) => {
                self.changes.push(change());
                Some(number)
            }
            None => {
                self.lane.handle_persisted(world.clock.now(), number);
                None
            }
        }
    }

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
    /// Where lanes keep what they promise, if not in memory alone.
    pub(crate) disk: Option<&'a Disk>,
    pub(crate) news: &'a NewsBox,
}
