//! What a replica answers to another that pulls a group from it.

use crate::configuration::Epoch;
use crate::lane::Lane;
use crate::message::{Body, PullAnswer, PullAsk, PullEntry, RequestId};
use crate::output::PersistNumber;
use crate::replica::{Cell, Replica};
use crate::slot::{Group, RegisterName};
use crate::time::Time;
use alloc::vec::Vec;

impl PullAnswer {
    /// About how many bytes one answer brings at most, unless a single cell that was asked for by
    /// name has more: its entries together, each by its name and values and some
    /// [`PullAnswer::ENTRY_BYTES`].
    pub const PAGE_BYTES_MAX: usize = 256 * 1024;

    /// The most entries of one answer.
    pub const ENTRIES_MAX: usize = 1000;

    /// What an entry counts beside its name and its values: for tags, ballots and lengths.
    pub const ENTRY_BYTES: usize = 128;
}

pub(super) const PAGE_BYTES: u64 = PullAnswer::PAGE_BYTES_MAX as u64;

/// A larger cell is listed first, even to one that holds nothing of its slot: so nobody gets more
/// large cells at once than it asks for.
const UNASKED_BYTES_MAX: u64 = 4 * 1024;

impl Lane {
    /// Another replica asks what this one holds of a group. It was admitted: both are in this
    /// epoch, and what is held is read now, after this replica entered it.
    pub(crate) fn take_pull(
        &mut self,
        now: Time,
        request: RequestId,
        epoch: Epoch,
        group: Group,
        ask: PullAsk,
    ) {
        let own = self.options.incarnation.node;
        let configuration = self.configuration.as_ref();
        let is_source = configuration.is_some_and(|configuration| {
            let is_asked_of_all = configuration.forced().contains(group);
            is_asked_of_all || configuration.group_quorums(group).before().contains(own)
        });
        // Silence is a better answer than nothing, which would be believed.
        if !self.is_own_group(group) || !is_source {
            return;
        }
        let page = match &ask {
            PullAsk::Differences { digests, after } => {
                let after = after.as_ref();
                if after.is_some_and(|name| name.slot().group() != Some(group)) {
                    return;
                }
                if after.is_none() {
                    self.note_digests_of(now, request.origin.node, group, digests);
                }
                self.replica.differences(group, digests, after)
            }
            PullAsk::Cells { names } => {
                if names.iter().any(|name| name.slot().group() != Some(group)) {
                    return;
                }
                self.replica.cells(names)
            }
        };
        let reply = Body::PullReply {
            request,
            group,
            answer: PullAnswer {
                entries: page.entries,
                more: page.more,
                floors: self.replica.floors(group),
            },
        };
        self.send(request.origin.node, epoch, reply, page.after);
    }
}

impl Replica {
    /// The floor and the base of each slot of a group; none if they are all zero.
    fn floors(&self, group: Group) -> Vec<(u64, u64)> {
        let floors: Vec<_> = group.slots().map(|slot| self.floor(slot)).collect();
        match floors.iter().any(|floor| *floor > (0, 0)) {
            true => floors,
            false => Vec::new(),
        }
    }

    /// A page of what is held of the slots of a group whose digests are other than these, from
    /// the register after `after` on.
    fn differences(
        &self,
        group: Group,
        digests: &[u128; Group::SLOTS as usize],
        after: Option<&RegisterName>,
    ) -> Page {
        let mut page = Page::default();
        for (slot, &digest) in group.slots().zip(digests) {
            let Some(store) = self.slot(slot).filter(|store| store.digest() != digest) else {
                continue;
            };
            let after = match after {
                Some(name) if name.slot() > slot => continue,
                after => after.filter(|name| name.slot() == slot),
            };
            for (name, cell, persist) in store.cells_after(after) {
                let entry = Some(whole(name, cell));
                let entry = entry.filter(|it| digest == 0 && it.weight() <= UNASKED_BYTES_MAX);
                let entry = entry.unwrap_or_else(|| listed(name, cell));
                if !page.take(entry, persist) {
                    return page;
                }
            }
        }
        page
    }

    /// A page of what is held of these registers.
    fn cells(&self, names: &[RegisterName]) -> Page {
        let mut page = Page::default();
        for name in names {
            let (cell, persist) = self.cell(name);
            if !page.take(whole(name, cell), persist) {
                break;
            }
        }
        page
    }
}

/// What fits into one answer.
#[derive(Default)]
struct Page {
    entries: Vec<PullEntry>,
    bytes: u64,
    more: bool,
    /// What must be durable before it is shown.
    after: PersistNumber,
}

impl Page {
    /// Takes an entry that rests on `persist`, unless it does not fit. The first one always does.
    fn take(&mut self, entry: PullEntry, persist: PersistNumber) -> bool {
        let bytes = self.bytes + entry.weight();
        if !self.entries.is_empty()
            && (bytes > PAGE_BYTES || self.entries.len() >= PullAnswer::ENTRIES_MAX)
        {
            self.more = true;
            return false;
        }
        self.bytes = bytes;
        self.after = self.after.max(persist);
        self.entries.push(entry);
        true
    }
}

fn whole(name: &RegisterName, cell: &Cell) -> PullEntry {
    PullEntry::Whole {
        name: name.clone(),
        cell: cell.clone(),
    }
}

fn listed(name: &RegisterName, cell: &Cell) -> PullEntry {
    let versions = cell.versions();
    PullEntry::Listed {
        name: name.clone(),
        tag: versions.tag,
        promised: versions.promised,
        accepted: versions.accepted,
    }
}

impl PullEntry {
    /// About how many bytes it takes to say.
    pub(super) fn weight(&self) -> u64 {
        let length = |content: Option<&bytes::Bytes>| content.map_or(0, |content| content.len());
        let values = match self {
            PullEntry::Listed { .. } => 0,
            PullEntry::Whole { cell, .. } => {
                let accepted = cell.accepted.as_ref();
                length(cell.record.content.as_ref())
                    + length(accepted.and_then(|step| step.content.as_ref()))
            }
        };
        (PullAnswer::ENTRY_BYTES + self.name().as_bytes().len() + values) as u64
    }
}
