//! What a message weighs: [`weight_bytes`], by which outboxes and batches are bounded.

use super::values::CONFIGURATION_BYTES_MAX;
use bytes::Bytes;
use protocol::{
    Accepted, Answer, Body, Cell, ListAnswer, ListEntry, ListPage, Message, Operation, Outcome,
    Promise, PullAnswer, PullAsk, PullEntry, Record, RegisterName,
};

/// What a message weighs beside its names, its values and its configuration.
const FIXED: usize = 256;

const _: () = assert!(
    size_of::<Message>() <= FIXED,
    "a message weighs its place in memory"
);

/// What a name weighs beside its bytes, in a list of them.
const LISTED_NAME: usize = size_of::<RegisterName>();

/// What an entry of a pull's answer weighs beside its name and its values.
const ENTRY: usize = size_of::<PullEntry>();

/// What an entry of a listing's page weighs beside its name.
const LISTED_ENTRY: usize = size_of::<ListEntry>();

/// The most that a page of a pull's answer weighs, but for the cell that fills it.
const PAGE_BYTES_MAX: usize = 1024 * 1024;

/// The most that a message weighs beside two values. A pull's answer is a page, and then one cell.
pub(super) const WITHOUT_VALUES_MAX: usize = greatest([
    FIXED + RegisterName::BYTES_MAX + CONFIGURATION_BYTES_MAX,
    FIXED + PullAsk::NAMES_MAX * (LISTED_NAME + RegisterName::BYTES_MAX),
    FIXED
        + PAGE_BYTES_MAX
        + ENTRY
        + size_of::<Accepted>()
        + RegisterName::BYTES_MAX
        + protocol::Group::SLOTS as usize * size_of::<(u64, u64)>(),
]);

const _: () = assert!(
    FIXED + ListPage::ENTRIES_CEILING * (LISTED_ENTRY + RegisterName::BYTES_MAX)
        <= super::MESSAGE_BYTES_MAX,
    "the longest page of a listing, which carries no values, can be sent"
);

/// What a message weighs: at least its place in memory, and at least its bytes on the wire.
pub(in crate::peer) fn weight_bytes(message: &Message) -> usize {
    FIXED
        + match &message.body {
            Body::Query { name, .. } | Body::Settled { name, .. } | Body::Prepare { name, .. } => {
                of_name(name)
            }
            Body::Update { name, record, .. } => of_name(name) + of_record(record),
            Body::Accept { name, step, .. } => of_name(name) + of_step(step),
            Body::Forward { operation, .. } => size_of::<Operation>() + of_operation(operation),
            Body::QueryReply { answer, .. } => match answer {
                Answer::Record(record) => of_record(record),
                Answer::Tag { .. } => 0,
            },
            Body::ForwardReply { outcome, .. } => size_of::<Outcome>() + of_outcome(outcome),
            Body::PrepareReply { promise, .. } => match promise {
                Promise::Promised { record, accepted } => {
                    of_record(record) + accepted.as_deref().map_or(0, of_step)
                }
                Promise::Refused { .. } => 0,
            },
            Body::StaleEpoch { .. } | Body::Configuration { .. } => CONFIGURATION_BYTES_MAX,
            Body::Pull { ask, .. } => match ask {
                PullAsk::Differences { digests, after } => {
                    size_of_val(&**digests) + after.as_ref().map_or(0, of_name)
                }
                PullAsk::Cells { names } => {
                    names.iter().map(|name| LISTED_NAME + of_name(name)).sum()
                }
            },
            Body::PullReply { answer, .. } => of_answer(answer) + size_of_val(&*answer.floors),
            Body::ListReply { answer, .. } => match answer {
                ListAnswer::Names(page) => {
                    let names = page.entries.iter().map(|entry| of_name(&entry.name));
                    names.map(|name| LISTED_ENTRY + name).sum()
                }
                ListAnswer::Count(_) => 0,
            },
            Body::Confirm { tombstones, .. } => {
                let names = tombstones.iter().map(|(name, _)| of_name(name));
                names
                    .map(|name| LISTED_ENTRY + size_of::<Record>() + name)
                    .sum()
            }
            Body::Compare { marks, .. } => size_of_val(&**marks),
            Body::ConfirmReply { .. }
            | Body::CompareReply { .. }
            | Body::Forget { .. }
            | Body::Mark { .. }
            | Body::MarkReply { .. }
            | Body::List { .. }
            | Body::UpdateReply { .. }
            | Body::ConfigurationRequest { .. }
            | Body::Entered { .. }
            | Body::AcceptReply { .. } => 0,
        }
}

fn of_name(name: &RegisterName) -> usize {
    name.as_bytes().len()
}

fn of_content(content: &Option<Bytes>) -> usize {
    content.as_ref().map_or(0, Bytes::len)
}

fn of_record(record: &Record) -> usize {
    of_content(&record.content)
}

fn of_step(step: &Accepted) -> usize {
    size_of::<Accepted>() + of_content(&step.content)
}

fn of_outcome(outcome: &Outcome) -> usize {
    match outcome {
        Outcome::Modified {
            previous, record, ..
        } => of_content(previous) + of_record(record),
        Outcome::Read { record, .. } | Outcome::Unchanged { record, .. } => of_record(record),
        Outcome::Written { .. } | Outcome::Refused(_) | Outcome::Unknown => 0,
    }
}

fn of_cell(cell: &Cell) -> usize {
    of_record(&cell.record) + cell.accepted.as_deref().map_or(0, of_step)
}

fn of_operation(operation: &Operation) -> usize {
    let values = match operation {
        Operation::Read { .. } => 0,
        Operation::Write { content, .. } => of_content(content),
        Operation::Modify { change, .. } => change.condition.bytes() + change.effect.bytes(),
    };
    of_name(operation.name()) + values
}

fn of_answer(answer: &PullAnswer) -> usize {
    let entries = answer.entries.iter().map(|entry| {
        let values = match entry {
            PullEntry::Listed { .. } => 0,
            PullEntry::Whole { cell, .. } => of_cell(cell),
        };
        ENTRY + of_name(entry.name()) + values
    });
    entries.sum()
}

const fn greatest<const COUNT: usize>(numbers: [usize; COUNT]) -> usize {
    let mut greatest = 0;
    let mut index = 0;
    while index < COUNT {
        if numbers[index] > greatest {
            greatest = numbers[index];
        }
        index += 1;
    }
    greatest
}

#[cfg(test)]
mod tests {
    use super::super::strategies::{FROM, TO};
    use super::super::{BATCH_BYTES_MAX, MESSAGE_BYTES_MAX, VALUE_BYTES_MAX, batch};
    use super::*;
    use protocol::{Ballot, ClusterId, Counter, Epoch, Group, OperationId, RequestId, Tag};

    fn message(body: Body) -> Message {
        Message {
            from: FROM,
            to: TO,
            cluster: ClusterId(7),
            epoch: Epoch::FIRST,
            low_water: Counter(1),
            body,
        }
    }

    #[test]
    fn a_page_and_a_cell_with_two_of_the_longest_values_fit_into_a_batch() {
        let value = || Some(Bytes::from(vec![b'x'; VALUE_BYTES_MAX]));
        let name = RegisterName::new(vec![b'n'; RegisterName::BYTES_MAX]).expect("just so long");
        let cell = Cell {
            record: Record {
                content: value(),
                ..Record::EMPTY
            },
            accepted: Some(Box::new(Accepted {
                ballot: Ballot::ZERO,
                tag: Tag::ZERO,
                content: value(),
                expiry: None,
                operation: OperationId {
                    origin: FROM,
                    counter: Counter(1),
                },
            })),
            ..Cell::EMPTY
        };
        let listed = PullEntry::Listed {
            name: name.clone(),
            tag: Tag::ZERO,
            promised: Ballot::ZERO,
            accepted: Some((Ballot::ZERO, Tag::ZERO)),
        };
        let listed_weight = ENTRY + RegisterName::BYTES_MAX;
        let mut entries = vec![listed; PAGE_BYTES_MAX / listed_weight];
        entries.push(PullEntry::Whole { name, cell });
        let page = message(Body::PullReply {
            request: RequestId {
                origin: protocol::Incarnation {
                    node: TO,
                    boot: FROM.boot,
                },
                counter: Counter(1),
            },
            group: Group::new(0).expect("the first"),
            answer: PullAnswer {
                entries,
                more: true,
                floors: Vec::new(),
            },
        });
        assert!(weight_bytes(&page) <= MESSAGE_BYTES_MAX);
        let mut bytes = Vec::new();
        batch::encode_data(TO, &[page], &mut bytes);
        assert!(bytes.len() <= BATCH_BYTES_MAX);
    }
}
