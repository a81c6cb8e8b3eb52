//! What a client asks of a listing, and what it may believe afterwards.

use super::Position;
use crate::operation::Refusal;
use crate::slot::RegisterName;
use crate::tag::Tag;
use alloc::vec::Vec;

/// What a client wants to know of a group.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ListRequest {
    /// Which registers after this position hold a value.
    Names {
        /// Where to go on; `None` at the group's beginning.
        after: Option<Position>,
        /// How many registers to look at for one page, about;
        /// [`ListPage::ENTRIES_MAX`](super::ListPage::ENTRIES_MAX) at most.
        entries_max: u16,
    },
    /// How many registers hold a value.
    Count,
}

impl ListRequest {
    pub(super) fn after(&self) -> Option<Position> {
        match self {
            ListRequest::Names { after, .. } => *after,
            ListRequest::Count => None,
        }
    }
}

/// How a listing ended.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum ListOutcome {
    /// A page: of each register in its range this is what a read would have found at some moment
    /// between the request and now.
    Names {
        /// The registers that hold a value, in the order of their names. There may be none, and
        /// yet more to come.
        listed: Vec<Listed>,
        /// Where the page ends; the next one goes on after it. `None` at the end of the group.
        end: Option<Position>,
    },
    /// So many registers of the group held a value, at some moment between the request and now.
    Counted(u64),
    /// The replicas do not agree on what they hold, so that the group must be listed to be counted.
    Uncounted,
    /// It was not done.
    Refused(Refusal),
}

/// A register that holds a value.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Listed {
    /// The register.
    pub name: RegisterName,
    /// The tag of its record.
    pub tag: Tag,
}
