//! Chance, and how bad the network is.

use super::super::super::*;
use core::time::Duration;

pub(in super::super) const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// A linear congruential generator; its upper bits are random enough to pick faults by.
pub(in super::super) struct Random(u64);

impl Random {
    pub(in super::super) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5851_f42d_4c95_7f2d)
    }

    /// A number below `bound`.
    pub(in super::super) fn below(&mut self, bound: u64) -> u64 {
        let next = self.0.wrapping_mul(6_364_136_223_846_793_005);
        self.0 = next.wrapping_add(1_442_695_040_888_963_407);
        let mixed = (self.0 ^ (self.0 >> 31)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        (mixed >> 20) % bound
    }

    pub(in super::super) fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

/// How bad the network is.
#[derive(Clone, Copy)]
pub(in super::super) struct Network {
    /// The longest that a message usually takes.
    pub(in super::super) delay: Duration,
    /// How many of a hundred take much longer, and so overtake nothing and are overtaken.
    pub(in super::super) delayed: u64,
    pub(in super::super) delay_long: Duration,
    pub(in super::super) lost: u64,
    pub(in super::super) doubled: u64,
    /// Of these messages, more than half take so long.
    pub(in super::super) is_slow: [bool; KINDS],
}

/// How many kinds of messages there are.
pub(in super::super) const KINDS: usize = 13;

pub(super) fn kind(message: &MembershipMessage) -> usize {
    match message {
        MembershipMessage::Ping { .. } => 0,
        MembershipMessage::Pong { .. } => 1,
        MembershipMessage::Ask { .. } => 2,
        MembershipMessage::Fresh { .. } => 3,
        MembershipMessage::Stands { .. } => 4,
        MembershipMessage::Propose { .. } => 5,
        MembershipMessage::Yes { .. } => 6,
        MembershipMessage::Commit { .. } => 7,
        MembershipMessage::Join { .. } => 8,
        MembershipMessage::Consider { .. } => 9,
        MembershipMessage::Consent { .. } => 10,
        MembershipMessage::Dissent { .. } => 11,
        MembershipMessage::Progress { .. } => 12,
    }
}

impl Network {
    pub(in super::super) const GOOD: Network = Network {
        delay: ms(2),
        delayed: 0,
        delay_long: ms(2),
        lost: 0,
        doubled: 0,
        is_slow: [false; KINDS],
    };
}

/// A span from one microsecond to `most`.
pub(super) fn random_up_to(random: &mut Random, most: Duration) -> Duration {
    let micros = u64::try_from(most.as_micros()).expect("tests are short");
    Duration::from_micros(1 + random.below(micros))
}
