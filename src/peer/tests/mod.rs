//! Connections over real sockets, on loopback.

mod faults;
pub(super) mod harness;
mod measurements;
mod passwords;
mod talk;
