//! Going on after losses that no quorum survived.
//!
//! An operator says which members are lost for good. If the others are a majority of the members,
//! they decide a change like any other, by which all the lost ones leave at once; the groups of
//! which no majority is left are *forced*. If not, nothing can be decided any more. Then the
//! survivors go on as a new cluster, which knows the one that it was recovered from, and in which
//! all groups are forced; every one of them has to agree.
//!
//! Either way each replica of a forced group takes, of each register, the greatest record that any
//! survivor has, before anything of the group is served. What no survivor has is lost, and so may
//! be what was acknowledged last.

use super::changing::POLLING_MAX;
use super::poll::is_majority;
use super::{ChangeRefusal, Membership, MembershipMessage, PeerState, Standing};
use crate::configuration::{ClusterId, Configuration, Groups};
use crate::node::NodeId;
use crate::slot::Group;
use crate::time::Time;
use alloc::collections::BTreeSet;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

/// What a recovery would do, as one node sees it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RecoveryView {
    /// The members that would go on.
    pub survivors: Vec<NodeId>,
    /// Whether they would have to go on as a new cluster, since they are no majority, or since the
    /// cluster is being recovered already.
    pub as_new_cluster: bool,
    /// The groups of which no majority of replicas is left: what was acknowledged last may be lost.
    pub forced: Groups,
    /// Those of them of which no replica is left: their registers are lost.
    pub gone: Groups,
}

/// What an operator declares.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Recovery {
    /// The members that are lost for good.
    pub(super) lost: BTreeSet<NodeId>,
    /// The groups that may be forced; without that, all that have to be.
    pub(super) groups: Option<Groups>,
    /// The identity of the cluster, should it be a new one.
    pub(super) cluster: ClusterId,
}

/// What this node has to do with recoveries as new clusters.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub(super) struct Recovering {
    agreed: Option<Agreed>,
}

/// To whose recovery this node has agreed last.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Agreed {
    with: NodeId,
    /// From when on it may agree to another's.
    until: Time,
}

/// For how long a node that has agreed to a recovery agrees to no other node's. That one goes on
/// with what it hears while it asks, [`POLLING_MAX`], and each answer is given while it does; the
/// rest allows for clocks that run at different rates.
const AGREED_FOR: Duration = Duration::from_secs(2 * POLLING_MAX.as_secs());

impl Membership {
    /// What a recovery would do, if these members are lost for good.
    ///
    /// # Errors
    /// [`ChangeRefusal`] says why there can be none.
    pub fn recovery(&self, lost: &BTreeSet<NodeId>) -> Result<RecoveryView, ChangeRefusal> {
        let configuration = self.check_recovery(lost)?;
        let is_left = |node| !lost.contains(&node);
        let has_majority = is_majority(configuration.members_before(), is_left);
        // What a group that is forced already holds may be with any member, until it is gathered.
        let is_forced = |group: &Group| configuration.forced().contains(*group);
        let has_lost = |group: &Group| {
            let quorums = configuration.group_quorums(*group);
            // The lost ones may have decided the change under way, and nobody who is left have
            // heard of it: then only the replicas after it have what was completed since.
            let may_be_done = !has_majority && !quorums.after().is_majority(is_left);
            is_forced(group) || may_be_done || !quorums.before().is_majority(is_left)
        };
        let forced: Groups = Group::all().filter(has_lost).collect();
        // In a joint configuration a replica of either set may have what counts.
        let is_gone = |group: &Group| {
            let quorums = configuration.group_quorums(*group);
            !is_forced(group) && !quorums.replicas().any(is_left)
        };
        let members = configuration.members().iter().map(|member| member.id);
        Ok(RecoveryView {
            survivors: members.filter(|&node| is_left(node)).collect(),
            // A recovery waits for every survivor, and there is nothing to go back to: when
            // another one is lost, those that are left go on anew.
            as_new_cluster: !has_majority || configuration.is_recovery(),
            forced,
            gone: Group::all().filter(is_gone).collect(),
        })
    }

    fn check_recovery(&self, lost: &BTreeSet<NodeId>) -> Result<&Configuration, ChangeRefusal> {
        let configuration = match self.configuration() {
            Some(configuration) if self.standing() == Standing::Member => configuration,
            _ => return Err(ChangeRefusal::NotMember),
        };
        for &node in lost {
            if !configuration.contains(node) {
                return Err(ChangeRefusal::UnknownMember(node));
            }
            if node == self.me || self.peer_state(node) == PeerState::Alive {
                return Err(ChangeRefusal::Alive(node));
            }
        }
        match lost.is_empty() {
            true => Err(ChangeRefusal::NothingLost),
            false => Ok(configuration),
        }
    }

    /// Whether this node, asked by that one, may agree to a recovery as a new cluster: it has not
    /// agreed to another one's that may yet begin. Then it agrees to no other's for a while.
    ///
    /// Two that recover at once would make two clusters: each needs everyone's word, that of the
    /// other one among them, and nobody gives it to both.
    pub(super) fn agree_to_recover(&mut self, now: Time, with: NodeId) -> bool {
        let agreed = self.recovering.agreed.filter(|agreed| agreed.until > now);
        if agreed.is_some_and(|agreed| agreed.with != with) {
            return false;
        }
        self.recovering.agreed = Some(Agreed {
            with,
            until: now + AGREED_FOR,
        });
        true
    }

    /// This node's own recovery has come to nothing: it may agree to another one's at once.
    pub(super) fn end_own_recovery(&mut self) {
        let me = self.me;
        self.recovering.agreed.take_if(|agreed| agreed.with == me);
    }

    /// The recovery that this node agreed to has begun: it may agree to one that follows on it.
    pub(super) fn forget_agreement(&mut self, entered: &Configuration) {
        if entered.is_recovery() {
            self.recovering = Recovering::default();
        }
    }

    /// All survivors have agreed to go on as a new cluster: they do, this one first.
    pub(super) fn go_on_as(&mut self, now: Time, recovered: Arc<Configuration>) {
        self.enter(now, recovered.clone());
        let configuration = recovered;
        self.send_to_members(&MembershipMessage::Stands { configuration });
    }

    /// The configuration by which the survivors go on.
    pub(super) fn recovered(&self, recovery: &Recovery) -> Result<Configuration, ChangeRefusal> {
        let view = self.recovery(&recovery.lost)?;
        let configuration = self.configuration().ok_or(ChangeRefusal::NotMember)?;
        let unnamed = recovery.groups.map(|named| {
            let forced = view.forced.iter();
            forced.filter(|&group| !named.contains(group)).count()
        });
        if let Some(groups @ 1..) = unnamed {
            return Err(ChangeRefusal::Lost { groups });
        }
        if view.as_new_cluster {
            let recovered = configuration.recovered(recovery.cluster, &view.survivors);
            return recovered.map_err(ChangeRefusal::Invalid);
        }
        if configuration.is_joint() {
            return Err(ChangeRefusal::Busy);
        }
        let mut members = configuration.members().to_vec();
        members.retain(|member| view.survivors.contains(&member.id));
        let joint = configuration.joint(members, configuration.replication());
        let joint = joint.map_err(ChangeRefusal::Invalid)?;
        Ok(joint.forcing(view.forced))
    }
}
