//! A read-modify-write at its coordinator: [`Modify`].
//!
//! Source: Rystsov, "CASPaxos: Replicated State Machines without logs" (2018), one register at a
//! time, and ordered with plain writes as in Burke, Cheng, Lloyd, "Gryff: Unifying Consensus and
//! Shared Registers" (2020).
//!
//! It has a ballot promised by a quorum, which tells what the register holds and whether
//! somebody's step may have been chosen. Then it has a step accepted under the ballot, and then it
//! propagates what was chosen.

mod attempts;
mod votes;

use crate::asking::Asks;
use crate::ballot::{Accepted, Ballot};
use crate::change::{Change, Unmet};
use crate::message::{OperationId, Promise};
use crate::node::NodeId;
use crate::operation::{Operation, Outcome, Refusal};
use crate::record::{Record, UnixMillis};
use crate::rule::Rule;
use crate::slot::RegisterName;
use crate::tag::Tag;
pub(crate) use attempts::Turns;
use bytes::Bytes;
pub(crate) use votes::{Promises, Votes};

/// The sequence number of a step on top of nothing.
fn base_of_nothing(rule: &Rule<'_>) -> u64 {
    let bounds = rule.answers.bounds();
    #[cfg(feature = "planted-faults")]
    if rule.planted == Some(crate::PlantedFault::StepOnFloor) {
        return bounds.floor;
    }
    bounds.base
}

/// How often a phase in which somebody refused is sent again to those who are silent. If nobody
/// answers in that time they are not expected to, and the refusal is final.
const PATIENCE: u8 = 3;

/// One read-modify-write.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Modify {
    /// Drawn once, and kept over all attempts and epochs: records and steps carry it.
    id: OperationId,
    change: Change,
    phase: Phase,
    /// Whether it is a read that found an expired record, which must be gone before it answers.
    is_read: bool,
    /// What it proposed. It is set before the first `Accept` of it is sent. From then on the
    /// operation may take effect: its value is never computed again, and it never fails its
    /// comparison.
    proposal: Option<Proposal>,
    /// The greatest round that a replica refused it for.
    round_seen: u64,
    /// How many ballots it gave up, or used up to help another.
    attempts: u32,
    /// How often the present phase was sent again since anybody answered.
    resends: u8,
    rounds: u8,
}

/// What a read-modify-write proposed, and what it was computed from.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Proposal {
    step: Accepted,
    /// What the register held before.
    previous: Option<Bytes>,
    /// Why all that it changes is that an expired record goes, if so.
    unmet: Option<Unmet>,
}

/// What the value of a change depends on, besides the record.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Circumstances {
    /// What the wall clock shows.
    pub(crate) wall: UnixMillis,
    /// The longest value that may come of it.
    pub(crate) content_bytes_max: usize,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum Phase {
    /// Another read-modify-write of the register runs at this coordinator: it waits for its turn.
    Queued,
    /// It has its turn, and no ballot. If it was refused, or helped another, it lets a little time
    /// pass before it draws one.
    BackOff,
    /// It has a ballot promised.
    Prepare { ballot: Ballot, promises: Promises },
    /// It has a step accepted: its own, or that of another that may have been chosen.
    Accept { step: Accepted, votes: Votes },
    /// It makes sure that a quorum holds a record that stands.
    Update { record: Record, then: Then },
}

/// What follows once a record is settled.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Then {
    /// It is the operation's own: it took effect.
    Modified,
    /// There is nothing to change about it.
    Unchanged(Unmet),
    /// It was the step of another, which it helped.
    TryAgain,
}

/// What a read-modify-write does next.
#[derive(Debug)]
pub(crate) enum ModifyStep {
    /// Wait for more answers.
    Wait,
    /// Ask the replicas what its new phase asks of them.
    Ask,
    /// Begin anew with a greater ballot, after a while.
    TryAgain,
    /// It has ended.
    Done(Outcome),
}

impl Modify {
    /// One that waits for its turn.
    pub(crate) fn new(id: OperationId, change: Change) -> Self {
        Self {
            id,
            change,
            is_read: false,
            phase: Phase::Queued,
            proposal: None,
            round_seen: 0,
            attempts: 0,
            resends: 0,
            rounds: 0,
        }
    }

    /// The end of a read that found an expired record: that very record is deleted, and nothing
    /// else, before the read answers. Otherwise a node whose wall clock is behind could still find
    /// it afterwards.
    pub(crate) fn of_read(id: OperationId) -> Self {
        Self {
            is_read: true,
            ..Self::new(id, Change::EXPIRE)
        }
    }

    /// Whether it answers a read.
    pub(crate) fn is_read(&self) -> bool {
        self.is_read
    }

    /// What it asks of the replicas now.
    pub(crate) fn asks(&self) -> Asks<'_> {
        match &self.phase {
            Phase::Queued | Phase::BackOff => Asks::Nothing,
            Phase::Prepare { ballot, .. } => Asks::Prepare(*ballot),
            Phase::Accept { step, .. } => Asks::Accept(step),
            Phase::Update { record, .. } => Asks::Update(record),
        }
    }

    /// Who has promised its ballot so far, and what they hold, while it has one promised.
    pub(crate) fn promises(&self) -> Option<&Promises> {
        match &self.phase {
            Phase::Prepare { promises, .. } => Some(promises),
            _ => None,
        }
    }

    /// Whether a replica has answered what is asked in this phase; of an update, the coordinator's
    /// answers tell.
    pub(crate) fn has_voted(&self, node: NodeId) -> bool {
        let votes = match &self.phase {
            Phase::Prepare { promises, .. } => &promises.votes,
            Phase::Accept { votes, .. } => votes,
            Phase::Queued | Phase::BackOff | Phase::Update { .. } => return false,
        };
        votes.is_yes(node) || votes.is_no(node)
    }

    /// Takes in what a replica answered to its ballot.
    pub(crate) fn take_promise(&mut self, from: NodeId, promise: Promise) {
        self.resends = 0;
        if let Phase::Prepare { ballot, promises } = &mut self.phase
            && let Some(greater) = promises.note(from, *ballot, promise)
        {
            self.round_seen = self.round_seen.max(greater.round);
        }
    }

    /// Takes in whether a replica has accepted the step of this ballot and tag.
    pub(crate) fn take_accepted(
        &mut self,
        from: NodeId,
        of: (Ballot, Tag),
        refused_by: Option<Ballot>,
    ) {
        let Phase::Accept { step, votes } = &mut self.phase else {
            return;
        };
        // One that speaks of a phase that was abandoned says nothing about this one.
        if step.rank() != of {
            return;
        }
        self.resends = 0;
        match refused_by {
            None => votes.note_yes(from),
            Some(greater) if greater > step.ballot => {
                votes.note_no(from);
                self.round_seen = self.round_seen.max(greater.round);
            }
            Some(_) => {}
        }
    }

    /// What the answers so far lead to. An answer may still come from those that are `expected`
    /// to give one.
    pub(crate) fn next(
        &mut self,
        rule: &Rule<'_>,
        circumstances: Circumstances,
        expected: impl Fn(NodeId) -> bool,
    ) -> ModifyStep {
        let expected = |node| self.resends < PATIENCE && expected(node);
        match &self.phase {
            Phase::Queued | Phase::BackOff => ModifyStep::Wait,
            Phase::Prepare { ballot, promises } => {
                if rule.carried(&promises.votes) {
                    let (ballot, promises) = (*ballot, promises.clone());
                    self.choose(rule, circumstances, ballot, &promises)
                } else if rule.lost(&promises.votes, expected) {
                    ModifyStep::TryAgain
                } else {
                    ModifyStep::Wait
                }
            }
            Phase::Accept { step, votes } => {
                if rule.carried(votes) {
                    let is_own = step.operation == self.id;
                    let then = if is_own {
                        Then::Modified
                    } else {
                        Then::TryAgain
                    };
                    self.enter(Phase::Update {
                        record: step.record(),
                        then,
                    })
                } else if rule.lost(votes, expected) {
                    ModifyStep::TryAgain
                } else {
                    ModifyStep::Wait
                }
            }
            Phase::Update { record, then } => {
                if rule.settled(record.tag) {
                    self.settled(record.clone(), *then)
                } else {
                    ModifyStep::Wait
                }
            }
        }
    }

    /// A quorum has promised the ballot: what is to be had accepted under it, if anything.
    fn choose(
        &mut self,
        rule: &Rule<'_>,
        circumstances: Circumstances,
        ballot: Ballot,
        promises: &Promises,
    ) -> ModifyStep {
        let record = promises.record();
        let in_doubt = promises.step_in_doubt();
        #[cfg(feature = "planted-faults")]
        let in_doubt = match rule.planted {
            Some(crate::PlantedFault::GreatestBallotOfAll) => promises.greatest_step(),
            _ => in_doubt,
        };
        if let Some(step) = in_doubt {
            // It may have been chosen, so nothing else can be.
            let step = step.clone();
            return self.accept(Accepted { ballot, ..step });
        }
        #[cfg(feature = "planted-faults")]
        if rule.planted == Some(crate::PlantedFault::RecomputeAfterAccept) {
            self.proposal = None;
        }
        // On top of nothing it takes a tag that no dropped tombstone hides.
        let base = match record.tag.is_zero() {
            true => Tag {
                seq: base_of_nothing(rule),
                ..Tag::ZERO
            },
            false => record.tag,
        };
        if let Some(proposal) = &self.proposal {
            if record.operation == Some(self.id) {
                return self.make_sure(rule, record, Then::Modified);
            }
            if base.next_step() == Some(proposal.step.tag) {
                let step = proposal.step.clone();
                return self.accept(Accepted { ballot, ..step });
            }
            // Others have moved the register on. Whether this operation's step is among what they
            // built on cannot be told any more.
            return ModifyStep::Done(Outcome::Unknown);
        }
        let Circumstances {
            wall,
            content_bytes_max,
        } = circumstances;
        let applied = self.change.apply(record, wall, content_bytes_max);
        let Some(changed) = applied.write else {
            let unmet = applied.unmet.unwrap_or(Unmet::Condition);
            return self.make_sure(rule, record, Then::Unchanged(unmet));
        };
        let held = record.content.as_ref().map_or(0, Bytes::len);
        let grows = changed.content.as_ref().is_some_and(|new| new.len() > held);
        if grows && !rule.has_room_for(changed.content.as_ref()) {
            return ModifyStep::Done(Outcome::Refused(Refusal::Full));
        }
        let Some(tag) = base.next_step() else {
            return ModifyStep::Done(Outcome::Refused(Refusal::Exhausted));
        };
        let step = Accepted {
            ballot,
            tag,
            content: changed.content,
            expiry: changed.expiry,
            operation: self.id,
        };
        self.proposal = Some(Proposal {
            step: step.clone(),
            previous: (record.content.clone()).filter(|_| !record.is_expired(wall)),
            unmet: applied.unmet,
        });
        self.accept(step)
    }

    fn accept(&mut self, step: Accepted) -> ModifyStep {
        let votes = Votes::default();
        self.enter(Phase::Accept { step, votes })
    }

    /// Settles the record that the register holds, as a read does.
    fn make_sure(&mut self, rule: &Rule<'_>, record: &Record, then: Then) -> ModifyStep {
        let record = record.clone();
        if rule.readable(record.tag) {
            return self.settled(record, then);
        }
        self.enter(Phase::Update { record, then })
    }

    fn settled(&self, record: Record, then: Then) -> ModifyStep {
        let rounds = self.rounds;
        match then {
            Then::Modified => ModifyStep::Done(self.took_effect(record)),
            Then::Unchanged(unmet) => ModifyStep::Done(Outcome::Unchanged {
                record,
                unmet,
                rounds,
            }),
            Then::TryAgain => ModifyStep::TryAgain,
        }
    }

    /// How it ends, now that the register holds, or held, this record by it.
    fn took_effect(&self, record: Record) -> Outcome {
        let rounds = self.rounds;
        let proposal = self.proposal.as_ref();
        match proposal.and_then(|proposal| proposal.unmet) {
            Some(unmet) => Outcome::Unchanged {
                record,
                unmet,
                rounds,
            },
            None => Outcome::Modified {
                previous: proposal.and_then(|proposal| proposal.previous.clone()),
                record,
                rounds,
            },
        }
    }

    /// It waits for no other one of this coordinator any more.
    pub(crate) fn take_turn(&mut self) {
        self.phase = Phase::BackOff;
    }

    /// Begins with a ballot that is greater than all before it.
    pub(crate) fn prepare(&mut self, ballot: Ballot) {
        let promises = Promises::none();
        self.enter(Phase::Prepare { ballot, promises });
    }

    fn enter(&mut self, phase: Phase) -> ModifyStep {
        self.phase = phase;
        self.resends = 0;
        self.rounds = self.rounds.saturating_add(1);
        ModifyStep::Ask
    }

    /// What the phase asks was asked again, after a time in which not all had answered.
    pub(crate) fn note_resend(&mut self) {
        self.resends = self.resends.saturating_add(1);
    }

    /// The ballot is given up, or has served to help another.
    pub(crate) fn back_off(&mut self) {
        self.phase = Phase::BackOff;
        self.attempts = self.attempts.saturating_add(1);
    }

    pub(crate) fn is_queued(&self) -> bool {
        self.phase == Phase::Queued
    }

    pub(crate) fn is_backing_off(&self) -> bool {
        self.phase == Phase::BackOff
    }

    /// The record that its phase propagates.
    pub(crate) fn update(&self) -> Option<&Record> {
        match &self.phase {
            Phase::Update { record, .. } => Some(record),
            _ => None,
        }
    }

    /// Whether all that it can do is to take something away, or it has begun to do what it does.
    pub(crate) fn needs_no_room(&self) -> bool {
        self.proposal.is_some() || self.change.only_deletes()
    }

    pub(crate) fn id(&self) -> OperationId {
        self.id
    }

    pub(crate) fn round_seen(&self) -> u64 {
        self.round_seen
    }

    pub(crate) fn attempts(&self) -> u32 {
        self.attempts
    }

    /// How it ends if it has to end now.
    pub(crate) fn outcome_now(&self, refusal: Refusal) -> Outcome {
        match self.proposal {
            Some(_) => Outcome::Unknown,
            None if self.attempts > 0 => Outcome::Refused(Refusal::Contended),
            None => Outcome::Refused(refusal),
        }
    }

    /// Whether an `Accept` of its own step may have been sent.
    pub(crate) fn has_proposed(&self) -> bool {
        self.proposal.is_some()
    }

    /// What was asked for, if no `Accept` of its own step may have been sent.
    pub(crate) fn without_effect(&self, name: RegisterName) -> Option<Operation> {
        let change = &self.change;
        (!self.has_proposed()).then(|| Operation::Modify {
            name,
            change: change.clone(),
        })
    }

    /// Whether it acts on what those told that promised its ballot.
    pub(crate) fn is_past_promises(&self) -> bool {
        matches!(self.phase, Phase::Accept { .. } | Phase::Update { .. })
    }

    /// The phase it is in starts over: with the same ballot, the same step, the same record. Says
    /// whether anything is asked in it. That an `Accept` was sent is not forgotten.
    pub(crate) fn start_over(&mut self) -> bool {
        match &mut self.phase {
            Phase::Queued | Phase::BackOff => return false,
            Phase::Prepare { promises, .. } => *promises = Promises::none(),
            Phase::Accept { votes, .. } => *votes = Votes::default(),
            Phase::Update { .. } => {}
        }
        self.resends = 0;
        self.rounds = self.rounds.saturating_add(1);
        true
    }

    /// How a proposal ends that was made for an epoch which is over: this record holds the
    /// configuration that was decided. `None` if it goes on.
    ///
    /// It must not be carried into the new epoch, whose members may be others: of these a quorum
    /// may never have heard of the step that was chosen in its place.
    pub(crate) fn overtaken(&self, decided: &Record) -> Option<Outcome> {
        if let Phase::Update {
            then: Then::Modified,
            ..
        } = self.phase
        {
            return None;
        }
        let (record, rounds) = (decided.clone(), self.rounds);
        Some(match &self.proposal {
            None => Outcome::Unchanged {
                record,
                unmet: Unmet::Condition,
                rounds,
            },
            Some(own) if own.step.tag == record.tag && own.step.content == record.content => {
                self.took_effect(record)
            }
            Some(_) => Outcome::Unknown,
        })
    }
}

#[cfg(test)]
mod tests;
