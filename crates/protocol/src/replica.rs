//! The records a node holds: [`Replica`].

use crate::message::{Answer, Want};
use crate::output::PersistNumber;
use crate::record::Record;
use crate::slot::{RegisterName, Slot};
use crate::tag::Tag;
use alloc::collections::BTreeMap;

/// The records of a lane's registers, by slot: all that concerns many registers (copying, scans,
/// counts, repair) goes slot by slot.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub(crate) struct Replica {
    slots: BTreeMap<Slot, BTreeMap<RegisterName, Cell>>,
    registers: usize,
    persist_last: PersistNumber,
}

/// A record and what must be durable before any message may show it.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Cell {
    record: Record,
    persist: PersistNumber,
}

/// What an update led to.
pub(crate) struct Updated {
    /// The tag that the replica holds now.
    pub(crate) tag: Tag,
    /// What must be durable before it is said.
    pub(crate) after: PersistNumber,
    /// Whether the update's record was taken, and is to be made durable under that number.
    pub(crate) taken: bool,
}

impl Replica {
    /// What this replica holds, and what must be durable before it is said.
    pub(crate) fn query(&self, name: &RegisterName, want: Want) -> (Answer, PersistNumber) {
        let Some(cell) = self.cell(name) else {
            let (tag, settled) = (Tag::ZERO, true);
            return (Answer::Tag { tag, settled }, PersistNumber::NONE);
        };
        let record = &cell.record;
        let answer = match want {
            Want::RecordAbove(tag) if record.tag > tag => Answer::Record(record.clone()),
            Want::RecordAbove(_) | Want::Tag => Answer::Tag {
                tag: record.tag,
                settled: record.settled,
            },
        };
        (answer, cell.persist)
    }

    /// Takes the record if its tag is greater than that of the one held.
    pub(crate) fn update(&mut self, name: &RegisterName, record: &Record) -> Updated {
        let held = self.cell(name);
        if let Some(cell) = held
            && cell.record.tag >= record.tag
        {
            // Covered by a newer tag, or a repeat: what was taken then must be durable now too.
            return Updated {
                tag: cell.record.tag,
                after: cell.persist,
                taken: false,
            };
        }
        if record.tag.is_zero() {
            return Updated {
                tag: Tag::ZERO,
                after: PersistNumber::NONE,
                taken: false,
            };
        }
        if held.is_none() {
            self.registers += 1;
        }
        self.persist_last = PersistNumber(self.persist_last.0 + 1);
        let cell = Cell {
            record: Record {
                settled: false,
                ..record.clone()
            },
            persist: self.persist_last,
        };
        let slot = self.slots.entry(name.slot()).or_default();
        let former = slot.insert(name.clone(), cell);
        assert!(
            former.is_none_or(|former| former.record.tag < record.tag),
            "a record's tag never goes down"
        );
        Updated {
            tag: record.tag,
            after: self.persist_last,
            taken: true,
        }
    }

    /// Notes that `tag` is settled, if it is the one held.
    pub(crate) fn settle(&mut self, name: &RegisterName, tag: Tag) {
        let slot = self.slots.get_mut(&name.slot());
        if let Some(cell) = slot.and_then(|records| records.get_mut(name))
            && cell.record.tag == tag
        {
            cell.record.settled = true;
        }
    }

    /// The record held of a register, if any.
    pub(crate) fn record(&self, name: &RegisterName) -> Option<&Record> {
        self.cell(name).map(|cell| &cell.record)
    }

    /// The greatest number under which a record was to be made durable.
    pub(crate) fn persist_last(&self) -> PersistNumber {
        self.persist_last
    }

    /// How many registers it holds, tombstones included.
    pub(crate) fn registers(&self) -> usize {
        self.registers
    }

    fn cell(&self, name: &RegisterName) -> Option<&Cell> {
        self.slots.get(&name.slot())?.get(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::{Boot, Incarnation, NodeId};
    use bytes::Bytes;

    fn record(seq: u64, value: &'static str) -> Record {
        Record {
            tag: Tag {
                seq,
                writer: Incarnation {
                    node: NodeId::new(1),
                    boot: Boot::FIRST,
                },
                step: 0,
            },
            content: Some(Bytes::from_static(value.as_bytes())),
            expiry: None,
            operation: None,
            settled: false,
        }
    }

    fn name() -> RegisterName {
        RegisterName::new("r").unwrap()
    }

    #[test]
    fn only_a_greater_tag_is_taken_and_the_reply_names_what_is_held() {
        let mut replica = Replica::default();
        assert_eq!(replica.update(&name(), &record(2, "b")).tag.seq, 2);
        let older = replica.update(&name(), &record(1, "a"));
        assert_eq!((older.tag.seq, older.taken), (2, false));
        assert_eq!(replica.record(&name()), Some(&record(2, "b")));
        assert_eq!(replica.registers(), 1);
    }

    #[test]
    fn an_older_or_repeated_update_waits_for_the_disk_as_the_taken_one_does() {
        let mut replica = Replica::default();
        let taken = replica.update(&name(), &record(2, "b"));
        assert_eq!(replica.update(&name(), &record(2, "b")).after, taken.after);
        assert_eq!(replica.update(&name(), &record(1, "a")).after, taken.after);
        assert_eq!(replica.query(&name(), Want::Tag).1, taken.after);
    }

    #[test]
    fn settled_is_said_of_the_very_tag_and_forgotten_with_it() {
        let mut replica = Replica::default();
        replica.update(&name(), &record(1, "a"));
        replica.settle(&name(), record(2, "b").tag);
        assert!(!replica.query(&name(), Want::Tag).0.settled());
        replica.settle(&name(), record(1, "a").tag);
        assert!(replica.query(&name(), Want::Tag).0.settled());
        replica.update(&name(), &record(2, "b"));
        assert!(!replica.query(&name(), Want::Tag).0.settled());
    }

    #[test]
    fn a_value_travels_only_if_it_is_newer_than_what_the_asker_has() {
        let mut replica = Replica::default();
        replica.update(&name(), &record(2, "b"));
        let ask = |tag| replica.query(&name(), Want::RecordAbove(tag)).0;
        assert!(matches!(ask(record(1, "a").tag), Answer::Record(_)));
        assert!(matches!(ask(record(2, "b").tag), Answer::Tag { .. }));
    }
}
