//! The checker against slow judges, on thousands of small histories.

mod support;

use checker::{Limits, Verdict, Witness, check};
use proptest::prelude::*;
use support::{
    Kind, Plain, arbitrary, atomic, distinct, drafts, history, some_order_explains,
    some_permutation_explains,
};

/// The verdict as a plain answer; that nothing was decided is a failure here.
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

/// The operations of a witness must contradict each other alone, and also beside all the writes
/// that it leaves out.
fn assert_witness_is_true(operations: &[Plain], witness: &Witness<u32>) {
    let is_shown = |index: usize| {
        witness
            .operations
            .iter()
            .any(|shown| shown.client.0 == index as u64)
    };
    let mut alone = Vec::new();
    let mut beside = Vec::new();
    for (index, operation) in operations.iter().enumerate() {
        if is_shown(index) {
            alone.push(operation.clone());
            beside.push(operation.clone());
        } else if operation.kind == Kind::Write {
            beside.push(operation.clone());
        }
    }
    assert!(!some_order_explains(&alone), "{witness}proves nothing");
    assert!(
        !some_order_explains(&beside),
        "{witness}leaves out what could help"
    );
}

/// Changes what one read returned.
fn with_another_answer(mut operations: Vec<Plain>, which: usize, value: Option<u32>) -> Vec<Plain> {
    let reads = operations
        .iter_mut()
        .filter(|operation| operation.kind == Kind::Read);
    let mut reads: Vec<&mut Plain> = reads.collect();
    let count = reads.len();
    if let Some(read) = reads.get_mut(which.checked_rem(count).unwrap_or(0)) {
        read.value = value;
    }
    drop(reads);
    operations
}

fn any_answer() -> impl Strategy<Value = Option<u32>> {
    proptest::option::of(1..8_u32)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, ..ProptestConfig::default() })]

    #[test]
    fn tiny_histories_are_judged_as_by_all_permutations(drafts in drafts(0..=6, 10, 6, 2)) {
        let operations = arbitrary(&drafts);
        prop_assert_eq!(is_linearizable(&operations), some_permutation_explains(&operations));
    }

    #[test]
    fn tiny_histories_of_distinct_values_are_judged_as_by_all_permutations(
        drafts in drafts(0..=6, 10, 6, 6),
    ) {
        let operations = arbitrary(&distinct(drafts));
        prop_assert_eq!(is_linearizable(&operations), some_permutation_explains(&operations));
    }

    #[test]
    fn the_two_judges_agree(drafts in drafts(0..=6, 10, 6, 2)) {
        let operations = arbitrary(&drafts);
        prop_assert_eq!(some_order_explains(&operations), some_permutation_explains(&operations));
    }

    #[test]
    fn what_an_atomic_register_did_is_linearizable(drafts in drafts(0..=40, 60, 12, 4)) {
        prop_assert!(is_linearizable(&atomic(&drafts)));
    }

    #[test]
    fn what_an_atomic_register_did_with_distinct_values_is_linearizable(
        drafts in drafts(0..=40, 60, 12, 4),
    ) {
        prop_assert!(is_linearizable(&atomic(&distinct(drafts))));
    }

    #[test]
    fn a_changed_answer_is_judged_as_by_all_orders(
        drafts in drafts(1..=14, 30, 12, 3), which: usize, value in any_answer(),
    ) {
        let operations = with_another_answer(atomic(&drafts), which, value);
        prop_assert_eq!(is_linearizable(&operations), some_order_explains(&operations));
    }

    #[test]
    fn a_changed_answer_among_distinct_values_is_judged_as_by_all_orders(
        drafts in drafts(1..=14, 30, 12, 3), which: usize, value in any_answer(),
    ) {
        let operations = with_another_answer(atomic(&distinct(drafts)), which, value);
        prop_assert_eq!(is_linearizable(&operations), some_order_explains(&operations));
    }

    #[test]
    fn crowded_histories_of_few_values_are_judged_as_by_all_orders(
        drafts in drafts(1..=14, 12, 12, 2), which: usize, value in any_answer(),
    ) {
        let operations = with_another_answer(atomic(&drafts), which, value);
        prop_assert_eq!(is_linearizable(&operations), some_order_explains(&operations));
    }
}
