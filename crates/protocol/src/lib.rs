//! The shared-register protocol of `shardedmemory`, as pure state machines.
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod configuration;
mod lane;
mod membership;
mod message;
mod node;
mod operation;
mod output;
mod quorum;
mod record;
mod slot;
mod tag;
mod time;

pub use configuration::{ClusterId, Configuration, ConfigurationError, Epoch, Member};
#[cfg(feature = "planted-faults")]
pub use lane::PlantedFault;
pub use lane::{LaneOptions, LaneTimer};
pub use membership::{Founder, FreshNumber, MembershipMessage, PeerState, Proposal, ProposalId};
pub use message::{Answer, Body, Counter, Message, OperationId, RequestId, Want};
pub use node::{Address, AddressError, Boot, Incarnation, NodeId};
pub use operation::{Operation, Outcome, Refusal};
pub use output::{Output, PersistNumber, Ticket};
pub use quorum::{Quorums, ReplicaSet};
pub use record::{Record, UnixMillis};
pub use slot::{NameTooLong, RegisterName, Slot};
pub use tag::{Tag, TagError};
pub use time::Time;
