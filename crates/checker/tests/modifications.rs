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
    SetUnless(Content, Content),
    Swap(Content),
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
    /// Whether its reply says what the register held, where it need not.
    tells: bool,
}

impl Does {
    /// What the register holds afterwards.
    fn after(self, before: Content) -> Content {
        match self {
            Does::Read => before,
            Does::Write(content) => content,
            Does::CompareAndSet(expected, new) if expected == before => new,
            Does::SetUnless(unexpected, new) if unexpected != before => new,
            Does::CompareAndSet(..) | Does::SetUnless(..) => before,
            Does::Swap(content) => content,
            Does::Add(amount) => Some(before.unwrap_or(0) + amount),
        }
    }

    fn changes(self, before: Content) -> bool {
        match self {
            Does::Read => false,
            Does::Write(_) | Does::Swap(_) | Does::Add(_) => true,
            Does::SetUnless(unexpected, _) => unexpected != before,
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
            Does::Swap(_) => Reply::Replaced(before),
            Does::SetUnless(..) if self.tells && self.does.changes(before) => {
                Reply::Replaced(before)
            }
            does if does.changes(before) => Reply::Modified(after),
            Does::CompareAndSet(..) if !self.tells => Reply::Unmet,
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
    tells: bool,
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
        (content(values), content(values)).prop_map(|(a, b)| Does::SetUnless(a, b)),
        content(values).prop_map(Does::Swap),
        (-1..=values).prop_map(Does::Add),
    ];
    let times = (0..span, 0..=length, 0..=length);
    let draft = (does, times, 0..9_u8, any::<bool>()).prop_map(
        |(does, (call, length, delay), ending, tells)| Draft {
            does,
            call,
            length,
            delay,
            ending,
            tells,
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
            Does::SetUnless(unexpected, _) => {
                let other = unexpected.map(|other| (index - 1 - other).rem_euclid(count));
                Does::SetUnless(other.map(value), Some(value(index)))
            }
            Does::Swap(content) => Does::Swap(content.map(|_| value(index))),
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
        tells: draft.tells,
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
            Does::SetUnless(unexpected, new) => Action::SetUnless { unexpected, new },
            Does::Swap(content) => Action::Swap(content),
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

/// Nobody saw the write of 2, and yet it took place: the comparison found something else than 1.
#[test]
fn an_unseen_write_can_be_what_a_comparison_found() {
    let judged = |unknown: bool| {
        let mut history = History::new();
        let one = history.call(1, "x", Action::Write(1), 0);
        history.done(one, 1, Reply::Written);
        if unknown {
            let two = history.call(2, "x", Action::Write(2), 2);
            history.unknown(two);
        }
        let expected = Some(1);
        let set = history.call(
            3,
            "x",
            Action::CompareAndSet {
                expected,
                new: None,
            },
            3,
        );
        history.done(set, 4, Reply::Unmet);
        check(&history, Limits::default())
    };
    assert!(matches!(judged(true), Verdict::Linearizable(_)));
    assert!(matches!(judged(false), Verdict::Violation(_)));
}

/// A replacement that somebody saw needs the register not to hold 1, and one that nobody saw may be
/// what took that away.
#[test]
fn an_unseen_replacement_can_be_what_made_way_for_a_seen_one() {
    let judged = |may_delete: bool| {
        let mut history = History::new();
        let unless = |unexpected, new| Action::SetUnless { unexpected, new };
        let write = history.call(1, "x", Action::Write(1), 0);
        history.done(write, 1, Reply::Written);
        let replace = history.call(2, "x", unless(Some(1), Some(0)), 2);
        history.unknown(replace);
        if may_delete {
            let delete = history.call(3, "x", unless(None, None), 2);
            history.unknown(delete);
        }
        let read = history.call(4, "x", Action::Read, 3);
        history.done(read, 4, Reply::Read(Some(0)));
        check(&history, Limits::default())
    };
    assert!(matches!(judged(true), Verdict::Linearizable(_)));
    assert!(matches!(judged(false), Verdict::Violation(_)));
}

/// What expires is deleted at most once and only while it is there: a comparison with that very
/// value, of unknown outcome, as many of them as values expire.
#[test]
fn many_values_that_may_expire_are_judged_quickly() {
    let mut history = History::new();
    for number in 0..2000_u64 {
        let value = number as i64 + 1;
        let time = number * 10;
        let write = history.call(1, "x", Action::Write(value), time);
        history.done(write, time + 2, Reply::Written);
        let expired = number % 3 == 0;
        let (expected, new) = (Some(value), None);
        let expiry = history.call(2, "x", Action::CompareAndSet { expected, new }, time + 3);
        history.unknown(expiry);
        let read = history.call(3, "x", Action::Read, time + 4);
        history.done(read, time + 6, Reply::Read((!expired).then_some(value)));
    }
    assert!(matches!(
        check(&history, Limits::default()),
        Verdict::Linearizable(_)
    ));
    let again = history.call(3, "x", Action::Read, 30_000);
    history.done(again, 30_001, Reply::Read(Some(1)));
    assert!(matches!(
        check(&history, Limits::default()),
        Verdict::Violation(_)
    ));
}
