//! The operations that run at a coordinator: [`Running`] and the table of them, [`Operations`].

use crate::answers::Answers;
use crate::forward::Forward;
use crate::lane::LaneTimer;
use crate::message::{Counter, RequestId};
use crate::operation::{Outcome, Refusal};
use crate::output::Ticket;
use crate::read::Read;
use crate::slot::RegisterName;
use crate::time::Time;
use crate::write::Write;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::time::Duration;

/// One operation that runs at this coordinator.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Running {
    /// Who is told how it ends.
    pub(crate) origin: Origin,
    /// The register.
    pub(crate) name: RegisterName,
    /// When it ends at the latest.
    pub(crate) deadline: Time,
    /// When its messages are sent again, and how long to wait after that.
    pub(crate) resend_at: Time,
    pub(crate) resend_wait: Duration,
    /// What the replicas answered in this epoch.
    pub(crate) answers: Answers,
    /// What it does.
    pub(crate) task: Task,
}

/// Who is told how an operation ends.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Origin {
    /// A client of this node.
    Client(Ticket),
    /// Another node that forwarded it.
    Forwarder(RequestId),
}

/// What an operation does.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Task {
    Read(Read),
    Write(Write),
    Forward(Forward),
}

impl Running {
    /// How it ends at its deadline: refused if nothing was sent that could take effect.
    pub(crate) fn outcome_at_deadline(&self) -> Outcome {
        match &self.task {
            Task::Forward(forward) => forward.outcome_at_deadline(),
            Task::Write(write) if write.record().is_some() => Outcome::Unknown,
            Task::Read(_) | Task::Write(_) => Outcome::Refused(Refusal::NoQuorum),
        }
    }

    /// Whether it can change its register.
    pub(crate) fn is_write(&self) -> bool {
        match &self.task {
            Task::Read(_) => false,
            Task::Write(_) => true,
            Task::Forward(forward) => forward.operation.is_write(),
        }
    }
}

/// All operations that run at this coordinator, by number, and their timers.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Operations {
    running: BTreeMap<Counter, Running>,
    timers: BTreeSet<(Time, LaneTimer, Counter)>,
    next: Counter,
}

impl Operations {
    /// None yet, in the lane of this number.
    pub(crate) fn new(lane: u16) -> Self {
        Self {
            running: BTreeMap::new(),
            timers: BTreeSet::new(),
            next: Counter::first(lane),
        }
    }

    /// Takes in an operation and gives it a number that was never used before.
    pub(crate) fn insert(&mut self, running: Running) -> Counter {
        let counter = self.next;
        self.next = counter.next();
        self.timers
            .insert((running.deadline, LaneTimer::Deadline, counter));
        self.timers
            .insert((running.resend_at, LaneTimer::Resend, counter));
        self.running.insert(counter, running);
        counter
    }

    /// Takes an operation out, and its timers with it.
    pub(crate) fn remove(&mut self, counter: Counter) -> Option<Running> {
        let running = self.running.remove(&counter)?;
        self.timers
            .remove(&(running.deadline, LaneTimer::Deadline, counter));
        self.timers
            .remove(&(running.resend_at, LaneTimer::Resend, counter));
        Some(running)
    }

    /// Gives a running operation a new number, so that replies to its former one count no more.
    pub(crate) fn renumber(&mut self, counter: Counter) -> Option<Counter> {
        let running = self.remove(counter)?;
        Some(self.insert(running))
    }

    /// Puts off the next re-send: by the operation's present wait, which doubles up to `max`.
    pub(crate) fn put_off_resend(&mut self, now: Time, counter: Counter, max: Duration) {
        let Some(running) = self.running.get_mut(&counter) else {
            return;
        };
        self.timers
            .remove(&(running.resend_at, LaneTimer::Resend, counter));
        running.resend_at = now + running.resend_wait;
        running.resend_wait = (running.resend_wait * 2).min(max);
        self.timers
            .insert((running.resend_at, LaneTimer::Resend, counter));
    }

    pub(crate) fn get(&self, counter: Counter) -> Option<&Running> {
        self.running.get(&counter)
    }

    pub(crate) fn get_mut(&mut self, counter: Counter) -> Option<&mut Running> {
        self.running.get_mut(&counter)
    }

    /// The numbers of all that run, oldest first.
    pub(crate) fn counters(&self) -> Vec<Counter> {
        self.running.keys().copied().collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.running.len()
    }

    /// The low-water mark: no operation below this number runs, or ever will.
    pub(crate) fn low_water(&self) -> Counter {
        let oldest = self.running.first_key_value();
        oldest.map_or(self.next, |(counter, _)| *counter)
    }

    /// The next timer, and why it is set.
    pub(crate) fn next_timer(&self) -> Option<(Time, LaneTimer, Counter)> {
        self.timers.first().copied()
    }
}
