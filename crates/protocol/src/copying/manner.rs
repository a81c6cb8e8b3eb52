//! How a source has answered so far: [`Manner`].

use super::pull::Asked;
use crate::membership::PeerState;
use crate::time::Time;
use core::time::Duration;

/// How a source has answered so far in this epoch. It decides whom to ask first, and when to ask
/// again; nothing else.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Manner {
    /// How long to wait for a reply before the request is sent again: at least twice as long as the
    /// latest one took.
    pub(super) patience: Duration,
    /// How many requests in a row it has left unanswered.
    silent: u32,
}

/// The longest wait for a reply. As a request is sent a few times only before it is given up, none
/// holds the low-water mark down for much longer.
pub(super) const PATIENCE_MAX: Duration = Duration::from_secs(4);

impl Manner {
    /// Nothing is known of it.
    pub(super) fn new(patience: Duration) -> Self {
        Self {
            patience: patience.min(PATIENCE_MAX),
            silent: 0,
        }
    }

    /// A reply has come. To which of the sendings, if there were several, nobody knows: then some
    /// more patience may save the next ones from being sent twice.
    pub(super) fn note_reply(&mut self, asked: &Asked, now: Time, patience_min: Duration) {
        self.silent = 0;
        let patience = match asked.sends {
            1 => (now.since(asked.asked_at) * 2).max(self.patience / 2),
            _ => asked.patience * 3 / 2,
        };
        self.patience = patience.max(patience_min).min(PATIENCE_MAX);
    }

    /// A request was given up.
    pub(super) fn note_silence(&mut self, asked: &Asked) {
        self.silent = self.silent.saturating_add(1);
        self.patience = (asked.patience * 2).min(PATIENCE_MAX);
    }

    /// It answers again.
    pub(super) fn note_back(&mut self) {
        self.silent = 0;
    }

    /// How little it is worth asking, given what the failure detector says of it. One that is said
    /// to be alive and is silent gives way to others too.
    pub(super) fn reluctance(&self, state: PeerState) -> u32 {
        let doubt = match state {
            PeerState::Alive => 0,
            PeerState::Suspect => 2,
            PeerState::Down => 4,
        };
        self.silent.saturating_add(doubt)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Counter;
    use crate::node::NodeId;

    const FIRST: Duration = Duration::from_millis(50);

    fn at(millis: u64) -> Time {
        Time::from_micros(millis * 1000)
    }

    /// A request of the time zero that was sent so often, to one of this manner.
    fn asked(manner: &Manner, sends: u32) -> Asked {
        Asked {
            counter: Counter(1),
            source: NodeId::new(2),
            asked_at: at(0),
            patience: manner.patience,
            sends,
            resend_at: at(0) + manner.patience,
            is_for_cells: false,
            bytes_expected: 0,
        }
    }

    #[test]
    fn one_that_takes_long_is_waited_for_longer_and_one_that_does_not_no_more() {
        let mut manner = Manner::new(FIRST);
        let request = asked(&manner, 1);
        manner.note_reply(&request, at(300), FIRST);
        assert_eq!(manner.patience, Duration::from_millis(600));
        let slow = manner.clone();
        manner.note_reply(&asked(&slow, 2), at(700), FIRST);
        assert_eq!(manner.patience, Duration::from_millis(900));
        for _ in 0..10 {
            let request = asked(&manner, 1);
            manner.note_reply(&request, at(1), FIRST);
        }
        assert_eq!(manner.patience, FIRST);
        manner.note_reply(&request, at(60_000), FIRST);
        assert_eq!(manner.patience, PATIENCE_MAX);
    }

    #[test]
    fn a_silent_one_gives_way_even_to_one_that_is_down_but_not_at_once() {
        let (mut silent, other) = (Manner::new(FIRST), Manner::new(FIRST));
        let mut turns = 0;
        while silent.reluctance(PeerState::Alive) <= other.reluctance(PeerState::Down) {
            let request = asked(&silent, 3);
            silent.note_silence(&request);
            turns += 1;
        }
        assert_eq!(turns, 5);
        assert!(silent.patience > FIRST);
        silent.note_back();
        assert_eq!(silent.reluctance(PeerState::Alive), 0);
    }
}
