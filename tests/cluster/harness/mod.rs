//! What the tests stand on: clusters of processes, clients, recorded histories.

mod client;
mod cluster;
mod load;
mod members;
mod node;
mod ports;
mod program;
mod recorder;
mod redis;
mod registers;
mod tally;

pub(crate) use client::{Answer, Client, Lost, PATIENCE, Request};
pub(crate) use cluster::Cluster;
pub(crate) use load::{Load, LoadPlan};
pub(crate) use node::Node;
pub(crate) use ports::{free_ports, is_free};
pub(crate) use program::{
    Ended, children, freeze, is_running, program, run, run_with_input, signal,
};
pub(crate) use recorder::Recorder;
pub(crate) use redis::{RedisClient, request};
pub(crate) use registers::Registers;

use std::time::{Duration, Instant};

/// Long enough for anything that happens at all, on a machine that is busy with other tests.
pub(crate) const SOON: Duration = Duration::from_secs(40);

const _: () = assert!(PATIENCE.as_secs() <= SOON.as_secs());

/// How often a condition that is waited for is looked at.
const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// Waits until something holds, and tells how long that took.
///
/// # Panics
/// If it does not hold [`SOON`].
#[track_caller]
pub(crate) fn eventually(
    what: &str,
    mut condition: impl AsyncFnMut() -> bool,
) -> impl Future<Output = Duration> {
    eventually_ok(what, async move || {
        condition().await.then_some(()).ok_or_else(String::new)
    })
}

/// The same, for a condition that says what is amiss as long as it does not hold.
#[track_caller]
pub(crate) fn eventually_ok(
    what: &str,
    mut condition: impl AsyncFnMut() -> Result<(), String>,
) -> impl Future<Output = Duration> {
    let caller = std::panic::Location::caller();
    async move {
        let started = Instant::now();
        while let Err(amiss) = condition().await {
            assert!(
                started.elapsed() < SOON,
                "never happened: {what} (waited for at {caller}) {amiss}"
            );
            tokio::time::sleep(POLL_INTERVAL).await;
        }
        started.elapsed()
    }
}
