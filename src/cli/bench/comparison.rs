//! A load on several systems in turn: [`Comparison`].

use super::load::{Load, Span};
use super::operation::Kind;
use super::recorder::KindRecord;
use super::round::Round;
use super::system::System;
use hdrhistogram::Histogram;
use std::time::Duration;

/// A load on one system, or on several in turn: in rounds, so that the mood of the machine, which
/// changes, is alike for all. The first one is what the others are compared with.
#[derive(Debug)]
pub(super) struct Comparison {
    pub(super) load: Load,
    pub(super) systems: Vec<System>,
    /// How often each is to have its turn.
    pub(super) turns: usize,
    /// What became of the load on each system, as often as it has had its turn.
    rounds: Vec<Vec<Round>>,
    pub(super) machine: Machine,
}

/// The machine that the load tool runs on.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Machine {
    pub(super) processors: usize,
    /// How many processes wanted to run in the last minute, on average, before the load began.
    pub(super) load_average: Option<f64>,
}

/// A load on one system in figures. Of several rounds, each is the median, but for `slowest`, which
/// is the slowest of all, and what is counted, which is the sum.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Figures {
    pub(super) operations_per_second: f64,
    pub(super) mean: Duration,
    pub(super) p50: Duration,
    pub(super) p90: Duration,
    pub(super) p99: Duration,
    pub(super) p999: Duration,
    pub(super) slowest: Duration,
    pub(super) done: u64,
    pub(super) nothing: u64,
    pub(super) unmet: u64,
    pub(super) failed: u64,
}

/// The first system beside another one: what it has for each one that the other has, in the median
/// of the rounds.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Ratio {
    pub(super) operations_per_second: f64,
    pub(super) p50: f64,
    pub(super) p99: f64,
    pub(super) p999: f64,
    /// The first one's 99 % for each of the other's median.
    pub(super) p99_to_p50: f64,
    /// The first of these, in each round.
    pub(super) rounds: Vec<f64>,
}

impl Machine {
    /// This one, now.
    pub(super) fn now() -> Self {
        let average = std::fs::read_to_string("/proc/loadavg").ok();
        Self {
            processors: std::thread::available_parallelism().map_or(1, usize::from),
            load_average: average.and_then(|text| text.split(' ').next()?.parse().ok()),
        }
    }
}

impl Comparison {
    pub(super) fn new(load: Load, systems: Vec<System>, turns: usize) -> Self {
        Self {
            rounds: systems.iter().map(|_| Vec::new()).collect(),
            load,
            systems,
            turns,
            machine: Machine::now(),
        }
    }

    /// Whose turn it is in each round: everyone's, and not always the same one's first.
    pub(super) fn order(&self) -> Vec<(usize, usize)> {
        let systems = self.systems.len();
        let rounds = 0..self.turns;
        rounds
            .flat_map(|round| (0..systems).map(move |turn| (round, (round + turn) % systems)))
            .collect()
    }

    /// About how long all of it takes.
    pub(super) fn span(&self) -> Duration {
        let one = match self.load.span {
            Span::Time(span) => span,
            Span::Operations(_) => Duration::ZERO,
        };
        (self.load.warm_up + one) * (self.turns * self.systems.len()) as u32
    }

    /// What is done in a round, in words.
    pub(super) fn words(&self, round: usize, index: usize) -> String {
        let system = self.systems[index].short();
        match (self.turns, self.systems.len()) {
            (1, 1) => system,
            (turns, _) => format!("round {} of {turns}, {system}", round + 1),
        }
    }

    /// A system has had its turn.
    pub(super) fn add(&mut self, index: usize, round: Round) {
        self.rounds[index].push(round);
    }

    /// What became of the load on a system, each time.
    pub(super) fn rounds(&self, index: usize) -> &[Round] {
        &self.rounds[index]
    }

    fn all_rounds(&self) -> impl Iterator<Item = &Round> {
        self.rounds.iter().flatten()
    }

    pub(super) fn interrupted(&self) -> bool {
        self.all_rounds().any(|round| round.interrupted)
    }

    /// How many operations failed on all systems.
    pub(super) fn failed(&self) -> u64 {
        self.all_rounds()
            .map(|round| round.recorder.counts().1)
            .sum()
    }

    /// A load on a system in figures, for operations of one kind or of all; nothing if there were
    /// none.
    pub(super) fn figures(&self, index: usize, kind: Option<Kind>) -> Option<Figures> {
        let rounds = self.rounds[index].iter();
        let rounds: Vec<Figures> = rounds
            .filter_map(|round| Figures::of(round, kind))
            .collect();
        Figures::median(&rounds)
    }

    /// The first system beside another one, in the rounds in which both did something.
    pub(super) fn ratio(&self, other: usize, kind: Option<Kind>) -> Option<Ratio> {
        let pairs = self.rounds[0].iter().zip(&self.rounds[other]);
        let pairs: Vec<_> = pairs
            .filter_map(|(ours, theirs)| {
                Some((Figures::of(ours, kind)?, Figures::of(theirs, kind)?))
            })
            .filter(|(ours, theirs)| ours.done > 0 && theirs.done > 0)
            .collect();
        let rounds_of = |of: &dyn Fn(&Figures, &Figures) -> f64| -> Vec<f64> {
            pairs
                .iter()
                .map(|(ours, theirs)| of(ours, theirs))
                .collect()
        };
        let time = |of: fn(&Figures) -> Duration| {
            median(rounds_of(&|ours, theirs| share(of(ours), of(theirs))))
        };
        let rounds =
            rounds_of(&|ours, theirs| ours.operations_per_second / theirs.operations_per_second);
        Some(Ratio {
            operations_per_second: median(rounds.clone())?,
            p50: time(|figures| figures.p50)?,
            p99: time(|figures| figures.p99)?,
            p999: time(|figures| figures.p999)?,
            p99_to_p50: median(rounds_of(&|ours, theirs| share(ours.p99, theirs.p50)))?,
            rounds,
        })
    }

    /// How long operations took that were done, in nanoseconds, in all rounds together.
    pub(super) fn latency(&self, index: usize, kind: Option<Kind>) -> Histogram<u64> {
        let rounds = self.rounds[index].iter();
        let kinds = rounds.flat_map(|round| of_kind(round, kind));
        together(kinds.map(|kind| &kind.latency))
    }
}

impl Figures {
    /// One round in figures; nothing if there were no such operations.
    pub(super) fn of(round: &Round, kind: Option<Kind>) -> Option<Self> {
        let kinds = || of_kind(round, kind);
        let sum = |of: fn(&KindRecord) -> u64| kinds().map(of).sum::<u64>();
        let latency = together(kinds().map(|kind| &kind.latency));
        let (done, failed) = (sum(KindRecord::done), sum(|kind| kind.failed));
        if done + failed == 0 {
            return None;
        }
        let quantile = |quantile| Duration::from_nanos(latency.value_at_quantile(quantile));
        let in_window = sum(|kind| kind.done_in_window);
        Some(Self {
            operations_per_second: in_window as f64 / round.elapsed.as_secs_f64().max(1e-9),
            mean: Duration::from_nanos(latency.mean() as u64),
            p50: quantile(0.5),
            p90: quantile(0.9),
            p99: quantile(0.99),
            p999: quantile(0.999),
            slowest: Duration::from_nanos(latency.max()),
            done,
            nothing: sum(|kind| kind.nothing),
            unmet: sum(|kind| kind.unmet),
            failed,
        })
    }

    fn median(rounds: &[Self]) -> Option<Self> {
        let number = |of: fn(&Self) -> f64| median(rounds.iter().map(of).collect());
        let time = |of: fn(&Self) -> Duration| {
            let seconds = rounds.iter().map(|round| of(round).as_secs_f64()).collect();
            median(seconds).map(Duration::from_secs_f64)
        };
        let sum = |of: fn(&Self) -> u64| rounds.iter().map(of).sum();
        Some(Self {
            operations_per_second: number(|round| round.operations_per_second)?,
            mean: time(|round| round.mean)?,
            p50: time(|round| round.p50)?,
            p90: time(|round| round.p90)?,
            p99: time(|round| round.p99)?,
            p999: time(|round| round.p999)?,
            slowest: rounds.iter().map(|round| round.slowest).max()?,
            done: sum(|round| round.done),
            nothing: sum(|round| round.nothing),
            unmet: sum(|round| round.unmet),
            failed: sum(|round| round.failed),
        })
    }
}

fn of_kind(round: &Round, kind: Option<Kind>) -> impl Iterator<Item = &KindRecord> {
    let kinds = Kind::ALL.into_iter();
    kinds
        .filter(move |one| kind.is_none_or(|kind| kind == *one))
        .map(|kind| &round.recorder.kinds[kind as usize])
}

fn together<'a>(parts: impl Iterator<Item = &'a Histogram<u64>>) -> Histogram<u64> {
    let mut all = Histogram::new(3).expect("three digits are in bounds");
    for part in parts {
        all.add(part).expect("it grows as it must");
    }
    all
}

fn share(one: Duration, other: Duration) -> f64 {
    one.as_secs_f64() / other.as_secs_f64().max(1e-9)
}

/// The one in the middle, or the mean of the two in the middle; nothing of nothing.
fn median(mut numbers: Vec<f64>) -> Option<f64> {
    numbers.sort_by(f64::total_cmp);
    let middle = numbers.len() / 2;
    let upper = *numbers.get(middle)?;
    Some(match numbers.len() % 2 {
        0 => f64::midpoint(numbers[middle - 1], upper),
        _ => upper,
    })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::cli::bench::load::tests::load;
    use crate::cli::bench::operation::Answer;
    use crate::cli::bench::recorder::{Recorder, Window};
    use std::time::Instant;

    /// A round of one second with so many reads, each of which took so many milliseconds.
    pub(in crate::cli::bench) fn round(nodes: usize, reads: u32, took_ms: u32) -> Round {
        let from = Instant::now();
        let second = Duration::from_secs(1);
        let window = Window {
            from,
            until: Some(from + second),
        };
        let mut recorder = Recorder::new(window, nodes);
        for read in 0..reads {
            let begin = from + second * read / reads;
            let end = begin + Duration::from_millis(took_ms.into());
            let node = read as usize % nodes;
            recorder.answered(node, Kind::Read, begin, end, Answer::Done);
        }
        Round {
            recorder: Recorder::together(vec![recorder], None),
            elapsed: second,
            cpu: second / 10,
            interrupted: false,
        }
    }

    pub(in crate::cli::bench) fn comparison(rounds: Vec<Vec<Round>>) -> Comparison {
        let urls = ["redis://a:1,b:2", "etcd://c:3", "http://d:4"];
        let systems = urls[..rounds.len()].iter().map(|url| url.parse().unwrap());
        let turns = rounds.iter().map(Vec::len).max().unwrap();
        Comparison {
            rounds,
            ..Comparison::new(load(), systems.collect(), turns)
        }
    }

    #[test]
    fn everyone_has_a_turn_in_each_round_and_is_first_at_times() {
        let comparison = comparison(vec![vec![round(2, 1, 1), round(2, 1, 1)], Vec::new()]);
        assert_eq!(comparison.order(), [(0, 0), (0, 1), (1, 1), (1, 0)]);
    }

    #[test]
    fn figures_are_medians_of_rounds_but_for_the_slowest_and_what_is_counted() {
        let rounds = [(100, 1), (300, 9), (200, 3)].map(|(reads, took)| round(2, reads, took));
        let comparison = comparison(vec![rounds.into()]);
        let figures = comparison.figures(0, Some(Kind::Read)).unwrap();
        // Three of those that took 9 ms ended too late to count into the throughput.
        assert!((figures.operations_per_second - 200.0).abs() < 2.0);
        assert!(figures.p50.abs_diff(Duration::from_millis(3)) < Duration::from_micros(10));
        assert!(figures.slowest.abs_diff(Duration::from_millis(9)) < Duration::from_micros(10));
        assert_eq!((figures.done, figures.failed), (600, 0));
        assert_eq!(comparison.figures(0, None), Some(figures));
        assert_eq!(comparison.figures(0, Some(Kind::Write)), None);
    }

    #[test]
    fn ratios_are_medians_of_what_was_seen_in_the_same_round() {
        let ours = [(100, 2), (1000, 1), (900, 1)].map(|(reads, took)| round(2, reads, took));
        let theirs = [(50, 4), (100, 10), (300, 1)].map(|(reads, took)| round(1, reads, took));
        let comparison = comparison(vec![ours.into(), theirs.into()]);
        let ratio = comparison.ratio(1, Some(Kind::Read)).unwrap();
        assert!(
            (ratio.operations_per_second - 3.0).abs() < 0.05,
            "{ratio:?}"
        );
        assert!((ratio.p50 - 0.5).abs() < 0.01, "{ratio:?}");
        assert!((ratio.p99_to_p50 - 0.5).abs() < 0.01, "{ratio:?}");
        assert_eq!(ratio.rounds.len(), 3);
        assert_eq!(comparison.ratio(1, Some(Kind::Write)), None);
    }

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median(vec![]), None);
        assert_eq!(median(vec![3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), Some(2.5));
    }
}
