//! What coordinators ask for listings, and what replicas answer, on the wire.

use super::WireError;
use super::field::{Field, Reader};
use protocol::{ListAnswer, ListAsk, ListCount, ListEntry, ListPage, Position, UnixMillis};

/// The fewest bytes of an entry, those of the register with no name that never expires: length of
/// the name, tag, settled, value, maybe.
pub(super) const ENTRY_BYTES_MIN: usize = 2 + 24 + 1 + 1 + 1;

impl Field for Position {
    fn put(&self, out: &mut Vec<u8>) {
        self.number().put(out);
    }

    fn take(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        let what = "position";
        Position::from_number(reader.take()?).ok_or(WireError::Invalid { what })
    }
}

const NAMES: u8 = 1;
const COUNT: u8 = 2;

impl Field for ListAsk {
    fn put(&self, out: &mut Vec<u8>) {
        match self {
            ListAsk::Names { after, entries_max } => {
                NAMES.put(out);
                after.put(out);
                entries_max.put(out);
            }
            ListAsk::Count { wall } => {
                COUNT.put(out);
                wall.0.put(out);
            }
        }
    }

    fn take(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        match reader.take()? {
            NAMES => Ok(ListAsk::Names {
                after: reader.take()?,
                entries_max: reader.take()?,
            }),
            COUNT => Ok(ListAsk::Count {
                wall: UnixMillis(reader.take()?),
            }),
            found => Err(WireError::Unknown {
                what: "kind of list",
                found,
            }),
        }
    }
}

impl Field for ListAnswer {
    fn put(&self, out: &mut Vec<u8>) {
        match self {
            ListAnswer::Names(page) => {
                NAMES.put(out);
                page.put(out);
            }
            ListAnswer::Count(count) => {
                COUNT.put(out);
                count.digest.put(out);
                count.values.put(out);
                count.any_expired.put(out);
            }
        }
    }

    fn take(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        match reader.take()? {
            NAMES => reader.take().map(ListAnswer::Names),
            COUNT => Ok(ListAnswer::Count(ListCount {
                digest: reader.take()?,
                values: reader.take()?,
                any_expired: reader.take()?,
            })),
            found => Err(WireError::Unknown {
                what: "kind of listing",
                found,
            }),
        }
    }
}

impl Field for ListPage {
    fn put(&self, out: &mut Vec<u8>) {
        let count = u16::try_from(self.entries.len()).expect("entries are bounded");
        count.put(out);
        for entry in &self.entries {
            entry.put(out);
        }
        self.end.put(out);
    }

    fn take(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        let count = usize::from(reader.take::<u16>()?);
        if count > ListPage::ENTRIES_CEILING || count > reader.bytes_left() / ENTRY_BYTES_MIN {
            let what = "count of entries";
            return Err(WireError::Invalid { what });
        }
        let entries = (0..count).map(|_| reader.take());
        Ok(ListPage {
            entries: entries.collect::<Result<_, _>>()?,
            end: reader.take()?,
        })
    }
}

impl Field for ListEntry {
    fn put(&self, out: &mut Vec<u8>) {
        self.name.put(out);
        self.tag.put(out);
        self.settled.put(out);
        self.holds_value.put(out);
        self.expiry.map(|at| at.0).put(out);
    }

    fn take(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(ListEntry {
            name: reader.take()?,
            tag: reader.take()?,
            settled: reader.take()?,
            holds_value: reader.take()?,
            expiry: reader.take::<Option<u64>>()?.map(UnixMillis),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::field::{read, written};
    use super::super::strategies;
    use super::*;
    use proptest::prelude::*;
    use protocol::{RegisterName, Tag};

    proptest! {
        #[test]
        fn what_a_list_asks_reads_back_what_it_wrote(ask in strategies::list_ask()) {
            prop_assert_eq!(read::<ListAsk>(&written(&ask)), Ok(ask));
        }

        #[test]
        fn what_a_list_brings_reads_back_what_it_wrote(answer in strategies::list_answer()) {
            if let ListAnswer::Names(page) = &answer {
                for entry in &page.entries {
                    prop_assert!(written(entry).len() >= ENTRY_BYTES_MIN);
                }
            }
            prop_assert_eq!(read::<ListAnswer>(&written(&answer)), Ok(answer));
        }
    }

    fn shortest() -> ListEntry {
        ListEntry {
            name: RegisterName::new(Vec::new()).expect("the empty name"),
            tag: Tag::ZERO,
            settled: false,
            holds_value: false,
            expiry: None,
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
        2u16.put(&mut bytes);
        shortest().put(&mut bytes);
        assert_eq!(read::<ListPage>(&bytes), invalid);
        let count = ListPage::ENTRIES_CEILING + 1;
        let mut bytes = Vec::new();
        u16::try_from(count).expect("small").put(&mut bytes);
        bytes.resize(bytes.len() + count * ENTRY_BYTES_MIN, 0);
        assert_eq!(read::<ListPage>(&bytes), invalid);
    }

    #[test]
    fn there_is_no_position_beyond_the_last_slot() {
        let what = "position";
        let beyond = Position::NUMBER_MAX + 1;
        assert_eq!(
            read::<Position>(&beyond.to_be_bytes()),
            Err(WireError::Invalid { what })
        );
    }
}
