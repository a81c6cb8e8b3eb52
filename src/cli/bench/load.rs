//! What is to be asked, how often, and by how many: [`Load`].

use super::operation::{Kind, Operation};
use rand::{RngExt, SeedableRng};
use rand_distr::{Distribution, Zipf};
use rand_pcg::Pcg64Mcg;
use std::time::Duration;

/// A load, whichever system bears it.
#[derive(Clone, Debug)]
pub(super) struct Load {
    /// How many clients there are, spread over the nodes.
    pub(super) clients: usize,
    /// How many threads they run on.
    pub(super) threads: usize,
    /// How many operations a client sends before it waits for answers.
    pub(super) pipeline: usize,
    pub(super) value_bytes: usize,
    /// What the registers' names begin with.
    pub(super) prefix: String,
    /// How many registers there are.
    pub(super) registers: u64,
    pub(super) spread: Spread,
    pub(super) read_share: f64,
    /// What neither reads nor is conditional writes.
    pub(super) conditional_share: f64,
    /// How many operations are begun each second by all clients together, whatever is answered; if
    /// there is none, each client begins the next when it has the answers to the last.
    pub(super) rate: Option<f64>,
    pub(super) span: Span,
    /// For how long the load runs before anything is measured.
    pub(super) warm_up: Duration,
    /// How long an answer is waited for.
    pub(super) timeout: Duration,
    /// How many HTTP/2 connections the clients of etcd share; one each if not said.
    pub(super) etcd_connections: Option<usize>,
}

/// When a load ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Span {
    Time(Duration),
    Operations(u64),
}

/// Which registers are asked for.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Spread {
    /// Each as often as any other.
    Uniform,
    /// The n-th with a frequency of 1 / n to the power of this.
    Zipf(f64),
}

impl Load {
    /// How long names are: all the same, so that requests are.
    pub(super) fn name_bytes(&self) -> usize {
        self.prefix.len() + DIGITS
    }

    /// Whether there are operations of this kind.
    pub(super) fn has(&self, kind: Kind) -> bool {
        match kind {
            Kind::Read => self.read_share > 0.0,
            Kind::Write => self.read_share + self.conditional_share < 1.0,
            Kind::Conditional => self.conditional_share > 0.0,
        }
    }
}

/// How many digits the number of a register has in its name.
pub(super) const DIGITS: usize = 12;

/// How many values there are to choose from.
pub(super) const VALUES: u32 = 4096;

/// The operations that one client asks for.
#[derive(Debug)]
pub(super) struct Chooser {
    random: Pcg64Mcg,
    registers: u64,
    zipf: Option<Zipf<f64>>,
    /// Of 2^32 operations, how many read, and how many read or are conditional.
    reads: u64,
    unconditional_from: u64,
}

impl Chooser {
    pub(super) fn new(load: &Load, seed: u64) -> Self {
        let of = |share: f64| (share * 4_294_967_296.0).round() as u64;
        let zipf = match load.spread {
            Spread::Uniform => None,
            Spread::Zipf(exponent) => Some(
                Zipf::new(load.registers as f64, exponent)
                    .expect("there is a register, and the exponent is not negative"),
            ),
        };
        Self {
            random: Pcg64Mcg::seed_from_u64(seed),
            registers: load.registers,
            zipf,
            reads: of(load.read_share),
            unconditional_from: of(load.read_share + load.conditional_share),
        }
    }

    pub(super) fn next(&mut self) -> Operation {
        let random: u64 = self.random.random();
        let (lot, value) = (random >> 32, random as u32 % VALUES);
        let kind = match lot {
            lot if lot < self.reads => Kind::Read,
            lot if lot < self.unconditional_from => Kind::Conditional,
            _ => Kind::Write,
        };
        let register = match &self.zipf {
            None => self.random.random_range(0..self.registers),
            Some(zipf) => (zipf.sample(&mut self.random) as u64 - 1).min(self.registers - 1),
        };
        Operation {
            kind,
            register,
            value,
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A load of one second by one client.
    pub(in crate::cli::bench) fn load() -> Load {
        Load {
            clients: 1,
            threads: 1,
            pipeline: 1,
            value_bytes: 64,
            prefix: "bench:".to_owned(),
            registers: 1000,
            spread: Spread::Uniform,
            read_share: 0.5,
            conditional_share: 0.0,
            rate: None,
            span: Span::Time(Duration::from_secs(1)),
            warm_up: Duration::ZERO,
            timeout: Duration::from_secs(5),
            etcd_connections: None,
        }
    }

    const DRAWN: usize = 200_000;

    fn counts(load: &Load) -> Vec<u64> {
        let mut chooser = Chooser::new(load, 7);
        let mut counts = vec![0; load.registers as usize];
        for _ in 0..DRAWN {
            counts[chooser.next().register as usize] += 1;
        }
        counts
    }

    /// Six standard deviations: such a lot falls once in a billion.
    fn assert_near(count: u64, probability: f64) {
        let expected = DRAWN as f64 * probability;
        let deviation = (expected * (1.0 - probability)).sqrt();
        assert!(
            (count as f64 - expected).abs() <= 6.0 * deviation,
            "{count} instead of {expected}"
        );
    }

    #[test]
    fn uniform_asks_for_each_register_alike() {
        let counts = counts(&Load {
            registers: 100,
            ..load()
        });
        for count in counts {
            assert_near(count, 0.01);
        }
    }

    #[test]
    fn zipf_asks_for_the_nth_register_as_often_as_its_rank_says() {
        let counts = counts(&Load {
            spread: Spread::Zipf(0.99),
            ..load()
        });
        let weights = |rank: usize| (rank as f64).powf(-0.99);
        let sum: f64 = (1..=1000).map(weights).sum();
        for rank in [1, 2, 3, 10, 100, 1000] {
            assert_near(counts[rank - 1], weights(rank) / sum);
        }
    }

    #[test]
    fn a_single_register_is_asked_for_all_the_time() {
        for spread in [Spread::Uniform, Spread::Zipf(1.0), Spread::Zipf(0.0)] {
            let load = Load {
                registers: 1,
                spread,
                ..load()
            };
            assert_eq!(counts(&load), [DRAWN as u64]);
        }
    }

    #[test]
    fn kinds_have_the_shares_that_they_were_given() {
        let load = Load {
            read_share: 0.7,
            conditional_share: 0.1,
            ..load()
        };
        let mut chooser = Chooser::new(&load, 3);
        let mut counts = [0; Kind::COUNT];
        for _ in 0..DRAWN {
            counts[chooser.next().kind as usize] += 1;
        }
        for (count, share) in counts.into_iter().zip([0.7, 0.2, 0.1]) {
            assert_near(count, share);
        }
    }

    #[test]
    fn a_share_of_all_or_nothing_is_exact() {
        for (read_share, conditional_share, kind) in [
            (1.0, 0.0, Kind::Read),
            (0.0, 0.0, Kind::Write),
            (0.0, 1.0, Kind::Conditional),
        ] {
            let load = Load {
                read_share,
                conditional_share,
                ..load()
            };
            let mut chooser = Chooser::new(&load, 1);
            assert!((0..10_000).all(|_| chooser.next().kind == kind));
            assert_eq!(
                Kind::ALL.map(|kind| load.has(kind)),
                Kind::ALL.map(|one| one == kind)
            );
        }
    }
}
