//! Replies in the order of their requests: [`Replies`].

use crate::redis::data::ReplyShape;
use crate::server::Place;
use bytes::{Bytes, BytesMut};
use protocol::{Operation, Outcome, Position, UnixMillis};
use resp::{Dialect, ReplyWriter};
use std::collections::VecDeque;

/// The replies that are owed, the oldest first. One that is known waits for those before it.
#[derive(Debug)]
pub(super) struct Replies {
    owed: VecDeque<Owed>,
    /// The bytes that are held: the values of operations that run and of those that have ended, and
    /// replies that wait for others.
    held_bytes: usize,
    /// What an operation that runs is expected to end with: about as much as others did.
    expected_bytes: usize,
}

#[derive(Debug)]
struct Owed {
    /// The place of its first operation, or that of the next one if it has none.
    first: Place,
    reply: Reply,
}

#[derive(Debug)]
enum Reply {
    /// It is known.
    Known(BytesMut),
    /// It is told by the outcome of one operation.
    OfOne(Awaited, Form),
    /// It is told by the outcomes of several operations; so many have not ended.
    OfMany(Vec<Awaited>, usize, Form),
}

/// An operation whose outcome tells of a reply.
#[derive(Debug)]
struct Awaited {
    at: Position,
    /// The bytes of the values that it came with, or, once it has ended, of those that it ended
    /// with.
    bytes: usize,
    outcome: Option<Outcome>,
}

/// How a reply is written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Form {
    pub(super) shape: ReplyShape,
    pub(super) dialect: Dialect,
}

impl Form {
    fn write(self, outcomes: &[Outcome], wall: UnixMillis, out: &mut BytesMut) {
        let mut writer = ReplyWriter::new(out, self.dialect);
        self.shape.write(outcomes, wall, &mut writer);
    }
}

impl Awaited {
    fn new(operation: &Operation) -> Self {
        Self {
            at: operation.name().position(),
            bytes: bytes_of_operation(operation),
            outcome: None,
        }
    }
}

impl Default for Replies {
    fn default() -> Self {
        Self {
            owed: VecDeque::new(),
            held_bytes: 0,
            expected_bytes: EXPECTED_BYTES_FIRST,
        }
    }
}

impl Replies {
    /// Whether nothing is owed.
    pub(super) fn is_empty(&self) -> bool {
        self.owed.is_empty()
    }

    /// Whether no more than `bytes` are held for what is owed, nor will be when as many operations
    /// have ended as are `under_way`, as far as that can be foreseen.
    pub(super) fn expects_at_most(&self, bytes: usize, under_way: usize) -> bool {
        let expected = self.expected_bytes.saturating_mul(under_way);
        self.held_bytes.saturating_add(expected) <= bytes
    }

    /// Has a reply written that is known, if there is one, to `out` or to where it waits for those
    /// before it. `next` is the place of the next operation.
    pub(super) fn write<R>(
        &mut self,
        next: Place,
        out: &mut BytesMut,
        write: impl FnOnce(&mut BytesMut) -> R,
    ) -> R {
        match self.owed.back_mut() {
            None => write(out),
            Some(Owed {
                reply: Reply::Known(known),
                ..
            }) => {
                let before = known.len();
                let result = write(known);
                self.held_bytes += known.len() - before;
                result
            }
            Some(_) => {
                let mut known = BytesMut::new();
                let result = write(&mut known);
                if !known.is_empty() {
                    self.held_bytes += known.len();
                    self.owe(next, Reply::Known(known));
                }
                result
            }
        }
    }

    /// A reply is owed that the operation of this place tells.
    pub(super) fn expect_one(&mut self, first: Place, operation: &Operation, form: Form) {
        let awaited = Awaited::new(operation);
        self.held_bytes += awaited.bytes;
        self.owe(first, Reply::OfOne(awaited, form));
    }

    /// A reply is owed that the operations from this place on tell.
    pub(super) fn expect_many(&mut self, first: Place, operations: &[Operation], form: Form) {
        let awaited: Vec<Awaited> = operations.iter().map(Awaited::new).collect();
        self.held_bytes += awaited.iter().map(|it| it.bytes).sum::<usize>();
        let missing = awaited.len();
        self.owe(first, Reply::OfMany(awaited, missing, form));
    }

    fn owe(&mut self, first: Place, reply: Reply) {
        self.owed.push_back(Owed { first, reply });
    }

    /// The operation of this place has ended. Returns where its register is.
    pub(super) fn end(&mut self, place: Place, outcome: Outcome) -> Option<Position> {
        let after = self.owed.partition_point(|owed| owed.first <= place);
        let Owed { first, reply } = self.owed.get_mut(after.checked_sub(1)?)?;
        let awaited = match reply {
            Reply::Known(_) => return None,
            Reply::OfOne(awaited, _) => awaited,
            Reply::OfMany(awaited, missing, _) => {
                let awaited = awaited.get_mut(usize::try_from(place.0 - first.0).ok()?)?;
                *missing -= usize::from(awaited.outcome.is_none());
                awaited
            }
        };
        let bytes = bytes_of_outcome(&outcome);
        let faded = self.expected_bytes - self.expected_bytes / 8;
        self.expected_bytes = bytes.max(faded);
        self.held_bytes = self.held_bytes - awaited.bytes + bytes;
        awaited.bytes = bytes;
        awaited.outcome = Some(outcome);
        Some(awaited.at)
    }

    /// Moves replies that are known to `out`, up to the first one that is not, or until there are
    /// as many bytes or more. `wall` is the wall clock.
    pub(super) fn flush(&mut self, wall: UnixMillis, out: &mut BytesMut, out_bytes_max: usize) {
        while out.len() < out_bytes_max
            && let Some(Owed { reply, .. }) = self.owed.front_mut()
        {
            match reply {
                Reply::Known(known) => {
                    self.held_bytes -= known.len();
                    out.extend_from_slice(known);
                }
                Reply::OfOne(awaited, form) => {
                    let Some(outcome) = &awaited.outcome else {
                        return;
                    };
                    form.write(std::slice::from_ref(outcome), wall, out);
                    self.held_bytes -= awaited.bytes;
                }
                Reply::OfMany(awaited, missing, form) => {
                    if *missing > 0 {
                        return;
                    }
                    self.held_bytes -= awaited.iter().map(|it| it.bytes).sum::<usize>();
                    let outcomes = awaited.drain(..).filter_map(|it| it.outcome);
                    form.write(&outcomes.collect::<Vec<_>>(), wall, out);
                }
            }
            self.owed.pop_front();
        }
    }
}

/// What operations are expected to end with before any has.
const EXPECTED_BYTES_FIRST: usize = 64 << 10;

fn bytes_of_operation(operation: &Operation) -> usize {
    match operation {
        Operation::Read { .. } => 0,
        Operation::Write { content, .. } => bytes_of(content),
        Operation::Modify { change, .. } => change.condition.bytes() + change.effect.bytes(),
    }
}

fn bytes_of_outcome(outcome: &Outcome) -> usize {
    match outcome {
        Outcome::Modified {
            previous, record, ..
        } => bytes_of(previous) + bytes_of(&record.content),
        Outcome::Read { record, .. } | Outcome::Unchanged { record, .. } => {
            bytes_of(&record.content)
        }
        Outcome::Written { .. } | Outcome::Refused(_) | Outcome::Unknown => 0,
    }
}

fn bytes_of(content: &Option<Bytes>) -> usize {
    content.as_ref().map_or(0, Bytes::len)
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::{Record, Refusal, RegisterName, Tag};

    const NEVER: UnixMillis = UnixMillis(0);

    fn read(name: &'static str) -> Operation {
        let name = RegisterName::new(name).unwrap();
        Operation::Read { name }
    }

    fn held(value: &'static str) -> Outcome {
        let mut record = Record::EMPTY;
        record.content = Some(Bytes::from_static(value.as_bytes()));
        record.tag = Tag {
            seq: 1,
            ..Tag::ZERO
        };
        Outcome::Read { record, rounds: 1 }
    }

    fn form(shape: ReplyShape) -> Form {
        let dialect = Dialect::Resp2;
        Form { shape, dialect }
    }

    fn flushed(replies: &mut Replies) -> String {
        let mut out = BytesMut::new();
        replies.flush(NEVER, &mut out, usize::MAX);
        String::from_utf8(out.to_vec()).unwrap()
    }

    #[test]
    fn replies_leave_in_the_order_of_their_requests_however_operations_end() {
        let mut replies = Replies::default();
        let mut out = BytesMut::new();
        let known =
            |text: &'static str| move |out: &mut BytesMut| out.extend_from_slice(text.as_bytes());
        replies.write(Place(0), &mut out, known("first "));
        assert_eq!(out, "first ", "what waits for nothing is written at once");
        replies.expect_one(Place(0), &read("a"), form(ReplyShape::Content));
        replies.write(Place(1), &mut out, known("second "));
        replies.write(Place(1), &mut out, known("third "));
        replies.expect_many(
            Place(1),
            &[read("b"), read("c")],
            form(ReplyShape::Contents),
        );
        replies.expect_one(Place(3), &read("d"), form(ReplyShape::Content));
        assert_eq!(out, "first ");

        let at = |name| Some(read(name).name().position());
        assert_eq!(replies.end(Place(3), held("four")), at("d"));
        assert_eq!(replies.end(Place(2), held("three")), at("c"));
        assert_eq!(flushed(&mut replies), "");
        assert_eq!(replies.end(Place(0), held("one")), at("a"));
        assert_eq!(flushed(&mut replies), "$3\r\none\r\nsecond third ");
        assert_eq!(replies.end(Place(1), held("two")), at("b"));
        let rest = "*2\r\n$3\r\ntwo\r\n$5\r\nthree\r\n$4\r\nfour\r\n";
        assert_eq!(flushed(&mut replies), rest);
        assert!(replies.is_empty());
        assert_eq!(replies.held_bytes, 0);
        assert_eq!(replies.end(Place(0), Outcome::Unknown), None);
    }

    #[test]
    fn what_is_held_is_counted_and_no_more_is_written_than_is_wanted() {
        let mut replies = Replies::default();
        let name = RegisterName::new("a").unwrap();
        let content = Some(Bytes::from_static(b"12345"));
        let write = Operation::Write {
            name,
            content,
            expiry: None,
        };
        replies.expect_one(Place(0), &write, form(ReplyShape::Done));
        replies.expect_one(Place(1), &read("a"), form(ReplyShape::Content));
        replies.expect_one(Place(2), &read("a"), form(ReplyShape::Content));
        assert_eq!(replies.held_bytes, 5);
        replies.end(Place(0), Outcome::Refused(Refusal::Busy));
        assert_eq!(replies.held_bytes, 0);
        replies.end(Place(1), held("1234567"));
        replies.end(Place(2), held("1234567"));
        assert_eq!(replies.held_bytes, 14);
        let mut out = BytesMut::new();
        replies.flush(NEVER, &mut out, 1);
        assert_eq!(replies.held_bytes, 14);
        let written = out.len();
        replies.flush(NEVER, &mut out, written + 1);
        assert_eq!(replies.held_bytes, 7);
        let written = out.len();
        replies.flush(NEVER, &mut out, written);
        assert_eq!((out.len(), replies.held_bytes), (written, 7));
        replies.flush(NEVER, &mut out, written + 1);
        assert_eq!(replies.held_bytes, 0);
        assert!(replies.is_empty());
    }
}
