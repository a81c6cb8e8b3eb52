//! Tests with real processes: clusters of the program itself are started, loaded, frozen, killed
//! and stopped, and what their clients saw is checked.
//!
//! Nothing here waits for a time: conditions are waited for, with a deadline that only a fault
//! exceeds. Tests print the figures that they see (`cargo test --test cluster -- --show-output`).

mod backup;
mod bench;
mod crash;
mod disk;
mod founding;
mod freeze;
mod harness;
mod http;
mod input;
mod listing;
mod local;
mod many;
mod members;
mod memory;
mod overload;
mod password;
mod recover;
mod redis;
mod redis_session;
mod restart;
mod serve;
mod serving;
mod stop;
mod strangers;
mod tombstones;
mod tools;
mod torture;
mod verify;
