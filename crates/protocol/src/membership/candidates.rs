//! Those that asked to be let in: [`Candidates`].

use crate::node::{Address, NodeId};
use crate::time::Time;
use alloc::collections::BTreeMap;
use core::time::Duration;

/// How many are remembered. One more is so once another has been silent for long.
const CANDIDATES_MAX: usize = 16;

/// How long one is remembered that asks no more.
const SILENT_MAX: Duration = Duration::from_secs(30);

/// The nodes that asked to be let in, each with the address at which it says it is: it is let in
/// only once this node has met it there.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub(super) struct Candidates(BTreeMap<NodeId, Candidate>);

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Candidate {
    pub(super) address: Address,
    /// The weight that it wants to have, if it wants to be one more.
    pub(super) weight: Option<u32>,
    heard: Time,
}

impl Candidates {
    pub(super) fn note(&mut self, now: Time, node: NodeId, address: Address, weight: Option<u32>) {
        if self.0.len() < CANDIDATES_MAX || self.0.contains_key(&node) {
            let candidate = Candidate {
                address,
                weight,
                heard: now,
            };
            self.0.insert(node, candidate);
        }
    }

    pub(super) fn get(&self, node: NodeId) -> Option<&Candidate> {
        self.0.get(&node)
    }

    pub(super) fn addresses(&self) -> impl Iterator<Item = &Address> {
        self.0.values().map(|candidate| &candidate.address)
    }

    pub(super) fn retain(&mut self, keep: impl Fn(NodeId) -> bool) {
        self.0.retain(|&node, _| keep(node));
    }

    /// Says whether any was forgotten.
    pub(super) fn forget_silent(&mut self, now: Time) -> bool {
        let count = self.0.len();
        self.0
            .retain(|_, candidate| candidate.heard + SILENT_MAX > now);
        self.0.len() < count
    }

    pub(super) fn next_timeout(&self) -> Option<Time> {
        let heard = self.0.values().map(|candidate| candidate.heard);
        heard.min().map(|heard| heard + SILENT_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    #[test]
    fn a_few_are_remembered_for_as_long_as_they_ask() {
        let mut candidates = Candidates::default();
        let start = Time::from_micros(1);
        let address = |i: u64| format!("n{i}:1").parse::<Address>().unwrap();
        for i in 1..=100 {
            candidates.note(start, NodeId::new(i), address(i), None);
        }
        assert_eq!(candidates.addresses().count(), CANDIDATES_MAX);
        assert!(candidates.get(NodeId::new(17)).is_none());
        let later = start + Duration::from_secs(20);
        candidates.note(later, NodeId::new(1), address(1), Some(5));
        assert!(!candidates.forget_silent(later));
        assert!(candidates.forget_silent(candidates.next_timeout().unwrap()));
        assert_eq!(candidates.addresses().count(), 1);
        assert_eq!(candidates.get(NodeId::new(1)).unwrap().weight, Some(5));
        candidates.note(later, NodeId::new(17), address(17), None);
        assert!(candidates.get(NodeId::new(17)).is_some());
    }
}
