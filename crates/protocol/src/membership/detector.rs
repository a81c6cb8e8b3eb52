//! The failure detector: who answers.
//!
//! Every peer has pings of its own, so that one which hangs delays none to another. A ping is
//! sent every interval and answered in time, or missed after its time-out:
//!
//! ```text
//!  pong      ping     missed   ping     missed   ping     missed
//!   |---------|--------X--------|--------X--------|--------X------> ms
//!   0        500      900      1000    1400      1500    1900
//!   alive              suspect                             down
//! ```
//!
//! A peer that stops right after a pong is thus down 1.9 s later, with the default times, and
//! sooner if it stops at any other moment. A broken link makes a peer suspect at once; pings go
//! on being due, cannot be sent, and are missed.
//!
//! **A late pong** proves that the peer lived after its ping was sent, and no more: the peer may
//! have died since, while the pong was on its way. So it takes back the misses up to its own ping
//! and keeps a suspect peer from being down; but only a pong in time makes a peer alive. A peer
//! that always answers late stays suspect, instead of changing state with every pong. Pongs of
//! pings that were answered, or before the last few, count for nothing.
//!
//! **If this node itself was frozen**, pongs may lie unread while it counts their pings as
//! missed. A call that comes late by more than an interval therefore voids the pings that were
//! waiting, sends new ones, and counts everybody's silence from then.

use super::{MembershipMessage, MembershipOptions, MembershipOutput, MembershipTimer};
use crate::node::NodeId;
use crate::time::Time;
use alloc::collections::{BTreeMap, VecDeque};
use core::fmt;
use core::time::Duration;

/// What a node believes of a peer. No correctness rests on it: it decides whom to wait for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum PeerState {
    /// It answers.
    Alive,
    /// It missed a pong, or the connection to it broke, or it was never heard of.
    Suspect,
    /// It missed three pongs, or was silent for two seconds.
    Down,
}

impl fmt::Display for PeerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            PeerState::Alive => "alive",
            PeerState::Suspect => "suspect",
            PeerState::Down => "down",
        })
    }
}

/// How many pongs in a row a peer that is down has missed.
const MISSED_DOWN: usize = 3;

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Detector {
    interval: Duration,
    timeout: Duration,
    down_after: Duration,
    number_last: u64,
    peers: BTreeMap<NodeId, Peer>,
}

impl Detector {
    pub(super) fn new(options: &MembershipOptions) -> Self {
        Self {
            interval: options.ping_interval,
            timeout: options.ping_timeout,
            down_after: options.down_after,
            number_last: 0,
            peers: BTreeMap::new(),
        }
    }

    pub(super) fn state(&self, node: NodeId) -> PeerState {
        let peer = self.peers.get(&node);
        peer.map_or(PeerState::Suspect, |peer| peer.state)
    }

    /// When a peer that is down was last known to live.
    pub(super) fn silent_since(&self, node: NodeId) -> Option<Time> {
        let peer = self.peers.get(&node)?;
        (peer.state == PeerState::Down).then_some(peer.lived)
    }

    /// Watch these peers and no others; each comes with whether a link to it is up. A new one is
    /// suspect until it answers, and so is one that is no longer watched.
    pub(super) fn watch(
        &mut self,
        now: Time,
        peers: BTreeMap<NodeId, bool>,
        outputs: &mut VecDeque<MembershipOutput>,
    ) {
        self.peers.retain(|&node, peer| {
            let stays = peers.contains_key(&node);
            if !stays {
                peer.enter(node, PeerState::Suspect, outputs);
            }
            stays
        });
        for (node, linked) in peers {
            let mut is_new = false;
            self.peers.entry(node).or_insert_with(|| {
                is_new = true;
                Peer::new(now)
            });
            if is_new && linked {
                self.link_up(now, node, outputs);
            }
        }
    }

    pub(super) fn link_up(
        &mut self,
        now: Time,
        node: NodeId,
        outputs: &mut VecDeque<MembershipOutput>,
    ) {
        if let Some(peer) = self.peers.get_mut(&node) {
            peer.linked = true;
            peer.replaced = false;
            peer.void_waiting();
            self.number_last += 1;
            peer.ping(now, node, self.number_last, outputs);
            peer.ping_due = now + self.interval;
        }
    }

    pub(super) fn link_down(
        &mut self,
        now: Time,
        node: NodeId,
        outputs: &mut VecDeque<MembershipOutput>,
    ) {
        if let Some(peer) = self.peers.get_mut(&node) {
            peer.linked = false;
            peer.worsen(now, node, self.down_after, outputs);
        }
    }

    /// Another process answers at the peer's address: it will not answer again.
    pub(super) fn replace(&mut self, node: NodeId, outputs: &mut VecDeque<MembershipOutput>) {
        if let Some(peer) = self.peers.get_mut(&node) {
            peer.linked = false;
            peer.replaced = true;
            // A pong that was on its way when the peer died changes nothing.
            peer.unanswered.clear();
            peer.waiting = false;
            peer.enter(node, PeerState::Down, outputs);
        }
    }

    pub(super) fn handle_pong(
        &mut self,
        node: NodeId,
        number: u64,
        outputs: &mut VecDeque<MembershipOutput>,
    ) {
        if let Some(peer) = self.peers.get_mut(&node) {
            peer.answered(node, number, outputs);
        }
    }

    pub(super) fn handle_timeout(&mut self, now: Time, outputs: &mut VecDeque<MembershipOutput>) {
        let due = self.next_timeout().map(|(due, _)| due);
        let was_frozen = due.is_some_and(|due| now.since(due) > self.interval);
        for (&node, peer) in self.peers.iter_mut().filter(|(_, peer)| !peer.replaced) {
            if was_frozen {
                peer.void_waiting();
                peer.lived = now;
                peer.ping_due = now;
            }
            if peer.pong_due(self.timeout).is_some_and(|due| due <= now) {
                peer.waiting = false;
            }
            peer.worsen(now, node, self.down_after, outputs);
            if !peer.waiting && peer.ping_due <= now {
                self.number_last += 1;
                peer.ping(now, node, self.number_last, outputs);
                peer.ping_due = now + self.interval;
            }
        }
    }

    pub(super) fn next_timeout(&self) -> Option<(Time, MembershipTimer)> {
        let watched = self.peers.values().filter(|peer| !peer.replaced);
        let timers = watched.flat_map(|peer| {
            let ping = match peer.pong_due(self.timeout) {
                Some(due) => (due, MembershipTimer::PongLate),
                None => (peer.ping_due, MembershipTimer::Ping),
            };
            let silence = (peer.lived + self.down_after, MembershipTimer::Silence);
            let suspect = peer.state == PeerState::Suspect;
            [Some(ping), suspect.then_some(silence)]
        });
        timers.flatten().min()
    }
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Peer {
    state: PeerState,
    /// Whether pings can be sent. They are due, and missed, all the same.
    linked: bool,
    /// Another process answers at its address: it is down, and no time is spent on it.
    replaced: bool,
    /// The pings since the last one that was answered, oldest first: at most those that make it
    /// down, and one that waits.
    unanswered: VecDeque<Ping>,
    /// Whether the last of them may still be answered in time; the others are missed.
    waiting: bool,
    /// When to send the next ping, unless one waits.
    ping_due: Time,
    /// The peer lived at this moment or later.
    lived: Time,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Ping {
    number: u64,
    sent: Time,
}

impl Peer {
    fn new(now: Time) -> Self {
        Self {
            state: PeerState::Suspect,
            linked: false,
            replaced: false,
            unanswered: VecDeque::new(),
            waiting: false,
            ping_due: now,
            lived: now,
        }
    }

    fn missed(&self) -> usize {
        self.unanswered.len() - usize::from(self.waiting)
    }

    fn pong_due(&self, timeout: Duration) -> Option<Time> {
        let waiting = self.unanswered.back().filter(|_| self.waiting);
        waiting.map(|ping| ping.sent + timeout)
    }

    /// Whatever becomes of the ping that waits, it is not missed.
    fn void_waiting(&mut self) {
        if core::mem::take(&mut self.waiting) {
            self.unanswered.pop_back();
        }
    }

    fn ping(
        &mut self,
        now: Time,
        node: NodeId,
        number: u64,
        outputs: &mut VecDeque<MembershipOutput>,
    ) {
        if self.linked {
            let message = MembershipMessage::Ping { number };
            outputs.push_back(MembershipOutput::Send { to: node, message });
        }
        self.unanswered.push_back(Ping { number, sent: now });
        self.waiting = true;
        if self.missed() > MISSED_DOWN {
            self.unanswered.pop_front();
        }
    }

    fn answered(&mut self, node: NodeId, number: u64, outputs: &mut VecDeque<MembershipOutput>) {
        let mut pings = self.unanswered.iter();
        let Some(index) = pings.position(|ping| ping.number == number) else {
            return;
        };
        self.lived = self.unanswered[index].sent;
        let in_time = self.waiting && index + 1 == self.unanswered.len();
        self.unanswered.drain(..=index);
        if in_time {
            self.waiting = false;
            // Without a link it could be asked nothing.
            if self.linked {
                self.enter(node, PeerState::Alive, outputs);
            }
        }
    }

    /// Lets the peer be suspect, and a suspect one down, if that is due.
    fn worsen(
        &mut self,
        now: Time,
        node: NodeId,
        down_after: Duration,
        outputs: &mut VecDeque<MembershipOutput>,
    ) {
        if self.state == PeerState::Alive && (self.missed() > 0 || !self.linked) {
            self.enter(node, PeerState::Suspect, outputs);
        }
        let silent = now.since(self.lived) >= down_after;
        if self.state == PeerState::Suspect && (self.missed() >= MISSED_DOWN || silent) {
            self.enter(node, PeerState::Down, outputs);
        }
    }

    fn enter(&mut self, node: NodeId, state: PeerState, outputs: &mut VecDeque<MembershipOutput>) {
        if self.state != state {
            self.state = state;
            outputs.push_back(MembershipOutput::PeerState { peer: node, state });
        }
    }
}
