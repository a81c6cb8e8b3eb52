//! Any message there can be, for property tests.

use bytes::Bytes;
use proptest::collection::{btree_map, vec};
use proptest::option::of;
use proptest::prelude::*;
use protocol::{
    Accepted, Address, Answer, Ballot, Body, Boot, Bounds, Cell, Change, ClusterId, Condition,
    Configuration, Counter, DissentReason, Effect, Epoch, ExpiryCondition, Founder, FreshNumber,
    Group, Groups, Incarnation, ListAnswer, ListAsk, ListCount, ListEntry, ListPage, Member,
    MembershipMessage, Message, NewExpiry, NodeId, Operation, OperationId, Outcome, Position,
    Promise, Proposal, ProposalId, PullAnswer, PullAsk, PullEntry, Record, Refusal, RegisterName,
    RequestId, Room, Tag, UnixMillis, Unmet, Want,
};
use std::ops::RangeInclusive;
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
    (any::<u64>(), epoch(), counter(), body()).prop_map(|(cluster, epoch, low_water, body)| {
        Message {
            from: FROM,
            to: TO,
            cluster: ClusterId(cluster),
            epoch,
            low_water,
            body,
        }
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
                bounds: Bounds::NONE,
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
            cluster: ClusterId(7),
            epoch: Epoch::FIRST,
            low_water: Counter(number),
            body: body(number),
        })
        .collect()
}

fn bounds() -> impl Strategy<Value = Bounds> {
    let room = prop_oneof![Just(Room::ANY), any::<u32>().prop_map(Room)];
    let floor = 0..=Tag::SEQ_MAX;
    (room, floor.clone(), floor).prop_map(|(room, floor, base)| Bounds { room, floor, base })
}

fn body() -> impl Strategy<Value = Body> {
    prop_oneof![
        (counter(), any_name(), want()).prop_map(|(counter, name, want)| Body::Query {
            counter,
            name,
            want
        }),
        (request(), answer(), bounds()).prop_map(|(request, answer, bounds)| Body::QueryReply {
            request,
            answer,
            bounds
        }),
        (counter(), any_name(), record()).prop_map(|(counter, name, record)| Body::Update {
            counter,
            name,
            record
        }),
        (request(), tag()).prop_map(|(request, tag)| Body::UpdateReply { request, tag }),
        (any_name(), tag()).prop_map(|(name, tag)| Body::Settled { name, tag }),
        (request(), configuration()).prop_map(|(request, configuration)| Body::StaleEpoch {
            request,
            configuration: Arc::new(configuration)
        }),
        request().prop_map(|request| Body::ConfigurationRequest { request }),
        configuration().prop_map(|configuration| Body::Configuration {
            configuration: Arc::new(configuration)
        }),
        (counter(), any::<u32>(), operation(), any::<u64>()).prop_map(
            |(counter, boot, operation, micros)| {
                Body::Forward {
                    counter,
                    executor: Boot::new(boot),
                    operation: Box::new(operation),
                    time_left: Duration::from_micros(micros),
                }
            }
        ),
        (request(), outcome()).prop_map(|(request, outcome)| Body::ForwardReply {
            request,
            outcome: Box::new(outcome),
        }),
        request().prop_map(|request| Body::Entered { request }),
        (counter(), any_name(), ballot()).prop_map(|(counter, name, ballot)| Body::Prepare {
            counter,
            name,
            ballot
        }),
        (request(), promise(), bounds()).prop_map(|(request, promise, bounds)| {
            Body::PrepareReply {
                request,
                promise,
                bounds,
            }
        }),
        (counter(), any_name(), accepted()).prop_map(|(counter, name, step)| Body::Accept {
            counter,
            name,
            step: Box::new(step),
        }),
        (request(), ballot(), tag(), of(ballot())).prop_map(
            |(request, ballot, tag, refused_by)| Body::AcceptReply {
                request,
                ballot,
                tag,
                refused_by
            }
        ),
        (counter(), group(), pull_ask()).prop_map(|(counter, group, ask)| Body::Pull {
            counter,
            group,
            ask
        }),
        (request(), group(), pull_answer()).prop_map(|(request, group, answer)| {
            Body::PullReply {
                request,
                group,
                answer,
            }
        }),
        (counter(), group(), vec((name(), record()), 0..8)).prop_map(
            |(counter, group, tombstones)| Body::Confirm {
                counter,
                group,
                tombstones
            }
        ),
        (request(), any::<u64>()).prop_map(|(request, held)| Body::ConfirmReply { request, held }),
        (counter(), group()).prop_map(|(counter, group)| Body::Mark { counter, group }),
        (request(), counter()).prop_map(|(request, mark)| Body::MarkReply { request, mark }),
        (counter(), group(), vec((Just(FROM), counter()), 0..8)).prop_map(
            |(counter, group, marks)| Body::Compare {
                counter,
                group,
                marks
            }
        ),
        (request(), any::<u128>())
            .prop_map(|(request, digest)| Body::CompareReply { request, digest }),
        (counter(), group(), any::<u64>()).prop_map(|(counter, group, held)| Body::Forget {
            counter,
            group,
            held
        }),
        (counter(), group(), list_ask()).prop_map(|(counter, group, ask)| Body::List {
            counter,
            group,
            ask
        }),
        (request(), group(), list_answer()).prop_map(|(request, group, answer)| {
            Body::ListReply {
                request,
                group,
                answer,
            }
        }),
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
        (address(), any::<Option<u32>>())
            .prop_map(|(address, weight)| MembershipMessage::Join { address, weight }),
        (any::<u64>(), configuration(), any::<bool>()).prop_map(
            |(number, configuration, only_if_down)| MembershipMessage::Consider {
                number,
                configuration: Arc::new(configuration),
                only_if_down,
            }
        ),
        any::<u64>().prop_map(|number| MembershipMessage::Consent { number }),
        (any::<u64>(), dissent_reason())
            .prop_map(|(number, reason)| MembershipMessage::Dissent { number, reason }),
        (epoch(), groups(), any::<(u64, u64)>()).prop_map(
            |(epoch, lacking, (registers, bytes))| MembershipMessage::Progress {
                epoch,
                lacking,
                registers,
                bytes
            }
        ),
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
        any::<u8>(),
        vec(founder, 0..=Configuration::MEMBERS_MAX),
    )
        .prop_map(|(id, cluster, replication, founders)| Proposal {
            id,
            cluster: ClusterId(cluster),
            replication,
            founders,
        })
}

fn proposal_id() -> impl Strategy<Value = ProposalId> {
    (node(), any::<u64>()).prop_map(|(proposer, round)| ProposalId { proposer, round })
}

/// A configuration of any kind: as founded, in a change, after it, or after it was given up.
///
/// Most have few members, as placing slots on many takes long without optimisation.
pub(super) fn configuration() -> impl Strategy<Value = Configuration> {
    let few = members(1..=7);
    let many = members(8..=Configuration::MEMBERS_MAX);
    let founded = (
        any::<u64>(),
        prop_oneof![40 => few, 1 => many],
        replication(),
    );
    let change = of((members(1..=9), replication(), 0..3u8));
    (founded, epoch(), change).prop_map(|((cluster, members, replication), epoch, change)| {
        let epoch = Epoch(epoch.0.clamp(1, Epoch::MAX.0 - 2));
        let founded = Configuration::new(ClusterId(cluster), epoch, members, replication);
        let founded = founded.expect("ids, seats and addresses differ");
        let Some((members, replication, what_became)) = change else {
            return founded;
        };
        let joint = founded
            .joint(members, replication)
            .expect("ids, seats and addresses differ");
        match what_became {
            0 => joint,
            1 => joint.finished(),
            _ => joint.aborted(),
        }
    })
}

fn members(count: RangeInclusive<usize>) -> impl Strategy<Value = Vec<Member>> {
    let weight = 1..=Member::WEIGHT_MAX;
    btree_map(1..u64::MAX, weight, count).prop_map(|members| {
        let members = members.into_iter().map(|(id, weight)| Member {
            weight,
            ..Member::new(
                NodeId::new(id),
                format!("node-{id}.example:3030").parse().expect("valid"),
            )
        });
        members.collect()
    })
}

fn replication() -> impl Strategy<Value = u8> {
    1..=Configuration::REPLICATION_MAX
}

pub(super) fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        name().prop_map(|name| Operation::Read { name }),
        (name(), content(), expiry()).prop_map(|(name, content, expiry)| Operation::Write {
            name,
            content,
            expiry
        }),
        (name(), change()).prop_map(|(name, change)| Operation::Modify { name, change }),
    ]
}

pub(super) fn change() -> impl Strategy<Value = Change> {
    (condition(), effect()).prop_map(|(condition, effect)| Change { condition, effect })
}

fn condition() -> impl Strategy<Value = Condition> {
    prop_oneof![
        Just(Condition::Always),
        Just(Condition::Absent),
        Just(Condition::Present),
        tag().prop_map(Condition::Tag),
        bytes().prop_map(Condition::Equal),
        bytes().prop_map(Condition::Unequal),
        any::<u64>().prop_map(Condition::DigestEqual),
        any::<u64>().prop_map(Condition::DigestUnequal),
    ]
}

fn effect() -> impl Strategy<Value = Effect> {
    let new_expiry = prop_oneof![
        Just(NewExpiry::Never),
        Just(NewExpiry::Keep),
        any::<u64>().prop_map(|at| NewExpiry::At(UnixMillis(at))),
    ];
    let condition =
        any::<[bool; 4]>().prop_map(|[absent, present, later, earlier]| ExpiryCondition {
            absent,
            present,
            later,
            earlier,
        });
    prop_oneof![
        (content(), new_expiry).prop_map(|(content, expiry)| Effect::Put { content, expiry }),
        (expiry(), condition).prop_map(|(at, condition)| Effect::Expire { at, condition }),
        bytes().prop_map(Effect::Append),
        (any::<u64>(), bytes()).prop_map(|(offset, part)| Effect::SetRange { offset, part }),
        any::<i64>().prop_map(Effect::Add),
        bytes().prop_map(Effect::AddDecimal),
    ]
}

fn unmet() -> impl Strategy<Value = Unmet> {
    prop_oneof![
        Just(Unmet::Condition),
        Just(Unmet::NotAnInteger),
        Just(Unmet::Overflow),
        Just(Unmet::NotANumber),
        Just(Unmet::OutOfRange),
        Just(Unmet::TooLong),
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
            Just(Refusal::Contended),
            Just(Refusal::Full),
            Just(Refusal::Disk),
        ]
        .prop_map(Outcome::Refused),
        Just(Outcome::Unknown),
        (content(), record(), any::<u8>()).prop_map(|(previous, record, rounds)| {
            Outcome::Modified {
                previous,
                record,
                rounds,
            }
        }),
        (record(), unmet(), any::<u8>()).prop_map(|(record, unmet, rounds)| Outcome::Unchanged {
            record,
            unmet,
            rounds,
        }),
    ]
}

pub(super) fn cell() -> impl Strategy<Value = Cell> {
    (record(), ballot(), of(accepted())).prop_map(|(record, promised, accepted)| {
        let accepted_under = accepted.as_ref().map(|step| step.ballot);
        Cell {
            record,
            promised: promised.max(accepted_under.unwrap_or_default()),
            accepted: accepted.map(Box::new),
        }
    })
}

pub(super) fn pull_ask() -> impl Strategy<Value = PullAsk> {
    prop_oneof![
        (any::<[u128; Group::SLOTS as usize]>(), of(name())).prop_map(|(digests, after)| {
            PullAsk::Differences {
                digests: Box::new(digests),
                after,
            }
        }),
        vec(name(), 0..8).prop_map(|names| PullAsk::Cells { names }),
    ]
}

pub(super) fn pull_answer() -> impl Strategy<Value = PullAnswer> {
    let entry = prop_oneof![
        (name(), tag(), ballot(), of((ballot(), tag()))).prop_map(
            |(name, tag, promised, accepted)| PullEntry::Listed {
                name,
                tag,
                promised,
                accepted
            }
        ),
        (name(), cell()).prop_map(|(name, cell)| PullEntry::Whole { name, cell }),
    ];
    let floors = prop_oneof![
        Just(Vec::new()),
        vec((0..=Tag::SEQ_MAX, 0..=Tag::SEQ_MAX), 16)
    ];
    (vec(entry, 0..8), any::<bool>(), floors).prop_map(|(entries, more, floors)| PullAnswer {
        entries,
        more,
        floors,
    })
}

pub(super) fn list_ask() -> impl Strategy<Value = ListAsk> {
    prop_oneof![
        (of(position()), any::<u16>())
            .prop_map(|(after, entries_max)| ListAsk::Names { after, entries_max }),
        any::<u64>().prop_map(|wall| ListAsk::Count {
            wall: UnixMillis(wall)
        }),
    ]
}

pub(super) fn list_answer() -> impl Strategy<Value = ListAnswer> {
    let entry = (name(), tag(), any::<bool>(), any::<bool>(), expiry()).prop_map(
        |(name, tag, settled, holds_value, expiry)| ListEntry {
            name,
            tag,
            settled,
            holds_value,
            expiry,
        },
    );
    let count =
        (any::<u128>(), any::<u64>(), any::<bool>()).prop_map(|(digest, values, any_expired)| {
            ListCount {
                digest,
                values,
                any_expired,
            }
        });
    prop_oneof![
        (vec(entry, 0..8), of(position()))
            .prop_map(|(entries, end)| ListAnswer::Names(ListPage { entries, end })),
        count.prop_map(ListAnswer::Count),
    ]
}

fn position() -> impl Strategy<Value = Position> {
    (0..=Position::NUMBER_MAX)
        .prop_map(|number| Position::from_number(number).expect("within the bound"))
}

fn promise() -> impl Strategy<Value = Promise> {
    prop_oneof![
        (record(), of(accepted())).prop_map(|(record, accepted)| Promise::Promised {
            record,
            accepted: accepted.map(Box::new),
        }),
        ballot().prop_map(|promised| Promise::Refused { promised }),
    ]
}

fn accepted() -> impl Strategy<Value = Accepted> {
    (ballot(), tag(), content(), expiry(), operation_id()).prop_map(
        |(ballot, tag, content, expiry, operation)| Accepted {
            ballot,
            tag: Tag {
                step: tag.step.max(1),
                ..tag
            },
            content,
            expiry,
            operation,
        },
    )
}

fn ballot() -> impl Strategy<Value = Ballot> {
    (0..=Ballot::ROUND_MAX, incarnation()).prop_map(|(round, proposer)| Ballot { round, proposer })
}

fn operation_id() -> impl Strategy<Value = OperationId> {
    (incarnation(), counter()).prop_map(|(origin, counter)| OperationId { origin, counter })
}

pub(super) fn groups() -> impl Strategy<Value = Groups> {
    any::<[u64; 16]>().prop_map(Groups::from_words)
}

fn group() -> impl Strategy<Value = Group> {
    (0..Group::COUNT).prop_map(|number| Group::new(number).expect("within the bound"))
}

fn dissent_reason() -> impl Strategy<Value = DissentReason> {
    prop_oneof![
        Just(DissentReason::Alive),
        Just(DissentReason::Outdated),
        Just(DissentReason::Elsewhere),
    ]
}

pub(super) fn record() -> impl Strategy<Value = Record> {
    (
        tag(),
        content(),
        expiry(),
        of(operation_id()),
        any::<bool>(),
    )
        .prop_map(|(tag, content, expiry, operation, settled)| Record {
            // Somebody wrote it, and a read-modify-write only on top of that.
            tag: Tag {
                seq: tag.seq.max(1),
                step: tag.step.max(operation.is_some().into()),
                ..tag
            },
            content,
            expiry,
            operation,
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
    of(bytes())
}

fn bytes() -> impl Strategy<Value = Bytes> {
    vec(any::<u8>(), 0..300).prop_map(Bytes::from)
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

/// One of a client's registers, or the reserved one.
fn any_name() -> impl Strategy<Value = RegisterName> {
    prop_oneof![9 => name(), 1 => Just(RegisterName::CONFIGURATION)]
}

fn address() -> impl Strategy<Value = Address> {
    "[a-z]{1,254}:[1-9][0-9]{0,3}".prop_map(|text| text.parse().expect("valid"))
}

fn tag() -> impl Strategy<Value = Tag> {
    (0..=Tag::SEQ_MAX, incarnation(), any::<u32>()).prop_map(|(seq, writer, step)| Tag {
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
    (0..=Epoch::MAX.0).prop_map(Epoch)
}
