//! A lane as coordinator: it starts operations, carries them on with each answer, and ends them.

use crate::answers::Answers;
use crate::forward::Forward;
use crate::lane::{Lane, LaneTimer};
use crate::membership::PeerState;
use crate::message::{Body, Counter, OperationId};
use crate::modify::{Circumstances, Modify, ModifyStep};
use crate::node::NodeId;
use crate::operation::{Operation, Outcome, Refusal};
use crate::output::{Output, PersistNumber};
use crate::read::{Read, ReadStep};
#[cfg(feature = "planted-faults")]
use crate::record::Record;
use crate::rule::Rule;
use crate::running::{Origin, Running, Task};
use crate::slot::{RegisterName, Slot};
use crate::tag::Tag;
use crate::time::Time;
use crate::write::{Write, WriteStep};
use alloc::boxed::Box;

/// What an operation does next.
enum Step {
    Wait,
    Fetch(Tag),
    /// Ask the replicas what its new phase asks of them.
    Ask,
    TryAgain,
    /// A read found a record that has expired: it must be gone before the read answers.
    Expire,
    End(Outcome),
}

impl Lane {
    /// Starts an operation, or refuses it at once.
    pub(crate) fn start(
        &mut self,
        now: Time,
        origin: Origin,
        operation: Operation,
        deadline: Time,
    ) {
        let refusal = match &self.configuration {
            None => Some(Refusal::NoCluster),
            // Clients must not keep the members from changing: that may be what they wait for.
            Some(_) if operation.name().is_reserved() => None,
            // It is part of something that was let in, and has a bound of its own.
            Some(_) if matches!(origin, Origin::Listing(_)) => None,
            Some(_) if self.operations.len() >= self.options.operations_max => Some(Refusal::Busy),
            Some(_) => None,
        };
        if let Some(refusal) = refusal {
            let is_write = operation.is_write();
            return self.tell(origin, is_write, Outcome::Refused(refusal));
        }
        let name = operation.name().clone();
        let coordinator = match &operation {
            Operation::Modify { .. } if matches!(origin, Origin::Client(_)) => {
                self.coordinator_of(&name)
            }
            _ => None,
        };
        let task = if let Some(coordinator) = coordinator {
            Task::Forward(Box::new(Forward::to(coordinator, operation)))
        } else if self.is_member() {
            match operation {
                Operation::Read { .. } => Task::Read(Read::default()),
                Operation::Write {
                    content, expiry, ..
                } => Task::Write(Write::new(content, expiry)),
                Operation::Modify { change, .. } => {
                    let id = OperationId {
                        origin: self.options.incarnation,
                        counter: self.operations.next(),
                    };
                    Task::Modify(Box::new(Modify::new(id, change)))
                }
            }
        } else {
            Task::Forward(Box::new(Forward::new(operation)))
        };
        let is_modify = matches!(task, Task::Modify(_));
        let counter = self.operations.insert(Box::new(Running {
            origin,
            name,
            born: Counter(0),
            deadline,
            resend_at: now + self.options.resend_first,
            resend_wait: self.options.resend_first * 2,
            answers: Answers::default(),
            task,
            #[cfg(feature = "planted-faults")]
            counted: None,
        }));
        if is_modify {
            self.begin_modify(now, counter);
        } else {
            self.launch(now, counter);
        }
    }

    /// The node that coordinates the read-modify-writes of a register, if it is another one that
    /// answers: the first alive replica. If all go to one, they need not fight each other.
    fn coordinator_of(&self, name: &RegisterName) -> Option<NodeId> {
        let own = self.options.incarnation.node;
        if name.is_reserved() || !self.is_member() || !self.options.routes_changes {
            return None;
        }
        let configuration = self.configuration.as_ref()?;
        let mut order = configuration.replicas_in_order(name.slot());
        let first = order.find(|node| *node == own || self.is_alive(*node));
        first.filter(|first| *first != own)
    }

    /// Whether the failure detector has said that a peer is alive.
    pub(crate) fn is_alive(&self, node: NodeId) -> bool {
        self.peers.told(node) == Some(PeerState::Alive)
    }

    /// A read has found a record that has expired. It deletes that very record by a
    /// read-modify-write before it answers.
    fn expire_for_read(&mut self, now: Time, counter: Counter) {
        let Some(counter) = self.operations.renumber(counter) else {
            return;
        };
        let origin = self.options.incarnation;
        if let Some(running) = self.operations.get_mut(counter) {
            running.answers.clear();
            running.task = Task::Modify(Box::new(Modify::of_read(OperationId { origin, counter })));
        }
        self.begin_modify(now, counter);
    }

    /// Sends the first messages of the phase that an operation is in, to its own replica too.
    pub(crate) fn launch(&mut self, now: Time, counter: Counter) {
        if let Some(running) = self.operations.get(counter)
            && matches!(running.task, Task::Forward(_))
        {
            return self.send_forward(now, counter);
        }
        self.ask_own_replica(counter);
        match self.first_asked(counter) {
            Some((first, hedge)) => {
                let wait = self.options.resend_first;
                self.operations.set_resend(counter, now + hedge, wait);
                self.ask(counter, |node| first.contains(&Some(node)));
            }
            None => self.ask(counter, |_| true),
        }
        self.carry_on(now, counter);
    }

    /// Does what the answers so far lead to, until there is nothing to do but wait.
    pub(crate) fn carry_on(&mut self, now: Time, counter: Counter) {
        loop {
            match self.step(counter) {
                Step::Wait => return,
                Step::Fetch(tag) => return self.fetch(counter, tag),
                Step::Ask => {
                    self.ask_own_replica(counter);
                    self.ask(counter, |_| true);
                }
                Step::TryAgain => return self.try_again(now, counter),
                Step::Expire => return self.expire_for_read(now, counter),
                Step::End(outcome) => return self.end(now, counter, outcome),
            }
        }
    }

    fn step(&mut self, counter: Counter) -> Step {
        let Some(configuration) = &self.configuration else {
            return Step::Wait;
        };
        let Some(running) = self.operations.get_mut(counter) else {
            return Step::Wait;
        };
        let slot = running.name.slot();
        #[cfg(feature = "planted-faults")]
        let counted = running.counted.clone();
        #[cfg(feature = "planted-faults")]
        let configuration = counted.as_ref().unwrap_or(configuration);
        let quorums = configuration.quorums(slot);
        #[cfg(feature = "planted-faults")]
        let too_small = match self.options.planted {
            Some(crate::PlantedFault::QuorumTooSmall) => Some(quorums.clone().one_too_small()),
            _ => None,
        };
        #[cfg(feature = "planted-faults")]
        let quorums = too_small.as_ref().unwrap_or(quorums);
        let rule = Rule {
            quorums,
            answers: &running.answers,
            #[cfg(feature = "planted-faults")]
            planted: self.options.planted,
            #[cfg(feature = "planted-faults")]
            believed_alive: &|node| {
                node == self.options.incarnation.node || self.peers.state(node) == PeerState::Alive
            },
        };
        match &mut running.task {
            Task::Forward(_) => Step::Wait,
            Task::Read(read) => match read.next(&rule) {
                ReadStep::Wait => Step::Wait,
                ReadStep::Fetch(tag) => Step::Fetch(tag),
                ReadStep::WriteBack => Step::Ask,
                #[cfg(feature = "planted-faults")]
                ReadStep::Done(record)
                    if record.is_expired(self.wall)
                        && self.options.planted
                            == Some(crate::PlantedFault::ExpiredReadsAsNothing) =>
                {
                    let rounds = read.rounds();
                    let record = Record {
                        content: None,
                        expiry: None,
                        ..record
                    };
                    Step::End(Outcome::Read { record, rounds })
                }
                ReadStep::Done(record) if record.is_expired(self.wall) => Step::Expire,
                ReadStep::Done(record) => Step::End(Outcome::Read {
                    record,
                    rounds: read.rounds(),
                }),
            },
            Task::Write(write) => match write.next(&rule) {
                WriteStep::Wait => Step::Wait,
                WriteStep::Done(tag) => Step::End(Outcome::Written {
                    tag,
                    rounds: write.rounds(),
                }),
                WriteStep::Refuse => Step::End(Outcome::Refused(Refusal::Full)),
                WriteStep::Issue(seen) => {
                    let seen = seen.max(running.answers.bounds().floor.saturating_sub(1));
                    let issued = self.issued.entry(slot).or_default();
                    let Some(seq) = next_seq(seen.max(*issued)) else {
                        return Step::End(Outcome::Refused(Refusal::Exhausted));
                    };
                    *issued = seq;
                    let writer = self.options.incarnation;
                    let step = 0;
                    write.issue(Tag { seq, writer, step });
                    Step::Ask
                }
            },
            Task::Modify(modify) => {
                let circumstances = Circumstances {
                    wall: self.wall,
                    content_bytes_max: match running.name.is_reserved() {
                        true => usize::MAX,
                        false => self.options.content_bytes_max,
                    },
                };
                let expected = |node| self.peers.state(node) != PeerState::Down;
                match modify.next(&rule, circumstances, expected) {
                    ModifyStep::Wait => Step::Wait,
                    ModifyStep::Ask => Step::Ask,
                    ModifyStep::TryAgain => Step::TryAgain,
                    ModifyStep::Done(outcome) => Step::End(outcome),
                }
            }
        }
    }

    /// A planted fault lets the failure detector decide, so its word may complete operations.
    #[cfg(feature = "planted-faults")]
    pub(crate) fn carry_on_all(&mut self, now: Time) {
        for counter in self.operations.counters() {
            self.carry_on(now, counter);
        }
    }

    /// Sends an operation's messages again to those that have not answered.
    fn resend(&mut self, now: Time, counter: Counter) {
        self.operations
            .put_off_resend(now, counter, self.options.resend_max);
        match self
            .operations
            .get_mut(counter)
            .map(|running| &mut running.task)
        {
            Some(Task::Forward(_)) => self.send_forward(now, counter),
            // Those who hold the value have died with it, or are slow to give it. What they
            // answered need not be waited for: it was not shown to anyone.
            Some(Task::Read(read)) if read.is_fetching() => self.ask_holders_again(now, counter),
            Some(Task::Modify(modify)) if modify.is_backing_off() => {
                self.attempt_or_end(now, counter);
            }
            Some(Task::Modify(modify)) => {
                modify.note_resend();
                self.ask(counter, |_| true);
                self.carry_on(now, counter);
            }
            Some(Task::Read(_) | Task::Write(_)) => self.ask(counter, |_| true),
            None => {}
        }
    }

    /// Ends what has reached its deadline and sends again what is late.
    pub(crate) fn run_timers(&mut self, now: Time) {
        while let Some((time, timer, counter)) = self.operations.next_timer() {
            if time > now {
                return;
            }
            match timer {
                LaneTimer::Resend => self.resend(now, counter),
                LaneTimer::Copy | LaneTimer::Sweep | LaneTimer::Collect | LaneTimer::Repair => {
                    unreachable!("no operation has such a timer")
                }
                LaneTimer::Deadline => {
                    if let Some(running) = self.operations.get(counter) {
                        let outcome = running.outcome_at_deadline();
                        self.end(now, counter, outcome);
                    }
                }
            }
        }
    }

    /// A peer answers again, or is in this epoch at last: whatever waits for it is sent to it at
    /// once.
    pub(crate) fn ask_again(&mut self, now: Time, peer: NodeId) {
        for counter in self.operations.counters() {
            match self.operations.get(counter).map(|running| &running.task) {
                Some(Task::Forward(forward)) if forward.executor.is_none() => {
                    self.send_forward(now, counter);
                }
                Some(Task::Forward(_)) | None => {}
                Some(_) => self.ask(counter, |node| node == peer),
            }
        }
    }

    /// Another epoch has begun: every operation forgets the answers of the phase it is in and
    /// starts that phase over under a new number; what has a tag or a ballot keeps it.
    ///
    /// `is_broken` says of which slots the quorums of the two epochs may not meet.
    ///
    /// Who was no member in the epoch before, or was in none of it, has no part in what was agreed in
    /// the meantime (see [`collecting`](crate::collecting)): what it has sent may take effect, but it
    /// sends it no more.
    pub(crate) fn start_all_over(
        &mut self,
        now: Time,
        was_away: bool,
        is_broken: impl Fn(Slot) -> bool,
    ) {
        self.hand_over(now);
        for counter in self.operations.counters() {
            #[cfg(feature = "planted-faults")]
            if self.keeps_old_answers() {
                self.ask(counter, |_| true);
                continue;
            }
            let running = self.operations.get(counter);
            let is_issued = |running: &Running| match &running.task {
                Task::Write(write) => write.record().is_some(),
                Task::Read(_) | Task::Modify(_) | Task::Forward(_) => false,
            };
            if was_away && running.is_some_and(is_issued) {
                self.end(now, counter, Outcome::Unknown);
                continue;
            }
            let running = self.operations.get(counter);
            if running.is_some_and(|running| was_away || is_broken(running.name.slot())) {
                self.forget_former_phases(now, counter);
            }
            self.start_over(now, counter);
        }
    }

    /// What an operation has learned may have been given up since: what was greatest then may hide
    /// what was written later under a lesser tag, and a step that was to be chosen may not be the
    /// only one of its tag.
    fn forget_former_phases(&mut self, now: Time, counter: Counter) {
        let Some(running) = self.operations.get_mut(counter) else {
            return;
        };
        match &mut running.task {
            Task::Read(read) => read.begin_anew(),
            Task::Modify(modify) if !running.name.is_reserved() => {
                if modify.has_proposed() {
                    self.end(now, counter, Outcome::Unknown);
                } else if modify.is_past_promises() {
                    self.try_again(now, counter);
                }
            }
            // Its tag is its own for ever, wherever it comes among the others.
            Task::Write(_) | Task::Modify(_) | Task::Forward(_) => {}
        }
    }

    /// Planted faults keep what was answered in the former epoch.
    #[cfg(feature = "planted-faults")]
    fn keeps_old_answers(&self) -> bool {
        use crate::PlantedFault::{MixEpochs, NewestEpochStamp};
        matches!(self.options.planted, Some(MixEpochs | NewestEpochStamp))
    }

    /// Starts the phase that an operation is in over, under a new number: answers to the former
    /// one count no more.
    fn start_over(&mut self, now: Time, counter: Counter) {
        let (Some(running), Some(entered)) =
            (self.operations.get_mut(counter), &self.configuration)
        else {
            return;
        };
        running.answers.clear();
        match &mut running.task {
            Task::Read(read) => read.start_over(),
            Task::Write(write) => write.start_over(),
            Task::Modify(modify) => {
                if running.name.is_reserved()
                    && let Some(outcome) = modify.overtaken(&entered.record())
                {
                    return self.end(now, counter, outcome);
                }
                if !modify.start_over() {
                    return;
                }
            }
            // It counts no quorums: it belongs to its executor, in whatever epoch.
            Task::Forward(_) => return,
        }
        if let Some(counter) = self.operations.renumber(counter) {
            let wait = self.options.resend_first;
            self.operations.set_resend(counter, now + wait, wait * 2);
            self.launch(now, counter);
        }
    }

    /// An operation has ended; one that waited for it begins.
    pub(crate) fn end(&mut self, now: Time, counter: Counter, outcome: Outcome) {
        let running = self.operations.get(counter);
        if running.is_some_and(|running| running.is_to_read_anew(now, &outcome)) {
            return self.read_anew(now, counter);
        }
        if let Some(ended) = self.conclude(counter, outcome) {
            self.pass_turn(now, counter, &ended);
        }
    }

    /// A read lost the deletion of what had expired to others, who did the same or wrote something
    /// else. It has told nobody anything, so it looks again.
    fn read_anew(&mut self, now: Time, counter: Counter) {
        self.begin_anew(now, counter, Task::Read(Read::default()));
    }

    /// An operation that has had no effect begins once more, as this.
    pub(crate) fn begin_anew(&mut self, now: Time, counter: Counter, task: Task) {
        let Some(mut running) = self.operations.remove(counter) else {
            return;
        };
        self.pass_turn(now, counter, &running);
        running.answers.clear();
        running.task = task;
        // It knows nothing of what it saw.
        running.born = Counter(0);
        let wait = self.options.resend_first;
        (running.resend_at, running.resend_wait) = (now + wait, wait * 2);
        let counter = self.operations.insert(running);
        self.launch(now, counter);
    }

    /// Takes an operation out and says how it ended.
    pub(crate) fn conclude(&mut self, counter: Counter, outcome: Outcome) -> Option<Box<Running>> {
        let running = self.operations.remove(counter)?;
        let settled = match &outcome {
            Outcome::Read { record, .. }
            | Outcome::Modified { record, .. }
            | Outcome::Unchanged { record, .. } => Some(record.tag),
            Outcome::Written { tag, .. } => Some(*tag),
            Outcome::Refused(_) | Outcome::Unknown => None,
        };
        if let Some(tag) = settled {
            self.spread_settled(&running, tag);
        }
        let outcome = match &running.task {
            Task::Modify(modify) if modify.is_read() => as_of_read(outcome),
            _ => outcome,
        };
        if running.origin == Origin::Sweep {
            self.swept(&running.name, &outcome);
        }
        if let Origin::Listing(counter) = running.origin {
            self.note_listing_read(counter, &running.name, &outcome);
        }
        self.tell(running.origin, running.is_write(), outcome);
        Some(running)
    }

    /// Tells the replicas that hold the very tag, and are not known to know it, that it is
    /// settled. Otherwise a dead writer's register would cost every reader a second round.
    pub(crate) fn spread_settled(&mut self, running: &Running, tag: Tag) {
        if tag.is_zero() || matches!(running.task, Task::Forward(_)) {
            return;
        }
        let stamp = self.stamp();
        let Some(configuration) = &self.configuration else {
            return;
        };
        let own = self.options.incarnation.node;
        for node in running.quorums(configuration).replicas() {
            let unaware = match running.answers.of(node) {
                Some(held) if held.tag >= tag => held.tag == tag && !held.settled,
                // It was sent the update in the operation's last phase, if there was one.
                _ => running.update().is_some(),
            };
            if node == own {
                self.replica.settle(&running.name, tag);
            } else if unaware {
                let name = running.name.clone();
                let message = stamp.message(node, Body::Settled { name, tag });
                let after = PersistNumber::NONE;
                self.outputs.push_back(Output::Send { message, after });
            }
        }
    }

    /// Says how an operation ended, to whoever asked for it.
    pub(crate) fn tell(&mut self, origin: Origin, is_write: bool, outcome: Outcome) {
        match origin {
            Origin::Client(ticket) => self.outputs.push_back(Output::Answer { ticket, outcome }),
            Origin::Forwarder(request) => {
                let has_ended = self.peers.has_ended(request.origin, request.counter);
                self.forwards.end(request, &outcome, is_write, has_ended);
                self.send_forward_reply(request, outcome);
            }
            Origin::Sweep => self.note_swept(),
            Origin::Listing(_) => {}
        }
    }
}

/// How a read ends that first had to delete what had expired.
fn as_of_read(outcome: Outcome) -> Outcome {
    match outcome {
        Outcome::Modified { record, rounds, .. } | Outcome::Unchanged { record, rounds, .. } => {
            Outcome::Read { record, rounds }
        }
        // Whether that was deleted is not known. But the read has told nobody anything.
        Outcome::Unknown => Outcome::Refused(Refusal::NoQuorum),
        outcome => outcome,
    }
}

/// The sequence number after `seen`, as long as there is one that other nodes accept.
fn next_seq(seen: u64) -> Option<u64> {
    (seen < Tag::SEQ_MAX).then(|| seen + 1)
}
