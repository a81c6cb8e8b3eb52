//! Lanes against a plain map.
//!
//! The bytes are a schedule: operations on a few registers through any of four nodes, and what
//! becomes of each message meanwhile; what failure detectors say, deaths, slow disks, changes of the
//! members. Operations that run one after another must be answered as a plain map would; of those
//! that overlap, the checker decides at the end whether they are linearizable. Beside that, every
//! operation ends by its deadline, no tag stands for two records, no epoch for two configurations,
//! and when all is well again, every member answers reads.

mod change;
mod clients;
mod cluster;
mod map;
mod schedule;

pub use clients::Ends;

use arbitrary::Unstructured;
use clients::Clients;
use cluster::{Cluster, node};
use protocol::{PeerState, PlantedFault};
use schedule::{REGISTERS, Schedule, Step, Word};
use std::time::Duration;

/// Runs the schedule that these bytes are.
///
/// # Panics
/// If the lanes do anything that a plain map would not.
pub fn lanes(data: &[u8]) {
    lanes_with(data, None);
}

/// The same with a fault put back on purpose. Says how operations ended.
///
/// # Panics
/// As [`lanes`] does.
pub fn lanes_with(data: &[u8], planted: Option<PlantedFault>) -> Ends {
    match Unstructured::new(data).arbitrary() {
        Ok(schedule) => run(&schedule, planted),
        Err(_) => Ends::default(),
    }
}

fn run(schedule: &Schedule, planted: Option<PlantedFault>) -> Ends {
    let mut cluster = Cluster::new(planted);
    cluster.slow_disks = schedule.slow_disks;
    let mut clients = Clients::new(schedule.one_at_a_time);
    let mut has_died = false;
    for step in &schedule.steps {
        if let Step::Die { at } = *step {
            if !has_died && cluster.is_alive(at) {
                has_died = true;
                cluster.die(at);
                clients.note_death(at);
            }
        } else {
            take(*step, &mut cluster, &mut clients);
        }
        clients.hear(&mut cluster);
    }
    cluster.heal();
    clients.hear(&mut cluster);
    let newest = cluster.changes.newest();
    for at in cluster.alive() {
        if newest.contains(node(at)) {
            for register in 0..REGISTERS {
                clients.ask_finally(&mut cluster, at, register);
            }
        }
    }
    clients.judge();
    clients.ends
}

fn take(step: Step, cluster: &mut Cluster, clients: &mut Clients) {
    match step {
        Step::Ask {
            at,
            register,
            asked,
        } => clients.ask(cluster, at, register, asked),
        Step::Deliver(number) => {
            if let Some(index) = cluster.pick(number) {
                cluster.deliver(index);
            }
        }
        Step::DeliverNewest => {
            if let Some(message) = cluster.in_flight.pop_back() {
                cluster.arrive(message);
            }
        }
        Step::DeliverAmong(nodes) => cluster.deliver_among(nodes),
        Step::Repeat(number) => {
            if let Some(index) = cluster.pick(number) {
                let message = cluster.in_flight[index].clone();
                cluster.arrive(message);
            }
        }
        Step::Lose(number) => {
            if let Some(index) = cluster.pick(number) {
                cluster.in_flight.remove(index);
            }
        }
        Step::LoseFor(nodes) => {
            let is_lost = |to: u64| nodes.contains(to);
            (cluster.in_flight).retain(|message| !is_lost(message.to.get()));
        }
        Step::Pass(span_ms) => cluster.pass(Duration::from_millis(span_ms.into())),
        Step::Tell { at, peer, word } => {
            let state = match word {
                Word::Alive => PeerState::Alive,
                Word::Suspect => PeerState::Suspect,
                Word::Down => PeerState::Down,
            };
            if at != peer {
                cluster.tell(at, peer, state);
            }
        }
        Step::Propose { at, choice } => cluster.propose(at, choice),
        Step::Learn { at } => {
            let newest = cluster.changes.newest();
            if cluster.is_alive(at) {
                cluster.enter(at, newest);
            }
        }
        Step::Persist { at } => {
            if cluster.is_alive(at) {
                cluster.persist(at);
            }
        }
        Step::Die { .. } => unreachable!("that is done once, elsewhere"),
    }
}
