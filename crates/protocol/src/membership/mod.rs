//! The cluster as one node sees it.

mod detector;
mod message;

pub use detector::PeerState;
pub use message::{Founder, FreshNumber, MembershipMessage, Proposal, ProposalId};
