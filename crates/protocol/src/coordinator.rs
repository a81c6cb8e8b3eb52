//! A lane as coordinator: it starts operations, carries them on with each answer, and ends them.

use crate::answers::Answers;
use crate::forward::Forward;
use crate::lane::{Lane, LaneTimer};
use crate::membership::PeerState;
use crate::message::{Answer, Body, Counter, Want};
use crate::node::NodeId;
use crate::operation::{Operation, Outcome, Refusal};
use crate::output::{Output, PersistNumber};
use crate::read::{Read, ReadStep};
use crate::record::Record;
use crate::rule::Rule;
use crate::running::{Origin, Running, Task};
use crate::slot::RegisterName;
use crate::tag::Tag;
use crate::time::Time;
use crate::write::{Write, WriteStep};

/// A vote of the coordinator's own replica, cast once its record is durable.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct OwnVote {
    after: PersistNumber,
    counter: Counter,
    answer: Answer,
}

/// What an operation does next.
enum Step {
    Wait,
    Fetch(Tag),
    Update,
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
            Some(_) if self.operations.len() >= self.options.operations_max => Some(Refusal::Busy),
            Some(_) => None,
        };
        if let Some(refusal) = refusal {
            let is_write = operation.is_write();
            return self.tell(origin, is_write, Outcome::Refused(refusal));
        }
        let name = operation.name().clone();
        let task = if self.is_member() {
            match operation {
                Operation::Read { .. } => Task::Read(Read::default()),
                Operation::Write {
                    content, expiry, ..
                } => Task::Write(Write::new(content, expiry)),
            }
        } else {
            Task::Forward(Forward::new(operation))
        };
        let counter = self.operations.insert(Running {
            origin,
            name,
            deadline,
            resend_at: now + self.options.resend_first,
            resend_wait: self.options.resend_first * 2,
            answers: Answers::default(),
            task,
        });
        self.launch(now, counter);
    }

    /// Sends the first messages of the phase that an operation is in, to its own replica too.
    fn launch(&mut self, now: Time, counter: Counter) {
        if let Some(running) = self.operations.get(counter)
            && matches!(running.task, Task::Forward(_))
        {
            return self.send_forward(now, counter);
        }
        self.ask_own_replica(counter);
        self.ask(counter, |_| true);
        self.carry_on(counter);
    }

    /// Takes in what a replica answered to an operation's query or update.
    pub(crate) fn take_answer(&mut self, from: NodeId, counter: Counter, answer: Answer) {
        let Some(configuration) = &self.configuration else {
            return;
        };
        let Some(running) = self.operations.get_mut(counter) else {
            return;
        };
        if !configuration.quorums(running.name.slot()).contains(from) {
            return;
        }
        running.answers.note(from, answer.tag(), answer.settled());
        if let Task::Read(read) = &mut running.task {
            read.hold(answer);
        }
        self.carry_on(counter);
    }

    /// Does what the answers so far lead to, until there is nothing to do but wait.
    fn carry_on(&mut self, counter: Counter) {
        loop {
            match self.step(counter) {
                Step::Wait => return,
                Step::Fetch(tag) => return self.fetch(counter, tag),
                Step::Update => {
                    self.ask_own_replica(counter);
                    self.ask(counter, |_| true);
                }
                Step::End(outcome) => return self.end(counter, outcome),
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
        let quorums = configuration.quorums(slot);
        #[cfg(feature = "planted-faults")]
        let quorums = match self.options.planted {
            Some(crate::PlantedFault::QuorumTooSmall) => quorums.one_too_small(),
            _ => quorums,
        };
        let rule = Rule {
            quorums: &quorums,
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
                ReadStep::WriteBack => Step::Update,
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
                WriteStep::Issue(seen) => {
                    let issued = self.issued.entry(slot).or_default();
                    let Some(seq) = next_seq(seen.max(*issued)) else {
                        return Step::End(Outcome::Refused(Refusal::Exhausted));
                    };
                    *issued = seq;
                    let writer = self.options.incarnation;
                    let step = 0;
                    write.issue(Tag { seq, writer, step });
                    Step::Update
                }
            },
        }
    }

    /// Asks this node's own replica what the operation's phase asks of all replicas.
    fn ask_own_replica(&mut self, counter: Counter) {
        let own = self.options.incarnation.node;
        let Some(running) = self.operations.get_mut(counter) else {
            return;
        };
        let name = running.name.clone();
        let configuration = self.configuration.as_ref();
        let quorums = configuration.map(|configuration| configuration.quorums(name.slot()));
        if !quorums.is_some_and(|quorums| quorums.contains(own)) {
            return;
        }
        let (answer, after) = match running.task.update().cloned() {
            None => {
                if let Task::Read(read) = &mut running.task {
                    read.hold_own(self.replica.record(&name));
                }
                self.replica.query(&name, Want::Tag)
            }
            Some(record) => {
                let (tag, after) = self.update_replica(&name, &record);
                let settled = false;
                (Answer::Tag { tag, settled }, after)
            }
        };
        if after > self.persisted {
            self.own_votes.push_back(OwnVote {
                after,
                counter,
                answer,
            });
        } else if let Some(running) = self.operations.get_mut(counter) {
            running.answers.note(own, answer.tag(), answer.settled());
        }
    }

    /// Casts the votes of the own replica that waited for the disk.
    pub(crate) fn cast_own_votes(&mut self) {
        let own = self.options.incarnation.node;
        // Votes wait in the order in which they came, not in that of what they wait for: a query
        // of a register written long ago comes with a low number after an update with a high one.
        let mut index = 0;
        while let Some(vote) = self.own_votes.get(index) {
            if vote.after > self.persisted {
                index += 1;
            } else if let Some(vote) = self.own_votes.remove(index) {
                self.take_answer(own, vote.counter, vote.answer);
            }
        }
    }

    /// Sends the other replicas what the operation's phase asks of them, if `chosen` and if they
    /// have not answered it yet.
    pub(crate) fn ask(&mut self, counter: Counter, chosen: impl Fn(NodeId) -> bool) {
        let own_node = self.options.incarnation.node;
        let Some(running) = self.operations.get(counter) else {
            return;
        };
        let Some(configuration) = self.configuration.clone() else {
            return;
        };
        let quorums = configuration.quorums(running.name.slot());
        let value_of_all = quorums.contains(own_node);
        let mut value_asked = false;
        let mut bodies = alloc::vec::Vec::new();
        for node in quorums.replicas().filter(|node| *node != own_node) {
            if !chosen(node) {
                continue;
            }
            let name = running.name.clone();
            let body = match (running.task.update(), &running.task) {
                (Some(record), _) if running.answers.holds(node, record.tag) => continue,
                (Some(record), _) => Body::Update {
                    counter,
                    name,
                    record: record.clone(),
                },
                (None, _) if running.answers.of(node).is_some() => continue,
                (None, Task::Read(read)) => {
                    // The coordinator's own copy is nearly always the newest, so asking everyone
                    // for a newer one moves no value; without an own copy one is asked. Of a peer
                    // that is down no value is expected; if its tag turns out to be the greatest,
                    // the value is fetched apart.
                    let is_asked = match self.peers.state(node) {
                        PeerState::Alive => value_of_all || !value_asked,
                        PeerState::Suspect => value_of_all,
                        PeerState::Down => false,
                    };
                    let want = if is_asked {
                        value_asked = true;
                        read.want()
                    } else {
                        Want::Tag
                    };
                    Body::Query {
                        counter,
                        name,
                        want,
                    }
                }
                (None, _) => Body::Query {
                    counter,
                    name,
                    want: Want::Tag,
                },
            };
            bodies.push((node, body));
        }
        for (node, body) in bodies {
            self.send(node, configuration.epoch(), body, PersistNumber::NONE);
        }
    }

    /// Asks one of those who hold `tag` for its record: the first that is believed alive.
    fn fetch(&mut self, counter: Counter, tag: Tag) {
        let (Some(running), Some(configuration)) =
            (self.operations.get(counter), self.configuration.clone())
        else {
            return;
        };
        let Task::Read(read) = &running.task else {
            return;
        };
        let own = self.options.incarnation.node;
        let quorums = configuration.quorums(running.name.slot());
        let others = quorums.replicas().filter(|node| *node != own);
        let holders = others.filter(|node| running.answers.holds(*node, tag));
        if let Some(first) = holders.min_by_key(|node| self.peers.state(*node)) {
            let body = Body::Query {
                counter,
                name: running.name.clone(),
                want: read.want(),
            };
            self.send(first, configuration.epoch(), body, PersistNumber::NONE);
        }
    }

    /// A planted fault lets the failure detector decide, so its word may complete operations.
    #[cfg(feature = "planted-faults")]
    pub(crate) fn carry_on_all(&mut self) {
        for counter in self.operations.counters() {
            self.carry_on(counter);
        }
    }

    /// Sends an operation's messages again to those that have not answered.
    fn resend(&mut self, now: Time, counter: Counter) {
        self.operations
            .put_off_resend(now, counter, self.options.resend_max);
        match self.operations.get(counter).map(|running| &running.task) {
            Some(Task::Forward(_)) => self.send_forward(now, counter),
            // Those who hold the value have died with it, or are slow to give it. What they
            // answered need not be waited for: it was not shown to anyone.
            Some(Task::Read(read)) if read.is_fetching() => self.ask_holders_again(counter),
            Some(_) => self.ask(counter, |_| true),
            None => {}
        }
    }

    /// Forgets what was answered by those who hold a value that they have not given, and asks them
    /// again. The number stays the same: the value may be on its way, however slowly.
    fn ask_holders_again(&mut self, counter: Counter) {
        let Some(running) = self.operations.get_mut(counter) else {
            return;
        };
        if let Task::Read(read) = &mut running.task {
            running.answers.forget_greatest();
            read.stop_fetching();
        }
        self.ask(counter, |_| true);
        self.carry_on(counter);
    }

    /// Ends what has reached its deadline and sends again what is late.
    pub(crate) fn run_timers(&mut self, now: Time) {
        while let Some((time, timer, counter)) = self.operations.next_timer() {
            if time > now {
                return;
            }
            match timer {
                LaneTimer::Resend => self.resend(now, counter),
                LaneTimer::Deadline => {
                    if let Some(running) = self.operations.get(counter) {
                        let outcome = running.outcome_at_deadline();
                        self.end(counter, outcome);
                    }
                }
            }
        }
    }

    /// A peer answers again: whatever waits for it is sent to it at once.
    pub(crate) fn peer_is_back(&mut self, now: Time, peer: NodeId) {
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
    /// starts that phase over under a new number; a write that has its tag keeps it.
    pub(crate) fn start_all_over(&mut self, now: Time) {
        for counter in self.operations.counters() {
            if let Some(running) = self.operations.get_mut(counter) {
                running.resend_wait = self.options.resend_first;
            }
            self.operations
                .put_off_resend(now, counter, self.options.resend_max);
            self.start_over(now, counter);
        }
    }

    /// Starts the phase that an operation is in over, under a new number: answers to the former
    /// one count no more.
    fn start_over(&mut self, now: Time, counter: Counter) {
        let Some(running) = self.operations.get_mut(counter) else {
            return;
        };
        match &mut running.task {
            Task::Read(read) => read.start_over(),
            Task::Write(write) => write.start_over(),
            // It counts no quorums: it belongs to its executor, in whatever epoch.
            Task::Forward(_) => return,
        }
        running.answers.clear();
        if let Some(counter) = self.operations.renumber(counter) {
            self.launch(now, counter);
        }
    }

    pub(crate) fn end(&mut self, counter: Counter, outcome: Outcome) {
        let Some(running) = self.operations.remove(counter) else {
            return;
        };
        self.spread_settled(&running, &outcome);
        let is_write = running.is_write();
        self.tell(running.origin, is_write, outcome);
    }

    /// Tells the replicas that hold the very tag, and are not known to know it, that it is
    /// settled. Otherwise a dead writer's register would cost every reader a second round.
    fn spread_settled(&mut self, running: &Running, outcome: &Outcome) {
        let tag = match outcome {
            Outcome::Read { record, .. } => record.tag,
            Outcome::Written { tag, .. } => *tag,
            Outcome::Refused(_) | Outcome::Unknown => return,
        };
        if tag.is_zero() || matches!(running.task, Task::Forward(_)) {
            return;
        }
        let Some(configuration) = self.configuration.clone() else {
            return;
        };
        let own = self.options.incarnation.node;
        for node in configuration.quorums(running.name.slot()).replicas() {
            let unaware = match running.answers.of(node) {
                Some(held) if held.tag >= tag => held.tag == tag && !held.settled,
                // It was sent the update in the operation's last phase, if there was one.
                _ => running.task.update().is_some(),
            };
            if node == own {
                self.replica.settle(&running.name, tag);
            } else if unaware {
                let name = running.name.clone();
                let body = Body::Settled { name, tag };
                self.send(node, configuration.epoch(), body, PersistNumber::NONE);
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
        }
    }

    /// Applies a record to the own replica, and has it made durable if it was taken.
    pub(crate) fn update_replica(
        &mut self,
        name: &RegisterName,
        record: &Record,
    ) -> (Tag, PersistNumber) {
        let updated = self.replica.update(name, record);
        if updated.taken {
            self.outputs.push_back(Output::Persist {
                number: updated.after,
                name: name.clone(),
                record: record.clone(),
            });
        }
        (updated.tag, updated.after)
    }
}

impl Task {
    /// The record that this phase propagates; in its first phase an operation has none.
    fn update(&self) -> Option<&Record> {
        match self {
            Task::Read(read) => read.write_back(),
            Task::Write(write) => write.record(),
            Task::Forward(_) => None,
        }
    }
}

/// The sequence number after `seen`, as long as there is one that other nodes accept.
fn next_seq(seen: u64) -> Option<u64> {
    (seen < Tag::SEQ_MAX).then(|| seen + 1)
}
