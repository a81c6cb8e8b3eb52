//! Which registers of a slot had a record below some sequence number at any moment: [`Watch`].

use super::digest::NameDigest;
use crate::node::NodeId;
use crate::slot::{RegisterName, Slot};
use crate::tag::Tag;

/// For whom it is watched: a lane of another node, or the own.
pub(crate) type Watcher = (NodeId, u16);

/// The registers of a slot that no longer have a record below a floor, and had one since the watch
/// began. Together with those that have one they are all that had one meanwhile: a record that was
/// overwritten may still be on its way to others, in the hands of who read it before.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Watch {
    pub(super) slot: Slot,
    pub(super) floor: u64,
    /// The sum of the digests of their names.
    passed: u128,
}

impl Watch {
    pub(super) fn new(slot: Slot, floor: u64) -> Self {
        Self {
            slot,
            floor,
            passed: 0,
        }
    }

    /// A register gets another record.
    pub(super) fn note(&mut self, name: &RegisterName, former: Tag, tag: Tag) {
        let was_below = !former.is_zero() && former.seq < self.floor;
        if name.slot() == self.slot && was_below && tag.seq >= self.floor {
            self.passed = self.passed.wrapping_add(NameDigest::of(name).sum());
        }
    }

    pub(super) fn passed(&self) -> u128 {
        self.passed
    }
}
