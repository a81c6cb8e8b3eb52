//! What a lane checks about itself and those it talks to, as it goes; see [`Broken`].
//!
//! | what holds | where it is checked |
//! | --- | --- |
//! | a record's tag, a promise and what was accepted never go down | wherever a cell is replaced |
//! | a step is accepted under no greater ballot than is promised | wherever a cell is replaced |
//! | one tag of a register has one record | wherever a record comes with the tag of one at hand: an update, a read's or a ballot's answer, a pulled cell |
//! | one ballot and tag have one step | an accept, a ballot's answers, a pulled cell |
//! | what is acknowledged is held | every update |
//! | a tag in this node's name was issued here | every tag that another node shows |
//! | a ballot in this node's name was issued here | every ballot that it draws |
//! | an epoch has one configuration, and epochs only rise | entering one |
//! | the quorums of an epoch meet those of the next | entering one |
//! | one tag of a register has one record, of those seen lately | *every record that is seen* |
//! | a slot's counts and digest are those of its registers | *wherever a cell is replaced* |
//!
//! The last two are dear, and checked only in builds with debug assertions or with the feature
//! `costly-invariants`. The others cost a comparison each, of values only where two records of one
//! tag meet.
//!
//! Some things need no check, as they cannot be put otherwise: votes are kept by node, so that none
//! counts twice; an own vote that waits for the disk is not among the votes.

use crate::ballot::{Accepted, Ballot};
use crate::broken::{Broken, Summary};
use crate::configuration::{Configuration, Groups};
use crate::lane::Lane;
use crate::modify::Modify;
use crate::node::{Incarnation, NodeId};
use crate::record::Record;
use crate::replica::Cell;
use crate::running::Task;
use crate::slot::{Group, RegisterName, Slot};
use crate::tag::Tag;
use alloc::collections::BTreeMap;

/// Two records of a register, of which `by` shows the second: if they have one tag, they are one.
pub(crate) fn expect_one_record(by: NodeId, name: &RegisterName, known: &Record, shown: &Record) {
    if known.tag == shown.tag && !are_one(name, known, shown) {
        Broken::TwoRecords {
            name,
            tag: known.tag,
            by,
            known: Summary::of_record(name, known),
            shown: Summary::of_record(name, shown),
        }
        .stop()
    }
}

/// Of the reserved register the records of one tag may differ in the step that made them, since a
/// node that enters a configuration does not know which one that was; and in their spelling, if
/// nodes of two versions write it.
fn are_one(name: &RegisterName, known: &Record, shown: &Record) -> bool {
    if !name.is_reserved() {
        return known.agrees_with(shown);
    }
    if known.content == shown.content {
        return known.expiry == shown.expiry;
    }
    let read = |record: &Record| Configuration::decode(record.content.as_deref()?).ok();
    match (read(known), read(shown)) {
        (Some(known), Some(shown)) => known == shown,
        _ => true,
    }
}

/// Two steps of a register, of which `by` shows the second: if they have one ballot and tag, they
/// are one.
pub(crate) fn expect_one_step(by: NodeId, name: &RegisterName, known: &Accepted, shown: &Accepted) {
    if known.rank() == shown.rank() && known != shown {
        Broken::TwoSteps {
            name,
            step: known.rank(),
            by,
            known: Summary::of_step(known),
            shown: Summary::of_step(shown),
        }
        .stop()
    }
}

/// What `by` holds of a register, beside what is held here.
pub(crate) fn expect_one_cell(by: NodeId, name: &RegisterName, known: &Cell, shown: &Cell) {
    expect_one_record(by, name, &known.record, &shown.record);
    if let (Some(known), Some(shown)) = (&known.accepted, &shown.accepted) {
        expect_one_step(by, name, known, shown);
    }
}

/// A replica has taken in a record, and is about to say that it holds `held`.
pub(crate) fn expect_held(name: &RegisterName, given: Tag, held: Tag) {
    if held < given {
        Broken::NotHeld { name, given, held }.stop()
    }
}

/// The sequence numbers, and the round, that a lane has issued, and its name in tags and ballots.
pub(crate) struct Issued<'a> {
    pub(crate) own: Incarnation,
    pub(crate) seqs: &'a BTreeMap<Slot, u64>,
    pub(crate) round: u64,
}

impl Issued<'_> {
    /// `by` shows a tag of a register. If this node made it, it has issued it.
    pub(crate) fn expect_tag(&self, by: NodeId, name: &RegisterName, tag: Tag) {
        if tag.writer == self.own {
            let issued = self.seqs.get(&name.slot()).copied().unwrap_or_default();
            if tag.seq > issued {
                Broken::NeverIssued {
                    name,
                    tag,
                    by,
                    issued,
                }
                .stop()
            }
        }
    }

    /// A ballot is promised. If this node made it, it has issued it.
    pub(crate) fn expect_ballot(&self, name: &RegisterName, ballot: Ballot) {
        if ballot.proposer == self.own && ballot.round > self.round {
            Broken::NeverProposed {
                name,
                ballot,
                issued: self.round,
            }
            .stop()
        }
    }
}

/// A replica holds this record, or gives it as an answer to a read, beside what others gave.
pub(crate) fn expect_answer(by: NodeId, name: &RegisterName, task: &Task, shown: &Record) {
    if let Task::Read(read) = task
        && let Some(known) = read.record_of(shown.tag)
    {
        expect_one_record(by, name, known, shown);
    }
}

/// A replica promises a ballot, and shows what it holds, beside what others showed.
pub(crate) fn expect_promise(
    by: NodeId,
    name: &RegisterName,
    modify: &Modify,
    (record, accepted): (&Record, Option<&Accepted>),
) {
    let Some(promises) = modify.promises() else {
        return;
    };
    expect_one_record(by, name, promises.record(), record);
    if let Some(shown) = accepted {
        let accepted = promises.accepted().iter();
        accepted.for_each(|known| expect_one_step(by, name, known, shown));
    }
}

/// Two configurations, both decided: if they are of one epoch of one cluster, they are one.
pub(crate) fn expect_one_configuration(known: &Configuration, told: &Configuration) {
    let (cluster, epoch) = (known.cluster(), known.epoch());
    if (cluster, epoch) == (told.cluster(), told.epoch()) && known != told {
        Broken::TwoConfigurations { cluster, epoch }.stop()
    }
}

/// A configuration is entered right after another one of its cluster: of each group both demand a
/// majority of one and the same replica set, so that their quorums meet. Of forced groups they need
/// not; nothing of them is served in between.
pub(crate) fn expect_quorums_to_meet(former: &Configuration, entered: &Configuration) {
    let forced: Groups = former.forced().union(entered.forced());
    let meet = |group: Group| {
        let (one, other) = (former.group_quorums(group), entered.group_quorums(group));
        let sets = [one.before(), one.after()];
        sets.contains(&other.before()) || sets.contains(&other.after())
    };
    let mut groups = Group::all().filter(|group| !forced.contains(*group));
    if let Some(group) = groups.find(|group| !meet(*group)) {
        Broken::Apart {
            group,
            from: former.epoch(),
            to: entered.epoch(),
        }
        .stop()
    }
}

impl Lane {
    /// What this lane has issued.
    pub(crate) fn issued(&self) -> Issued<'_> {
        Issued {
            own: self.options.incarnation,
            seqs: &self.issued,
            round: self.round_issued,
        }
    }

    /// `by` has shown a record: it is the one of its tag.
    #[inline]
    pub(crate) fn see_record(&mut self, by: NodeId, name: &RegisterName, record: &Record) {
        if by != self.options.incarnation.node {
            self.issued().expect_tag(by, name, record.tag);
        }
        self.seen.record(by, name, record);
    }
}
