//! Messages between lanes on the wire.

use super::WireError;
use super::field::{Field, Reader};
use super::values::{put_any_name, take_any_name};
use protocol::{
    Answer, Body, Boot, Bounds, Configuration, Counter, Incarnation, Message, NodeId, RequestId,
};
use protocol::{Room, Tag, Want};
use std::sync::Arc;
use std::time::Duration;

/// The fewest bytes of a message, those of the question for a mark: kind, cluster, epoch, low-water
/// mark, counter, group.
pub(super) const BYTES_MIN: usize = 1 + 8 + 8 + 8 + 8 + 2;

const QUERY: u8 = 1;
const QUERY_REPLY: u8 = 2;
const UPDATE: u8 = 3;
const UPDATE_REPLY: u8 = 4;
const SETTLED: u8 = 5;
const STALE_EPOCH: u8 = 6;
const CONFIGURATION_REQUEST: u8 = 7;
const CONFIGURATION: u8 = 8;
const FORWARD: u8 = 9;
const FORWARD_REPLY: u8 = 10;
const ENTERED: u8 = 11;
const PREPARE: u8 = 12;
const PREPARE_REPLY: u8 = 13;
const ACCEPT: u8 = 14;
const ACCEPT_REPLY: u8 = 15;
const PULL: u8 = 16;
const PULL_REPLY: u8 = 17;
const LIST: u8 = 18;
const LIST_REPLY: u8 = 19;
const CONFIRM: u8 = 20;
const CONFIRM_REPLY: u8 = 21;
const MARK: u8 = 22;
const MARK_REPLY: u8 = 23;
const FORGET: u8 = 24;
const COMPARE: u8 = 25;
const COMPARE_REPLY: u8 = 26;

/// The most tombstones that one message names: a bit for each says what becomes of it.
const TOMBSTONES_MAX: usize = 64;

/// The most marks that one message tells: one for each member.
const MARKS_MAX: usize = Configuration::MEMBERS_MAX;

/// Appends a message. Who it is from and for stands elsewhere: the handshake proved the one, the
/// batch names the other.
pub(super) fn put(message: &Message, out: &mut Vec<u8>) {
    let kind = out.len();
    out.push(0);
    message.cluster.put(out);
    message.epoch.put(out);
    message.low_water.put(out);
    out[kind] = match &message.body {
        Body::Query {
            counter,
            name,
            want,
        } => {
            counter.put(out);
            put_any_name(name, out);
            want.put(out);
            QUERY
        }
        Body::QueryReply {
            request,
            answer,
            bounds,
        } => {
            put_request(*request, message.to, out);
            answer.put(out);
            bounds.put(out);
            QUERY_REPLY
        }
        Body::Update {
            counter,
            name,
            record,
        } => {
            counter.put(out);
            put_any_name(name, out);
            record.put(out);
            UPDATE
        }
        Body::UpdateReply { request, tag } => {
            put_request(*request, message.to, out);
            tag.put(out);
            UPDATE_REPLY
        }
        Body::Settled { name, tag } => {
            put_any_name(name, out);
            tag.put(out);
            SETTLED
        }
        Body::StaleEpoch {
            request,
            configuration,
        } => {
            put_request(*request, message.to, out);
            configuration.put(out);
            STALE_EPOCH
        }
        Body::ConfigurationRequest { request } => {
            put_request(*request, message.to, out);
            CONFIGURATION_REQUEST
        }
        Body::Configuration { configuration } => {
            configuration.put(out);
            CONFIGURATION
        }
        Body::Forward {
            counter,
            executor,
            operation,
            time_left,
        } => {
            counter.put(out);
            executor.put(out);
            operation.put(out);
            time_left.put(out);
            FORWARD
        }
        Body::ForwardReply { request, outcome } => {
            put_request(*request, message.to, out);
            outcome.put(out);
            FORWARD_REPLY
        }
        Body::Entered { request } => {
            put_request(*request, message.to, out);
            ENTERED
        }
        Body::Prepare {
            counter,
            name,
            ballot,
        } => {
            counter.put(out);
            put_any_name(name, out);
            ballot.put(out);
            PREPARE
        }
        Body::PrepareReply {
            request,
            promise,
            bounds,
        } => {
            put_request(*request, message.to, out);
            promise.put(out);
            bounds.put(out);
            PREPARE_REPLY
        }
        Body::Accept {
            counter,
            name,
            step,
        } => {
            counter.put(out);
            put_any_name(name, out);
            step.put(out);
            ACCEPT
        }
        Body::AcceptReply {
            request,
            ballot,
            tag,
            refused_by,
        } => {
            put_request(*request, message.to, out);
            ballot.put(out);
            tag.put(out);
            refused_by.put(out);
            ACCEPT_REPLY
        }
        Body::Pull {
            counter,
            group,
            ask,
        } => {
            counter.put(out);
            group.put(out);
            ask.put(out);
            PULL
        }
        Body::PullReply {
            request,
            group,
            answer,
        } => {
            put_request(*request, message.to, out);
            group.put(out);
            answer.put(out);
            PULL_REPLY
        }
        Body::List {
            counter,
            group,
            ask,
        } => {
            counter.put(out);
            group.put(out);
            ask.put(out);
            LIST
        }
        Body::ListReply {
            request,
            group,
            answer,
        } => {
            put_request(*request, message.to, out);
            group.put(out);
            answer.put(out);
            LIST_REPLY
        }
        Body::Confirm {
            counter,
            group,
            tombstones,
        } => {
            counter.put(out);
            group.put(out);
            put_all(tombstones, TOMBSTONES_MAX, out);
            CONFIRM
        }
        Body::ConfirmReply { request, held } => {
            put_request(*request, message.to, out);
            held.put(out);
            CONFIRM_REPLY
        }
        Body::Mark { counter, group } => {
            counter.put(out);
            group.put(out);
            MARK
        }
        Body::MarkReply { request, mark } => {
            put_request(*request, message.to, out);
            mark.put(out);
            MARK_REPLY
        }
        Body::Compare {
            counter,
            group,
            marks,
        } => {
            counter.put(out);
            group.put(out);
            put_all(marks, MARKS_MAX, out);
            COMPARE
        }
        Body::CompareReply { request, digest } => {
            put_request(*request, message.to, out);
            digest.put(out);
            COMPARE_REPLY
        }
        Body::Forget {
            counter,
            group,
            held,
        } => {
            counter.put(out);
            group.put(out);
            held.put(out);
            FORGET
        }
    };
}

/// Takes a message off the front: one from the node that the handshake proved, for the node that
/// the batch names.
pub(super) fn take(
    reader: &mut Reader<'_>,
    from: Incarnation,
    to: NodeId,
) -> Result<Message, WireError> {
    let kind: u8 = reader.take()?;
    let cluster = reader.take()?;
    let epoch = reader.take()?;
    let low_water = reader.take()?;
    let body = match kind {
        QUERY => Body::Query {
            counter: reader.take()?,
            name: take_any_name(reader)?,
            want: reader.take()?,
        },
        QUERY_REPLY => Body::QueryReply {
            request: take_request(reader, to)?,
            answer: reader.take()?,
            bounds: reader.take()?,
        },
        UPDATE => Body::Update {
            counter: reader.take()?,
            name: take_any_name(reader)?,
            record: reader.take()?,
        },
        UPDATE_REPLY => Body::UpdateReply {
            request: take_request(reader, to)?,
            tag: reader.take()?,
        },
        SETTLED => Body::Settled {
            name: take_any_name(reader)?,
            tag: reader.take()?,
        },
        STALE_EPOCH => Body::StaleEpoch {
            request: take_request(reader, to)?,
            configuration: Arc::new(reader.take()?),
        },
        CONFIGURATION_REQUEST => Body::ConfigurationRequest {
            request: take_request(reader, to)?,
        },
        CONFIGURATION => Body::Configuration {
            configuration: Arc::new(reader.take()?),
        },
        FORWARD => Body::Forward {
            counter: reader.take()?,
            executor: reader.take()?,
            operation: reader.take()?,
            time_left: reader.take()?,
        },
        FORWARD_REPLY => Body::ForwardReply {
            request: take_request(reader, to)?,
            outcome: reader.take()?,
        },
        ENTERED => Body::Entered {
            request: take_request(reader, to)?,
        },
        PREPARE => Body::Prepare {
            counter: reader.take()?,
            name: take_any_name(reader)?,
            ballot: reader.take()?,
        },
        PREPARE_REPLY => Body::PrepareReply {
            request: take_request(reader, to)?,
            promise: reader.take()?,
            bounds: reader.take()?,
        },
        ACCEPT => Body::Accept {
            counter: reader.take()?,
            name: take_any_name(reader)?,
            step: reader.take()?,
        },
        ACCEPT_REPLY => Body::AcceptReply {
            request: take_request(reader, to)?,
            ballot: reader.take()?,
            tag: reader.take()?,
            refused_by: reader.take()?,
        },
        PULL => Body::Pull {
            counter: reader.take()?,
            group: reader.take()?,
            ask: reader.take()?,
        },
        PULL_REPLY => Body::PullReply {
            request: take_request(reader, to)?,
            group: reader.take()?,
            answer: reader.take()?,
        },
        LIST => Body::List {
            counter: reader.take()?,
            group: reader.take()?,
            ask: reader.take()?,
        },
        CONFIRM => Body::Confirm {
            counter: reader.take()?,
            group: reader.take()?,
            tombstones: take_all(reader, TOMBSTONES_MAX)?,
        },
        CONFIRM_REPLY => Body::ConfirmReply {
            request: take_request(reader, to)?,
            held: reader.take()?,
        },
        MARK => Body::Mark {
            counter: reader.take()?,
            group: reader.take()?,
        },
        MARK_REPLY => Body::MarkReply {
            request: take_request(reader, to)?,
            mark: reader.take()?,
        },
        FORGET => Body::Forget {
            counter: reader.take()?,
            group: reader.take()?,
            held: reader.take()?,
        },
        COMPARE => Body::Compare {
            counter: reader.take()?,
            group: reader.take()?,
            marks: take_all(reader, MARKS_MAX)?,
        },
        COMPARE_REPLY => Body::CompareReply {
            request: take_request(reader, to)?,
            digest: reader.take()?,
        },
        LIST_REPLY => Body::ListReply {
            request: take_request(reader, to)?,
            group: reader.take()?,
            answer: reader.take()?,
        },
        found => {
            return Err(WireError::Unknown {
                what: "kind of message",
                found,
            });
        }
    };
    Ok(Message {
        from,
        to,
        cluster,
        epoch,
        low_water,
        body,
    })
}

/// A reply goes to the node that asked, so the node need not be said again; its boot must be.
fn put_request(request: RequestId, to: NodeId, out: &mut Vec<u8>) {
    debug_assert_eq!(request.origin.node, to, "a reply goes to who asked");
    request.origin.boot.put(out);
    request.counter.put(out);
}

fn take_request(reader: &mut Reader<'_>, to: NodeId) -> Result<RequestId, WireError> {
    let boot: Boot = reader.take()?;
    let counter: Counter = reader.take()?;
    Ok(RequestId {
        origin: Incarnation { node: to, boot },
        counter,
    })
}

const WANT_TAG: u8 = 1;
const WANT_RECORD: u8 = 2;

impl Field for Want {
    fn put(&self, out: &mut Vec<u8>) {
        match self {
            Want::Tag => WANT_TAG.put(out),
            Want::RecordAbove(tag) => {
                WANT_RECORD.put(out);
                tag.put(out);
            }
        }
    }

    fn take(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        match reader.take()? {
            WANT_TAG => Ok(Want::Tag),
            WANT_RECORD => Ok(Want::RecordAbove(reader.take()?)),
            found => Err(WireError::Unknown {
                what: "kind of want",
                found,
            }),
        }
    }
}

const ANSWER_TAG: u8 = 1;
const ANSWER_RECORD: u8 = 2;

impl Field for Answer {
    fn put(&self, out: &mut Vec<u8>) {
        match self {
            Answer::Tag { tag, settled } => {
                ANSWER_TAG.put(out);
                tag.put(out);
                settled.put(out);
            }
            Answer::Record(record) => {
                ANSWER_RECORD.put(out);
                record.put(out);
            }
        }
    }

    fn take(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        match reader.take()? {
            ANSWER_TAG => Ok(Answer::Tag {
                tag: reader.take::<Tag>()?,
                settled: reader.take()?,
            }),
            ANSWER_RECORD => reader.take().map(Answer::Record),
            found => Err(WireError::Unknown {
                what: "kind of answer",
                found,
            }),
        }
    }
}

/// Appends a list of pairs: how many, in a byte, then they.
fn put_all<A: Field, B: Field>(pairs: &[(A, B)], count_max: usize, out: &mut Vec<u8>) {
    debug_assert!(pairs.len() <= count_max);
    let count = u8::try_from(pairs.len()).expect("such lists are short");
    count.put(out);
    for (one, other) in pairs {
        one.put(out);
        other.put(out);
    }
}

fn take_all<A: Field, B: Field>(
    reader: &mut Reader<'_>,
    count_max: usize,
) -> Result<Vec<(A, B)>, WireError> {
    let count = usize::from(reader.take::<u8>()?);
    if count > count_max {
        let what = "count of pairs";
        return Err(WireError::Invalid { what });
    }
    let pairs = (0..count).map(|_| Ok((reader.take()?, reader.take()?)));
    pairs.collect()
}

/// One byte says which bounds there are; usually there are none.
impl Field for Bounds {
    fn put(&self, out: &mut Vec<u8>) {
        let Bounds { room, floor, base } = *self;
        let is_room_bounded = room != Room::ANY;
        let mut kinds = 0;
        if is_room_bounded {
            kinds |= ROOM_BOUNDED;
        }
        if (floor, base) > (0, 0) {
            kinds |= FLOOR;
        }
        kinds.put(out);
        if is_room_bounded {
            room.0.put(out);
        }
        if (floor, base) > (0, 0) {
            floor.put(out);
            base.put(out);
        }
    }

    fn take(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        let kinds: u8 = reader.take()?;
        if kinds & !(ROOM_BOUNDED | FLOOR) != 0 {
            return Err(WireError::Unknown {
                what: "kind of bounds",
                found: kinds,
            });
        }
        let mut bounds = Bounds::NONE;
        if kinds & ROOM_BOUNDED != 0 {
            bounds.room = Room(reader.take()?);
        }
        if kinds & FLOOR != 0 {
            bounds.floor = reader.countable("floor")?;
            bounds.base = reader.countable("base")?;
        }
        let has_floor = (bounds.floor, bounds.base) > (0, 0);
        let is_told = (bounds.room != Room::ANY, has_floor);
        match is_told == (kinds & ROOM_BOUNDED != 0, kinds & FLOOR != 0) {
            true => Ok(bounds),
            false => Err(WireError::Invalid { what: "bounds" }),
        }
    }
}

const ROOM_BOUNDED: u8 = 1;
const FLOOR: u8 = 2;

/// A span, in whole microseconds. What is left over is dropped: nobody is promised more time than
/// there is.
impl Field for Duration {
    fn put(&self, out: &mut Vec<u8>) {
        let micros = u64::try_from(self.as_micros()).unwrap_or(u64::MAX);
        micros.put(out);
    }

    fn take(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        reader.take().map(Duration::from_micros)
    }
}

#[cfg(test)]
mod tests {
    use super::super::strategies;
    use super::super::weight::weight_bytes;
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_message_reads_back_what_it_wrote(message in strategies::message()) {
            let mut bytes = Vec::new();
            put(&message, &mut bytes);
            prop_assert!(bytes.len() >= BYTES_MIN);
            prop_assert!(bytes.len() <= weight_bytes(&message));
            let mut reader = Reader::new(&bytes);
            prop_assert_eq!(take(&mut reader, message.from, message.to), Ok(message));
            prop_assert_eq!(reader.finish(), Ok(()));
        }

        #[test]
        fn a_message_cut_short_is_an_error(
            message in strategies::message(),
            cut in any::<prop::sample::Index>(),
        ) {
            let mut bytes = Vec::new();
            put(&message, &mut bytes);
            let mut reader = Reader::new(&bytes[..cut.index(bytes.len())]);
            prop_assert!(take(&mut reader, message.from, message.to).is_err());
        }
    }

    #[test]
    fn time_left_is_never_rounded_up() {
        let mut bytes = Vec::new();
        Duration::from_nanos(1_999).put(&mut bytes);
        let span = Reader::new(&bytes).take::<Duration>();
        assert_eq!(span, Ok(Duration::from_micros(1)));
    }
}
