//! What lanes say to each other: [`Message`].
//!
//! | message | from | to | purpose |
//! | --- | --- | --- | --- |
//! | [`Body::Query`] | coordinator | replica | what do you hold? |
//! | [`Body::QueryReply`] | replica | coordinator | this tag, and the record if it was asked for |
//! | [`Body::Update`] | coordinator | replica | take this record if it is newer than yours |
//! | [`Body::UpdateReply`] | replica | coordinator | I hold this tag now |
//! | [`Body::Settled`] | coordinator | replica | this tag is settled; no reply |
//! | [`Body::StaleEpoch`] | replica | coordinator | you count the quorums of an older epoch |
//! | [`Body::ConfigurationRequest`] | replica | coordinator | you are in a newer epoch: tell me |
//! | [`Body::Configuration`] | coordinator | replica | here it is |
//! | [`Body::Forward`] | a node | a member | coordinate this operation for me |
//! | [`Body::ForwardReply`] | the member | that node | this is how it ended |
//! | [`Body::Entered`] | replica | coordinator | I am in your epoch now: ask again |
//! | [`Body::Prepare`] | coordinator | replica | promise this ballot, and tell what you hold |
//! | [`Body::PrepareReply`] | replica | coordinator | promised, and this I hold; or refused |
//! | [`Body::Accept`] | coordinator | replica | accept this step |
//! | [`Body::AcceptReply`] | replica | coordinator | accepted, or refused |
//! | [`Body::Pull`] | replica | replica | what do you hold of this group that I lack? |
//! | [`Body::PullReply`] | replica | replica | this |
//! | [`Body::List`] | coordinator | replica | which registers of this group do you hold? |
//! | [`Body::ListReply`] | replica | coordinator | these |
//! | [`Body::Confirm`] | replica | replica | do you hold these tombstones, and nothing else there? |
//! | [`Body::ConfirmReply`] | replica | replica | these of them |
//! | [`Body::Mark`] | replica | member | which number has your next operation? |
//! | [`Body::MarkReply`] | member | replica | this |
//! | [`Body::Compare`] | replica | replica | which registers of the slot had records below their floor since? |
//! | [`Body::CompareReply`] | replica | replica | those of this digest |
//! | [`Body::Forget`] | replica | replica | drop the tombstones |

use crate::ballot::{Accepted, Ballot};
use crate::configuration::{ClusterId, Configuration, Epoch};
use crate::listing::{ListAnswer, ListAsk};
use crate::node::{Boot, Incarnation, NodeId};
use crate::operation::{Operation, Outcome};
use crate::record::Record;
use crate::replica::{Cell, Room};
use crate::slot::{Group, RegisterName};
use crate::tag::Tag;
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

/// The number of a request among those of one incarnation, never used again by it.
///
/// The lane's number stands in its top 16 bits, so that lanes draw numbers side by side.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Counter(pub u64);

impl Counter {
    const LANE_SHIFT: u32 = 48;

    /// The first number that a lane draws.
    pub const fn first(lane: u16) -> Counter {
        Counter((lane as u64) << Self::LANE_SHIFT | 1)
    }

    /// Which lane drew it.
    pub const fn lane(self) -> u16 {
        (self.0 >> Self::LANE_SHIFT) as u16
    }

    /// The number after it.
    ///
    /// # Panics
    /// After 2^48 numbers, which is nine years at a million a second.
    pub fn next(self) -> Counter {
        let next = Counter(self.0 + 1);
        assert_eq!(next.lane(), self.lane(), "the lane's numbers are used up");
        next
    }
}

impl fmt::Debug for Counter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}#{}",
            self.lane(),
            self.0 & ((1 << Self::LANE_SHIFT) - 1)
        )
    }
}

/// What a reply answers: the request with this number, of this incarnation, and no other.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RequestId {
    /// Who asked.
    pub origin: Incarnation,
    /// Its number for the request.
    pub counter: Counter,
}

/// The identity of one read-modify-write, drawn once and kept over all its retries.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct OperationId {
    /// Who coordinates it.
    pub origin: Incarnation,
    /// Its number there.
    pub counter: Counter,
}

/// One message between the lanes of two nodes.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Message {
    /// The node it is from. Whoever delivers a message vouches for this: it is the incarnation
    /// that the connection's handshake proved, whatever the address.
    pub from: Incarnation,
    /// The node it is for. A process with another id at that address ignores it.
    pub to: NodeId,
    /// The cluster it is about. Numbers of epochs say nothing beyond their own cluster.
    pub cluster: ClusterId,
    /// The epoch whose quorums the coordinator counts, in requests and in their replies.
    pub epoch: Epoch,
    /// The sender's low-water mark: none of its requests below this number still runs. It speaks
    /// of the lane that the number names.
    pub low_water: Counter,
    /// What it says.
    pub body: Body,
}

/// What a message says. The module's table tells who says it to whom.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Body {
    /// What do you hold of this register?
    Query {
        /// The number of the operation's attempt.
        counter: Counter,
        /// The register.
        name: RegisterName,
        /// What to answer with.
        want: Want,
    },
    /// What the replica holds.
    QueryReply {
        /// The request it answers.
        request: RequestId,
        /// What it holds.
        answer: Answer,
        /// What a new record of the register has to keep to.
        bounds: Bounds,
    },
    /// Take this record if its tag is greater than that of yours.
    Update {
        /// The number of the operation's attempt.
        counter: Counter,
        /// The register.
        name: RegisterName,
        /// The record.
        record: Record,
    },
    /// The tag that the replica holds now: at least the update's.
    UpdateReply {
        /// The request it answers.
        request: RequestId,
        /// The tag.
        tag: Tag,
    },
    /// The tag is settled. Losing this costs time only.
    Settled {
        /// The register.
        name: RegisterName,
        /// The tag.
        tag: Tag,
    },
    /// Refused: the request counts quorums of an older epoch than this one's.
    StaleEpoch {
        /// The request that was refused.
        request: RequestId,
        /// The configuration to count in.
        configuration: Arc<Configuration>,
    },
    /// The request counts quorums of an epoch that its receiver does not know.
    ConfigurationRequest {
        /// The request that cannot be answered yet.
        request: RequestId,
    },
    /// The configuration that was asked for.
    Configuration {
        /// It.
        configuration: Arc<Configuration>,
    },
    /// Coordinate this operation. It is never forwarded again.
    Forward {
        /// The forwarder's number for it. Each number is executed at most once.
        counter: Counter,
        /// The boot of the executor that it is for: the next one has forgotten what this one did.
        executor: Boot,
        /// The operation.
        operation: Box<Operation>,
        /// How long the client still waits, as of the sending.
        time_left: Duration,
    },
    /// How a forwarded operation ended.
    ForwardReply {
        /// The forward it answers.
        request: RequestId,
        /// The end.
        outcome: Box<Outcome>,
    },
    /// The replica, which did not know the epoch of this request and let it pass, is in that epoch
    /// now, or in a later one.
    Entered {
        /// One of the requests that it let pass.
        request: RequestId,
    },
    /// Promise this ballot, and tell what you hold of the register.
    Prepare {
        /// The number of the operation's attempt.
        counter: Counter,
        /// The register.
        name: RegisterName,
        /// The ballot.
        ballot: Ballot,
    },
    /// Whether the ballot is promised.
    PrepareReply {
        /// The request it answers.
        request: RequestId,
        /// The answer.
        promise: Promise,
        /// What a new record of the register has to keep to.
        bounds: Bounds,
    },
    /// Accept this step, unless you have promised a greater ballot.
    Accept {
        /// The number of the operation's attempt.
        counter: Counter,
        /// The register.
        name: RegisterName,
        /// The step, with its ballot.
        step: Box<Accepted>,
    },
    /// Whether the step is accepted. It speaks of this very ballot and tag.
    AcceptReply {
        /// The request it answers.
        request: RequestId,
        /// The ballot of the step that was to be accepted.
        ballot: Ballot,
        /// The tag of the step that was to be accepted.
        tag: Tag,
        /// The greater ballot that was promised, if the step is refused.
        refused_by: Option<Ballot>,
    },
    /// What do you hold of this group?
    Pull {
        /// The number of the request.
        counter: Counter,
        /// The group.
        group: Group,
        /// What exactly.
        ask: PullAsk,
    },
    /// What the replica holds of the group.
    PullReply {
        /// The request it answers.
        request: RequestId,
        /// The group.
        group: Group,
        /// What was asked for.
        answer: PullAnswer,
    },
    /// Which registers of this group do you hold, or how many?
    List {
        /// The number of the listing's attempt.
        counter: Counter,
        /// The group.
        group: Group,
        /// What exactly.
        ask: ListAsk,
    },
    /// The registers that the replica holds of the group.
    ListReply {
        /// The request it answers.
        request: RequestId,
        /// The group.
        group: Group,
        /// What was asked for.
        answer: ListAnswer,
    },
    /// Take these tombstones, raise the floors of their slots to them, and say which of them are all
    /// that you hold of their registers.
    Confirm {
        /// The number of the round in which they are to be dropped.
        counter: Counter,
        /// The group.
        group: Group,
        /// The tombstones, 64 at most.
        tombstones: Vec<(RegisterName, Record)>,
    },
    /// Which of the tombstones are all that the replica holds.
    ConfirmReply {
        /// The request it answers.
        request: RequestId,
        /// A bit for each, the least significant one for the first.
        held: u64,
    },
    /// Which number will your next operation on this group have? Serve no more those who have left.
    Mark {
        /// The number of the round.
        counter: Counter,
        /// The group.
        group: Group,
    },
    /// The number of the member's next operation. When its low-water mark has reached that, all that
    /// had begun before has ended.
    MarkReply {
        /// The request it answers.
        request: RequestId,
        /// The number.
        mark: Counter,
    },
    /// Which registers of the slot have you held a record of since you confirmed the tombstones whose
    /// tag was below their floor?
    Compare {
        /// The number of the round.
        counter: Counter,
        /// The group.
        group: Group,
        /// The low-water marks of all members, below which nothing is to be served any more.
        marks: Vec<(Incarnation, Counter)>,
    },
    /// The registers of which the replica held a record below the floor.
    CompareReply {
        /// The request it answers.
        request: RequestId,
        /// A digest of their names.
        digest: u128,
    },
    /// Drop the tombstones that you have confirmed in this round and that have not changed since.
    Forget {
        /// The number of the round.
        counter: Counter,
        /// The group.
        group: Group,
        /// Which of them: those that all replicas have confirmed.
        held: u64,
    },
}

impl Body {
    /// Which of a node's `lanes` lanes this is for: that of the register's slot, or, for a reply,
    /// the one that drew the request's number. `None` if there is no such lane; the message is
    /// then for nobody.
    pub fn lane(&self, lanes: usize) -> Option<usize> {
        let lane = match self {
            Body::Query { name, .. }
            | Body::Update { name, .. }
            | Body::Settled { name, .. }
            | Body::Prepare { name, .. }
            | Body::Accept { name, .. } => name.slot().lane(lanes),
            Body::Pull { group, .. }
            | Body::List { group, .. }
            | Body::Confirm { group, .. }
            | Body::Mark { group, .. }
            | Body::Compare { group, .. }
            | Body::Forget { group, .. } => group.lane(lanes),
            Body::Forward { operation, .. } => operation.name().slot().lane(lanes),
            Body::QueryReply { request, .. }
            | Body::UpdateReply { request, .. }
            | Body::StaleEpoch { request, .. }
            | Body::ConfigurationRequest { request }
            | Body::Entered { request }
            | Body::PrepareReply { request, .. }
            | Body::AcceptReply { request, .. }
            | Body::PullReply { request, .. }
            | Body::ListReply { request, .. }
            | Body::ConfirmReply { request, .. }
            | Body::MarkReply { request, .. }
            | Body::CompareReply { request, .. }
            | Body::ForwardReply { request, .. } => usize::from(request.counter.lane()),
            // Whichever lane hears of it, all of the node's lanes are told.
            Body::Configuration { .. } => 0,
        };
        (lane < lanes).then_some(lane)
    }

    /// Whether somebody waits for it. What nobody waits for rides on later traffic.
    pub fn is_urgent(&self) -> bool {
        !matches!(self, Body::Settled { .. })
    }
}

/// What a [`Body::Query`] asks to be answered with: only values travel that are needed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Want {
    /// The tag alone.
    Tag,
    /// The record, if its tag is greater than this one; else the tag.
    RecordAbove(Tag),
}

/// What a replica holds of a register.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Answer {
    /// A record with this tag.
    Tag {
        /// The tag.
        tag: Tag,
        /// Whether the replica knows it to be settled.
        settled: bool,
    },
    /// This record.
    Record(Record),
}

impl Answer {
    /// The tag of what the replica holds.
    pub fn tag(&self) -> Tag {
        match self {
            Answer::Tag { tag, .. } => *tag,
            Answer::Record(record) => record.tag,
        }
    }

    /// Whether the replica knows that tag to be settled.
    pub fn settled(&self) -> bool {
        match self {
            Answer::Tag { settled, .. } => *settled,
            Answer::Record(record) => record.settled,
        }
    }
}

/// What a replica says of the next record of a register, in the first round of whoever may make it.
///
/// It binds nobody who has begun to make one: an update is always taken.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Bounds {
    /// How long its value may be.
    pub room: Room,
    /// Its sequence number is to be this one or a greater one: where no record is held, there may
    /// have been tombstones of lesser ones.
    pub floor: u64,
    /// The sequence number of a step on top of nothing: above the tombstones that were dropped, and
    /// below whatever is, or may yet be, written there besides.
    pub base: u64,
}

impl Bounds {
    /// Anything goes.
    pub const NONE: Bounds = Bounds {
        room: Room::ANY,
        floor: 0,
        base: 0,
    };

    /// What keeps to both.
    pub(crate) fn and(self, other: Bounds) -> Bounds {
        Bounds {
            room: self.room.min(other.room),
            floor: self.floor.max(other.floor),
            base: self.base.max(other.base),
        }
    }
}

/// A replica's answer to a [`Body::Prepare`].
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Promise {
    /// The ballot is promised: no step under a lesser one will be accepted any more.
    Promised {
        /// The record that the replica holds.
        record: Record,
        /// The step that it accepted last, if it did.
        accepted: Option<Box<Accepted>>,
    },
    /// A greater ballot was promised before.
    Refused {
        /// That ballot.
        promised: Ballot,
    },
}

/// What a [`Body::Pull`] asks for. Only what is missing travels: digests are compared first, then
/// lists of tags, and then cells are asked for by name.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum PullAsk {
    /// What differs, slot by slot.
    Differences {
        /// What the asker holds: the digest of each slot of the group, in order.
        digests: Box<[u128; Group::SLOTS as usize]>,
        /// Where to go on: after this register, in the order of names. `None` at the beginning.
        after: Option<RegisterName>,
    },
    /// The cells of these registers, which are all of the group.
    Cells {
        /// Their names.
        names: Vec<RegisterName>,
    },
}

impl PullAsk {
    /// The most names that one request asks for.
    pub const NAMES_MAX: usize = 1024;
}

/// What a [`Body::PullReply`] brings.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct PullAnswer {
    /// Registers of the group, in order: those of slots whose digests differ; or those asked for.
    pub entries: Vec<PullEntry>,
    /// Whether more differs than fits; then, go on after the last entry.
    pub more: bool,
    /// The floor and the base of each slot of the group, in order; none if they are all zero.
    pub floors: Vec<(u64, u64)>,
}

/// One register in a [`PullAnswer`].
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum PullEntry {
    /// What is held of it, by its versions: the asker holds something of this slot, and may hold
    /// this.
    Listed {
        /// The register.
        name: RegisterName,
        /// The record's tag.
        tag: Tag,
        /// What was promised.
        promised: Ballot,
        /// What was accepted.
        accepted: Option<(Ballot, Tag)>,
    },
    /// All that is held of it.
    Whole {
        /// The register.
        name: RegisterName,
        /// What is held.
        cell: Cell,
    },
}

impl PullEntry {
    /// The register it is about.
    pub fn name(&self) -> &RegisterName {
        match self {
            PullEntry::Listed { name, .. } | PullEntry::Whole { name, .. } => name,
        }
    }
}
