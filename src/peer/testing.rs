//! Nodes and messages for the tests of connections.

use bytes::Bytes;
use protocol::{
    Body, Boot, Counter, Epoch, Incarnation, Message, NodeId, Record, RegisterName, Tag,
};

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

fn name() -> RegisterName {
    RegisterName::new(&b"name"[..]).expect("short")
}
