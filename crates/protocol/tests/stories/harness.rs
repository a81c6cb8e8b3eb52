//! A cluster small enough to hold in one's head: every message waits until the story says what
//! becomes of it.

use bytes::Bytes;
use protocol::*;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Lanes of nodes numbered from one, the messages between them, and what clients were told.
pub(crate) struct Cluster {
    pub(crate) now: Time,
    pub(crate) lanes: BTreeMap<u64, Lane>,
    /// Messages that have left and not arrived, oldest first.
    pub(crate) in_flight: Vec<Message>,
    pub(crate) answers: BTreeMap<Ticket, Outcome>,
    /// What each lane wants made durable; confirmed at once unless `slow_disks`.
    pub(crate) unpersisted: BTreeMap<u64, Vec<PersistNumber>>,
    pub(crate) slow_disks: bool,
    held_back: BTreeMap<u64, Vec<(Message, PersistNumber)>>,
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

pub(crate) fn configuration(
    epoch: u64,
    members: impl IntoIterator<Item = u64>,
) -> Arc<Configuration> {
    configuration_of(ClusterId(1), epoch, members)
}

pub(crate) fn configuration_of(
    cluster: ClusterId,
    epoch: u64,
    members: impl IntoIterator<Item = u64>,
) -> Arc<Configuration> {
    let members: Vec<Member> = members
        .into_iter()
        .map(|number| Member {
            id: node(number),
            address: format!("127.0.0.1:{}", 3000 + number).parse().unwrap(),
            weight: Member::WEIGHT_DEFAULT,
        })
        .collect();
    let replication = u8::try_from(members.len()).unwrap();
    let configuration = Configuration::new(cluster, Epoch(epoch), members, replication);
    Arc::new(configuration.unwrap())
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

pub(crate) fn read() -> Operation {
    Operation::Read { name: name() }
}

impl Cluster {
    /// A founded cluster of `size` nodes, all of which believe each other alive.
    pub(crate) fn of(size: u64) -> Self {
        let mut cluster = Self {
            now: Time::from_micros(1_000_000),
            lanes: BTreeMap::new(),
            in_flight: Vec::new(),
            answers: BTreeMap::new(),
            unpersisted: BTreeMap::new(),
            slow_disks: false,
            held_back: BTreeMap::new(),
            tickets: 0,
        };
        for number in 1..=size {
            cluster.add(number);
            cluster.enter(number, configuration(1, 1..=size));
        }
        cluster
    }

    /// Starts a node that knows of no cluster, and that all others believe alive, as it them.
    pub(crate) fn add(&mut self, number: u64) {
        let lane = Lane::new(LaneOptions::new(incarnation(number), 0));
        self.lanes.insert(number, lane);
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

    pub(crate) fn call(&mut self, at: u64, call: impl FnOnce(&mut Lane)) {
        let Some(lane) = self.lanes.get_mut(&at) else {
            return;
        };
        call(lane);
        while let Some(output) = lane.poll_output() {
            match output {
                Output::Send { message, after } => {
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
                Output::Persist { number, .. } if self.slow_disks => {
                    self.unpersisted.entry(at).or_default().push(number);
                }
                Output::Persist { number, .. } => {
                    lane.handle_persisted(self.now, number);
                }
                Output::Answer { ticket, outcome } => {
                    let former = self.answers.insert(ticket, outcome);
                    assert_eq!(former, None, "a request is answered once");
                }
                Output::Configuration(configuration) => {
                    lane.handle_configuration(self.now, configuration);
                }
            }
        }
    }

    /// What a read returned: its value and its rounds.
    pub(crate) fn value(&self, ticket: Ticket) -> (Option<&str>, u8) {
        match self.answers.get(&ticket) {
            Some(Outcome::Read { record, rounds }) => {
                let content = record.content.as_deref();
                (content.map(|bytes| str::from_utf8(bytes).unwrap()), *rounds)
            }
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

pub(crate) fn is_update(message: &Message) -> bool {
    matches!(message.body, Body::Update { .. })
}

pub(crate) fn is_query(message: &Message) -> bool {
    matches!(message.body, Body::Query { .. })
}
