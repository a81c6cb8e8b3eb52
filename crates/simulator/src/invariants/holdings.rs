//! What each process keeps of each register, which goes up only: [`Holdings`].

use crate::network::ProcessNumber;
use protocol::{Accepted, Ballot, Cell, Epoch, Group, Groups, RegisterName, Tag};
use std::collections::{BTreeMap, HashMap};

/// What each process was last seen to keep.
#[derive(Debug, Default)]
pub(super) struct Holdings {
    held: HashMap<(ProcessNumber, RegisterName), Cell>,
    /// What was held when it was dropped last, and the epoch that the process was in then.
    dropped: HashMap<(ProcessNumber, RegisterName), (Epoch, Tag)>,
}

/// The versions of what is kept of a register.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Versions {
    pub(super) tag: Tag,
    pub(super) promised: Ballot,
    pub(super) accepted: Option<(Ballot, Tag)>,
}

impl Versions {
    const NONE: Versions = Versions {
        tag: Tag::ZERO,
        promised: Ballot::ZERO,
        accepted: None,
    };

    pub(super) fn of(cell: &Cell) -> Self {
        Self {
            tag: cell.record.tag,
            promised: cell.promised,
            accepted: cell.accepted.as_deref().map(Accepted::rank),
        }
    }
}

impl Holdings {
    /// A process keeps this from now on.
    ///
    /// # Errors
    /// What of it went down.
    pub(super) fn keeps(
        &mut self,
        process: ProcessNumber,
        name: &RegisterName,
        cell: &Cell,
    ) -> Result<(), String> {
        let now = Versions::of(cell);
        let held = self.held.entry((process, name.clone()));
        let before = std::mem::replace(held.or_insert(Cell::EMPTY), cell.clone());
        let before = Versions::of(&before);
        let what = if now.tag < before.tag {
            "a record's tag"
        } else if now.promised < before.promised {
            "a promise"
        } else if now.accepted < before.accepted {
            "what was accepted"
        } else {
            return Ok(());
        };
        Err(format!(
            "{what} went down: process {process} kept {before:?} of {name}, and then {now:?}"
        ))
    }

    /// A process keeps exactly this.
    pub(super) fn keeps_only(
        &mut self,
        process: ProcessNumber,
        cells: &BTreeMap<RegisterName, Cell>,
    ) {
        self.held.retain(|(holder, _), _| *holder != process);
        for (name, cell) in cells {
            self.held.insert((process, name.clone()), cell.clone());
        }
    }

    /// What a former process kept, this one keeps.
    pub(super) fn is_back(&mut self, former: ProcessNumber, process: ProcessNumber) {
        let of_former = |holder: ProcessNumber| holder == former;
        let held = self.held.extract_if(|(holder, _), _| of_former(*holder));
        let held: Vec<_> = held.collect();
        for ((_, name), cell) in held {
            self.held.insert((process, name), cell);
        }
        let dropped = self.dropped.extract_if(|(holder, _), _| of_former(*holder));
        let dropped: Vec<_> = dropped.collect();
        for ((_, name), what) in dropped {
            self.dropped.insert((process, name), what);
        }
    }

    /// A process keeps nothing of a register any more, whose tombstone was dropped. Returns its tag.
    pub(super) fn forgot(&mut self, process: ProcessNumber, name: &RegisterName) -> Tag {
        let held = self.held.remove(&(process, name.clone()));
        held.map_or(Tag::ZERO, |cell| cell.record.tag)
    }

    /// A process, which is in this epoch, keeps nothing of a group any more.
    pub(super) fn dropped(&mut self, process: ProcessNumber, epoch: Epoch, group: Group) {
        let is_dropped = |(holder, name): &(ProcessNumber, RegisterName), _: &mut Cell| {
            *holder == process && name.slot().group() == Some(group)
        };
        for (key, held) in self.held.extract_if(is_dropped) {
            self.dropped.insert(key, (epoch, held.record.tag));
        }
    }

    /// The greatest tag of a register that a process held while it was in this epoch, or held when
    /// it dropped the register in a later one.
    pub(super) fn tag_in(&self, process: ProcessNumber, name: &RegisterName, epoch: Epoch) -> Tag {
        let dropped = self.dropped.get(&(process, name.clone()));
        let dropped = dropped.filter(|(dropped_in, _)| *dropped_in > epoch);
        let dropped = dropped.map_or(Tag::ZERO, |(_, tag)| *tag);
        self.of(process, name).tag.max(dropped)
    }

    /// What a process keeps of a register, or kept when it died.
    pub(super) fn of(&self, process: ProcessNumber, name: &RegisterName) -> Versions {
        let held = self.held.get(&(process, name.clone()));
        held.map_or(Versions::NONE, Versions::of)
    }

    /// All that a process keeps of these groups.
    pub(super) fn of_groups(
        &self,
        process: ProcessNumber,
        groups: Groups,
    ) -> BTreeMap<RegisterName, Cell> {
        let is_of = |(holder, name): &(ProcessNumber, RegisterName)| {
            let group = name.slot().group();
            *holder == process && group.is_some_and(|group| groups.contains(group))
        };
        let held = self.held.iter().filter(|(key, _)| is_of(key));
        held.map(|((_, name), cell)| (name.clone(), cell.clone()))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::{Boot, Incarnation, NodeId, Record};

    fn cell(seq: u64, round: u64) -> Cell {
        let record = Record {
            tag: Tag { seq, ..Tag::ZERO },
            ..Record::EMPTY
        };
        let proposer = Incarnation {
            node: NodeId::new(1),
            boot: Boot::FIRST,
        };
        Cell {
            record,
            promised: Ballot { round, proposer },
            accepted: None,
        }
    }

    #[test]
    fn what_goes_down_is_found_unless_it_was_dropped() {
        let name = RegisterName::new("r").unwrap();
        let group = name.slot().group().unwrap();
        let other = RegisterName::new("other").unwrap();
        let mut holdings = Holdings::default();
        holdings.keeps(0, &name, &cell(2, 2)).unwrap();
        holdings.keeps(1, &name, &cell(1, 1)).unwrap();
        holdings.keeps(0, &other, &cell(1, 1)).unwrap();
        for (lower, what) in [(cell(1, 2), "a record's tag"), (cell(3, 1), "a promise")] {
            let mut holdings = Holdings::default();
            holdings.keeps(0, &name, &cell(2, 2)).unwrap();
            let broken = holdings.keeps(0, &name, &lower).unwrap_err();
            assert!(broken.starts_with(&format!("{what} went down")), "{broken}");
        }
        holdings.dropped(0, Epoch(5), group);
        let tag_in = |epoch| holdings.tag_in(0, &name, Epoch(epoch));
        assert_eq!((tag_in(4), tag_in(5)), (cell(2, 2).record.tag, Tag::ZERO));
        assert_eq!(holdings.of(0, &name), Versions::NONE);
        assert_ne!(holdings.of(0, &other), Versions::NONE);
        assert_ne!(holdings.of(1, &name), Versions::NONE);
        holdings.keeps(0, &name, &cell(1, 1)).unwrap();
    }
}
