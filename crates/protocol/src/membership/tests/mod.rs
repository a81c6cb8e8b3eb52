//! Membership as a whole, in a small world with virtual time.
//!
//! [`world`] is the harness; `stories` tell of founding, `changes` of what operators ask for, and
//! `comebacks` of nodes that restart or join, in one chosen schedule each; in `carrying` somebody
//! is struck at every step of a change; `freezes` and `pongs` tell what the failure detector makes
//! of frozen processes and late answers, `garbage` what strangers send; `storms` and
//! `change_storms` go through random schedules, and through thousands of them when they are asked
//! to: `cargo test -p protocol --release --lib membership -- --ignored`.

mod carrying;
mod change_storms;
mod changes;
mod comebacks;
mod freezes;
mod garbage;
mod pongs;
mod recoveries;
mod stories;
mod storms;
mod world;
