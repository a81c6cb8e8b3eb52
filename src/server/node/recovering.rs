//! Going on after losses that no quorum survived.

use super::Node;
use crate::slots::SlotRanges;
use protocol::{
    ChangeRefusal, ChangeRequest, ClusterId, Configuration, Epoch, Groups, NodeId, RecoveryView,
};
use std::collections::BTreeSet;
use tracing::warn;

impl Node {
    /// What a recovery would do, if these members are lost for good.
    pub(super) fn recovery_view(
        &self,
        lost: &BTreeSet<NodeId>,
    ) -> Result<RecoveryView, ChangeRefusal> {
        self.0.cluster.lock().membership.recovery(lost)
    }

    /// Goes on without these members, and waits until that has begun, or is known not to have.
    pub(super) async fn recover(
        &self,
        lost: BTreeSet<NodeId>,
        groups: Option<Groups>,
        cluster: ClusterId,
    ) -> Result<Epoch, ChangeRefusal> {
        let view = self.recovery_view(&lost)?;
        let names = self.names_of(&lost);
        let request = ChangeRequest::Recover {
            lost,
            groups,
            cluster,
        };
        let answer = self.change_members(request).await;
        match &answer {
            Ok(epoch) => {
                let goes_on = match view.as_new_cluster {
                    true => {
                        format!("no majority is left, so the others go on as cluster {cluster}")
                    }
                    false => "the others, a majority, go on".to_owned(),
                };
                warn!(
                    "an operator declared {names} lost for good: {goes_on} in epoch {epoch}; what \
                     was acknowledged last may be lost in the slots {}; nobody is left who held \
                     the slots {}",
                    or_none(view.forced),
                    or_none(view.gone),
                );
            }
            Err(why) => warn!("an operator declared {names} lost for good, in vain: {why}"),
        }
        answer
    }

    /// Members, by address and id.
    fn names_of(&self, nodes: &BTreeSet<NodeId>) -> String {
        let cluster = self.0.cluster.lock();
        let configuration = cluster.membership.configuration();
        let members = configuration.into_iter().flat_map(|known| known.members());
        let named = members.filter(|member| nodes.contains(&member.id));
        let named: Vec<String> = named
            .map(|member| format!("{} ({})", member.address, member.id))
            .collect();
        named.join(", ")
    }
}

/// What is to be said of a configuration by which members go on that lost others for good, if it
/// is one.
pub(in crate::server) fn told_of_recovery(configuration: &Configuration) -> Option<String> {
    let forced = configuration.forced();
    if let Some(former) = configuration
        .predecessor()
        .filter(|_| configuration.is_recovery())
    {
        let cluster = configuration.cluster();
        return Some(format!(
            "no majority of cluster {former} is left, and the survivors go on as cluster \
             {cluster}: nothing is served until each of them has gathered what all of them hold"
        ));
    }
    (configuration.is_joint() && !forced.is_empty()).then(|| {
        format!(
            "no majority is left of those that held the slots {}: they are not served until \
             those that are to hold them have gathered what all others hold",
            SlotRanges(forced)
        )
    })
}

fn or_none(groups: Groups) -> String {
    match groups.is_empty() {
        true => "(none)".to_owned(),
        false => SlotRanges(groups).to_string(),
    }
}
