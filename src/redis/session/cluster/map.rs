//! Which nodes hold which slots, as cluster clients are told: [`Map`].

use crate::server::Placement;
use protocol::{Address, ClusterId, Configuration, Epoch, Group, NodeId, PeerState, Slot};
use std::collections::HashMap;

/// Which nodes hold which slots, and in which order clients should turn to them.
///
/// It is a function of the configuration and of who answers, and is put together once for each.
#[derive(Debug)]
pub(super) struct Map {
    key: Key,
    pub(super) me: NodeId,
    pub(super) epoch: Epoch,
    /// The members, by ascending id.
    pub(super) nodes: Vec<MapNode>,
    /// Every slot, by ascending number; neighbours with the same nodes in the same order are one
    /// range.
    pub(super) ranges: Vec<Range>,
}

/// What a map depends on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Key {
    cluster: ClusterId,
    epoch: Epoch,
    states: Vec<PeerState>,
}

/// One member.
#[derive(Clone, Debug)]
pub(super) struct MapNode {
    pub(super) id: NodeId,
    /// Where clients reach it. Never empty.
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) state: PeerState,
}

/// Slots in a row.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Range {
    pub(super) first: u16,
    pub(super) last: u16,
    /// Who holds them, by their index among the members. The first one is where their
    /// read-modify-writes are coordinated, so that those need no further hop.
    pub(super) nodes: Vec<usize>,
}

impl Key {
    pub(super) fn of(placement: &Placement) -> Self {
        Self {
            cluster: placement.configuration.cluster(),
            epoch: placement.configuration.epoch(),
            states: placement.states.clone(),
        }
    }
}

impl Map {
    pub(super) fn of(placement: &Placement, me: NodeId) -> Self {
        let configuration = &*placement.configuration;
        let members = configuration.members().iter().zip(&placement.states);
        let nodes = members.map(|(member, &state)| MapNode {
            id: member.id,
            host: host(&member.address),
            port: member.address.port(),
            state,
        });
        let nodes: Vec<MapNode> = nodes.collect();
        Self {
            key: Key::of(placement),
            me,
            epoch: configuration.epoch(),
            ranges: ranges(configuration, &nodes),
            nodes,
        }
    }

    /// Whether it is what this key would have.
    pub(super) fn is_of(&self, key: &Key) -> bool {
        self.key == *key
    }

    /// The ranges whose first node this is, by its index.
    pub(super) fn led_by(&self, node: usize) -> impl Iterator<Item = &Range> {
        let ranges = self.ranges.iter();
        ranges.filter(move |range| range.nodes.first() == Some(&node))
    }

    /// The different lists of nodes, each with its ranges, in the order of their first slots.
    pub(super) fn shards(&self) -> Vec<(&[usize], Vec<&Range>)> {
        let mut shards: Vec<(&[usize], Vec<&Range>)> = Vec::new();
        let mut known: HashMap<&[usize], usize> = HashMap::new();
        for range in &self.ranges {
            let index = *known.entry(&range.nodes).or_insert(shards.len());
            match shards.get_mut(index) {
                Some((_, ranges)) => ranges.push(range),
                None => shards.push((&range.nodes, vec![range])),
            }
        }
        shards
    }
}

/// The host of an address, as clients dial it: an IPv6 address without its brackets.
fn host(address: &Address) -> String {
    let text = address.as_str();
    let host = text.rsplit_once(':').map_or(text, |(host, _)| host);
    let inner = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    inner.unwrap_or(host).to_owned()
}

/// A group's slots are held by the same nodes, so it is looked at once.
fn ranges(configuration: &Configuration, nodes: &[MapNode]) -> Vec<Range> {
    let mut ranges: Vec<Range> = Vec::new();
    for group in Group::all() {
        let first = group.number() * Group::SLOTS;
        let last = first + (Group::SLOTS - 1);
        let slot = group.slots().next().expect("a group has slots");
        let nodes = in_order(configuration, slot, nodes);
        match ranges.last_mut() {
            Some(range) if range.nodes == nodes => range.last = last,
            _ => ranges.push(Range { first, last, nodes }),
        }
    }
    ranges
}

/// The replicas of a slot as clients should turn to them: those that are alive in the order in
/// which they coordinate, then the suspect ones. Those that are down are left out, as they are by
/// Redis, unless there are no others.
fn in_order(configuration: &Configuration, slot: Slot, nodes: &[MapNode]) -> Vec<usize> {
    let replicas = configuration.replicas_in_order(slot);
    let index = |id: NodeId| nodes.binary_search_by_key(&id, |node| node.id).ok();
    let all: Vec<usize> = replicas.filter_map(index).collect();
    let in_state = |state: PeerState| {
        let all = all.iter().copied();
        all.filter(move |&index| nodes[index].state == state)
    };
    let up = in_state(PeerState::Alive).chain(in_state(PeerState::Suspect));
    let up: Vec<usize> = up.collect();
    if up.is_empty() { all } else { up }
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::placement;
    use super::*;

    fn map(placement: &Placement) -> Map {
        Map::of(placement, NodeId::new(1))
    }

    #[track_caller]
    fn assert_covers_all(map: &Map) {
        let mut next = 0;
        for range in &map.ranges {
            assert_eq!(range.first, next);
            assert!(range.first <= range.last && !range.nodes.is_empty());
            next = range.last + 1;
        }
        assert_eq!(next, Slot::COUNT);
    }

    #[test]
    fn every_slot_is_in_one_range_and_led_by_who_coordinates_it() {
        for members in [1, 2, 3, 5, 20] {
            let placement = placement(members);
            let map = map(&placement);
            assert_covers_all(&map);
            for group in Group::all() {
                let slot = group.slots().next().unwrap();
                let number = group.number() * Group::SLOTS;
                let range = map.ranges.iter().find(|range| range.last >= number);
                let ids = range.unwrap().nodes.iter().map(|&node| map.nodes[node].id);
                let ids: Vec<NodeId> = ids.collect();
                let order: Vec<NodeId> = placement.configuration.replicas_in_order(slot).collect();
                assert_eq!(ids, order);
            }
        }
    }

    #[test]
    fn three_nodes_that_hold_all_lead_a_third_each() {
        let map = map(&placement(3));
        assert_eq!(map.ranges.len(), 3);
        for node in 0..3 {
            assert_eq!(map.led_by(node).count(), 1);
        }
        assert_eq!(map.shards().len(), 3);
    }

    #[test]
    fn many_nodes_make_many_ranges_and_no_more_than_there_are_groups() {
        let map = map(&placement(20));
        assert!(map.ranges.len() > 500 && map.ranges.len() <= usize::from(Group::COUNT));
        let shards = map.shards();
        let ranges: usize = shards.iter().map(|(_, ranges)| ranges.len()).sum();
        assert_eq!(ranges, map.ranges.len());
    }

    #[test]
    fn who_is_down_is_left_out_and_who_is_suspect_comes_last() {
        let mut placement = placement(3);
        placement.states[0] = PeerState::Suspect;
        placement.states[1] = PeerState::Down;
        let map = map(&placement);
        assert_covers_all(&map);
        assert_eq!(map.ranges.len(), 1);
        assert_eq!(map.ranges[0].nodes, [2, 0]);
    }

    #[test]
    fn slots_whose_nodes_are_all_down_keep_them() {
        let mut placement = placement(3);
        placement.states = vec![PeerState::Down; 3];
        let map = map(&placement);
        assert_covers_all(&map);
        assert_eq!(map.ranges[0].nodes.len(), 3);
    }

    #[test]
    fn a_map_is_of_one_epoch_and_of_one_view_of_who_is_alive() {
        let mut placement = placement(3);
        let map = map(&placement);
        assert!(map.is_of(&Key::of(&placement)));
        placement.states[2] = PeerState::Suspect;
        assert!(!map.is_of(&Key::of(&placement)));
    }

    #[test]
    fn a_host_stands_without_its_port_and_brackets() {
        for (address, expected) in [
            ("db-1:3030", "db-1"),
            ("127.0.0.1:1", "127.0.0.1"),
            ("[::1]:3030", "::1"),
        ] {
            assert_eq!(host(&address.parse().unwrap()), expected);
        }
    }
}
