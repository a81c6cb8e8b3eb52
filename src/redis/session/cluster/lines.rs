//! `CLUSTER INFO`.

use crate::metrics::Traffic;
use crate::server::Placement;
use protocol::{PeerState, Slot};
use resp::ReplyWriter;

/// How the cluster is, as this node believes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in super::super) struct Health {
    /// Whether every operation can be expected to end well.
    pub(in super::super) quorum: bool,
    /// How many slots have no quorum alive.
    pub(in super::super) slots_without_quorum: usize,
}

/// Writes lines about the state of the cluster.
pub(in super::super) fn write_info(
    placement: Option<&Placement>,
    health: Health,
    traffic: &Traffic,
    to: &mut ReplyWriter<'_>,
) {
    let states = placement.map_or(&[][..], |placement| &placement.states);
    let in_state = |state: PeerState| states.iter().filter(|each| **each == state).count();
    // Of every slot without a quorum some replica is down; which of them is more than this form
    // has words for.
    let all = usize::from(Slot::COUNT);
    let assigned = if placement.is_some() { all } else { 0 };
    let failed = health.slots_without_quorum.min(assigned);
    let state = if health.quorum { "ok" } else { "fail" };
    let epoch = placement.map_or(0, |placement| placement.configuration.epoch().0);
    let sent: u64 = traffic.sent.iter().map(|peer| peer.sent_messages).sum();
    let received = traffic.received.received_messages;
    let ok = assigned - failed;
    let (suspect, down) = (in_state(PeerState::Suspect), in_state(PeerState::Down));
    let known = states.len();
    let text = format!(
        "cluster_state:{state}\r\n\
         cluster_slots_assigned:{assigned}\r\n\
         cluster_slots_ok:{ok}\r\n\
         cluster_slots_pfail:0\r\n\
         cluster_slots_fail:{failed}\r\n\
         cluster_known_nodes:{known}\r\n\
         cluster_size:{known}\r\n\
         cluster_current_epoch:{epoch}\r\n\
         cluster_my_epoch:{epoch}\r\n\
         cluster_nodes_suspect:{suspect}\r\n\
         cluster_nodes_down:{down}\r\n\
         cluster_stats_messages_sent:{sent}\r\n\
         cluster_stats_messages_received:{received}\r\n"
    );
    to.verbatim(*b"txt", text);
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::placement;
    use super::*;
    use bytes::BytesMut;
    use resp::Dialect;

    fn written(placement: Option<&Placement>, health: Health) -> String {
        let mut out = BytesMut::new();
        let writer = &mut ReplyWriter::new(&mut out, Dialect::Resp2);
        write_info(placement, health, &Traffic::default(), writer);
        String::from_utf8(out.to_vec()).unwrap()
    }

    #[test]
    fn a_cluster_without_a_quorum_for_some_slots_says_so() {
        let mut of = placement(5);
        of.states[0] = PeerState::Down;
        let quorum = false;
        let slots_without_quorum = 160;
        let text = written(
            Some(&of),
            Health {
                quorum,
                slots_without_quorum,
            },
        );
        for line in [
            "cluster_state:fail",
            "cluster_slots_assigned:16384",
            "cluster_slots_ok:16224",
            "cluster_slots_fail:160",
            "cluster_known_nodes:5",
            "cluster_nodes_down:1",
            "cluster_current_epoch:1",
        ] {
            assert!(text.contains(&format!("{line}\r\n")), "{line}: {text}");
        }
    }

    #[test]
    fn a_node_without_a_cluster_knows_of_no_slot() {
        let quorum = false;
        let slots_without_quorum = 0;
        let text = written(
            None,
            Health {
                quorum,
                slots_without_quorum,
            },
        );
        assert!(text.contains("cluster_state:fail\r\ncluster_slots_assigned:0\r\n"));
    }
}
