//! Reads that are done by listing: [`ListedReads`].
//!
//! A page of a listing says of each register in its range what a read would have found, and a count
//! of zero says that of all registers of a group. So some of the clients' reads are done in this
//! way, and are in the history, and judged, as all others are. What a listing promises over many
//! pages follows: a register that holds a value all the while is read as such by the page that has
//! it in its range.

use crate::invariants::{Era, Invariants};
use protocol::{
    Lane, ListOutcome, ListRequest, Operation, Outcome, Position, Record, RegisterName, Ticket,
    Time,
};
use std::collections::BTreeMap;

/// The reads of one process that are being done by listing.
#[derive(Debug, Default)]
pub(crate) struct ListedReads(BTreeMap<Ticket, ListedRead>);

#[derive(Debug)]
struct ListedRead {
    name: RegisterName,
    deadline: Time,
}

/// Of so many reads one is done by a page, and another one by a count.
const ONE_OF: u64 = 6;

impl ListedReads {
    /// Has a lane do a client's operation, some reads by listing: always the same ones, without a
    /// choice, so that no run is another one for it.
    pub(crate) fn handle_request(
        &mut self,
        lane: &mut Lane,
        now: Time,
        ticket: Ticket,
        operation: Operation,
        deadline: Time,
    ) {
        let (Operation::Read { name }, Some(request)) = (&operation, request(ticket, &operation))
        else {
            return lane.handle_request(now, ticket, operation, deadline);
        };
        let group = name.slot().group().expect("it is a client's");
        let name = name.clone();
        self.0.insert(ticket, ListedRead { name, deadline });
        lane.handle_list(now, ticket, group, request, deadline);
    }

    /// A listing has ended. What its client is told; nothing yet, if the lane has to look again.
    pub(crate) fn ended(
        &mut self,
        lane: &mut Lane,
        now: Time,
        ticket: Ticket,
        outcome: ListOutcome,
        invariants: &mut Invariants,
    ) -> Option<Outcome> {
        let era: Era = (lane.cluster(), lane.epoch());
        let Some(ListedRead { name, deadline }) = self.0.remove(&ticket) else {
            invariants.fail(format!("{ticket:?} was listed twice, then as {outcome:?}"));
            return None;
        };
        let nothing = Outcome::Read {
            record: Record::EMPTY,
            rounds: 1,
        };
        match outcome {
            ListOutcome::Refused(refusal) => Some(Outcome::Refused(refusal)),
            ListOutcome::Counted(0) => Some(nothing),
            ListOutcome::Counted(_) | ListOutcome::Uncounted => {
                lane.handle_request(now, ticket, Operation::Read { name }, deadline);
                None
            }
            ListOutcome::Names { listed, end } => {
                if end.is_some_and(|end| end < name.position()) {
                    invariants.fail(format!("a page after which {name} comes ends before it"));
                }
                let Some(listed) = listed.into_iter().find(|listed| listed.name == name) else {
                    return Some(nothing);
                };
                let Some(record) = invariants.record_of(era, &name, listed.tag) else {
                    invariants.fail(format!(
                        "{name} is listed as {}, which is nowhere",
                        listed.tag
                    ));
                    return None;
                };
                Some(Outcome::Read { record, rounds: 1 })
            }
        }
    }
}

/// How an operation is done by listing, if it is.
fn request(ticket: Ticket, operation: &Operation) -> Option<ListRequest> {
    let Operation::Read { name } = operation else {
        return None;
    };
    match ticket.0 % ONE_OF {
        0 => Some(ListRequest::Names {
            after: right_before(name),
            entries_max: 1,
        }),
        3 => Some(ListRequest::Count),
        _ => None,
    }
}

/// The position before that of a register, if it is of the same group.
fn right_before(name: &RegisterName) -> Option<Position> {
    let number = name.position().number().checked_sub(1)?;
    let before = Position::from_number(number)?;
    (before.slot().group() == name.slot().group()).then_some(before)
}
