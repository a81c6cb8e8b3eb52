//! For tests: registers in a map, to put the real HTTP face before.

#[cfg(test)]
mod server;

#[cfg(test)]
pub(super) use server::Server;

use super::Registers;
use crate::disk::Durability;
use crate::metrics::{Build, Metrics, OperationKind, PeerFigures, Traffic};
use crate::server::{
    ClusterView, Limits, MemberStanding, MemberView, NamesPage, NotListed, Standing,
};
use protocol::{
    Boot, ChangeRefusal, ChangeRequest, ChangeView, ClusterId, Epoch, Groups, Incarnation, Member,
    NodeId, Operation, Outcome, PeerState, Position, Record, RecoveryView, RegisterName, Slot, Tag,
    UnixMillis,
};
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::Notify;

/// Stands in for a node: one replica, no peers, no protocol.
#[derive(Clone)]
pub(super) struct Double(Arc<Inner>);

struct Inner {
    limits: Limits,
    metrics: Metrics,
    state: Mutex<State>,
    /// Wakes operations that wait to be let go on.
    released: Notify,
}

pub(super) struct State {
    records: HashMap<RegisterName, Record>,
    seq: u64,
    /// Answers every operation, if set.
    pub(super) always: Option<Outcome>,
    /// Lets operations wait for their release.
    pub(super) holding: bool,
    /// The time-outs of all operations so far.
    pub(super) timeouts: Vec<Duration>,
    /// Answers every request for a change.
    pub(super) change_answer: Result<Epoch, ChangeRefusal>,
    /// The changes that were asked for.
    pub(super) changes: Vec<ChangeRequest>,
    pub(super) view: ClusterView,
    /// What a recovery would do.
    pub(super) recovery: Result<RecoveryView, ChangeRefusal>,
    /// Of which losses that was asked.
    pub(super) recoveries: Vec<BTreeSet<NodeId>>,
}

impl Double {
    /// What the wall clock shows, always.
    pub(super) const WALL_CLOCK: UnixMillis = UnixMillis(1_700_000_000_000);

    pub(super) fn new(limits: Limits) -> Self {
        let build = Build {
            version: "1.2.3",
            commit: "abc",
        };
        Self(Arc::new(Inner {
            limits,
            metrics: Metrics::new(build),
            state: Mutex::new(State {
                records: HashMap::new(),
                seq: 0,
                always: None,
                holding: false,
                timeouts: Vec::new(),
                change_answer: Err(ChangeRefusal::Busy),
                changes: Vec::new(),
                view: view(),
                recovery: Err(ChangeRefusal::NothingLost),
                recoveries: Vec::new(),
            }),
            released: Notify::new(),
        }))
    }

    /// How it behaves.
    pub(super) fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.state.lock().unwrap()
    }
}

impl Registers for Double {
    async fn execute(&self, operation: Operation, timeout: Duration) -> Outcome {
        let kind = OperationKind::of(&operation);
        let released = self.0.released.notified();
        let holding = {
            let mut state = self.state();
            state.timeouts.push(timeout);
            state.view.operations_running += 1;
            state.holding
        };
        if holding {
            released.await;
        }
        let mut state = self.state();
        state.view.operations_running -= 1;
        let outcome = state
            .always
            .clone()
            .unwrap_or_else(|| state.apply(operation));
        self.0.metrics.observe(kind, &outcome, Duration::ZERO);
        outcome
    }

    async fn list(
        &self,
        after: Option<Position>,
        count: usize,
        timeout: Duration,
    ) -> Result<NamesPage, NotListed> {
        let mut state = self.state();
        state.timeouts.push(timeout);
        if let Some(Outcome::Refused(refusal)) = state.always {
            let slot = Slot::of(b"");
            return Err(NotListed { refusal, slot });
        }
        let present = state.records.iter();
        let present = present.filter(|(_, record)| record.content.is_some());
        let ahead = |name: &RegisterName| after.is_none_or(|after| name.position() > after);
        let ahead = present.map(|(name, _)| name.clone()).filter(ahead);
        let mut names: Vec<_> = ahead.collect();
        names.sort();
        Ok(NamesPage { names, next: None }.cut(count))
    }

    async fn change(&self, request: ChangeRequest) -> Result<Epoch, ChangeRefusal> {
        let mut state = self.state();
        state.changes.push(request);
        state.change_answer.clone()
    }

    fn recovery(&self, lost: &BTreeSet<NodeId>) -> Result<RecoveryView, ChangeRefusal> {
        let mut state = self.state();
        state.recoveries.push(lost.clone());
        state.recovery.clone()
    }

    fn wall_clock(&self) -> UnixMillis {
        Self::WALL_CLOCK
    }

    fn view(&self) -> ClusterView {
        self.state().view.clone()
    }

    fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    fn traffic(&self) -> Traffic {
        let peer = PeerFigures {
            address: "127.0.0.1:3031".to_owned(),
            sent_bytes: 4,
            sent_messages: 3,
            sent_frames: 2,
            dropped_messages: 1,
        };
        Traffic {
            sent: vec![peer],
            ..Traffic::default()
        }
    }

    fn limits(&self) -> &Limits {
        &self.0.limits
    }
}

impl State {
    fn apply(&mut self, operation: Operation) -> Outcome {
        match operation {
            Operation::Read { name } => Outcome::Read {
                record: self.records.get(&name).cloned().unwrap_or(Record::EMPTY),
                rounds: 1,
            },
            Operation::Write {
                name,
                content,
                expiry,
            } => {
                self.seq += 1;
                let tag = Tag {
                    seq: self.seq,
                    writer: self.view.node,
                    step: 0,
                };
                let record = Record {
                    tag,
                    content,
                    expiry,
                    ..Record::EMPTY
                };
                self.records.insert(name, record);
                Outcome::Written { tag, rounds: 2 }
            }
            Operation::Modify { name, change } => {
                let held = self.records.get(&name).cloned().unwrap_or(Record::EMPTY);
                let applied = change.apply(&held, Double::WALL_CLOCK, usize::MAX);
                match (applied.write, applied.unmet) {
                    (Some(changed), None) => {
                        let record = Record {
                            tag: Tag {
                                step: held.tag.step + 1,
                                ..held.tag
                            },
                            content: changed.content,
                            expiry: changed.expiry,
                            ..Record::EMPTY
                        };
                        self.records.insert(name, record.clone());
                        Outcome::Modified {
                            previous: held.content,
                            record,
                            rounds: 2,
                        }
                    }
                    (_, unmet) => Outcome::Unchanged {
                        record: held,
                        unmet: unmet.expect("what is not met says why"),
                        rounds: 1,
                    },
                }
            }
        }
    }
}

/// Three members, all well.
fn view() -> ClusterView {
    let member = |number: u64| MemberView {
        id: NodeId::new(number),
        address: format!("127.0.0.1:{}", 3029 + number).parse().unwrap(),
        weight: Member::WEIGHT_DEFAULT,
        state: PeerState::Alive,
        lost: false,
        standing: MemberStanding::Member,
        slots: usize::from(Slot::COUNT),
        lacking_slots: 0,
    };
    ClusterView {
        node: Incarnation {
            node: NodeId::new(1),
            boot: Boot::FIRST,
        },
        address: "127.0.0.1:3030".parse().unwrap(),
        standing: Standing::Member,
        replaced_by: None,
        cluster: Some(ClusterId(0xc1)),
        epoch: Epoch::FIRST,
        replication: Some(3),
        members: (1..=3).map(member).collect(),
        former: vec![],
        change: None,
        awaited: vec![],
        majority: true,
        without_quorum: Groups::NONE,
        losses_survived: Some(1),
        quorum_lost: false,
        groups_lost: Groups::NONE,
        lacking_slots: 0,
        registers: 0,
        bytes: 0,
        copied_registers: 0,
        memory_bytes: 0,
        tombstones: 0,
        tombstones_dropped: 0,
        groups_compared: 0,
        registers_repaired: 0,
        memory_limit: None,
        durability: Durability::Memory,
        disk: None,
        copied_bytes: 0,
        operations_running: 0,
    }
}

/// Node 2 is on its way in.
pub(super) fn change_of_epoch(epoch: u64) -> ChangeView {
    ChangeView {
        epoch: Epoch(epoch),
        joining: vec![NodeId::new(2)],
        leaving: vec![],
        groups: 1024,
        groups_copied: 100,
        registers: 5,
        bytes: 70,
        stalled_for: Duration::from_millis(1_500),
    }
}
