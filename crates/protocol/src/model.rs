//! What a model checker has to know of a lane: what tells two of its states apart, and what it waits
//! for. Behind the feature `model`; a running node has no use for it.

use crate::ballot::Ballot;
use crate::configuration::Configuration;
use crate::lane::Lane;
use crate::membership::PeerState;
use crate::message::Counter;
use crate::modify::Modify;
use crate::node::{Incarnation, NodeId};
use crate::replica::Cell;
use crate::running::{Running, Task};
use crate::slot::{Group, RegisterName, Slot};
use crate::tag::Tag;
use core::hash::{Hash, Hasher};

/// What an operation waits for from the replicas.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Awaited {
    /// Nothing: it has not begun, or lets a little time pass.
    Nothing,
    /// What they hold.
    Answers,
    /// That they hold this tag.
    Update(Tag),
    /// That they promise this ballot.
    Promises(Ballot),
    /// That they accept this step.
    Acceptances(Ballot, Tag),
}

impl Lane {
    /// Tells the hasher all that has a bearing on what this lane does and says from now on, if time
    /// stands still, everything is durable at once, and no low-water mark is ever told; but not how
    /// often and in what order things happened that led there.
    ///
    /// Names of nodes go through [`NodeId`]'s own `Hash`, so that a hasher which knows them can tell
    /// of other nodes in their stead. So where an order depends on these names, the parts are hashed
    /// apart, by what `hasher` makes, and only the sum of their hashes is told.
    ///
    /// Left out: timers and deadlines, which are never reached; how much copying has brought, and how
    /// fast; numbers of what is to be made
    /// durable; low-water marks; how often others were told of an epoch, since in an exploration
    /// epochs are learned by other means; how many rounds an operation has taken; votes on what an
    /// operation is past.
    pub fn hash_essence<H: Hasher>(&self, state: &mut H, hasher: &impl Fn() -> H) {
        self.options.incarnation.hash(state);
        self.era().hash(state);
        if let Some(configuration) = &self.configuration {
            hash_members(configuration, state, hasher);
            state.write_u64(sum(configuration.members(), hasher, |member, state| {
                (member.id, self.peers.state(member.id) as u8).hash(state);
            }));
        }
        let slots = self.replica.groups();
        let slots = slots.iter().flat_map(|group| group.slots());
        for slot in slots.chain([Slot::RESERVED]) {
            if let Some(store) = self.replica.slot(slot) {
                store
                    .cells_after(None)
                    .for_each(|(name, cell, _)| (name, cell).hash(state));
            }
        }
        for counter in self.operations.counters() {
            if let Some(running) = self.operations.get(counter) {
                (counter, running.origin, &running.name).hash(state);
                self.hash_running(running, state, hasher);
            }
        }
        self.operations.next().hash(state);
        self.issued.hash(state);
        self.round_issued.hash(state);
        self.turns.hash(state);
        self.forwards.hash(state);
        self.listings.hash(state);
        self.copying.hash_essence(state);
        self.own_votes.hash(state);
        self.outputs.hash(state);
    }

    fn hash_running<H: Hasher>(&self, running: &Running, state: &mut H, hasher: &impl Fn() -> H) {
        let update = running.update().map(|record| record.tag);
        if let Some(configuration) = &self.configuration {
            let floor = update.unwrap_or_else(|| floor(running, configuration));
            state.write_u64(sum(configuration.members(), hasher, |member, state| {
                let held = running.answers.of(member.id);
                let held = held.filter(|held| held.tag >= floor);
                let held = held.map(|held| (held.tag, held.settled));
                (member.id, held).hash(state);
            }));
        }
        if let Some(counted) = &running.counted {
            counted.epoch().hash(state);
        }
        match &running.task {
            Task::Read(read) => match read.write_back() {
                Some(record) => record.hash(state),
                None => read.hash(state),
            },
            Task::Write(write) => match write.record() {
                Some(record) => record.hash(state),
                None => state.write_u8(0),
            },
            Task::Modify(modify) => modify.hash(state),
            Task::Forward(forward) => forward.hash(state),
        }
    }

    /// What the operation of this number waits for, if there is one.
    pub fn awaited(&self, counter: Counter) -> Option<Awaited> {
        let running = self.operations.get(counter)?;
        let awaited_update = running.update().map(|record| Awaited::Update(record.tag));
        Some(match &running.task {
            Task::Read(_) | Task::Write(_) => awaited_update.unwrap_or(Awaited::Answers),
            Task::Modify(modify) => awaited_update.unwrap_or_else(|| modify.awaited()),
            Task::Forward(_) => Awaited::Nothing,
        })
    }

    /// Whether this node has answered what the operation of this number waits for.
    pub fn has_answer_of(&self, counter: Counter, node: NodeId) -> bool {
        let Some(running) = self.operations.get(counter) else {
            return false;
        };
        match (running.update(), &running.task) {
            (Some(record), _) => running.answers.holds(node, record.tag),
            (None, Task::Modify(modify)) => modify.has_voted(node),
            (None, _) => running.answers.of(node).is_some(),
        }
    }

    /// Whether its copying waits for the reply to the request of this number.
    pub fn awaits_pull_reply(&self, counter: Counter) -> bool {
        self.copying.awaits(counter)
    }

    /// Whom it has asked for what it lacks of a group, and waits for.
    pub fn copies_from(&self, group: Group) -> Option<NodeId> {
        self.copying.source_of(group)
    }

    /// Whether the failure detector says that this node is alive.
    pub fn believes_alive(&self, node: NodeId) -> bool {
        self.peers.state(node) == PeerState::Alive
    }

    /// Whose lane it is.
    pub fn incarnation(&self) -> Incarnation {
        self.options.incarnation
    }

    /// What this lane's replica keeps of a register.
    pub fn cell(&self, name: &RegisterName) -> &Cell {
        self.replica.cell(name).0
    }

    /// Whether the node holds the register in the configuration that this lane has entered.
    pub fn is_holder(&self, name: &RegisterName, node: NodeId) -> bool {
        let configuration = self.configuration.as_ref();
        configuration.is_some_and(|known| known.quorums(name.slot()).contains(node))
    }

    /// Whether an operation waits for a while before it begins anew, which only time can end.
    pub fn is_backing_off(&self) -> bool {
        let counters = self.operations.counters();
        let mut running = counters.iter().filter_map(|it| self.operations.get(*it));
        running
            .any(|running| matches!(&running.task, Task::Modify(modify) if modify.is_backing_off()))
    }
}

impl Modify {
    fn awaited(&self) -> Awaited {
        use crate::asking::Asks;
        match self.asks() {
            Asks::Nothing => Awaited::Nothing,
            Asks::Query => Awaited::Answers,
            Asks::Update(record) => Awaited::Update(record.tag),
            Asks::Prepare(ballot) => Awaited::Promises(ballot),
            Asks::Accept(step) => Awaited::Acceptances(step.ballot, step.tag),
        }
    }
}

/// The tag below which an answer counts for nothing: while a tag is being propagated that one, as
/// what is below it is no answer. A read-modify-write takes answers along to what it does next, and
/// there asks only about the greatest record of a quorum, which is no less than any tag that a quorum
/// holds.
fn floor(running: &Running, configuration: &Configuration) -> Tag {
    let Task::Modify(_) = &running.task else {
        return Tag::ZERO;
    };
    let quorums = running.quorums(configuration);
    let tags = quorums
        .replicas()
        .filter_map(|node| running.answers.of(node));
    let tags = tags.map(|held| held.tag);
    let held = tags.filter(|tag| quorums.is_quorum(|node| running.answers.holds(node, *tag)));
    held.max().unwrap_or(Tag::ZERO)
}

fn hash_members<H: Hasher>(configuration: &Configuration, state: &mut H, hasher: &impl Fn() -> H) {
    let members = configuration.members();
    state.write_u64(sum(members, hasher, |member, state| {
        let is_before = configuration.contains_before(member.id);
        let is_after = configuration.contains_after(member.id);
        (member.id, is_before, is_after).hash(state);
    }));
    (configuration.is_joint(), configuration.is_aborted()).hash(state);
}

/// The sum of the hashes of all parts: the same in whatever order they come.
fn sum<T, H: Hasher>(parts: &[T], hasher: &impl Fn() -> H, hash: impl Fn(&T, &mut H)) -> u64 {
    let hashes = parts.iter().map(|part| {
        let mut state = hasher();
        hash(part, &mut state);
        state.finish()
    });
    hashes.fold(0, u64::wrapping_add)
}
