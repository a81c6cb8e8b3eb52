//! Whole clusters of the real protocol code under one seed, checked by machine.
//!
//! A [`Run`] is decided by its seed alone: how many nodes there are, how fast their clocks go, how
//! slow, lossy and disorderly the network is, what goes wrong and when, and what the clients ask.
//! Time is virtual, so that a run of half a minute takes milliseconds. It has phases:
//!
//! 1. *Founding*: processes start and found a cluster, in some runs while faults go on already.
//! 2. *Faults*: processes crash and freeze, links are cut, clogged and broken, messages are lost
//!    and repeated, clocks jump. All the while clients ask, in bursts, on few registers. In some
//!    runs a majority is lost for good, and an operator has those that are left go on.
//! 3. *Healing*: the network is whole and nobody is frozen. Soon every node knows what stands, and
//!    every operation on every node must be done in time; or, if the memory of a majority is gone,
//!    every node knows that, and every operation is refused in time.
//!
//! [`run()`] judges it in two ways. The clients' history must be linearizable, which the `checker`
//! decides. And, at every step, inside:
//!
//! - one tag never has two contents, in any message or replica, nor has one step of a
//!   read-modify-write, or two that were chosen;
//! - after a recovery each register goes on from the greatest that anybody has who was left, and
//!   nothing is lost of what the operator was not told;
//! - a record's tag at a process never goes down;
//! - what is written, read, or called settled is held by a majority at that moment;
//! - low-water marks never fall; a message for another process has no effect, and none is sent to
//!   the own node;
//! - every operation is answered once, and soon after its deadline at the latest;
//! - no second cluster stands beside a living process of the first.
//!
//! ```
//! let passed = simulator::run(simulator::Run::of(7)).unwrap();
//! assert_eq!(simulator::run(simulator::Run::of(7)).unwrap(), passed, "a seed is always the same run");
//! ```
//!
//! A [`Story`] is the same machinery for a single, told sequence of events.
//!
//! # What is simulated how
//!
//! | module | idea |
//! | --- | --- |
//! | `plan` | what kind of run a seed makes |
//! | `cluster` | sites, processes and operations under one calendar |
//! | `process` | the lanes and the membership of one node, and its disk's delay |
//! | `network` | the fate of each message |
//! | `clocks` | virtual time, and what each machine makes of it |
//! | `faults`, `nemesis` | what goes wrong, and who makes it |
//! | `operator` | who has the cluster go on when a majority is lost for good |
//! | `planted`, `hurdle` | faults that are put back, to see them found |
//! | `workload` | what clients ask |
//! | `listing` | reads that are done by listing registers |
//! | `invariants`, `book` | what must hold inside, and what the clients saw |
//! | `run`, `story` | the phases of a seed, and runs that are told |
//! | `outcome` | which run, and what came of it |
//! | `campaign` | many runs side by side, for an hour if need be |
//! | `panics` | what becomes of a panic of the protocol |
//! | `trace`, `figures` | what happened, in words and in numbers |
//! | `calendar`, `chance` | what comes next, and what decides it |
mod book;
mod calendar;
mod campaign;
mod chance;
mod clocks;
mod cluster;
mod disk;
mod faults;
mod figures;
#[cfg(test)]
mod fixtures;
mod hurdle;
mod invariants;
mod listing;
mod memory;
mod nemesis;
mod network;
mod operator;
mod outcome;
mod panics;
mod plan;
mod planted;
mod process;
mod run;
mod story;
mod trace;
mod wall;
mod workload;

pub use campaign::{Campaign, Length, Tally};
pub use cluster::Sent;
pub use figures::{Changes, Ends, Figures, Messages, Operations, Recoveries};
pub use outcome::{Failure, FailureKind, Passed, Run};
pub use plan::{Nodes, Replication};
pub use planted::Planted;
pub use run::{run, run_traced};
pub use story::{Asked, AskedChange, Change, First, Lost, Setting, Story, Told};
