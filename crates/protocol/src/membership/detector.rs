//! The failure detector.

use core::fmt;

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
