//! Comparisons and additions: the checker against a slow judge, on thousands of small histories,
//! and some short stories.

use std::collections::HashSet;

use checker::{Action, History, Limits, Reply, Verdict, Witness, check};
use proptest::prelude::*;

/// What a register holds.
type Content = Option<i64>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Does {
    Read,
    Write(Content),
    CompareAndSet(Content, Content),
    Add(i64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    /// With what the register held before, and then.
    Done(Content, Content),
    Refused,
    Unknown,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Plain {
    does: Does,
    call: u64,
    end: u64,
    ending: Ending,
}

impl Does {
    /// What the register holds afterwards.
    fn after(self, before: Content) -> Content {
        match self {
            Does::Read => before,
            Does::Write(content) => content,
            Does::CompareAndSet(expected, new) if expected == before => new,
            Does::CompareAndSet(..) => before,
            Does::Add(amount) => Some(before.unwrap_or(0) + amount),
        }
    }

    fn changes(self, before: Content) -> bool {
        match self {
            Does::Read => false,
            Does::Write(_) | Does::Add(_) => true,
            Does::CompareAndSet(expected, _) => expected == before,
        }
    }
}

impl Plain {
    /// What a client of this operation was told.
    fn reply(&self) -> Option<Reply<i64>> {
        let Ending::Done(before, after) = self.ending else {
            return None;
        };
        Some(match self.does {
            Does::Read => Reply::Read(before),
            Does::Write(_) => Reply::Written,
            does if does.changes(before) => Reply::Modified(after),
            _ => Reply::Unchanged(before),
        })
    }

    /// Whether it can be done when the register holds this, and what it holds then.
    fn done_on(&self, before: Content) -> Option<Content> {
        let after = self.does.after(before);
        let told = Plain {
            ending: Ending::Done(before, after),
            ..*self
        };
        (self.ending == Ending::Unknown || self.reply() == told.reply()).then_some(after)
    }
}

/// An operation before it is known what it is told.
#[derive(Clone, Debug)]
struct Draft {
    does: Does,
    call: u64,
    length: u64,
    delay: u64,
    ending: u8,
}

fn content(values: i64) -> impl Strategy<Value = Content> + Clone {
    prop_oneof![1 => Just(None), 3 => (0..=values).prop_map(Some)]
}

fn drafts(
    count: impl Into<proptest::collection::SizeRange>,
    span: u64,
    length: u64,
    values: i64,
) -> impl Strategy<Value = Vec<Draft>> {
    let does = prop_oneof![
        Just(Does::Read),
        content(values).prop_map(Does::Write),
        (content(values), content(values)).prop_map(|(a, b)| Does::CompareAndSet(a, b)),
        (-1..=values).prop_map(Does::Add),
    ];
    let draft = (does, 0..span, 0..=length, 0..=length, 0..9_u8).prop_map(
        |(does, call, length, delay, ending)| Draft {
            does,
            call,
            length,
            delay,
            ending,
        },
    );
    proptest::collection::vec(draft, count)
}

/// Gives each operation values of its own. A comparison expects what one of the others wrote.
fn distinct(mut drafts: Vec<Draft>) -> Vec<Draft> {
    let count = drafts.len() as i64;
    let value = |index: i64| 1_000_000_000 * (index + 1);
    for (index, draft) in drafts.iter_mut().enumerate() {
        let index = index as i64;
        draft.does = match draft.does {
            Does::Read => Does::Read,
            Does::Write(_) => Does::Write(Some(value(index))),
            Does::CompareAndSet(expected, _) => {
                let other = expected.map(|other| (index - 1 - other).rem_euclid(count));
                Does::CompareAndSet(other.map(value), Some(value(index)))
            }
            Does::Add(_) => Does::Add(1 << index.min(29)),
        };
    }
    drafts
}

/// Lets an atomic register answer.
fn atomic(drafts: &[Draft]) -> Vec<Plain> {
    let instant = |draft: &Draft| match draft.ending {
        7.. => draft.call + 3 * draft.delay,
        _ => draft.call + draft.delay.min(draft.length),
    };
    let mut order: Vec<usize> = (0..drafts.len()).collect();
    order.sort_by_key(|index| instant(&drafts[*index]));
    let mut content = None;
    let mut endings = vec![Ending::Refused; drafts.len()];
    for index in order {
        let draft = &drafts[index];
        let before = content;
        let is_never = draft.ending >= 7 && draft.delay == 0;
        if draft.ending != 6 && !is_never {
            content = draft.does.after(before);
        }
        endings[index] = match draft.ending {
            6 => Ending::Refused,
            7.. => Ending::Unknown,
            _ => Ending::Done(before, content),
        };
    }
    let plain = |(draft, ending): (&Draft, Ending)| Plain {
        does: draft.does,
        call: draft.call,
        end: draft.call + draft.length,
        ending,
    };
    drafts.iter().zip(endings).map(plain).collect()
}

/// Changes what one operation was told.
fn with_another_answer(mut operations: Vec<Plain>, which: usize, before: Content) -> Vec<Plain> {
    let is_told = |operation: &&mut Plain| {
        matches!(operation.ending, Ending::Done(..)) && !matches!(operation.does, Does::Write(_))
    };
    let mut told: Vec<&mut Plain> = operations.iter_mut().filter(is_told).collect();
    if !told.is_empty() {
        let which = which % told.len();
        let after = told[which].does.after(before);
        told[which].ending = Ending::Done(before, after);
    }
    operations
}

fn history(operations: &[Plain]) -> History<i64> {
    let mut history = History::new();
    for (client, operation) in operations.iter().enumerate() {
        let action = match operation.does {
            Does::Read => Action::Read,
            Does::Write(Some(value)) => Action::Write(value),
            Does::Write(None) => Action::Delete,
            Does::CompareAndSet(expected, new) => Action::CompareAndSet { expected, new },
            Does::Add(amount) => Action::Add(amount),
        };
        let id = history.call(client as u64, "x", action, operation.call);
        match (operation.ending, operation.reply()) {
            (Ending::Done(..), Some(reply)) => history.done(id, operation.end, reply),
            (Ending::Refused, _) => history.refused(id, operation.end),
            _ => history.unknown(id),
        }
    }
    history
}

/// Tries every order, each combination of what was done and what the register holds once.
fn some_order_explains(operations: &[Plain]) -> bool {
    let relevant = |operation: &&Plain| match operation.ending {
        Ending::Done(..) => true,
        Ending::Refused => false,
        Ending::Unknown => operation.does != Does::Read,
    };
    let operations: Vec<Plain> = operations.iter().filter(relevant).copied().collect();
    place_rest(&operations, 0, None, &mut HashSet::new())
}

fn place_rest(
    operations: &[Plain],
    placed: u64,
    content: Content,
    seen: &mut HashSet<(u64, Content)>,
) -> bool {
    let left = || {
        let all = operations.iter().enumerate();
        all.filter(|(index, _)| placed >> index & 1 == 0)
    };
    let is_done = |operation: &Plain| matches!(operation.ending, Ending::Done(..));
    let done_left = || left().filter(|(_, operation)| is_done(operation));
    if done_left().next().is_none() {
        return true;
    }
    let first_end = done_left().map(|(_, operation)| operation.end).min();
    for (index, operation) in left() {
        if first_end.is_none_or(|end| operation.call <= end)
            && let Some(after) = operation.done_on(content)
            && seen.insert((placed | 1 << index, after))
            && place_rest(operations, placed | 1 << index, after, seen)
        {
            return true;
        }
    }
    false
}

fn is_linearizable(operations: &[Plain]) -> bool {
    match check(&history(operations), Limits::default()) {
        Verdict::Linearizable(_) => true,
        Verdict::Violation(witness) => {
            assert_witness_is_true(operations, &witness);
            false
        }
        Verdict::Undecided(undecided) => panic!("{undecided}"),
    }
}

/// The operations of a witness must contradict each other alone.
fn assert_witness_is_true(operations: &[Plain], witness: &Witness<i64>) {
    let shown = witness
        .operations
        .iter()
        .map(|shown| shown.client.0 as usize);
    let alone: Vec<Plain> = shown.map(|index| operations[index]).collect();
    assert!(!some_order_explains(&alone), "{witness}proves nothing");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, ..ProptestConfig::default() })]

    #[test]
    fn what_an_atomic_register_did_is_linearizable(drafts in drafts(0..=30, 60, 12, 3)) {
        prop_assert!(is_linearizable(&atomic(&drafts)));
    }

    #[test]
    fn what_an_atomic_register_did_with_distinct_values_is_linearizable(
        drafts in drafts(0..=30, 60, 12, 3),
    ) {
        prop_assert!(is_linearizable(&atomic(&distinct(drafts))));
    }

    #[test]
    fn a_changed_answer_is_judged_as_by_all_orders(
        drafts in drafts(1..=10, 20, 12, 2), which: usize, before in content(4),
    ) {
        let operations = with_another_answer(atomic(&drafts), which, before);
        prop_assert_eq!(is_linearizable(&operations), some_order_explains(&operations));
    }

    #[test]
    fn two_changed_answers_are_judged_as_by_all_orders(
        drafts in drafts(1..=10, 20, 12, 2), which: usize, before in content(4), again: usize,
        before_again in content(4),
    ) {
        let operations = with_another_answer(atomic(&drafts), which, before);
        let operations = with_another_answer(operations, again, before_again);
        prop_assert_eq!(is_linearizable(&operations), some_order_explains(&operations));
    }

    #[test]
    fn a_changed_answer_among_distinct_values_is_judged_as_by_all_orders(
        drafts in drafts(1..=12, 30, 12, 3), which: usize, other: usize,
    ) {
        let operations = atomic(&distinct(drafts));
        let seen: Vec<Content> = operations
            .iter()
            .filter_map(|operation| match operation.ending {
                Ending::Done(before, _) => Some(before),
                _ => None,
            })
            .collect();
        let before = seen.get(other % (seen.len() + 1)).copied().flatten();
        let operations = with_another_answer(operations, which, before);
        prop_assert_eq!(is_linearizable(&operations), some_order_explains(&operations));
    }
}
