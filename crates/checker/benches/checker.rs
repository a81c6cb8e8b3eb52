//! What it costs to decide a history that is linearizable: `cargo bench -p checker`.

use checker::{Action, History, Limits, Reply, check};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;

const OPERATIONS: u64 = 10_000;
const CLIENTS: u64 = 16;
const REGISTERS: u64 = 10;

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

/// The operations of clients of which each calls one after the other. Each takes effect at an
/// instant of its own, between its call and its return. Half of them read; `change` says what the
/// others do, given a value that nobody wrote before and what the client saw last.
fn history(change: impl Fn(u64, Option<u64>, &mut Chance) -> Action<u64>) -> History<u64> {
    let mut chance = Chance(1);
    let mut history = History::new();
    let mut running = vec![None; CLIENTS as usize];
    let mut contents = vec![None; REGISTERS as usize];
    let (mut called, mut time) = (0, 0);
    while called < OPERATIONS || running.iter().any(Option::is_some) {
        time += 1;
        let client = chance.below(CLIENTS) as usize;
        match running[client].take() {
            None if called == OPERATIONS => {}
            None => {
                called += 1;
                let register = chance.below(REGISTERS) as usize;
                let action = match chance.below(2) {
                    0 => Action::Read,
                    _ => change(called, contents[register], &mut chance),
                };
                let id = history.call(client as u64, register.to_string(), action.clone(), time);
                running[client] = Some((id, register, Some(action), None));
            }
            Some((id, register, Some(action), _)) => {
                let reply = take_effect(&action, &mut contents[register]);
                running[client] = Some((id, register, None, Some(reply)));
            }
            Some((id, _, None, reply)) => {
                history.done(id, time, reply.expect("it took effect"));
            }
        }
    }
    history
}

fn take_effect(action: &Action<u64>, content: &mut Option<u64>) -> Reply<u64> {
    match action {
        Action::Read => Reply::Read(*content),
        Action::Write(value) => {
            *content = Some(*value);
            Reply::Written
        }
        Action::CompareAndSet { expected, new } if expected == content => {
            *content = *new;
            Reply::Modified(*new)
        }
        Action::CompareAndSet { .. } => Reply::Unchanged(*content),
        Action::Add(amount) => {
            *content = content.unwrap_or(0).checked_add_signed(*amount);
            Reply::Modified(*content)
        }
        other => unreachable!("no history has a {other:?}"),
    }
}

fn verdicts(criterion: &mut Criterion) {
    let plain = history(|value, _, _| Action::Write(value));
    // Two in three of what changes anything depend on what was there.
    let modifying = history(|value, seen, chance| match chance.below(3) {
        0 => Action::Write(value * OPERATIONS * 100),
        1 => Action::Add(1),
        _ => Action::CompareAndSet {
            expected: seen,
            new: Some(value * OPERATIONS * 100),
        },
    });
    let mut group = criterion.benchmark_group("ten thousand operations");
    group.throughput(Throughput::Elements(OPERATIONS));
    for (name, history) in [("plain", plain), ("read-modify-writes", modifying)] {
        check(&history, Limits::default()).expect_linearizable();
        group.bench_function(name, |bencher| {
            bencher.iter(|| check(black_box(&history), Limits::default()));
        });
    }
}

criterion_group!(benches, verdicts);
criterion_main!(benches);
