//! A world of processes at addresses: connections, messages on their way, faults, and virtual
//! time. After every step it asserts what must hold always.
//!
//! Only membership is real in it: `register` is what the lanes would do.

mod network;
mod register;
mod settled;

pub(super) use network::{Network, Random, ms};

use super::super::*;
use crate::configuration::{ClusterId, Lacking};
use crate::node::Boot;
use crate::output::Ticket;
use core::time::Duration;
use network::{kind, random_up_to};
use register::Register;
use std::collections::{BTreeMap, BTreeSet};
use std::format;
use std::string::String;
use std::vec::Vec;

pub(super) struct Process {
    pub(super) id: NodeId,
    pub(super) membership: Membership,
    pub(super) events: Vec<MembershipEvent>,
    /// Every change of a peer's state, as it came out.
    pub(super) changes: Vec<(Time, NodeId, PeerState)>,
    /// How the changes ended that were asked for here.
    pub(super) answers: BTreeMap<Ticket, Result<Epoch, ChangeRefusal>>,
    /// The epochs of which it was told that a majority has entered them.
    pub(super) majorities: Vec<Epoch>,
    /// What its lanes have yet to copy.
    lacking: Lacking,
    /// It was told to stop.
    is_stopped: bool,
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
    /// What a process proposed is decided, if it can be.
    Decide {
        index: usize,
        id: NodeId,
        base: Epoch,
        next: Arc<Configuration>,
    },
    /// A process is told how that ended.
    Decided {
        id: NodeId,
        base: Epoch,
        decision: Decision,
    },
    /// A process's lanes hear of a configuration.
    Learn(NodeId, Arc<Configuration>),
    /// A process's lanes have copied what they can.
    Copy(NodeId, Epoch),
}

pub(super) struct World {
    pub(super) now: Time,
    pub(super) random: Random,
    pub(super) network: Network,
    pub(super) addresses: Vec<Address>,
    /// Which list each address's processes are given.
    pub(super) lists: Vec<Vec<Address>>,
    /// Those of these addresses join instead.
    pub(super) joins: BTreeMap<usize, Join>,
    pub(super) processes: Vec<Option<Process>>,
    /// Messages that are held back instead of being sent.
    pub(super) hold: fn(&Delivery) -> bool,
    pub(super) held: Vec<Delivery>,
    pub(super) options: fn(&mut MembershipOptions),
    pub(super) replication: u8,
    /// From whose connections to whose address nothing passes.
    pub(super) cut: BTreeSet<(usize, usize)>,
    events: BTreeMap<(Time, u64), Event>,
    events_count: u64,
    ids_count: u64,
    tickets_count: u64,
    /// Every cluster that somebody entered.
    pub(super) clusters: BTreeSet<ClusterId>,
    pub(super) register: Register,
    /// Those that were told to stop.
    pub(super) stopped: Vec<NodeId>,
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
            joins: BTreeMap::new(),
            addresses,
            processes: (0..size).map(|_| None).collect(),
            hold: |_| false,
            held: Vec::new(),
            options: |_| {},
            replication: Configuration::REPLICATION_DEFAULT,
            cut: BTreeSet::new(),
            events: BTreeMap::new(),
            events_count: 0,
            ids_count: 0,
            tickets_count: 0,
            clusters: BTreeSet::new(),
            register: Register::default(),
            stopped: Vec::new(),
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

    /// One more address, whose processes wait for others that never come.
    pub(super) fn add_stranger(&mut self) -> usize {
        let index = self.add_joiner();
        self.joins.remove(&index);
        let nobody = "nobody:1".parse().unwrap();
        self.lists[index] = std::vec![self.addresses[index].clone(), nobody];
        index
    }

    /// One more address, whose processes join by asking at the first one.
    pub(super) fn add_joiner(&mut self) -> usize {
        let index = self.addresses.len();
        let address = format!("n{index}:3030").parse().unwrap();
        self.addresses.push(address);
        self.lists.push(Vec::new());
        self.processes.push(None);
        let seeds = self.addresses[..index.min(2)].to_vec();
        self.joins.insert(index, Join { seeds, weight: 100 });
        index
    }

    /// An operator asks a process for a change.
    pub(super) fn request(&mut self, index: usize, request: ChangeRequest) -> Ticket {
        self.tickets_count += 1;
        let ticket = Ticket(self.tickets_count);
        let now = self.now;
        let process = self.at_mut(index);
        process
            .membership
            .handle_change_request(now, ticket, request);
        self.settle(index);
        self.keep_connections(index);
        ticket
    }

    /// Runs until the request is answered.
    pub(super) fn answer(
        &mut self,
        index: usize,
        request: ChangeRequest,
    ) -> Result<Epoch, ChangeRefusal> {
        let ticket = self.request(index, request);
        let end = self.now + ms(21_000);
        loop {
            if let Some(answer) = self.at(index).answers.get(&ticket) {
                return answer.clone();
            }
            assert!(self.now < end, "no answer: {}", self.describe());
            self.step();
        }
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
        let advertise = self.addresses[index].clone();
        let mut options = MembershipOptions::new(incarnation, advertise, list, cluster);
        options.replication = self.replication;
        options.join = self.joins.get(&index).cloned();
        (self.options)(&mut options);
        self.processes[index] = Some(Process {
            id,
            membership: Membership::new(self.now, options).unwrap(),
            events: Vec::new(),
            changes: Vec::new(),
            answers: BTreeMap::new(),
            majorities: Vec::new(),
            lacking: Lacking::default(),
            is_stopped: false,
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

    /// Nothing passes between these and the others.
    pub(super) fn part(&mut self, some: &[usize]) {
        for index in 0..self.addresses.len() {
            for &other in some.iter().filter(|_| !some.contains(&index)) {
                self.cut(index, other);
                self.cut(other, index);
            }
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

    pub(super) fn run_until(&mut self, what: &str, is: impl Fn(&World) -> bool) {
        let end = self.now + ms(60_000);
        while !is(self) {
            assert!(self.now < end, "not {what}: {}", self.describe());
            self.step();
        }
    }

    pub(super) fn run_until_all(&mut self, what: &str, is: impl Fn(&Process) -> bool) {
        let end = self.now + ms(20_000);
        while !self.live().all(&is) {
            assert!(self.now < end, "not everyone {what}: {}", self.describe());
            self.step();
        }
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
            let due = self.processes[index].as_ref().and_then(|p| p.timeout);
            assert!(due.is_none_or(|at| at > now), "it spins: {due:?}");
            self.keep_connections(index);
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
            let membership = &p.membership;
            let unmet = membership.awaited();
            let members = membership.configuration().map(|configuration| {
                let ids = |members: &[crate::configuration::Member]| {
                    members.iter().map(|m| m.id).collect::<Vec<_>>()
                };
                let (before, after) = (
                    ids(configuration.members_before()),
                    ids(configuration.members_after()),
                );
                (configuration.epoch(), before, after)
            });
            let (standing, cluster, frozen) = (membership.standing(), p.cluster(), p.frozen);
            format!(
                "\n{now} {}: {standing:?} {cluster:?} {members:?} awaits {unmet:?}, frozen {frozen}",
                p.id
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
                // Most messages are these, and change nothing about connections.
                if !matches!(kind(&delivery.message), 0 | 1) {
                    self.keep_connections(index);
                }
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
            Event::Decide {
                index,
                id,
                base,
                next,
            } => {
                self.resolve(index, id, base, &next);
                None
            }
            Event::Decided { id, base, decision } => {
                let index = self.index_of(id)?;
                if !self.wait_for_thaw(index, Event::Decided { id, base, decision }) {
                    let now = self.now;
                    let membership = &mut self.at_mut(index).membership;
                    membership.handle_decision(now, base, decision);
                    self.settle(index);
                    self.keep_connections(index);
                }
                None
            }
            Event::Learn(id, configuration) => {
                let index = self.index_of(id)?;
                if !self.wait_for_thaw(index, Event::Learn(id, configuration.clone())) {
                    let now = self.now;
                    let membership = &mut self.at_mut(index).membership;
                    membership.handle_configuration(now, configuration);
                    self.settle(index);
                    self.keep_connections(index);
                }
                None
            }
            Event::Copy(id, epoch) => {
                let index = self.index_of(id)?;
                if !self.wait_for_thaw(index, Event::Copy(id, epoch)) {
                    self.copy(index, epoch);
                    self.settle(index);
                    self.keep_connections(index);
                }
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
        let Some(node) = answers else {
            // It is tried again, and not too often.
            self.at_mut(index).dialling.insert(address.clone());
            let at = self.now + ms(20) + random_up_to(&mut self.random, ms(150));
            return self.schedule(at, Event::Dial(id, address));
        };
        let now = self.now;
        let process = self.at_mut(index);
        process.connections.insert(address.clone(), node);
        let boot = Boot::FIRST;
        let incarnation = Incarnation { node, boot };
        process
            .membership
            .handle_link_up(now, &address, incarnation);
        self.settle(index);
        self.keep_connections(index);
    }

    fn close(&mut self, index: usize, address: &Address) {
        let now = self.now;
        let Some(process) = self.processes[index].as_mut() else {
            return;
        };
        if let Some(node) = process.connections.remove(address) {
            let id = process.id;
            process.membership.handle_link_down(now, address);
            // What was sent by it and has not arrived never will.
            self.events.retain(|_, event| {
                !matches!(event, Event::Deliver(delivery) if delivery.from == id && delivery.to == node)
            });
        }
    }

    /// Does what the membership wants done.
    fn settle(&mut self, index: usize) {
        while let Some(process) = &mut self.processes[index]
            && let Some(output) = process.membership.poll_output()
        {
            self.carry_out(index, output);
        }
        if self.processes[index].is_none() {
            return;
        }
        let process = self.at_mut(index);
        process.timeout = process.membership.next_timeout().map(|(at, _)| at);
        if process.is_stopped {
            let id = process.id;
            self.stopped.push(id);
            self.crash(index);
        }
    }

    /// Closes the connections that the membership does not want, and dials those it lacks.
    fn keep_connections(&mut self, index: usize) {
        if self.processes[index].is_none() {
            return;
        }
        let wanted: BTreeSet<Address> = self.at(index).membership.dial().collect();
        let connected = self.at(index).connections.keys().cloned();
        let unwanted: Vec<Address> = connected.filter(|a| !wanted.contains(a)).collect();
        for address in unwanted {
            self.close(index, &address);
            self.settle(index);
        }
        for address in wanted {
            if self.processes[index].is_none() {
                return;
            }
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
                self.enter(index, &configuration);
            }
            MembershipOutput::Decide { base, next } => {
                let id = process.id;
                self.assert_may_follow(id, base, &next);
                let delay = self.network.delay;
                let at = self.now + random_up_to(&mut self.random, delay * 4);
                self.schedule(
                    at,
                    Event::Decide {
                        index,
                        id,
                        base,
                        next,
                    },
                );
            }
            MembershipOutput::EnteredByMajority(epoch) => {
                assert!(!process.majorities.contains(&epoch), "said twice");
                process.majorities.push(epoch);
                let id = process.id;
                self.assert_entered_by_majority(id, epoch);
            }
            MembershipOutput::ChangeAnswer { ticket, answer } => {
                let former = process.answers.insert(ticket, answer);
                assert_eq!(former, None, "answered twice");
            }
            MembershipOutput::Stop { by, .. } => {
                assert!(!process.is_stopped, "told twice");
                process.is_stopped = true;
                let id = process.id;
                self.assert_is_replaced(id, by);
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
        // Some may not have heard yet of what theirs was recovered as.
        let configurations = self.live().filter_map(|p| p.membership.configuration());
        let former: BTreeSet<ClusterId> = configurations.filter_map(|c| c.predecessor()).collect();
        let latest = known.difference(&former).count();
        assert!(latest <= 1, "split: {known:?} {}", self.describe());
    }
}
