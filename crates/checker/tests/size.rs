//! Large histories: that they are decided at all, within bounds that are counted, not timed. The
//! times are printed; see them with `cargo test --release -p checker --test size -- --nocapture`.

use std::time::Instant;

use checker::{Action, History, Limits, Reply, Verdict, check};

/// A small generator of pseudo-random numbers (Marsaglia, "Xorshift RNGs", 2003).
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

/// What clients of an atomic register do.
struct Mix {
    operations: u64,
    clients: u64,
    registers: u64,
    /// Of a hundred operations.
    writes: u64,
    /// Of a hundred operations.
    deletes: u64,
    /// Of a hundred writes and deletes: they end unknown, and take effect in two of three cases.
    unknown: u64,
    /// How many different values are written to a register; `None` if each is written once.
    values: Option<u64>,
}

/// Clients that call one operation after the other, each of which takes effect at an instant of its
/// own.
fn simulate(mix: &Mix, seed: u64) -> History<u64> {
    let mut chance = Chance(seed);
    let mut history = History::new();
    // Every turn, one random client makes its next move: call, take effect, return.
    let mut running = vec![None; mix.clients as usize];
    let mut contents = vec![None; mix.registers as usize];
    let mut written = 0;
    let mut called = 0;
    let mut time = 0;
    while called < mix.operations || running.iter().any(Option::is_some) {
        time += 1;
        let client = chance.below(mix.clients) as usize;
        match running[client].take() {
            None if called == mix.operations => {}
            None => {
                called += 1;
                written += 1;
                let register = chance.below(mix.registers) as usize;
                let dice = chance.below(100);
                let action = if dice < mix.deletes {
                    Action::Delete
                } else if dice < mix.deletes + mix.writes {
                    Action::Write(mix.values.map_or(written, |values| chance.below(values)))
                } else {
                    Action::Read
                };
                let id = history.call(client as u64, register.to_string(), action.clone(), time);
                running[client] = Some((id, register, action, None));
            }
            Some((id, register, action, None)) => {
                let is_unknown = action != Action::Read && chance.below(100) < mix.unknown;
                if is_unknown && chance.below(3) == 0 {
                    history.unknown(id);
                    continue;
                }
                let reply = match action {
                    Action::Read => Reply::Read(contents[register]),
                    Action::Write(value) => {
                        contents[register] = Some(value);
                        Reply::Written
                    }
                    Action::Delete => {
                        contents[register] = None;
                        Reply::Written
                    }
                    _ => {
                        unreachable!("the mix has none of these")
                    }
                };
                if is_unknown {
                    history.unknown(id);
                } else {
                    running[client] = Some((id, register, action, Some(reply)));
                }
            }
            Some((id, _, _, Some(reply))) => history.done(id, time, reply),
        }
    }
    history
}

#[track_caller]
fn expect_linearizable(title: &str, history: &History<u64>) -> checker::Figures {
    let start = Instant::now();
    let verdict = check(history, Limits::default());
    println!("{title}: {:.3} s; {verdict}", start.elapsed().as_secs_f64());
    verdict.expect_linearizable()
}

const DISTINCT: Mix = Mix {
    operations: 100_000,
    clients: 16,
    registers: 1,
    writes: 50,
    deletes: 0,
    unknown: 5,
    values: None,
};

#[test]
fn a_hundred_thousand_operations_with_distinct_values_need_no_search() {
    for registers in [1, 1_000, 50_000] {
        let history = simulate(
            &Mix {
                registers,
                ..DISTINCT
            },
            1,
        );
        let figures =
            expect_linearizable(&format!("distinct values, {registers} registers"), &history);
        assert_eq!(
            (figures.operations, figures.searched, figures.steps),
            (100_000, 0, 0)
        );
    }
}

#[test]
#[ignore = "takes some seconds in release, and long without"]
fn a_million_operations_are_decided_within_the_usual_limits() {
    let million = Mix {
        operations: 1_000_000,
        clients: 16,
        registers: 100,
        writes: 50,
        deletes: 0,
        unknown: 1,
        values: None,
    };
    let title = "a million operations on 100 registers";
    let figures = expect_linearizable(&format!("{title}, distinct values"), &simulate(&million, 6));
    assert_eq!(figures.steps, 0);
    for registers in [8, 100] {
        for deletes in [2, 10] {
            let mix = Mix {
                registers,
                deletes,
                ..million
            };
            let title =
                format!("a million operations on {registers} registers, {deletes} % deletes");
            expect_linearizable(&title, &simulate(&mix, 7));
        }
    }
}

/// Appends operations that come one after the other on register `0`, after all others.
fn then(history: &mut History<u64>, operations: &[(Action<u64>, Option<u64>)]) {
    for (index, (action, value)) in operations.iter().enumerate() {
        let time = u64::MAX / 2 + 2 * index as u64;
        let reply = match action {
            Action::Read => Reply::Read(*value),
            _ => Reply::Written,
        };
        let id = history.call(99, "0", action.clone(), time);
        history.done(id, time + 1, reply);
    }
}

#[track_caller]
fn expect_violation(title: &str, history: &History<u64>) -> checker::Witness<u64> {
    let start = Instant::now();
    let verdict = check(history, Limits::default());
    println!("{title}: {:.3} s; {verdict}", start.elapsed().as_secs_f64());
    match verdict {
        Verdict::Violation(witness) => witness,
        other => panic!("expected a violation: {other}"),
    }
}

#[test]
fn a_violation_among_a_hundred_thousand_operations_has_a_short_witness() {
    let mut history = simulate(&DISTINCT, 2);
    let (old, new) = (u64::MAX - 1, u64::MAX);
    then(
        &mut history,
        &[
            (Action::Write(old), None),
            (Action::Write(new), None),
            (Action::Read, Some(old)),
        ],
    );
    let witness = expect_violation("a stale read among distinct values", &history);
    assert_eq!(witness.operations.len(), 3);
}

/// The steps that a search makes for each operation; for histories like these it hardly grows with
/// their length.
fn steps_per_operation(title: &str, mix: &Mix) -> f64 {
    let figures = expect_linearizable(title, &simulate(mix, 3));
    figures.steps as f64 / figures.operations as f64
}

const DELETES: Mix = Mix {
    operations: 2_000,
    clients: 16,
    registers: 1,
    writes: 30,
    deletes: 20,
    unknown: 0,
    values: None,
};

#[test]
fn many_deletes_are_searched_in_steps_that_grow_with_the_operations() {
    for clients in [5, 10, 16, 20] {
        let mix = Mix { clients, ..DELETES };
        let short = steps_per_operation(&format!("deletes, {clients} clients"), &mix);
        let long = Mix {
            operations: 20_000,
            ..mix
        };
        let long = steps_per_operation(
            &format!("deletes, {clients} clients, ten times as long"),
            &long,
        );
        assert!(
            long < 4.0 * short,
            "{long} steps an operation, after {short}"
        );
    }
}

#[test]
fn unknown_deletes_do_not_multiply_the_states() {
    for unknown in [1, 5, 20] {
        let steps = steps_per_operation(
            &format!("deletes, {unknown} % unknown"),
            &Mix { unknown, ..DELETES },
        );
        assert!(steps < 1_000.0, "{steps} steps an operation");
    }
}

#[test]
fn few_values_that_repeat_are_searched_within_the_limits() {
    for values in [2, 5, 20] {
        let mix = Mix {
            values: Some(values),
            unknown: 2,
            ..DELETES
        };
        let steps = steps_per_operation(&format!("{values} values and deletes"), &mix);
        assert!(steps < 4_000.0, "{steps} steps an operation");
    }
}

#[test]
fn a_violation_among_many_deletes_has_a_short_witness() {
    for operations in [2_000, 20_000] {
        let mut history = simulate(
            &Mix {
                operations,
                ..DELETES
            },
            4,
        );
        then(
            &mut history,
            &[
                (Action::Delete, None),
                (Action::Write(u64::MAX), None),
                (Action::Read, None),
            ],
        );
        let title = format!("a lost write among deletes, {operations} operations");
        let witness = expect_violation(&title, &history);
        assert!(witness.operations.len() <= 6, "{witness}");
    }
}

#[test]
fn a_violation_that_unknown_deletes_nearly_explain_is_found() {
    let mut history = simulate(
        &Mix {
            unknown: 2,
            ..DELETES
        },
        5,
    );
    // More often than there are unknown deletes, a value is lost between two reads.
    let round = |round: u64| {
        let value = u64::MAX - round;
        [
            (Action::Write(value), None),
            (Action::Read, Some(value)),
            (Action::Read, None),
        ]
    };
    let rounds: Vec<_> = (0..50).flat_map(round).collect();
    then(&mut history, &rounds);
    expect_violation("more losses than unknown deletes", &history);
}
