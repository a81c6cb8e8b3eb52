//! Names of registers, the [`Slot`] each one falls into, and the [`Group`] of each slot.

use crate::listing::Position;
use bytes::Bytes;
use core::fmt;

/// The name of a register: up to [`RegisterName::BYTES_MAX`] bytes of any kind, or the one name
/// that no client can say, [`RegisterName::CONFIGURATION`].
///
/// The integer address 7 of the original interface is the register named `7`. Cheap to clone.
///
/// Names are ordered by their positions, so by slot first, and then by their bytes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RegisterName {
    /// That of the bytes, reckoned once. Being compared first, it spares looking at them.
    position: Position,
    /// Empty for the reserved register, which its slot tells from the one with the empty name.
    bytes: Bytes,
}

/// The name is longer than [`RegisterName::BYTES_MAX`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NameTooLong;

impl fmt::Display for NameTooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a name has at most {} bytes", RegisterName::BYTES_MAX)
    }
}

impl core::error::Error for NameTooLong {}

impl RegisterName {
    /// The longest name, in bytes.
    pub const BYTES_MAX: usize = 1024;

    /// The reserved register, which holds the cluster's configuration. It lies in
    /// [`Slot::RESERVED`], and no bytes spell it.
    pub const CONFIGURATION: RegisterName = RegisterName {
        position: Position::RESERVED,
        bytes: Bytes::new(),
    };

    /// The register with this name.
    ///
    /// # Errors
    /// [`NameTooLong`], if it has more than [`RegisterName::BYTES_MAX`] bytes.
    pub fn new(name: impl Into<Bytes>) -> Result<Self, NameTooLong> {
        let bytes = name.into();
        if bytes.len() > Self::BYTES_MAX {
            return Err(NameTooLong);
        }
        let position = Position::of(Slot::of(&bytes), &bytes);
        Ok(Self { position, bytes })
    }

    /// What comes before every name at this position and after all at former ones: where a range
    /// of names begins. It is nobody's name.
    pub(crate) fn before(position: Position) -> Self {
        let bytes = Bytes::new();
        Self { position, bytes }
    }

    /// The bytes of the name; of the reserved one, none.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether this is [`RegisterName::CONFIGURATION`].
    pub fn is_reserved(&self) -> bool {
        self.position == Position::RESERVED
    }

    /// The slot this register falls into.
    pub fn slot(&self) -> Slot {
        self.position.slot()
    }

    /// Where it stands among all registers.
    pub fn position(&self) -> Position {
        self.position
    }
}

impl fmt::Display for RegisterName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.is_reserved() {
            true => f.write_str("(the configuration)"),
            false => write!(f, "{}", self.bytes.escape_ascii()),
        }
    }
}

impl fmt::Debug for RegisterName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

/// One of 16,384 groups of registers, or the reserved one.
///
/// Equal to the hash slot of Redis Cluster, so that clients which know that one find a register
/// where this cluster keeps it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Slot(u16);

impl Slot {
    /// How many slots clients' registers fall into.
    pub const COUNT: u16 = 16_384;

    /// The slot of [`RegisterName::CONFIGURATION`], out of clients' reach. All members hold it.
    pub const RESERVED: Slot = Slot(Self::COUNT);

    /// The slot of a name: CRC16 (XMODEM) modulo 16,384 of the name, or of what stands between
    /// its first `{` and the first `}` after that, if that is not empty.
    ///
    /// Source: the Redis Cluster specification, "Key distribution model" and "Hash tags".
    pub fn of(name: &[u8]) -> Slot {
        Slot(crc16_xmodem(hash_tag(name)) % Self::COUNT)
    }

    /// The slot of this number, which is at most that of the reserved one.
    pub(crate) fn from_number(number: u16) -> Slot {
        debug_assert!(number <= Self::COUNT, "there are so many slots");
        Slot(number)
    }

    /// The number of the slot; below [`Slot::COUNT`], if clients can reach it.
    pub fn number(self) -> u16 {
        self.0
    }

    /// The group that it is placed with; `None` for the reserved slot, which is not placed.
    pub fn group(self) -> Option<Group> {
        (self != Self::RESERVED).then_some(Group(self.0 / Group::SLOTS))
    }

    /// Which of `lanes` lanes of a node handles this slot: one lane a group, and the first one for
    /// the reserved slot.
    ///
    /// # Panics
    /// If `lanes` is zero.
    pub fn lane(self, lanes: usize) -> usize {
        assert!(lanes > 0, "a node has a lane");
        self.group().map_or(0, |group| group.lane(lanes))
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Sixteen slots in a row, which are always held by the same nodes: what placement places, and
/// what is copied as one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Group(u16);

impl Group {
    /// How many slots a group has.
    pub const SLOTS: u16 = 16;

    /// How many groups there are.
    pub const COUNT: u16 = Slot::COUNT / Self::SLOTS;

    /// The group with this number, if there is one.
    pub fn new(number: u16) -> Option<Group> {
        (number < Self::COUNT).then_some(Group(number))
    }

    /// All groups, in order.
    pub fn all() -> impl DoubleEndedIterator<Item = Group> + ExactSizeIterator {
        (0..Self::COUNT).map(Group)
    }

    /// The number of the group, below [`Group::COUNT`].
    pub fn number(self) -> u16 {
        self.0
    }

    /// Its slots, in order.
    pub fn slots(self) -> impl DoubleEndedIterator<Item = Slot> + ExactSizeIterator {
        let first = self.0 * Self::SLOTS;
        (first..first + Self::SLOTS).map(Slot)
    }

    /// Which of `lanes` lanes of a node handles this group's slots.
    ///
    /// # Panics
    /// If `lanes` is zero.
    pub fn lane(self, lanes: usize) -> usize {
        usize::from(self.0) % lanes
    }
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

fn hash_tag(name: &[u8]) -> &[u8] {
    let Some(open) = name.iter().position(|&byte| byte == b'{') else {
        return name;
    };
    let inner = &name[open + 1..];
    match inner.iter().position(|&byte| byte == b'}') {
        Some(length) if length > 0 => &inner[..length],
        _ => name,
    }
}

fn crc16_xmodem(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, &byte| {
        (crc << 8) ^ CRC16_TABLE[usize::from((crc >> 8) as u8 ^ byte)]
    })
}

/// The remainder of each byte under the polynomial x^16 + x^12 + x^5 + 1.
const CRC16_TABLE: [u16; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = (byte as u16) << 8;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 0x8000 != 0 {
                (crc << 1) ^ 0x1021
            } else {
                crc << 1
            };
            bit += 1;
        }
        table[byte] = crc;
        byte += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crc16_has_the_published_check_value() {
        assert_eq!(crc16_xmodem(b"123456789"), 0x31c3);
    }

    #[test]
    fn slots_are_those_of_redis_cluster() {
        for (name, slot) in [
            ("", 0),
            ("123456789", 12_739),
            ("foo", 12_182),
            ("bar", 5_061),
            ("hello", 866),
            ("somekey", 11_058),
            ("foo{hash_tag}", 2_515),
            ("bar{hash_tag}", 2_515),
        ] {
            assert_eq!(Slot::of(name.as_bytes()).number(), slot, "{name}");
        }
    }

    #[test]
    fn only_the_first_braces_with_something_between_them_count() {
        let slot = |name: &str| Slot::of(name.as_bytes());
        assert_eq!(slot("{user1000}.following"), slot("{user1000}.followers"));
        assert_eq!(slot("{user1000}.following"), slot("user1000"));
        assert_ne!(slot("foo{}{bar}"), slot("bar"));
        assert_eq!(slot("foo{{bar}}zap"), slot("{bar"));
        assert_eq!(slot("foo{bar}{zap}"), slot("bar"));
        assert_ne!(slot("foo}bar{"), slot("bar"));
    }

    #[test]
    fn a_name_has_at_most_1024_bytes() {
        assert!(RegisterName::new(alloc::vec![b'x'; 1024]).is_ok());
        assert_eq!(RegisterName::new(alloc::vec![b'x'; 1025]), Err(NameTooLong));
    }
}
