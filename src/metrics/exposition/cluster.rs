//! The figures of the cluster, of its members and changes, and of what this node holds.

use super::Snapshot;
use crate::disk::Pressure;
use crate::metrics::families::Families;
use crate::server::{DiskView, MemberStanding, slots};
use protocol::PeerState;
use std::fmt;

impl Snapshot {
    /// Nothing, for a node without a disk.
    pub(super) fn encode_disk(&self, families: &mut Families<'_>) -> fmt::Result {
        let Some(DiskView { pressure, figures }) = self.view.disk else {
            return Ok(());
        };
        families.gauge(
            "shardedmemory_disk_full",
            "Whether there is no room on the disk: then this node acknowledges no writes.",
            u64::from(pressure == Pressure::Full),
        )?;
        families.gauge(
            "shardedmemory_disk_behind",
            "Whether so much waits for the disk that this node takes on no writes for the moment.",
            u64::from(pressure == Pressure::Behind),
        )?;
        families.counter(
            "shardedmemory_disk_batches",
            "Batches that were written to disk.",
            figures.batches,
        )?;
        families.counter(
            "shardedmemory_disk_written_bytes",
            "Bytes of keys and values in these batches.",
            figures.bytes,
        )?;
        families.counter(
            "shardedmemory_disk_syncs",
            "Syncs of what was written.",
            figures.syncs,
        )?;
        families.counter(
            "shardedmemory_disk_sync_seconds",
            "How long these syncs took together.",
            figures.sync_time.as_secs_f64(),
        )
    }

    pub(super) fn encode_cluster(&self, families: &mut Families<'_>) -> fmt::Result {
        let view = &self.view;
        families.gauge(
            "shardedmemory_epoch",
            "The newest configuration that this node has entered; 0 before there is a cluster.",
            view.epoch.0,
        )?;
        families.gauge(
            "shardedmemory_quorum",
            "Whether this node believes that a majority of the members and a quorum of each slot's \
             replicas is alive.",
            u64::from(view.quorum()),
        )?;
        families.gauge(
            "shardedmemory_slots_without_quorum",
            "Slots, of 16384, whose replicas have no quorum alive, as this node believes.",
            slots(view.without_quorum.len()) as u64,
        )?;
        families.gauge(
            "shardedmemory_quorum_lost",
            "Whether so many members lost their memory that no majority of them can ever be had \
             again.",
            u64::from(view.quorum_lost),
        )?;
        families.gauge(
            "shardedmemory_slots_lost",
            "Slots, of 16384, so many of whose replicas lost their memory that what they held is \
             gone.",
            slots(view.groups_lost.len()) as u64,
        )?;
        families.gauge(
            "shardedmemory_operations_running",
            "Clients' operations that run on this node.",
            view.operations_running as u64,
        )
    }

    pub(super) fn encode_registers(&self, families: &mut Families<'_>) -> fmt::Result {
        let view = &self.view;
        families.gauge(
            "shardedmemory_registers",
            "Registers that this node holds, deleted ones included.",
            view.registers as u64,
        )?;
        families.gauge(
            "shardedmemory_registers_bytes",
            "Bytes of the names and values of the registers that this node holds.",
            view.bytes,
        )?;
        families.gauge(
            "shardedmemory_memory_bytes",
            "Memory that the registers of this node take, with all that is kept beside them, as it \
             estimates.",
            view.memory_bytes,
        )?;
        families.gauge(
            "shardedmemory_tombstones",
            "Tombstones of deleted registers that this node holds.",
            view.tombstones as u64,
        )?;
        families.counter(
            "shardedmemory_tombstones_dropped",
            "Tombstones of deleted registers that this node has dropped.",
            view.tombstones_dropped,
        )?;
        families.counter(
            "shardedmemory_repair_groups_compared",
            "Comparisons of a group of slots with what another replica holds of it.",
            view.groups_compared,
        )?;
        families.counter(
            "shardedmemory_repair_registers",
            "Registers of which this node had missed something, as such a comparison showed, and \
             has taken it from another replica.",
            view.registers_repaired,
        )?;
        families.gauge(
            "shardedmemory_memory_limit_bytes",
            "Memory that the registers of this node may take; 0 for as much as they need.",
            view.memory_limit.unwrap_or_default(),
        )?;
        families.gauge(
            "shardedmemory_lacking_slots",
            "Slots that this node holds, or is to hold, and is still copying from others.",
            view.lacking_slots as u64,
        )?;
        families.counter(
            "shardedmemory_copied_registers",
            "Registers that this node took from others because it was to hold them.",
            view.copied_registers,
        )?;
        families.counter(
            "shardedmemory_copied_bytes",
            "Bytes of the names and values of registers that this node took from others because it \
             was to hold them.",
            view.copied_bytes,
        )
    }

    pub(super) fn encode_members(&self, families: &mut Families<'_>) -> fmt::Result {
        let view = &self.view;
        families.gauges(
            "shardedmemory_members",
            "Members of the cluster, by what they are to the change that is under way: member, \
             joining or leaving.",
            MemberStanding::ALL.map(|standing| {
                let members = view.members.iter();
                let count = members.filter(|member| member.standing == standing).count();
                ([("standing", standing.name())], count as u64)
            }),
        )?;
        families.gauges(
            "shardedmemory_member_slots",
            "Slots, of 16384, that each member holds; after the change, if one is under way.",
            view.members.iter().map(|member| {
                let labels = [
                    ("member", member.id.to_string()),
                    ("address", member.address.to_string()),
                ];
                (labels, member.slots as u64)
            }),
        )?;
        let peers = || {
            let others = view.members.iter();
            others.filter(|member| member.id != view.node.node)
        };
        families.gauges(
            "shardedmemory_peer_state",
            "What this node believes of each other member: 1 for its state, 0 for the others.",
            peers().flat_map(|member| {
                [PeerState::Alive, PeerState::Suspect, PeerState::Down].map(|state| {
                    let labels = [
                        ("peer", member.id.to_string()),
                        ("address", member.address.to_string()),
                        ("state", state.to_string()),
                    ];
                    (labels, u64::from(member.state == state))
                })
            }),
        )?;
        families.gauges(
            "shardedmemory_peer_lost",
            "Whether another process answers at the member's address, so that its memory is gone.",
            peers().map(|member| {
                let labels = [
                    ("peer", member.id.to_string()),
                    ("address", member.address.to_string()),
                ];
                (labels, u64::from(member.lost))
            }),
        )
    }

    pub(super) fn encode_change(&self, families: &mut Families<'_>) -> fmt::Result {
        let change = self.view.change.as_ref();
        families.gauge(
            "shardedmemory_change_in_progress",
            "Whether a change of members is under way.",
            u64::from(change.is_some()),
        )?;
        families.gauge(
            "shardedmemory_change_slots",
            "Slots that change hands in the change of members that is under way.",
            change.map_or(0, |change| slots(change.groups)) as u64,
        )?;
        families.gauge(
            "shardedmemory_change_slots_copied",
            "Slots of these that a majority of their new replicas has copied.",
            change.map_or(0, |change| slots(change.groups_copied)) as u64,
        )?;
        families.gauge(
            "shardedmemory_change_stalled_seconds",
            "For how long nothing has moved in the change of members that is under way.",
            change.map_or(0.0, |change| change.stalled_for.as_secs_f64()),
        )?;
        families.counters(
            "shardedmemory_changes",
            "Changes of members that this node saw begin, finish, or be given up.",
            self.changes.map(|(step, count)| ([("step", step)], count)),
        )
    }
}
