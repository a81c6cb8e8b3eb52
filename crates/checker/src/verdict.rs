//! The three answers to the question whether a history is linearizable.

use std::fmt::{self, Debug, Display};

use crate::history::RegisterName;
use crate::witness::Witness;

/// What [`check`](crate::check()) decided.
#[derive(Clone, Debug)]
#[must_use = "a verdict that nobody reads checks nothing"]
pub enum Verdict<V> {
    /// Every register's operations can be put in an order that explains all replies.
    Linearizable(Figures),
    /// The operations of the witness contradict each other. If several registers are at fault, this
    /// is the first of them in the order of their first use.
    Violation(Witness<V>),
    /// No violation was found, but at least one register was too hard for the limits: nothing is
    /// proved.
    Undecided(Undecided),
}

impl<V: Debug> Verdict<V> {
    /// The figures of a linearizable history.
    ///
    /// # Panics
    ///
    /// With the verdict in words, if it is any other.
    #[track_caller]
    pub fn expect_linearizable(self) -> Figures {
        match self {
            Verdict::Linearizable(figures) => figures,
            other => panic!("{other}"),
        }
    }
}

impl<V: Debug> Display for Verdict<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Verdict::Linearizable(figures) => Display::fmt(figures, f),
            Verdict::Violation(witness) => Display::fmt(witness, f),
            Verdict::Undecided(undecided) => Display::fmt(undecided, f),
        }
    }
}

/// How much a check that found no fault has looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Operations in the history, however they ended.
    pub operations: usize,
    /// Registers that were named.
    pub registers: usize,
    /// Registers whose values repeat, so that the search had to decide.
    pub searched: usize,
    /// Steps of the search, over all registers.
    pub steps: u64,
}

impl Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "linearizable: {} operations on {} registers ({} decided by search, in {} steps)",
            self.operations, self.registers, self.searched, self.steps
        )
    }
}

/// Why nothing could be decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undecided {
    /// The first register, in the order of first use, on which the search met a bound.
    pub register: RegisterName,
    /// The bound that it met there.
    pub bound: Bound,
    /// How many registers were left undecided in all.
    pub registers: usize,
}

impl Display for Undecided {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "undecided: the search on register {} reached its bound of {}",
            self.register, self.bound
        )?;
        if self.registers > 1 {
            write!(f, "; so did the searches on {} others", self.registers - 1)?;
        }
        Ok(())
    }
}

/// A bound of the search, with its value; see [`Limits`](crate::Limits).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// [`Limits::steps`](crate::Limits::steps).
    Steps(u64),
    /// [`Limits::width`](crate::Limits::width).
    Width(usize),
}

impl Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Bound::Steps(steps) => write!(f, "{steps} steps"),
            Bound::Width(width) => write!(f, "{width} states at once"),
        }
    }
}
