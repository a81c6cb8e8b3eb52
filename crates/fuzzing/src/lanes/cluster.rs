//! A few nodes of one lane each, whose messages wait until a schedule says what becomes of them.

use super::change::Changes;
use super::schedule::{NODES, Nodes};
use protocol::*;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

/// How long each operation may take: so little that schedules are short in which some do not end
/// well.
const OPERATION_TIMEOUT: Duration = Duration::from_millis(400);

/// How many lanes each node has. Only the first one is here, with few groups to copy: to copy them
/// all takes far longer than a short schedule.
pub(crate) const LANES: u16 = 64;

/// How many messages may be on their way. Beyond that the oldest is lost, as in a full outbox.
const IN_FLIGHT_MAX: usize = 4096;

/// Lanes of nodes numbered from one, the messages between them, and what clients were told.
#[derive(Clone)]
pub(crate) struct Cluster {
    pub(crate) now: Time,
    pub(crate) lanes: BTreeMap<u64, Lane>,
    /// Messages that have left and not arrived, oldest first.
    pub(crate) in_flight: VecDeque<Message>,
    pub(crate) changes: Changes,
    /// The configuration that each node has entered.
    entered: BTreeMap<u64, Arc<Configuration>>,
    pub(crate) slow_disks: bool,
    /// What was answered and not taken yet.
    answers: Vec<(Ticket, Outcome)>,
    /// The deadline of each operation that runs, and the node that it runs at.
    running: BTreeMap<Ticket, (u64, Time)>,
    disks: BTreeMap<u64, Disk>,
    /// What each tag was ever seen to stand for.
    records: BTreeMap<(RegisterName, Tag), Record>,
    tickets: u64,
}

/// What a node with a slow disk waits for.
#[derive(Clone, Default)]
struct Disk {
    unpersisted: Vec<PersistNumber>,
    /// Messages that rest on what is not durable yet.
    held_back: Vec<(Message, PersistNumber)>,
}

pub(crate) fn node(number: u64) -> NodeId {
    NodeId::new(number)
}

impl Cluster {
    /// A founded cluster of three, and two nodes more that know of it; all believe each other
    /// alive.
    pub(crate) fn new(planted: Option<PlantedFault>) -> Self {
        match planted {
            // To place all slots and to enter a configuration takes far longer than a short
            // schedule.
            None => {
                static SOUND: LazyLock<Cluster> = LazyLock::new(|| Cluster::founded(None));
                SOUND.clone()
            }
            planted => Self::founded(planted),
        }
    }

    fn founded(planted: Option<PlantedFault>) -> Self {
        let mut cluster = Self {
            now: Time::from_micros(1_000_000),
            lanes: BTreeMap::new(),
            in_flight: VecDeque::new(),
            changes: Changes::default(),
            entered: BTreeMap::new(),
            slow_disks: false,
            answers: Vec::new(),
            running: BTreeMap::new(),
            disks: BTreeMap::new(),
            records: BTreeMap::new(),
            tickets: 0,
        };
        for number in 1..=NODES {
            let incarnation = Incarnation {
                node: node(number),
                boot: Boot::FIRST,
            };
            let mut options = LaneOptions::new(incarnation, 0);
            options.lanes = LANES;
            options.planted = planted;
            cluster.lanes.insert(number, Lane::new(options));
        }
        let founded = cluster.changes.newest();
        for at in 1..=NODES {
            for peer in (1..=NODES).filter(|peer| *peer != at) {
                cluster.tell(at, peer, PeerState::Alive);
            }
            cluster.enter(at, founded.clone());
        }
        cluster
    }

    pub(crate) fn is_alive(&self, at: u64) -> bool {
        self.lanes.contains_key(&at)
    }

    pub(crate) fn alive(&self) -> Vec<u64> {
        self.lanes.keys().copied().collect()
    }

    /// Asks a node for an operation.
    pub(crate) fn request(&mut self, at: u64, operation: Operation) -> Ticket {
        let (ticket, now) = (self.next_ticket(), self.now);
        let deadline = now + OPERATION_TIMEOUT;
        self.running.insert(ticket, (at, deadline));
        self.call(at, |lane| {
            lane.handle_request(now, ticket, operation, deadline);
        });
        ticket
    }

    /// A node that is a member asks that the one of this choice follow on the configuration that it
    /// has entered.
    pub(crate) fn propose(&mut self, at: u64, choice: u8) {
        let standing = self.entered.get(&at).filter(|_| self.is_alive(at));
        let Some(next) = standing
            .filter(|standing| standing.contains(node(at)))
            .and_then(|standing| self.changes.following(standing, choice))
        else {
            return;
        };
        let (ticket, now) = (self.next_ticket(), self.now);
        let deadline = now + OPERATION_TIMEOUT;
        self.running.insert(ticket, (at, deadline));
        self.call(at, |lane| {
            lane.handle_proposal(now, ticket, lane.epoch(), &next, deadline);
        });
    }

    fn next_ticket(&mut self) -> Ticket {
        self.tickets += 1;
        Ticket(self.tickets)
    }

    /// What was answered since this was called last.
    pub(crate) fn take_answers(&mut self) -> Vec<(Ticket, Outcome)> {
        std::mem::take(&mut self.answers)
    }

    /// Whether any operation runs at a living node.
    pub(crate) fn is_busy(&self) -> bool {
        !self.running.is_empty()
    }

    /// The message on its way with this number, counted round and round.
    pub(crate) fn pick(&self, number: u8) -> Option<usize> {
        usize::from(number).checked_rem(self.in_flight.len())
    }

    /// Lets one message arrive.
    pub(crate) fn deliver(&mut self, index: usize) {
        if let Some(message) = self.in_flight.remove(index) {
            self.arrive(message);
        }
    }

    /// Lets everything arrive that passes between these nodes, and what that leads to.
    pub(crate) fn deliver_among(&mut self, nodes: Nodes) {
        let is_among = |message: &Message| {
            nodes.contains(message.from.node.get()) && nodes.contains(message.to.get())
        };
        while let Some(index) = self.in_flight.iter().position(is_among) {
            self.deliver(index);
        }
    }

    /// Lets everything arrive, and what that leads to.
    fn deliver_all(&mut self) {
        while let Some(message) = self.in_flight.pop_front() {
            self.arrive(message);
        }
    }

    pub(crate) fn arrive(&mut self, message: Message) {
        let now = self.now;
        self.call(message.to.get(), |lane| lane.handle_message(now, message));
    }

    /// Lets time pass. Whatever has reached its deadline then has ended.
    pub(crate) fn pass(&mut self, span: Duration) {
        self.now = self.now + span;
        let now = self.now;
        for at in self.alive() {
            self.call(at, |lane| lane.handle_timeout(now));
        }
        for (ticket, (at, deadline)) in &self.running {
            assert!(
                *deadline > now,
                "{ticket:?} at node {at} has not ended by its deadline, {deadline:?}"
            );
        }
    }

    /// Lets time pass until something is due.
    pub(crate) fn pass_to_next_timeout(&mut self) {
        let timeouts = self.lanes.values().filter_map(Lane::next_timeout);
        let (due, _) = timeouts
            .min()
            .expect("a lane with an operation has a timer");
        self.pass(due.since(self.now));
    }

    pub(crate) fn tell(&mut self, at: u64, peer: u64, state: PeerState) {
        let now = self.now;
        self.call(at, |lane| lane.handle_peer(now, node(peer), state));
    }

    /// A node enters a decided configuration, and drops what is others' now once that is safe.
    pub(crate) fn enter(&mut self, at: u64, configuration: Arc<Configuration>) {
        let now = self.now;
        let entered = configuration.clone();
        self.call(at, |lane| lane.handle_configuration(now, entered));
        self.note_entered(at, &configuration);
        let epoch = configuration.epoch();
        let has_entered =
            |id: NodeId| (self.lanes.get(&id.get())).is_some_and(|lane| lane.epoch() >= epoch);
        let members = configuration.members().iter().map(|member| member.id);
        let members: Vec<NodeId> = members.collect();
        let count = members.iter().filter(|id| has_entered(**id)).count();
        if count > members.len() / 2 {
            for at in self.alive() {
                self.call(at, |lane| lane.handle_entered_by_majority(now, epoch));
            }
        }
    }

    /// The disk of a node has caught up.
    pub(crate) fn persist(&mut self, at: u64) {
        let now = self.now;
        let disk = self.disks.entry(at).or_default();
        for number in std::mem::take(&mut disk.unpersisted) {
            self.call(at, |lane| lane.handle_persisted(now, number));
            let disk = self.disks.entry(at).or_default();
            let ready = disk.held_back.extract_if(.., |(_, after)| *after <= number);
            let ready: Vec<Message> = ready.map(|(message, _)| message).collect();
            ready.into_iter().for_each(|message| self.post(message));
        }
    }

    /// A node dies: with its memory, with what it was asked, and with what is for it.
    pub(crate) fn die(&mut self, at: u64) {
        self.lanes.remove(&at);
        self.disks.remove(&at);
        self.running.retain(|_, (of, _)| *of != at);
        self.in_flight.retain(|message| message.to != node(at));
    }

    /// Everything is well from now on, for those that live: disks are fast, who is dead is known to
    /// be down, everybody is told of the newest configuration, and all messages arrive, until all
    /// operations have ended.
    pub(crate) fn heal(&mut self) {
        self.slow_disks = false;
        for at in self.alive() {
            self.persist(at);
            for peer in (1..=NODES).filter(|peer| *peer != at) {
                let state = match self.is_alive(peer) {
                    true => PeerState::Alive,
                    false => PeerState::Down,
                };
                self.tell(at, peer, state);
            }
        }
        self.run_until_idle();
        let newest = self.changes.newest();
        for at in self.alive() {
            self.enter(at, newest.clone());
        }
        self.run_until_idle();
    }

    /// Lets all messages arrive, and time pass, until all operations have ended. That they end by
    /// their deadlines is asserted whenever time passes.
    pub(crate) fn run_until_idle(&mut self) {
        self.deliver_all();
        while self.is_busy() {
            self.pass_to_next_timeout();
            self.deliver_all();
        }
    }

    fn note_entered(&mut self, at: u64, configuration: &Arc<Configuration>) {
        let epoch = self.lanes.get(&at).map(Lane::epoch);
        if epoch == Some(configuration.epoch()) {
            self.entered.insert(at, configuration.clone());
        }
    }

    fn post(&mut self, message: Message) {
        // What is for the dead is lost.
        if self.is_alive(message.to.get()) {
            self.in_flight.push_back(message);
        }
        if self.in_flight.len() > IN_FLIGHT_MAX {
            self.in_flight.pop_front();
        }
    }

    /// One tag stands for one record, whoever holds it. (Of the reserved register that is so but
    /// for the operation: entering a configuration says nothing of what decided it.)
    fn note_record(&mut self, name: RegisterName, mut record: Record) {
        if name.is_reserved() {
            record.operation = None;
        }
        let key = (name, record.tag);
        let former = self.records.entry(key).or_insert_with(|| record.clone());
        assert!(
            former.agrees_with(&record),
            "one tag stands for {former:?} and for {record:?}"
        );
    }

    fn call(&mut self, at: u64, call: impl FnOnce(&mut Lane)) {
        let now = self.now;
        let Some(lane) = self.lanes.get_mut(&at) else {
            return;
        };
        call(lane);
        while let Some(output) = self.lanes.get_mut(&at).and_then(Lane::poll_output) {
            match output {
                Output::Send { message, after } => {
                    assert_ne!(message.to, node(at), "a lane does not write to itself");
                    if let Body::Update { name, record, .. } = &message.body {
                        self.note_record(name.clone(), record.clone());
                    }
                    let disk = self.disks.get_mut(&at);
                    match disk.filter(|disk| disk.unpersisted.contains(&after)) {
                        Some(disk) => disk.held_back.push((message, after)),
                        None => self.post(message),
                    }
                }
                Output::Persist { number, .. }
                | Output::Drop { number, .. }
                | Output::Floor { number, .. }
                | Output::Forget { number, .. }
                | Output::Marks { number, .. } => {
                    if let Output::Persist { name, cell, .. } = output {
                        self.note_record(name, cell.record);
                    }
                    if self.slow_disks {
                        let disk = self.disks.entry(at).or_default();
                        disk.unpersisted.push(number);
                    } else if let Some(lane) = self.lanes.get_mut(&at) {
                        lane.handle_persisted(now, number);
                    }
                }
                Output::Answer { ticket, outcome } => {
                    let running = self.running.remove(&ticket);
                    assert!(running.is_some(), "{ticket:?} is answered twice");
                    self.answers.push((ticket, outcome));
                }
                Output::Configuration(configuration) => {
                    self.changes.note_decided(&configuration);
                    if let Some(lane) = self.lanes.get_mut(&at) {
                        lane.handle_configuration(now, configuration.clone());
                    }
                    self.note_entered(at, &configuration);
                }
                Output::Listed { .. } => unreachable!("no schedule lists"),
                Output::Copied { epoch, group } => self.changes.note_copied(at, epoch, group),
            }
        }
    }
}
