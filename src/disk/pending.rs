//! What is still to be written: [`Pending`].

use super::Durability;
use super::keys::{self, Key};
use super::meta::{self, BatchNote, RunNote, of_configuration, of_identity};
use super::queue::{Change, Entering, Gathered};
use super::store::{Medium, Trouble, Writes};
use super::value;
use protocol::{Boot, Counter, Epoch, Group, Incarnation, NodeId, PersistNumber};
use std::collections::{BTreeMap, BTreeSet};

/// What was taken from the queue and is not written yet, put together: of each register only the
/// last, so that it never is more than the node holds.
#[derive(Debug)]
pub(super) struct Pending {
    durability: Durability,
    writes: Writes,
    /// Groups of which everything is to go that is on disk and not in `writes`.
    dropped: BTreeSet<Group>,
    /// The greatest mark of each node's lane.
    marks: BTreeMap<(NodeId, u16), (Boot, Counter)>,
    /// Of each lane: its last number and the digest of what it keeps then.
    lanes: Vec<LaneState>,
    entering: Option<Entering>,
}

#[derive(Clone, Copy, Debug, Default)]
struct LaneState {
    number: PersistNumber,
    digest: u128,
    is_news: bool,
}

impl Pending {
    /// Nothing; these are the digests of what the lanes keep, and the marks that are on disk.
    pub(super) fn new(
        durability: Durability,
        digests: Vec<u128>,
        marks: impl IntoIterator<Item = (Incarnation, Counter)>,
    ) -> Self {
        let lane = |digest| LaneState {
            digest,
            ..LaneState::default()
        };
        Self {
            durability,
            writes: Writes::new(),
            dropped: BTreeSet::new(),
            marks: (marks.into_iter())
                .map(|(from, mark)| ((from.node, mark.lane()), (from.boot, mark)))
                .collect(),
            lanes: digests.into_iter().map(lane).collect(),
            entering: None,
        }
    }

    /// Adds what came later.
    pub(super) fn add(&mut self, gathered: Gathered) {
        for change in gathered.changes {
            match change {
                Change::Cell(name, cell) => {
                    let key = keys::of(&name);
                    let value = value::of_cell(&key, &cell);
                    self.writes.insert(key, Some(value));
                }
                Change::Drop(group) => {
                    let prefix = keys::prefix(group);
                    let later = self.writes.range_mut(prefix.to_vec()..);
                    let own = later.take_while(|(key, _)| key.starts_with(&prefix));
                    own.for_each(|(_, value)| *value = None);
                    for slot in group.slots() {
                        self.writes.insert(keys::of_floor(slot), None);
                    }
                    self.dropped.insert(group);
                }
                Change::Forget(names) => {
                    let gone = names.iter().map(|name| (keys::of(name), None));
                    self.writes.extend(gone);
                }
                Change::Floor(slot, floor) => put(&mut self.writes, meta::of_floor(slot, floor)),
                Change::Marks(marks) => {
                    for (from, mark) in marks {
                        self.raise_mark(from, mark);
                    }
                }
            }
        }
        for (state, latest) in self.lanes.iter_mut().zip(gathered.lanes) {
            if let Some((number, digest)) = latest {
                *state = LaneState {
                    number,
                    digest,
                    is_news: true,
                };
            }
        }
        if let Some(entering) = gathered.entering {
            self.entering = Some(entering.following(self.entering.take()));
        }
    }

    /// A lane may be told a mark that another one has heard to be passed already.
    fn raise_mark(&mut self, from: Incarnation, mark: Counter) {
        let told = (from.boot, mark);
        let known = self.marks.entry((from.node, mark.lane())).or_insert(told);
        *known = told.max(*known);
        let (boot, mark) = *known;
        put(
            &mut self.writes,
            meta::of_mark(Incarnation { boot, ..from }, mark),
        );
    }

    pub(super) fn is_empty(&self) -> bool {
        self.writes.is_empty() && self.dropped.is_empty() && self.entering.is_none()
    }

    /// Whether it says which configuration is about to be entered. That is synced, however the
    /// rest is.
    pub(super) fn enters(&self) -> bool {
        self.entering.is_some()
    }

    /// All of it, as the batch of this number.
    pub(super) fn batch(&mut self, number: u64, medium: &impl Medium) -> Result<&Writes, Trouble> {
        for group in &self.dropped {
            for key in medium.keys(&keys::prefix(*group))? {
                self.writes.entry(key).or_insert(None);
            }
        }
        if let Some(entering) = &self.entering {
            if entering.begins_anew {
                // What a former node kept here is nobody's any more.
                for key in medium.keys(&[])? {
                    if !keys::is_meta(&key) {
                        self.writes.entry(key).or_insert(None);
                    }
                }
                put(&mut self.writes, RunNote::begun(self.durability).entry());
            }
            put(&mut self.writes, of_identity(entering.incarnation));
            put(&mut self.writes, of_configuration(&entering.configuration));
        }
        let digests = self.lanes.iter().map(|lane| lane.digest);
        let digest = digests.fold(0, u128::wrapping_add);
        put(&mut self.writes, BatchNote { number, digest }.entry());
        Ok(&self.writes)
    }

    /// It was written: what is to be said of it once it is durable. Nothing is pending any more.
    pub(super) fn written(&mut self) -> Written {
        self.writes.clear();
        self.dropped.clear();
        let lanes = self.lanes.iter_mut().enumerate();
        let news = lanes.filter_map(|(lane, state)| {
            std::mem::take(&mut state.is_news).then_some((lane, state.number))
        });
        Written {
            lanes: news.collect(),
            entered: (self.entering.take()).map(|entering| entering.configuration.epoch()),
        }
    }
}

fn put(writes: &mut Writes, (key, value): (Key, Vec<u8>)) {
    writes.insert(key, Some(value));
}

/// What a batch brought.
#[derive(Clone, Debug)]
pub(super) struct Written {
    /// Of these lanes everything up to these numbers.
    pub(super) lanes: Vec<(usize, PersistNumber)>,
    /// The configuration of this epoch.
    pub(super) entered: Option<Epoch>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::testing::{cell, configuration_of, name, scratch};
    use crate::disk::{self, Kept, Unstarted};

    const OWN: Incarnation = Incarnation {
        node: NodeId::new(3),
        boot: Boot::FIRST,
    };

    fn mark(boot: u32, number: u64) -> (Incarnation, Counter) {
        let node = NodeId::new(7);
        let boot = Boot::new(boot);
        (Incarnation { node, boot }, Counter(number))
    }

    /// Writes these changes to a new directory, one batch each, and reads what it holds then.
    fn kept_after(batches: Vec<Vec<Change>>, digest: u128) -> Kept {
        let directory = scratch();
        let opened = disk::open(directory.path(), Durability::Sync, false).unwrap();
        let (_, Unstarted { mut store, begin }) = opened.into_disk(vec![0]);
        let mut pending = Pending::new(begin.durability, begin.digests, begin.marks);
        pending.add(Gathered {
            entering: Some(Entering {
                configuration: configuration_of(OWN.node, Epoch::FIRST),
                incarnation: OWN,
                begins_anew: true,
            }),
            ..Gathered::default()
        });
        for (number, changes) in (1..).zip(batches) {
            pending.add(Gathered {
                changes,
                lanes: vec![Some((PersistNumber(number), digest))],
                ..Gathered::default()
            });
            let batch = pending.batch(number, &store).unwrap();
            store.commit(batch).unwrap();
            pending.written();
        }
        drop(store);
        let opened = disk::open(directory.path(), Durability::Sync, false);
        opened.unwrap().kept.unwrap()
    }

    #[test]
    fn floors_and_marks_are_kept_and_what_was_forgotten_is_not() {
        let slot = name(1).slot();
        let digest = protocol::floor_digest(slot, (9, 4));
        let kept = kept_after(
            vec![
                vec![
                    Change::Cell(name(1), cell(3, "")),
                    Change::Floor(slot, (4, 0)),
                    Change::Marks(vec![mark(2, 50)]),
                ],
                vec![
                    Change::Floor(slot, (9, 4)),
                    Change::Forget(vec![name(1)]),
                    // Another lane hears later what this one knew, and of a former boot.
                    Change::Marks(vec![mark(2, 40), mark(1, 90)]),
                ],
            ],
            digest,
        );
        assert_eq!(kept.cells, []);
        assert_eq!(kept.floors, [(slot, (9, 4))]);
        assert_eq!(kept.marks, [mark(2, 50)]);
    }

    #[test]
    fn with_a_group_its_floors_go_and_what_comes_after_stays() {
        let slot = name(1).slot();
        let group = slot.group().unwrap();
        let digest = cell(5, "x").digest(&name(1));
        let kept = kept_after(
            vec![
                vec![
                    Change::Cell(name(1), cell(3, "old")),
                    Change::Floor(slot, (4, 0)),
                ],
                vec![
                    Change::Cell(name(1), cell(4, "newer")),
                    Change::Drop(group),
                    Change::Cell(name(1), cell(5, "x")),
                ],
            ],
            digest,
        );
        assert_eq!(kept.cells, [(name(1), cell(5, "x"))]);
        assert_eq!(kept.floors, []);
    }
}
