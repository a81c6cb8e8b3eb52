//! Which members hold which slots: [`Placement`].

use super::{Member, Seat, Shape};
use crate::node::NodeId;
use crate::quorum::{Quorums, ReplicaSet};
use crate::slot::Group;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

/// The quorums of every group, and those of the reserved slot.
///
/// Groups are placed by weighted rendezvous hashing: each member draws, for each group, a number
/// from its seat and the group, and the members with the least numbers hold it. So a member that
/// comes takes its share from all others alike and nothing else moves; one that leaves gives its
/// own to all others. The numbers are exponentially distributed with the weight as their rate,
/// by which a member of twice the weight is twice as often first.
///
/// How even that is: a member of n, all of one weight, holds about R / n of the 1,024 groups, with a
/// standard deviation, as a part of its share, of sqrt((n / R - 1) / 1024): for R = 3 that is 3 % of
/// 5 members, 5 % of 10, 7 % of 20 and 12 % of 50. So the fullest of 5 members holds some 5 % more
/// than the mean, of 10 some 8 %, of 20 some 15 % and of 50 some 30 %.
///
/// Source: Thaler and Ravishankar, "Using name-based mappings to increase hit rates" (1998), and
/// the logarithmic weights of Schindelhauer and Schomaker, "Weighted distributed hash tables"
/// (2005). All arithmetic is on integers, so that all nodes compute alike.
#[derive(Clone, Debug)]
pub(super) struct Placement {
    reserved: Quorums,
    groups: PlacedGroups,
}

#[derive(Clone, Debug)]
enum PlacedGroups {
    /// Every member holds every slot.
    Alike(Quorums),
    /// By number of the group.
    Each(Vec<Quorums>),
}

impl Placement {
    pub(super) fn new(after: &Shape, before: Option<&Shape>) -> Self {
        let reserved = Quorums::of(before.unwrap_or(after).everyone());
        let spreads = |shape: &Shape| shape.members.len() > usize::from(shape.replication);
        let groups = if spreads(after) || before.is_some_and(spreads) {
            let after = place(after);
            let before = before.map(place);
            let quorums = after
                .into_iter()
                .enumerate()
                .map(|(group, new)| join(before.as_ref().map(|before| before[group].clone()), new));
            PlacedGroups::Each(quorums.collect())
        } else {
            PlacedGroups::Alike(join(before.map(Shape::everyone), after.everyone()))
        };
        Self { reserved, groups }
    }

    pub(super) fn reserved(&self) -> &Quorums {
        &self.reserved
    }

    pub(super) fn group(&self, group: Group) -> &Quorums {
        match &self.groups {
            PlacedGroups::Alike(quorums) => quorums,
            PlacedGroups::Each(groups) => &groups[usize::from(group.number())],
        }
    }
}

fn join(old: Option<ReplicaSet>, new: ReplicaSet) -> Quorums {
    match old {
        Some(old) if old != new => Quorums::joint(old, new),
        _ => Quorums::of(new),
    }
}

/// The replica set of every group. Equal ones are one in memory.
fn place(shape: &Shape) -> Vec<ReplicaSet> {
    let replication = usize::from(shape.replication).min(shape.members.len());
    let drawers: Vec<Drawer> = shape.members.iter().map(Drawer::new).collect();
    let mut sets: BTreeMap<Vec<NodeId>, ReplicaSet> = BTreeMap::new();
    let mut first: Vec<(u64, &Drawer)> = Vec::with_capacity(replication + 1);
    let groups = Group::all().map(|group| {
        first.clear();
        for drawer in &drawers {
            let number = drawer.draw(group);
            let rank = first.partition_point(|(less, by)| (*less, by.seat) < (number, drawer.seat));
            if rank < replication {
                first.truncate(replication - 1);
                first.insert(rank, (number, drawer));
            }
        }
        let mut nodes: Vec<NodeId> = first.iter().map(|(_, by)| by.node).collect();
        nodes.sort_unstable();
        let set = sets.entry(nodes);
        set.or_insert_with_key(|nodes| ReplicaSet::new(nodes.iter().copied()))
            .clone()
    });
    groups.collect()
}

/// A member that draws numbers for groups.
struct Drawer {
    node: NodeId,
    seat: Seat,
    weight: u64,
    seed: u64,
}

impl Drawer {
    fn new(member: &Member) -> Self {
        Self {
            node: member.id,
            seat: member.seat,
            weight: u64::from(member.weight),
            seed: mix(member.seat.0),
        }
    }

    /// -log2(u) / weight, for a u from 0 to 1 that is uniform over groups and seats; in units of
    /// 2^-56.
    ///
    /// A seat's numbers u are those that the generator SplitMix64 (Steele, Lea, Flood, "Fast
    /// splittable pseudorandom number generators", 2014) gives one after another from a seed of
    /// its own.
    fn draw(&self, group: Group) -> u64 {
        let step = u64::from(group.number()) + 1;
        let uniform = mix(self.seed.wrapping_add(step.wrapping_mul(GOLDEN)));
        (minus_log2(uniform | 1) << 16) / self.weight
    }
}

/// 2^64 divided by the golden ratio.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// A bijection of 64 bits after which each depends on all: the finalizer of SplitMix64.
fn mix(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// How many bits of a logarithm stand behind its point.
const FRACTION_BITS: u32 = 40;

/// `-log2(x / 2^64)`, in units of 2^-40, for an `x` above zero: on a straight line between two
/// entries of the table, which is too much by less than 3 millionths.
fn minus_log2(x: u64) -> u64 {
    let whole = 63 - x.leading_zeros();
    // From 1 to 2, in units of 2^-63.
    let mantissa = x << x.leading_zeros();
    let index = (mantissa >> (63 - TABLE_BITS)) as usize % TABLE_LINES;
    let rest = mantissa & (u64::MAX >> (1 + TABLE_BITS));
    let (from, to) = (LOG2_TABLE[index], LOG2_TABLE[index + 1]);
    // Less than 2^33 times less than 2^31.
    let on_line = ((to - from) * (rest >> 24)) >> (63 - TABLE_BITS - 24);
    (64 << FRACTION_BITS) - (u64::from(whole) << FRACTION_BITS) - from - on_line
}

const TABLE_BITS: u32 = 8;
const TABLE_LINES: usize = 1 << TABLE_BITS;

/// `log2(1 + index / 256)`, in units of 2^-40, rounded down.
const LOG2_TABLE: [u64; TABLE_LINES + 1] = {
    let mut table = [0; TABLE_LINES + 1];
    let mut index = 0;
    while index < TABLE_LINES {
        table[index] = log2((1 << 63) + ((index as u64) << (63 - TABLE_BITS)));
        index += 1;
    }
    table[TABLE_LINES] = 1 << FRACTION_BITS;
    table
};

/// The logarithm of a number from 1 to 2, in units of 2^-63: squaring a number doubles its
/// logarithm, so that each squaring brings the next bit before the point.
const fn log2(mut mantissa: u64) -> u64 {
    let mut log2 = 0;
    let mut bit = 0;
    while bit < FRACTION_BITS {
        let square = (mantissa as u128 * mantissa as u128) >> 63;
        let carry = (square >> 64) as u32;
        mantissa = (square >> carry) as u64;
        log2 = log2 << 1 | carry as u64;
        bit += 1;
    }
    log2
}

#[cfg(test)]
mod tests;
