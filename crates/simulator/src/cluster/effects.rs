//! What comes to a process, and what it wants done.

use super::links::Frame;
use super::{CHANGE_ANSWERED_WITHIN, Cluster, Event, Gone, OVERDUE_AFTER};
use crate::clocks::Instant;
use crate::invariants::{Era, Generation, Settled};
use crate::network::ProcessNumber;
use crate::process::{Alarm, Effect, Input, State};
use protocol::{
    Body, ClusterId, Configuration, Epoch, Group, Message, NodeId, Outcome, Record, Ticket,
};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// That a process has copied a group, for the trace.
#[derive(Hash)]
struct CopiedGroup {
    id: NodeId,
    epoch: Epoch,
    group: Group,
}

impl fmt::Display for CopiedGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, epoch, group } = self;
        write!(f, "  {id} has copied group {group} in epoch {epoch}")
    }
}

/// The members of a configuration, for the trace.
struct Members<'a>(&'a Configuration);

impl fmt::Display for Members<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids = |f: &mut fmt::Formatter<'_>, members: &[protocol::Member]| {
            members
                .iter()
                .try_for_each(|member| write!(f, " {}", member.id))
        };
        f.write_str("members")?;
        ids(f, self.0.members_before())?;
        if self.0.is_joint() {
            f.write_str(", and then")?;
            ids(f, self.0.members_after())?;
        }
        f.write_str(if self.0.is_aborted() {
            "; a change was given up"
        } else {
            ""
        })
    }
}

impl Cluster {
    /// Something comes to a process. If it is frozen, that waits in its sockets.
    pub(super) fn deliver(&mut self, number: ProcessNumber, input: Input) {
        let process = &mut self.processes[number];
        match process.state {
            State::Dead => {}
            State::Running => {
                let now = self.places[process.site].clock.read(self.now);
                let wall = self.wall_clocks.read(process.site, self.now);
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
                let concerns_links = !matches!(input, Input::Message(_) | Input::Durable { .. });
                process.handle(now, wall, input, &mut self.invariants);
                if was_timeout && process.next_timeout().is_some_and(|next| next <= now) {
                    let id = process.incarnation.node;
                    self.fail(format!(
                        "a timer of {id} stays due however often it goes off"
                    ));
                }
                self.apply_effects(number);
                if concerns_links {
                    self.dial_all(number);
                }
            }
            State::Frozen => match input {
                Input::Timeout => {}
                // Its own disk and kernel have room for what they know.
                Input::LinkUp { .. } | Input::LinkDown { .. } | Input::Durable { .. } => {
                    process.inbox.push_back(input);
                }
                Input::Request { .. }
                | Input::Change { .. }
                | Input::Message(_)
                | Input::Membership { .. } => {
                    if process.inbox.len() < self.machines.inbox_max {
                        process.inbox.push_back(input);
                    } else if let Input::Change { ticket, .. } = input {
                        self.changes.remove(&ticket);
                    } else if let Input::Request { ticket, .. } = input {
                        self.lose(ticket, number);
                    }
                }
            },
        }
    }

    /// Several messages come to a process at once, which does what follows from all of them.
    pub(super) fn deliver_together(&mut self, number: ProcessNumber, messages: Vec<Message>) {
        if self.processes[number].state != State::Running {
            for message in messages {
                self.deliver(number, Input::Message(Box::new(message)));
            }
            return;
        }
        let process = &mut self.processes[number];
        let now = self.places[process.site].clock.read(self.now);
        let wall = self.wall_clocks.read(process.site, self.now);
        for message in messages {
            let input = Input::Message(Box::new(message));
            process.handle(now, wall, input, &mut self.invariants);
        }
        self.apply_effects(number);
    }

    /// Does what a process wants done, and sets its timer.
    pub(super) fn apply_effects(&mut self, number: ProcessNumber) {
        let mut copying: BTreeMap<NodeId, Vec<Message>> = BTreeMap::new();
        while let Some(effect) = self.processes[number].poll_effect() {
            let id = self.processes[number].incarnation.node;
            match effect {
                Effect::Send(message) => match message.body {
                    Body::Pull { .. } | Body::PullReply { .. } => {
                        copying.entry(message.to).or_default().push(*message);
                    }
                    _ => self.send(number, message.to, Frame::Lane(message)),
                },
                Effect::SendMembership { to, message } => {
                    let from = self.processes[number].incarnation.node;
                    self.send(number, to, Frame::Membership { from, to, message });
                }
                Effect::Answer {
                    ticket,
                    outcome,
                    era,
                } => self.answer(number, ticket, outcome, era),
                Effect::Persist {
                    lane,
                    number: record,
                } => self.persist(number, lane, record),
                Effect::CalledSettled(settled) => self.expect_settled(&settled),
                Effect::Entered {
                    configuration,
                    is_first,
                } => self.entered(number, configuration, is_first),
                Effect::PeerState { peer, state } => {
                    self.trace.tell(
                        self.now,
                        format_args!("{id} believes that {peer} is {state}"),
                    );
                }
                Effect::Event(event) => self
                    .trace
                    .tell(self.now, format_args!("{id} logs: {event}")),
                Effect::Copied { epoch, group } => {
                    self.memory.copied(number, epoch, group);
                    self.trace.note(self.now, &CopiedGroup { id, epoch, group });
                }
                Effect::ChangeAnswer { ticket, answer } => {
                    self.trace.tell(
                        self.now,
                        format_args!("{id} answers change #{}: {answer:?}", ticket.0),
                    );
                    match self.changes.remove(&ticket) {
                        Some(asked) if asked == number => {
                            self.figures.changes.count(&answer);
                            self.changes_answered.insert(ticket, answer);
                        }
                        _ => self.fail(format!("change #{} was answered twice", ticket.0)),
                    }
                }
                Effect::Stop { by, address } => {
                    self.trace.tell(
                        self.now,
                        format_args!("{id} stops: {by} has its place, at {address}"),
                    );
                    self.figures.changes.stopped += 1;
                    return self.crash(self.processes[number].site);
                }
            }
        }
        for (to, messages) in copying {
            self.send(number, to, Frame::Copying(messages));
        }
        self.arm(number);
    }

    fn answer(
        &mut self,
        number: ProcessNumber,
        ticket: Ticket,
        outcome: Outcome,
        era: (ClusterId, Epoch),
    ) {
        let process = &self.processes[number];
        let (id, site) = (process.incarnation.node, process.site);
        self.trace.tell(
            self.now,
            format_args!("{id} answers #{}: {outcome:?}", ticket.0),
        );
        let call = self.book.running(ticket);
        let name = call.map(|call| call.operation.name().clone());
        let seen_expired = call.and_then(|call| {
            let (record, at) = (held(&outcome)?, held(&outcome)?.expiry?);
            let is_past = self.wall_clocks.all_show(at, call.called_at, self.now);
            is_past.then(|| format!("#{} was told of {record:?}, which had expired for everybody before it was asked for", ticket.0))
        });
        if let Some(call) = call {
            self.figures
                .operations
                .count(&call.operation, Some(&outcome));
            self.figures.count_rounds(&outcome);
        }
        if let Some(name) = name
            && let Some(settled) = self.invariants.told(era, &name, &outcome)
        {
            self.expect_settled(&settled);
        }
        if let Some(wrong) = seen_expired {
            self.fail(wrong);
        }
        let ended_in = self.generation_at(ticket, Some(era));
        if let Err(wrong) = self.book.answer(self.now, ticket, outcome, site, ended_in) {
            self.fail(wrong);
        }
    }

    /// Of which generation the operation's register is to somebody in this era.
    fn generation_at(&self, ticket: Ticket, era: Option<Era>) -> Option<Generation> {
        let era = era.filter(|(cluster, _)| *cluster != ClusterId::NONE)?;
        let name = self.book.running(ticket)?.operation.name();
        Some(self.invariants.lineage().generation(era, name))
    }

    /// Nobody will ever answer the operation.
    pub(super) fn lose(&mut self, ticket: Ticket, number: ProcessNumber) {
        if let Some(call) = self.book.running(ticket) {
            self.figures.operations.count(&call.operation, None);
        }
        let process = &self.processes[number];
        let ended_in = self.generation_at(ticket, process.era());
        self.book.lose(self.now, ticket, process.site, ended_in);
    }

    fn expect_settled(&mut self, settled: &Settled) {
        let process_of = |id| self.directory.get(&id).copied();
        self.invariants.expect_settled(settled, process_of);
    }

    fn persist(&mut self, number: ProcessNumber, lane: usize, record: protocol::PersistNumber) {
        let after = self
            .chance
            .span(Duration::ZERO..=self.machines.disk_delay_max);
        let stalls = self.machines.disk_stalls;
        let after = match stalls > 0.0 && self.chance.happens(stalls) {
            true => after + self.chance.span(Duration::ZERO..=Duration::from_secs(2)),
            false => after,
        };
        let durable = Event::Durable {
            process: number,
            lane,
            number: record,
        };
        self.calendar.enter(self.now + after, durable);
    }

    fn entered(
        &mut self,
        number: ProcessNumber,
        configuration: Arc<Configuration>,
        is_first: bool,
    ) {
        let id = self.processes[number].incarnation.node;
        self.memory.entered(number, id, &configuration);
        let (cluster, epoch) = (configuration.cluster(), configuration.epoch());
        self.trace.tell(
            self.now,
            format_args!(
                "{id} enters {cluster}, epoch {epoch}: {}",
                Members(&configuration)
            ),
        );
        if is_first {
            self.stands_first(&configuration);
        }
        let lineage = self.invariants.lineage();
        let is_of_same =
            |known: &Arc<Configuration>| lineage.root(known.cluster()) == lineage.root(cluster);
        // Epochs of clusters that went on from one another are in one order.
        let known = self
            .configuration
            .as_ref()
            .filter(|known| is_of_same(known));
        let is_other = known.is_none();
        if is_other || known.is_some_and(|known| known.epoch() < epoch) {
            if is_other || !configuration.forced().is_empty() {
                // Those that are left make do with what they have.
                self.gone = Gone::default();
            }
            self.configuration = Some(configuration);
            // A founder may have died before it was one.
            self.note_what_is_gone();
        }
        self.dial_all(number);
    }

    /// Nobody has entered this configuration before.
    fn stands_first(&mut self, configuration: &Arc<Configuration>) {
        let cluster = configuration.cluster();
        let before = self.configuration.as_deref();
        let before = before.filter(|before| before.cluster() == cluster);
        self.figures.changes.stands(before, configuration);
        let recoveries = &mut self.figures.recoveries;
        if configuration.is_recovery() {
            recoveries.as_new_cluster += 1;
        } else if !configuration.forced().is_empty() {
            recoveries.by_majority += 1;
        }
        if let Some(recovered) = self.invariants.recovered(configuration) {
            recoveries.finished += 1;
            recoveries.registers_given_up += recovered.given_up.len() as u64;
            self.book.recovered(self.now, recovered);
        }
    }

    /// The operator asked for the change a while ago. The process that was asked must have told
    /// what became of it, unless it was frozen meanwhile or its clock stood still.
    pub(super) fn expect_change_answered(&mut self, ticket: Ticket) {
        let Some(&number) = self.changes.get(&ticket) else {
            return;
        };
        let process = &self.processes[number];
        let is_awake = process.state == State::Running
            && self.now.since(process.undisturbed_since) >= CHANGE_ANSWERED_WITHIN;
        if is_awake {
            let id = process.incarnation.node;
            self.fail(format!(
                "{id} has not told what became of change #{}",
                ticket.0
            ));
        } else {
            self.calendar.enter(
                self.now + CHANGE_ANSWERED_WITHIN,
                Event::ChangeOverdue { ticket },
            );
        }
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

/// What a client was told that the register held, if it held anything.
fn held(outcome: &Outcome) -> Option<&Record> {
    match outcome {
        Outcome::Read { record, .. }
        | Outcome::Modified { record, .. }
        | Outcome::Unchanged { record, .. } => record.content.is_some().then_some(record),
        Outcome::Written { .. } | Outcome::Refused(_) | Outcome::Unknown => None,
    }
}
