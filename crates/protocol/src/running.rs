//! The operations that run at a coordinator: [`Running`] and the table of them, [`Operations`].

use crate::answers::Answers;
use crate::forward::Forward;
use crate::lane::LaneTimer;
use crate::message::{Counter, RequestId};
use crate::modify::Modify;
use crate::operation::{Operation, Outcome, Refusal};
use crate::output::Ticket;
use crate::read::Read;
use crate::record::Record;
use crate::slot::RegisterName;
use crate::time::Time;
use crate::write::Write;
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::time::Duration;
#[cfg(feature = "planted-faults")]
use {crate::configuration::Configuration, alloc::sync::Arc};

/// One operation that runs at this coordinator.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Running {
    /// Who is told how it ends.
    pub(crate) origin: Origin,
    /// The register.
    pub(crate) name: RegisterName,
    /// The first number that it drew. It may draw others, but the low-water mark does not pass this
    /// one before it has ended. Zero if it has drawn none.
    pub(crate) born: Counter,
    /// When it ends at the latest.
    pub(crate) deadline: Time,
    /// When its messages are sent again, and how long to wait after that.
    pub(crate) resend_at: Time,
    pub(crate) resend_wait: Duration,
    /// What the replicas answered in this epoch.
    pub(crate) answers: Answers,
    /// What it does.
    pub(crate) task: Task,
    /// A planted fault: the configuration whose quorums its phase counts, whichever epoch its
    /// messages name.
    #[cfg(feature = "planted-faults")]
    pub(crate) counted: Option<Arc<Configuration>>,
}

/// Who is told how an operation ends.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Origin {
    /// A client of this node.
    Client(Ticket),
    /// Another node that forwarded it.
    Forwarder(RequestId),
    /// Nobody: this node deletes what has expired.
    Sweep,
    /// The listing of this number, if it still runs.
    Listing(Counter),
}

/// What an operation does.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Task {
    Read(Read),
    Write(Write),
    Modify(Box<Modify>),
    Forward(Box<Forward>),
}

impl Running {
    /// How it ends at its deadline: refused if nothing was sent that could take effect.
    pub(crate) fn outcome_at_deadline(&self) -> Outcome {
        match &self.task {
            Task::Forward(forward) => forward.outcome_at_deadline(),
            Task::Write(write) if write.record().is_some() => Outcome::Unknown,
            Task::Modify(modify) => modify.outcome_now(Refusal::NoQuorum),
            Task::Read(_) | Task::Write(_) => Outcome::Refused(Refusal::NoQuorum),
        }
    }

    /// What was asked for, if a client asked, and it has had no effect yet and can have none: it can
    /// as well be done elsewhere.
    pub(crate) fn without_effect(&self) -> Option<Operation> {
        if !matches!(self.origin, Origin::Client(_)) || self.name.is_reserved() {
            return None;
        }
        let name = self.name.clone();
        match &self.task {
            Task::Read(_) => Some(Operation::Read { name }),
            Task::Write(write) => write.without_effect(name),
            // What a read deletes has expired, whoever finds that.
            Task::Modify(modify) if modify.is_read() => Some(Operation::Read { name }),
            Task::Modify(modify) => modify.without_effect(name),
            Task::Forward(_) => None,
        }
    }

    /// Whether it can change its register.
    pub(crate) fn is_write(&self) -> bool {
        match &self.task {
            Task::Read(_) => false,
            Task::Write(_) => true,
            Task::Modify(modify) => !modify.is_read(),
            Task::Forward(forward) => forward.operation.is_write(),
        }
    }

    /// Whether it is a read that has not found out what it was to find out, and has time left.
    pub(crate) fn is_to_read_anew(&self, now: Time, outcome: &Outcome) -> bool {
        let is_read = matches!(&self.task, Task::Modify(modify) if modify.is_read());
        let is_open = matches!(
            outcome,
            Outcome::Unknown | Outcome::Refused(Refusal::Contended)
        );
        is_read && is_open && now < self.deadline
    }

    /// The record that the phase it is in propagates, if it does.
    pub(crate) fn update(&self) -> Option<&Record> {
        self.task.update()
    }
}

impl Task {
    /// The record that its phase propagates, if it does.
    pub(crate) fn update(&self) -> Option<&Record> {
        match self {
            Task::Read(read) => read.write_back(),
            Task::Write(write) => write.record(),
            Task::Modify(modify) => modify.update(),
            Task::Forward(_) => None,
        }
    }
}

/// All operations that run at this coordinator, by number, and their timers.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Operations {
    /// Each in a place of its own: they are large, and the map moves what it holds.
    running: BTreeMap<Counter, Box<Running>>,
    timers: BTreeSet<(Time, LaneTimer, Counter)>,
    /// The first numbers of those that have drawn others since, or are about to.
    renumbered: BTreeSet<Counter>,
    next: Counter,
}

impl Operations {
    /// None yet, in the lane of this number.
    pub(crate) fn new(lane: u16) -> Self {
        Self {
            running: BTreeMap::new(),
            timers: BTreeSet::new(),
            renumbered: BTreeSet::new(),
            next: Counter::first(lane),
        }
    }

    /// Takes in an operation and gives it a number that was never used before.
    pub(crate) fn insert(&mut self, mut running: Box<Running>) -> Counter {
        let counter = self.draw();
        if running.born == Counter(0) {
            running.born = counter;
        }
        self.timers
            .insert((running.deadline, LaneTimer::Deadline, counter));
        self.timers
            .insert((running.resend_at, LaneTimer::Resend, counter));
        self.running.insert(counter, running);
        counter
    }

    /// A number for a request that is no operation's. Whoever draws it holds the low-water mark
    /// down for as long as it waits.
    pub(crate) fn draw(&mut self) -> Counter {
        let counter = self.next;
        self.next = counter.next();
        counter
    }

    /// Takes an operation out, and its timers with it.
    pub(crate) fn remove(&mut self, counter: Counter) -> Option<Box<Running>> {
        let running = self.running.remove(&counter)?;
        self.timers
            .remove(&(running.deadline, LaneTimer::Deadline, counter));
        self.timers
            .remove(&(running.resend_at, LaneTimer::Resend, counter));
        self.renumbered.remove(&running.born);
        Some(running)
    }

    /// Takes out an operation that is about to come in again: it goes on all the while.
    pub(crate) fn suspend(&mut self, counter: Counter) -> Option<Box<Running>> {
        let running = self.remove(counter)?;
        self.renumbered.insert(running.born);
        Some(running)
    }

    /// Gives a running operation a new number, so that replies to its former one count no more.
    pub(crate) fn renumber(&mut self, counter: Counter) -> Option<Counter> {
        let running = self.suspend(counter)?;
        Some(self.insert(running))
    }

    /// Puts off the next re-send: by the operation's present wait, which doubles up to `max`.
    pub(crate) fn put_off_resend(&mut self, now: Time, counter: Counter, max: Duration) {
        if let Some(running) = self.running.get(&counter) {
            let wait = running.resend_wait;
            self.set_resend(counter, now + wait, (wait * 2).min(max));
        }
    }

    /// Sets when the operation's messages are sent again, and how long to wait after that.
    pub(crate) fn set_resend(&mut self, counter: Counter, at: Time, wait: Duration) {
        if let Some(running) = self.running.get_mut(&counter) {
            self.timers
                .remove(&(running.resend_at, LaneTimer::Resend, counter));
            (running.resend_at, running.resend_wait) = (at, wait);
            self.timers.insert((at, LaneTimer::Resend, counter));
        }
    }

    pub(crate) fn get(&self, counter: Counter) -> Option<&Running> {
        self.running.get(&counter).map(|running| &**running)
    }

    pub(crate) fn get_mut(&mut self, counter: Counter) -> Option<&mut Running> {
        self.running.get_mut(&counter).map(|running| &mut **running)
    }

    /// The numbers of all that run, oldest first.
    pub(crate) fn counters(&self) -> Vec<Counter> {
        self.running.keys().copied().collect()
    }

    /// The number that the next one gets.
    pub(crate) fn next(&self) -> Counter {
        self.next
    }

    pub(crate) fn len(&self) -> usize {
        self.running.len()
    }

    /// The low-water mark: no operation that began below this number runs, or ever will.
    pub(crate) fn low_water(&self) -> Counter {
        let oldest = self.running.first_key_value();
        let oldest = oldest.map_or(self.next, |(counter, _)| *counter);
        let renumbered = self.renumbered.first();
        renumbered.map_or(oldest, |born| oldest.min(*born))
    }

    /// The next timer, and why it is set.
    pub(crate) fn next_timer(&self) -> Option<(Time, LaneTimer, Counter)> {
        self.timers.first().copied()
    }
}
