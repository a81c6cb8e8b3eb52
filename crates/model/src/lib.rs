//! The real protocol code, explored exhaustively.
//!
//! The simulator meets many runs of large clusters; this meets *all* runs of small ones. A scenario
//! is a few nodes and a few requests of clients. From its start everything that may happen next is
//! tried, in every order: each message that is on its way may arrive, or never does; a node may
//! crash; a node may enter the next configuration. What nodes do then is decided by the very code
//! that the server runs, `protocol`'s [`Lane`](protocol::Lane), which is a plain value that can be
//! cloned, hashed and called. In every state, what clients have seen so far must be linearizable
//! (`checker` says so), no tag may have two contents, no tag may go down, and no node may find that
//! something cannot be. `stateright` does the searching: it is known, small, and written for this.
//!
//! That the exploration would find a fault is shown by putting faults back: each of those that the
//! simulator knows is found here too, with the shortest run that shows it.
//!
//! # What makes it small enough
//!
//! - **Every lane and every message is kept once** ([`store`]). A state is a handful of numbers, and
//!   what becomes of a lane by a message is worked out once, in however many states it happens.
//! - **States that cannot differ in what happens from now on are one**: messages that can have no
//!   effect any more are dropped ([`needless`]); what a lane remembers without acting on it does not
//!   count (`Lane::hash_essence`); of several names for the same, one is enough ([`names`]).
//! - **Some orders need no looking at** ([`space`]), since another one shows the same, or more.
//!
//! Each of these is argued for where it stands, and tested: small scenarios are explored with it and
//! without, and clients must be able to see the same (`tests/merging.rs`); walks under other names
//! must lead to the same states under other names (`tests/names.rs`).
//!
//! # What is not explored
//!
//! - Time. It stands still: no operation reaches its deadline, nothing is sent again but by what
//!   `resends` allows, and the failure detector says just that a node has crashed, at once.
//! - Disks. What is to be made durable is so at once.
//! - How a cluster is founded, and who proposes changes: [`Membership`](protocol::Membership) is not
//!   driven. A configuration may be entered by any node at any time once it is decided, which is
//!   whenever the rules allow it.
//! - Forwarding, several registers at once, expiry.
//! - Hashes of 64 bits stand for states, so that two of some millions could be taken for one, with a
//!   chance of about one in a million.
//!
//! Where a scenario is too large for its end to be reached, it is explored up to a number of actions,
//! and the table that the program prints says which.

pub mod explore;
pub mod history;
pub mod names;
pub mod needless;
pub mod scenario;
pub mod scenarios;
pub mod space;
pub mod store;
mod story;
