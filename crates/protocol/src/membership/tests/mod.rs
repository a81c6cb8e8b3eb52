//! Membership as a whole, in a small world with virtual time.
//!
//! [`world`] is the harness; `stories` tell what happens in one chosen schedule each, `freezes`
//! and `pongs` what the failure detector makes of frozen processes and late answers, `garbage`
//! what strangers send, and `storms` go through thousands of random schedules.

mod freezes;
mod garbage;
mod pongs;
mod stories;
mod storms;
mod world;
