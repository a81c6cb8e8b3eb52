//! Nodes and messages for the tests of connections.

use bytes::Bytes;
use protocol::{
    Body, Boot, Cell, ClusterId, Configuration, Counter, Epoch, Group, Incarnation, Member,
    MembershipMessage, Message, NodeId, PullAnswer, PullEntry, Record, RegisterName, RequestId,
    Tag,
};
use std::sync::Arc;

pub(super) fn node(number: u64) -> Incarnation {
    Incarnation {
        node: NodeId::new(number),
        boot: Boot::FIRST,
    }
}

/// An update with a value of so many bytes. Its low-water mark is its number.
pub(super) fn message(from: u64, to: u64, number: u64, value_bytes: usize) -> Message {
    Message {
        from: node(from),
        to: NodeId::new(to),
        cluster: ClusterId(7),
        epoch: Epoch::FIRST,
        low_water: Counter(number),
        body: Body::Update {
            counter: Counter(number),
            name: name(),
            record: Record {
                tag: Tag {
                    seq: number,
                    writer: node(from),
                    step: 0,
                },
                content: Some(Bytes::from(vec![b'x'; value_bytes])),
                ..Record::EMPTY
            },
        },
    }
}

/// A message that nobody waits for. Its low-water mark is its number.
pub(super) fn settled(from: u64, to: u64, number: u64) -> Message {
    Message {
        body: Body::Settled {
            name: name(),
            tag: Tag::ZERO,
        },
        ..message(from, to, number, 0)
    }
}

/// A page of what another node copies, with one value of so many bytes. Its low-water mark is its
/// number.
pub(super) fn page(from: u64, to: u64, number: u64, value_bytes: usize) -> Message {
    let record = Record {
        content: Some(Bytes::from(vec![b'x'; value_bytes])),
        ..Record::EMPTY
    };
    let cell = Cell {
        record,
        ..Cell::EMPTY
    };
    Message {
        body: Body::PullReply {
            request: RequestId {
                origin: node(to),
                counter: Counter(number),
            },
            group: Group::new(0).expect("the first"),
            answer: PullAnswer {
                entries: vec![PullEntry::Whole { name: name(), cell }],
                more: true,
                floors: Vec::new(),
            },
        },
        ..message(from, to, number, 0)
    }
}

/// A membership message that is as long as any with a configuration.
pub(super) fn stands() -> MembershipMessage {
    let members = |first: u64| -> Vec<Member> {
        let count = Configuration::MEMBERS_MAX as u64;
        let address = |id| format!("{id:0>254}:30000").parse().expect("an address");
        let ids = first..first + count;
        ids.map(|id| Member::new(NodeId::new(id), address(id)))
            .collect()
    };
    let before = Configuration::new(ClusterId(7), Epoch::FIRST, members(1), 3);
    let joint = before.and_then(|before| before.joint(members(1000), 3));
    MembershipMessage::Stands {
        configuration: Arc::new(joint.expect("ids and addresses differ")),
    }
}

fn name() -> RegisterName {
    RegisterName::new(&b"name"[..]).expect("short")
}
