//! Messages that can have no effect any more.
//!
//! Every rule rests on something that never goes back: a request's number is never used again, a
//! record's tag, a promise and what was accepted never go down, an epoch that was entered is never
//! left, and the dead stay dead. So what is needless stays so, and states that differ in nothing
//! but needless messages have the same future.

use crate::names::{Place, node, place};
use crate::scenario::name;
use crate::store::{KnownLane, KnownMessage};
use protocol::{Awaited, Body, Incarnation, Lane, PlantedFault, Promise, RegisterName};

/// The nodes that a message concerns, as they are now; `None` for one that is dead.
#[derive(Clone, Copy, Debug)]
pub struct Parties<'a> {
    /// The node that it is for.
    pub receiver: Option<&'a KnownLane>,
    /// The node that it is from.
    pub sender: Option<&'a KnownLane>,
    /// A planted fault, by which some of it might have an effect all the same.
    pub planted: Option<PlantedFault>,
}

/// Whether a message can have no effect any more.
pub fn is_needless(known: &KnownMessage, parties: Parties<'_>) -> bool {
    // The dead hear nothing.
    let Some(receiver) = parties.receiver.map(|it| &it.lane) else {
        return true;
    };
    if parties.planted.is_none() && is_of_the_past(known, receiver) {
        return true;
    }
    let sender = parties.sender.map(|it| &it.lane);
    let from = node(known.from);
    let to = node(known.to);
    let cell = receiver.cell(&register_of(&known.message.body));
    // One that comes back into the replica set drops what it kept when it enters that epoch.
    let keeps = known.message.epoch <= receiver.epoch();
    let awaited = |asker: Option<&Lane>, asker_was: Incarnation, counter| {
        asker
            .filter(|lane| lane.incarnation() == asker_was)
            .and_then(|lane| lane.awaited(counter))
    };
    match &known.message.body {
        // A query changes nothing at the replica. Its answer counts for nothing once the operation
        // has ended. While it makes sure of a tag, an answer counts only as one that this tag is
        // held; so does the reply to the update, which is on its way to all that have not replied.
        Body::Query { counter, .. } => {
            awaited(sender, known.message.from, *counter) != Some(Awaited::Answers)
        }
        Body::QueryReply { request, .. } => {
            awaited(Some(receiver), request.origin, request.counter) != Some(Awaited::Answers)
        }
        // It changes nothing at a replica that holds as much already, and its reply counts for
        // nothing if it is not waited for, or has come.
        Body::Update {
            counter, record, ..
        } => {
            let is_awaited = awaited(sender, known.message.from, *counter)
                == Some(Awaited::Update(record.tag))
                && !sender.is_some_and(|lane| lane.has_answer_of(*counter, to));
            keeps && cell.record.tag >= record.tag && !is_awaited
        }
        Body::UpdateReply { request, tag } => {
            match awaited(Some(receiver), request.origin, request.counter) {
                Some(Awaited::Update(awaited)) => {
                    awaited > *tag || receiver.has_answer_of(request.counter, from)
                }
                _ => true,
            }
        }
        // It speaks of the very tag that is held, and is known, or of one that was passed by.
        Body::Settled { tag, .. } => {
            keeps && (cell.record.tag > *tag || (cell.record.tag == *tag && cell.record.settled))
        }
        // A ballot that is promised already, or less than one that is, changes nothing at the
        // replica. Its reply tells something as long as it is waited for and has not come.
        Body::Prepare {
            counter, ballot, ..
        } => {
            let is_awaited = awaited(sender, known.message.from, *counter)
                == Some(Awaited::Promises(*ballot))
                && !sender.is_some_and(|lane| lane.has_answer_of(*counter, to));
            keeps && cell.promised >= *ballot && !is_awaited
        }
        // What a promise tells of the record counts later too, as an answer that the tag is held;
        // so does the reply to the update that then is on its way.
        Body::PrepareReply {
            request, promise, ..
        } => match awaited(Some(receiver), request.origin, request.counter) {
            Some(Awaited::Promises(ballot)) => {
                matches!(promise, Promise::Refused { promised } if *promised <= ballot)
                    || receiver.has_answer_of(request.counter, from)
            }
            _ => true,
        },
        // A step that is accepted already, or is refused, changes nothing at the replica.
        Body::Accept { counter, step, .. } => {
            let rank = step.rank();
            let is_awaited = awaited(sender, known.message.from, *counter)
                == Some(Awaited::Acceptances(rank.0, rank.1))
                && !sender.is_some_and(|lane| lane.has_answer_of(*counter, to));
            let accepted = cell.accepted.as_deref().map(protocol::Accepted::rank);
            let is_without_effect = step.ballot < cell.promised || accepted >= Some(rank);
            keeps && is_without_effect && !is_awaited
        }
        Body::AcceptReply {
            request,
            ballot,
            tag,
            ..
        } => match awaited(Some(receiver), request.origin, request.counter) {
            Some(Awaited::Acceptances(of, step)) => {
                (of, step) != (*ballot, *tag) || receiver.has_answer_of(request.counter, from)
            }
            _ => true,
        },
        // Reading what a replica holds changes nothing there.
        Body::Pull { counter, .. } => {
            let is_late_taken = parties.planted == Some(PlantedFault::LatePullReply);
            !is_late_taken && !sender.is_some_and(|lane| lane.awaits_pull_reply(*counter))
        }
        Body::PullReply { request, .. } => {
            let is_late_taken = parties.planted == Some(PlantedFault::LatePullReply);
            !is_late_taken && !receiver.awaits_pull_reply(request.counter)
        }
        Body::Forward { .. } | Body::ForwardReply { .. } => false,
        Body::List { .. } | Body::ListReply { .. } => unreachable!("no scenario lists"),
        Body::Confirm { .. }
        | Body::ConfirmReply { .. }
        | Body::Mark { .. }
        | Body::MarkReply { .. }
        | Body::Compare { .. }
        | Body::CompareReply { .. }
        | Body::Forget { .. } => unreachable!("no scenario drops tombstones"),
        Body::StaleEpoch { .. }
        | Body::ConfigurationRequest { .. }
        | Body::Configuration { .. }
        | Body::Entered { .. } => true,
    }
}

/// The register that it is about.
fn register_of(body: &Body) -> RegisterName {
    match body {
        Body::Query { name, .. }
        | Body::Update { name, .. }
        | Body::Settled { name, .. }
        | Body::Prepare { name, .. }
        | Body::Accept { name, .. } => name.clone(),
        _ => name(),
    }
}

/// Whether it is of an epoch that its receiver has left: it is refused, and nothing said about it
/// lets anyone do what could not be done anyhow.
fn is_of_the_past(known: &KnownMessage, receiver: &Lane) -> bool {
    known.message.epoch < receiver.epoch()
}

/// Whether what this node is told about its requests concerns nobody but it: it is no replica in the
/// epoch that it is in.
pub fn only_coordinates(lane: &Lane, at: Place) -> bool {
    debug_assert_eq!(place(lane.incarnation().node), at);
    !lane.is_holder(&name(), node(at))
}
