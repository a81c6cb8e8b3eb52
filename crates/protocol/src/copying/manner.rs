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
