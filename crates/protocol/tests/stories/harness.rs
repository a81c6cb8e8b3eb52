//! A cluster small enough to hold in one's head: every message waits until the story says what
//! becomes of it.

use bytes::Bytes;
use protocol::*;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Lanes of nodes numbered from one, the messages between them, and what clients were told.
pub(crate) struct Cluster {
    pub(crate) now: Time,
    pub(crate) lanes: BTreeMap<u64, Lane>,
    /// Messages that have left and not arrived, oldest first.
    pub(crate) in_flight: Vec<Message>,
    pub(crate) answers: BTreeMap<Ticket, Outcome>,
    pub(crate) listings: BTreeMap<Ticket, ListOutcome>,
    /// What each lane wants made durable; confirmed at once unless `slow_disks`.
    pub(crate) unpersisted: BTreeMap<u64, Vec<PersistNumber>>,
    pub(crate) slow_disks: bool,
    /// Whether a node enters a configuration as soon as it hears of it.
    pub(crate) enters_at_once: bool,
    /// Whether what replicas ask each other in order to copy leaves at all.
    pub(crate) copies: bool,
    /// The configurations that each node heard of, in that order.
    pub(crate) learned: BTreeMap<u64, Vec<Arc<Configuration>>>,
    /// The groups that each node said it has copied, with the epoch.
    pub(crate) copied: BTreeMap<u64, Vec<(Epoch, Group)>>,
    held_back: BTreeMap<u64, Vec<(Message, PersistNumber)>>,
    /// What each tag was ever seen to stand for.
    records: BTreeMap<(ClusterId, RegisterName, Tag), Record>,
    adjust: fn(&mut LaneOptions),
    tickets: u64,
}

pub(crate) const DEADLINE: Duration = Duration::from_secs(5);

pub(crate) fn node(number: u64) -> NodeId {
    NodeId::new(number)
}

pub(crate) fn incarnation(number: u64) -> Incarnation {
    Incarnation {
        node: node(number),
        boot: Boot::FIRST,
    }
}

pub(crate) fn member(number: u64) -> Member {
    let address = format!("127.0.0.1:{}", 3000 + number);
    Member::new(node(number), address.parse().unwrap())
}

pub(crate) fn configuration(
    epoch: u64,
    members: impl IntoIterator<Item = u64>,
) -> Arc<Configuration> {
    configuration_of(ClusterId(1), epoch, members)
}

/// The configuration of these members, each of which holds everything. One is made once: to place
/// its slots takes a while.
pub(crate) fn configuration_of(
    cluster: ClusterId,
    epoch: u64,
    members: impl IntoIterator<Item = u64>,
) -> Arc<Configuration> {
    type Made = BTreeMap<(ClusterId, u64, Vec<u64>), Arc<Configuration>>;
    static MADE: Mutex<Made> = Mutex::new(BTreeMap::new());
    let numbers: Vec<u64> = members.into_iter().collect();
    let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
    let key = (cluster, epoch, numbers.clone());
    let configuration = made.entry(key).or_insert_with(|| {
        let replication = u8::try_from(numbers.len()).unwrap();
        let members = numbers.into_iter().map(member).collect();
        let configuration = Configuration::new(cluster, Epoch(epoch), members, replication);
        Arc::new(configuration.unwrap())
    });
    configuration.clone()
}

pub(crate) fn name() -> RegisterName {
    RegisterName::new("r").unwrap()
}

pub(crate) fn write(value: &'static str) -> Operation {
    Operation::Write {
        name: name(),
        content: Some(Bytes::from_static(value.as_bytes())),
        expiry: None,
    }
}

pub(crate) fn delete() -> Operation {
    Operation::Write {
        name: name(),
        content: None,
        expiry: None,
    }
}

pub(crate) fn add(amount: i64) -> Operation {
    let change = Change::add(amount);
    Operation::Modify {
        name: name(),
        change,
    }
}

/// Compare and set.
pub(crate) fn set(expected: Option<&'static str>, content: &'static str) -> Operation {
    let bytes = |text: &'static str| Bytes::from_static(text.as_bytes());
    let change = Change::set_if(
        Condition::content(expected.map(bytes)),
        Some(bytes(content)),
    );
    Operation::Modify {
        name: name(),
        change,
    }
}

pub(crate) fn read() -> Operation {
    Operation::Read { name: name() }
}

impl Cluster {
    /// A founded cluster of `size` nodes, all of which believe each other alive.
    pub(crate) fn of(size: u64) -> Self {
        Self::with_options(size, |_| {})
    }

    /// One whose lanes are made with these options.
    pub(crate) fn with_options(size: u64, adjust: fn(&mut LaneOptions)) -> Self {
        let mut cluster = Self {
            now: Time::from_micros(1_000_000),
            lanes: BTreeMap::new(),
            in_flight: Vec::new(),
            answers: BTreeMap::new(),
            listings: BTreeMap::new(),
            unpersisted: BTreeMap::new(),
            slow_disks: false,
            enters_at_once: true,
            copies: true,
            learned: BTreeMap::new(),
            copied: BTreeMap::new(),
            held_back: BTreeMap::new(),
            records: BTreeMap::new(),
            adjust,
            tickets: 0,
        };
        for number in 1..=size {
            cluster.add(number);
        }
        if size > 0 {
            let founded = configuration(1, 1..=size);
            for number in 1..=size {
                cluster.enter(number, founded.clone());
            }
        }
        cluster
    }

    /// Starts a node that knows of no cluster, and that all others believe alive, as it them.
    pub(crate) fn add(&mut self, number: u64) {
        let mut options = LaneOptions::new(incarnation(number), 0);
        // A story says itself who coordinates.
        options.routes_changes = false;
        (self.adjust)(&mut options);
        self.lanes.insert(number, Lane::new(options));
        let all: Vec<u64> = self.lanes.keys().copied().collect();
        for &at in &all {
            for &peer in all.iter().filter(|&&peer| peer != at) {
                self.tell(at, peer, PeerState::Alive);
            }
        }
    }

    pub(crate) fn enter(&mut self, at: u64, configuration: Arc<Configuration>) {
        let now = self.now;
        self.call(at, |lane| lane.handle_configuration(now, configuration));
    }

    pub(crate) fn tell(&mut self, at: u64, peer: u64, state: PeerState) {
        let now = self.now;
        self.call(at, |lane| lane.handle_peer(now, node(peer), state));
    }

    pub(crate) fn request(&mut self, at: u64, operation: Operation) -> Ticket {
        self.tickets += 1;
        let (ticket, now) = (Ticket(self.tickets), self.now);
        self.call(at, |lane| {
            lane.handle_request(now, ticket, operation, now + DEADLINE);
        });
        ticket
    }

    pub(crate) fn list(&mut self, at: u64, group: Group, request: ListRequest) -> Ticket {
        self.tickets += 1;
        let (ticket, now) = (Ticket(self.tickets), self.now);
        self.call(at, |lane| {
            lane.handle_list(now, ticket, group, request, now + DEADLINE);
        });
        ticket
    }

    /// Lets messages that `chosen` picks arrive, and what they lead to, until none is left.
    pub(crate) fn deliver(&mut self, chosen: impl Fn(&Message) -> bool) {
        while let Some(index) = self.in_flight.iter().position(&chosen) {
            let message = self.in_flight.remove(index);
            self.arrive(message);
        }
    }

    pub(crate) fn deliver_all(&mut self) {
        self.deliver(|_| true);
    }

    /// Lets everything arrive that passes between these nodes only.
    pub(crate) fn deliver_among(&mut self, nodes: &[u64]) {
        self.deliver(|message| {
            nodes.contains(&message.from.node.get()) && nodes.contains(&message.to.get())
        });
    }

    pub(crate) fn arrive(&mut self, message: Message) {
        let now = self.now;
        self.call(message.to.get(), |lane| lane.handle_message(now, message));
    }

    /// Messages that `chosen` picks are lost.
    pub(crate) fn lose(&mut self, chosen: impl Fn(&Message) -> bool) {
        self.in_flight.retain(|message| !chosen(message));
    }

    pub(crate) fn pass(&mut self, span: Duration) {
        self.now = self.now + span;
        let (now, all) = (self.now, self.lanes.keys().copied().collect::<Vec<_>>());
        for at in all {
            self.call(at, |lane| lane.handle_timeout(now));
        }
    }

    /// The disk of a node has caught up.
    pub(crate) fn persist(&mut self, at: u64) {
        let now = self.now;
        for number in self.unpersisted.remove(&at).unwrap_or_default() {
            self.call(at, |lane| lane.handle_persisted(now, number));
            let held = self.held_back.entry(at).or_default();
            let ready = held.extract_if(.., |(_, after)| *after <= number);
            self.in_flight.extend(ready.map(|(message, _)| message));
        }
    }

    /// One tag stands for one record, whoever holds it. (Of the reserved register that is so but
    /// for the operation: entering a configuration says nothing of what decided it.)
    fn note_record(&mut self, cluster: ClusterId, name: RegisterName, mut record: Record) {
        if name.is_reserved() {
            record.operation = None;
        }
        let key = (cluster, name, record.tag);
        let former = self.records.entry(key).or_insert_with(|| record.clone());
        assert!(former.agrees_with(&record), "{former:?} and {record:?}");
    }

    pub(crate) fn call(&mut self, at: u64, call: impl FnOnce(&mut Lane)) {
        let Some(lane) = self.lanes.get_mut(&at) else {
            return;
        };
        call(lane);
        let mut records = Vec::new();
        while let Some(output) = lane.poll_output() {
            match output {
                Output::Send { message, .. }
                    if !self.copies && matches!(message.body, Body::Pull { .. }) => {}
                Output::Send { message, after } => {
                    if let Body::Update { name, record, .. } = &message.body {
                        records.push((name.clone(), record.clone()));
                    }
                    assert_ne!(
                        message.to, message.from.node,
                        "a lane does not write to itself"
                    );
                    let waits = self.unpersisted.get(&at);
                    if waits.is_some_and(|numbers| numbers.contains(&after)) {
                        self.held_back.entry(at).or_default().push((message, after));
                    } else {
                        self.in_flight.push(message);
                    }
                }
                Output::Persist { number, .. }
                | Output::Drop { number, .. }
                | Output::Floor { number, .. }
                | Output::Forget { number, .. }
                | Output::Marks { number, .. } => {
                    if let Output::Persist { name, cell, .. } = output {
                        records.push((name, cell.record));
                    }
                    if self.slow_disks {
                        self.unpersisted.entry(at).or_default().push(number);
                    } else {
                        lane.handle_persisted(self.now, number);
                    }
                }
                Output::Answer { ticket, outcome } => {
                    let former = self.answers.insert(ticket, outcome);
                    assert_eq!(former, None, "a request is answered once");
                }
                Output::Listed { ticket, outcome } => {
                    let former = self.listings.insert(ticket, outcome);
                    assert_eq!(former, None, "a listing is answered once");
                }
                Output::Configuration(configuration) => {
                    let learned = self.learned.entry(at).or_default();
                    learned.push(configuration.clone());
                    if self.enters_at_once {
                        lane.handle_configuration(self.now, configuration);
                    }
                }
                Output::Copied { epoch, group } => {
                    self.copied.entry(at).or_default().push((epoch, group));
                }
            }
        }
        let in_cluster = lane.cluster();
        for (name, record) in records {
            self.note_record(in_cluster, name, record);
        }
    }

    /// Asks that this configuration follow on the one that the node is in.
    pub(crate) fn propose(&mut self, at: u64, next: &Configuration) -> Ticket {
        self.tickets += 1;
        let (ticket, now) = (Ticket(self.tickets), self.now);
        self.call(at, |lane| {
            let base = lane.epoch();
            lane.handle_proposal(now, ticket, base, next, now + DEADLINE);
        });
        ticket
    }

    /// Lets everything arrive, and time pass, until the requests are answered.
    pub(crate) fn run_until_answered(&mut self, tickets: &[Ticket]) {
        self.deliver_all();
        while !tickets
            .iter()
            .all(|ticket| self.answers.contains_key(ticket))
        {
            let timeouts = self.lanes.values().filter_map(Lane::next_timeout);
            let (next, _) = timeouts.min().expect("a lane with a request has a timer");
            self.pass(next.since(self.now));
            self.deliver_all();
        }
    }

    /// The configuration that the node's reserved register holds.
    pub(crate) fn configuration_at(&self, at: u64) -> Option<Configuration> {
        let record = self.lanes[&at].record(&RegisterName::CONFIGURATION)?;
        Some(Configuration::decode(record.content.as_deref()?).unwrap())
    }

    /// How the request ended, if it has.
    pub(crate) fn outcome(&self, ticket: Ticket) -> Option<&Outcome> {
        self.answers.get(&ticket)
    }

    /// What the register holds by a read-modify-write that took place.
    pub(crate) fn modified(&self, ticket: Ticket) -> &str {
        match self.answers.get(&ticket) {
            Some(Outcome::Modified { record, .. }) => text(record).expect("it was not a delete"),
            other => panic!("the read-modify-write ended as {other:?}"),
        }
    }

    /// What a read at this node returns now.
    pub(crate) fn read_at(&mut self, at: u64) -> Option<String> {
        let ticket = self.request(at, read());
        self.run_until_answered(&[ticket]);
        self.value(ticket).0.map(str::to_owned)
    }

    /// What a read returned: its value and its rounds.
    pub(crate) fn value(&self, ticket: Ticket) -> (Option<&str>, u8) {
        match self.answers.get(&ticket) {
            Some(Outcome::Read { record, rounds }) => (text(record), *rounds),
            other => panic!("the read ended as {other:?}"),
        }
    }

    pub(crate) fn written(&self, ticket: Ticket) -> Tag {
        match self.answers.get(&ticket) {
            Some(Outcome::Written { tag, .. }) => *tag,
            other => panic!("the write ended as {other:?}"),
        }
    }
}

fn text(record: &Record) -> Option<&str> {
    let content = record.content.as_deref();
    content.map(|bytes| str::from_utf8(bytes).unwrap())
}

pub(crate) fn is_update(message: &Message) -> bool {
    matches!(message.body, Body::Update { .. })
}

pub(crate) fn is_query(message: &Message) -> bool {
    matches!(message.body, Body::Query { .. })
}

pub(crate) fn is_prepare(message: &Message) -> bool {
    matches!(message.body, Body::Prepare { .. })
}

pub(crate) fn is_prepare_reply(message: &Message) -> bool {
    matches!(message.body, Body::PrepareReply { .. })
}

pub(crate) fn is_accept(message: &Message) -> bool {
    matches!(message.body, Body::Accept { .. })
}

pub(crate) fn is_accept_reply(message: &Message) -> bool {
    matches!(message.body, Body::AcceptReply { .. })
}
