//! Operations on records in memory: [`apply()`].

use protocol::{Operation, Outcome, Record, UnixMillis};

/// Does to a record what the operation would do to its register if nothing came between, and says
/// how it would end. The record's tag stays: whoever writes the record gives it one.
pub(in crate::redis) fn apply(
    operation: &Operation,
    record: &mut Record,
    wall: UnixMillis,
    content_bytes_max: usize,
) -> Outcome {
    let rounds = 0;
    if record.is_expired(wall) {
        (record.content, record.expiry) = (None, None);
    }
    match operation {
        Operation::Read { .. } => Outcome::Read {
            record: record.clone(),
            rounds,
        },
        Operation::Write {
            content, expiry, ..
        } => {
            (record.content, record.expiry) = (content.clone(), *expiry);
            let tag = record.tag;
            Outcome::Written { tag, rounds }
        }
        Operation::Modify { change, .. } => {
            let applied = change.apply(record, wall, content_bytes_max);
            match (applied.write, applied.unmet) {
                (Some(changed), None) => {
                    let previous = record.content.take();
                    (record.content, record.expiry) = (changed.content, changed.expiry);
                    Outcome::Modified {
                        previous,
                        record: record.clone(),
                        rounds,
                    }
                }
                (_, unmet) => Outcome::Unchanged {
                    record: record.clone(),
                    unmet: unmet.unwrap_or(protocol::Unmet::Condition),
                    rounds,
                },
            }
        }
    }
}
