//! What must hold at every step, whatever the faults: [`Invariants`].
//!
//! They look inside the protocol, and so find a mistake long before clients could. In a run with a
//! planted fault nobody asks whether a quorum holds what is called settled, or whether what was
//! copied is all there is: there the clients' history has to show that it does not.

mod completed;
mod epochs;
mod holdings;

use crate::network::ProcessNumber;
use completed::Completed;
use epochs::Epochs;
use holdings::Holdings;
use protocol::{
    Answer, Body, Cell, ClusterId, Configuration, Counter, Epoch, Group, Incarnation, Message,
    NodeId, Outcome, Promise, PullAnswer, PullEntry, Record, RegisterName, RequestId, Tag,
};
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// What was seen so far of what must never change, and the first thing that did.
#[derive(Debug)]
pub(crate) struct Invariants {
    /// Whether it is asked what a quorum holds.
    judges_quorums: bool,
    /// The one record of each tag.
    contents: HashMap<(ClusterId, RegisterName, Tag), Record>,
    /// Which register each request was about: its replies do not repeat the name.
    asked: HashMap<RequestId, RegisterName>,
    holdings: Holdings,
    epochs: Epochs,
    completed: Completed,
    /// The low-water mark that each lane of each process told last.
    low_water: HashMap<(Incarnation, u16), Counter>,
    /// The cluster that each living process is a member of.
    member_of: BTreeMap<ProcessNumber, ClusterId>,
    broken: Option<String>,
}

/// A tag that somebody relies on as settled for the first time, and the epoch in which it was
/// counted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Settled {
    pub(crate) cluster: ClusterId,
    pub(crate) epoch: Epoch,
    pub(crate) name: RegisterName,
    pub(crate) tag: Tag,
}

/// Where somebody is: an epoch says nothing beyond its cluster.
type Era = (ClusterId, Epoch);

impl Invariants {
    /// Nothing was seen yet. `judges_quorums` says whether it is asked what a quorum holds.
    pub(crate) fn new(judges_quorums: bool) -> Self {
        Self {
            judges_quorums,
            contents: HashMap::new(),
            asked: HashMap::new(),
            holdings: Holdings::default(),
            epochs: Epochs::default(),
            completed: Completed::default(),
            low_water: HashMap::new(),
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

    /// A lane that is in the epoch `lane_epoch` sends this. Returns the tag that it calls settled,
    /// if nobody did before.
    pub(crate) fn sent(&mut self, message: &Message, lane_epoch: Epoch) -> Option<Settled> {
        if message.to == message.from.node {
            self.fail(format!(
                "a lane sends a message to its own node, where nobody takes it: {message:?}"
            ));
        }
        self.note_low_water(message);
        let request = |counter: Counter| RequestId {
            origin: message.from,
            counter,
        };
        let era = (message.cluster, message.epoch);
        match &message.body {
            Body::Update { name, record, .. } => self.shown(era, name, record),
            Body::Settled { name, tag } => self.called_settled(era, name, *tag),
            Body::Query { counter, name, .. }
            | Body::Prepare { counter, name, .. }
            | Body::Accept { counter, name, .. } => {
                self.asked
                    .entry(request(*counter))
                    .or_insert_with(|| name.clone());
                None
            }
            Body::Forward {
                counter, operation, ..
            } => {
                let name = operation.name();
                self.asked
                    .entry(request(*counter))
                    .or_insert_with(|| name.clone());
                None
            }
            Body::QueryReply { request, answer } => {
                self.expect_epoch(message, lane_epoch);
                let name = self.asked_about(message, *request)?;
                match answer {
                    Answer::Record(record) => self.shown(era, &name, record),
                    Answer::Tag { tag, settled: true } => self.called_settled(era, &name, *tag),
                    Answer::Tag { .. } => None,
                }
            }
            Body::PrepareReply { request, promise } => {
                self.expect_epoch(message, lane_epoch);
                let name = self.asked_about(message, *request)?;
                match promise {
                    Promise::Promised { record, .. } => self.shown(era, &name, record),
                    Promise::Refused { .. } => None,
                }
            }
            Body::AcceptReply {
                request,
                ballot,
                tag,
                refused_by,
            } => {
                self.expect_epoch(message, lane_epoch);
                let name = self.asked_about(message, *request)?;
                if refused_by.is_none() {
                    let (step, node) = ((*ballot, *tag), message.from.node);
                    self.completed
                        .accepted(era, &name, step, node, &self.epochs);
                }
                None
            }
            Body::PullReply { answer, .. } => {
                self.expect_epoch(message, lane_epoch);
                self.pulled(era, answer);
                None
            }
            Body::UpdateReply { .. } => {
                self.expect_epoch(message, lane_epoch);
                None
            }
            Body::ForwardReply { request, outcome } => {
                let tag = settled_by(outcome)?;
                let name = self.asked_about(message, *request)?;
                self.called_settled(era, &name, tag)
            }
            _ => None,
        }
    }

    fn note_low_water(&mut self, message: &Message) {
        let lane = (message.from, message.low_water.lane());
        let told = self.low_water.entry(lane).or_insert(message.low_water);
        if message.low_water < *told {
            let (from, now, before) = (message.from, message.low_water, *told);
            self.fail(format!(
                "a low-water mark fell: {from} told {before:?}, and then {now:?}"
            ));
        } else {
            *told = message.low_water;
        }
    }

    /// A replica answers in no epoch but the one that it is in.
    fn expect_epoch(&mut self, message: &Message, lane_epoch: Epoch) {
        if self.judges_quorums && message.epoch != lane_epoch {
            let (from, epoch) = (message.from, message.epoch);
            self.fail(format!(
                "{from}, which is in epoch {lane_epoch}, answers in epoch {epoch}: {message:?}"
            ));
        }
    }

    fn asked_about(&mut self, message: &Message, request: RequestId) -> Option<RegisterName> {
        let name = self.asked.get(&request).cloned();
        if name.is_none() {
            self.fail(format!(
                "{} answers a request that was never sent: {request:?}",
                message.from
            ));
        }
        name
    }

    /// What a pull brings is what the replica holds, settled or not.
    fn pulled(&mut self, era: Era, answer: &PullAnswer) {
        for entry in &answer.entries {
            if let PullEntry::Whole { name, cell } = entry {
                self.compared(era, name, &cell.record);
            }
        }
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

    fn compared(&mut self, (cluster, _): Era, name: &RegisterName, record: &Record) {
        match self.contents.entry((cluster, name.clone(), record.tag)) {
            Entry::Vacant(vacant) => {
                vacant.insert(record.clone());
                let is_chosen = || {
                    let tag = record.tag;
                    self.completed.is_chosen(cluster, name, tag, &self.epochs)
                };
                if self.judges_quorums && record.operation.is_some() && !is_chosen() {
                    self.fail(format!(
                        "{record:?} of {name} stands, but no quorum has accepted it"
                    ));
                }
            }
            Entry::Occupied(known) => {
                if !agree(name, known.get(), record) {
                    let known = known.get().clone();
                    self.fail(format!(
                        "one tag of {name} has two contents: {known:?} and {record:?}"
                    ));
                }
            }
        }
    }

    fn called_settled(&mut self, era: Era, name: &RegisterName, tag: Tag) -> Option<Settled> {
        let (cluster, epoch) = era;
        self.completed.is_news(cluster, name, tag).then(|| Settled {
            cluster,
            epoch,
            name: name.clone(),
            tag,
        })
    }

    /// Somebody relies on this tag's being settled, so a quorum must hold it: one of the epoch in
    /// which somebody says so, or of an earlier one in which it was counted silently. `process_of`
    /// names the process of an id, be it dead: a dead one counts as it was.
    pub(crate) fn expect_settled(
        &mut self,
        settled: &Settled,
        process_of: impl Fn(NodeId) -> Option<ProcessNumber>,
    ) {
        let Settled {
            cluster,
            epoch,
            name,
            tag,
        } = settled;
        if !self.judges_quorums {
            return;
        }
        let is_held_in = |epoch: &Epoch| {
            let holds = |node| {
                let process = process_of(node);
                process.is_some_and(|p| self.holdings.tag_in(p, name, *epoch) >= *tag)
            };
            let configuration = self.epochs.get(*cluster, *epoch);
            configuration.is_some_and(|known| known.quorums(name.slot()).is_quorum(holds))
        };
        let earlier = (Epoch::FIRST.0..=epoch.0).rev().map(Epoch);
        let Some(counted_in) = earlier.into_iter().find(is_held_in) else {
            return self.fail(format!(
                "{tag} of {name} is taken for settled in epoch {epoch}, but no quorum holds it"
            ));
        };
        for process in self.completed.counted(*cluster, counted_in, name, *tag) {
            let held = self.holdings.of(process, name).tag;
            if held < *tag {
                self.fail(format!(
                    "{tag} of {name} was completed in epoch {counted_in}, and process {process}, \
                     which had copied it for a later one, holds {held}"
                ));
            }
        }
    }

    /// A process, whose lane is in this epoch, keeps this of a register from now on.
    pub(crate) fn keeps(
        &mut self,
        process: ProcessNumber,
        node: NodeId,
        era: Era,
        name: &RegisterName,
        cell: &Cell,
    ) {
        if let Some(step) = &cell.accepted
            && step.ballot.proposer.node == node
        {
            self.completed
                .accepted(era, name, step.rank(), node, &self.epochs);
        }
        self.compared(era, name, &cell.record);
        if let Err(broken) = self.holdings.keeps(process, name, cell) {
            self.fail(broken);
        }
    }

    /// A process, whose lane is in this epoch, keeps nothing of a group any more.
    pub(crate) fn dropped(&mut self, process: ProcessNumber, epoch: Epoch, group: Group) {
        self.holdings.dropped(process, epoch, group);
        self.completed.forget_copied(process, Some(group));
    }

    /// A process has copied a group in this epoch: it must hold all that was completed before.
    pub(crate) fn copied(&mut self, process: ProcessNumber, era: Era, group: Group) {
        for before in self.completed.copied(process, era, group) {
            let held = self.holdings.of(process, &before.name);
            let has_step = before.chosen.is_none_or(|(ballot, tag)| {
                held.tag >= tag || held.accepted >= Some((ballot, tag))
            });
            if self.judges_quorums && (held.tag < before.tag || !has_step) {
                let (_, epoch) = era;
                self.fail(format!(
                    "process {process} has copied group {group} in epoch {epoch}, and holds \
                     {held:?}, but {before:?} was completed before"
                ));
            }
        }
    }

    /// A process enters a configuration: it must be the only one of its epoch, and decided. While
    /// a member of one cluster lives no other may have members. Says whether nobody has entered it
    /// before.
    pub(crate) fn entered(
        &mut self,
        process: ProcessNumber,
        node: NodeId,
        configuration: &Arc<Configuration>,
    ) -> bool {
        let cluster = configuration.cluster();
        let is_first = match self.epochs.entered(configuration) {
            Ok(is_first) => is_first,
            Err(broken) => {
                self.fail(broken);
                false
            }
        };
        if is_first && configuration.epoch() != Epoch::FIRST && self.judges_quorums {
            let (name, tag) = (RegisterName::CONFIGURATION, configuration.tag());
            if !self.completed.is_chosen(cluster, &name, tag, &self.epochs) {
                self.fail(format!(
                    "process {process} enters {configuration:?}, which was not decided"
                ));
            }
        }
        if !configuration.contains(node) {
            self.member_of.remove(&process);
            return is_first;
        }
        let mut others = self.member_of.iter();
        if let Some((other, standing)) = others.find(|(_, standing)| **standing != cluster) {
            let what = format!(
                "two clusters stand: process {process} enters {cluster} while process {other} lives in {standing}"
            );
            self.fail(what);
        }
        self.member_of.insert(process, cluster);
        is_first
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

/// Whether two records of one tag may be. Of the reserved register they may differ in the step
/// that made them, since a node that enters a configuration does not know which one that was.
fn agree(name: &RegisterName, one: &Record, other: &Record) -> bool {
    let same_content = one.content == other.content && one.expiry == other.expiry;
    match name.is_reserved() {
        true => same_content,
        false => one.agrees_with(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use protocol::{Boot, Epoch, NodeId};

    fn incarnation() -> Incarnation {
        Incarnation {
            node: NodeId::new(1),
            boot: Boot::FIRST,
        }
    }

    fn name() -> RegisterName {
        RegisterName::new("r").unwrap()
    }

    fn record(seq: u64, value: &'static [u8]) -> Record {
        Record {
            tag: Tag {
                seq,
                writer: incarnation(),
                step: 0,
            },
            content: Some(Bytes::from_static(value)),
            expiry: None,
            operation: None,
            settled: false,
        }
    }

    const ERA: (ClusterId, Epoch) = (ClusterId(1), Epoch::FIRST);

    fn message(body: Body) -> Message {
        Message {
            from: incarnation(),
            to: NodeId::new(2),
            cluster: ERA.0,
            epoch: ERA.1,
            low_water: Counter::first(0),
            body,
        }
    }

    fn settled() -> Body {
        Body::Settled {
            name: name(),
            tag: Tag::ZERO,
        }
    }

    fn expect_broken(invariants: &Invariants, how: &str) {
        let broken = invariants.broken().unwrap();
        assert!(broken.starts_with(how), "{broken}");
    }

    #[test]
    fn two_contents_of_one_tag_are_found() {
        let mut invariants = Invariants::new(true);
        invariants.shown(ERA, &name(), &record(1, b"a"));
        let as_settled = Record {
            settled: true,
            ..record(1, b"a")
        };
        invariants.shown(ERA, &name(), &as_settled);
        invariants.shown(ERA, &name(), &record(2, b"b"));
        let of_another_cluster = (ClusterId(2), Epoch::FIRST);
        invariants.shown(of_another_cluster, &name(), &record(2, b"c"));
        assert_eq!(invariants.broken(), None);
        invariants.shown(ERA, &name(), &record(1, b"b"));
        expect_broken(&invariants, "one tag of r has two contents");
    }

    #[test]
    fn a_low_water_mark_that_falls_is_found() {
        let mut invariants = Invariants::new(true);
        let mut tell = |low_water| {
            let message = Message {
                low_water,
                ..message(settled())
            };
            invariants.sent(&message, ERA.1);
            invariants.broken().is_some()
        };
        let first = Counter::first(0);
        assert!(!tell(first.next()) && !tell(Counter::first(1)));
        assert!(tell(first));
        expect_broken(&invariants, "a low-water mark fell");
    }

    #[test]
    fn a_message_of_a_lane_to_its_own_node_is_found() {
        let mut invariants = Invariants::new(true);
        let message = Message {
            to: incarnation().node,
            ..message(settled())
        };
        invariants.sent(&message, ERA.1);
        expect_broken(&invariants, "a lane sends a message to its own node");
    }

    #[test]
    fn an_answer_in_an_epoch_that_was_left_is_found() {
        let mut invariants = Invariants::new(true);
        let request = RequestId {
            origin: incarnation(),
            counter: Counter::first(0),
        };
        let tag = Tag::ZERO;
        let message = message(Body::UpdateReply { request, tag });
        invariants.sent(&message, ERA.1);
        assert_eq!(invariants.broken(), None);
        invariants.sent(&message, ERA.1.next());
        let how = format!("{}, which is in epoch 2, answers in epoch 1", incarnation());
        expect_broken(&invariants, &how);
    }

    /// The configuration of these nodes, each of which is the process of its number.
    fn configuration(cluster: u64, ids: &[u64]) -> Configuration {
        let member = |id: &u64| {
            let address = format!("n{id}:1").parse().unwrap();
            protocol::Member::new(NodeId::new(*id), address)
        };
        let members = ids.iter().map(member).collect();
        Configuration::new(ClusterId(cluster), Epoch::FIRST, members, 3).unwrap()
    }

    fn process_of(id: NodeId) -> Option<ProcessNumber> {
        Some(id.get() as usize)
    }

    fn enter(invariants: &mut Invariants, process: u64, configuration: &Configuration) -> bool {
        let node = NodeId::new(process);
        invariants.entered(process as usize, node, &Arc::new(configuration.clone()))
    }

    #[test]
    fn a_second_cluster_beside_a_member_of_the_first_is_found() {
        let mut invariants = Invariants::new(true);
        enter(&mut invariants, 1, &configuration(1, &[1]));
        invariants.died(1);
        enter(&mut invariants, 2, &configuration(2, &[2, 3]));
        enter(&mut invariants, 3, &configuration(2, &[2, 3]));
        enter(&mut invariants, 4, &configuration(1, &[1]));
        assert_eq!(
            invariants.broken(),
            None,
            "the last one is a member of nothing"
        );
        enter(&mut invariants, 5, &configuration(3, &[5]));
        expect_broken(&invariants, "two clusters stand");
    }

    #[test]
    fn a_configuration_that_was_not_decided_is_found() {
        let first = configuration(1, &[1, 2, 3]);
        let joint = first.joint(configuration(1, &[1, 2]).members().to_vec(), 3);
        let joint = joint.unwrap();
        for acceptors in [1, 2] {
            let mut invariants = Invariants::new(true);
            assert!(enter(&mut invariants, 1, &first));
            let ballot = protocol::Ballot {
                round: 1,
                proposer: incarnation(),
            };
            for node in 1..=acceptors {
                let (name, node) = (RegisterName::CONFIGURATION, NodeId::new(node));
                let Invariants {
                    completed, epochs, ..
                } = &mut invariants;
                completed.accepted(ERA, &name, (ballot, joint.tag()), node, epochs);
            }
            enter(&mut invariants, 1, &joint);
            assert_eq!(invariants.broken().is_some(), acceptors == 1);
        }
    }

    fn cell(record: Record) -> Cell {
        Cell {
            record,
            ..Cell::EMPTY
        }
    }

    /// Three processes of which the first ones hold a record that somebody calls settled.
    fn held_by(holders: u64) -> Invariants {
        let mut invariants = Invariants::new(true);
        enter(&mut invariants, 1, &configuration(1, &[1, 2, 3]));
        for process in 1..=holders {
            let (number, node) = (process as usize, NodeId::new(process));
            invariants.keeps(number, node, ERA, &name(), &cell(record(1, b"a")));
        }
        let written = Outcome::Written {
            tag: record(1, b"a").tag,
            rounds: 2,
        };
        let settled = invariants.told(ERA, &name(), &written).unwrap();
        assert_eq!(
            invariants.told(ERA, &name(), &written),
            None,
            "it is looked at once"
        );
        invariants.expect_settled(&settled, process_of);
        invariants
    }

    #[test]
    fn what_is_taken_for_settled_and_held_by_no_quorum_is_found() {
        assert_eq!(held_by(2).broken(), None);
        assert!(
            held_by(1)
                .broken()
                .unwrap()
                .contains("is taken for settled")
        );
    }

    #[test]
    fn a_copy_that_lacks_what_was_completed_before_is_found() {
        let group = name().slot().group().unwrap();
        let (later, seq_2) = ((ERA.0, ERA.1.next()), record(2, b"b"));
        let mut invariants = held_by(2);
        invariants.keeps(4, NodeId::new(4), later, &name(), &cell(seq_2));
        invariants.copied(4, later, group);
        invariants.copied(5, ERA, group);
        assert_eq!(invariants.broken(), None, "that is of no earlier epoch");
        invariants.copied(5, later, group);
        expect_broken(&invariants, "process 5 has copied group");
    }

    #[test]
    fn a_copy_that_lacks_what_is_found_completed_later_is_found() {
        let group = name().slot().group().unwrap();
        let mut invariants = Invariants::new(true);
        enter(&mut invariants, 1, &configuration(1, &[1]));
        invariants.copied(4, (ERA.0, ERA.1.next()), group);
        let kept = cell(record(1, b"a"));
        invariants.keeps(1, NodeId::new(1), ERA, &name(), &kept);
        let settled = Settled {
            cluster: ERA.0,
            epoch: ERA.1,
            name: name(),
            tag: kept.record.tag,
        };
        invariants.expect_settled(&settled, process_of);
        assert!(
            invariants
                .broken()
                .unwrap()
                .contains("had copied it for a later one")
        );
    }
}
