//! `CLUSTER SLOTS`, `CLUSTER SHARDS`, `CLUSTER NODES`.

use super::map::{Map, MapNode, Range};
use super::{Topology, spell_id};
use protocol::PeerState;
use resp::ReplyWriter;
use std::fmt::Write;

/// Writes what a map says.
pub(super) fn write(asked: Topology, map: &Map, to: &mut ReplyWriter<'_>) {
    match asked {
        Topology::Slots => write_slots(map, to),
        Topology::Shards => write_shards(map, to),
        Topology::Nodes => to.verbatim(*b"txt", nodes(map)),
    }
}

/// Writes the answer of a node that knows of no cluster.
pub(super) fn write_none(asked: Topology, to: &mut ReplyWriter<'_>) {
    match asked {
        Topology::Slots | Topology::Shards => to.array(0),
        Topology::Nodes => to.verbatim(*b"txt", ""),
    }
}

fn write_slots(map: &Map, to: &mut ReplyWriter<'_>) {
    to.array(map.ranges.len());
    for range in &map.ranges {
        to.array(2 + range.nodes.len());
        to.integer(range.first.into());
        to.integer(range.last.into());
        for &node in &range.nodes {
            let node = &map.nodes[node];
            to.array(4);
            to.bulk(&node.host);
            to.integer(node.port.into());
            to.bulk(spell_id(node.id));
            // What else is known of it: nothing.
            to.map(0);
        }
    }
}

fn write_shards(map: &Map, to: &mut ReplyWriter<'_>) {
    let shards = map.shards();
    to.array(shards.len());
    for (nodes, ranges) in shards {
        to.map(2);
        to.bulk("slots");
        to.array(2 * ranges.len());
        for range in ranges {
            to.integer(range.first.into());
            to.integer(range.last.into());
        }
        to.bulk("nodes");
        to.array(nodes.len());
        for (rank, &node) in nodes.iter().enumerate() {
            write_node(&map.nodes[node], rank == 0, to);
        }
    }
}

fn write_node(node: &MapNode, is_first: bool, to: &mut ReplyWriter<'_>) {
    to.map(7);
    to.bulk("id");
    to.bulk(spell_id(node.id));
    to.bulk("port");
    to.integer(node.port.into());
    to.bulk("ip");
    to.bulk(&node.host);
    to.bulk("endpoint");
    to.bulk(&node.host);
    to.bulk("role");
    to.bulk(if is_first { "master" } else { "replica" });
    to.bulk("replication-offset");
    to.integer(0);
    to.bulk("health");
    to.bulk(match node.state {
        PeerState::Alive | PeerState::Suspect => "online",
        PeerState::Down => "fail",
    });
}

/// A line for each node, with the slots that it comes first for. Nobody is anybody's replica in
/// this form, which has one primary for all that a node holds.
fn nodes(map: &Map) -> String {
    let mut lines = String::new();
    for (index, node) in map.nodes.iter().enumerate() {
        let myself = if node.id == map.me { "myself," } else { "" };
        let (failed, link) = match node.state {
            PeerState::Alive => ("", "connected"),
            PeerState::Suspect => (",fail?", "disconnected"),
            PeerState::Down => (",fail", "disconnected"),
        };
        let MapNode { host, port, .. } = node;
        let id = spell_id(node.id);
        let epoch = map.epoch;
        // The nodes talk to each other on the same port.
        let _ = write!(
            lines,
            "{id} {host}:{port}@{port} {myself}master{failed} - 0 0 {epoch} {link}"
        );
        for Range { first, last, .. } in map.led_by(index) {
            let _ = write!(lines, " {first}-{last}");
        }
        lines.push('\n');
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::placement;
    use super::*;
    use bytes::BytesMut;
    use protocol::NodeId;
    use resp::{Dialect, Reply, ReplyLimits, ReplyParser};

    fn map(members: u64) -> Map {
        Map::of(&placement(members), NodeId::new(1))
    }

    fn read(asked: Topology, map: &Map, dialect: Dialect) -> Reply {
        let mut out = BytesMut::new();
        write(asked, map, &mut ReplyWriter::new(&mut out, dialect));
        let mut parser = ReplyParser::new(ReplyLimits::default());
        let reply = parser.next(&mut out).unwrap().expect("one reply");
        assert!(out.is_empty());
        reply
    }

    fn items(reply: &Reply) -> &[Reply] {
        match reply {
            Reply::Array(items) => items,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn slots_are_a_list_of_ranges_with_their_nodes_and_no_host_is_empty() {
        for members in [1, 3, 20] {
            let map = map(members);
            let reply = read(Topology::Slots, &map, Dialect::Resp2);
            assert_eq!(items(&reply).len(), map.ranges.len());
            for range in items(&reply) {
                let [first, last, nodes @ ..] = items(range) else {
                    panic!("{range:?}");
                };
                assert!(matches!((first, last), (Reply::Integer(a), Reply::Integer(b)) if a < b));
                assert_eq!(nodes.len() as u64, members.min(3));
                for node in nodes {
                    let [host, port, id, more] = items(node) else {
                        panic!("{node:?}");
                    };
                    assert_eq!(*host, Reply::Bulk("127.0.0.1".into()));
                    assert!(matches!(port, Reply::Integer(3030..=3049)));
                    assert!(matches!(id, Reply::Bulk(id) if id.len() == 40));
                    assert_eq!(*more, Reply::Array(vec![]));
                }
            }
        }
    }

    #[test]
    fn shards_hold_each_slot_once_and_name_a_master_first() {
        let reply = read(Topology::Shards, &map(5), Dialect::Resp3);
        let mut held = 0;
        for shard in items(&reply) {
            let Reply::Map(fields) = shard else {
                panic!("{shard:?}");
            };
            let [(_, slots), (_, nodes)] = &fields[..] else {
                panic!("{fields:?}");
            };
            for range in items(slots).chunks(2) {
                let [Reply::Integer(first), Reply::Integer(last)] = range else {
                    panic!("{range:?}");
                };
                held += last - first + 1;
            }
            let roles = items(nodes).iter().map(|node| match node {
                Reply::Map(fields) => fields[4].1.clone(),
                other => panic!("{other:?}"),
            });
            let roles: Vec<Reply> = roles.collect();
            assert_eq!(roles[0], Reply::Bulk("master".into()));
            assert!(
                roles[1..]
                    .iter()
                    .all(|role| *role == Reply::Bulk("replica".into()))
            );
        }
        assert_eq!(held, 16_384);
    }

    #[test]
    fn nodes_are_a_line_each_and_together_lead_every_slot() {
        let mut of = placement(3);
        of.states[2] = PeerState::Down;
        let text = nodes(&Map::of(&of, NodeId::new(1)));
        let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split(' ').collect()).collect();
        assert_eq!(lines.len(), 3);
        assert_eq!(
            lines[0][1..8],
            [
                "127.0.0.1:3030@3030",
                "myself,master",
                "-",
                "0",
                "0",
                "1",
                "connected"
            ]
        );
        assert_eq!(
            lines[2][2..],
            ["master,fail", "-", "0", "0", "1", "disconnected"]
        );
        let led = lines.iter().flat_map(|line| &line[8..]).map(|range| {
            let (first, last) = range.split_once('-').unwrap();
            last.parse::<u32>().unwrap() - first.parse::<u32>().unwrap() + 1
        });
        assert_eq!(led.sum::<u32>(), 16_384);
    }
}
