//! Operations that one node coordinates for another: [`Forward`] at the forwarder, and
//! [`Forwards`] at the node that executes them.
//!
//! A forward is executed at most once: its number is remembered by the executing node until the
//! forwarder's low-water mark has passed it, and never forgotten by time.

use crate::lane::Lane;
use crate::membership::PeerState;
use crate::message::{Body, Counter, OperationId, RequestId};
use crate::modify::Modify;
use crate::node::{Boot, Incarnation, NodeId};
use crate::operation::{Operation, Outcome, Refusal};
use crate::output::PersistNumber;
use crate::running::{Origin, Task};
use crate::time::Time;
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use core::time::Duration;

/// The longest that an operation runs for another node, whatever that one asks for.
const FORWARD_TIME_MAX: Duration = Duration::from_secs(600);

/// An operation that this node has forwarded, or will when it finds a member to take it.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Forward {
    /// What is asked.
    pub(crate) operation: Operation,
    /// The member that was asked. A write belongs to it alone: nobody else is asked unless this
    /// one says that nothing happened.
    pub(crate) executor: Option<NodeId>,
    /// Which of its incarnations was asked, once one was. The next one has forgotten what this one
    /// did.
    pub(crate) boot: Option<Boot>,
    /// The members that refused it, and why the last one did.
    pub(crate) refused_by: BTreeSet<NodeId>,
    pub(crate) refusal: Option<Refusal>,
}

impl Forward {
    pub(crate) fn new(operation: Operation) -> Self {
        Self {
            operation,
            executor: None,
            boot: None,
            refused_by: BTreeSet::new(),
            refusal: None,
        }
    }

    /// One for this very member.
    pub(crate) fn to(executor: NodeId, operation: Operation) -> Self {
        Self {
            executor: Some(executor),
            ..Self::new(operation)
        }
    }

    /// How it ends at its deadline.
    pub(crate) fn outcome_at_deadline(&self) -> Outcome {
        match self.executor {
            Some(_) if self.operation.is_write() => Outcome::Unknown,
            _ => Outcome::Refused(self.refusal.unwrap_or(Refusal::NoMember)),
        }
    }
}

/// The forwards that this lane executes or has executed.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub(crate) struct Forwards {
    known: BTreeMap<Incarnation, BTreeMap<Counter, Execution>>,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum Execution {
    Running,
    Ended(Outcome),
}

/// What to do about a forward that has arrived.
pub(crate) enum Admission {
    /// It is new: execute it. It is on record as running.
    Execute,
    /// It has been executed: answer again.
    AnswerAgain(Outcome),
    /// It is running, or too many are on record: say nothing. Its forwarder asks again.
    Ignore,
}

impl Forwards {
    /// The most forwards on record of one forwarder. One that keeps an operation running cannot
    /// raise its mark beyond it, so its later ones stay on record that long; those of one that
    /// dies stay for good, and must not take the room of others.
    const KNOWN_MAX: usize = 65_536;

    /// Looks up a forward, and puts it on record as running if it is new.
    pub(crate) fn admit(&mut self, request: RequestId) -> Admission {
        let known = self.known.entry(request.origin).or_default();
        match known.get(&request.counter) {
            Some(Execution::Running) => Admission::Ignore,
            Some(Execution::Ended(outcome)) => Admission::AnswerAgain(outcome.clone()),
            None if known.len() >= Self::KNOWN_MAX => Admission::Ignore,
            None => {
                known.insert(request.counter, Execution::Running);
                Admission::Execute
            }
        }
    }

    /// Notes how a forward ended, so that it is not executed again.
    ///
    /// A read is forgotten instead: executing it again harms nothing, and its value need not be
    /// kept. So is one that `has_ended` at its forwarder: it is below the mark, and refused.
    pub(crate) fn end(
        &mut self,
        request: RequestId,
        outcome: &Outcome,
        is_write: bool,
        has_ended: bool,
    ) {
        let known = self.known.entry(request.origin).or_default();
        if is_write && !has_ended {
            known.insert(request.counter, Execution::Ended(outcome.clone()));
        } else {
            known.remove(&request.counter);
        }
        if known.is_empty() {
            self.known.remove(&request.origin);
        }
    }

    /// Forgets what the low-water mark of `from` has passed in the lane that `mark` names.
    pub(crate) fn forget_ended(&mut self, from: Incarnation, mark: Counter) {
        let Some(known) = self.known.get_mut(&from) else {
            return;
        };
        let first = Counter::first(mark.lane()).min(mark);
        // A running one keeps its entry until it ends: its number must not be executed twice.
        known
            .extract_if(first..mark, |_, execution| {
                matches!(execution, Execution::Ended(_))
            })
            .for_each(drop);
        if known.is_empty() {
            self.known.remove(&from);
        }
    }
}

impl Lane {
    /// Sends a forwarded operation to its executor, choosing one if it has none.
    pub(crate) fn send_forward(&mut self, now: Time, counter: Counter) {
        let Some(running) = self.operations.get(counter) else {
            return;
        };
        let Task::Forward(forward) = &running.task else {
            return;
        };
        // A write belongs to its executor for good. A read may be asked of anyone.
        let abandoned = forward.executor.is_some_and(|executor| {
            !running.is_write() && self.peers.state(executor) != PeerState::Alive
        });
        let (counter, executor) = match forward.executor {
            Some(executor) if !abandoned => (counter, executor),
            _ => {
                let Some(executor) = self.choose_executor(counter) else {
                    return;
                };
                let counter = if abandoned {
                    self.operations.renumber(counter)
                } else {
                    Some(counter)
                };
                let Some(counter) = counter else { return };
                (counter, executor)
            }
        };
        let Some(running) = self.operations.get_mut(counter) else {
            return;
        };
        let Task::Forward(forward) = &mut running.task else {
            return;
        };
        if forward.executor != Some(executor) {
            forward.boot = None;
        }
        forward.executor = Some(executor);
        let boot = *(forward.boot).get_or_insert(self.peers.incarnation(executor).boot);
        let time_left = running.deadline.since(now);
        let body = Body::Forward {
            counter,
            executor: boot,
            operation: Box::new(forward.operation.clone()),
            // A little less, so that the executor's word arrives before the client's deadline:
            // its refusal says more than this node's not knowing.
            time_left: time_left - time_left / 8,
        };
        let epoch = self.epoch();
        self.send(executor, epoch, body, PersistNumber::NONE);
    }

    /// A member that may answer and has not refused the operation, an alive one if there is one; by
    /// the register's slot, so that the members share the work.
    fn choose_executor(&self, counter: Counter) -> Option<NodeId> {
        let running = self.operations.get(counter)?;
        let Task::Forward(forward) = &running.task else {
            return None;
        };
        let configuration = self.configuration.as_ref()?;
        let slot = running.name.slot();
        let members = configuration.members();
        let first = usize::from(slot.number()) % members.len();
        let in_turn = members[first..].iter().chain(&members[..first]);
        // Its replicas come first: of a read-modify-write the one that all others go to as well.
        let in_turn =
            (configuration.replicas_in_order(slot)).chain(in_turn.map(|member| member.id));
        let is_write = forward.operation.is_write();
        let able = in_turn.filter(|node| {
            let may_answer = match self.peers.told(*node) {
                Some(PeerState::Alive | PeerState::Suspect) => true,
                Some(PeerState::Down) => false,
                // A write cannot be taken back from one that turns out to be dead.
                None => !is_write,
            };
            may_answer
                && *node != self.options.incarnation.node
                && !forward.refused_by.contains(node)
        });
        able.min_by_key(|node| self.peers.state(*node))
    }

    /// A peer is down, or so are its incarnations before the boot `since`. What it was to change for
    /// others may have happened or not, and its word on that is not waited for. Reads are asked of
    /// the new one.
    pub(crate) fn give_up_forwards_to(&mut self, now: Time, peer: NodeId, since: Option<Boot>) {
        for counter in self.operations.counters() {
            let task = self
                .operations
                .get_mut(counter)
                .map(|running| &mut running.task);
            let Some(Task::Forward(forward)) = task else {
                continue;
            };
            let is_gone = forward
                .boot
                .is_none_or(|boot| since.is_none_or(|since| boot < since));
            if forward.executor != Some(peer) || !is_gone {
                continue;
            }
            if forward.operation.is_write() && forward.boot.is_some() {
                self.end(now, counter, Outcome::Unknown);
            } else if since.is_some() {
                forward.boot = None;
                self.send_forward(now, counter);
            }
        }
    }

    /// This node is no member any more. What it began for clients and nobody can hold yet, a member
    /// does in its place: the others need not serve it any longer, and may never answer.
    pub(crate) fn hand_over(&mut self, now: Time) {
        if self.is_member() {
            return;
        }
        for counter in self.operations.counters() {
            let running = self.operations.get(counter);
            if let Some(operation) = running.and_then(|running| running.without_effect()) {
                let task = Task::Forward(Box::new(Forward::new(operation)));
                self.begin_anew(now, counter, task);
            }
        }
    }

    /// Executes an operation for another node, at most once.
    pub(crate) fn take_forward(
        &mut self,
        now: Time,
        from: Incarnation,
        counter: Counter,
        operation: Operation,
        time_left: Duration,
    ) {
        let request = RequestId {
            origin: from,
            counter,
        };
        match self.forwards.admit(request) {
            Admission::Ignore => {}
            Admission::AnswerAgain(outcome) => self.send_forward_reply(request, outcome),
            Admission::Execute => {
                let origin = Origin::Forwarder(request);
                if self.is_member() {
                    let deadline = now + time_left.min(FORWARD_TIME_MAX);
                    self.start(now, origin, operation, deadline);
                } else {
                    let refused = Outcome::Refused(Refusal::NoMember);
                    self.tell(origin, operation.is_write(), refused);
                }
            }
        }
    }

    /// Takes in how a forwarded operation ended. If its executor certainly did nothing, another
    /// member is asked.
    pub(crate) fn take_forward_reply(
        &mut self,
        now: Time,
        from: NodeId,
        counter: Counter,
        outcome: Outcome,
    ) {
        let Some(running) = self.operations.get_mut(counter) else {
            return;
        };
        let Task::Forward(forward) = &mut running.task else {
            return;
        };
        if forward.executor != Some(from) {
            return;
        }
        let Outcome::Refused(refusal) = outcome else {
            return self.end(now, counter, outcome);
        };
        // It is the replicas that are full, whoever asks them.
        if refusal == Refusal::Full {
            return self.end(now, counter, outcome);
        }
        forward.executor = None;
        forward.boot = None;
        forward.refused_by.insert(from);
        forward.refusal = Some(refusal);
        if self.is_member() {
            return self.take_back(now, counter, refusal);
        }
        match self.operations.renumber(counter) {
            Some(counter) if self.choose_executor(counter).is_some() => {
                self.send_forward(now, counter);
            }
            Some(counter) => self.end(now, counter, outcome),
            None => {}
        }
    }

    /// A member gave a read-modify-write to another member, which certainly did nothing. If that one
    /// does not count itself among the members it is not the one to ask, and this node coordinates
    /// it after all.
    fn take_back(&mut self, now: Time, counter: Counter, refusal: Refusal) {
        let is_asked_wrongly = matches!(refusal, Refusal::NoMember | Refusal::NoCluster);
        let Some(counter) = self.operations.renumber(counter) else {
            return;
        };
        let Some(running) = self.operations.get_mut(counter) else {
            return;
        };
        let Task::Forward(forward) = &running.task else {
            return;
        };
        match &forward.operation {
            Operation::Modify { change, .. } if is_asked_wrongly => {
                let origin = self.options.incarnation;
                let id = OperationId { origin, counter };
                running.task = Task::Modify(Box::new(Modify::new(id, change.clone())));
                self.begin_modify(now, counter);
            }
            _ => self.end(now, counter, Outcome::Refused(refusal)),
        }
    }

    /// Says how an operation ended that was executed for another node.
    pub(crate) fn send_forward_reply(&mut self, request: RequestId, outcome: Outcome) {
        let epoch = self.epoch();
        let outcome = Box::new(outcome);
        let body = Body::ForwardReply { request, outcome };
        self.send(request.origin.node, epoch, body, PersistNumber::NONE);
    }
}
