//! The Redis face but for its data commands: handshake, transactions, lock scripts, and what
//! cluster clients are told; and all of it beside a real Redis.

mod client;
mod comparison;
mod locks;
mod map;
mod password;
mod transactions;
