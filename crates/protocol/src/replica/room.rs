//! How much more a replica wants to hold: [`Room`].

use super::{Replica, footprint};
use crate::message::Bounds;
use crate::slot::RegisterName;
use bytes::Bytes;

/// How long a value a replica has room for in a register: so many bytes, less one. Nothing but
/// [`Room::NONE`] has room for an empty one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Room(pub u32);

impl Room {
    /// For any value.
    pub const ANY: Room = Room(u32::MAX);

    /// For no value at all.
    pub const NONE: Room = Room(0);

    /// For values of up to so many bytes.
    fn of(bytes: u64) -> Room {
        Room(u32::try_from(bytes.saturating_add(1)).unwrap_or(u32::MAX))
    }

    /// Whether this value fits. Nothing always does: a delete is never refused.
    pub fn is_enough_for(self, content: Option<&Bytes>) -> bool {
        self == Room::ANY || content.is_none_or(|value| value.len() < self.0 as usize)
    }
}

impl Replica {
    /// What a new record of the register has to keep to where registers may take so much memory.
    pub(crate) fn bounds(&self, name: &RegisterName, memory_bytes_max: Option<u64>) -> Bounds {
        let room = match memory_bytes_max {
            // That the members can change is what may bring more memory.
            Some(most) if !name.is_reserved() => self.room(name, most),
            _ => Room::ANY,
        };
        let is_held = !self.cell(name).0.record.tag.is_zero();
        let floor = (!is_held).then(|| self.floor(name.slot()));
        let (floor, base) = floor.unwrap_or_default();
        Bounds { room, floor, base }
    }

    fn room(&self, name: &RegisterName, most: u64) -> Room {
        let free = most.saturating_sub(self.memory);
        let (cell, _) = self.cell(name);
        match &cell.record.content {
            // It is replaced, so what it takes counts as free.
            Some(value) => Room::of(free + value.len() as u64),
            None => {
                let besides = match self.is_unknown(name) {
                    true => footprint::of_new(name),
                    false => 0,
                };
                let besides = besides + footprint::VALUE_BESIDES;
                (free.checked_sub(besides)).map_or(Room::NONE, Room::of)
            }
        }
    }

    /// Whether nothing at all is kept of a register.
    pub(crate) fn is_unknown(&self, name: &RegisterName) -> bool {
        (self.slots.get(&name.slot())).is_none_or(|slot| slot.get(name).is_none())
    }

    /// The memory that all that is held takes, estimated.
    pub(crate) fn memory(&self) -> u64 {
        self.memory
    }
}
