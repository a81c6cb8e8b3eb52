//! Memory that is gone for good.
//!
//! Nodes keep registers in memory, so one process alone can ever answer under its NodeId. A member
//! at whose address another process answers is *lost*. When the members that are not lost make no
//! quorum, the data is gone.

use super::{Membership, MembershipEvent};
use crate::node::NodeId;
use crate::slot::Slot;
use alloc::collections::BTreeSet;

/// What has been said once and is not said again.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub(super) struct Reported {
    lost: BTreeSet<NodeId>,
    quorum_lost: bool,
    pub(super) other_cluster: bool,
}

impl Membership {
    /// Whether that is a member at whose address another process answers: its memory is gone for
    /// good.
    pub fn is_lost(&self, node: NodeId) -> bool {
        self.replaced_by(node).is_some()
    }

    /// Whether so many members are lost that no quorum can ever be had again: the data is gone.
    pub fn quorum_lost(&self) -> bool {
        self.configuration().is_some_and(|configuration| {
            let quorums = configuration.quorums(Slot::of(b""));
            !quorums.is_quorum(|member| !self.is_lost(member))
        })
    }

    /// The process that answers at a member's address in its stead.
    fn replaced_by(&self, node: NodeId) -> Option<NodeId> {
        let member = self.configuration()?.member(node)?;
        let last = self.links.last(&member.address)?;
        (node != self.me && last != node).then_some(last)
    }

    /// Reports which members are lost, and whether the data is.
    pub(super) fn review_losses(&mut self) {
        let Some(configuration) = self.configuration().cloned() else {
            return;
        };
        for member in configuration.members() {
            match self.replaced_by(member.id) {
                Some(by) if self.reported.lost.insert(member.id) => {
                    self.detector.replace(member.id, &mut self.outputs);
                    self.report(MembershipEvent::MemberLost {
                        member: member.id,
                        address: member.address.clone(),
                        by,
                    });
                }
                Some(_) => {}
                None => {
                    self.reported.lost.remove(&member.id);
                }
            }
        }
        let quorum_lost = self.quorum_lost();
        if quorum_lost && !self.reported.quorum_lost {
            self.report(MembershipEvent::QuorumLost {
                cluster: configuration.cluster(),
            });
        }
        self.reported.quorum_lost = quorum_lost;
    }
}
