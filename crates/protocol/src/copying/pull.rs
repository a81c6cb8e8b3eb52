//! The copying of one group: [`Pull`].

use crate::message::{Counter, PullAnswer, PullAsk, PullEntry};
use crate::node::NodeId;
use crate::quorum::ReplicaSet;
use crate::replica::{Cell, Replica, Versions};
use crate::slot::{Group, RegisterName};
use crate::time::Time;
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::time::Duration;

/// The copying of one group in one epoch: which replicas are to be pulled from, and how far it is
/// with each.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Pull {
    group: Group,
    me: NodeId,
    /// Whom to pull from.
    set: ReplicaSet,
    /// Whether all of that set are to be pulled from, and not just a majority of it.
    needs_all: bool,
    /// The others of that set.
    sources: Vec<Source>,
    /// The request that is on its way, or its reply.
    pub(super) asked: Option<Asked>,
}

/// One replica that is pulled from.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Source {
    node: NodeId,
    position: Position,
}

/// How far pulling from one source is. It is kept while another is asked, as what was taken needs
/// no second taking.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub(crate) struct Position {
    /// Whether cells that come without being asked for by name are not taken, but noted as missing.
    is_patient: bool,
    /// The last register of which the source was heard.
    after: Option<RegisterName>,
    /// Whether this replica held nothing of that register's slot when it asked for it. Then the
    /// rest of the slot is asked for as if it still held nothing: that saves listing it.
    took_whole: bool,
    /// Registers up to `after` of which the source holds something newer, and which it has not
    /// been asked for, or has not given yet.
    missing: Vec<(RegisterName, Versions)>,
    /// Whether nothing comes after `after`.
    is_last: bool,
}

/// A request that waits for its reply.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Asked {
    /// Its number, which it keeps when it is sent again.
    pub(super) counter: Counter,
    pub(super) source: NodeId,
    pub(super) asked_at: Time,
    /// How long to wait for the reply at first. Each further wait is twice as long.
    pub(super) patience: Duration,
    /// How often it was sent, and when it will be again.
    pub(super) sends: u32,
    pub(super) resend_at: Time,
    /// Whether it asks for cells, not for what differs, and how many bytes it may bring.
    pub(super) is_for_cells: bool,
    pub(super) bytes_expected: u64,
}

/// What a reply brought.
pub(crate) struct Brought {
    /// Cells to be merged with those held here.
    pub(crate) cells: Vec<(RegisterName, Cell)>,
    /// About how many bytes the whole reply took.
    pub(crate) bytes: u64,
}

impl Pull {
    /// The copying of a group, by `me`, from a majority of `set`.
    pub(super) fn new(group: Group, set: ReplicaSet, me: NodeId) -> Self {
        Self::of(group, set, false, me)
    }

    /// The copying of a group, by `me`, from everyone of `set`.
    pub(super) fn of_all(group: Group, set: ReplicaSet, me: NodeId) -> Self {
        Self::of(group, set, true, me)
    }

    fn of(group: Group, set: ReplicaSet, needs_all: bool, me: NodeId) -> Self {
        let others = set.nodes().iter().filter(|node| **node != me);
        let sources = others.map(|&node| Source {
            node,
            position: Position::default(),
        });
        Self {
            group,
            me,
            sources: sources.collect(),
            set,
            needs_all,
            asked: None,
        }
    }

    pub(super) fn group(&self) -> Group {
        self.group
    }

    /// Whether those that were pulled from, together with this replica if it is of the set, are a
    /// majority of it, or all, if all are needed.
    pub(super) fn is_done(&self) -> bool {
        if self.needs_all {
            return self.sources.iter().all(|source| source.position.is_done());
        }
        let is_pulled = |node| {
            let mut sources = self.sources.iter();
            sources.any(|source| source.node == node && source.position.is_done())
        };
        self.set
            .is_majority(|node| node == self.me || is_pulled(node))
    }

    /// Whom to ask next, and with how much reluctance: the one with the least, among those that
    /// were not pulled from yet; if there are several, one with which it has begun. Groups begin
    /// with different ones, so that the work is shared.
    pub(super) fn choose(&self, reluctance: impl Fn(NodeId) -> u32) -> Option<(u32, NodeId)> {
        let first = usize::from(self.group.number()) % self.sources.len().max(1);
        let (last, first) = self.sources.split_at(first);
        let open = first.iter().chain(last);
        let open = open.filter(|source| !source.position.is_done());
        let ranked = open.map(|source| {
            let is_fresh = source.position == Position::default();
            ((reluctance(source.node), is_fresh), source.node)
        });
        let chosen = ranked.min_by_key(|(rank, _)| *rank);
        chosen.map(|((reluctance, _), node)| (reluctance, node))
    }

    /// Whether the next thing to ask `source` for is cells.
    pub(super) fn is_missing_cells(&self, source: NodeId) -> bool {
        let mut sources = self.sources.iter();
        sources.any(|one| one.node == source && one.position.is_missing_cells())
    }

    /// What to ask `source` for now, given what is held here.
    pub(super) fn ask(&self, source: NodeId, replica: &Replica) -> Option<PullAsk> {
        let source = self.sources.iter().find(|one| one.node == source)?;
        source.position.ask(self.group, replica)
    }

    /// Takes in a reply of `from` to what was asked of it last. `None`, and nothing has changed, if
    /// it answers anything else than what was asked.
    pub(super) fn take(
        &mut self,
        from: NodeId,
        answer: PullAnswer,
        replica: &Replica,
    ) -> Option<Brought> {
        let group = self.group;
        let mut sources = self.sources.iter_mut();
        let source = sources.find(|source| source.node == from)?;
        source.position.take(group, answer, replica)
    }
}

impl Position {
    /// At the beginning, of one who takes only what it still lacks after some time.
    pub(crate) fn patient() -> Self {
        Self {
            is_patient: true,
            ..Self::default()
        }
    }

    /// Whether it knows of cells that it lacks.
    pub(crate) fn is_missing_cells(&self) -> bool {
        !self.missing.is_empty()
    }

    /// What was missing may have come in another way.
    pub(crate) fn leave_out_what_came(&mut self, replica: &Replica) {
        self.missing
            .retain(|(name, versions)| replica.lacks(name, versions));
    }

    /// Whether all is taken that the source held.
    fn is_done(&self) -> bool {
        self.is_last && self.missing.is_empty()
    }

    /// What to ask now, given what is held here; nothing if all is taken.
    pub(crate) fn ask(&self, group: Group, replica: &Replica) -> Option<PullAsk> {
        if !self.missing.is_empty() {
            let names = self.missing.iter().take(PullAsk::NAMES_MAX);
            return Some(PullAsk::Cells {
                names: names.map(|(name, _)| name.clone()).collect(),
            });
        }
        if self.is_last {
            return None;
        }
        let mut digests = [0; Group::SLOTS as usize];
        for (slot, digest) in group.slots().zip(&mut digests) {
            let is_taken_whole = self.took_whole
                && self
                    .after
                    .as_ref()
                    .is_some_and(|after| after.slot() == slot);
            if !is_taken_whole {
                *digest = replica.slot(slot).map_or(0, |store| store.digest());
            }
        }
        Some(PullAsk::Differences {
            digests: Box::new(digests),
            after: self.after.clone(),
        })
    }

    /// Takes in the reply to what was asked last. `None`, and nothing has changed, if it answers
    /// anything else.
    pub(crate) fn take(
        &mut self,
        group: Group,
        answer: PullAnswer,
        replica: &Replica,
    ) -> Option<Brought> {
        let bytes = answer.entries.iter().map(PullEntry::weight).sum();
        let cells = match self.missing.is_empty() {
            true => self.take_differences(group, answer, replica)?,
            false => self.take_cells(answer)?,
        };
        Some(Brought { cells, bytes })
    }

    fn take_differences(
        &mut self,
        group: Group,
        answer: PullAnswer,
        replica: &Replica,
    ) -> Option<Vec<(RegisterName, Cell)>> {
        let names = answer.entries.iter().map(PullEntry::name);
        let names = self.after.iter().chain(names);
        let is_of_group = (names.clone()).all(|name| name.slot().group() == Some(group));
        let goes_on = names.is_sorted_by(|one, next| one < next);
        if self.is_last || !goes_on || !is_of_group || (answer.more && answer.entries.is_empty()) {
            return None;
        }
        self.is_last = !answer.more;
        if let Some(last) = answer.entries.last() {
            let slot = last.name().slot();
            let former = self.after.replace(last.name().clone());
            let goes_on_whole = self.took_whole && former.is_some_and(|name| name.slot() == slot);
            self.took_whole = goes_on_whole || replica.slot(slot).is_none();
        }
        let mut cells = Vec::new();
        for entry in answer.entries {
            let (name, versions) = match entry {
                PullEntry::Whole { name, cell } if self.is_patient => (name, cell.versions()),
                PullEntry::Whole { name, cell } => {
                    cells.push((name, cell));
                    continue;
                }
                PullEntry::Listed {
                    name,
                    tag,
                    promised,
                    accepted,
                } => {
                    let versions = Versions {
                        tag,
                        promised,
                        accepted,
                    };
                    (name, versions)
                }
            };
            if replica.lacks(&name, &versions) {
                self.missing.push((name, versions));
            }
        }
        Some(cells)
    }

    fn take_cells(&mut self, answer: PullAnswer) -> Option<Vec<(RegisterName, Cell)>> {
        let cells = answer.entries.into_iter().map(|entry| match entry {
            PullEntry::Whole { name, cell } => Some((name, cell)),
            PullEntry::Listed { .. } => None,
        });
        let cells: Vec<_> = cells.collect::<Option<_>>()?;
        let names = cells.iter().map(|(name, _)| name);
        if cells.is_empty()
            || cells.len() > self.missing.len()
            || !names.eq(self.missing[..cells.len()].iter().map(|(name, _)| name))
        {
            return None;
        }
        self.missing.drain(..cells.len());
        Some(cells)
    }
}
