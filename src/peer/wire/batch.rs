//! Batches: the messages that go together, and whom they are for.

use super::field::{Field, Reader};
use super::{BATCH_MESSAGES_MAX, CONTROL_MESSAGES_MAX, WireError, membership, message};
use protocol::{Incarnation, MembershipMessage, Message, NodeId};

/// The bytes of a batch's header, without the one that counts them.
const HEADER_BYTES: u8 = 8 + 4;

/// The same, with the number of the last batch that the sender's disk has synced.
const HEADER_WITH_SYNCED_BYTES: u8 = HEADER_BYTES + 8;

/// The most bytes that a header can have, with the one that counts them.
pub(super) const HEADER_BYTES_MAX: usize = 1 + u8::MAX as usize;

/// Appends a batch of messages between lanes, all for the node `to`.
pub(in crate::peer) fn encode_data(to: NodeId, messages: &[Message], out: &mut Vec<u8>) {
    debug_assert!(messages.len() <= BATCH_MESSAGES_MAX);
    put_header(to, messages.len(), out);
    for message in messages {
        debug_assert_eq!(message.to, to);
        message::put(message, out);
    }
}

/// Reads a whole batch of messages between lanes, which came from the node `from` to the node
/// `own`, and appends them to `messages`. On an error some may have been appended; none of them
/// is to be used.
pub(in crate::peer) fn decode_data(
    bytes: &[u8],
    from: Incarnation,
    own: NodeId,
    messages: &mut Vec<Message>,
) -> Result<(), WireError> {
    let mut reader = Reader::new(bytes);
    let count = take_header(&mut reader, own, BATCH_MESSAGES_MAX, message::BYTES_MIN)?;
    messages.reserve(count);
    for _ in 0..count {
        messages.push(message::take(&mut reader, from, own)?);
    }
    reader.finish()
}

/// Appends a batch of membership messages, all for the node `to`, and how far the sender's disk was
/// synced, if it has one.
pub(in crate::peer) fn encode_control(
    to: NodeId,
    synced: Option<u64>,
    messages: &[MembershipMessage],
    out: &mut Vec<u8>,
) {
    debug_assert!(messages.len() <= CONTROL_MESSAGES_MAX);
    match synced {
        None => put_header(to, messages.len(), out),
        Some(synced) => {
            let header = out.len();
            put_header(to, messages.len(), out);
            out[header] = HEADER_WITH_SYNCED_BYTES;
            synced.put(out);
        }
    }
    for message in messages {
        message.put(out);
    }
}

/// Reads a whole batch of membership messages, which came to the node `own`.
pub(in crate::peer) fn decode_control(
    bytes: &[u8],
    own: NodeId,
) -> Result<Vec<MembershipMessage>, WireError> {
    let mut reader = Reader::new(bytes);
    let count = take_header(
        &mut reader,
        own,
        CONTROL_MESSAGES_MAX,
        membership::BYTES_MIN,
    )?;
    let messages = (0..count)
        .map(|_| reader.take())
        .collect::<Result<_, _>>()?;
    reader.finish()?;
    Ok(messages)
}

/// How far the sender's disk was synced, if a batch that was decoded says so.
pub(in crate::peer) fn synced(bytes: &[u8]) -> Option<u64> {
    let (length, header) = bytes.split_first()?;
    let header = header.get(..usize::from(*length))?;
    let (_, appended) = header.split_at_checked(HEADER_BYTES.into())?;
    appended
        .first_chunk()
        .map(|bytes| u64::from_be_bytes(*bytes))
}

fn put_header(to: NodeId, count: usize, out: &mut Vec<u8>) {
    HEADER_BYTES.put(out);
    to.put(out);
    let count = u32::try_from(count).expect("batches are bounded");
    count.put(out);
}

/// Takes the header and gives the count of messages, which is at most `count_max` and no more
/// than there is room for.
fn take_header(
    reader: &mut Reader<'_>,
    own: NodeId,
    count_max: usize,
    message_bytes_min: usize,
) -> Result<usize, WireError> {
    let length: u8 = reader.take()?;
    // What a later version appends to the header is passed over.
    let mut header = Reader::new(reader.bytes(length.into())?);
    let to: NodeId = header.take()?;
    let count: u32 = header.take()?;
    if to != own {
        return Err(WireError::Misaddressed);
    }
    let invalid = WireError::Invalid {
        what: "count of messages",
    };
    let count = usize::try_from(count).map_err(|_| invalid)?;
    if count > count_max || count > reader.bytes_left() / message_bytes_min {
        return Err(invalid);
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::super::{CONFIGURATIONS_MAX, strategies};
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;
    use protocol::{Body, ClusterId, Configuration, Counter, Epoch, Group, Member};
    use std::sync::Arc;
    use std::time::Instant;

    const OWN: NodeId = strategies::TO;
    const PEER: Incarnation = strategies::FROM;

    fn decoded(bytes: &[u8]) -> Result<Vec<Message>, WireError> {
        let mut messages = Vec::new();
        decode_data(bytes, PEER, OWN, &mut messages).map(|()| messages)
    }

    fn encoded(messages: &[Message]) -> Vec<u8> {
        let mut bytes = Vec::new();
        encode_data(OWN, messages, &mut bytes);
        bytes
    }

    proptest! {
        #[test]
        fn a_batch_reads_back_what_it_wrote(messages in vec(strategies::message(), 0..8)) {
            prop_assert_eq!(decoded(&encoded(&messages)), Ok(messages));
        }

        #[test]
        fn a_control_batch_reads_back_what_it_wrote(
            messages in vec(strategies::membership(), 0..8),
            synced_before in any::<Option<u64>>(),
        ) {
            let mut bytes = Vec::new();
            encode_control(OWN, synced_before, &messages, &mut bytes);
            prop_assert_eq!(decode_control(&bytes, OWN), Ok(messages));
            prop_assert_eq!(synced(&bytes), synced_before);
        }

        #[test]
        fn garbage_is_an_error_and_never_a_panic(bytes in vec(any::<u8>(), 0..512)) {
            prop_assert!(decoded(&bytes).is_err());
            prop_assert!(decode_control(&bytes, OWN).is_err());
        }

        #[test]
        fn garbage_behind_a_good_header_never_panics(
            count in 0..20u8,
            bytes in vec(0..12u8, 0..512),
        ) {
            let mut batch = Vec::new();
            put_header(OWN, count.into(), &mut batch);
            batch.extend_from_slice(&bytes);
            if let Ok(messages) = decoded(&batch) {
                prop_assert_eq!(encoded(&messages), batch.as_slice(), "one spelling");
            }
            if let Ok(messages) = decode_control(&batch, OWN) {
                let mut again = Vec::new();
                encode_control(OWN, None, &messages, &mut again);
                prop_assert_eq!(again, batch, "one spelling");
            }
        }

        #[test]
        fn a_mutated_batch_is_an_error_or_other_messages_and_never_a_panic(
            messages in vec(strategies::message(), 1..4),
            mutations in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
            cut in proptest::option::of(any::<prop::sample::Index>()),
        ) {
            let mut bytes = encoded(&messages);
            for (at, byte) in mutations {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            if let Some(cut) = cut {
                bytes.truncate(cut.index(bytes.len()));
            }
            let _ = decoded(&bytes);
        }

        #[test]
        fn a_mutated_control_batch_is_an_error_or_other_messages_and_never_a_panic(
            messages in vec(strategies::membership(), 1..4),
            at in any::<prop::sample::Index>(),
            byte in any::<u8>(),
        ) {
            let mut bytes = Vec::new();
            encode_control(OWN, None, &messages, &mut bytes);
            let at = at.index(bytes.len());
            bytes[at] = byte;
            let _ = decode_control(&bytes, OWN);
        }

        #[test]
        fn trailing_bytes_are_an_error(messages in vec(strategies::message(), 0..4)) {
            let mut bytes = encoded(&messages);
            bytes.push(0);
            prop_assert_eq!(decoded(&bytes), Err(WireError::Trailing));
        }
    }

    #[test]
    fn a_batch_of_the_shortest_messages_reads_back_what_it_wrote() {
        let shortest = Message {
            from: PEER,
            to: OWN,
            cluster: ClusterId(7),
            epoch: Epoch::FIRST,
            low_water: Counter(0),
            body: Body::Mark {
                counter: Counter(1),
                group: Group::all().next().expect("there are some"),
            },
        };
        let messages = vec![shortest; BATCH_MESSAGES_MAX];
        let bytes = encoded(&messages);
        let header_bytes = 1 + usize::from(HEADER_BYTES);
        assert_eq!(
            bytes.len(),
            header_bytes + BATCH_MESSAGES_MAX * message::BYTES_MIN
        );
        assert_eq!(decoded(&bytes), Ok(messages));
    }

    /// To place the slots of a configuration takes far more memory and time than its bytes do.
    #[test]
    fn a_batch_with_more_configurations_than_any_node_sends_is_an_error() {
        let members = [(1, "a:1"), (2, "b:1")];
        let members = members.map(|(id, at)| Member::new(NodeId::new(id), at.parse().unwrap()));
        let configuration = |epoch| {
            let members = members.to_vec();
            let made = Configuration::new(ClusterId(7), Epoch(epoch), members, 1);
            Arc::new(made.unwrap())
        };
        let message = |epoch| Message {
            from: PEER,
            to: OWN,
            cluster: ClusterId(7),
            epoch: Epoch::FIRST,
            low_water: Counter(0),
            body: Body::Configuration {
                configuration: configuration(epoch),
            },
        };
        let stands = |epoch| MembershipMessage::Stands {
            configuration: configuration(epoch),
        };
        let control = |count| {
            let messages: Vec<MembershipMessage> = (1..=count).map(stands).collect();
            let mut bytes = Vec::new();
            encode_control(OWN, None, &messages, &mut bytes);
            decode_control(&bytes, OWN).map(|messages| messages.len())
        };
        let data = |count| {
            let messages: Vec<Message> = (1..=count).map(message).collect();
            decoded(&encoded(&messages)).map(|messages| messages.len())
        };
        let most = CONFIGURATIONS_MAX as u64;
        let what = "count of configurations";
        for decode in [&data as &dyn Fn(u64) -> Result<usize, WireError>, &control] {
            assert_eq!(decode(most), Ok(CONFIGURATIONS_MAX));
            assert_eq!(decode(most + 1), Err(WireError::Invalid { what }));
        }
    }

    #[test]
    fn a_batch_for_another_node_is_an_error() {
        let mut bytes = Vec::new();
        encode_control(NodeId::new(99), None, &[], &mut bytes);
        assert_eq!(decode_control(&bytes, OWN), Err(WireError::Misaddressed));
    }

    #[test]
    fn a_header_that_a_later_version_made_longer_is_read() {
        let mut bytes = vec![HEADER_BYTES + 3];
        OWN.put(&mut bytes);
        bytes.extend_from_slice(&[0, 0, 0, 0, 1, 2, 3]);
        assert_eq!(decoded(&bytes), Ok(Vec::new()));
    }

    #[test]
    fn a_count_beyond_what_is_there_is_an_error() {
        let mut bytes = vec![HEADER_BYTES];
        OWN.put(&mut bytes);
        bytes.extend_from_slice(&u32::MAX.to_be_bytes());
        assert!(matches!(decoded(&bytes), Err(WireError::Invalid { .. })));
    }

    #[test]
    #[ignore = "a measurement: run it with --release --nocapture"]
    fn the_time_that_a_small_message_takes() {
        let messages = strategies::small_messages(1000);
        let (mut bytes, mut again) = (Vec::new(), Vec::new());
        let rounds = 2000;
        let (mut encoding, mut decoding) = (0, 0);
        for _ in 0..rounds {
            bytes.clear();
            again.clear();
            let start = Instant::now();
            encode_data(OWN, &messages, &mut bytes);
            encoding += start.elapsed().as_nanos();
            let start = Instant::now();
            decode_data(&bytes, PEER, OWN, &mut again).expect("just encoded");
            decoding += start.elapsed().as_nanos();
        }
        let per_message = |nanos| nanos / (rounds * messages.len() as u128);
        println!(
            "{} bytes, {} ns to encode, {} ns to decode a small message",
            bytes.len() / messages.len(),
            per_message(encoding),
            per_message(decoding),
        );
    }
}
