//! Messages between lanes on the wire.

use super::WireError;
use super::field::{Field, Reader};
use super::values::CONFIGURATION_BYTES_MAX;
use protocol::{
    Answer, Body, Boot, Counter, Incarnation, Message, NodeId, Operation, Record, RegisterName,
    RequestId, Tag, Want,
};
use std::sync::Arc;
use std::time::Duration;

/// The fewest bytes of a message, those of a query for the tag of the register with no name:
/// kind, epoch, low-water mark, counter, length of the name, want.
pub(super) const BYTES_MIN: usize = 1 + 8 + 8 + 8 + 2 + 1;

/// What a message weighs beside its name, its value and its configuration.
const WEIGHT_FIXED: usize = 256;

const _: () = assert!(
    size_of::<Message>() <= WEIGHT_FIXED,
    "a message weighs its place in memory"
);

/// The most that a message without a value weighs.
pub(super) const WEIGHT_WITHOUT_VALUE_MAX: usize =
    WEIGHT_FIXED + RegisterName::BYTES_MAX + CONFIGURATION_BYTES_MAX;

/// What a message weighs: at least its place in memory, and at least its bytes on the wire.
pub(in crate::peer) fn weight_bytes(message: &Message) -> usize {
    let content_bytes = |record: &Record| record.content.as_ref().map_or(0, |value| value.len());
    WEIGHT_FIXED
        + match &message.body {
            Body::Query { name, .. } | Body::Settled { name, .. } => name.as_bytes().len(),
            Body::Update { name, record, .. } => name.as_bytes().len() + content_bytes(record),
            Body::Forward { operation, .. } => {
                let value_bytes = match operation {
                    Operation::Write {
                        content: Some(value),
                        ..
                    } => value.len(),
                    Operation::Write { content: None, .. } | Operation::Read { .. } => 0,
                };
                operation.name().as_bytes().len() + value_bytes
            }
            Body::QueryReply {
                answer: Answer::Record(record),
                ..
            }
            | Body::ForwardReply {
                outcome: protocol::Outcome::Read { record, .. },
                ..
            } => content_bytes(record),
            Body::StaleEpoch { .. } | Body::Configuration { .. } => CONFIGURATION_BYTES_MAX,
            Body::QueryReply { .. }
            | Body::UpdateReply { .. }
            | Body::ConfigurationRequest { .. }
            | Body::ForwardReply { .. } => 0,
        }
}

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

/// Appends a message. Who it is from and for stands elsewhere: the handshake proved the one, the
/// batch names the other.
pub(super) fn put(message: &Message, out: &mut Vec<u8>) {
    let kind = out.len();
    out.push(0);
    message.epoch.put(out);
    message.low_water.put(out);
    out[kind] = match &message.body {
        Body::Query {
            counter,
            name,
            want,
        } => {
            counter.put(out);
            name.put(out);
            want.put(out);
            QUERY
        }
        Body::QueryReply { request, answer } => {
            put_request(*request, message.to, out);
            answer.put(out);
            QUERY_REPLY
        }
        Body::Update {
            counter,
            name,
            record,
        } => {
            counter.put(out);
            name.put(out);
            record.put(out);
            UPDATE
        }
        Body::UpdateReply { request, tag } => {
            put_request(*request, message.to, out);
            tag.put(out);
            UPDATE_REPLY
        }
        Body::Settled { name, tag } => {
            name.put(out);
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
            operation,
            time_left,
        } => {
            counter.put(out);
            operation.put(out);
            time_left.put(out);
            FORWARD
        }
        Body::ForwardReply { request, outcome } => {
            put_request(*request, message.to, out);
            outcome.put(out);
            FORWARD_REPLY
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
    let epoch = reader.take()?;
    let low_water = reader.take()?;
    let body = match kind {
        QUERY => Body::Query {
            counter: reader.take()?,
            name: reader.take()?,
            want: reader.take()?,
        },
        QUERY_REPLY => Body::QueryReply {
            request: take_request(reader, to)?,
            answer: reader.take()?,
        },
        UPDATE => Body::Update {
            counter: reader.take()?,
            name: reader.take()?,
            record: reader.take()?,
        },
        UPDATE_REPLY => Body::UpdateReply {
            request: take_request(reader, to)?,
            tag: reader.take()?,
        },
        SETTLED => Body::Settled {
            name: reader.take()?,
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
            operation: reader.take()?,
            time_left: reader.take()?,
        },
        FORWARD_REPLY => Body::ForwardReply {
            request: take_request(reader, to)?,
            outcome: reader.take()?,
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
