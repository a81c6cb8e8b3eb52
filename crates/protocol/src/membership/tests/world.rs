//! A world of processes at addresses: connections, messages on their way, faults, and virtual
//! time. After every step it asserts what must hold always.

use super::super::*;
use crate::configuration::ClusterId;
use crate::node::Boot;
use std::collections::{BTreeMap, BTreeSet};
use std::format;
use std::string::String;
use std::vec::Vec;

pub(super) const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// A linear congruential generator; its upper bits are random enough to pick faults by.
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5851_f42d_4c95_7f2d)
    }

    /// A number below `bound`.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        let next = self.0.wrapping_mul(6_364_136_223_846_793_005);
        self.0 = next.wrapping_add(1_442_695_040_888_963_407);
        let mixed = (self.0 ^ (self.0 >> 31)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        (mixed >> 20) % bound
    }

    pub(super) fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

/// How bad the network is.
#[derive(Clone, Copy)]
pub(super) struct Network {
    /// The longest that a message usually takes.
    pub(super) delay: Duration,
    /// How many of a hundred take much longer, and so overtake nothing and are overtaken.
    pub(super) delayed: u64,
    pub(super) delay_long: Duration,
    pub(super) lost: u64,
    pub(super) doubled: u64,
    /// Of these messages, more than half take so long.
    pub(super) is_slow: [bool; KINDS],
}

/// How many kinds of messages there are.
pub(super) const KINDS: usize = 8;

fn kind(message: &MembershipMessage) -> usize {
    match message {
        MembershipMessage::Ping { .. } => 0,
        MembershipMessage::Pong { .. } => 1,
        MembershipMessage::Ask { .. } => 2,
        MembershipMessage::Fresh { .. } => 3,
        MembershipMessage::Stands { .. } => 4,
        MembershipMessage::Propose { .. } => 5,
        MembershipMessage::Yes { .. } => 6,
        MembershipMessage::Commit { .. } => 7,
    }
}

impl Network {
    pub(super) const GOOD: Network = Network {
        delay: ms(2),
        delayed: 0,
        delay_long: ms(2),
        lost: 0,
        doubled: 0,
        is_slow: [false; KINDS],
    };
}

pub(super) struct Process {
    pub(super) id: NodeId,
    pub(super) membership: Membership,
    pub(super) events: Vec<MembershipEvent>,
    /// Every change of a peer's state, as it came out.
    pub(super) changes: Vec<(Time, NodeId, PeerState)>,
    /// When its membership wants to be called.
    timeout: Option<Time>,
    frozen: bool,
    /// Its outgoing connections, as they really are.
    connections: BTreeMap<Address, NodeId>,
    dialling: BTreeSet<Address>,
}

impl Process {
    pub(super) fn cluster(&self) -> Option<ClusterId> {
        let configuration = self.membership.configuration();
        configuration.map(|configuration| configuration.cluster())
    }
}

#[derive(Clone, Debug)]
pub(super) struct Delivery {
    pub(super) from: NodeId,
    pub(super) to: NodeId,
    pub(super) message: MembershipMessage,
}

#[derive(Clone, Debug)]
enum Event {
    Deliver(Delivery),
    Dial(NodeId, Address),
    Broken(NodeId, Address),
    Thaw(NodeId),
}

pub(super) struct World {
    pub(super) now: Time,
    pub(super) random: Random,
    pub(super) network: Network,
    pub(super) addresses: Vec<Address>,
    /// Which list each address's processes are given.
    pub(super) lists: Vec<Vec<Address>>,
    pub(super) processes: Vec<Option<Process>>,
    /// Messages that are held back instead of being sent.
    pub(super) hold: fn(&Delivery) -> bool,
    pub(super) held: Vec<Delivery>,
    pub(super) options: fn(&mut MembershipOptions),
    /// From whose connections to whose address nothing passes.
    pub(super) cut: BTreeSet<(usize, usize)>,
    events: BTreeMap<(Time, u64), Event>,
    events_count: u64,
    ids_count: u64,
    /// Every cluster that somebody entered, by its founders.
    pub(super) clusters: BTreeMap<ClusterId, Vec<NodeId>>,
}

impl World {
    /// A world of this many addresses, with nobody at them.
    pub(super) fn empty(size: usize, seed: u64) -> Self {
        let address = |i| format!("n{i}:3030").parse().unwrap();
        let addresses: Vec<Address> = (0..size).map(address).collect();
        Self {
            now: Time::from_micros(1_000_000),
            random: Random::new(seed),
            network: Network::GOOD,
            lists: std::vec![addresses.clone(); size],
            addresses,
            processes: (0..size).map(|_| None).collect(),
            hold: |_| false,
            held: Vec::new(),
            options: |_| {},
            cut: BTreeSet::new(),
            events: BTreeMap::new(),
            events_count: 0,
            ids_count: 0,
            clusters: BTreeMap::new(),
        }
    }

    /// A world with a fresh process at every address.
    pub(super) fn new(size: usize) -> Self {
        let mut world = Self::empty(size, 1);
        world.start_all();
        world
    }

    /// A world in which a cluster stands.
    pub(super) fn founded(size: usize) -> Self {
        let mut world = Self::new(size);
        world.run_until_all("is a member", |p| {
            p.membership.standing() == Standing::Member
        });
        world.run(ms(1_000));
        world
    }

    pub(super) fn at(&self, index: usize) -> &Process {
        self.processes[index].as_ref().expect("a process is there")
    }

    pub(super) fn at_mut(&mut self, index: usize) -> &mut Process {
        self.processes[index].as_mut().expect("a process is there")
    }

    pub(super) fn id(&self, index: usize) -> NodeId {
        self.at(index).id
    }

    pub(super) fn live(&self) -> impl Iterator<Item = &Process> {
        self.processes.iter().flatten()
    }

    pub(super) fn state(&self, observer: usize, peer: usize) -> PeerState {
        let peer = self.id(peer);
        self.at(observer).membership.peer_state(peer)
    }

    pub(super) fn has_event(&self, index: usize, is: fn(&MembershipEvent) -> bool) -> bool {
        self.at(index).events.iter().any(is)
    }

    pub(super) fn start_all(&mut self) {
        for index in 0..self.addresses.len() {
            if self.processes[index].is_none() {
                self.start(index);
            }
        }
    }

    pub(super) fn start(&mut self, index: usize) {
        assert!(self.processes[index].is_none());
        self.ids_count += 1;
        // Ids come in no order: whoever founds must not depend on it.
        let id = NodeId::new(self.ids_count << 8 | self.random.below(256) << 40 | 1);
        let incarnation = Incarnation {
            node: id,
            boot: Boot::FIRST,
        };
        let cluster = ClusterId(self.ids_count);
        let list = self.lists[index].clone();
        let mut options = MembershipOptions::new(incarnation, list, cluster);
        (self.options)(&mut options);
        self.processes[index] = Some(Process {
            id,
            membership: Membership::new(self.now, options).unwrap(),
            events: Vec::new(),
            changes: Vec::new(),
            timeout: None,
            frozen: false,
            connections: BTreeMap::new(),
            dialling: BTreeSet::new(),
        });
        self.settle(index);
        self.keep_connections(index);
    }

    pub(super) fn crash(&mut self, index: usize) {
        let Some(process) = self.processes[index].take() else {
            return;
        };
        for other in self.processes.iter().flatten() {
            for (address, &node) in &other.connections {
                if node == process.id {
                    let broken = Event::Broken(other.id, address.clone());
                    let delay = self.network.delay;
                    let at = self.now + random_up_to(&mut self.random, delay);
                    self.events_count += 1;
                    self.events.insert((at, self.events_count), broken);
                }
            }
        }
    }

    pub(super) fn restart(&mut self, index: usize) {
        self.crash(index);
        self.start(index);
    }

    pub(super) fn freeze(&mut self, index: usize, span: Duration) {
        let now = self.now;
        if let Some(process) = &mut self.processes[index]
            && !process.frozen
        {
            process.frozen = true;
            let id = process.id;
            self.schedule(now + span, Event::Thaw(id));
        }
    }

    pub(super) fn thaw_all(&mut self) {
        for process in self.processes.iter_mut().flatten() {
            process.frozen = false;
        }
    }

    /// Nothing passes from the one to the other, and what is connected breaks.
    pub(super) fn cut(&mut self, from: usize, to: usize) {
        self.cut.insert((from, to));
        let address = self.addresses[to].clone();
        if let Some(process) = &self.processes[from]
            && process.connections.contains_key(&address)
        {
            let id = process.id;
            self.schedule_soon(Event::Broken(id, address));
        }
    }

    pub(super) fn release(&mut self) {
        self.hold = |_| false;
        for delivery in core::mem::take(&mut self.held) {
            self.schedule_soon(Event::Deliver(delivery));
        }
    }

    pub(super) fn run(&mut self, span: Duration) {
        let end = self.now + span;
        while self.next_at().is_some_and(|at| at <= end) {
            self.step();
        }
        self.now = end;
    }

    /// Runs until a message that is looked for has been taken in.
    pub(super) fn run_until_delivered(&mut self, is: impl Fn(&MembershipMessage) -> bool) {
        let end = self.now + ms(20_000);
        while self.now < end {
            if self.step().is_some_and(|delivery| is(&delivery.message)) {
                return;
            }
        }
        panic!("no such message came");
    }

    pub(super) fn run_until_all(&mut self, what: &str, is: impl Fn(&Process) -> bool) {
        let end = self.now + ms(20_000);
        while !self.live().all(&is) {
            assert!(self.now < end, "not everyone {what}: {}", self.describe());
            self.step();
        }
    }

    /// Everyone is where it should be once faults have ended, or does not know it yet.
    pub(super) fn unsettled(&self) -> Option<String> {
        let configuration = self.at(0).membership.configuration().cloned();
        let Some(configuration) = configuration else {
            return Some(format!("no cluster at the first: {}", self.describe()));
        };
        let gone = |id| self.live().all(|process| process.id != id);
        let members = configuration.members();
        let lost = members.iter().filter(|member| gone(member.id)).count();
        for process in self.live() {
            let membership = &process.membership;
            if membership.configuration() != Some(&configuration) {
                return Some(format!("{} knows otherwise", process.id));
            }
            for member in members {
                let (is_lost, state) = (
                    membership.is_lost(member.id),
                    membership.peer_state(member.id),
                );
                let expected = match gone(member.id) {
                    true => (true, PeerState::Down),
                    false => (false, PeerState::Alive),
                };
                if (is_lost, state) != expected {
                    let seen = format!("lost {is_lost}, {state}");
                    return Some(format!("{} sees {} as {seen}", process.id, member.id));
                }
            }
            if membership.quorum_lost() != (lost * 2 >= members.len()) {
                return Some(format!("{}: quorum lost?", process.id));
            }
        }
        None
    }

    /// The next thing that happens, happens; if it is a delivery, says which.
    pub(super) fn step(&mut self) -> Option<Delivery> {
        let event = self.events.first_key_value().map(|(&(at, _), _)| at);
        let timer = self.next_timer();
        let timer_at = timer.map(|(at, _)| at);
        let Some(next) = event.into_iter().chain(timer_at).min() else {
            // Nobody is there.
            self.now = self.now + ms(1);
            return None;
        };
        self.now = self.now.max(next);
        // At one instant, timers and events come in any order.
        let timer_first = timer.is_some_and(|(at, _)| {
            event.is_none_or(|event| at < event || at == event && self.random.chance(50))
        });
        let delivery = if timer_first {
            let (_, index) = timer.expect("looked at just now");
            let now = self.now;
            self.at_mut(index).membership.handle_timeout(now);
            self.settle(index);
            let due = self.at(index).timeout;
            assert!(due.is_none_or(|at| at > now), "it spins: {due:?}");
            None
        } else {
            let (_, event) = self.events.pop_first().expect("looked at just now");
            self.happen(event)
        };
        self.assert_one_cluster();
        delivery
    }

    pub(super) fn describe(&self) -> String {
        let now = self.now;
        let lines = self.live().map(|p| {
            let unmet = p.membership.awaited();
            format!(
                "\n{now} {}: {:?} {:?} awaits {unmet:?}, frozen {}",
                p.id,
                p.membership.standing(),
                p.cluster(),
                p.frozen
            )
        });
        lines.collect()
    }

    fn next_at(&self) -> Option<Time> {
        let event = self.events.first_key_value().map(|(&(at, _), _)| at);
        event
            .into_iter()
            .chain(self.next_timer().map(|(at, _)| at))
            .min()
    }

    fn next_timer(&self) -> Option<(Time, usize)> {
        let processes = self.processes.iter().enumerate();
        let timers = processes.filter_map(|(index, process)| {
            let process = process.as_ref().filter(|process| !process.frozen)?;
            Some((process.timeout?, index))
        });
        timers.min()
    }

    fn happen(&mut self, event: Event) -> Option<Delivery> {
        match event {
            Event::Deliver(delivery) => {
                let index = self.index_of(delivery.to)?;
                if self.wait_for_thaw(index, Event::Deliver(delivery.clone())) {
                    return None;
                }
                let now = self.now;
                let (from, message) = (delivery.from, delivery.message.clone());
                self.at_mut(index)
                    .membership
                    .handle_message(now, from, message);
                self.settle(index);
                Some(delivery)
            }
            Event::Dial(id, address) => {
                self.dial(id, address);
                None
            }
            Event::Broken(id, address) => {
                let index = self.index_of(id)?;
                if !self.wait_for_thaw(index, Event::Broken(id, address.clone())) {
                    self.close(index, &address);
                    self.settle(index);
                    self.keep_connections(index);
                }
                None
            }
            Event::Thaw(id) => {
                let index = self.index_of(id)?;
                self.at_mut(index).frozen = false;
                None
            }
        }
    }

    /// A frozen process finds what came to it when it thaws.
    fn wait_for_thaw(&mut self, index: usize, event: Event) -> bool {
        let frozen = self.at(index).frozen;
        if frozen {
            let at = self.now + ms(10) + random_up_to(&mut self.random, ms(10));
            self.schedule(at, event);
        }
        frozen
    }

    fn dial(&mut self, id: NodeId, address: Address) {
        let Some(index) = self.index_of(id) else {
            return;
        };
        if self.wait_for_thaw(index, Event::Dial(id, address.clone())) {
            return;
        }
        self.at_mut(index).dialling.remove(&address);
        if !self.at(index).membership.dial().any(|a| a == address) {
            return;
        }
        let target = self.addresses.iter().position(|a| *a == address);
        let answers = target
            .filter(|&target| !self.cut.contains(&(index, target)))
            .and_then(|target| self.processes[target].as_ref())
            .filter(|target| !target.frozen)
            .map(|target| target.id);
        if let Some(node) = answers {
            let now = self.now;
            let process = self.at_mut(index);
            process.connections.insert(address.clone(), node);
            let incarnation = Incarnation {
                node,
                boot: Boot::FIRST,
            };
            process
                .membership
                .handle_link_up(now, &address, incarnation);
        }
        self.settle(index);
        self.keep_connections(index);
    }

    fn close(&mut self, index: usize, address: &Address) {
        let now = self.now;
        let process = self.at_mut(index);
        if process.connections.remove(address).is_some() {
            process.membership.handle_link_down(now, address);
        }
    }

    /// Does what the membership wants done.
    fn settle(&mut self, index: usize) {
        while let Some(output) = self.at_mut(index).membership.poll_output() {
            self.carry_out(index, output);
        }
        let process = self.at_mut(index);
        process.timeout = process.membership.next_timeout().map(|(at, _)| at);
    }

    /// Closes the connections that the membership does not want, and dials those it lacks.
    fn keep_connections(&mut self, index: usize) {
        let wanted: BTreeSet<Address> = self.at(index).membership.dial().collect();
        let connected = self.at(index).connections.keys().cloned();
        let unwanted: Vec<Address> = connected.filter(|a| !wanted.contains(a)).collect();
        for address in unwanted {
            self.close(index, &address);
            self.settle(index);
        }
        for address in wanted {
            let process = self.at_mut(index);
            let connected = process.connections.contains_key(&address);
            if !connected && process.dialling.insert(address.clone()) {
                let id = process.id;
                let at = self.now + ms(1) + random_up_to(&mut self.random, ms(50));
                self.schedule(at, Event::Dial(id, address));
            }
        }
    }

    fn carry_out(&mut self, index: usize, output: MembershipOutput) {
        let now = self.now;
        let process = self.processes[index].as_mut().expect("it made an output");
        match output {
            MembershipOutput::Send { to, message } => {
                let from = process.id;
                if process.connections.values().any(|&node| node == to) {
                    let message = Delivery { from, to, message };
                    self.send(index, message);
                }
            }
            MembershipOutput::PeerState { peer, state } => {
                let mut changes = process.changes.iter().rev();
                let former = changes.find(|(_, node, _)| *node == peer);
                assert_ne!(
                    former.map(|&(_, _, state)| state),
                    Some(state),
                    "said twice"
                );
                process.changes.push((now, peer, state));
            }
            MembershipOutput::Event(event) => process.events.push(event),
            MembershipOutput::Configuration(configuration) => {
                let members = configuration.members().iter().map(|member| member.id);
                let former = self
                    .clusters
                    .insert(configuration.cluster(), members.clone().collect());
                assert!(former.is_none_or(|former| former.into_iter().eq(members)));
            }
        }
    }

    fn send(&mut self, index: usize, delivery: Delivery) {
        if (self.hold)(&delivery) {
            self.held.push(delivery);
            return;
        }
        let target = self.index_of(delivery.to);
        if target.is_some_and(|target| self.cut.contains(&(index, target))) {
            return;
        }
        let copies = 1 + u64::from(self.random.chance(self.network.doubled));
        for _ in 0..copies {
            if self.random.chance(self.network.lost) {
                continue;
            }
            let slow = self.network.is_slow[kind(&delivery.message)];
            let delayed = self.network.delayed + if slow { 60 } else { 0 };
            let delay = match self.random.chance(delayed) {
                true => self.network.delay_long,
                false => self.network.delay,
            };
            let at = self.now + ms(0) + random_up_to(&mut self.random, delay);
            self.schedule(at, Event::Deliver(delivery.clone()));
        }
    }

    fn schedule_soon(&mut self, event: Event) {
        let delay = self.network.delay;
        let at = self.now + random_up_to(&mut self.random, delay);
        self.schedule(at, event);
    }

    fn schedule(&mut self, at: Time, event: Event) {
        self.events_count += 1;
        self.events.insert((at, self.events_count), event);
    }

    fn index_of(&self, id: NodeId) -> Option<usize> {
        let mut processes = self.processes.iter();
        processes.position(|process| process.as_ref().is_some_and(|p| p.id == id))
    }

    fn assert_one_cluster(&self) {
        let known: BTreeSet<ClusterId> = self.live().filter_map(Process::cluster).collect();
        assert!(known.len() <= 1, "split: {known:?} {}", self.describe());
    }
}

/// A span from one microsecond to `most`.
fn random_up_to(random: &mut Random, most: Duration) -> Duration {
    let micros = u64::try_from(most.as_micros()).expect("tests are short");
    Duration::from_micros(1 + random.below(micros))
}
