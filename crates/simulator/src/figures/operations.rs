//! Operations, by what was asked for and how it ended: [`Operations`].

use super::table::Table;
use protocol::{Operation, Outcome};
use std::fmt;
use std::ops::AddAssign;

/// Operations, by what was asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Operations {
    /// Reads.
    pub reads: Ends,
    /// Writes and deletes.
    pub writes: Ends,
    /// Read-modify-writes: comparisons and additions.
    pub modifications: Ends,
}

/// How operations ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Ends {
    /// They gave a value, or took effect.
    pub done: u64,
    /// They found nothing to change.
    pub unchanged: u64,
    /// They certainly did not happen.
    pub refused: u64,
    /// They may have taken effect or not.
    pub unknown: u64,
    /// Their process died before it answered.
    pub lost: u64,
}

impl Operations {
    /// How many there were.
    pub fn total(&self) -> u64 {
        self.kinds().iter().map(|(_, ends)| ends.total()).sum()
    }

    fn kinds(&self) -> [(&'static str, Ends); 3] {
        [
            ("reads", self.reads),
            ("writes", self.writes),
            ("read-modify-writes", self.modifications),
        ]
    }

    /// An operation has ended: like this, or with its process.
    pub(crate) fn count(&mut self, operation: &Operation, outcome: Option<&Outcome>) {
        let ends = match operation {
            Operation::Read { .. } => &mut self.reads,
            Operation::Write { .. } => &mut self.writes,
            Operation::Modify { .. } => &mut self.modifications,
        };
        *match outcome {
            Some(Outcome::Read { .. } | Outcome::Written { .. } | Outcome::Modified { .. }) => {
                &mut ends.done
            }
            Some(Outcome::Unchanged { .. }) => &mut ends.unchanged,
            Some(Outcome::Refused(_)) => &mut ends.refused,
            Some(Outcome::Unknown) => &mut ends.unknown,
            None => &mut ends.lost,
        } += 1;
    }
}

impl Ends {
    /// How many operations these are.
    pub fn total(&self) -> u64 {
        self.done + self.unchanged + self.refused + self.unknown + self.lost
    }
}

impl AddAssign for Operations {
    fn add_assign(&mut self, other: Self) {
        self.reads += other.reads;
        self.writes += other.writes;
        self.modifications += other.modifications;
    }
}

impl AddAssign for Ends {
    fn add_assign(&mut self, other: Self) {
        self.done += other.done;
        self.unchanged += other.unchanged;
        self.refused += other.refused;
        self.unknown += other.unknown;
        self.lost += other.lost;
    }
}

impl fmt::Display for Operations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = Table::new(&[
            "operations",
            "asked for",
            "done",
            "no change",
            "refused",
            "unknown",
            "process died",
        ]);
        let row = |ends: Ends| {
            [
                ends.total(),
                ends.done,
                ends.unchanged,
                ends.refused,
                ends.unknown,
                ends.lost,
            ]
        };
        let mut sum = Ends::default();
        for (name, ends) in self.kinds() {
            table.row(name, &row(ends));
            sum += ends;
        }
        table.row("all", &row(sum));
        table.fmt(f)
    }
}
