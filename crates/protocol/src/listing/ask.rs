//! What a coordinator asks for a listing, and what a replica answers.

use super::Position;
use crate::record::UnixMillis;
use crate::slot::{Group, RegisterName};
use crate::tag::Tag;
use alloc::vec::Vec;

/// What a [`Body::List`](crate::Body::List) asks of a group.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ListAsk {
    /// The registers after this position, in the order of their names.
    Names {
        /// Where to go on; `None` at the group's beginning.
        after: Option<Position>,
        /// How many registers to answer with, about.
        entries_max: u16,
    },
    /// How many hold a value.
    Count {
        /// What the coordinator's wall clock shows.
        wall: UnixMillis,
    },
}

/// What a [`Body::ListReply`](crate::Body::ListReply) brings.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum ListAnswer {
    /// What was asked for by [`ListAsk::Names`].
    Names(ListPage),
    /// What was asked for by [`ListAsk::Count`].
    Count(ListCount),
}

/// All that a replica holds of a group from one position on up to another.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct ListPage {
    /// The registers, in the order of their names; deleted ones too.
    pub entries: Vec<ListEntry>,
    /// The position up to which, itself included, nothing is left out; `None` if that is so up to
    /// the end of the group.
    pub end: Option<Position>,
}

/// One register in a [`ListPage`]: what is held of it, but for the value.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct ListEntry {
    /// The register.
    pub name: RegisterName,
    /// The tag of the record.
    pub tag: Tag,
    /// Whether the replica knows that tag to be settled.
    pub settled: bool,
    /// Whether there is a value.
    pub holds_value: bool,
    /// When the value expires, if it does.
    pub expiry: Option<UnixMillis>,
}

/// How much a replica holds of a group.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ListCount {
    /// A digest of all that is held: if two replicas have the same one, they hold the same.
    pub digest: u128,
    /// How many registers hold a value.
    pub values: u64,
    /// Whether some of these may have expired, by the wall clock that was asked about.
    pub any_expired: bool,
}

impl ListPage {
    /// About how many registers one answer brings at most.
    pub const ENTRIES_MAX: u16 = 1000;

    /// The most registers that one answer may bring: registers of one position stay together.
    pub const ENTRIES_CEILING: usize = 4096;

    /// About how many bytes of names one answer brings at most.
    pub const NAME_BYTES_MAX: usize = 64 * 1024;

    /// Whether it can be what a replica answers that is asked for what is after a position.
    pub(super) fn is_of(&self, group: Group, after: Option<Position>) -> bool {
        let is_within = |position: Position| {
            position.slot().group() == Some(group) && after.is_none_or(|after| after < position)
        };
        let positions = || self.entries.iter().map(|entry| entry.name.position());
        self.entries.is_sorted_by(|one, next| one.name < next.name)
            && positions().all(is_within)
            && self.end.is_none_or(is_within)
            && (self.end).is_none_or(|end| positions().all(|position| position <= end))
    }
}
