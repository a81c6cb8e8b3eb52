//! Who asked for what, and how it ended: [`Book`].

use crate::clocks::Instant;
use crate::network::{ProcessNumber, Site};
use bytes::Bytes;
use checker::{Action, Client, History, Reply};
use protocol::{Change, ClusterId, Expected, Operation, Outcome, RegisterName, Ticket, Time};
use std::collections::BTreeMap;

/// All operations of a run: those that still run, and the history of those that ended.
///
/// The history belongs to the clients: a register is one of its cluster, so that a cluster founded
/// after all memory was lost begins with new ones.
#[derive(Debug)]
pub(crate) struct Book {
    running: BTreeMap<Ticket, Call>,
    history: History<String>,
    tickets: u64,
    /// The history's time: every call and every return has a number of its own.
    moments: u64,
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
    /// `None` if its process died first.
    pub(crate) outcome: Option<Outcome>,
    pub(crate) called_at: Instant,
    pub(crate) ended_at: Instant,
}

impl Book {
    pub(crate) fn new() -> Self {
        Self {
            running: BTreeMap::new(),
            history: History::new(),
            tickets: 0,
            moments: 0,
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
    ) -> Ticket {
        self.tickets += 1;
        let ticket = Ticket(self.tickets);
        let called = self.moment();
        let call = Call {
            client,
            operation,
            process,
            called_at: now,
            deadline: None,
            called,
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

    /// The process that runs the operation, which is in this cluster, says how it ended.
    ///
    /// # Errors
    /// What is wrong with that answer.
    pub(crate) fn answer(
        &mut self,
        now: Instant,
        ticket: Ticket,
        outcome: Outcome,
        site: Site,
        cluster: Option<ClusterId>,
    ) -> Result<(), String> {
        let Some(call) = self.running.remove(&ticket) else {
            return Err(format!(
                "{ticket:?} was answered twice, the second time with {outcome:?}"
            ));
        };
        let is_write = call.operation.is_write();
        let fits = match &outcome {
            Outcome::Read { .. } => !is_write,
            Outcome::Written { .. } => matches!(call.operation, Operation::Write { .. }),
            Outcome::Modified { .. } | Outcome::Unchanged { .. } => {
                matches!(call.operation, Operation::Modify { .. })
            }
            Outcome::Unknown => is_write,
            Outcome::Refused(_) => true,
        };
        if !fits {
            return Err(format!("{:?} ended with {outcome:?}", call.operation));
        }
        let moment = self.moment();
        if let Some(id) = self.record(&call, cluster) {
            match &outcome {
                Outcome::Read { record, .. } => {
                    let reply = Reply::Read(text(&record.content));
                    self.history.done(id, moment, reply);
                }
                Outcome::Written { .. } => self.history.done(id, moment, Reply::Written),
                Outcome::Modified { record, .. } => {
                    let reply = Reply::Modified(text(&record.content));
                    self.history.done(id, moment, reply);
                }
                Outcome::Unchanged { record, .. } => {
                    let reply = Reply::Unchanged(text(&record.content));
                    self.history.done(id, moment, reply);
                }
                Outcome::Refused(_) => self.history.refused(id, moment),
                Outcome::Unknown => self.history.unknown(id),
            }
        } else if !matches!(outcome, Outcome::Refused(_)) {
            return Err(format!(
                "a process in no cluster answered {ticket:?} with {outcome:?}"
            ));
        }
        self.end(now, ticket, call, site, Some(outcome));
        Ok(())
    }

    /// The operation will never be answered: its process, which was in this cluster, died or never
    /// got the request.
    pub(crate) fn lose(
        &mut self,
        now: Instant,
        ticket: Ticket,
        site: Site,
        cluster: Option<ClusterId>,
    ) {
        if let Some(call) = self.running.remove(&ticket) {
            if let Some(id) = self.record(&call, cluster) {
                self.history.unknown(id);
            }
            self.end(now, ticket, call, site, None);
        }
    }

    /// What ended since this was last called.
    pub(crate) fn take_ended(&mut self) -> Vec<Ended> {
        std::mem::take(&mut self.ended)
    }

    pub(crate) fn history(&self) -> &History<String> {
        &self.history
    }

    /// Puts the operation into the history. One that no cluster took is about no register.
    fn record(&mut self, call: &Call, cluster: Option<ClusterId>) -> Option<checker::OperationId> {
        let register = format!("{}@{}", call.operation.name(), cluster?);
        let action = match &call.operation {
            Operation::Read { .. } => Action::Read,
            Operation::Write { content, .. } => text(content).map_or(Action::Delete, Action::Write),
            Operation::Modify { change, .. } => match change {
                Change::CompareAndSet {
                    expected: Expected::Content(expected),
                    content,
                    ..
                } => Action::CompareAndSet {
                    expected: text(expected),
                    new: text(content),
                },
                Change::Add { amount } => Action::Add(*amount),
                Change::CompareAndSet { expected, .. } => {
                    unreachable!("no client compares with {expected:?}")
                }
            },
        };
        Some(
            self.history
                .call(Client(call.client), register, action, call.called),
        )
    }

    fn end(
        &mut self,
        now: Instant,
        ticket: Ticket,
        call: Call,
        site: Site,
        outcome: Option<Outcome>,
    ) {
        self.ended.push(Ended {
            ticket,
            client: call.client,
            site,
            name: call.operation.name().clone(),
            is_modification: matches!(call.operation, Operation::Modify { .. }),
            outcome,
            called_at: call.called_at,
            ended_at: now,
        });
    }

    fn moment(&mut self) -> u64 {
        self.moments += 1;
        self.moments
    }
}

/// What clients write is text.
fn text(content: &Option<Bytes>) -> Option<String> {
    let text = |value: &Bytes| String::from_utf8(value.to_vec()).expect("clients write text");
    content.as_ref().map(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::{Record, Refusal};

    fn read() -> Operation {
        Operation::Read {
            name: RegisterName::new("r").unwrap(),
        }
    }

    #[test]
    fn a_second_answer_is_a_fault() {
        let mut book = Book::new();
        let ticket = book.call(Instant::START, 1, read(), 0);
        let mut answer = || {
            let outcome = Outcome::Read {
                record: Record::EMPTY,
                rounds: 1,
            };
            book.answer(Instant::START, ticket, outcome, 0, Some(ClusterId(1)))
        };
        assert_eq!(answer(), Ok(()));
        assert!(answer().unwrap_err().contains("answered twice"));
    }

    #[test]
    fn a_read_that_ends_as_unknown_is_a_fault() {
        let mut book = Book::new();
        let ticket = book.call(Instant::START, 1, read(), 0);
        let answered = book.answer(
            Instant::START,
            ticket,
            Outcome::Unknown,
            0,
            Some(ClusterId(1)),
        );
        assert!(answered.is_err());
    }

    #[test]
    fn what_no_cluster_took_is_in_no_history() {
        let mut book = Book::new();
        let ticket = book.call(Instant::START, 1, read(), 0);
        let refused = Outcome::Refused(Refusal::NoCluster);
        assert_eq!(
            book.answer(Instant::START, ticket, refused, 0, None),
            Ok(())
        );
        assert!(book.history().is_empty());
        assert_eq!(book.take_ended().len(), 1);
    }
}
