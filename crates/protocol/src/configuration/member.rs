//! One node that holds registers: [`Member`].

use crate::node::{Address, NodeId};
use core::fmt;

/// One node that holds registers.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Member {
    /// Its identity.
    pub id: NodeId,
    /// Where it is dialled.
    pub address: Address,
    /// How large a share of the slots it takes, beside the others. Majorities count nodes, not
    /// weights.
    pub weight: u32,
    /// Its place among the members, by which slots are placed.
    pub seat: Seat,
}

impl Member {
    /// The weight of a member when nobody said otherwise.
    pub const WEIGHT_DEFAULT: u32 = 100;

    /// The greatest weight.
    pub const WEIGHT_MAX: u32 = 10_000;

    /// A member with the default weight and a seat of its own.
    pub fn new(id: NodeId, address: Address) -> Self {
        Self {
            id,
            address,
            weight: Self::WEIGHT_DEFAULT,
            seat: Seat::of(id),
        }
    }
}

/// A member's place among the members. Slots are placed on seats, and a node that comes in the
/// place of another takes its seat: so it gets the very slots of the one that it replaces, and no
/// other data moves.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seat(pub u64);

impl Seat {
    /// The seat of a node that comes in nobody's place.
    pub fn of(id: NodeId) -> Self {
        Self(id.get())
    }
}

impl fmt::Display for Seat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for Seat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
