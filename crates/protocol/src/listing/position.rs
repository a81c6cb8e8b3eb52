//! Where a register stands among all: [`Position`].

use crate::slot::{Group, Slot};
use core::fmt;
use xxhash_rust::xxh3::xxh3_64;

/// Where a register stands in the order of all registers: its slot, then 48 bits of a hash of its
/// name. Registers of one position, which are rare, follow each other by name.
///
/// It is the same at all nodes and for ever, whatever else there is, so that a listing can go on
/// after it, at any node. It fits into 63 bits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position(u64);

impl Position {
    const HASH_BITS: u32 = 48;

    /// The greatest number of a position of a client's register.
    pub const NUMBER_MAX: u64 = ((Slot::COUNT as u64) << Self::HASH_BITS) - 1;

    /// That of the reserved register, after all others.
    pub(crate) const RESERVED: Position = Position((Slot::COUNT as u64) << Self::HASH_BITS);

    /// That of a client's register, which falls into this slot.
    pub(crate) fn of(slot: Slot, name: &[u8]) -> Position {
        let hash = xxh3_64(name) >> (u64::BITS - Self::HASH_BITS);
        Position(u64::from(slot.number()) << Self::HASH_BITS | hash)
    }

    /// The position of this number, if it is one of a client's register.
    pub fn from_number(number: u64) -> Option<Position> {
        (number <= Self::NUMBER_MAX).then_some(Position(number))
    }

    /// Its number: positions are ordered by it.
    pub fn number(self) -> u64 {
        self.0
    }

    /// The last position of a group: what is after it is of the next one.
    pub fn last_of(group: Group) -> Position {
        let next = (u64::from(group.number()) + 1) * u64::from(Group::SLOTS);
        Position((next << Self::HASH_BITS) - 1)
    }

    /// The slot of the registers at this position.
    pub fn slot(self) -> Slot {
        Slot::from_number((self.0 >> Self::HASH_BITS) as u16)
    }

    /// The position after this one, in whichever slot that is.
    pub(crate) fn next(self) -> Position {
        Position(self.0 + 1)
    }
}

impl fmt::Debug for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hash = self.0 & ((1 << Self::HASH_BITS) - 1);
        write!(f, "{}:{hash:012x}", self.slot())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slot::RegisterName;

    #[test]
    fn positions_are_ordered_by_slot_and_then_by_hash() {
        let position = |name: &str| {
            RegisterName::new(name.as_bytes().to_vec())
                .unwrap()
                .position()
        };
        assert!(position("bar") < position("foo"), "slots 5061 and 12182");
        let (a, b) = (position("{x}a"), position("{x}b"));
        assert_eq!(a.slot(), b.slot());
        assert_ne!(a, b);
        assert_eq!(a.slot(), Slot::of(b"x"));
    }

    #[test]
    fn a_position_is_the_published_hash_of_the_name_below_its_slot() {
        // XXH3-64 of no bytes, seed 0, is 2d06800538d394c2.
        let empty = RegisterName::new("").unwrap().position();
        assert_eq!(empty.number(), 0x2d06_8005_38d3);
    }

    #[test]
    fn a_number_reads_back_and_none_is_beyond_the_last_slot() {
        for number in [0, 1, Position::NUMBER_MAX] {
            assert_eq!(Position::from_number(number).unwrap().number(), number);
        }
        assert_eq!(Position::from_number(Position::NUMBER_MAX + 1), None);
        assert_eq!(Position::RESERVED.number(), Position::NUMBER_MAX + 1);
        assert_eq!(Position::RESERVED.slot(), Slot::RESERVED);
    }

    #[test]
    fn a_group_ends_where_the_next_one_begins() {
        for group in Group::all() {
            let last = Position::last_of(group);
            assert_eq!(last.slot().group(), Some(group));
            let next = Group::new(group.number() + 1);
            assert_eq!(last.next().slot().group(), next);
        }
    }
}
