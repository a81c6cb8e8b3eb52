//! What must hold at every step, whatever the faults: [`Invariants`].
//!
//! They look inside the protocol, and so find a mistake long before clients could. In a run with a
//! planted fault nobody asks whether a quorum holds what is called settled, or whether what was
//! copied is all there is: there the clients' history has to show that it does not.

mod completed;
mod contents;
mod epochs;
mod gathering;
mod holdings;
mod lineage;
mod traffic;

#[cfg(test)]
mod tests;

pub(crate) use gathering::Kept;
pub(crate) use lineage::{Era, Generation, Lineage};

use crate::network::ProcessNumber;
use completed::Completed;
use contents::Contents;
use epochs::Epochs;
use gathering::Gathering;
use holdings::Holdings;
use protocol::{
    Accepted, Ballot, Cell, ClusterId, Configuration, Epoch, Group, Groups, NodeId, Outcome,
    Record, RegisterName, Tag,
};
use std::collections::BTreeMap;
use std::sync::Arc;
use traffic::Traffic;

/// What was seen so far of what must never change, and the first thing that did.
#[derive(Debug)]
pub(crate) struct Invariants {
    /// Whether it is asked what a quorum holds.
    judges_quorums: bool,
    contents: Contents,
    traffic: Traffic,
    holdings: Holdings,
    epochs: Epochs,
    lineage: Lineage,
    gathering: Gathering,
    completed: Completed,
    /// The cluster that each living process is a member of.
    member_of: BTreeMap<ProcessNumber, ClusterId>,
    broken: Option<String>,
}

/// A tag that somebody relies on as settled for the first time, and the epoch in which it was
/// counted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Settled {
    pub(crate) era: Era,
    pub(crate) name: RegisterName,
    pub(crate) tag: Tag,
}

/// That a recovery is done: the cluster goes on from what was left.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Recovered {
    /// The generation that begins by that of all that was given up.
    pub(crate) generation: Generation,
    /// The groups that were.
    pub(crate) groups: Groups,
    /// What is left of their registers, of which anything is.
    pub(crate) given_up: BTreeMap<RegisterName, Kept>,
}

impl Invariants {
    /// Nothing was seen yet. `judges_quorums` says whether it is asked what a quorum holds.
    pub(crate) fn new(judges_quorums: bool) -> Self {
        Self {
            judges_quorums,
            contents: Contents::default(),
            traffic: Traffic::default(),
            holdings: Holdings::default(),
            epochs: Epochs::default(),
            lineage: Lineage::default(),
            gathering: Gathering::default(),
            completed: Completed::default(),
            member_of: BTreeMap::new(),
            broken: None,
        }
    }

    /// What was broken first, if anything was.
    pub(crate) fn broken(&self) -> Option<&str> {
        self.broken.as_deref()
    }

    pub(crate) fn fail(&mut self, what: String) {
        self.broken.get_or_insert(what);
    }

    /// Which clusters went on from one another, and what they gave up by that.
    pub(crate) fn lineage(&self) -> &Lineage {
        &self.lineage
    }

    /// An operator asks for a recovery, should it be one as a new cluster as this one, and was told
    /// that of these groups something may be lost.
    pub(crate) fn operator_was_told(&mut self, cluster: ClusterId, groups: Groups) {
        self.lineage.tell(cluster, groups);
    }

    fn expect(&mut self, held: Result<(), String>) {
        if let Err(broken) = held {
            self.fail(broken);
        }
    }

    /// The record that a tag of a register stands for, as whoever is in this era sees it.
    pub(crate) fn record_of(&self, era: Era, name: &RegisterName, tag: Tag) -> Option<Record> {
        let generation = self.lineage.generation(era, name);
        self.contents.record(generation, name, tag).cloned()
    }

    /// A client of a lane in this epoch, or another node, is told this outcome. Returns the tag
    /// that it takes for settled, if nobody did before.
    pub(crate) fn told(
        &mut self,
        era: Era,
        name: &RegisterName,
        outcome: &Outcome,
    ) -> Option<Settled> {
        match outcome {
            Outcome::Read { record, .. }
            | Outcome::Modified { record, .. }
            | Outcome::Unchanged { record, .. } => self.compared(era, name, record),
            Outcome::Written { .. } | Outcome::Refused(_) | Outcome::Unknown => {}
        }
        self.called_settled(era, name, settled_by(outcome)?)
    }

    /// Somebody shows this record: it must be the one of its tag. Returns the tag if the record
    /// calls itself settled and nobody did before.
    fn shown(&mut self, era: Era, name: &RegisterName, record: &Record) -> Option<Settled> {
        self.compared(era, name, record);
        match record.settled {
            true => self.called_settled(era, name, record.tag),
            false => None,
        }
    }

    /// A record stands, whoever shows it and by whatever way it came there.
    fn compared(&mut self, era: Era, name: &RegisterName, record: &Record) {
        let generation = self.lineage.generation(era, name);
        let is_first = match self.contents.stands(generation, name, record) {
            Ok(is_first) => is_first,
            Err(broken) => return self.fail(broken),
        };
        if self.judges_quorums
            && is_first
            && record.operation.is_some()
            && !self.is_chosen(era, name, record.tag)
        {
            self.fail(format!(
                "{record:?} of {name} stands, but no quorum has accepted it"
            ));
        }
    }

    /// A step was proposed or accepted, chosen or not.
    fn proposed(&mut self, era: Era, name: &RegisterName, step: &Accepted) {
        let generation = self.lineage.generation(era, name);
        let held = self.contents.proposed(generation, name, step);
        self.expect(held);
    }

    /// All of a cell is shown: its record, and the step that was accepted last.
    fn cell_shown(&mut self, era: Era, name: &RegisterName, cell: &Cell) {
        self.compared(era, name, &cell.record);
        if let Some(step) = &cell.accepted {
            self.proposed(era, name, step);
        }
    }

    /// A node has accepted a step. One that is chosen by that is the only one of its tag.
    fn accepted(&mut self, era: Era, name: &RegisterName, rank: (Ballot, Tag), node: NodeId) {
        let known = (&self.epochs, &self.lineage);
        if !self.completed.accepted(era, name, rank, node, known) {
            return;
        }
        let generation = self.lineage.generation(era, name);
        let step = self.contents.step(generation, name, rank);
        if let Some(record) = step.map(Accepted::record) {
            self.compared(era, name, &record);
        }
    }

    fn is_chosen(&self, era: Era, name: &RegisterName, tag: Tag) -> bool {
        let known = (&self.epochs, &self.lineage);
        self.completed.is_chosen(era, name, tag, known)
    }

    fn called_settled(&mut self, era: Era, name: &RegisterName, tag: Tag) -> Option<Settled> {
        let generation = self.lineage.generation(era, name);
        let is_news = self.completed.is_news(generation, name, tag);
        let name = name.clone();
        is_news.then_some(Settled { era, name, tag })
    }

    /// Somebody relies on this tag's being settled, so a quorum must hold it: one of the epoch in
    /// which somebody says so, or of an earlier one in which it was counted silently. `process_of`
    /// names the process of an id, be it dead: a dead one counts as it was.
    pub(crate) fn expect_settled(
        &mut self,
        settled: &Settled,
        process_of: impl Fn(NodeId) -> Option<ProcessNumber>,
    ) {
        let Settled { era, name, tag } = settled;
        if !self.judges_quorums {
            return;
        }
        let (cluster, epoch) = *era;
        let is_held_in = |configuration: &Configuration| {
            let holds = |node| {
                let process = process_of(node);
                let epoch = configuration.epoch();
                process.is_some_and(|p| self.holdings.tag_in(p, name, epoch) >= *tag)
            };
            configuration.quorums(name.slot()).is_quorum(holds)
        };
        let earlier = |known: &&Arc<Configuration>| {
            known.cluster() == cluster && known.epoch() <= epoch && is_held_in(known)
        };
        // What was dropped hides nothing that is older, nor does what was dropped after a recovery.
        if *tag <= self.completed.forgotten_ever(name) {
            return;
        }
        let Some(counted_in) = self.epochs.latest_first().find(earlier) else {
            return self.fail(format!(
                "{tag} of {name} is taken for settled in epoch {epoch}, but no quorum holds it"
            ));
        };
        let counted_in = (cluster, counted_in.epoch());
        let lineage = &self.lineage;
        for process in self.completed.counted(counted_in, name, *tag, lineage) {
            let held = self.holdings.of(process, name).tag;
            if held < *tag {
                let (_, epoch) = counted_in;
                self.fail(format!(
                    "{tag} of {name} was completed in epoch {epoch}, and process {process}, \
                     which had copied it for a later one, holds {held}"
                ));
            }
        }
    }

    /// What a node keeps of a register is durable: a step of its own it has accepted by that.
    pub(crate) fn has_durably(&mut self, node: NodeId, era: Era, name: &RegisterName, cell: &Cell) {
        if let Some(step) = &cell.accepted
            && step.ballot.proposer.node == node
        {
            self.accepted(era, name, step.rank(), node);
        }
    }

    /// A process, whose lane is in this epoch, keeps this of a register from now on.
    pub(crate) fn keeps(
        &mut self,
        process: ProcessNumber,
        era: Era,
        name: &RegisterName,
        cell: &Cell,
    ) {
        if let Some(step) = &cell.accepted {
            self.proposed(era, name, step);
        }
        self.compared(era, name, &cell.record);
        let forgotten =
            self.completed
                .forgotten_until(self.lineage.generation(era, name), era.1, name);
        let tag = cell.record.tag;
        let was_held = self.holdings.of(process, name).tag;
        if self.judges_quorums && !tag.is_zero() && tag < forgotten && tag != was_held {
            self.fail(format!(
                "process {process} keeps {tag} of {name}, whose tombstone {forgotten} was dropped"
            ));
        }
        let held = self.holdings.keeps(process, name, cell);
        self.expect(held);
    }

    /// A process, whose lane is in this epoch, keeps nothing of these registers any more, whose
    /// tombstones were dropped: nothing older may be kept by anybody from now on.
    pub(crate) fn forgot(&mut self, process: ProcessNumber, era: Era, names: &[RegisterName]) {
        for name in names {
            let generation = self.lineage.generation(era, name);
            let tag = self.holdings.forgot(process, name);
            self.completed.forgot(generation, era.1, name, tag);
        }
    }

    /// A process, whose lane is in this epoch, keeps nothing of a group any more.
    pub(crate) fn dropped(&mut self, process: ProcessNumber, epoch: Epoch, group: Group) {
        self.holdings.dropped(process, epoch, group);
        self.completed.forget_copied(process, Some(group));
    }

    /// A process has copied a group in this epoch: it must hold all that was completed before, and
    /// of a forced group all that is left.
    pub(crate) fn copied(&mut self, process: ProcessNumber, era: Era, group: Group) {
        for before in self.completed.copied(process, era, group, &self.lineage) {
            let held = self.holdings.of(process, &before.name);
            let generation = self.lineage.generation(era, &before.name);
            let forgotten = self.completed.forgotten(generation, &before.name);
            let is_dropped = |tag: Tag| tag <= forgotten;
            let has_step = before.chosen.is_none_or(|(ballot, tag)| {
                held.tag >= tag || held.accepted >= Some((ballot, tag)) || is_dropped(tag)
            });
            let has_record = held.tag >= before.tag || is_dropped(before.tag);
            if self.judges_quorums && !(has_record && has_step) {
                let (_, epoch) = era;
                self.fail(format!(
                    "process {process} has copied group {group} in epoch {epoch}, and holds \
                     {held:?}, but {before:?} was completed before"
                ));
            }
        }
        let gathered = self.gathering.copied(process, era, group, &self.holdings);
        if self.judges_quorums {
            self.expect(gathered);
        }
    }

    /// A process enters a configuration: it must be the only one of its epoch, and decided. While
    /// a member of one cluster lives no other may have members, unless it went on from it. Says
    /// whether nobody has entered it before.
    pub(crate) fn entered(
        &mut self,
        process: ProcessNumber,
        node: NodeId,
        configuration: &Arc<Configuration>,
    ) -> bool {
        let is_first = match self.epochs.entered(configuration) {
            Ok(is_first) => is_first,
            Err(broken) => {
                self.fail(broken);
                false
            }
        };
        if is_first {
            let asked_for = self.lineage.entered(configuration);
            self.expect(asked_for);
            self.expect_decided(process, configuration);
        }
        self.gathering
            .entered(process, node, configuration, &self.holdings);
        self.expect_one_cluster(process, node, configuration);
        is_first
    }

    /// A configuration is decided by those of the one before it, unless there is none, or nobody is
    /// left to decide it.
    fn expect_decided(&mut self, process: ProcessNumber, configuration: &Configuration) {
        let (cluster, epoch) = (configuration.cluster(), configuration.epoch());
        let needs_no_deciding = epoch == Epoch::FIRST || configuration.is_recovery();
        if needs_no_deciding || !self.judges_quorums {
            return;
        }
        let decided_in = (cluster, Epoch(epoch.0 - 1));
        let (name, tag) = (RegisterName::CONFIGURATION, configuration.tag());
        if !self.is_chosen(decided_in, &name, tag) {
            self.fail(format!(
                "process {process} enters {configuration:?}, which was not decided"
            ));
        }
    }

    fn expect_one_cluster(
        &mut self,
        process: ProcessNumber,
        node: NodeId,
        configuration: &Configuration,
    ) {
        let cluster = configuration.cluster();
        if !configuration.contains(node) {
            self.member_of.remove(&process);
            return;
        }
        let root = self.lineage.root(cluster);
        let mut others = self.member_of.iter();
        if let Some((other, standing)) =
            others.find(|(_, standing)| self.lineage.root(**standing) != root)
        {
            let what = format!(
                "two clusters stand: process {process} enters {cluster} while process {other} \
                 lives in {standing}"
            );
            self.fail(what);
        }
        self.member_of.insert(process, cluster);
    }

    /// What a configuration that somebody is the first to enter makes of the registers that were
    /// given up, if a recovery is done by it.
    pub(crate) fn recovered(&self, configuration: &Configuration) -> Option<Recovered> {
        let era = (configuration.cluster(), configuration.epoch());
        let began = (era.0, Epoch(era.1.0.checked_sub(1)?));
        let is_end = !configuration.is_joint() && !configuration.is_aborted();
        let (generation, groups) = self.lineage.given_up(began).filter(|_| is_end)?;
        let mut given_up = self.gathering.gathered(began);
        given_up.retain(|name, _| {
            let group = name.slot().group();
            group.is_some_and(|group| groups.contains(group))
        });
        Some(Recovered {
            generation,
            groups,
            given_up,
        })
    }

    /// Of what a process kept that died, its disk has this.
    pub(crate) fn keeps_only(
        &mut self,
        process: ProcessNumber,
        cells: &BTreeMap<RegisterName, Cell>,
    ) {
        self.holdings.keeps_only(process, cells);
    }

    /// A process goes on with what the disk of a former one kept.
    pub(crate) fn is_back(&mut self, former: ProcessNumber, process: ProcessNumber) {
        self.holdings.is_back(former, process);
    }

    pub(crate) fn died(&mut self, process: ProcessNumber) {
        self.member_of.remove(&process);
        self.completed.forget_copied(process, None);
    }
}

/// The tag that an outcome tells to be settled.
fn settled_by(outcome: &Outcome) -> Option<Tag> {
    match outcome {
        Outcome::Written { tag, .. } => Some(*tag),
        Outcome::Read { record, .. }
        | Outcome::Modified { record, .. }
        | Outcome::Unchanged { record, .. } => Some(record.tag),
        Outcome::Refused(_) | Outcome::Unknown => None,
    }
}
