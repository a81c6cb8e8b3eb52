//! What comes to a process, and what it wants done.

use super::links::Frame;
use super::{Cluster, Event, OVERDUE_AFTER};
use crate::clocks::Instant;
use crate::network::ProcessNumber;
use crate::process::{Alarm, Effect, Input, State};
use protocol::{Configuration, Outcome, RegisterName, Tag, Ticket};
use std::sync::Arc;
use std::time::Duration;

impl Cluster {
    /// Something comes to a process. If it is frozen, that waits in its sockets.
    pub(super) fn deliver(&mut self, number: ProcessNumber, input: Input) {
        let process = &mut self.processes[number];
        match process.state {
            State::Dead => {}
            State::Running => {
                let now = self.places[process.site].clock.read(self.now);
                if let Input::Request {
                    ticket, timeout, ..
                } = &input
                {
                    let deadline = now + *timeout;
                    self.book.set_deadline(*ticket, deadline);
                    let due = self.places[process.site].clock.when(deadline);
                    self.calendar
                        .enter(due + OVERDUE_AFTER, Event::Overdue { ticket: *ticket });
                }
                let was_timeout = matches!(input, Input::Timeout);
                process.handle(now, input, &mut self.invariants);
                if was_timeout && process.next_timeout().is_some_and(|next| next <= now) {
                    let id = process.incarnation.node;
                    self.fail(format!(
                        "a timer of {id} stays due however often it goes off"
                    ));
                }
                self.apply_effects(number);
            }
            State::Frozen => match input {
                Input::Timeout => {}
                // Its own disk and kernel have room for what they know.
                Input::LinkUp { .. } | Input::LinkDown { .. } | Input::Durable { .. } => {
                    process.inbox.push_back(input);
                }
                Input::Request { .. } | Input::Message(_) | Input::Membership { .. } => {
                    if process.inbox.len() < self.machines.inbox_max {
                        process.inbox.push_back(input);
                    } else if let Input::Request { ticket, .. } = input {
                        let site = process.site;
                        let cluster = process
                            .configuration()
                            .map(|configuration| configuration.cluster());
                        self.figures.operations.lost += 1;
                        self.book.lose(self.now, ticket, site, cluster);
                    }
                }
            },
        }
    }

    /// Does what a process wants done, and sets its timer.
    pub(super) fn apply_effects(&mut self, number: ProcessNumber) {
        while let Some(effect) = self.processes[number].poll_effect() {
            let id = self.processes[number].incarnation.node;
            match effect {
                Effect::Send(message) => self.send(number, message.to, Frame::Lane(message)),
                Effect::SendMembership { to, message } => {
                    let from = self.processes[number].incarnation.node;
                    self.send(number, to, Frame::Membership { from, to, message });
                }
                Effect::Answer { ticket, outcome } => self.answer(number, ticket, outcome),
                Effect::Persist {
                    lane,
                    number: record,
                } => self.persist(number, lane, record),
                Effect::CalledSettled { name, tag } => self.expect_settled(&name, tag),
                Effect::Entered(configuration) => self.entered(number, configuration),
                Effect::PeerState { peer, state } => {
                    self.trace.tell(
                        self.now,
                        format_args!("{id} believes that {peer} is {state}"),
                    );
                }
                Effect::Event(event) => self
                    .trace
                    .tell(self.now, format_args!("{id} logs: {event}")),
            }
        }
        self.arm(number);
    }

    fn answer(&mut self, number: ProcessNumber, ticket: Ticket, outcome: Outcome) {
        let process = &self.processes[number];
        let (id, site) = (process.incarnation.node, process.site);
        self.trace.tell(
            self.now,
            format_args!("{id} answers #{}: {outcome:?}", ticket.0),
        );
        let call = self.book.running(ticket);
        let name = call.map(|call| call.operation.name().clone());
        self.figures
            .count(call.is_some_and(|call| call.operation.is_write()), &outcome);
        match (&outcome, name) {
            (Outcome::Written { tag, .. }, Some(name)) => self.expect_settled(&name, *tag),
            (Outcome::Read { record, .. }, Some(name)) => {
                self.invariants.shown(&name, record);
                self.expect_settled(&name, record.tag);
            }
            _ => {}
        }
        let cluster = self.processes[number]
            .configuration()
            .map(|configuration| configuration.cluster());
        if let Err(wrong) = self.book.answer(self.now, ticket, outcome, site, cluster) {
            self.fail(wrong);
        }
    }

    /// Somebody relies on this tag's being settled, so a majority must hold it.
    fn expect_settled(&mut self, name: &RegisterName, tag: Tag) {
        if self.judged_inside && !tag.is_zero() && !self.majority_held(name, tag) {
            self.fail(format!(
                "{tag} of {name} is taken for settled, but no majority holds it"
            ));
        }
    }

    fn persist(&mut self, number: ProcessNumber, lane: usize, record: protocol::PersistNumber) {
        let after = self
            .chance
            .span(Duration::ZERO..=self.machines.disk_delay_max);
        let durable = Event::Durable {
            process: number,
            lane,
            number: record,
        };
        self.calendar.enter(self.now + after, durable);
    }

    fn entered(&mut self, number: ProcessNumber, configuration: Arc<Configuration>) {
        let id = self.processes[number].incarnation.node;
        let (cluster, epoch) = (configuration.cluster(), configuration.epoch());
        self.trace.tell(
            self.now,
            format_args!("{id} enters {cluster}, epoch {epoch}"),
        );
        let is_newer = self
            .configuration
            .as_ref()
            .is_none_or(|known| known.cluster() != cluster || known.epoch() < epoch);
        if is_newer {
            self.configuration = Some(configuration);
        }
        self.dial_all(number);
    }

    /// Sets the timer of a process for when it next wants it.
    pub(super) fn arm(&mut self, number: ProcessNumber) {
        let process = &mut self.processes[number];
        let Some(next) = process
            .next_timeout()
            .filter(|_| process.state == State::Running)
        else {
            return;
        };
        let due = self.places[process.site].clock.when(next).max(self.now);
        if process.timer.is_none_or(|alarm| due < alarm.due) {
            let rings = due
                + self
                    .chance
                    .span(Duration::ZERO..=self.machines.timers_late_max);
            process.timer = Some(Alarm { due, rings });
            self.calendar.enter(
                rings,
                Event::Timer {
                    process: number,
                    rings,
                },
            );
        }
    }

    /// The timer of a process goes off.
    pub(super) fn ring(&mut self, number: ProcessNumber, rings: Instant) {
        let process = &mut self.processes[number];
        if process.timer.is_none_or(|alarm| alarm.rings != rings) {
            return;
        }
        process.timer = None;
        let now = self.places[process.site].clock.read(self.now);
        if process.next_timeout().is_some_and(|next| next <= now) {
            self.deliver(number, Input::Timeout);
        } else {
            self.arm(number);
        }
    }

    /// The operation's deadline passed a while ago. Its process must have ended it, unless it was
    /// frozen meanwhile or its clock stood still.
    pub(super) fn expect_ended(&mut self, ticket: Ticket) {
        let Some(call) = self.book.running(ticket) else {
            return;
        };
        let process = &self.processes[call.process];
        let now = self.places[process.site].clock.read(self.now);
        let due = call
            .deadline
            .map(|deadline| self.places[process.site].clock.when(deadline));
        let is_awake = process.state == State::Running
            && self.now.since(process.undisturbed_since) >= OVERDUE_AFTER;
        if is_awake
            && call
                .deadline
                .is_some_and(|deadline| deadline + OVERDUE_AFTER / 2 <= now)
        {
            let operation = call.operation.clone();
            self.fail(format!(
                "{ticket:?} has outlived its deadline: {operation:?}"
            ));
        } else {
            let again = due.unwrap_or(self.now).max(self.now) + OVERDUE_AFTER;
            self.calendar.enter(again, Event::Overdue { ticket });
        }
    }
}
