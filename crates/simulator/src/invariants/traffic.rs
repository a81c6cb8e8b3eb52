//! What lanes send to each other: [`Traffic`], and what of it is looked at.

use super::lineage::Era;
use super::{Invariants, Settled, settled_by};
use protocol::{
    Answer, Body, Counter, Epoch, Incarnation, Message, Promise, PullAnswer, PullEntry,
    RegisterName, RequestId,
};
use std::collections::HashMap;
use std::collections::hash_map::Entry;

/// What was said before of what is said now.
#[derive(Debug, Default)]
pub(super) struct Traffic {
    /// Which register each request was about: its replies do not repeat the name.
    asked: HashMap<RequestId, RegisterName>,
    /// By whom which requests were told how they ended, and in which epoch that was first. Who tells
    /// it again may be in a later one by then, or in a cluster that was recovered since; it holds in
    /// the one in which it was told first.
    ended: HashMap<(Incarnation, RequestId), Era>,
    /// The low-water mark that each lane of each process told last.
    low_water: HashMap<(Incarnation, u16), Counter>,
}

impl Traffic {
    fn asks(&mut self, request: RequestId, name: &RegisterName) {
        self.asked.entry(request).or_insert_with(|| name.clone());
    }

    /// A message tells its lane's low-water mark.
    ///
    /// # Errors
    /// If that fell.
    fn tells_low_water(&mut self, message: &Message) -> Result<(), String> {
        let lane = (message.from, message.low_water.lane());
        let told = self.low_water.entry(lane).or_insert(message.low_water);
        if message.low_water < *told {
            let (from, now, before) = (message.from, message.low_water, *told);
            return Err(format!(
                "a low-water mark fell: {from} told {before:?}, and then {now:?}"
            ));
        }
        *told = message.low_water;
        Ok(())
    }
}

impl Invariants {
    /// A message leaves: what it rests on is durable. A step that it says is accepted is so from
    /// now on, whatever befalls the node.
    pub(crate) fn leaves(&mut self, message: &Message) {
        if let Body::AcceptReply {
            request,
            ballot,
            tag,
            refused_by: None,
        } = &message.body
            && let Some(name) = self.asked_about(message, *request)
        {
            let era = (message.cluster, message.epoch);
            self.accepted(era, &name, (*ballot, *tag), message.from.node);
        }
    }

    /// A lane that is in the epoch `lane_epoch` sends this. Returns the tag that it calls settled,
    /// if nobody did before.
    pub(crate) fn sent(&mut self, message: &Message, lane_epoch: Epoch) -> Option<Settled> {
        if message.to == message.from.node {
            self.fail(format!(
                "a lane sends a message to its own node, where nobody takes it: {message:?}"
            ));
        }
        let held = self.traffic.tells_low_water(message);
        self.expect(held);
        let request = |counter: Counter| RequestId {
            origin: message.from,
            counter,
        };
        let era = (message.cluster, message.epoch);
        match &message.body {
            Body::Update { name, record, .. } => self.shown(era, name, record),
            Body::Settled { name, tag } => self.called_settled(era, name, *tag),
            Body::Query { counter, name, .. } | Body::Prepare { counter, name, .. } => {
                self.traffic.asks(request(*counter), name);
                None
            }
            Body::Accept {
                counter,
                name,
                step,
            } => {
                self.traffic.asks(request(*counter), name);
                self.proposed(era, name, step);
                None
            }
            Body::Forward {
                counter, operation, ..
            } => {
                self.traffic.asks(request(*counter), operation.name());
                None
            }
            Body::QueryReply {
                request, answer, ..
            } => {
                self.expect_epoch(message, lane_epoch);
                let name = self.asked_about(message, *request)?;
                match answer {
                    Answer::Record(record) => self.shown(era, &name, record),
                    Answer::Tag { tag, settled: true } => self.called_settled(era, &name, *tag),
                    Answer::Tag { .. } => None,
                }
            }
            Body::PrepareReply {
                request, promise, ..
            } => {
                self.expect_epoch(message, lane_epoch);
                let name = self.asked_about(message, *request)?;
                match promise {
                    Promise::Promised { record, accepted } => {
                        if let Some(step) = accepted {
                            self.proposed(era, &name, step);
                        }
                        self.shown(era, &name, record)
                    }
                    Promise::Refused { .. } => None,
                }
            }
            Body::AcceptReply { .. } => {
                self.expect_epoch(message, lane_epoch);
                None
            }
            Body::PullReply { answer, .. } => {
                self.expect_epoch(message, lane_epoch);
                self.pulled(era, answer);
                None
            }
            Body::Confirm { tombstones, .. } => {
                for (name, record) in tombstones {
                    self.compared(era, name, record);
                }
                None
            }
            Body::UpdateReply { .. } => {
                self.expect_epoch(message, lane_epoch);
                None
            }
            Body::ForwardReply { request, outcome } => {
                let Entry::Vacant(first) = self.traffic.ended.entry((message.from, *request))
                else {
                    return None;
                };
                first.insert(era);
                let tag = settled_by(outcome)?;
                let name = self.asked_about(message, *request)?;
                self.called_settled(era, &name, tag)
            }
            _ => None,
        }
    }

    /// In which epoch it was first told how a request ended.
    pub(crate) fn told_in(&self, by: Incarnation, request: RequestId) -> Option<Era> {
        self.traffic.ended.get(&(by, request)).copied()
    }

    /// A replica answers in no epoch but the one that it is in.
    fn expect_epoch(&mut self, message: &Message, lane_epoch: Epoch) {
        if self.judges_quorums && message.epoch != lane_epoch {
            let (from, epoch) = (message.from, message.epoch);
            self.fail(format!(
                "{from}, which is in epoch {lane_epoch}, answers in epoch {epoch}: {message:?}"
            ));
        }
    }

    fn asked_about(&mut self, message: &Message, request: RequestId) -> Option<RegisterName> {
        let name = self.traffic.asked.get(&request).cloned();
        if name.is_none() {
            self.fail(format!(
                "{} answers a request that was never sent: {request:?}",
                message.from
            ));
        }
        name
    }

    /// What a pull brings is what the replica holds: records, settled or not, and steps, chosen or
    /// not.
    fn pulled(&mut self, era: Era, answer: &PullAnswer) {
        for entry in &answer.entries {
            if let PullEntry::Whole { name, cell } = entry {
                self.cell_shown(era, name, cell);
            }
        }
    }
}
