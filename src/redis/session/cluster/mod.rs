//! What cluster clients are told: which node to ask for which register.
//!
//! Any node serves any register, so nothing depends on it but the number of hops, and nobody is
//! ever sent elsewhere (`MOVED`, `ASK`). What is told is where each slot is held, and there first
//! where its read-modify-writes are coordinated.

mod lines;
mod map;
mod topology;

use crate::server::Placement;
use bytes::{Bytes, BytesMut};
use map::{Key, Map};
use parking_lot::Mutex;
use protocol::{NodeId, Slot};
use resp::{Dialect, ReplyWriter};
use std::sync::{Arc, OnceLock};

pub(super) use lines::{Health, write_info};

/// The map of the cluster, kept for as long as it holds: clients ask often, and of large clusters
/// the answers are long.
#[derive(Debug, Default)]
pub(super) struct Maps(Mutex<Option<Arc<Drawn>>>);

/// A map, and the answers that were drawn from it.
#[derive(Debug)]
struct Drawn {
    map: Map,
    /// By what was asked, then by dialect.
    answers: [[OnceLock<Bytes>; 2]; 3],
}

/// What can be asked of a map.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Topology {
    Slots,
    Shards,
    Nodes,
}

impl Maps {
    /// Appends the answer, of the cluster as it is placed now; of none before there is a cluster.
    pub(super) fn write(
        &self,
        asked: Topology,
        placement: Option<&Placement>,
        me: NodeId,
        dialect: Dialect,
        out: &mut BytesMut,
    ) {
        let Some(placement) = placement else {
            return topology::write_none(asked, &mut ReplyWriter::new(out, dialect));
        };
        let drawn = self.draw(placement, me);
        let answer = drawn.answers[asked as usize][dialect as usize].get_or_init(|| {
            let mut answer = BytesMut::new();
            let writer = &mut ReplyWriter::new(&mut answer, dialect);
            topology::write(asked, &drawn.map, writer);
            answer.freeze()
        });
        out.extend_from_slice(answer);
    }

    fn draw(&self, placement: &Placement, me: NodeId) -> Arc<Drawn> {
        let key = Key::of(placement);
        let mut known = self.0.lock();
        match &*known {
            Some(drawn) if drawn.map.is_of(&key) => Arc::clone(drawn),
            _ => {
                let drawn = Arc::new(Drawn {
                    map: Map::of(placement, me),
                    answers: Default::default(),
                });
                *known = Some(Arc::clone(&drawn));
                drawn
            }
        }
    }
}

/// A node's id as Redis spells ids: 40 hexadecimal digits. Ours come first, as people and tools
/// look at how an id begins.
pub(super) fn spell_id(id: NodeId) -> String {
    format!("{:016x}{:024}", id.get(), 0)
}

/// How many other nodes an acknowledged write is on at least, wherever it is.
pub(super) fn acknowledged_by_others(placement: Option<&Placement>) -> usize {
    let slot = Slot::of(b"");
    let majority = |placement: &Placement| {
        let quorums = placement.configuration.quorums(slot);
        let least = quorums.before().majority().min(quorums.after().majority());
        least - 1
    };
    placement.map_or(0, majority)
}

#[cfg(test)]
mod tests {
    use super::super::testing::placement;
    use super::*;
    use protocol::PeerState;

    fn written(maps: &Maps, placement: Option<&Placement>) -> BytesMut {
        let mut out = BytesMut::new();
        let (slots, me) = (Topology::Slots, NodeId::new(1));
        maps.write(slots, placement, me, Dialect::Resp2, &mut out);
        out
    }

    #[test]
    fn an_answer_is_kept_until_somebody_stops_answering() {
        let maps = Maps::default();
        let mut placement = placement(3);
        let all = written(&maps, Some(&placement));
        let first = maps.draw(&placement, NodeId::new(1));
        assert_eq!(written(&maps, Some(&placement)), all);
        assert!(Arc::ptr_eq(&first, &maps.draw(&placement, NodeId::new(1))));
        placement.states[2] = PeerState::Down;
        assert_ne!(written(&maps, Some(&placement)), all);
        assert!(written(&maps, None).starts_with(b"*0\r\n"));
    }

    #[test]
    fn an_id_has_forty_digits_and_begins_with_ours() {
        let id = spell_id(NodeId::new(0xab));
        assert_eq!(id.len(), 40);
        assert!(id.starts_with("00000000000000ab0000"));
    }

    #[test]
    fn an_acknowledged_write_is_on_a_majority() {
        for (members, others) in [(1, 0), (2, 1), (3, 1), (9, 1)] {
            assert_eq!(acknowledged_by_others(Some(&placement(members))), others);
        }
        assert_eq!(acknowledged_by_others(None), 0);
    }
}
