//! What is fuzzed: every decoder that meets strangers, and lanes against a plain map.
//!
//! Each target is a plain function of bytes, which panics if something is wrong. The fuzzer itself
//! (cargo-fuzz, in the folder `fuzz`) needs more than a stable compiler; these functions do not. The
//! tests of this crate call them with every input that was kept, and with inputs made from those by
//! chance.
//!
//! | module | what |
//! | --- | --- |
//! | `backup` | files of backups |
//! | `history` | files of histories |
//! | `redis` | what Redis clients send and servers answer |
//! | `wire` | what comes on connections between nodes |
//! | `lanes` | lanes against a plain map |
//! | `member` | a node's membership, told anything by anybody |
//! | `outsider` | what a lane is told by a node that is no member |
//! | `memory` | how much memory a few bytes may take |
//!
//! HTTP, settings files and what the commands are answered are in `shardedmemory::fuzzing`, beside
//! the code that meets them.

mod backup;
mod history;
mod lanes;
mod member;
mod memory;
mod outsider;
mod redis;
mod wire;

pub use backup::backup_file;
pub use history::history_file;
pub use lanes::{Ends, lanes, lanes_with};
pub use member::member;
pub use outsider::outsider;
pub use redis::{redis_replies, redis_requests, redis_sniffing};
pub use shardedmemory::fuzzing::{
    client_answer, http_connection, http_requests, peer_connection, peer_greeting, recovery_plan,
    settings_file, status_picture,
};
pub use wire::{configuration, membership_batch, peer_batch};

/// Something that is fuzzed.
pub struct Target {
    /// Its name: that of its function, of its fuzzer, and of the folder of its corpus.
    pub name: &'static str,
    /// What is done with the bytes.
    pub run: fn(&[u8]),
}

macro_rules! targets {
    ($($name:ident)*) => {
        /// All that is fuzzed.
        pub const TARGETS: &[Target] = &[$(Target { name: stringify!($name), run: $name }),*];
    };
}

targets! {
    backup_file
    client_answer
    configuration
    history_file
    http_connection
    http_requests
    lanes
    member
    membership_batch
    outsider
    peer_batch
    peer_connection
    peer_greeting
    recovery_plan
    redis_replies
    redis_requests
    redis_sniffing
    settings_file
    status_picture
}
