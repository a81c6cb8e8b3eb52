//! Whom a lane asks for what it lacks, and when again.

use super::Copying;
use super::manner::{Manner, PATIENCE_MAX};
use super::pull::Asked;
use super::turns::Turn;
use crate::lane::Lane;
use crate::membership::PeerState;
use crate::message::{Body, Counter};
use crate::node::NodeId;
use crate::output::PersistNumber;
use crate::peers::Peers;
use crate::slot::Group;
use crate::time::Time;
use alloc::vec::Vec;

/// How often a request is sent before another source, or another group, gets its turn.
const SENDS_MAX: u32 = 3;

impl Lane {
    /// A peer answers again, or is in this epoch at last: what it was asked is asked again at
    /// once, and groups that wait for others in vain make room for those that it can give.
    pub(crate) fn copying_peer_is_back(&mut self, now: Time, peer: NodeId) {
        if let Some(manner) = self.copying.manners.get_mut(&peer) {
            manner.note_back();
        }
        let asked = self.copying.turns.asked();
        let asked: Vec<_> = asked.map(|(group, asked)| (group, asked.source)).collect();
        for (group, source) in asked {
            if source == peer {
                self.send_pull(group);
            } else if self.peers.state(source) != PeerState::Alive {
                self.copying.give_up(group);
            }
        }
        self.ask_for_more(now);
    }

    /// Asks again what was not answered, and goes on when the rate allows it.
    pub(crate) fn run_copying(&mut self, now: Time) {
        for group in self.copying.turns.due(now) {
            self.ask_again_or_later(now, group);
        }
        self.ask_for_more(now);
    }

    fn ask_again_or_later(&mut self, now: Time, group: Group) {
        let pull = self.copying.turns.get(group);
        let Some(asked) = pull.and_then(|pull| pull.asked.as_ref()) else {
            return;
        };
        let is_alive = self.peers.state(asked.source) == PeerState::Alive;
        if is_alive && asked.sends < SENDS_MAX {
            let wait = asked.patience * (1 << asked.sends);
            let resend_at = now + wait.min(PATIENCE_MAX);
            self.copying.turns.put_off(group, resend_at);
            self.send_pull(group);
        } else {
            self.copying.give_up(group);
        }
    }

    /// Asks for as much as may be asked for at once.
    pub(super) fn ask_for_more(&mut self, now: Time) {
        while let Some(turn) = self.copying.next_turn(now, &self.peers) {
            let patience = self.copying.manner(turn.source).patience;
            let asked = Asked {
                counter: self.operations.draw(),
                source: turn.source,
                asked_at: now,
                patience,
                sends: 1,
                resend_at: now + patience,
                is_for_cells: turn.is_for_cells,
                bytes_expected: turn.bytes_expected,
            };
            self.copying.rate.take(asked.bytes_expected);
            self.copying.turns.ask(turn, asked);
            self.send_pull(turn.group);
        }
    }

    fn send_pull(&mut self, group: Group) {
        let pull = self.copying.turns.get(group);
        let Some((pull, asked)) = pull.and_then(|pull| Some((pull, pull.asked.as_ref()?))) else {
            return;
        };
        let (counter, source) = (asked.counter, asked.source);
        if let Some(ask) = pull.ask(source, &self.replica) {
            let body = Body::Pull {
                counter,
                group,
                ask,
            };
            self.send(source, self.epoch(), body, PersistNumber::NONE);
        }
    }

    /// When [`Lane::run_copying`] is to be called.
    pub(crate) fn copying_timeout(&self) -> Option<Time> {
        let resend = self.copying.turns.next_resend();
        resend.into_iter().chain(self.copying.allowed_at).min()
    }

    /// The low-water mark: no operation of this lane below this number runs, no listing does, no
    /// pull waits, and none ever will.
    pub(crate) fn low_water(&self) -> Counter {
        let operations = self.operations.low_water();
        let pulls = self.copying.turns.low_water();
        let pulls = pulls.into_iter().chain(self.repair_low_water());
        let others = pulls.chain(self.listings.low_water());
        let others = others.chain(self.collect_low_water());
        others.fold(operations, Counter::min)
    }
}

impl Copying {
    fn manner(&self, source: NodeId) -> &Manner {
        self.manners.get(&source).unwrap_or(&self.manner_first)
    }

    pub(super) fn manner_mut(&mut self, source: NodeId) -> &mut Manner {
        let manner = self.manners.entry(source);
        manner.or_insert_with(|| self.manner_first.clone())
    }

    /// What may be asked next, if the rate allows it.
    fn next_turn(&mut self, now: Time, peers: &Peers) -> Option<Turn> {
        let reluctance = |node| self.manner(node).reluctance(peers.state(node));
        let turn = self.turns.next(reluctance);
        let is_allowed = turn.is_none() || self.rate.allows(now);
        self.allowed_at = (!is_allowed).then(|| self.rate.allows_at());
        turn.filter(|_| is_allowed)
    }

    /// Gives up a request, and lets other groups have their turn.
    fn give_up(&mut self, group: Group) {
        if let Some(asked) = self.turns.give_up(group) {
            self.rate.give_back(asked.bytes_expected);
            self.manner_mut(asked.source).note_silence(&asked);
        }
    }
}
