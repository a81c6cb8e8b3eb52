//! What the answers of a quorum say together: [`merge`].

use super::{ListEntry, ListPage, Listed, Position};
use crate::answers::Answers;
use crate::node::NodeId;
use crate::record::UnixMillis;
use crate::slot::RegisterName;
use crate::tag::Tag;
use alloc::vec::Vec;

/// The most registers of one page that have to be read, as what was listed of them does not tell
/// whether they hold a value. The page ends before the next one.
pub(super) const READS_MAX: usize = 64;

/// What the pages of a quorum say together.
#[derive(PartialEq, Eq, Debug)]
pub(super) struct Merged {
    /// The registers that hold a value.
    pub(super) listed: Vec<Listed>,
    /// Those that have to be read: their greatest record is not known to be settled, so that a
    /// later read could return another; or it has expired, so that it must be deleted before
    /// anybody is told that nothing is there.
    pub(super) unsure: Vec<RegisterName>,
    /// Up to where nothing is left out; `None` for the end of the group.
    pub(super) end: Option<Position>,
}

/// Merges the pages of nodes that are a quorum. Each register counts as one that was queried: a
/// replica that does not mention it holds nothing of it. Whether a read could return the greatest
/// tag of the answers at once, `is_readable` says.
pub(super) fn merge<'a>(
    pages: &[(NodeId, &'a ListPage)],
    is_readable: impl Fn(&Answers, Tag) -> bool,
    wall: UnixMillis,
) -> Merged {
    let ends = pages.iter().filter_map(|(_, page)| page.end);
    let mut merged = Merged {
        listed: Vec::new(),
        unsure: Vec::new(),
        end: ends.min(),
    };
    let end = merged.end;
    let is_within = |entry: &&ListEntry| end.is_none_or(|end| entry.name.position() <= end);
    let mut entries: Vec<(&'a ListEntry, NodeId)> = Vec::new();
    for (node, page) in pages {
        let within = page.entries.iter().take_while(is_within);
        entries.extend(within.map(|entry| (entry, *node)));
    }
    // What is sorted are a few sorted runs.
    entries.sort_by(|(one, _), (other, _)| one.name.cmp(&other.name));
    let mut answers = Answers::default();
    let mut last = None;
    for of_one in entries.chunk_by(|(one, _), (other, _)| one.name == other.name) {
        answers.clear();
        for (node, _) in pages {
            answers.note(*node, Tag::ZERO, false);
        }
        for (entry, node) in of_one {
            answers.note(*node, entry.tag, entry.settled);
        }
        let greatest = answers.greatest();
        let shown = of_one.iter().map(|(entry, _)| *entry);
        let Some(shown) = shown.max_by_key(|entry| entry.tag) else {
            continue;
        };
        let name = &shown.name;
        let is_expired = shown.expiry.is_some_and(|at| at <= wall);
        if is_readable(&answers, greatest) && !is_expired {
            if shown.holds_value {
                let (name, tag) = (name.clone(), shown.tag);
                merged.listed.push(Listed { name, tag });
            }
        } else {
            if merged.unsure.len() >= READS_MAX
                && let Some(last) = last
                && last != name.position()
            {
                merged.end = Some(last);
                break;
            }
            merged.unsure.push(name.clone());
        }
        last = Some(name.position());
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::{Boot, Incarnation};
    use crate::quorum::{Quorums, ReplicaSet};
    use crate::rule::Rule;
    use alloc::borrow::ToOwned;
    use alloc::format;
    use alloc::vec;

    fn name(text: &str) -> RegisterName {
        RegisterName::new(format!("{{x}}{text}")).unwrap()
    }

    fn tag(seq: u64) -> Tag {
        let writer = Incarnation {
            node: NodeId::new(1),
            boot: Boot::FIRST,
        };
        Tag {
            seq,
            writer,
            step: 0,
        }
    }

    fn value(text: &str, seq: u64) -> ListEntry {
        ListEntry {
            name: name(text),
            tag: tag(seq),
            settled: false,
            holds_value: true,
            expiry: None,
        }
    }

    fn tombstone(text: &str, seq: u64) -> ListEntry {
        ListEntry {
            holds_value: false,
            ..value(text, seq)
        }
    }

    fn page(entries: impl IntoIterator<Item = ListEntry>, end: Option<Position>) -> ListPage {
        let mut entries: Vec<_> = entries.into_iter().collect();
        entries.sort_by(|one, other| one.name.cmp(&other.name));
        ListPage { entries, end }
    }

    /// What two of three replicas say together.
    fn merged(pages: [ListPage; 2]) -> Merged {
        let set = ReplicaSet::new((1..=3).map(NodeId::new));
        let quorums = Quorums::of(set);
        let [one, two] = &pages;
        let pages = [(NodeId::new(1), one), (NodeId::new(2), two)];
        let is_readable =
            |answers: &Answers, greatest| Rule::plain(&quorums, answers).readable(greatest);
        merge(&pages, is_readable, UnixMillis(100))
    }

    fn names(merged: &Merged) -> Vec<RegisterName> {
        let mut names: Vec<_> = merged.listed.iter().map(|one| one.name.clone()).collect();
        names.sort();
        names
    }

    #[test]
    fn what_a_quorum_holds_alike_is_listed_and_tombstones_are_not() {
        let same = || page([value("a", 1), tombstone("b", 2)], None);
        let merged = merged([same(), same()]);
        assert_eq!(names(&merged), [name("a")]);
        assert!(merged.unsure.is_empty());
        assert_eq!(merged.end, None);
    }

    #[test]
    fn what_one_of_them_knows_to_be_settled_needs_no_second_opinion() {
        let settled = |entry| ListEntry {
            settled: true,
            ..entry
        };
        let merged = merged([
            page([settled(value("a", 2)), settled(tombstone("b", 2))], None),
            page([tombstone("a", 1), value("b", 1)], None),
        ]);
        assert_eq!(names(&merged), [name("a")]);
        assert!(merged.unsure.is_empty());
    }

    #[test]
    fn what_may_still_come_to_nothing_is_read() {
        let merged = merged([
            page(
                [value("new", 2), tombstone("gone", 2), value("alone", 1)],
                None,
            ),
            page([tombstone("new", 1), value("gone", 1)], None),
        ]);
        let mut unsure = merged.unsure;
        unsure.sort();
        let mut expected = ["new", "gone", "alone"].map(name);
        expected.sort();
        assert_eq!(unsure, expected);
        assert!(merged.listed.is_empty());
    }

    #[test]
    fn what_has_expired_is_read() {
        let at = |expiry| ListEntry {
            expiry: Some(UnixMillis(expiry)),
            ..value("a", 1)
        };
        let both = |expiry| merged([page([at(expiry)], None), page([at(expiry)], None)]);
        assert_eq!(both(100).unsure, [name("a")]);
        assert_eq!(names(&both(101)), [name("a")]);
    }

    #[test]
    fn nothing_is_said_beyond_what_all_of_them_have_told() {
        let mut all = ["a", "b", "c", "d"].map(|text| value(text, 1));
        all.sort_by(|one, other| one.name.cmp(&other.name));
        let end = |index: usize| Some(all[index].name.position());
        let merged = merged([
            page(all[..2].to_owned(), end(1)),
            page(all[..3].to_owned(), end(2)),
        ]);
        assert_eq!(names(&merged), [all[0].name.clone(), all[1].name.clone()]);
        assert_eq!(merged.end, end(1));
    }

    #[test]
    fn a_page_ends_before_too_many_have_to_be_read() {
        let entries = || (0..READS_MAX + 9).map(|number| value(&format!("{number}"), 1));
        let merged = merged([page(entries(), None), page(vec![], None)]);
        assert_eq!(merged.unsure.len(), READS_MAX);
        assert_eq!(merged.end, merged.unsure.last().map(RegisterName::position));
    }
}
