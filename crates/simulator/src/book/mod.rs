//! Who asked for what, and how it ended: [`Book`].

use crate::clocks::Instant;
use crate::invariants::{Generation, Recovered};
use crate::network::{ProcessNumber, Site};
use crate::wall::WallClocks;
use checker::History;
use expiry::Expiries;
use history::{Beginning, Saw};
use protocol::{Operation, Outcome, RegisterName, Ticket, Time};
use std::collections::BTreeMap;

mod action;
mod expiry;
mod history;

/// All operations of a run: those that still run, and what clients saw of those that ended.
///
/// A register is one of its cluster, so that a cluster founded after all memory was lost begins
/// with new ones.
#[derive(Debug)]
pub(crate) struct Book {
    running: BTreeMap<Ticket, Call>,
    saw: Vec<Saw>,
    /// How the generations began of the registers that recoveries gave up.
    beginnings: BTreeMap<Generation, Beginning>,
    tickets: u64,
    /// The history's time: every call and every return has a number of its own, from one on. When
    /// it came.
    moments: Vec<Instant>,
    ended: Vec<Ended>,
}

/// An operation that runs.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) client: u64,
    pub(crate) operation: Operation,
    pub(crate) process: ProcessNumber,
    pub(crate) called_at: Instant,
    /// By the clock of its process, once that has seen the request.
    pub(crate) deadline: Option<Time>,
    called: u64,
    /// Of which generation the register was then, if its process knew a cluster.
    called_in: Option<Generation>,
}

/// An operation that ended.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Ended {
    pub(crate) ticket: Ticket,
    pub(crate) client: u64,
    pub(crate) site: Site,
    pub(crate) name: RegisterName,
    /// Whether it is a read-modify-write.
    pub(crate) is_modification: bool,
    /// Whether it may add to what a register holds.
    pub(crate) may_add: bool,
    /// `None` if its process died first.
    pub(crate) outcome: Option<Outcome>,
    pub(crate) called_at: Instant,
    pub(crate) ended_at: Instant,
}

impl Book {
    pub(crate) fn new() -> Self {
        Self {
            running: BTreeMap::new(),
            saw: Vec::new(),
            beginnings: BTreeMap::new(),
            tickets: 0,
            moments: Vec::new(),
            ended: Vec::new(),
        }
    }

    /// A client calls an operation at a process.
    pub(crate) fn call(
        &mut self,
        now: Instant,
        client: u64,
        operation: Operation,
        process: ProcessNumber,
        called_in: Option<Generation>,
    ) -> Ticket {
        self.tickets += 1;
        let ticket = Ticket(self.tickets);
        let called = self.moment(now);
        let call = Call {
            client,
            operation,
            process,
            called_at: now,
            deadline: None,
            called,
            called_in,
        };
        self.running.insert(ticket, call);
        ticket
    }

    pub(crate) fn running(&self, ticket: Ticket) -> Option<&Call> {
        self.running.get(&ticket)
    }

    pub(crate) fn all_running(&self) -> impl Iterator<Item = (Ticket, &Call)> {
        self.running.iter().map(|(ticket, call)| (*ticket, call))
    }

    /// The process has seen the request and will end it by then.
    pub(crate) fn set_deadline(&mut self, ticket: Ticket, deadline: Time) {
        if let Some(call) = self.running.get_mut(&ticket) {
            call.deadline = Some(deadline);
        }
    }

    /// The process that runs the operation says how it ended, and of which generation the register
    /// is to it, if it knows a cluster.
    ///
    /// # Errors
    /// What is wrong with that answer.
    pub(crate) fn answer(
        &mut self,
        now: Instant,
        ticket: Ticket,
        outcome: Outcome,
        site: Site,
        ended_in: Option<Generation>,
    ) -> Result<(), String> {
        let Some(call) = self.running.remove(&ticket) else {
            return Err(format!(
                "{ticket:?} was answered twice, the second time with {outcome:?}"
            ));
        };
        if !fits(&call.operation, &outcome) {
            return Err(format!("{:?} ended with {outcome:?}", call.operation));
        }
        let is_done = !matches!(outcome, Outcome::Refused(_) | Outcome::Unknown);
        if is_done && ended_in.is_some_and(|generation| !self.has_begun(generation)) {
            return Err(format!(
                "{ticket:?} ended with {outcome:?} before what was left was gathered"
            ));
        }
        if ended_in.is_none() && !matches!(outcome, Outcome::Refused(_)) {
            return Err(format!(
                "a process in no cluster answered {ticket:?} with {outcome:?}"
            ));
        }
        self.end(now, ticket, call, site, ended_in, Some(outcome));
        Ok(())
    }

    fn has_begun(&self, generation: Generation) -> bool {
        generation.number == 0 || self.beginnings.contains_key(&generation)
    }

    /// The operation will never be answered: its process died or never got the request.
    pub(crate) fn lose(
        &mut self,
        now: Instant,
        ticket: Ticket,
        site: Site,
        ended_in: Option<Generation>,
    ) {
        if let Some(call) = self.running.remove(&ticket) {
            self.end(now, ticket, call, site, ended_in, None);
        }
    }

    /// A recovery is done: what it gave up begins anew, with what was left.
    pub(crate) fn recovered(&mut self, now: Instant, recovered: Recovered) {
        let moments = [self.moment(now), self.moment(now), self.moment(now)];
        let generation = recovered.generation;
        let beginning = Beginning { moments, recovered };
        self.beginnings.insert(generation, beginning);
    }

    /// What ended since this was last called.
    pub(crate) fn take_ended(&mut self) -> Vec<Ended> {
        std::mem::take(&mut self.ended)
    }

    /// All that clients saw, and what expired, which depends on what the wall clocks showed.
    pub(crate) fn history(&self, wall_clocks: &WallClocks) -> History<String> {
        let mut history = history::history(&self.saw, &self.beginnings);
        let kept = (self.beginnings.values()).flat_map(|beginning| {
            let given_up = beginning.recovered.given_up.values();
            given_up.flat_map(|kept| kept.records())
        });
        let mut expiries = Expiries::default();
        for saw in &self.saw {
            expiries.note_operation(saw, wall_clocks);
        }
        kept.for_each(|record| expiries.note_record(&record, wall_clocks));
        expiries.tell(&mut history, &self.moments);
        history
    }

    fn end(
        &mut self,
        now: Instant,
        ticket: Ticket,
        call: Call,
        site: Site,
        ended_in: Option<Generation>,
        outcome: Option<Outcome>,
    ) {
        self.ended.push(Ended {
            ticket,
            client: call.client,
            site,
            name: call.operation.name().clone(),
            is_modification: matches!(call.operation, Operation::Modify { .. }),
            may_add: match &call.operation {
                Operation::Read { .. } => false,
                Operation::Write { content, .. } => content.is_some(),
                Operation::Modify { .. } => true,
            },
            outcome: outcome.clone(),
            called_at: call.called_at,
            ended_at: now,
        });
        let ended = self.moment(now);
        // What no cluster took is about no register.
        if let Some(ended_in) = ended_in {
            self.saw.push(Saw {
                client: call.client,
                operation: call.operation,
                called: call.called,
                called_at: call.called_at,
                called_in: call.called_in,
                ended,
                ended_in,
                outcome,
            });
        }
    }

    fn moment(&mut self, now: Instant) -> u64 {
        self.moments.push(now);
        self.moments.len() as u64
    }
}

/// Whether an operation can end like this.
fn fits(operation: &Operation, outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Read { .. } => !operation.is_write(),
        Outcome::Written { .. } => matches!(operation, Operation::Write { .. }),
        Outcome::Modified { .. } | Outcome::Unchanged { .. } => {
            matches!(operation, Operation::Modify { .. }) && action::is_met(operation, outcome)
        }
        Outcome::Unknown => operation.is_write(),
        Outcome::Refused(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::{ClusterId, Record, Refusal};

    const GENERATION: Option<Generation> = Some(Generation {
        root: ClusterId(1),
        number: 0,
    });

    fn read() -> Operation {
        Operation::Read {
            name: RegisterName::new("r").unwrap(),
        }
    }

    #[test]
    fn a_second_answer_is_a_fault() {
        let mut book = Book::new();
        let ticket = book.call(Instant::START, 1, read(), 0, GENERATION);
        let mut answer = || {
            let outcome = Outcome::Read {
                record: Record::EMPTY,
                rounds: 1,
            };
            book.answer(Instant::START, ticket, outcome, 0, GENERATION)
        };
        assert_eq!(answer(), Ok(()));
        assert!(answer().unwrap_err().contains("answered twice"));
    }

    #[test]
    fn a_read_that_ends_as_unknown_is_a_fault() {
        let mut book = Book::new();
        let ticket = book.call(Instant::START, 1, read(), 0, GENERATION);
        let answered = book.answer(Instant::START, ticket, Outcome::Unknown, 0, GENERATION);
        assert!(answered.is_err());
    }

    #[test]
    fn what_no_cluster_took_is_in_no_history() {
        let mut book = Book::new();
        let ticket = book.call(Instant::START, 1, read(), 0, GENERATION);
        let refused = Outcome::Refused(Refusal::NoCluster);
        assert_eq!(
            book.answer(Instant::START, ticket, refused, 0, None),
            Ok(())
        );
        assert!(book.history(&WallClocks::new(&[0])).is_empty());
        assert_eq!(book.take_ended().len(), 1);
    }
}
