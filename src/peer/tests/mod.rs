//! Connections over real sockets, on loopback.

mod faults;
mod harness;
mod measurements;
mod passwords;
mod talk;
