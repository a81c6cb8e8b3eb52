//! A world of processes at addresses: connections, messages on their way, faults, and virtual
//! time. After every step it asserts what must hold always.
//!
//! Only membership is real in it: `register` is what the lanes would do.

mod effects;
mod faults;
mod network;
mod register;
mod running;
mod settled;

pub(super) use network::{Network, Random, ms};

use super::super::*;
use crate::configuration::{ClusterId, Lacking};
use crate::node::Boot;
use crate::output::Ticket;
use core::time::Duration;
use network::{kind, random_up_to};
use register::Register;
use running::Event;
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

    fn index_of(&self, id: NodeId) -> Option<usize> {
        let mut processes = self.processes.iter();
        processes.position(|process| process.as_ref().is_some_and(|p| p.id == id))
    }
}
