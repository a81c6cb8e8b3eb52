//! Histories of registers, and the exact decision whether they are linearizable.
//!
//! A [`History`] records what clients did to named registers: when each operation was called, when
//! it returned, and how it ended: *done*, *refused* (it certainly did not happen) or *unknown* (it
//! may take effect at any time after its call, or never). [`check()`] decides for each register
//! whether every operation can be given one instant between its call and its return, so that each
//! read returns what was written last before it (Herlihy and Wing, "Linearizability: A Correctness
//! Condition for Concurrent Objects", 1990). Linearizability is local: a history is linearizable if
//! and only if it is so register by register.
//!
//! ```
//! use checker::{Action, History, Limits, Reply, Verdict, check};
//!
//! let mut history = History::new();
//! let first = history.call(1, "x", Action::Write("a"), 10);
//! history.done(first, 20, Reply::Written);
//! let second = history.call(2, "x", Action::Write("b"), 30);
//! history.done(second, 40, Reply::Written);
//! let read = history.call(3, "x", Action::Read, 50);
//! history.done(read, 60, Reply::Read(Some("a")));
//!
//! let Verdict::Violation(witness) = check(&history, Limits::default()) else {
//!     panic!("a stale read must be found");
//! };
//! assert_eq!(witness.operations.len(), 3);
//! println!("{witness}");
//! ```
//!
//! # What it never does
//!
//! - It never guesses: the answer is exact, and where the search for it met its bound, the verdict
//!   is [`Verdict::Undecided`], which is not a kind of success.
//! - It never assumes that an operation without an answer did not happen, nor that it did.
//! - It reads no clock, starts no thread and keeps nothing between calls; the same history gives
//!   the same verdict.
//!
//! # What it costs
//!
//! Where the source of each read is certain (each value that was read was written once, as test
//! clients can take care of), a register costs `O(n log n)`: see the `zones` module in the source.
//! Where values repeat, deletes above all, the problem is NP-complete (Gibbons and Korach, "Testing
//! Shared Memories", SIAM J. Comput. 26(4), 1997), and a bounded search decides: see the `search`
//! module.
//!
//! # Code map
//!
//! | module | idea |
//! | --- | --- |
//! | `history` | what is recorded, and how |
//! | `byte_string` | values that are any bytes |
//! | [`lines`] | a history as text, one operation a line |
//! | `check` | the steps of a decision, from the cheapest on |
//! | `verdict` | the three answers |
//! | `trace` | one register's operations, reduced to what counts |
//! | `sources` | every read value has a write that may have come before |
//! | `zones` | the near-linear decision for certain sources |
//! | `search` | the bounded decision for all others |
//! | `shrink` | fewer operations that still contradict each other |
//! | `explanation`, `witness`, `timeline` | what a person gets to see |

mod byte_string;
mod check;
mod explanation;
mod history;
pub mod lines;
mod modifications;
mod search;
mod shrink;
mod sources;
mod timeline;
mod trace;
mod verdict;
mod witness;
mod zones;

pub use byte_string::ByteString;
pub use check::{Limits, check};
pub use history::Value;
pub use history::{Action, Client, History, Operation, OperationId, Outcome, RegisterName, Reply};
pub use verdict::{Bound, Figures, Undecided, Verdict};
pub use witness::Witness;
