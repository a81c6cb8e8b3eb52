//! What must hold at every step, whatever the faults: [`Invariants`].
//!
//! They look inside the protocol, and so find a mistake long before clients could. In a run with a
//! planted fault nobody asks whether a majority holds what is called settled: there the clients'
//! history has to show that it does not.

use crate::network::ProcessNumber;
use protocol::{
    Answer, Body, ClusterId, Counter, Incarnation, Message, Record, RegisterName, RequestId, Tag,
};
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap, HashSet};

/// What was seen so far of what must never change, and the first thing that did.
#[derive(Debug, Default)]
pub(crate) struct Invariants {
    /// The one record of each tag.
    contents: HashMap<(RegisterName, Tag), Record>,
    /// Which register each query was about: its replies do not repeat the name.
    asked: HashMap<RequestId, RegisterName>,
    /// The greatest tag that each process ever held.
    held: HashMap<(ProcessNumber, RegisterName), Tag>,
    /// The low-water mark that each lane of each process told last.
    low_water: HashMap<(Incarnation, u16), Counter>,
    /// What somebody called settled.
    settled: HashSet<(RegisterName, Tag)>,
    /// The cluster that each living process has entered.
    entered: BTreeMap<ProcessNumber, ClusterId>,
    broken: Option<String>,
}

impl Invariants {
    /// What was broken first, if anything was.
    pub(crate) fn broken(&self) -> Option<&str> {
        self.broken.as_deref()
    }

    pub(crate) fn fail(&mut self, what: String) {
        self.broken.get_or_insert(what);
    }

    /// A lane sends this. Returns the tag that it calls settled, if nobody did before.
    pub(crate) fn sent(&mut self, message: &Message) -> Option<(RegisterName, Tag)> {
        if message.to == message.from.node {
            self.fail(format!(
                "a lane sends a message to its own node, where nobody takes it: {message:?}"
            ));
        }
        let lane = (message.from, message.low_water.lane());
        let told = self.low_water.entry(lane).or_insert(message.low_water);
        if message.low_water < *told {
            let (from, now, before) = (message.from, message.low_water, *told);
            self.fail(format!(
                "a low-water mark fell: {from} told {before:?}, and then {now:?}"
            ));
        } else {
            *told = message.low_water;
        }
        match &message.body {
            Body::Update { name, record, .. } => self.shown(name, record),
            Body::Settled { name, tag } => self.called_settled(name, *tag),
            Body::Query { counter, name, .. } => {
                let request = RequestId {
                    origin: message.from,
                    counter: *counter,
                };
                self.asked.entry(request).or_insert_with(|| name.clone());
                None
            }
            Body::QueryReply { request, answer } => match self.asked.get(request).cloned() {
                Some(name) => self.answered(&name, answer),
                None => {
                    self.fail(format!(
                        "{} answers a query that was never sent: {request:?}",
                        message.from
                    ));
                    None
                }
            },
            _ => None,
        }
    }

    fn answered(&mut self, name: &RegisterName, answer: &Answer) -> Option<(RegisterName, Tag)> {
        match answer {
            Answer::Record(record) => self.shown(name, record),
            Answer::Tag { tag, settled: true } => self.called_settled(name, *tag),
            Answer::Tag { .. } => None,
        }
    }

    /// Somebody shows this record: it must be the one of its tag.
    pub(crate) fn shown(
        &mut self,
        name: &RegisterName,
        record: &Record,
    ) -> Option<(RegisterName, Tag)> {
        match self.contents.entry((name.clone(), record.tag)) {
            Entry::Vacant(vacant) => {
                vacant.insert(record.clone());
            }
            Entry::Occupied(known) => {
                if !known.get().agrees_with(record) {
                    let known = known.get().clone();
                    self.fail(format!(
                        "one tag of {name} has two contents: {known:?} and {record:?}"
                    ));
                }
            }
        }
        record
            .settled
            .then(|| self.called_settled(name, record.tag))
            .flatten()
    }

    fn called_settled(&mut self, name: &RegisterName, tag: Tag) -> Option<(RegisterName, Tag)> {
        let key = (name.clone(), tag);
        (!tag.is_zero() && self.settled.insert(key.clone())).then_some(key)
    }

    /// A process holds this record now: its tag must not be below any that it held.
    pub(crate) fn holds(&mut self, process: ProcessNumber, name: &RegisterName, tag: Tag) {
        let held = self.held.entry((process, name.clone())).or_insert(tag);
        if tag < *held {
            let held = *held;
            self.fail(format!(
                "a record's tag went down: process {process} held {held} of {name}, and then {tag}"
            ));
        } else {
            *held = tag;
        }
    }

    /// The greatest tag of a register that a process ever held.
    pub(crate) fn tag_held(&self, process: ProcessNumber, name: &RegisterName) -> Tag {
        self.held
            .get(&(process, name.clone()))
            .copied()
            .unwrap_or(Tag::ZERO)
    }

    /// A process enters a cluster: while it lives, no other may stand.
    pub(crate) fn entered(&mut self, process: ProcessNumber, cluster: ClusterId) {
        if let Some((other, standing)) = self
            .entered
            .iter()
            .find(|(_, standing)| **standing != cluster)
        {
            let what = format!(
                "two clusters stand: process {process} enters {cluster} while process {other} lives in {standing}"
            );
            self.fail(what);
        }
        self.entered.insert(process, cluster);
    }

    pub(crate) fn died(&mut self, process: ProcessNumber) {
        self.entered.remove(&process);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use protocol::{Boot, Epoch, NodeId};

    fn incarnation() -> Incarnation {
        Incarnation {
            node: NodeId::new(1),
            boot: Boot::FIRST,
        }
    }

    fn name() -> RegisterName {
        RegisterName::new("r").unwrap()
    }

    fn record(seq: u64, value: &'static [u8]) -> Record {
        Record {
            tag: Tag {
                seq,
                writer: incarnation(),
                step: 0,
            },
            content: Some(Bytes::from_static(value)),
            expiry: None,
            operation: None,
            settled: false,
        }
    }

    #[test]
    fn two_contents_of_one_tag_are_found() {
        let mut invariants = Invariants::default();
        invariants.shown(&name(), &record(1, b"a"));
        invariants.shown(
            &name(),
            &Record {
                settled: true,
                ..record(1, b"a")
            },
        );
        invariants.shown(&name(), &record(2, b"b"));
        assert_eq!(invariants.broken(), None);
        invariants.shown(&name(), &record(1, b"b"));
        assert!(
            invariants
                .broken()
                .unwrap()
                .starts_with("one tag of r has two contents")
        );
    }

    #[test]
    fn a_tag_that_goes_down_is_found() {
        let mut invariants = Invariants::default();
        invariants.holds(0, &name(), record(2, b"").tag);
        invariants.holds(1, &name(), record(1, b"").tag);
        assert_eq!(invariants.broken(), None);
        invariants.holds(0, &name(), record(1, b"").tag);
        assert!(
            invariants
                .broken()
                .unwrap()
                .starts_with("a record's tag went down")
        );
    }

    #[test]
    fn a_low_water_mark_that_falls_is_found() {
        let mut invariants = Invariants::default();
        let message = |low_water| Message {
            from: incarnation(),
            to: NodeId::new(2),
            epoch: Epoch::FIRST,
            low_water,
            body: Body::Settled {
                name: name(),
                tag: Tag::ZERO,
            },
        };
        let first = Counter::first(0);
        invariants.sent(&message(first.next()));
        invariants.sent(&message(Counter::first(1)));
        assert_eq!(invariants.broken(), None);
        invariants.sent(&message(first));
        assert!(
            invariants
                .broken()
                .unwrap()
                .starts_with("a low-water mark fell")
        );
    }

    #[test]
    fn a_message_of_a_lane_to_its_own_node_is_found() {
        let mut invariants = Invariants::default();
        invariants.sent(&Message {
            from: incarnation(),
            to: incarnation().node,
            epoch: Epoch::FIRST,
            low_water: Counter::first(0),
            body: Body::Settled {
                name: name(),
                tag: Tag::ZERO,
            },
        });
        let broken = invariants.broken().unwrap();
        assert!(broken.starts_with("a lane sends a message to its own node"));
    }

    #[test]
    fn a_second_cluster_beside_a_survivor_of_the_first_is_found() {
        let mut invariants = Invariants::default();
        invariants.entered(0, ClusterId(1));
        invariants.died(0);
        invariants.entered(1, ClusterId(2));
        invariants.entered(2, ClusterId(2));
        assert_eq!(invariants.broken(), None);
        invariants.entered(3, ClusterId(1));
        assert!(
            invariants
                .broken()
                .unwrap()
                .starts_with("two clusters stand")
        );
    }

    #[test]
    fn a_settled_tag_is_to_be_looked_at_once() {
        let mut invariants = Invariants::default();
        let settled = Answer::Tag {
            tag: record(1, b"a").tag,
            settled: true,
        };
        assert!(invariants.answered(&name(), &settled).is_some());
        assert!(invariants.answered(&name(), &settled).is_none());
        let zero = Answer::Tag {
            tag: Tag::ZERO,
            settled: true,
        };
        assert!(invariants.answered(&name(), &zero).is_none());
    }
}
