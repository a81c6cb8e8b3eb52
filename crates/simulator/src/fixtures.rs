//! What several tests begin with.

use bytes::Bytes;
use protocol::{Boot, ClusterId, Configuration, Epoch, Incarnation, Member, NodeId, Record, Tag};

/// Members of these ids, each at an address of its own.
pub(crate) fn members(ids: &[u64]) -> Vec<Member> {
    let member = |id: &u64| {
        let address = format!("n{id}:1").parse().expect("a host and a port");
        Member::new(NodeId::new(*id), address)
    };
    ids.iter().map(member).collect()
}

/// The first configuration of a cluster, with these members and each slot on three of them.
pub(crate) fn configuration(cluster: u64, ids: &[u64]) -> Configuration {
    replicated(cluster, ids, 3)
}

/// The first configuration of a cluster, with these members and each slot on so many of them.
pub(crate) fn replicated(cluster: u64, ids: &[u64], replication: u8) -> Configuration {
    let first = Configuration::new(ClusterId(cluster), Epoch::FIRST, members(ids), replication);
    first.expect("members and factor are within their bounds")
}

/// The incarnation that has written what [`record`] tells of.
pub(crate) fn incarnation() -> Incarnation {
    Incarnation {
        node: NodeId::new(1),
        boot: Boot::FIRST,
    }
}

/// A record of a plain write.
pub(crate) fn record(seq: u64, value: &'static [u8]) -> Record {
    Record {
        tag: Tag {
            seq,
            writer: incarnation(),
            step: 0,
        },
        content: Some(Bytes::from_static(value)),
        expiry: None,
        operation: None,
        settled: false,
    }
}
