//! What a lane knows of other nodes: [`Peers`].

use crate::configuration::{Configuration, Epoch};
use crate::membership::PeerState;
use crate::message::{Counter, RequestId};
use crate::node::{Boot, Incarnation, NodeId};
use crate::time::Time;
use alloc::collections::btree_map::Entry;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;
use core::time::Duration;

/// How long nothing more is said about epochs to one that was told. A configuration is long, and
/// the requests that cross it on its way are many.
const TOLD_ENOUGH: Duration = Duration::from_millis(50);

/// The failure detector's word on each peer, and the low-water marks they told.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub(crate) struct Peers {
    states: BTreeMap<NodeId, PeerState>,
    low_water: BTreeMap<(NodeId, u16), (Boot, Counter)>,
    /// The greatest boot that was heard of each.
    boots: BTreeMap<NodeId, Boot>,
    /// Who was told of which newer epoch, and when.
    told: BTreeMap<(NodeId, u16), (Epoch, Time)>,
    /// Who sent requests of an epoch that this node is not in yet: the last of them, and when its
    /// sender was asked for the configuration.
    passed: BTreeMap<(NodeId, u16), (RequestId, Time)>,
    /// Those who were members of this cluster and are not, the latest last: they may have operations
    /// under way.
    left: VecDeque<NodeId>,
}

impl Peers {
    /// How many of those who left are remembered.
    const LEFT_MAX: usize = 64;

    /// A configuration was entered after another one.
    ///
    /// Who left is known only from one epoch to the next, and as a member: one that missed an epoch
    /// missed, too, whom the members of that serve no more.
    pub(crate) fn note_members(
        &mut self,
        own: NodeId,
        former: Option<&Configuration>,
        entered: &Configuration,
    ) {
        let former = former.filter(|former| {
            former.cluster() == entered.cluster()
                && former.epoch().next() == entered.epoch()
                && former.contains(own)
        });
        if former.is_none() {
            self.left.clear();
        }
        let former = former.into_iter().flat_map(Configuration::members);
        let left = former
            .map(|member| member.id)
            .filter(|node| !entered.contains(*node));
        self.left.extend(left);
        let surplus = self.left.len().saturating_sub(Self::LEFT_MAX);
        self.left.drain(..surplus);
        self.left.retain(|node| !entered.contains(*node));
    }

    /// Whether any that have left may still end what they began.
    pub(crate) fn serves_left(&self) -> bool {
        !self.left.is_empty()
    }

    /// Those who have left are served no more. It is so for good: who comes later never knew them.
    pub(crate) fn revoke_left(&mut self) {
        self.left.clear();
    }

    /// Whether all that began there below this number is known to have ended.
    pub(crate) fn has_reached(&self, from: Incarnation, mark: Counter) -> bool {
        let known = self.low_water.get(&(from.node, mark.lane()));
        known.is_some_and(|known| *known >= (from.boot, mark))
    }

    /// Whether the node was a member of this cluster not long ago.
    pub(crate) fn has_left(&self, node: NodeId) -> bool {
        self.left.contains(&node)
    }

    /// Takes in the failure detector's word; returns the former.
    pub(crate) fn note_state(&mut self, peer: NodeId, state: PeerState) -> PeerState {
        let former = self.states.insert(peer, state);
        former.unwrap_or(PeerState::Suspect)
    }

    /// What the failure detector last said of a peer. One of which it never said anything is
    /// suspect.
    pub(crate) fn state(&self, peer: NodeId) -> PeerState {
        self.told(peer).unwrap_or(PeerState::Suspect)
    }

    /// What the failure detector last said of a peer, if it said anything.
    pub(crate) fn told(&self, peer: NodeId) -> Option<PeerState> {
        self.states.get(&peer).copied()
    }

    /// A peer runs as this incarnation, or did lately. Says whether it is a later one than was
    /// known.
    pub(crate) fn note_boot(&mut self, peer: Incarnation) -> bool {
        let known = self.boots.entry(peer.node).or_insert(Boot::FIRST);
        let is_news = peer.boot > *known;
        *known = peer.boot.max(*known);
        is_news
    }

    /// The incarnation that a peer runs as, as far as is known.
    pub(crate) fn incarnation(&self, node: NodeId) -> Incarnation {
        let boot = self.boots.get(&node).copied().unwrap_or(Boot::FIRST);
        Incarnation { node, boot }
    }

    /// Takes in a low-water mark. Marks only rise: one that comes late says nothing new. Says
    /// whether this incarnation was not heard of before.
    pub(crate) fn note_low_water(&mut self, from: Incarnation, mark: Counter) -> bool {
        let told = (from.boot, mark);
        match self.low_water.entry((from.node, mark.lane())) {
            Entry::Occupied(mut entry) => {
                let known = *entry.get();
                *entry.get_mut() = told.max(known);
                from.boot > known.0
            }
            Entry::Vacant(entry) => {
                entry.insert(told);
                true
            }
        }
    }

    /// Takes note that a lane which counts an older epoch is told of this one. Says whether it
    /// should be: not if that was just done.
    pub(crate) fn note_told(&mut self, now: Time, from: RequestId, epoch: Epoch) -> bool {
        let lane = (from.origin.node, from.counter.lane());
        let told = self.told.get(&lane);
        if told.is_some_and(|(of, at)| *of == epoch && now.since(*at) < TOLD_ENOUGH) {
            return false;
        }
        self.told.insert(lane, (epoch, now));
        true
    }

    /// Takes note of a request that cannot be served yet, as its epoch is not known. Says whether
    /// its sender should be asked for the configuration: not if that was just done.
    pub(crate) fn note_passed(&mut self, now: Time, request: RequestId) -> bool {
        let lane = (request.origin.node, request.counter.lane());
        let passed = self.passed.get(&lane);
        let asked = passed.map(|(_, asked)| *asked);
        let just_asked = asked.filter(|&asked| now.since(asked) < TOLD_ENOUGH);
        self.passed
            .insert(lane, (request, just_asked.unwrap_or(now)));
        just_asked.is_none()
    }

    /// One request of each lane whose requests could not be served since this was asked last.
    pub(crate) fn take_passed(&mut self) -> Vec<RequestId> {
        let passed = core::mem::take(&mut self.passed);
        passed.into_values().map(|(request, _)| request).collect()
    }

    /// Whether this request of `from` is known to have ended there: nobody waits for it, and
    /// nothing may be done for it any more.
    pub(crate) fn has_ended(&self, from: Incarnation, counter: Counter) -> bool {
        let mark = self.low_water.get(&(from.node, counter.lane()));
        mark.is_some_and(|mark| (from.boot, counter) < *mark)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn incarnation(boot: u32) -> Incarnation {
        Incarnation {
            node: NodeId::new(1),
            boot: Boot::new(boot),
        }
    }

    #[test]
    fn a_mark_speaks_of_its_own_lane_and_boot_and_never_falls() {
        let mut peers = Peers::default();
        let number = |lane, n: u64| Counter(Counter::first(lane).0 + n);
        peers.note_low_water(incarnation(1), number(0, 5));
        peers.note_low_water(incarnation(1), number(0, 3));
        assert!(peers.has_ended(incarnation(1), number(0, 4)));
        assert!(!peers.has_ended(incarnation(1), number(0, 5)));
        assert!(!peers.has_ended(incarnation(1), number(1, 4)));
        peers.note_low_water(incarnation(2), number(0, 1));
        assert!(peers.has_ended(incarnation(1), number(0, 9)));
        assert!(!peers.has_ended(incarnation(2), number(0, 4)));
    }
}
