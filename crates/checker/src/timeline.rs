//! Operations as bars, one below the other.

use crate::history::{Operation, Outcome};

/// The scale of a drawing: each time that occurs has its column, in order.
#[derive(Clone, Debug)]
pub(crate) struct Timeline {
    /// Sorted, without repeats.
    times: Vec<u64>,
    /// Characters from one time to the next; 0 if there are too many times for a line.
    spacing: usize,
}

/// The longest bar that still fits beside the words of a row on a wide terminal.
const WIDTH_MAX: usize = 100;

impl Timeline {
    /// A scale for all calls and returns of these operations.
    pub(crate) fn new<V>(operations: &[Operation<V>]) -> Timeline {
        let mut times: Vec<u64> = operations.iter().map(|operation| operation.call).collect();
        times.extend(operations.iter().filter_map(|operation| end(operation)));
        times.sort_unstable();
        times.dedup();
        let spacing = (WIDTH_MAX / times.len().max(1)).min(4);
        Timeline { times, spacing }
    }

    /// The bar of one operation; empty if the scale has no room.
    pub(crate) fn draw<V>(&self, operation: &Operation<V>) -> String {
        if self.spacing == 0 {
            return String::new();
        }
        let start = self.column(operation.call);
        let (fill, last, stop) = match operation.outcome {
            Outcome::Done { time, .. } => ('=', ']', self.column(time)),
            Outcome::Refused { time } => ('x', ']', self.column(time)),
            Outcome::Unknown => ('=', '>', self.times.len() * self.spacing),
        };
        let mut bar = " ".repeat(start);
        if start == stop {
            bar.push('|');
            return bar;
        }
        bar.push('[');
        bar.extend(std::iter::repeat_n(fill, stop - start - 1));
        bar.push(last);
        bar
    }

    fn column(&self, time: u64) -> usize {
        self.times.partition_point(|other| *other < time) * self.spacing
    }
}

fn end<V>(operation: &Operation<V>) -> Option<u64> {
    match operation.outcome {
        Outcome::Done { time, .. } | Outcome::Refused { time } => Some(time),
        Outcome::Unknown => None,
    }
}
