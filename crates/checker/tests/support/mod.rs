//! Histories made by chance, and slow judges that share no code with the checker.

use std::collections::HashSet;

use checker::{Action, History, Reply};
use proptest::prelude::*;

/// An operation on one register as the judges see it. `None` as a value is nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Plain {
    pub(crate) kind: Kind,
    pub(crate) value: Option<u32>,
    pub(crate) call: u64,
    pub(crate) end: u64,
    pub(crate) ending: Ending,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Read,
    Write,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    Done,
    Refused,
    Unknown,
}

/// An operation before it is known what it returns.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    kind: Kind,
    value: Option<u32>,
    call: u64,
    length: u64,
    /// When it takes effect after its call, if it does.
    delay: u64,
    ending: Ending,
}

/// `count` operations within `span` of time that last up to `length`, with `values` different
/// values.
pub(crate) fn drafts(
    count: impl Into<proptest::collection::SizeRange>,
    span: u64,
    length: u64,
    values: u32,
) -> impl Strategy<Value = Vec<Draft>> {
    let kind = prop_oneof![Just(Kind::Read), Just(Kind::Write)];
    let value = prop_oneof![1 => Just(None), 3 => (1..=values).prop_map(Some)];
    let (done, refused, unknown) = (
        Just(Ending::Done),
        Just(Ending::Refused),
        Just(Ending::Unknown),
    );
    let ending = prop_oneof![6 => done, 1 => refused, 2 => unknown];
    let draft = (kind, value, 0..span, 0..=length, 0..=length, ending).prop_map(
        |(kind, value, call, length, delay, ending)| Draft {
            kind,
            value,
            call,
            length,
            delay,
            ending,
        },
    );
    proptest::collection::vec(draft, count)
}

/// Gives each write a value of its own, so that a read has at most one source; deletes become
/// writes.
pub(crate) fn distinct(mut drafts: Vec<Draft>) -> Vec<Draft> {
    for (index, draft) in drafts.iter_mut().enumerate() {
        if draft.kind == Kind::Write {
            draft.value = Some(index as u32 + 1);
        }
    }
    drafts
}

/// Lets reads return whatever their draft says.
pub(crate) fn arbitrary(drafts: &[Draft]) -> Vec<Plain> {
    drafts
        .iter()
        .map(|draft| plain(draft, draft.value))
        .collect()
}

/// Lets an atomic register answer: each operation takes effect at one instant between its call and
/// its end, an unknown one perhaps later or never.
pub(crate) fn atomic(drafts: &[Draft]) -> Vec<Plain> {
    let mut order: Vec<usize> = (0..drafts.len()).collect();
    let instant = |draft: &Draft| match draft.ending {
        Ending::Unknown => draft.call + 3 * draft.delay,
        _ => draft.call + draft.delay.min(draft.length),
    };
    order.sort_by_key(|index| instant(&drafts[*index]));
    let mut content = None;
    let mut answers = vec![None; drafts.len()];
    for index in order {
        let draft = &drafts[index];
        let is_never = draft.ending == Ending::Unknown && draft.delay == 0;
        match draft.kind {
            Kind::Read => answers[index] = content,
            Kind::Write if draft.ending == Ending::Refused || is_never => {}
            Kind::Write => content = draft.value,
        }
    }
    let answer = |(draft, answer): (&Draft, Option<u32>)| match draft.kind {
        Kind::Read => plain(draft, answer),
        Kind::Write => plain(draft, draft.value),
    };
    drafts.iter().zip(answers).map(answer).collect()
}

fn plain(draft: &Draft, value: Option<u32>) -> Plain {
    let Draft {
        kind,
        call,
        length,
        ending,
        ..
    } = *draft;
    Plain {
        kind,
        value,
        call,
        end: call + length,
        ending,
    }
}

/// The same operations as a history of the register `x`; the client is the operation's index.
pub(crate) fn history(operations: &[Plain]) -> History<u32> {
    let mut history = History::new();
    for (client, operation) in operations.iter().enumerate() {
        let (action, reply) = match (operation.kind, operation.value) {
            (Kind::Read, value) => (Action::Read, Reply::Read(value)),
            (Kind::Write, Some(value)) => (Action::Write(value), Reply::Written),
            (Kind::Write, None) => (Action::Delete, Reply::Written),
        };
        let id = history.call(client as u64, "x", action, operation.call);
        match operation.ending {
            Ending::Done => history.done(id, operation.end, reply),
            Ending::Refused => history.refused(id, operation.end),
            Ending::Unknown => history.unknown(id),
        }
    }
    history
}

/// Tries every order of the operations.
pub(crate) fn some_permutation_explains(operations: &[Plain]) -> bool {
    place_rest(&relevant(operations), 0, None, &mut |_, _| true)
}

/// Tries every order of up to 64 operations, but each combination of those placed and the
/// register's content once.
pub(crate) fn some_order_explains(operations: &[Plain]) -> bool {
    let mut seen = HashSet::new();
    place_rest(&relevant(operations), 0, None, &mut |placed, content| {
        seen.insert((placed, content))
    })
}

fn relevant(operations: &[Plain]) -> Vec<Plain> {
    let is_relevant = |operation: &&Plain| match operation.ending {
        Ending::Done => true,
        Ending::Refused => false,
        Ending::Unknown => operation.kind == Kind::Write,
    };
    operations.iter().filter(is_relevant).cloned().collect()
}

fn place_rest(
    operations: &[Plain],
    placed: u64,
    content: Option<u32>,
    is_new: &mut impl FnMut(u64, Option<u32>) -> bool,
) -> bool {
    let left = || {
        operations
            .iter()
            .enumerate()
            .filter(|(index, _)| placed >> index & 1 == 0)
    };
    let done_left = || left().filter(|(_, operation)| operation.ending == Ending::Done);
    if done_left().next().is_none() {
        return true;
    }
    let first_end = done_left().map(|(_, operation)| operation.end).min();
    for (index, operation) in left() {
        let is_next = first_end.is_none_or(|end| operation.call <= end);
        let is_legal = operation.kind == Kind::Write || operation.value == content;
        let (placed, content) = (placed | 1 << index, operation.value);
        if is_next
            && is_legal
            && is_new(placed, content)
            && place_rest(operations, placed, content, is_new)
        {
            return true;
        }
    }
    false
}
