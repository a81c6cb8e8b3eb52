//! The same as JSON.

use super::letter;
use super::remarks::remarks;
use crate::cli::bench::comparison::{Comparison, Figures, Ratio};
use crate::cli::bench::errors::Errors;
use crate::cli::bench::gaps::Gaps;
use crate::cli::bench::load::{Span, Spread};
use crate::cli::bench::operation::Kind;
use crate::cli::bench::round::Round;
use crate::cli::bench::system::System;
use serde_json::{Map, Value, json};
use std::time::Duration;

/// What there is to say, for programs.
pub(in crate::cli::bench) fn json(comparison: &Comparison) -> Value {
    let systems = comparison.systems.iter().enumerate();
    let systems = systems.map(|(index, system)| system_json(comparison, index, system));
    json!({
        "load": load(comparison),
        "machine": {
            "processors": comparison.machine.processors,
            "load_average": comparison.machine.load_average,
        },
        "systems": systems.collect::<Vec<_>>(),
        "failed": comparison.failed(),
        "interrupted": comparison.interrupted(),
        "remarks": remarks(comparison),
    })
}

fn load(comparison: &Comparison) -> Value {
    let load = &comparison.load;
    let (seconds, operations) = match load.span {
        Span::Time(span) => (Some(span.as_secs_f64()), None),
        Span::Operations(operations) => (None, Some(operations)),
    };
    let zipf = match load.spread {
        Spread::Uniform => None,
        Spread::Zipf(exponent) => Some(exponent),
    };
    json!({
        "clients": load.clients,
        "threads": load.threads,
        "pipeline": load.pipeline,
        "value_bytes": load.value_bytes,
        "registers": load.registers,
        "zipf": zipf,
        "read_share": load.read_share,
        "conditional_share": load.conditional_share,
        "rate": load.rate,
        "seconds": seconds,
        "operations": operations,
        "warm_up_ms": millis(load.warm_up),
        "timeout_ms": millis(load.timeout),
        "rounds": comparison.turns,
    })
}

fn system_json(comparison: &Comparison, index: usize, system: &System) -> Value {
    let rounds = comparison.rounds(index);
    let mut errors = Errors::default();
    for round in rounds {
        errors.merge(round.recorder.errors.clone());
    }
    let ratio = (index > 0).then(|| by_kind(|kind| comparison.ratio(index, kind).map(ratio_json)));
    json!({
        "name": letter(index),
        "system": system.to_string(),
        "protocol": system.protocol.name(),
        "figures": by_kind(|kind| comparison.figures(index, kind).map(figures)),
        "first_beside_this": ratio,
        "nodes": nodes(system, rounds),
        "longest_without_success": by_kind(|kind| {
            let gaps: Vec<Gaps> = rounds.iter().map(|round| round.recorder.gaps(kind)).collect();
            Some(longest(gaps.iter()))
        }),
        "errors": errors_json(&errors),
        "rounds": rounds.iter().map(round_json).collect::<Vec<_>>(),
    })
}

fn round_json(round: &Round) -> Value {
    let slices = round.recorder.timeline.slices().iter().map(|slice| {
        let quantile = |quantile| slice.quantile(quantile).map(millis);
        json!({
            "done": slice.done,
            "failed": slice.failed,
            "p50_ms": quantile(0.5),
            "p99_ms": quantile(0.99),
            "max_ms": quantile(1.0),
        })
    });
    json!({
        "elapsed_ms": millis(round.elapsed),
        "figures": by_kind(|kind| Figures::of(round, kind).map(figures)),
        "load_tool_cpu_ms": millis(round.cpu),
        "slice_ms": millis(round.recorder.timeline.slice_length()),
        "slices": slices.collect::<Vec<_>>(),
    })
}

fn nodes(system: &System, rounds: &[Round]) -> Value {
    let nodes = system.nodes.iter().enumerate().map(|(number, node)| {
        let records = || rounds.iter().map(|round| &round.recorder.nodes[number]);
        let gaps = by_kind(|kind| {
            Some(longest(records().map(|node| match kind {
                Some(kind) => &node.gaps[kind as usize],
                None => &node.gaps_of_all,
            })))
        });
        let object = json!({
            "done": records().map(|node| node.done).sum::<u64>(),
            "failed": records().map(|node| node.failed).sum::<u64>(),
            "longest_without_success": gaps,
        });
        (node.to_string(), object)
    });
    Value::Object(nodes.collect())
}

/// An object with a field for each kind of operation, and one for all of them.
fn by_kind(of: impl Fn(Option<Kind>) -> Option<Value>) -> Value {
    let kinds = Kind::ALL.map(Some).into_iter().chain([None]);
    let fields = kinds.filter_map(|kind| {
        let key = kind.map_or("all", Kind::key);
        Some((key.to_owned(), of(kind)?))
    });
    Value::Object(fields.collect::<Map<_, _>>())
}

fn figures(figures: Figures) -> Value {
    json!({
        "operations_per_second": figures.operations_per_second,
        "latency_ms": (figures.done > 0).then(|| json!({
            "mean": millis(figures.mean),
            "p50": millis(figures.p50),
            "p90": millis(figures.p90),
            "p99": millis(figures.p99),
            "p99.9": millis(figures.p999),
            "max": millis(figures.slowest),
        })),
        "done": figures.done,
        "found_nothing": figures.nothing,
        "condition_unmet": figures.unmet,
        "failed": figures.failed,
    })
}

fn ratio_json(ratio: Ratio) -> Value {
    json!({
        "operations_per_second": ratio.operations_per_second,
        "operations_per_second_by_round": ratio.rounds,
        "p50": ratio.p50,
        "p99": ratio.p99,
        "p99.9": ratio.p999,
        "p99_to_p50": ratio.p99_to_p50,
    })
}

fn longest<'a>(gaps: impl Iterator<Item = &'a Gaps>) -> Value {
    let longest = gaps.filter_map(Gaps::longest).max_by_key(|gap| gap.length);
    json!({
        "ms": longest.map_or(0.0, |gap| millis(gap.length)),
        "from_ms": longest.map(|gap| millis(gap.from)),
    })
}

fn errors_json(errors: &Errors) -> Value {
    let errors = errors.by_count();
    let errors = errors.into_iter().map(
        |(kind, error)| json!({ "kind": kind, "count": error.count, "example": error.example }),
    );
    Value::Array(errors.collect())
}

fn millis(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::bench::comparison::tests::{comparison, round};

    #[test]
    fn programs_get_json() {
        let ours = vec![round(2, 500, 1)];
        let theirs = vec![round(1, 100, 5)];
        let json = json(&comparison(vec![ours, theirs]));
        let (a, b) = (&json["systems"][0], &json["systems"][1]);
        assert_eq!(a["system"], "redis://a:1,b:2");
        assert_eq!(a["figures"]["reads"]["done"], 500);
        assert_eq!(a["figures"].get("writes"), None);
        assert_eq!(a["nodes"]["a:1"]["done"], 250);
        assert_eq!(a["rounds"][0]["load_tool_cpu_ms"], 100.0);
        assert_eq!(a["first_beside_this"], Value::Null);
        let ratio = &b["first_beside_this"]["reads"]["operations_per_second"];
        assert!((ratio.as_f64().unwrap() - 5.0).abs() < 0.1, "{ratio}");
        let gap = &b["longest_without_success"]["reads"]["ms"];
        assert!((gap.as_f64().unwrap() - 10.0).abs() < 1.0, "{gap}");
        assert_eq!(json["failed"], 0);
    }
}
