//! What was completed, and in which epoch: [`Completed`].
//!
//! A tag is completed when a coordinator has counted a quorum that holds it, and a step of a
//! read-modify-write is chosen when a quorum has accepted it. Either is counted in one epoch, and
//! whoever copies for a later one must have it, unless that gave it up.

use super::epochs::Epochs;
use super::lineage::{Era, Generation, Lineage};
use crate::network::ProcessNumber;
use protocol::{Ballot, ClusterId, Epoch, Group, NodeId, RegisterName, Tag};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// What was completed of all registers of all clusters. Epochs of clusters that went on from one
/// another are in one order.
#[derive(Debug, Default)]
pub(super) struct Completed {
    /// The tags of which it is known.
    settled: HashSet<(Generation, RegisterName, Tag)>,
    /// The greatest of them that was counted in each epoch.
    tags: HashMap<(Generation, RegisterName), BTreeMap<Epoch, Tag>>,
    /// Who has accepted which step, and in which epochs that was said. The keys name the first of
    /// the clusters that went on from one another.
    accepted: HashMap<(ClusterId, RegisterName, Tag), BTreeMap<Ballot, Acceptors>>,
    /// The greatest step of each epoch that was chosen.
    chosen: HashMap<(Generation, RegisterName), BTreeMap<Epoch, (Ballot, Tag)>>,
    /// The greatest tombstone of each register that anybody has dropped in each epoch.
    forgotten: HashMap<(Generation, RegisterName), BTreeMap<Epoch, Tag>>,
    /// The registers of each group that anything was completed of.
    names: BTreeMap<(ClusterId, Group), BTreeSet<RegisterName>>,
    /// The groups that a process has copied, and in which epochs.
    copied: BTreeMap<(ClusterId, Group), BTreeSet<(ProcessNumber, Era)>>,
}

/// Who has accepted a step under one ballot.
#[derive(Debug, Default)]
struct Acceptors {
    /// Others than its proposer say so once for each epoch in which they are asked.
    said: BTreeSet<(NodeId, Era)>,
    /// Its proposer need not say so to itself. It accepts once, and has from then on.
    own_since: Option<Era>,
}

impl Acceptors {
    /// Whether a quorum of this epoch has accepted the step in it.
    fn suffice(&self, ballot: &Ballot, era: Era, name: &RegisterName, epochs: &Epochs) -> bool {
        let own = ballot.proposer.node;
        let has_own = self.own_since.is_some_and(|(_, since)| since <= era.1);
        let has = |node| (node == own && has_own) || self.said.contains(&(node, era));
        let configuration = epochs.get(era);
        configuration.is_some_and(|known| known.quorums(name.slot()).is_quorum(has))
    }

    /// The epochs in which anybody has accepted it.
    fn eras(&self) -> BTreeSet<Era> {
        let said = self.said.iter().map(|(_, era)| *era);
        said.chain(self.own_since).collect()
    }
}

/// What was completed of a register before an epoch.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Before {
    pub(super) name: RegisterName,
    pub(super) tag: Tag,
    pub(super) chosen: Option<(Ballot, Tag)>,
}

impl Completed {
    /// Somebody calls a tag settled. Says whether that is news.
    pub(super) fn is_news(
        &mut self,
        generation: Generation,
        name: &RegisterName,
        tag: Tag,
    ) -> bool {
        // The reserved register's records are settled where they are decided.
        let is_first = !tag.is_zero() && !name.is_reserved();
        is_first && self.settled.insert((generation, name.clone(), tag))
    }

    /// A tag was counted in this epoch. Names the processes that copied the group for a later one,
    /// and so must hold it.
    pub(super) fn counted(
        &mut self,
        era: Era,
        name: &RegisterName,
        tag: Tag,
        lineage: &Lineage,
    ) -> Vec<ProcessNumber> {
        let generation = lineage.generation(era, name);
        let tags = self.tags.entry((generation, name.clone())).or_default();
        let greatest = tags.entry(era.1).or_insert(tag);
        *greatest = tag.max(*greatest);
        let Some(group) = name.slot().group() else {
            return Vec::new();
        };
        let key = (generation.root, group);
        self.names.entry(key).or_default().insert(name.clone());
        let copied = self.copied.get(&key).into_iter().flatten();
        let must_hold = |(_, copied_in): &&(ProcessNumber, Era)| {
            copied_in.1 > era.1 && lineage.generation(*copied_in, name) == generation
        };
        copied
            .filter(must_hold)
            .map(|(process, _)| *process)
            .collect()
    }

    /// A node has accepted a step, and said so in this epoch, or is its proposer and accepts it in
    /// this epoch. Says whether a quorum of the epoch has by that.
    pub(super) fn accepted(
        &mut self,
        era: Era,
        name: &RegisterName,
        (ballot, tag): (Ballot, Tag),
        node: NodeId,
        (epochs, lineage): (&Epochs, &Lineage),
    ) -> bool {
        let generation = lineage.generation(era, name);
        let key = (generation.root, name.clone(), tag);
        let acceptors = self.accepted.entry(key).or_default();
        let acceptors = acceptors.entry(ballot).or_default();
        match node == ballot.proposer.node {
            true => {
                let since = acceptors.own_since.get_or_insert(era);
                if era.1 < since.1 {
                    *since = era;
                }
            }
            false => {
                acceptors.said.insert((node, era));
            }
        }
        if !acceptors.suffice(&ballot, era, name, epochs) {
            return false;
        }
        let chosen = self.chosen.entry((generation, name.clone())).or_default();
        let greatest = chosen.entry(era.1).or_insert((ballot, tag));
        *greatest = (ballot, tag).max(*greatest);
        if let Some(group) = name.slot().group() {
            let names = self.names.entry((generation.root, group)).or_default();
            names.insert(name.clone());
        }
        true
    }

    /// Whether the step that has this tag was chosen, in any one epoch of any one cluster that
    /// went on from the same one. `own_era` is where it is asked, and where its proposer may have
    /// chosen it alone.
    pub(super) fn is_chosen(
        &self,
        own_era: Era,
        name: &RegisterName,
        tag: Tag,
        (epochs, lineage): (&Epochs, &Lineage),
    ) -> bool {
        let root = lineage.generation(own_era, name).root;
        let ballots = self.accepted.get(&(root, name.clone(), tag));
        ballots.into_iter().flatten().any(|(ballot, acceptors)| {
            let mut eras = acceptors.eras();
            eras.insert(own_era);
            let mut eras = eras.into_iter();
            eras.any(|era| acceptors.suffice(ballot, era, name, epochs))
        })
    }

    /// A process has copied a group in this epoch: what it must hold of it.
    pub(super) fn copied(
        &mut self,
        process: ProcessNumber,
        era: Era,
        group: Group,
        lineage: &Lineage,
    ) -> Vec<Before> {
        let key = (lineage.root(era.0), group);
        self.copied.entry(key).or_default().insert((process, era));
        let names = self.names.get(&key).into_iter().flatten();
        let before = |name: &RegisterName| {
            let key = (lineage.generation(era, name), name.clone());
            let tags = self.tags.get(&key).into_iter();
            let tags = tags.flat_map(|tags| tags.range(..era.1).map(|(_, tag)| *tag));
            let chosen = self.chosen.get(&key).into_iter();
            let chosen = chosen.flat_map(|chosen| chosen.range(..era.1).map(|(_, step)| *step));
            Before {
                name: name.clone(),
                tag: tags.max().unwrap_or(Tag::ZERO),
                chosen: chosen.max(),
            }
        };
        names.map(before).collect()
    }

    /// Somebody has dropped a tombstone of this tag.
    pub(super) fn forgot(
        &mut self,
        generation: Generation,
        epoch: Epoch,
        name: &RegisterName,
        tag: Tag,
    ) {
        let forgotten = self.forgotten.entry((generation, name.clone()));
        let forgotten = forgotten.or_default().entry(epoch).or_default();
        *forgotten = tag.max(*forgotten);
    }

    /// The greatest tombstone of a register that anybody has dropped.
    pub(super) fn forgotten(&self, generation: Generation, name: &RegisterName) -> Tag {
        self.forgotten_until(generation, Epoch(u64::MAX), name)
    }

    /// The same, in whatever generation.
    pub(super) fn forgotten_ever(&self, name: &RegisterName) -> Tag {
        let of_register = self.forgotten.iter().filter(|((_, of), _)| of == name);
        let tags = of_register.flat_map(|(_, forgotten)| forgotten.values());
        tags.max().copied().unwrap_or(Tag::ZERO)
    }

    /// The same in one generation, up to this epoch. One who is still in an earlier one may not have heard of it, and
    /// is asked by nobody in a later one before he has copied what was there.
    pub(super) fn forgotten_until(
        &self,
        generation: Generation,
        epoch: Epoch,
        name: &RegisterName,
    ) -> Tag {
        let forgotten = self.forgotten.get(&(generation, name.clone()));
        let until = forgotten.map(|forgotten| forgotten.range(..=epoch));
        let tags = until.into_iter().flatten().map(|(_, tag)| *tag);
        tags.max().unwrap_or(Tag::ZERO)
    }

    /// A process keeps nothing of a group any more, or is dead.
    pub(super) fn forget_copied(&mut self, process: ProcessNumber, group: Option<Group>) {
        for ((_, of), copied) in &mut self.copied {
            if group.is_none_or(|group| group == *of) {
                copied.retain(|(holder, _)| *holder != process);
            }
        }
    }
}
