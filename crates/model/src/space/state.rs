//! How everything stands at one moment, and what may happen next: [`State`], [`Action`].

use crate::history::{Client, ClientState};
use crate::names::{Place, Renaming, mix};
use crate::scenario::NODES_MAX;
use crate::store::{LaneId, MessageId, View};
use protocol::Tag;
use std::hash::{Hash, Hasher};

/// How everything stands at one moment of one run; or of all runs that differ in names only.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct State {
    /// The lane of each node.
    pub lanes: Box<[LaneId]>,
    /// The messages that may arrive, in order.
    pub network: Box<[MessageId]>,
    /// How far each request is.
    pub clients: Box<[Client]>,
    /// The configurations that were entered by any node, one bit each.
    pub entered: u8,
    /// Who has copied the register in which of them, one bit each.
    pub copied: u64,
    /// How many more nodes may crash.
    pub crashes_left: u8,
    /// How often time may still pass.
    pub resends_left: u8,
    /// How many more nodes may come back with nothing in memory.
    pub restarts_left: u8,
    /// What must not be, and is.
    pub fault: Option<Fault>,
    /// The least of the hashes under all renamings.
    pub(super) hash: u64,
}

/// What must not be.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Fault {
    /// What clients saw is not linearizable.
    NotLinearizable,
    /// One tag has two contents.
    TwoContents,
    /// A record's tag went down.
    TagWentDown,
    /// A node found that something cannot be, and stopped; these are its last words, by number.
    Stopped(u16),
}

/// Something that happens.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Action {
    /// A client makes its request. If its node holds nothing itself, this message of those that it
    /// sends arrives at once.
    Request {
        /// The number of the request.
        number: usize,
        /// The configuration that its node enters right before.
        enter: Option<usize>,
        /// Which of the messages arrives.
        first: Option<usize>,
        /// Whether the reply to it is heard.
        is_heard: bool,
    },
    /// A message arrives.
    Arrival {
        /// The message.
        message: MessageId,
        /// Whether the reply to it is heard, if that is to be heard at once.
        is_heard: bool,
    },
    /// A planted fault: the epoch of a message is checked, and the message waits.
    Check(MessageId),
    /// A node is gone, and all others notice.
    Crash(Place),
    /// A node is gone, and back with nothing in memory.
    Restart(Place),
    /// A node enters a configuration.
    Enter(Place, usize),
    /// Time passes at a node until something is due.
    Timer(Place),
    /// A node hears nothing from the one that it copies from, and asks another one.
    Silence(Place),
}

impl Hash for State {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash);
    }
}

/// The hash of a state under one renaming. Sums stand for sets, so that no order matters that names
/// have.
pub(super) fn hash_as(state: &State, view: &View<'_>, index: usize, renaming: &Renaming) -> u64 {
    const LANE: u64 = 1;
    const MESSAGE: u64 = 2;
    const CLIENT: u64 = 3;
    const REST: u64 = 4;
    let mut sum = 0_u64;
    for (place, &lane) in state.lanes.iter().enumerate() {
        let lane = view.lane(lane).map_or(0, |lane| lane.hashes[index]);
        sum = sum.wrapping_add(mix(&[LANE, renaming.nodes[place] as u64, lane]));
    }
    for &message in &state.network {
        sum = sum.wrapping_add(mix(&[MESSAGE, view.message(message).hashes[index]]));
    }
    for (number, client) in state.clients.iter().enumerate() {
        let former = (0..state.clients.len()).filter(|it| client.before & (1 << it) != 0);
        let before = former.map(|it| 1_u64 << renaming.requests[it]).sum();
        let ended = match client.state {
            ClientState::Idle => 0,
            ClientState::Waiting => 1,
            ClientState::Ended(ending) => 2 + u64::from(ending),
        };
        let number = renaming.requests[number] as u64;
        sum = sum.wrapping_add(mix(&[CLIENT, number, before, ended]));
    }
    let copied = (0..u64::BITS as usize).filter(|bit| state.copied & (1 << bit) != 0);
    let copied = copied.map(|bit| {
        let (planned, place) = (bit / NODES_MAX, bit % NODES_MAX);
        1_u64 << (planned * NODES_MAX + renaming.nodes[place])
    });
    let fault = match state.fault {
        None => 0,
        Some(Fault::NotLinearizable) => 1,
        Some(Fault::TwoContents) => 2,
        Some(Fault::TagWentDown) => 3,
        Some(Fault::Stopped(words)) => 4 + u64::from(words),
    };
    let left = [state.crashes_left, state.resends_left, state.restarts_left];
    let left = left.iter().fold(0, |sum, &it| sum << 8 | u64::from(it));
    let rest = mix(&[REST, u64::from(state.entered), copied.sum(), left, fault]);
    // A fingerprint of zero is none.
    sum.wrapping_add(rest).max(1)
}

/// Whether one tag stands for two contents, among what nodes hold and what is on its way.
pub(super) fn has_two_contents(state: &State, view: &View<'_>) -> bool {
    let held = state.lanes.iter().filter_map(|&lane| view.lane(lane));
    let held = held.map(|lane| lane.holds);
    let sent = state.network.iter();
    let sent = sent.filter_map(|&message| view.message(message).brings);
    let mut known = [(Tag::ZERO, 0); 32];
    let mut count = 0;
    for (tag, content) in held.chain(sent).filter(|(tag, _)| !tag.is_zero()) {
        match known[..count].iter().find(|(it, _)| *it == tag) {
            Some((_, other)) if *other != content => return true,
            Some(_) => {}
            None if count < known.len() => {
                known[count] = (tag, content);
                count += 1;
            }
            None => {}
        }
    }
    false
}
