//! How a node comes by its view of the cluster.

use super::{Ended, Node};
use crate::server::lane_shell::{LaneFigures, LaneShell};
use crate::server::shares::slots;
use crate::server::view::{ClusterView, DiskView, MemberStanding, MemberView};
use protocol::{Configuration, Epoch, Groups, Member, NodeId, Slot};
use std::sync::atomic::Ordering;

impl Node {
    /// The cluster as this node sees it now.
    pub(super) fn view_now(&self) -> ClusterView {
        let inner = &*self.0;
        // The lanes are looked at one by one, and first: the membership's lock is held for as
        // short a time as can be.
        let figures = inner.lanes.iter().map(LaneShell::figures);
        let figures = figures.fold(LaneFigures::default(), LaneFigures::plus);
        let replaced_by = match &*inner.ended.borrow() {
            Some(Ended::Replaced { by, .. }) => Some(*by),
            Some(Ended::DiskFailed(_)) | None => None,
        };

        let mut cluster = inner.cluster.lock();
        let shares = cluster.shares();
        let membership = &cluster.membership;
        let configuration = membership.configuration().map(|known| &**known);
        let me = inner.incarnation.node;
        let member = |configuration: &Configuration, member: &Member| MemberView {
            id: member.id,
            address: member.address.clone(),
            weight: member.weight,
            state: membership.peer_state(member.id),
            lost: membership.is_lost(member.id),
            standing: standing(configuration, member.id),
            slots: (shares.as_ref()).map_or(0, |shares| shares.slots(member.id)),
            lacking_slots: slots(membership.groups_lacking(member.id)),
        };
        let members: Vec<MemberView> = configuration
            .iter()
            .flat_map(|known| known.members().iter().map(|each| member(known, each)))
            .collect();
        let is = |node: NodeId, so: &dyn Fn(&MemberView) -> bool| {
            let index = members.binary_search_by_key(&node, |member| member.id);
            index.is_ok_and(|index| so(&members[index]))
        };
        let is_well = |node| is(node, &MemberView::is_well);
        // In a change even those that hold everything are to copy what changes hands, lest they
        // missed something; they hold it all the same.
        let is_joint = configuration.is_some_and(Configuration::is_joint);
        let is_whole = |node| {
            is(node, &|it| {
                it.is_well() && (is_joint || it.lacking_slots == 0)
            })
        };
        let losses_survived = shares.as_ref().zip(configuration);
        let losses_survived = losses_survived
            .map(|(shares, known)| shares.losses_survived(known.quorums(Slot::RESERVED), is_whole));
        ClusterView {
            node: inner.incarnation,
            address: inner.advertise.clone(),
            standing: membership.standing().into(),
            replaced_by,
            cluster: configuration.map(Configuration::cluster),
            epoch: configuration.map_or(Epoch::NONE, Configuration::epoch),
            replication: configuration.map(Configuration::replication),
            former: configuration.map_or(Vec::new(), |known| known.former().to_vec()),
            change: membership.change(inner.clock.now()),
            awaited: membership.awaited(),
            majority: configuration
                .is_some_and(|known| known.quorums(Slot::RESERVED).is_quorum(is_well)),
            // What a recovery has yet to gather is not served, whoever is there.
            without_quorum: shares
                .as_ref()
                .map_or(Groups::NONE, |shares| shares.without_quorum(is_well))
                .union(configuration.map_or(Groups::NONE, Configuration::forced)),
            losses_survived,
            quorum_lost: membership.quorum_lost(),
            groups_lost: membership.groups_lost(),
            lacking_slots: slots(membership.groups_lacking(me)),
            members,
            registers: figures.registers,
            bytes: figures.bytes,
            memory_bytes: figures.memory_bytes,
            tombstones: figures.tombstones,
            tombstones_dropped: figures.tombstones_dropped,
            groups_compared: figures.groups_compared,
            registers_repaired: figures.registers_repaired,
            memory_limit: inner.limits.memory_bytes_max,
            durability: inner.durability,
            disk: inner.disk.as_ref().map(|disk| DiskView {
                pressure: disk.pressure(),
                figures: disk.figures(),
            }),
            copied_registers: figures.copied.registers,
            copied_bytes: figures.copied.bytes,
            operations_running: inner.operations_running.load(Ordering::Relaxed),
        }
    }
}

fn standing(configuration: &Configuration, member: NodeId) -> MemberStanding {
    match (
        configuration.contains_before(member),
        configuration.contains_after(member),
    ) {
        (true, true) => MemberStanding::Member,
        (true, false) => MemberStanding::Leaving,
        (false, _) => MemberStanding::Joining,
    }
}
