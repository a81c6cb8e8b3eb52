//! What cannot be, as long as this program and those of the other nodes are right: [`Broken`].
//!
//! Such a thing is looked for wherever that costs next to nothing, and in builds for tests in some
//! dearer places too. Whoever finds it *panics*, in the middle of a call, by [`Broken::stop`]: the
//! outputs of that call are never taken, so nothing that follows from it is sent, acknowledged or
//! answered, and whoever runs the lane ends it. What this node knows may be wrong, and it must not
//! spread; the others have quorums without it.
//!
//! It is never the way to meet what a stranger, a client or a network can do. What is nonsense in
//! itself does not get here, and what comes from a process that is no member, and never was, is not
//! looked at. Members believe each other, though: when one of them contradicts what is held here,
//! nobody can tell which of the two is wrong.

use crate::ballot::{Accepted, Ballot};
use crate::configuration::{ClusterId, Epoch};
use crate::message::OperationId;
use crate::node::NodeId;
use crate::record::{Record, UnixMillis};
use crate::slot::{Group, RegisterName};
use crate::tag::Tag;
use core::fmt;
use xxhash_rust::xxh3::xxh3_64;

/// Something that cannot be. Its `Display` is one line: what was seen, of which register, by whom
/// it was shown, and what that means.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Broken<'a> {
    /// One tag stands for two records.
    TwoRecords {
        name: &'a RegisterName,
        tag: Tag,
        /// Who shows the second one.
        by: NodeId,
        known: Summary,
        shown: Summary,
    },
    /// One ballot and tag stand for two steps.
    TwoSteps {
        name: &'a RegisterName,
        step: (Ballot, Tag),
        by: NodeId,
        known: Summary,
        shown: Summary,
    },
    /// What a replica keeps of a register went down.
    WentDown {
        name: &'a RegisterName,
        /// What of it.
        what: Kept,
        former: &'a dyn fmt::Debug,
        now: &'a dyn fmt::Debug,
    },
    /// A step is accepted under a ballot that is greater than what is promised.
    NotPromised {
        name: &'a RegisterName,
        step: Ballot,
        promised: Ballot,
    },
    /// A replica is about to acknowledge a record that it does not hold.
    NotHeld {
        name: &'a RegisterName,
        given: Tag,
        held: Tag,
    },
    /// A tag of this node's making that it has not made.
    NeverIssued {
        name: &'a RegisterName,
        tag: Tag,
        by: NodeId,
        /// The greatest sequence number that it has issued for the register's slot.
        issued: u64,
    },
    /// A ballot of this node's making that it has not made.
    NeverProposed {
        name: &'a RegisterName,
        ballot: Ballot,
        /// The greatest round that it has issued.
        issued: u64,
    },
    /// An epoch has two configurations.
    TwoConfigurations { cluster: ClusterId, epoch: Epoch },
    /// The node is about to enter an epoch that is not newer than its own.
    EpochFell { from: Epoch, to: Epoch },
    /// Quorums of one epoch and of the next need not meet.
    Apart {
        group: Group,
        from: Epoch,
        to: Epoch,
    },
    #[cfg(any(debug_assertions, feature = "costly-invariants"))]
    /// What is known of a slot's registers together is not what they come to.
    Miscounted { slot: crate::slot::Slot },
}

/// What a replica keeps of a register and never takes back.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kept {
    Tag,
    Promise,
    Step,
}

impl Broken<'_> {
    /// Ends the call in which it was found, and with it the lane.
    ///
    /// # Panics
    /// That is what it is for.
    #[cold]
    #[inline(never)]
    #[track_caller]
    pub(crate) fn stop(self) -> ! {
        panic!("a broken invariant: {self}")
    }
}

impl fmt::Display for Broken<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Broken::TwoRecords {
                name,
                tag,
                by,
                known,
                shown,
            } => write!(
                f,
                "register {name:?} has two values under the one tag {tag}: {known} is known here, \
                 and {by} shows {shown}; one of the two is wrong, and nobody can tell which"
            ),
            Broken::TwoSteps {
                name,
                step: (ballot, tag),
                by,
                known,
                shown,
            } => write!(
                f,
                "register {name:?} has two steps under the one ballot {ballot:?} and tag {tag}: \
                 {known} is known here, and {by} shows {shown}; one of the two is wrong, and \
                 nobody can tell which"
            ),
            Broken::WentDown {
                name,
                what,
                former,
                now,
            } => write!(
                f,
                "{what} of register {name:?} would go down from {former:?} to {now:?}; what others \
                 were told that this node holds would be gone"
            ),
            Broken::NotPromised {
                name,
                step,
                promised,
            } => write!(
                f,
                "register {name:?} would hold a step of ballot {step:?} with no greater ballot than \
                 {promised:?} promised; lesser ones could pass it"
            ),
            Broken::NotHeld { name, given, held } => write!(
                f,
                "register {name:?} was given under tag {given}, and this node holds {held} after \
                 that; it would acknowledge what it does not hold"
            ),
            Broken::NeverIssued {
                name,
                tag,
                by,
                issued,
            } => write!(
                f,
                "{by} shows the tag {tag} of register {name:?}, which names this node as its \
                 writer, but this node has issued no greater number than {issued} there; another \
                 process writes in its name, or it has forgotten what it wrote"
            ),
            Broken::NeverProposed {
                name,
                ballot,
                issued,
            } => write!(
                f,
                "the ballot {ballot:?} of register {name:?} names this node as its proposer, but \
                 this node has issued no greater round than {issued}; another process proposes in \
                 its name, or it has forgotten what it proposed"
            ),
            Broken::TwoConfigurations { cluster, epoch } => write!(
                f,
                "epoch {epoch} of cluster {cluster} has two configurations; nodes would count the \
                 quorums of different members"
            ),
            Broken::EpochFell { from, to } => write!(
                f,
                "this node would go from epoch {from} back to epoch {to}; it would serve members \
                 whose successors are at work"
            ),
            Broken::Apart { group, from, to } => write!(
                f,
                "the quorums of group {group} in epoch {from} and those in epoch {to} have no \
                 replica set in common, so that they need not meet; what was completed in the one \
                 could be missed in the other"
            ),
            #[cfg(any(debug_assertions, feature = "costly-invariants"))]
            Broken::Miscounted { slot } => write!(
                f,
                "the count or the digest that is kept of slot {slot} is not that of its \
                 registers; another node could take them for copied that are not"
            ),
        }
    }
}

impl fmt::Display for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kept::Tag => "the tag",
            Kept::Promise => "the promised ballot",
            Kept::Step => "the accepted step",
        })
    }
}

/// What a record or a step holds, in a few words: values can be long, and are nobody's business who
/// reads a log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Summary {
    /// The bytes of the value, or nothing.
    bytes: Option<usize>,
    digest: u64,
    expiry: Option<UnixMillis>,
    operation: Option<OperationId>,
}

impl Summary {
    /// That of a register's record. Of the reserved register it leaves out which step made it: a
    /// node that enters a configuration does not know that.
    pub(crate) fn of_record(name: &RegisterName, record: &Record) -> Self {
        let content = record.content.as_deref();
        Self {
            bytes: content.map(<[u8]>::len),
            digest: content.map_or(0, xxh3_64),
            expiry: record.expiry,
            operation: record.operation.filter(|_| !name.is_reserved()),
        }
    }

    /// That of a step.
    pub(crate) fn of_step(step: &Accepted) -> Self {
        let content = step.content.as_deref();
        Self {
            bytes: content.map(<[u8]>::len),
            digest: content.map_or(0, xxh3_64),
            expiry: step.expiry,
            operation: Some(step.operation),
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.bytes {
            None => f.write_str("nothing")?,
            Some(bytes) => write!(f, "a value of {bytes} bytes (digest {:016x})", self.digest)?,
        }
        if let Some(UnixMillis(at)) = self.expiry {
            write!(f, " until {at} ms")?;
        }
        if let Some(operation) = self.operation {
            write!(f, " by operation {operation:?}")?;
        }
        Ok(())
    }
}
