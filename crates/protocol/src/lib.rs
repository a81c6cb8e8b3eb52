//! The shared-register protocol of `shardedmemory`, as pure state machines.
//!
//! This crate decides; it never acts. It has no clock, no socket, no file, no thread, no source
//! of randomness and no async (it is `no_std`): time and messages come in by `handle_*`, messages
//! and answers go out by `poll_output`. The same code runs in the server, in the simulator and
//! under the model checker.
//!
//! There are two doors. A [`Lane`] is the protocol of a share of the registers: it is their replica
//! on this node, and copies what it lacks when the members change; it coordinates what clients ask
//! of any register, be it a read, a write or a read-modify-write; and the first lane of a node
//! decides, with those of other nodes, which configuration follows on the one that stands. A
//! [`Membership`], one per node, is its view of the cluster: the failure detector, how a cluster is
//! founded, and how its members change.
//!
//! The rule for both: **after each call in, drain the outputs, and do them in their order; then
//! arm a timer for `next_timeout`.**
//!
//! ```
//! use bytes::Bytes;
//! use protocol::*;
//! use std::sync::Arc;
//! use std::time::Duration;
//!
//! let node = |number| Incarnation { node: NodeId::new(number), boot: Boot::FIRST };
//! let mut lanes: Vec<Lane> = (1..=3).map(|n| Lane::new(LaneOptions::new(node(n), 0))).collect();
//!
//! // A cluster of three, which in a running node comes from `Membership`.
//! let members = (1..=3).map(|n| {
//!     Member::new(NodeId::new(n), format!("127.0.0.1:{}", 3029 + n).parse().unwrap())
//! });
//! let cluster = Configuration::new(ClusterId(7), Epoch::FIRST, members.collect(), 3).unwrap();
//! let (now, cluster) = (Time::from_micros(0), Arc::new(cluster));
//! for lane in &mut lanes {
//!     lane.handle_configuration(now, cluster.clone());
//! }
//!
//! // The shell's loop: do what the lanes want done, until there is nothing left to do.
//! let mut drive = |lanes: &mut Vec<Lane>| -> Vec<Outcome> {
//!     let mut outcomes = Vec::new();
//!     while let Some((at, output)) =
//!         (0..lanes.len()).find_map(|at| Some((at, lanes[at].poll_output()?)))
//!     {
//!         match output {
//!             Output::Send { message, .. } => {
//!                 let to = message.to.get() as usize - 1;
//!                 lanes[to].handle_message(now, message);
//!             }
//!             // In memory there is nothing to wait for.
//!             Output::Persist { number, .. } => lanes[at].handle_persisted(now, number),
//!             Output::Answer { outcome, .. } => outcomes.push(outcome),
//!             Output::Configuration(_) | Output::Copied { .. } | Output::Drop { .. } => {
//!                 unreachable!("there is one configuration only")
//!             }
//!             Output::Floor { .. } | Output::Forget { .. } | Output::Marks { .. } => {
//!                 unreachable!("nothing is deleted")
//!             }
//!             Output::Listed { .. } => unreachable!("nobody asks which registers there are"),
//!         }
//!     }
//!     outcomes
//! };
//!
//! let name = RegisterName::new("greeting").unwrap();
//! let deadline = now + Duration::from_secs(5);
//! let write = Operation::Write {
//!     name: name.clone(),
//!     content: Some(Bytes::from_static(b"hello")),
//!     expiry: None,
//! };
//! lanes[0].handle_request(now, Ticket(1), write, deadline);
//! assert!(matches!(drive(&mut lanes)[..], [Outcome::Written { rounds: 2, .. }]));
//!
//! // Any node serves it, in one round.
//! lanes[2].handle_request(now, Ticket(2), Operation::Read { name: name.clone() }, deadline);
//! let outcomes = drive(&mut lanes);
//! let [Outcome::Read { record, rounds: 1 }] = &outcomes[..] else { panic!() };
//! assert_eq!(record.content.as_deref(), Some(&b"hello"[..]));
//!
//! // What is computed from what a register holds is computed with nothing in between.
//! let expected = Condition::Equal(Bytes::from_static(b"hello"));
//! let change = Change::set_if(expected, Some(Bytes::from_static(b"hello, world")));
//! let greet = Operation::Modify { name, change };
//! lanes[1].handle_request(now, Ticket(3), greet.clone(), deadline);
//! assert!(matches!(drive(&mut lanes)[..], [Outcome::Modified { .. }]));
//! // It no longer holds what is expected.
//! lanes[0].handle_request(now, Ticket(4), greet, deadline);
//! assert!(matches!(drive(&mut lanes)[..], [Outcome::Unchanged { .. }]));
//! ```
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod answers;
mod asking;
mod ballot;
mod broken;
mod change;
mod collecting;
mod configuration;
mod coordinator;
mod copying;
mod forward;
mod invariants;
mod lane;
mod listing;
mod membership;
mod message;
#[cfg(feature = "model")]
mod model;
mod modify;
mod node;
mod operation;
mod output;
mod peers;
mod quorum;
mod read;
mod record;
mod repairing;
mod replica;
mod rule;
mod running;
mod seen;
mod serving;
mod slot;
mod sweeping;
mod tag;
mod time;
mod write;

pub use ballot::{Accepted, Ballot};
pub use change::{Applied, Change, Changed, Condition, Effect, ExpiryCondition, NewExpiry, Unmet};
pub use configuration::{
    ClusterId, Configuration, ConfigurationDecodeError, ConfigurationError, Epoch, Groups, Member,
    Seat,
};
pub use copying::CopyProgress;
#[cfg(feature = "planted-faults")]
pub use lane::PlantedFault;
pub use lane::{Lane, LaneOptions, LaneTimer};
pub use listing::{ListAnswer, ListAsk, ListCount, ListEntry, ListPage};
pub use listing::{ListOutcome, ListRequest, Listed, Position};
pub use membership::RecoveryView;
pub use membership::{ChangeRefusal, ChangeRequest, ChangeView, Decision, DissentReason};
pub use membership::{Founder, FreshNumber, MembershipMessage, PeerState, Proposal, ProposalId};
pub use membership::{
    Join, Membership, MembershipEvent, MembershipOptions, MembershipOptionsError,
};
pub use membership::{MembershipOutput, MembershipTimer, Standing};
pub use message::{Answer, Body, Bounds, Counter, Message, OperationId, RequestId, Want};
pub use message::{Promise, PullAnswer, PullAsk, PullEntry};
#[cfg(feature = "model")]
pub use model::Awaited;
pub use node::{Address, AddressError, Boot, Incarnation, NodeId};
pub use operation::{Operation, Outcome, Refusal};
pub use output::{Output, PersistNumber, Ticket};
pub use quorum::{Quorums, ReplicaSet};
pub use record::{Record, UnixMillis};
pub use repairing::RepairProgress;
pub use replica::{Cell, Room, floor_digest};
pub use slot::{Group, NameTooLong, RegisterName, Slot};
pub use tag::{Tag, TagError};
pub use time::Time;
