//! The decision for registers with comparisons and additions: operations that ask for what is
//! there, and change it.
//!
//! Additions are replaced by updates from one value to another, where it can be told which
//! ([`sums`]); updates that must follow each other are taken together ([`chains`]), by which most
//! histories become histories of writes and reads; and a search decides what is left ([`mod@weave`]),
//! registers above all of which somebody knows only what they did *not* hold.

mod chains;
mod deeds;
mod shrink;
mod sums;
mod weave;

use std::fmt::Debug;

use crate::check::{Decision, Fault, Limits, decide};
use crate::explanation::{name, returned};
use crate::history::{Action, Operation, RegisterName, Value};
use crate::search::Answer;
use crate::witness::Witness;
use chains::{Chained, ClashKind, chain};
use deeds::{Absurd, Deeds};
use shrink::shrink;
use weave::weave;

/// Operations that contradict each other, by their numbers among those of the register.
#[derive(Clone, Debug)]
pub(crate) struct Contradiction {
    kind: Kind,
    shown: Vec<usize>,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Absurd,
    Clash(ClashKind),
    /// No order of them explains all replies.
    NoOrder,
}

impl Contradiction {
    /// These sums were seen, and not all of them can have come about.
    fn of_sums(deeds: &Deeds, sums: &[i64]) -> Self {
        let first_seen = |sum: &i64| {
            let saw_it = deeds
                .list
                .iter()
                .filter(|deed| deed.shows(&deeds.values, *sum));
            saw_it.min_by_key(|deed| (deed.end.is_none(), deed.end))
        };
        let shown = sums.iter().filter_map(first_seen);
        Self {
            kind: Kind::NoOrder,
            shown: shown.map(|deed| deed.operation).collect(),
        }
    }

    /// Adds what shows that operations of unknown outcome took effect: somebody saw what came of
    /// them.
    fn with_evidence(mut self, deeds: &Deeds) -> Self {
        let mut next = 0;
        while let Some(operation) = self.shown.get(next) {
            next += 1;
            let shown = deeds.list.iter().find(|deed| deed.operation == *operation);
            let made = shown.filter(|deed| deed.end.is_none());
            let Some(made) = made.and_then(|deed| deed.does.makes()) else {
                continue;
            };
            let saw_it = deeds
                .list
                .iter()
                .filter(|deed| deed.does.asks_for() == Some(made));
            let first = saw_it.min_by_key(|deed| (deed.end.is_none(), deed.end));
            if let Some(first) = first
                && !self.shown.contains(&first.operation)
            {
                self.shown.push(first.operation);
            }
        }
        self
    }

    /// Adds what is needed for a contradiction even if nothing else is known. That an operation of
    /// unknown outcome took no effect may rest on any other.
    fn made_complete<V: Value>(mut self, operations: &[&Operation<V>], limits: Limits) -> Self {
        let is_complete = |shown: &[usize]| {
            let alone: Vec<&Operation<V>> = shown.iter().map(|index| operations[*index]).collect();
            matches!(find_contradiction(&alone, limits), Decision::Violated(_))
        };
        let changes = |operation: &&Operation<V>| !matches!(operation.action, Action::Read);
        for all in [false, true] {
            if is_complete(&self.shown) {
                break;
            }
            let added = (0..operations.len()).filter(|index| all || changes(&operations[*index]));
            self.shown.extend(added);
            self.shown.sort_unstable();
            self.shown.dedup();
        }
        self
    }
}

/// Decides about the operations of one register.
pub(crate) fn decide_modifications<V: Value>(
    operations: &[&Operation<V>],
    limits: Limits,
) -> Decision<Contradiction> {
    find_contradiction(operations, limits)
        .map(|contradiction| contradiction.made_complete(operations, limits))
}

fn find_contradiction<V: Value>(
    operations: &[&Operation<V>],
    limits: Limits,
) -> Decision<Contradiction> {
    let deeds = match Deeds::new(operations) {
        Ok(deeds) => deeds,
        Err(Absurd { operation }) => {
            return Decision::Violated(Contradiction {
                kind: Kind::Absurd,
                shown: vec![operation],
            });
        }
    };
    let deeds = deeds.without_unseen_replacements();
    if deeds.list.iter().any(|deed| deed.does.avoids().is_some()) {
        // What nobody saw may have been what took the value away that was not to be there.
        return search(&deeds, limits, |deed| vec![deed]);
    }
    if let Some(resolved) = sums::resolve(&deeds) {
        let decision = if resolved.unexplained.is_empty() {
            decide_updates(resolved.deeds.clone(), limits)
        } else {
            Decision::Violated(Contradiction::of_sums(&deeds, &resolved.unexplained))
        };
        let decision = decision.map(|contradiction| contradiction.with_evidence(&resolved.deeds));
        let is_violated = matches!(decision, Decision::Violated(_));
        if !is_violated || (!resolved.is_guess && sums::is_only_way(&deeds)) {
            return decision;
        }
    }
    search(&deeds, limits, |deed| vec![deed])
}

fn decide_updates(deeds: Deeds, limits: Limits) -> Decision<Contradiction> {
    let chained = match chain(deeds) {
        Ok(chained) => chained,
        Err(clash) => {
            return Decision::Violated(Contradiction {
                kind: Kind::Clash(clash.kind),
                shown: clash.operations,
            });
        }
    };
    let Some(trace) = chained.as_trace() else {
        return search(&chained.deeds, limits, |deed| {
            chained.with_links([deed].into_iter())
        });
    };
    decide(&trace, limits).map(|fault| Contradiction {
        kind: Kind::NoOrder,
        shown: shown(&chained, steps(&fault)),
    })
}

/// Which steps of the trace show the fault.
fn steps(fault: &Fault) -> Vec<usize> {
    use crate::sources::Orphan;
    match fault {
        Fault::Orphan(Orphan::Nowhere { read }) => vec![*read],
        Fault::Orphan(Orphan::TooEarly { read, write }) => vec![*read, *write],
        Fault::Crossing(crossing) => crossing.steps.clone(),
        Fault::Dilemma(dilemma) => dilemma.steps.clone(),
    }
}

/// The operations of these deeds, with all that leads to what they saw.
fn shown(chained: &Chained, deeds: Vec<usize>) -> Vec<usize> {
    let all = chained.with_links(deeds.into_iter());
    let list = &chained.deeds.list;
    all.into_iter().map(|index| list[index].operation).collect()
}

/// Decides by search. `with_links` names the deeds that a deed is to be shown with.
fn search(
    deeds: &Deeds,
    limits: Limits,
    with_links: impl Fn(usize) -> Vec<usize>,
) -> Decision<Contradiction> {
    let search = weave(deeds, limits);
    match search.answer {
        Answer::Possible => Decision::Searched {
            steps: search.steps,
        },
        Answer::Bound(bound) => Decision::Undecided { bound },
        Answer::Impossible => {
            let shown = shrink(deeds, limits).into_iter().flat_map(with_links);
            let mut shown: Vec<usize> = shown.map(|index| deeds.list[index].operation).collect();
            shown.sort_unstable();
            shown.dedup();
            Decision::Violated(Contradiction {
                kind: Kind::NoOrder,
                shown,
            })
        }
    }
}

/// What contradicts itself, for people to read.
pub(crate) fn witness<V: Value>(
    register: &RegisterName,
    operations: &[&Operation<V>],
    contradiction: Contradiction,
) -> Witness<V> {
    let explanation = explain(operations, contradiction.kind);
    Witness::of(register, operations, contradiction.shown, explanation)
}

fn explain<V: Eq + Debug>(operations: &[&Operation<V>], kind: Kind) -> String {
    let the = |operation: usize| name(operations[operation]);
    match kind {
        Kind::Absurd => {
            "the reply contradicts what was asked, whatever the register held".to_owned()
        }
        Kind::Clash(ClashKind::Nowhere { seen_by }) => format!(
            "{}, which nothing can have left there",
            returned(operations[seen_by])
        ),
        Kind::Clash(ClashKind::Twice { first, second }) => format!(
            "{} and {} took effect on the same value, which was there once",
            the(first),
            the(second)
        ),
        Kind::Clash(ClashKind::TooEarly { later, earlier }) => format!(
            "{} saw what came of {}, which was called after that had returned",
            the(later),
            the(earlier)
        ),
        Kind::Clash(ClashKind::Circle { seen_by }) => {
            format!("{} saw what came of itself", the(seen_by))
        }
        Kind::NoOrder => "no order of these operations explains all replies".to_owned(),
    }
}
