//! What replicas pull from each other, on the wire.

use super::WireError;
use super::field::{Field, Reader};
use protocol::{Group, Groups, PullAnswer, PullAsk, PullEntry};

/// The most entries of one answer: it bounds what decoding one can allocate beyond its bytes.
pub(super) const ENTRIES_MAX: usize = 4096;

/// The fewest bytes of an entry, those of a listed register with no name and nothing accepted:
/// kind, length of the name, tag, ballot, maybe.
pub(super) const ENTRY_BYTES_MIN: usize = 1 + 2 + 24 + 20 + 1;

impl Field for Group {
    fn put(&self, out: &mut Vec<u8>) {
        self.number().put(out);
    }

    fn take(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        Group::new(reader.take()?).ok_or(WireError::Invalid { what: "group" })
    }
}

impl Field for Groups {
    fn put(&self, out: &mut Vec<u8>) {
        self.to_words().put(out);
    }

    fn take(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        reader.take().map(Groups::from_words)
    }
}

const DIFFERENCES: u8 = 1;
const CELLS: u8 = 2;

impl Field for PullAsk {
    fn put(&self, out: &mut Vec<u8>) {
        match self {
            PullAsk::Differences { digests, after } => {
                DIFFERENCES.put(out);
                digests.put(out);
                after.put(out);
            }
            PullAsk::Cells { names } => {
                CELLS.put(out);
                let count = u16::try_from(names.len()).expect("names are bounded");
                count.put(out);
                for name in names {
                    name.put(out);
                }
            }
        }
    }

    fn take(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        match reader.take()? {
            DIFFERENCES => Ok(PullAsk::Differences {
                digests: reader.take()?,
                after: reader.take()?,
            }),
            CELLS => {
                let count = usize::from(reader.take::<u16>()?);
                if count > PullAsk::NAMES_MAX {
                    let what = "count of names";
                    return Err(WireError::Invalid { what });
                }
                let names = (0..count)
                    .map(|_| reader.take())
                    .collect::<Result<_, _>>()?;
                Ok(PullAsk::Cells { names })
            }
            found => Err(WireError::Unknown {
                what: "kind of pull",
                found,
            }),
        }
    }
}

impl Field for PullAnswer {
    fn put(&self, out: &mut Vec<u8>) {
        debug_assert!(self.entries.len() <= ENTRIES_MAX);
        let count = u32::try_from(self.entries.len()).expect("entries are bounded");
        count.put(out);
        for entry in &self.entries {
            entry.put(out);
        }
        self.more.put(out);
        debug_assert!(self.floors.is_empty() || self.floors.len() == FLOORS);
        (!self.floors.is_empty()).put(out);
        for (floor, base) in &self.floors {
            floor.put(out);
            base.put(out);
        }
    }

    fn take(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        let what = "count of entries";
        let count: u32 = reader.take()?;
        let count = usize::try_from(count).map_err(|_| WireError::Invalid { what })?;
        if count > ENTRIES_MAX || count > reader.bytes_left() / ENTRY_BYTES_MIN {
            return Err(WireError::Invalid { what });
        }
        Ok(PullAnswer {
            entries: (0..count)
                .map(|_| reader.take())
                .collect::<Result<_, _>>()?,
            more: reader.take()?,
            floors: match reader.take()? {
                true => (0..FLOORS)
                    .map(|_| Ok((reader.countable("floor")?, reader.countable("base")?)))
                    .collect::<Result<_, _>>()?,
                false => Vec::new(),
            },
        })
    }
}

/// One for each slot of a group.
const FLOORS: usize = Group::SLOTS as usize;

const LISTED: u8 = 1;
const WHOLE: u8 = 2;

impl Field for PullEntry {
    fn put(&self, out: &mut Vec<u8>) {
        match self {
            PullEntry::Listed {
                name,
                tag,
                promised,
                accepted,
            } => {
                LISTED.put(out);
                name.put(out);
                tag.put(out);
                promised.put(out);
                accepted.put(out);
            }
            PullEntry::Whole { name, cell } => {
                WHOLE.put(out);
                name.put(out);
                cell.put(out);
            }
        }
    }

    fn take(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        match reader.take()? {
            LISTED => Ok(PullEntry::Listed {
                name: reader.take()?,
                tag: reader.take()?,
                promised: reader.take()?,
                accepted: reader.take()?,
            }),
            WHOLE => Ok(PullEntry::Whole {
                name: reader.take()?,
                cell: reader.take()?,
            }),
            found => Err(WireError::Unknown {
                what: "kind of entry",
                found,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::field::{read, written};
    use super::super::strategies;
    use super::*;
    use proptest::prelude::*;
    use protocol::{Ballot, RegisterName, Tag};

    proptest! {
        #[test]
        fn what_a_pull_asks_reads_back_what_it_wrote(ask in strategies::pull_ask()) {
            prop_assert_eq!(read::<PullAsk>(&written(&ask)), Ok(ask));
        }

        #[test]
        fn what_a_pull_brings_reads_back_what_it_wrote(answer in strategies::pull_answer()) {
            for entry in &answer.entries {
                prop_assert!(written(entry).len() >= ENTRY_BYTES_MIN);
            }
            prop_assert_eq!(read::<PullAnswer>(&written(&answer)), Ok(answer));
        }

        #[test]
        fn a_set_of_groups_reads_back_what_it_wrote(groups in strategies::groups()) {
            prop_assert_eq!(read::<Groups>(&written(&groups)), Ok(groups));
        }
    }

    fn shortest() -> PullEntry {
        PullEntry::Listed {
            name: RegisterName::new(Vec::new()).expect("the empty name"),
            tag: Tag::ZERO,
            promised: Ballot::ZERO,
            accepted: None,
        }
    }

    #[test]
    fn the_shortest_entry_has_as_many_bytes_as_is_said() {
        assert_eq!(written(&shortest()).len(), ENTRY_BYTES_MIN);
    }

    #[test]
    fn a_count_of_entries_beyond_what_is_there_or_what_is_allowed_is_malformed() {
        let invalid = Err(WireError::Invalid {
            what: "count of entries",
        });
        let mut bytes = Vec::new();
        2u32.put(&mut bytes);
        shortest().put(&mut bytes);
        assert_eq!(read::<PullAnswer>(&bytes), invalid);
        let mut bytes = Vec::new();
        (ENTRIES_MAX as u32 + 1).put(&mut bytes);
        bytes.resize(bytes.len() + (ENTRIES_MAX + 1) * ENTRY_BYTES_MIN, 0);
        assert_eq!(read::<PullAnswer>(&bytes), invalid);
    }

    #[test]
    fn at_most_so_many_names_are_asked_for_at_once() {
        let name = RegisterName::new(&b"a"[..]).expect("short");
        let ask = |count| PullAsk::Cells {
            names: vec![name.clone(); count],
        };
        let most = ask(PullAsk::NAMES_MAX);
        assert_eq!(read::<PullAsk>(&written(&most)), Ok(most));
        let what = "count of names";
        assert_eq!(
            read::<PullAsk>(&written(&ask(PullAsk::NAMES_MAX + 1))),
            Err(WireError::Invalid { what })
        );
    }

    #[test]
    fn there_is_no_group_beyond_the_last() {
        let what = "group";
        assert_eq!(
            read::<Group>(&Group::COUNT.to_be_bytes()),
            Err(WireError::Invalid { what })
        );
    }
}
