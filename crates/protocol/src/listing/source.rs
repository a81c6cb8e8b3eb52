//! What a replica answers that is asked which registers of a group it holds.

use super::{ListAnswer, ListAsk, ListCount, ListEntry, ListPage, Position};
use crate::lane::Lane;
use crate::message::{Body, RequestId};
use crate::output::PersistNumber;
use crate::record::UnixMillis;
use crate::replica::{Cell, Replica};
use crate::slot::{Group, RegisterName, Slot};
use alloc::vec::Vec;
use core::ops::Bound;

/// The most cells that are looked at for one answer: of those that hold nothing but a promise
/// there may be any number in a row.
const CELLS_MAX: usize = 4096;

/// The most expired registers that are looked at for one count. There are hardly ever so many, as
/// they are deleted.
const EXPIRED_MAX: usize = 1024;

impl Lane {
    /// A coordinator asks which registers this replica holds of a group. It was admitted: both are
    /// in this epoch, and this node holds the group.
    pub(crate) fn take_list(&mut self, request: RequestId, group: Group, ask: ListAsk) {
        if let Some((answer, after)) = self.replica.list(group, ask) {
            let body = Body::ListReply {
                request,
                group,
                answer,
            };
            self.send(request.origin.node, self.epoch(), body, after);
        }
    }
}

impl Replica {
    /// What is held of a group, and what must be durable before it is said. Of each register it
    /// says what a query for that one would be answered now. `None` if that does not fit into an
    /// answer.
    pub(super) fn list(&self, group: Group, ask: ListAsk) -> Option<(ListAnswer, PersistNumber)> {
        match ask {
            ListAsk::Names { after, entries_max } => {
                let (page, after) = self.page(group, after, entries_max)?;
                Some((ListAnswer::Names(page), after))
            }
            ListAsk::Count { wall } => {
                let count = self.count(group, wall);
                Some((ListAnswer::Count(count), self.persist_last()))
            }
        }
    }

    fn page(
        &self,
        group: Group,
        after: Option<Position>,
        entries_max: u16,
    ) -> Option<(ListPage, PersistNumber)> {
        let entries_max = usize::from(entries_max.clamp(1, ListPage::ENTRIES_MAX));
        let (mut entries, mut persist) = (Vec::new(), PersistNumber::NONE);
        let (mut cells, mut name_bytes) = (0, 0);
        let mut last = None;
        for (name, cell, cell_persist) in self.cells_of_group(group, after) {
            let is_full = cells >= CELLS_MAX
                || entries.len() >= entries_max
                || name_bytes >= ListPage::NAME_BYTES_MAX;
            if let Some(end) = last.filter(|_| is_full)
                && end != name.position()
            {
                let end = Some(end);
                return Some((ListPage { entries, end }, persist));
            }
            last = Some(name.position());
            cells += 1;
            // What nobody ever wrote holds nothing, and not to be mentioned says the same.
            if cell.record.tag.is_zero() {
                continue;
            }
            if entries.len() == ListPage::ENTRIES_CEILING {
                return None;
            }
            name_bytes += name.as_bytes().len();
            persist = persist.max(cell_persist);
            entries.push(entry(name, cell));
        }
        Some((ListPage { entries, end: None }, persist))
    }

    fn cells_of_group(
        &self,
        group: Group,
        after: Option<Position>,
    ) -> impl Iterator<Item = (&RegisterName, &Cell, PersistNumber)> {
        let from = after.map(|after| RegisterName::before(after.next()));
        let is_ahead = move |slot: &Slot| after.is_none_or(|after| *slot >= after.slot());
        let slots = group.slots().filter(is_ahead);
        slots
            .filter_map(|slot| self.slot(slot))
            .flat_map(move |store| {
                let from = from.as_ref().map_or(Bound::Unbounded, Bound::Included);
                store.cells_from(from)
            })
    }

    fn count(&self, group: Group, wall: UnixMillis) -> ListCount {
        let slots = group.slots().filter_map(|slot| self.slot(slot));
        let mut count = ListCount {
            digest: 0,
            values: 0,
            any_expired: false,
        };
        for store in slots {
            // Slots differ in the names that fall to them, so the sum tells one from another.
            count.digest = count.digest.wrapping_add(store.digest());
            count.values += store.totals().values as u64;
        }
        let mut expired = self.expired(wall, None);
        let looked_at = expired.by_ref().take(EXPIRED_MAX);
        count.any_expired = looked_at
            .map(|(_, name)| name.slot().group())
            .any(|of| of == Some(group))
            || expired.next().is_some();
        count
    }
}

fn entry(name: &RegisterName, cell: &Cell) -> ListEntry {
    let record = &cell.record;
    ListEntry {
        name: name.clone(),
        tag: record.tag,
        settled: record.settled,
        holds_value: record.content.is_some(),
        expiry: record.expiry,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ballot::Ballot;
    use crate::node::{Boot, Incarnation, NodeId};
    use crate::record::Record;
    use crate::tag::Tag;
    use alloc::borrow::ToOwned;
    use alloc::format;
    use bytes::Bytes;

    const WRITER: Incarnation = Incarnation {
        node: NodeId::new(1),
        boot: Boot::FIRST,
    };

    fn name(text: &str) -> RegisterName {
        RegisterName::new(text.to_owned()).unwrap()
    }

    fn record(content: Option<&'static str>, expiry: Option<u64>) -> Record {
        Record {
            tag: Tag {
                seq: 1,
                writer: WRITER,
                step: 0,
            },
            content: content.map(Bytes::from),
            expiry: expiry.map(UnixMillis),
            ..Record::EMPTY
        }
    }

    fn group_of(text: &str) -> Group {
        name(text).slot().group().unwrap()
    }

    /// A replica that holds so many registers of one slot.
    fn of_one_slot(count: usize) -> Replica {
        let mut replica = Replica::default();
        for number in 0..count {
            let name = name(&format!("{{x}}{number}"));
            replica.update(&name, &record(Some("v"), None));
        }
        replica
    }

    fn page(replica: &Replica, after: Option<Position>, entries_max: u16) -> ListPage {
        let ask = ListAsk::Names { after, entries_max };
        match replica.list(group_of("{x}"), ask) {
            Some((ListAnswer::Names(page), _)) => page,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn pages_one_after_another_bring_each_register_once_and_in_order() {
        let replica = of_one_slot(257);
        let (mut names, mut after) = (Vec::new(), None);
        loop {
            let page = page(&replica, after, 10);
            assert!(page.is_of(group_of("{x}"), after));
            assert!(page.end.is_none() || page.entries.len() == 10);
            names.extend(page.entries.into_iter().map(|entry| entry.name));
            after = page.end;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(names.len(), 257);
        assert!(names.is_sorted_by(|one, next| one < next));
    }

    #[test]
    fn a_page_is_bounded_by_the_bytes_of_its_names() {
        let mut replica = Replica::default();
        let filler = "n".repeat(1000);
        for number in 0..200 {
            let name = name(&format!("{{x}}{filler}{number}"));
            replica.update(&name, &record(Some("v"), None));
        }
        let page = page(&replica, None, 1000);
        assert!(page.end.is_some());
        let bytes = page.entries.iter().map(|entry| entry.name.as_bytes().len());
        let bytes: usize = bytes.sum();
        let longest = filler.len() + 9;
        assert!((ListPage::NAME_BYTES_MAX..=ListPage::NAME_BYTES_MAX + longest).contains(&bytes));
    }

    #[test]
    fn registers_of_one_position_are_never_parted() {
        // Names of one position are not to be found by trying; the same name before and after its
        // own position stands for them.
        let replica = of_one_slot(3);
        let all = page(&replica, None, 3).entries;
        let first = all[0].name.position();
        let rest = page(&replica, Some(first), 3).entries;
        assert_eq!(rest, all[1..]);
        let (one, two) = (Position::from_number(first.number() - 1), first.number());
        let again = page(&replica, one, 1);
        assert_eq!(again.entries, all[..1]);
        assert_eq!(again.end.map(Position::number), Some(two));
    }

    #[test]
    fn deleted_registers_are_told_and_what_nobody_wrote_is_not() {
        let mut replica = Replica::default();
        replica.update(&name("{x}deleted"), &record(None, None));
        let ballot = Ballot {
            round: 1,
            proposer: WRITER,
        };
        replica.promise(&name("{x}promised"), ballot);
        let page = page(&replica, None, 10);
        let [entry] = &page.entries[..] else { panic!() };
        assert_eq!(
            (&entry.name, entry.holds_value),
            (&name("{x}deleted"), false)
        );
    }

    #[test]
    fn however_many_hold_nothing_but_a_promise_a_page_ends_and_the_next_goes_on() {
        let mut replica = of_one_slot(1);
        let ballot = Ballot {
            round: 1,
            proposer: WRITER,
        };
        for number in 0..2 * CELLS_MAX {
            replica.promise(&name(&format!("{{x}}promised{number}")), ballot);
        }
        let (mut pages, mut names, mut after) = (0, 0, None);
        loop {
            let page = page(&replica, after, 1000);
            (pages, names) = (pages + 1, names + page.entries.len());
            after = page.end;
            if after.is_none() {
                break;
            }
        }
        assert_eq!((pages, names), (3, 1));
    }

    #[test]
    fn a_count_leaves_out_what_is_deleted_and_says_whether_anything_has_expired() {
        let mut replica = of_one_slot(3);
        replica.update(&name("{x}deleted"), &record(None, None));
        replica.update(&name("{x}fleeting"), &record(Some("v"), Some(5)));
        replica.update(&name("elsewhere"), &record(Some("v"), Some(1)));
        let count = |wall| replica.count(group_of("{x}"), UnixMillis(wall));
        assert_eq!((count(4).values, count(4).any_expired), (4, false));
        assert_eq!((count(5).values, count(5).any_expired), (4, true));
        assert_eq!(
            count(4).digest,
            replica.slot(name("{x}").slot()).unwrap().digest()
        );
    }

    #[test]
    fn when_too_many_have_expired_to_look_at_a_count_says_that_some_may_be_of_the_group() {
        let mut replica = of_one_slot(1);
        for number in 0..=EXPIRED_MAX {
            replica.update(
                &name(&format!("{{y}}{number}")),
                &record(Some("v"), Some(1)),
            );
        }
        assert_ne!(group_of("{x}"), group_of("{y}"));
        assert!(replica.count(group_of("{x}"), UnixMillis(1)).any_expired);
        assert!(!replica.count(group_of("{x}"), UnixMillis(0)).any_expired);
    }
}
