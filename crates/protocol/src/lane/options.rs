//! What a lane is told once, and why it wants to be called: [`LaneOptions`] and [`LaneTimer`].

#[cfg(doc)]
use crate::Output;
use crate::node::Incarnation;
use core::time::Duration;

/// What a lane is told once, when it is made.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct LaneOptions {
    /// The node it is a lane of.
    pub incarnation: Incarnation,
    /// Its number among the node's lanes.
    pub lane: u16,
    /// How many lanes the node has. It says which groups are this one's to copy.
    pub lanes: u16,
    /// The most operations that may run at once; one more is refused.
    pub operations_max: usize,
    /// The most listings that may run at once; one more is refused.
    pub listings_max: usize,
    /// How long a coordinator waits before it first sends a message again; more than nothing.
    /// Each further wait is twice as long as the one before.
    pub resend_first: Duration,
    /// The longest it waits before it sends a message again.
    pub resend_max: Duration,
    /// How long a first round that asks no more than a quorum waits before it asks the other
    /// replicas too; `None` to ask all of them at once. It saves half of a read's messages where
    /// there are three replicas. Who is not believed alive is not asked for a quorum.
    pub hedge: Option<Duration>,
    /// The most bytes of names and values that it copies in a second; `None` for as many as come.
    pub copy_bytes_per_second_max: Option<u64>,
    /// Whether there is a disk on which what is kept is made durable. Without one there is nothing
    /// to wait for, and no [`Output::Persist`] and [`Output::Drop`] are put out.
    pub has_disk: bool,
    /// The memory that its registers may take; `None` for as much as they need. Beyond it nothing
    /// is refused that was begun, but coordinators are told to begin nothing that adds to it.
    pub memory_bytes_max: Option<u64>,
    /// The longest value that a read-modify-write may make, in bytes. That of the configuration
    /// has bounds of its own.
    pub content_bytes_max: usize,
    /// Whether read-modify-writes are given to the register's first alive replica, so that they do
    /// not fight each other. Tests leave it out to have them fight.
    pub routes_changes: bool,
    /// How often it looks for registers that have expired, to delete them unasked.
    pub sweep_interval: Duration,
    /// How often it looks for tombstones that can be dropped; `None` if it has no part in that, and
    /// no other replica of its slots drops any.
    pub collect_interval: Option<Duration>,
    /// How long after a change of members it begins to: those who left are not served from then on.
    pub collect_after_change: Duration,
    /// How long it waits before it compares another group with what another replica holds of it;
    /// `None` if it does not.
    pub repair_interval: Option<Duration>,
    /// A fault put back on purpose.
    #[cfg(feature = "planted-faults")]
    pub planted: Option<PlantedFault>,
}

impl LaneOptions {
    /// The defaults, for a lane of this node.
    pub fn new(incarnation: Incarnation, lane: u16) -> Self {
        Self {
            incarnation,
            lane,
            lanes: 1,
            operations_max: 4096,
            listings_max: 64,
            resend_first: Duration::from_millis(50),
            resend_max: Duration::from_secs(1),
            hedge: None,
            copy_bytes_per_second_max: None,
            has_disk: true,
            memory_bytes_max: None,
            content_bytes_max: 1 << 20,
            routes_changes: true,
            sweep_interval: Duration::from_secs(1),
            collect_interval: None,
            collect_after_change: Duration::from_secs(60),
            repair_interval: None,
            #[cfg(feature = "planted-faults")]
            planted: None,
        }
    }
}

/// A fault that a test puts back, to show that it would be found.
#[cfg(feature = "planted-faults")]
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum PlantedFault {
    /// The original's rule: a read returns the greatest tag among the peers believed alive, at
    /// once; a write is done when those believed alive have it.
    TrustDetector,
    /// Every quorum is one node too small.
    QuorumTooSmall,
    /// A read returns the greatest tag it saw without making sure that a quorum holds it.
    NoWriteBack,
    /// A read-modify-write looks at the step of the greatest ballot among all that were accepted,
    /// and, if a newer record has superseded that one, at none under a lesser ballot.
    GreatestBallotOfAll,
    /// A read-modify-write that sent an `Accept` computes its value anew, on top of whatever is
    /// there now.
    RecomputeAfterAccept,
    /// Replies of an older epoch go on counting after a newer one was entered.
    MixEpochs,
    /// Messages name the newest epoch that the node has entered, while the phase they belong to
    /// goes on with the replies of an older one: entering a configuration starts no phase over.
    NewestEpochStamp,
    /// A replica that was in the replica set before the change too counts as having copied without
    /// copying.
    CountOldMemberAsCopied,
    /// A replica copies from others in whatever epoch they are.
    CopyFromAnyEpoch,
    /// What was copied in a joint epoch that was given up counts in the next one.
    CopiedSurvivesAbort,
    /// A reply to a pull of an earlier epoch is counted.
    LatePullReply,
    /// A listing believes the greatest record that a quorum showed of a register, whether or not a
    /// later read could return another.
    ListUnsettled,
    /// Tombstones are dropped when all replicas hold them, and new sequence numbers begin anew.
    DropWithoutFloor,
    /// Tombstones are dropped when all replicas hold them, whatever is still under way.
    DropWithoutMarks,
    /// Tombstones are dropped when all replicas have records of the same registers below the floor,
    /// whatever was there before.
    DropByWhatIsLeft,
    /// A step on top of nothing takes the least sequence number that a plain write may have.
    StepOnFloor,
    /// Registers that have expired, and that nobody asks for, are deleted by a plain write.
    ExpireByPlainWrite,
    /// A read that finds a record that has expired answers that there is nothing, and leaves it.
    ExpiredReadsAsNothing,
    /// A node forgets the epoch that it has entered when it restarts. The shell plants it.
    ForgetEpoch,
    /// The epoch of a request is checked when it arrives, and it is applied some time later,
    /// whatever was entered in the meantime. The shell plants it.
    SplitEpochCheck,
}

/// Why a lane wants to be called at a certain time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum LaneTimer {
    /// An operation reaches its deadline.
    Deadline,
    /// Replies are late, and their requests are sent again.
    Resend,
    /// Copying goes on.
    Copy,
    /// Registers may have expired.
    Sweep,
    /// Tombstones may be dropped, or dropping them goes on.
    Collect,
    /// What is held is to be compared with what another replica holds.
    Repair,
}
