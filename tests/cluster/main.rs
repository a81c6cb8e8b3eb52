//! Tests with real processes: clusters of the program itself are started, loaded, frozen, killed
//! and stopped, and what their clients saw is checked.
//!
//! Nothing here waits for a time: conditions are waited for, with a deadline that only a fault
//! exceeds. Tests print the figures that they see (`cargo test --test cluster -- --show-output`).

mod crash;
mod founding;
mod freeze;
mod harness;
mod input;
mod local;
mod many;
mod members;
mod overload;
mod recover;
mod restart;
mod serve;
mod serving;
mod stop;
mod strangers;
mod tools;
mod torture;
mod verify;
