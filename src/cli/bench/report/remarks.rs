//! What a reader of the figures must know.

use super::letter;
use crate::cli::bench::comparison::Comparison;
use crate::cli::bench::load::{Span, Spread};
use crate::cli::bench::operation::Kind;
use crate::cli::figures::{counted, grouped};
use std::time::Duration;

/// From which part of its threads' time on the load tool may be what is measured.
const BUSY: f64 = 0.9;

/// The load, in words.
pub(in crate::cli::bench) fn load_in_words(comparison: &Comparison) -> String {
    let load = &comparison.load;
    let mut parts = vec![
        counted(load.clients as u64, "client", "clients"),
        match load.pipeline {
            1 => "no pipelining".to_owned(),
            pipeline => format!("pipeline {pipeline}"),
        },
        format!("{}-byte values", grouped(load.value_bytes as u64)),
        match load.spread {
            Spread::Uniform => counted(load.registers, "register", "registers"),
            Spread::Zipf(exponent) => format!(
                "{} by Zipf's law of {exponent}",
                counted(load.registers, "register", "registers")
            ),
        },
        format!("{} % reads", percent(load.read_share)),
    ];
    if load.has(Kind::Conditional) {
        let share = percent(load.conditional_share);
        parts.push(format!("{share} % conditional writes"));
    }
    parts.push(match load.rate {
        Some(rate) => format!("open loop of {}/s", grouped(rate as u64)),
        None => "closed loop".to_owned(),
    });
    parts.push(match (load.span, comparison.turns) {
        (Span::Time(span), 1) => seconds(span),
        (Span::Time(span), turns) => format!("{turns} rounds of {}", seconds(span)),
        (Span::Operations(operations), 1) => counted(operations, "operation", "operations"),
        (Span::Operations(operations), turns) => {
            format!("{turns} rounds of {} operations", grouped(operations))
        }
    });
    parts.join(", ")
}

/// A sentence each.
pub(super) fn remarks(comparison: &Comparison) -> Vec<String> {
    let mut remarks = vec![loop_in_words(comparison)];
    for index in 0..comparison.systems.len() {
        remarks.extend(busy(comparison, index));
        remarks.extend(behind(comparison, index));
        remarks.extend(unanswered(comparison, index));
    }
    remarks.extend(machine(comparison));
    remarks
}

fn loop_in_words(comparison: &Comparison) -> String {
    match comparison.load.rate {
        None => "a closed loop: a client begins the next operation when it has the answer to the \
                 last, and each is timed from when it was sent; so while a system is slow it is \
                 asked less (--rate asks at set moments, and times from these)"
            .to_owned(),
        Some(_) => "an open loop: each operation is timed from the moment at which it was due, \
                    also if it was sent late because the answers before it were late"
            .to_owned(),
    }
}

/// What the load tool itself took.
fn busy(comparison: &Comparison, index: usize) -> Option<String> {
    let rounds = comparison.rounds(index);
    let elapsed: Duration = rounds.iter().map(|round| round.elapsed).sum();
    let cpu: Duration = rounds.iter().map(|round| round.cpu).sum();
    let done: u64 = rounds.iter().map(|round| round.recorder.counts().0).sum();
    if elapsed.is_zero() || done == 0 {
        return None;
    }
    let processors = cpu.as_secs_f64() / elapsed.as_secs_f64();
    let each = cpu.as_secs_f64() * 1e6 / done as f64;
    let mut words = format!(
        "{}: the load tool itself took {processors:.2} of {}, {each:.1} microseconds an operation",
        letter(index),
        counted(
            comparison.machine.processors as u64,
            "processor",
            "processors"
        ),
    );
    if processors > BUSY * comparison.load.threads as f64 {
        words.push_str("; it may be what was measured: give it more --threads");
    }
    Some(words)
}

/// Whether fewer operations ended than were due.
fn behind(comparison: &Comparison, index: usize) -> Option<String> {
    let rate = comparison.load.rate?;
    let rounds = comparison.rounds(index);
    let elapsed: Duration = rounds.iter().map(|round| round.elapsed).sum();
    let figures = comparison.figures(index, None)?;
    let failed = figures.failed as f64 / elapsed.as_secs_f64().max(1e-9);
    (figures.operations_per_second + failed < 0.99 * rate).then(|| {
        format!(
            "{}: {}/s were due, and {}/s were done in time: it does not do so many, so what it was \
             asked waited longer and longer",
            letter(index),
            grouped(rate as u64),
            grouped(figures.operations_per_second as u64),
        )
    })
}

fn unanswered(comparison: &Comparison, index: usize) -> Option<String> {
    let figures = comparison.figures(index, None)?;
    let mut parts = Vec::new();
    if figures.nothing > 0 {
        parts.push(format!(
            "{} found nothing to read",
            grouped(figures.nothing)
        ));
    }
    if figures.unmet > 0 {
        parts.push(format!(
            "the condition of {} did not hold",
            grouped(figures.unmet)
        ));
    }
    (!parts.is_empty()).then(|| {
        let done = counted(figures.done, "operation", "operations");
        format!("{}: of {done}, {}", letter(index), parts.join(", and "))
    })
}

fn machine(comparison: &Comparison) -> Option<String> {
    let average = comparison.machine.load_average?;
    let processors = comparison.machine.processors;
    (average >= 0.5).then(|| {
        format!(
            "the machine was not idle before: a load average of {average:.1} on {}",
            counted(processors as u64, "processor", "processors"),
        )
    })
}

fn percent(share: f64) -> f64 {
    (share * 1000.0).round() / 10.0
}

fn seconds(span: Duration) -> String {
    format!("{} s", span.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::bench::comparison::tests::{comparison, round};
    use crate::cli::bench::load::Load;

    fn told(rate: Option<f64>, cpu_ms: u64) -> String {
        let mut round = round(2, 500, 1);
        round.cpu = Duration::from_millis(cpu_ms);
        let mut comparison = comparison(vec![vec![round]]);
        comparison.load = Load {
            rate,
            ..comparison.load
        };
        remarks(&comparison).join("\n")
    }

    #[test]
    fn a_load_tool_that_is_busy_says_so() {
        let words = told(None, 100);
        assert!(words.contains("took 0.10 of"), "{words}");
        assert!(words.contains("200.0 microseconds an operation"), "{words}");
        assert!(!words.contains("--threads"), "{words}");
        assert!(told(None, 950).contains("give it more --threads"));
    }

    #[test]
    fn a_rate_that_is_not_kept_up_with_is_told() {
        let words = told(Some(1000.0), 1);
        assert!(
            words.contains("1,000/s were due, and 500/s were done"),
            "{words}"
        );
        assert!(words.contains("an open loop"), "{words}");
        assert!(!told(Some(500.0), 1).contains("were due"));
    }

    #[test]
    fn the_load_is_told_in_a_line() {
        let mut comparison = comparison(vec![vec![round(2, 1, 1)]]);
        comparison.load = Load {
            clients: 64,
            pipeline: 16,
            registers: 1_000_000,
            spread: Spread::Zipf(0.99),
            read_share: 0.7,
            conditional_share: 0.1,
            rate: Some(5000.0),
            span: Span::Operations(100_000),
            ..comparison.load
        };
        assert_eq!(
            load_in_words(&comparison),
            "64 clients, pipeline 16, 64-byte values, 1,000,000 registers by Zipf's law of 0.99, \
             70 % reads, 10 % conditional writes, open loop of 5,000/s, 100,000 operations"
        );
    }
}
