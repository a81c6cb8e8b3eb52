//! Which nodes hold what, for those who ask: [`Placement`].

use super::Node;
use protocol::{Configuration, NodeId, PeerState};
use std::sync::Arc;

/// Which nodes hold what, and who of them answers.
#[derive(Clone, Debug)]
pub(crate) struct Placement {
    /// The members and what they hold.
    pub(crate) configuration: Arc<Configuration>,
    /// Whether each member answers, in the order of [`Configuration::members`]. One whose memory is
    /// gone is down.
    pub(crate) states: Vec<PeerState>,
}

impl Node {
    /// Which nodes hold what, and who of them answers; nothing before there is a cluster.
    pub(crate) fn placement(&self) -> Option<Placement> {
        let cluster = self.0.cluster.lock();
        let membership = &cluster.membership;
        let configuration = Arc::clone(membership.configuration()?);
        let state = |id: NodeId| match membership.is_lost(id) {
            // Another process answers at its address.
            true => PeerState::Down,
            false => membership.peer_state(id),
        };
        let states = configuration
            .members()
            .iter()
            .map(|member| state(member.id));
        Some(Placement {
            states: states.collect(),
            configuration,
        })
    }
}
