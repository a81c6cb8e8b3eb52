//! The decision, register by register, from the cheapest test to the dearest.

use crate::history::{History, Operation, Value};
use crate::modifications::{decide_modifications, witness};
use crate::search::{Answer, search};
use crate::shrink::{Dilemma, shrink};
use crate::sources::{Orphan, find_orphan};
use crate::trace::{Count, Trace};
use crate::verdict::{Bound, Figures, Undecided, Verdict};
use crate::witness::Witness;
use crate::zones::{Crossing, find_crossing};

/// How hard to try on a register whose values repeat. Registers with distinct values need no
/// limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How many states the search of one register may make. Making the witness of a violation
    /// shorter may take as many again.
    pub steps: u64,
    /// How many states the search may hold at once; it bounds the memory, at about 100 bytes a
    /// state (more if more than 64 operations run at once).
    pub width: usize,
}

impl Default for Limits {
    /// Ten million steps, 200,000 states at once: some ten seconds and two hundred
    /// megabytes at worst.
    fn default() -> Self {
        Limits {
            steps: 10_000_000,
            width: 200_000,
        }
    }
}

/// Decides whether every register of `history` is linearizable.
///
/// A violation on any register is a violation, even if another register could not be decided; and
/// if one could not be decided and no other is at fault, the verdict is [`Verdict::Undecided`].
pub fn check<V: Value>(history: &History<V>, limits: Limits) -> Verdict<V> {
    let mut figures = Figures {
        operations: history.len(),
        ..Figures::default()
    };
    let mut undecided: Option<Undecided> = None;
    for (name, operations) in history.by_register() {
        figures.registers += 1;
        let is_modification = |operation: &&Operation<V>| operation.action.is_modification();
        let decision = if operations.iter().any(is_modification) {
            decide_modifications(&operations, limits)
                .map(|contradiction| witness(name, &operations, contradiction))
        } else {
            let trace = Trace::new(&operations);
            decide(&trace, limits).map(|fault| Witness::new(name, &operations, &trace, &fault))
        };
        match decision {
            Decision::Certain => {}
            Decision::Searched { steps } => {
                figures.searched += 1;
                figures.steps += steps;
            }
            Decision::Undecided { bound } => {
                let first = undecided.get_or_insert(Undecided {
                    register: name.clone(),
                    bound,
                    registers: 0,
                });
                first.registers += 1;
            }
            Decision::Violated(witness) => return Verdict::Violation(witness),
        }
    }
    undecided.map_or(Verdict::Linearizable(figures), Verdict::Undecided)
}

/// What is wrong with a register's trace.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    Orphan(Orphan),
    Crossing(Crossing),
    Dilemma(Dilemma),
}

/// What became of one register; with a fault, if it is one that has been found.
#[derive(Clone, Debug)]
pub(crate) enum Decision<F> {
    /// Linearizable, without a search.
    Certain,
    /// Linearizable, by search.
    Searched {
        steps: u64,
    },
    Undecided {
        bound: Bound,
    },
    Violated(F),
}

impl<F> Decision<F> {
    pub(crate) fn map<G>(self, of: impl FnOnce(F) -> G) -> Decision<G> {
        match self {
            Decision::Certain => Decision::Certain,
            Decision::Searched { steps } => Decision::Searched { steps },
            Decision::Undecided { bound } => Decision::Undecided { bound },
            Decision::Violated(fault) => Decision::Violated(of(fault)),
        }
    }
}

/// Decides about a register that is only written and read.
pub(crate) fn decide(trace: &Trace, limits: Limits) -> Decision<Fault> {
    if let Some(orphan) = find_orphan(trace) {
        return Decision::Violated(Fault::Orphan(orphan));
    }
    if let Some(crossing) = find_crossing(trace) {
        return Decision::Violated(Fault::Crossing(crossing));
    }
    if !trace.census().iter().copied().any(Count::is_ambiguous) {
        return Decision::Certain;
    }
    let search = search(trace, limits);
    match search.answer {
        Answer::Possible => Decision::Searched {
            steps: search.steps,
        },
        Answer::Impossible => Decision::Violated(Fault::Dilemma(shrink(trace, limits))),
        Answer::Bound(bound) => Decision::Undecided { bound },
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::trace::{Effect, Step, ValueId};

    /// Steps of distinct values, as the operations of one register could have them. Each draft is a
    /// call, a length, a delay after which it takes effect, its kind, and whether it is unknown.
    fn trace(drafts: &[(u64, u64, u64, bool, bool)], mistake: Option<(usize, usize)>) -> Trace {
        let mut order: Vec<usize> = (0..drafts.len()).collect();
        order.sort_by_key(|index| drafts[*index].0 + drafts[*index].2.min(drafts[*index].1));
        let value = |number: usize| {
            if number == 0 {
                ValueId::NOTHING
            } else {
                ValueId::numbered(number)
            }
        };
        let mut content = 0;
        let mut steps = Vec::new();
        for index in order {
            let (call, length, _, is_write, is_unknown) = drafts[index];
            let end = (!is_unknown || !is_write).then_some(call + length);
            if is_write {
                content = index + 1;
            }
            let seen = match mistake {
                Some((read, other)) if read == index => other % (drafts.len() + 1),
                _ => content,
            };
            let effect = if is_write {
                Effect::Overwrites(value(content))
            } else {
                Effect::Observes(value(seen))
            };
            steps.push(Step {
                operation: index,
                call,
                end,
                effect,
            });
        }
        Trace {
            steps,
            values: drafts.len() + 1,
        }
    }

    fn zones_find_fault(trace: &Trace) -> bool {
        find_orphan(trace).is_some() || find_crossing(trace).is_some()
    }

    fn search_finds_fault(trace: &Trace) -> bool {
        search(trace, Limits::default()).answer == Answer::Impossible
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 4000, ..ProptestConfig::default() })]

        #[test]
        fn zones_and_search_agree_on_distinct_values(
            drafts in proptest::collection::vec(
                (0..200_u64, 0..40_u64, 0..40_u64, any::<bool>(), proptest::bool::weighted(0.1)),
                1..80,
            ),
            mistake in proptest::option::of((0..80_usize, 0..80_usize)),
        ) {
            let trace = trace(&drafts, mistake);
            prop_assert_eq!(zones_find_fault(&trace), search_finds_fault(&trace));
        }
    }
}
