//! What a lane knows of other nodes: [`Peers`].

use crate::membership::PeerState;
use crate::message::Counter;
use crate::node::{Boot, Incarnation, NodeId};
use alloc::collections::BTreeMap;

/// The failure detector's word on each peer, and the low-water marks they told.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub(crate) struct Peers {
    states: BTreeMap<NodeId, PeerState>,
    low_water: BTreeMap<(NodeId, u16), (Boot, Counter)>,
}

impl Peers {
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

    /// Takes in a low-water mark. Marks only rise: one that comes late says nothing new.
    pub(crate) fn note_low_water(&mut self, from: Incarnation, mark: Counter) {
        let told = (from.boot, mark);
        let known = self.low_water.entry((from.node, mark.lane()));
        known
            .and_modify(|known| *known = told.max(*known))
            .or_insert(told);
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
