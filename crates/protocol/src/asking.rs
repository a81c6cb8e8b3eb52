//! What a coordinator asks of the replicas, its own among them, and what they answer.

use crate::ballot::{Accepted, Ballot};
use crate::configuration::Configuration;
use crate::invariants::{Issued, expect_answer, expect_promise};
use crate::lane::Lane;
use crate::membership::PeerState;
use crate::message::{Answer, Body, Bounds, Counter, Promise, Want};
use crate::node::NodeId;
use crate::output::{Output, PersistNumber};
use crate::quorum::Quorums;
use crate::record::Record;
use crate::running::{Running, Task};
use crate::tag::Tag;
use crate::time::Time;
use alloc::boxed::Box;
use core::time::Duration;

/// What an operation asks of the replicas in the phase that it is in.
#[derive(Clone, Copy)]
pub(crate) enum Asks<'a> {
    /// Nothing, for now.
    Nothing,
    /// What do you hold?
    Query,
    /// Take this record.
    Update(&'a Record),
    /// Promise this ballot.
    Prepare(Ballot),
    /// Accept this step.
    Accept(&'a Accepted),
}

/// What a replica says to what an operation asks.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Vote {
    /// What it holds, be it asked for that or have it been given a record; and what a new record
    /// has to keep to.
    Holds(Answer, Bounds),
    /// Whether it has promised the ballot, and what a new record has to keep to.
    Promise(Promise, Bounds),
    /// Whether it has accepted the step of this ballot and tag, or which greater ballot it has
    /// promised.
    Accepted {
        of: (Ballot, Tag),
        refused_by: Option<Ballot>,
    },
}

/// A vote of the coordinator's own replica, cast once what it rests on is durable.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct OwnVote {
    after: PersistNumber,
    counter: Counter,
    vote: Vote,
}

impl Running {
    fn asks(&self) -> Asks<'_> {
        match &self.task {
            Task::Read(_) | Task::Write(_) => self.update().map_or(Asks::Query, Asks::Update),
            Task::Modify(modify) => modify.asks(),
            Task::Forward(_) => Asks::Nothing,
        }
    }

    /// Whether a replica has answered what is asked in this phase.
    fn is_answered_by(&self, node: NodeId) -> bool {
        match (self.asks(), &self.task) {
            (Asks::Update(record), _) => self.answers.holds(node, record.tag),
            (_, Task::Modify(modify)) => modify.has_voted(node),
            _ => self.answers.of(node).is_some(),
        }
    }

    /// The quorums that its phase counts.
    pub(crate) fn quorums<'a>(&'a self, configuration: &'a Configuration) -> &'a Quorums {
        #[cfg(feature = "planted-faults")]
        let configuration = self.counted.as_deref().unwrap_or(configuration);
        configuration.quorums(self.name.slot())
    }
}

/// The other replicas that are asked first, if not all are.
pub(crate) type First = [Option<NodeId>; FIRST_MAX];

/// A quorum of seven replicas, which is the most there are.
const FIRST_MAX: usize = 4;

impl Lane {
    /// Whom a first round asks that need not ask everyone at once, and how long it waits before it
    /// asks the others: as many as make a quorum, of those that are believed alive. They are other
    /// ones from operation to operation, so that all replicas have as much to do.
    ///
    /// What is asked of few is a matter of speed: a quorum's answers decide, whoever was asked.
    pub(crate) fn first_asked(&self, counter: Counter) -> Option<(First, Duration)> {
        let hedge = self.options.hedge?;
        let running = self.operations.get(counter)?;
        let configuration = self.configuration.as_ref()?;
        let is_first_round = matches!(running.task, Task::Read(_) | Task::Write(_))
            && matches!(running.asks(), Asks::Query);
        let quorums = running.quorums(configuration);
        if !is_first_round || quorums.is_joint() {
            return None;
        }
        let own = self.options.incarnation.node;
        let set = quorums.after();
        let missing = set.majority() - usize::from(set.contains(own));
        let others = set.nodes().iter().copied().filter(|node| *node != own);
        let start = (counter.0 % others.clone().count().max(1) as u64) as usize;
        let in_turn = others.clone().skip(start).chain(others.take(start));
        let mut alive = in_turn.filter(|node| self.is_alive(*node));
        let mut first = First::default();
        for place in first.get_mut(..missing)? {
            *place = Some(alive.next()?);
        }
        Some((first, hedge))
    }

    /// Asks this node's own replica what the operation's phase asks of all replicas.
    pub(crate) fn ask_own_replica(&mut self, counter: Counter) {
        let own = self.options.incarnation.node;
        let Some(configuration) = &self.configuration else {
            return;
        };
        let Some(running) = self.operations.get_mut(counter) else {
            return;
        };
        #[cfg(feature = "planted-faults")]
        if self.options.planted == Some(crate::PlantedFault::NewestEpochStamp) {
            running.counted = Some(configuration.clone());
        }
        let is_forced = configuration.is_forced(running.name.slot());
        if is_forced || !running.quorums(configuration).contains(own) {
            return;
        }
        let name = running.name.clone();
        let bounds = self.replica.bounds(&name, self.options.memory_bytes_max);
        let (vote, after) = match running.asks() {
            Asks::Nothing => return,
            Asks::Query => {
                if let Task::Read(read) = &mut running.task {
                    read.hold_own(self.replica.record(&name));
                }
                let (answer, after) = self.replica.query(&name, Want::Tag);
                (Vote::Holds(answer, bounds), after)
            }
            Asks::Update(record) => {
                let record = record.clone();
                let (tag, after) = self.update_replica(own, &name, &record);
                let settled = false;
                let answer = Answer::Tag { tag, settled };
                (Vote::Holds(answer, Bounds::NONE), after)
            }
            Asks::Prepare(ballot) => {
                let (promise, after) = self.promise(&name, ballot);
                (Vote::Promise(promise, bounds), after)
            }
            Asks::Accept(step) => {
                let (step, of) = (step.clone(), step.rank());
                let (refused_by, after) = self.accept(own, &name, &step);
                (Vote::Accepted { of, refused_by }, after)
            }
        };
        if after > self.persisted {
            self.own_votes.push_back(OwnVote {
                after,
                counter,
                vote,
            });
        } else {
            self.note_vote(own, counter, vote);
        }
    }

    /// Casts the votes of the own replica that waited for the disk.
    pub(crate) fn cast_own_votes(&mut self, now: Time) {
        let own = self.options.incarnation.node;
        // Votes wait in the order in which they came, not in that of what they wait for: a query
        // of a register written long ago comes with a low number after an update with a high one.
        let mut index = 0;
        while let Some(vote) = self.own_votes.get(index) {
            if vote.after > self.persisted {
                index += 1;
            } else if let Some(OwnVote { counter, vote, .. }) = self.own_votes.remove(index) {
                self.take_vote(now, own, counter, vote);
            }
        }
    }

    /// Sends the other replicas what the operation's phase asks of them, if `chosen` and if they
    /// have not answered it yet.
    pub(crate) fn ask(&mut self, counter: Counter, chosen: impl Fn(NodeId) -> bool) {
        let own_node = self.options.incarnation.node;
        let stamp = self.stamp();
        let (Some(running), Some(configuration)) =
            (self.operations.get(counter), &self.configuration)
        else {
            return;
        };
        // Nothing is known of a forced group until it is copied; then another epoch begins.
        if configuration.is_forced(running.name.slot()) {
            return;
        }
        let quorums = running.quorums(configuration);
        let asks = running.asks();
        let value_of_all = quorums.contains(own_node);
        let mut value_asked = false;
        for node in quorums.replicas().filter(|node| *node != own_node) {
            if !chosen(node) || running.is_answered_by(node) {
                continue;
            }
            let name = running.name.clone();
            let body = match asks {
                Asks::Nothing => return,
                Asks::Query => {
                    // The coordinator's own copy is nearly always the newest, so asking everyone
                    // for a newer one moves no value; without an own copy one is asked. Of a peer
                    // that is down no value is expected; if its tag turns out to be the greatest,
                    // the value is fetched apart.
                    let may_give_it = match self.peers.state(node) {
                        PeerState::Alive => value_of_all || !value_asked,
                        PeerState::Suspect => value_of_all,
                        PeerState::Down => false,
                    };
                    let want = match &running.task {
                        Task::Read(read) if may_give_it => {
                            value_asked = true;
                            read.want()
                        }
                        _ => Want::Tag,
                    };
                    Body::Query {
                        counter,
                        name,
                        want,
                    }
                }
                Asks::Update(record) => Body::Update {
                    counter,
                    name,
                    record: record.clone(),
                },
                Asks::Prepare(ballot) => Body::Prepare {
                    counter,
                    name,
                    ballot,
                },
                Asks::Accept(step) => Body::Accept {
                    counter,
                    name,
                    step: Box::new(step.clone()),
                },
            };
            let message = stamp.message(node, body);
            let after = PersistNumber::NONE;
            self.outputs.push_back(Output::Send { message, after });
        }
    }

    /// Asks one of those who hold `tag` for its record: the first that is believed alive.
    pub(crate) fn fetch(&mut self, counter: Counter, tag: Tag) {
        let (Some(running), Some(configuration)) =
            (self.operations.get(counter), &self.configuration)
        else {
            return;
        };
        let Task::Read(read) = &running.task else {
            return;
        };
        let own = self.options.incarnation.node;
        let others = running.quorums(configuration).replicas();
        let others = others.filter(|node| *node != own);
        let holders = others.filter(|node| running.answers.holds(*node, tag));
        let Some(first) = holders.min_by_key(|node| self.peers.state(*node)) else {
            return;
        };
        let body = Body::Query {
            counter,
            name: running.name.clone(),
            want: read.want(),
        };
        self.send(first, self.epoch(), body, PersistNumber::NONE);
    }

    /// Forgets what was answered by those who hold a value that they have not given, and asks them
    /// again. The number stays the same: the value may be on its way, however slowly.
    pub(crate) fn ask_holders_again(&mut self, now: Time, counter: Counter) {
        let Some(running) = self.operations.get_mut(counter) else {
            return;
        };
        if let Task::Read(read) = &mut running.task {
            running.answers.forget_greatest();
            read.stop_fetching();
        }
        self.ask(counter, |_| true);
        self.carry_on(now, counter);
    }

    /// Takes in what a replica answered to an operation, and does what that leads to.
    pub(crate) fn take_vote(&mut self, now: Time, from: NodeId, counter: Counter, vote: Vote) {
        let (Some(running), Some(configuration)) =
            (self.operations.get(counter), &self.configuration)
        else {
            return;
        };
        if running.quorums(configuration).contains(from) {
            self.note_vote(from, counter, vote);
            self.carry_on(now, counter);
        }
    }

    fn note_vote(&mut self, from: NodeId, counter: Counter, vote: Vote) {
        let Some(running) = self.operations.get_mut(counter) else {
            return;
        };
        let issued = Issued {
            own: self.options.incarnation,
            seqs: &self.issued,
            round: self.round_issued,
        };
        let name = &running.name;
        match (vote, &mut running.task) {
            (Vote::Holds(answer, bounds), task) => {
                running.answers.note_bounds(bounds);
                let tag = answer.tag();
                if task.update().is_none_or(|update| update.tag != tag) {
                    issued.expect_tag(from, name, tag);
                }
                if let Answer::Record(record) = &answer {
                    expect_answer(from, name, task, record);
                    self.seen.record(from, name, record);
                }
                running.answers.note(from, tag, answer.settled());
                if let Task::Read(read) = task {
                    read.hold(answer);
                }
            }
            (Vote::Promise(promise, bounds), Task::Modify(modify)) => {
                running.answers.note_bounds(bounds);
                if let Promise::Promised { record, accepted } = &promise {
                    issued.expect_tag(from, name, record.tag);
                    expect_promise(from, name, modify, (record, accepted.as_deref()));
                    self.seen.record(from, name, record);
                    running.answers.note(from, record.tag, record.settled);
                }
                modify.take_promise(from, promise);
            }
            (Vote::Accepted { of, refused_by }, Task::Modify(modify)) => {
                modify.take_accepted(from, of, refused_by);
            }
            // No other operation asks for such votes.
            (Vote::Promise(..) | Vote::Accepted { .. }, _) => {}
        }
    }
}
