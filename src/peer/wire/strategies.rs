//! Any message there can be, for property tests.

use bytes::Bytes;
use proptest::collection::{btree_set, vec};
use proptest::option::of;
use proptest::prelude::*;
use protocol::{
    Address, Answer, Body, Boot, ClusterId, Configuration, Counter, Epoch, Founder, FreshNumber,
    Incarnation, Member, MembershipMessage, Message, NodeId, Operation, OperationId, Outcome,
    Proposal, ProposalId, Record, Refusal, RegisterName, RequestId, Tag, UnixMillis, Want,
};
use std::sync::Arc;
use std::time::Duration;

/// Who every message is from.
pub(super) const FROM: Incarnation = Incarnation {
    node: NodeId::new(0xaaaa_bbbb_cccc_dddd),
    boot: Boot::FIRST,
};

/// Whom every message is for.
pub(super) const TO: NodeId = NodeId::new(0x1111_2222_3333_4444);

pub(super) fn message() -> impl Strategy<Value = Message> {
    (epoch(), counter(), body()).prop_map(|(epoch, low_water, body)| Message {
        from: FROM,
        to: TO,
        epoch,
        low_water,
        body,
    })
}

/// What a coordinator and a replica say to each other most of the time.
pub(super) fn small_messages(count: u64) -> Vec<Message> {
    let tag = |seq| Tag {
        seq,
        writer: FROM,
        step: 0,
    };
    let body = |number: u64| {
        let name = RegisterName::new(format!("register-{number}")).expect("short");
        let counter = Counter(number);
        let request = RequestId {
            origin: Incarnation {
                node: TO,
                boot: Boot::FIRST,
            },
            counter,
        };
        match number % 4 {
            0 => Body::Query {
                counter,
                name,
                want: Want::RecordAbove(tag(number)),
            },
            1 => Body::QueryReply {
                request,
                answer: Answer::Tag {
                    tag: tag(number),
                    settled: true,
                },
            },
            2 => Body::Update {
                counter,
                name,
                record: Record {
                    tag: tag(number),
                    content: Some(Bytes::from_static(&[7; 64])),
                    expiry: None,
                    operation: None,
                    settled: false,
                },
            },
            _ => Body::UpdateReply {
                request,
                tag: tag(number),
            },
        }
    };
    (0..count)
        .map(|number| Message {
            from: FROM,
            to: TO,
            epoch: Epoch::FIRST,
            low_water: Counter(number),
            body: body(number),
        })
        .collect()
}

fn body() -> impl Strategy<Value = Body> {
    prop_oneof![
        (counter(), name(), want()).prop_map(|(counter, name, want)| Body::Query {
            counter,
            name,
            want
        }),
        (request(), answer()).prop_map(|(request, answer)| Body::QueryReply { request, answer }),
        (counter(), name(), record()).prop_map(|(counter, name, record)| Body::Update {
            counter,
            name,
            record
        }),
        (request(), tag()).prop_map(|(request, tag)| Body::UpdateReply { request, tag }),
        (name(), tag()).prop_map(|(name, tag)| Body::Settled { name, tag }),
        (request(), configuration()).prop_map(|(request, configuration)| Body::StaleEpoch {
            request,
            configuration: Arc::new(configuration)
        }),
        request().prop_map(|request| Body::ConfigurationRequest { request }),
        configuration().prop_map(|configuration| Body::Configuration {
            configuration: Arc::new(configuration)
        }),
        (counter(), operation(), any::<u64>()).prop_map(|(counter, operation, micros)| {
            Body::Forward {
                counter,
                operation,
                time_left: Duration::from_micros(micros),
            }
        }),
        (request(), outcome())
            .prop_map(|(request, outcome)| Body::ForwardReply { request, outcome }),
    ]
}

pub(super) fn membership() -> impl Strategy<Value = MembershipMessage> {
    prop_oneof![
        any::<u64>().prop_map(|number| MembershipMessage::Ping { number }),
        (any::<u64>(), epoch())
            .prop_map(|(number, epoch)| MembershipMessage::Pong { number, epoch }),
        any::<Option<u64>>().prop_map(|round| MembershipMessage::Ask { round }),
        of(any::<(u64, u64)>()).prop_map(|number| MembershipMessage::Fresh {
            number: number.map(|(round, number)| FreshNumber { round, number })
        }),
        configuration().prop_map(|configuration| MembershipMessage::Stands {
            configuration: Arc::new(configuration)
        }),
        proposal().prop_map(|proposal| MembershipMessage::Propose {
            proposal: Arc::new(proposal)
        }),
        proposal_id().prop_map(|proposal| MembershipMessage::Yes { proposal }),
        proposal_id().prop_map(|proposal| MembershipMessage::Commit { proposal }),
    ]
}

fn proposal() -> impl Strategy<Value = Proposal> {
    let founder = (address(), node(), any::<u64>()).prop_map(|(address, id, number)| Founder {
        address,
        id,
        number,
    });
    (
        proposal_id(),
        any::<u64>(),
        vec(founder, 0..=Configuration::MEMBERS_MAX),
    )
        .prop_map(|(id, cluster, founders)| Proposal {
            id,
            cluster: ClusterId(cluster),
            founders,
        })
}

fn proposal_id() -> impl Strategy<Value = ProposalId> {
    (node(), any::<u64>()).prop_map(|(proposer, round)| ProposalId { proposer, round })
}

pub(super) fn configuration() -> impl Strategy<Value = Configuration> {
    let ids = btree_set(1..u64::MAX, 1..=Configuration::MEMBERS_MAX);
    (any::<u64>(), 1..1u64 << 63, ids, any::<u32>()).prop_map(|(cluster, epoch, ids, weight)| {
        let members: Vec<Member> = ids
            .into_iter()
            .map(|id| Member {
                id: NodeId::new(id),
                address: format!("node-{id}.example:3030").parse().expect("valid"),
                weight,
            })
            .collect();
        let replication = u8::try_from(members.len()).expect("few");
        Configuration::new(ClusterId(cluster), Epoch(epoch), members, replication)
            .expect("ids and addresses differ")
    })
}

pub(super) fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        name().prop_map(|name| Operation::Read { name }),
        (name(), content(), expiry()).prop_map(|(name, content, expiry)| Operation::Write {
            name,
            content,
            expiry
        }),
    ]
}

pub(super) fn outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        (record(), any::<u8>()).prop_map(|(record, rounds)| Outcome::Read { record, rounds }),
        (tag(), any::<u8>()).prop_map(|(tag, rounds)| Outcome::Written { tag, rounds }),
        prop_oneof![
            Just(Refusal::NoCluster),
            Just(Refusal::Busy),
            Just(Refusal::NoQuorum),
            Just(Refusal::NoMember),
            Just(Refusal::Exhausted),
        ]
        .prop_map(Outcome::Refused),
        Just(Outcome::Unknown),
    ]
}

pub(super) fn record() -> impl Strategy<Value = Record> {
    (
        tag(),
        content(),
        expiry(),
        of((incarnation(), counter())),
        any::<bool>(),
    )
        .prop_map(|(tag, content, expiry, operation, settled)| Record {
            tag,
            content,
            expiry,
            operation: operation.map(|(origin, counter)| OperationId { origin, counter }),
            settled,
        })
}

fn answer() -> impl Strategy<Value = Answer> {
    prop_oneof![
        (tag(), any::<bool>()).prop_map(|(tag, settled)| Answer::Tag { tag, settled }),
        record().prop_map(Answer::Record),
    ]
}

fn want() -> impl Strategy<Value = Want> {
    prop_oneof![Just(Want::Tag), tag().prop_map(Want::RecordAbove)]
}

fn content() -> impl Strategy<Value = Option<Bytes>> {
    of(vec(any::<u8>(), 0..300).prop_map(Bytes::from))
}

fn expiry() -> impl Strategy<Value = Option<UnixMillis>> {
    of(any::<u64>().prop_map(UnixMillis))
}

fn name() -> impl Strategy<Value = RegisterName> {
    let length = prop_oneof![0..4usize, 0..=RegisterName::BYTES_MAX];
    length
        .prop_flat_map(|length| vec(any::<u8>(), length))
        .prop_map(|name| RegisterName::new(name).expect("within the bound"))
}

fn address() -> impl Strategy<Value = Address> {
    "[a-z]{1,254}:[1-9][0-9]{0,3}".prop_map(|text| text.parse().expect("valid"))
}

fn tag() -> impl Strategy<Value = Tag> {
    (0..1u64 << 63, incarnation(), any::<u32>()).prop_map(|(seq, writer, step)| Tag {
        seq,
        writer,
        step,
    })
}

fn request() -> impl Strategy<Value = RequestId> {
    (any::<u32>(), counter()).prop_map(|(boot, counter)| RequestId {
        origin: Incarnation {
            node: TO,
            boot: Boot::new(boot),
        },
        counter,
    })
}

fn incarnation() -> impl Strategy<Value = Incarnation> {
    (node(), any::<u32>()).prop_map(|(node, boot)| Incarnation {
        node,
        boot: Boot::new(boot),
    })
}

fn node() -> impl Strategy<Value = NodeId> {
    any::<u64>().prop_map(NodeId::new)
}

fn counter() -> impl Strategy<Value = Counter> {
    any::<u64>().prop_map(Counter)
}

fn epoch() -> impl Strategy<Value = Epoch> {
    (0..1u64 << 63).prop_map(Epoch)
}
