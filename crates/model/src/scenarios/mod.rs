//! The scenarios, by theme, and which of them shows which planted fault.

mod change;
mod change_decision;
mod modify;
mod planted;
mod registers;

use crate::scenario::Scenario;
use std::num::NonZeroUsize;

pub use planted::{PLANTED, Planted};

/// A scenario that holds, and how far it is explored where time is short.
#[derive(Clone, Copy, Debug)]
pub struct Listed {
    /// It.
    pub scenario: fn() -> Scenario,
    /// How far it is explored in full; `None` if it is explored to its end.
    pub depth_max: Option<NonZeroUsize>,
    /// How far it is explored where a minute must do for all of them.
    pub depth_max_quick: Option<NonZeroUsize>,
}

const fn to_its_end(scenario: fn() -> Scenario, quick: usize) -> Listed {
    Listed {
        scenario,
        depth_max: None,
        depth_max_quick: NonZeroUsize::new(quick),
    }
}

const fn bounded(scenario: fn() -> Scenario, full: usize, quick: usize) -> Listed {
    Listed {
        scenario,
        depth_max: NonZeroUsize::new(full),
        depth_max_quick: NonZeroUsize::new(quick),
    }
}

/// Every scenario in which everything holds.
pub const ALL: &[Listed] = &[
    to_its_end(registers::small, 0),
    to_its_end(registers::together, 11),
    to_its_end(registers::apart, 9),
    to_its_end(modify::pair, 12),
    to_its_end(modify::overwritten, 8),
    to_its_end(modify::observed, 8),
    to_its_end(modify::comparisons, 8),
    bounded(modify::rivals, 10, 7),
    bounded(modify::neighbours, 13, 9),
    to_its_end(change_decision::decision, 12),
    to_its_end(change_decision::superseded, 11),
    to_its_end(change::hand_over, 0),
    to_its_end(change::late_read, 11),
    bounded(change::change, 15, 8),
    bounded(change::change_of_two, 13, 7),
    bounded(change::change_or_not, 10, 5),
    bounded(change::change_again, 9, 5),
    bounded(change::change_and_crash, 9, 5),
];
