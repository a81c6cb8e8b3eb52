//! What a model checker has to know of copying.

use super::Copying;
use crate::membership::PeerState;
use crate::message::Counter;
use crate::node::NodeId;
use crate::slot::Group;
use core::hash::{Hash, Hasher};

impl Copying {
    /// Whether the reply to the request of this number is waited for.
    pub(crate) fn awaits(&self, counter: Counter) -> bool {
        let mut asked = self.turns.asked();
        asked.any(|(_, asked)| asked.counter == counter)
    }

    /// Whom it has asked about a group, and waits for.
    pub(crate) fn source_of(&self, group: Group) -> Option<NodeId> {
        let mut asked = self.turns.asked();
        asked.find_map(|(of, asked)| (of == group).then_some(asked.source))
    }

    /// Tells the hasher all that has a bearing on what copying does from now on, if everything is
    /// durable at once and the rate is not bounded: not how much it has brought, how much it is
    /// expected to bring, and how long replies took.
    pub(crate) fn hash_essence<H: Hasher>(&self, state: &mut H) {
        self.lacking.hash(state);
        self.turns.pulls().for_each(|pull| pull.hash(state));
        self.unpersisted.hash(state);
        for (node, manner) in &self.manners {
            (node, manner.reluctance(PeerState::Alive)).hash(state);
        }
        self.leaving.hash(state);
        #[cfg(feature = "planted-faults")]
        self.copied_for_change.hash(state);
    }
}
