//! The scales that all charts of a picture have in common.

use crate::cli::bench::comparison::Comparison;
use crate::cli::bench::round::Round;
use crate::cli::bench::timeline::Slice;
use std::time::Duration;

/// How far charts of throughput reach.
#[derive(Clone, Copy, Debug)]
pub(super) struct RateScale {
    /// Operations each second.
    pub(super) most: f64,
}

/// How far charts of latency reach, as powers of ten of milliseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Decades {
    pub(super) least: i32,
    pub(super) most: i32,
}

/// A slice of a round, with when it began and how much of it was measured.
pub(super) struct Measured<'a> {
    pub(super) from: Duration,
    pub(super) length: Duration,
    pub(super) slice: &'a Slice,
}

/// The slices of a round, up to its end.
pub(super) fn measured(round: &Round) -> impl Iterator<Item = Measured<'_>> {
    let timeline = &round.recorder.timeline;
    let length = timeline.slice_length();
    let slices = timeline.slices().iter().enumerate();
    slices.filter_map(move |(index, slice)| {
        let from = length * index as u32;
        // What is left of a slice at the very end says nothing of a second.
        let measured = length.min(round.elapsed.saturating_sub(from));
        (measured > length / 10).then_some(Measured {
            from,
            length: measured,
            slice,
        })
    })
}

impl Measured<'_> {
    /// So many in this slice are so many in a second.
    pub(super) fn per_second(&self, count: u64) -> f64 {
        count as f64 / self.length.as_secs_f64()
    }
}

impl RateScale {
    pub(super) fn of(comparison: &Comparison) -> Self {
        let rounds = (0..comparison.systems.len()).flat_map(|index| comparison.rounds(index));
        let most = rounds.flat_map(measured).map(|measured| {
            let slice = measured.slice;
            measured.per_second(slice.done.iter().sum::<u64>() + slice.failed)
        });
        Self {
            most: round_up(most.fold(1.0, f64::max)),
        }
    }
}

/// To a number of one digit, or one and a half.
fn round_up(number: f64) -> f64 {
    let power = 10f64.powf(number.log10().floor());
    let steps = [1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0];
    let step = steps.into_iter().find(|step| step * power >= number);
    step.unwrap_or(10.0) * power
}

impl Decades {
    pub(super) fn of(comparison: &Comparison) -> Self {
        let (mut least, mut most) = (f64::MAX, 0f64);
        for index in 0..comparison.systems.len() {
            if let Some(figures) = comparison.figures(index, None)
                && figures.done > 0
            {
                least = least.min(millis(figures.p50) / 2.0);
                most = most.max(millis(figures.slowest));
            }
        }
        if most == 0.0 {
            return Self { least: -1, most: 3 };
        }
        let least = (least.max(1e-4).log10().floor()) as i32;
        let most = (most.max(1e-3).log10().ceil()) as i32;
        Self {
            least,
            most: most.max(least + 1),
        }
    }

    /// How far up a duration is, from 0 to 1.
    pub(super) fn share(self, duration: Duration) -> f64 {
        let decades = f64::from(self.most - self.least);
        let share = (millis(duration).max(1e-9).log10() - f64::from(self.least)) / decades;
        share.clamp(0.0, 1.0)
    }

    /// The durations at which there is a line, with their names.
    pub(super) fn marks(self) -> impl Iterator<Item = (Duration, String)> {
        (self.least..=self.most).map(|decade| {
            let millis = 10f64.powi(decade);
            let words = match decade {
                3.. => format!("{:.0} s", millis / 1e3),
                0.. => format!("{millis:.0} ms"),
                _ => format!("{millis} ms"),
            };
            (Duration::from_secs_f64(millis / 1e3), words)
        })
    }
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scale_ends_at_a_round_number() {
        for (number, up) in [
            (1.0, 1.0),
            (145_564.0, 150_000.0),
            (0.3, 0.3),
            (81.0, 100.0),
        ] {
            assert!((round_up(number) - up).abs() < up * 1e-9, "{number}");
        }
    }

    #[test]
    fn decades_hold_what_is_shown() {
        let decades = Decades { least: -1, most: 2 };
        assert!(decades.share(Duration::from_micros(100)) < 1e-9);
        assert!((decades.share(Duration::from_millis(1)) - 1.0 / 3.0).abs() < 1e-9);
        assert!((decades.share(Duration::from_secs(9)) - 1.0).abs() < 1e-9);
        let words: Vec<String> = decades.marks().map(|(_, words)| words).collect();
        assert_eq!(words, ["0.1 ms", "1 ms", "10 ms", "100 ms"]);
    }
}
