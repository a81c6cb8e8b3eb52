//! Every lane and every message that was ever met, once: [`Store`].
//!
//! A state of the whole is then a handful of numbers, and what becomes of a lane by a message is
//! worked out once, by the real code, in however many states it happens.

use crate::history::Ending;
use crate::names::{Place, Renaming, Scribe, incarnation, node, place, request, ticket};
use crate::scenario::{Request, Scenario, group, name};
use parking_lot::{RwLock, RwLockReadGuard};
use protocol::{
    Body, Boot, Configuration, Counter, Effect, Epoch, Incarnation, Lane, LaneOptions, Message,
    NodeId, Operation, Output, PeerState, PlantedFault, Record, RegisterName, RequestId, Slot, Tag,
    Ticket, Time,
};
use std::cell::Cell;
use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Arc;
use std::time::Duration;

/// The number of a lane.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct LaneId(u32);

impl LaneId {
    /// The lane of a node that has crashed.
    pub const DEAD: LaneId = LaneId(u32::MAX);
}

/// The number of a message.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct MessageId(u32);

/// A lane, and what is often asked about it.
#[derive(Debug)]
pub struct KnownLane {
    /// It.
    pub lane: Lane,
    /// Its hash under each renaming.
    pub hashes: Box<[u64]>,
    /// The tag of what it holds of the register, and the hash of what that stands for.
    pub holds: (Tag, u64),
}

/// A message, and what is often asked about it.
#[derive(Debug)]
pub struct KnownMessage {
    /// It.
    pub message: Message,
    /// The node that it is from.
    pub from: Place,
    /// The node that it is for.
    pub to: Place,
    /// Its hash under each renaming.
    pub hashes: Box<[u64]>,
    /// The tag of the record that it brings, and the hash of what that stands for.
    pub brings: Option<(Tag, u64)>,
    /// A planted fault: its epoch was checked already.
    pub is_checked: bool,
}

/// Something that happens to one lane.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Event {
    /// A message arrives.
    Arrival(MessageId),
    /// A client makes the request of this number.
    Request(usize),
    /// The failure detector says that the node at this place is down.
    Down(Place),
    /// The configuration at this place in the list is entered.
    Enter(usize),
    /// Time passes until something is due.
    Timer,
    /// The node that this lane copies from is silent for so long that another one is asked.
    Silence,
}

/// What an event leads to.
#[derive(Debug)]
pub struct Step {
    /// What becomes of the lane.
    pub lane: LaneId,
    /// What it sends.
    pub sent: Vec<MessageId>,
    /// The requests that it answers, and how they end, in how many rounds.
    pub ended: Vec<(usize, Ending, u8)>,
    /// Whether it says that it has copied the register's group.
    pub has_copied: bool,
    /// What it says as it stops, if it finds that something cannot be.
    pub panic: Option<String>,
}

thread_local! {
    /// Whether a panic would be that of a node, which is something that happens like any other.
    static IS_EXPECTED: Cell<bool> = const { Cell::new(false) };
}

/// Lets nodes that stop do so without a word on standard error: their last words are told by the
/// story that leads there.
pub fn let_nodes_stop_quietly() {
    let hook = take_hook();
    set_hook(Box::new(move |panic| {
        if !IS_EXPECTED.get() {
            hook(panic);
        }
    }));
}

/// Every lane, every message and every step that was met.
#[derive(Debug)]
pub struct Store {
    renamings: Vec<Renaming>,
    planted: Option<PlantedFault>,
    requests: Vec<Operation>,
    /// Whether it is about the reserved register.
    proposes: bool,
    configurations: Vec<Arc<Configuration>>,
    known: RwLock<Known>,
}

#[derive(Debug, Default)]
struct Known {
    lanes: Vec<Arc<KnownLane>>,
    lane_ids: HashMap<u64, LaneId>,
    messages: Vec<Arc<KnownMessage>>,
    message_ids: HashMap<u64, MessageId>,
    steps: HashMap<(LaneId, Event), Arc<Step>>,
}

/// The one instant at which everything happens.
const NOW: Time = Time::from_micros(1_000_000);

/// No deadline is ever reached.
const DEADLINE: Duration = Duration::from_secs(1 << 30);

/// As many lanes as there are groups, so that each has one group to copy: that of the register.
const LANES: u16 = 1024;

impl Store {
    /// A store for the lanes of this scenario.
    pub fn new(scenario: &Scenario) -> Self {
        let requests = scenario.requests.iter();
        let planned = scenario.configurations.iter();
        let identity = Renaming::identity(scenario.nodes, scenario.requests.len());
        Self {
            renamings: Renaming::group(identity, &scenario.symmetries),
            planted: scenario.planted,
            requests: requests.map(|it| it.operation.clone()).collect(),
            configurations: planned.map(|it| it.configuration.clone()).collect(),
            proposes: scenario.requests.iter().any(Request::is_proposal),
            known: RwLock::default(),
        }
    }

    /// The renamings under which everything is hashed; the first one changes nothing.
    pub fn renamings(&self) -> &[Renaming] {
        &self.renamings
    }

    /// A look at all lanes and messages. No step may be asked for while it lasts.
    pub fn view(&self) -> View<'_> {
        View(self.known.read())
    }

    fn lane(&self, id: LaneId) -> Arc<KnownLane> {
        self.known.read().lanes[id.0 as usize].clone()
    }

    /// The message of this number.
    pub fn message(&self, id: MessageId) -> Arc<KnownMessage> {
        self.known.read().messages[id.0 as usize].clone()
    }

    /// How many lanes, messages and steps were met.
    pub fn counts(&self) -> (usize, usize, usize) {
        let known = self.known.read();
        (known.lanes.len(), known.messages.len(), known.steps.len())
    }

    /// The lane of a node that has just started, in its so-and-so-many-th life, and believes
    /// everyone alive. It is in the first configuration if it is a member of it.
    pub fn begin(&self, at: Place, nodes: usize, boot: u32) -> LaneId {
        let mut options = LaneOptions::new(
            Incarnation {
                boot: Boot::new(boot),
                ..incarnation(at)
            },
            self.lane_number(),
        );
        options.lanes = LANES;
        options.planted = self.planted;
        // Coordinators that race are what is explored; and to choose one would follow names.
        options.routes_changes = false;
        let mut lane = Lane::new(options);
        for peer in (0..nodes).filter(|&peer| peer != at) {
            lane.handle_peer(NOW, node(peer), PeerState::Alive);
        }
        if self.configurations[0].contains(node(at)) {
            lane.handle_configuration(NOW, self.configurations[0].clone());
        }
        while let Some(output) = lane.poll_output() {
            if let Output::Persist { number, .. } = output {
                lane.handle_persisted(NOW, number);
            }
        }
        self.intern_lane(lane)
    }

    /// The number of the lane that has the register.
    fn lane_number(&self) -> u16 {
        let number = match self.proposes {
            true => Slot::RESERVED.lane(usize::from(LANES)),
            false => group().lane(usize::from(LANES)),
        };
        u16::try_from(number).expect("there are so many lanes")
    }

    /// What becomes of a lane by an event: worked out when it is asked for first.
    pub fn step(&self, id: LaneId, event: Event) -> Arc<Step> {
        if let Some(step) = self.known.read().steps.get(&(id, event)) {
            return step.clone();
        }
        let step = Arc::new(self.work_out(id, event));
        let mut known = self.known.write();
        known.steps.entry((id, event)).or_insert(step).clone()
    }

    fn work_out(&self, id: LaneId, event: Event) -> Step {
        let mut lane = self.lane(id).lane.clone();
        let mut done = Done::default();
        let mut disguise = None;
        let call = AssertUnwindSafe(|| {
            match event {
                Event::Arrival(message) => {
                    let known = self.message(message);
                    let mut message = known.message.clone();
                    if known.is_checked {
                        disguise = Some(message.epoch);
                        message.epoch = lane.epoch();
                    }
                    lane.handle_message(NOW, message);
                }
                Event::Request(number) => {
                    let operation = self.requests[number].clone();
                    ask(&mut lane, ticket(number), operation);
                }
                Event::Down(peer) => lane.handle_peer(NOW, node(peer), PeerState::Down),
                Event::Enter(planned) => {
                    lane.handle_configuration(NOW, self.configurations[planned].clone());
                }
                Event::Timer => {
                    if let Some((due, _)) = lane.next_timeout() {
                        lane.handle_timeout(due);
                    }
                }
                Event::Silence => self.turn_to_another_source(&mut lane),
            }
            self.drain(&mut lane, &mut done);
        });
        IS_EXPECTED.set(true);
        let outcome = catch_unwind(call);
        IS_EXPECTED.set(false);
        let panic = outcome.err().map(|panic| {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|it| (*it).to_owned()));
            text.unwrap_or_else(|| "a node stopped and did not say why".to_owned())
        });
        for message in &mut done.sent {
            if let (Some(epoch), true) = (disguise, is_reply_to_change(&message.body)) {
                message.epoch = epoch;
            }
        }
        let sent = done.sent.into_iter();
        let sent: Vec<_> = sent.map(|it| self.intern_message(it, false)).collect();
        Step {
            lane: if panic.is_some() {
                id
            } else {
                self.intern_lane(lane)
            },
            sent,
            ended: done.ended,
            has_copied: done.has_copied,
            panic,
        }
    }

    /// The failure detector's word makes a lane turn to another source, and is taken back.
    fn turn_to_another_source(&self, lane: &mut Lane) {
        let own = lane.incarnation().node;
        let Some(silent) = lane.copies_from(group()) else {
            return;
        };
        let mut others = self.renamings[0].nodes.iter().map(|&place| node(place));
        let is_other = |it: &NodeId| ![own, silent].contains(it) && lane.believes_alive(*it);
        let Some(other) = others.find(is_other) else {
            return;
        };
        for (peer, state) in [
            (silent, PeerState::Suspect),
            (other, PeerState::Suspect),
            (other, PeerState::Alive),
            (silent, PeerState::Alive),
        ] {
            lane.handle_peer(NOW, peer, state);
        }
    }

    fn drain(&self, lane: &mut Lane, done: &mut Done) {
        while let Some(output) = lane.poll_output() {
            match output {
                Output::Send { mut message, .. } => {
                    // Nobody hears of low-water marks. By them, replicas refuse requests that have
                    // ended; what is refused might as well have been lost. So without them nothing
                    // is left out, and states that differ in marks alone are one.
                    message.low_water = Counter::first(message.low_water.lane());
                    if !is_about_epochs(&message.body) {
                        done.sent.push(message);
                    }
                }
                Output::Persist { number, .. }
                | Output::Drop { number, .. }
                | Output::Floor { number, .. }
                | Output::Forget { number, .. }
                | Output::Marks { number, .. } => {
                    lane.handle_persisted(NOW, number);
                }
                Output::Answer { ticket, outcome } => {
                    let (ending, rounds) = Ending::of(&outcome);
                    done.ended.push((request(ticket), ending, rounds));
                }
                // Nodes enter configurations that were decided at any time: nobody needs to be told.
                Output::Configuration(_) => {}
                Output::Listed { .. } => unreachable!("no scenario lists"),
                Output::Copied { group: copied, .. } => done.has_copied |= copied == group(),
            }
        }
    }

    fn hashes<'a>(&'a self, hash: impl Fn(&mut Scribe<'a>, &'a Renaming)) -> Box<[u64]> {
        let hashes = self.renamings.iter().map(|renaming| {
            let mut scribe = Scribe::new(renaming);
            hash(&mut scribe, renaming);
            scribe.finish()
        });
        hashes.collect()
    }

    fn intern_lane(&self, lane: Lane) -> LaneId {
        let hashes = self.hashes(|scribe, renaming| {
            lane.hash_essence(scribe, &|| Scribe::new(renaming));
        });
        if let Some(id) = self.known.read().lane_ids.get(&hashes[0]) {
            return *id;
        }
        let register = match self.proposes {
            true => RegisterName::CONFIGURATION,
            false => name(),
        };
        let record = &lane.cell(&register).record;
        let holds = (record.tag, self.hash_of_content(record));
        let mut known = self.known.write();
        let next = LaneId(u32::try_from(known.lanes.len()).expect("fewer lanes than that"));
        let id = *known.lane_ids.entry(hashes[0]).or_insert(next);
        if id == next {
            known.lanes.push(Arc::new(KnownLane {
                lane,
                hashes,
                holds,
            }));
        }
        id
    }

    /// A hash of what a record's tag stands for. Those who enter a configuration hold it without
    /// the id of the step that decided it.
    fn hash_of_content(&self, record: &Record) -> u64 {
        let operation = record.operation.filter(|_| !self.proposes);
        let identity = Renaming::identity(0, 0);
        let mut scribe = Scribe::new(&identity);
        (&record.content, record.expiry, operation).hash(&mut scribe);
        scribe.finish()
    }

    /// The number of a message.
    pub fn intern_message(&self, message: Message, is_checked: bool) -> MessageId {
        let hashes = self.hashes(|scribe, _| {
            is_checked.hash(scribe);
            message.hash(scribe);
        });
        if let Some(id) = self.known.read().message_ids.get(&hashes[0]) {
            return *id;
        }
        let mut known = self.known.write();
        let next = MessageId(u32::try_from(known.messages.len()).expect("fewer messages"));
        let id = *known.message_ids.entry(hashes[0]).or_insert(next);
        if id == next {
            let brings = match &message.body {
                Body::Update { record, .. } => Some((record.tag, self.hash_of_content(record))),
                _ => None,
            };
            known.messages.push(Arc::new(KnownMessage {
                from: place(message.from.node),
                to: place(message.to),
                hashes,
                brings,
                message,
                is_checked,
            }));
        }
        id
    }
}

/// A look at all lanes and messages that were met.
#[derive(Debug)]
pub struct View<'a>(RwLockReadGuard<'a, Known>);

impl View<'_> {
    /// The lane of this number; `None` if the node is dead.
    pub fn lane(&self, id: LaneId) -> Option<&KnownLane> {
        let lane = (id != LaneId::DEAD).then(|| &self.0.lanes[id.0 as usize]);
        lane.map(|lane| &**lane)
    }

    /// The message of this number.
    pub fn message(&self, id: MessageId) -> &KnownMessage {
        &self.0.messages[id.0 as usize]
    }
}

/// What a lane wants done.
#[derive(Default)]
struct Done {
    sent: Vec<Message>,
    ended: Vec<(usize, Ending, u8)>,
    has_copied: bool,
}

impl KnownMessage {
    /// The request that it answers, if it is an answer.
    pub fn answers(&self) -> Option<RequestId> {
        match &self.message.body {
            Body::QueryReply { request, .. }
            | Body::UpdateReply { request, .. }
            | Body::PrepareReply { request, .. }
            | Body::AcceptReply { request, .. }
            | Body::PullReply { request, .. } => Some(*request),
            _ => None,
        }
    }
}

/// Asks for an operation: on the reserved register, as nodes do, and not clients.
fn ask(lane: &mut Lane, ticket: Ticket, operation: Operation) {
    let deadline = NOW + DEADLINE;
    let next = match &operation {
        Operation::Modify { name, change } if name.is_reserved() => match &change.effect {
            Effect::Put { content, .. } => content.clone(),
            _ => None,
        },
        _ => None,
    };
    match next {
        Some(next) => {
            let next = Configuration::decode(&next).expect("it was encoded from one");
            let base = Epoch(next.epoch().0 - 1);
            lane.handle_proposal(NOW, ticket, base, &next, deadline);
        }
        None => lane.handle_request(NOW, ticket, operation, deadline),
    }
}

/// Whether it does nothing but let others enter an epoch, or ask again those that have. Here, nodes
/// enter epochs at any time, and what was asked once may arrive at any time.
fn is_about_epochs(body: &Body) -> bool {
    matches!(
        body,
        Body::StaleEpoch { .. }
            | Body::ConfigurationRequest { .. }
            | Body::Configuration { .. }
            | Body::Entered { .. }
    )
}

fn is_reply_to_change(body: &Body) -> bool {
    matches!(body, Body::UpdateReply { .. } | Body::AcceptReply { .. })
}
