//! Faults that are put back on purpose: [`Planted`].

use protocol::{Body, Configuration, Message, NodeId, PlantedFault};
use std::fmt;

/// A fault that is put back, to see it found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Planted {
    /// One that the protocol's code has, or that the shell around it has for it.
    Protocol(PlantedFault),
    /// When a majority was lost for good, the first of those that are left keeps to itself what it
    /// has, and so the others go on without that. It shows in runs with such a loss alone.
    SurvivorLeftOut,
    /// What is written to disk counts as durable at once. It shows in runs with disks alone.
    SyncLeftOut,
}

impl Planted {
    /// All of them.
    pub const ALL: [Planted; 22] = [
        Planted::Protocol(PlantedFault::TrustDetector),
        Planted::Protocol(PlantedFault::QuorumTooSmall),
        Planted::Protocol(PlantedFault::NoWriteBack),
        Planted::Protocol(PlantedFault::GreatestBallotOfAll),
        Planted::Protocol(PlantedFault::RecomputeAfterAccept),
        Planted::Protocol(PlantedFault::MixEpochs),
        Planted::Protocol(PlantedFault::NewestEpochStamp),
        Planted::Protocol(PlantedFault::CountOldMemberAsCopied),
        Planted::Protocol(PlantedFault::CopyFromAnyEpoch),
        Planted::Protocol(PlantedFault::CopiedSurvivesAbort),
        Planted::Protocol(PlantedFault::LatePullReply),
        Planted::Protocol(PlantedFault::ListUnsettled),
        Planted::Protocol(PlantedFault::DropWithoutFloor),
        Planted::Protocol(PlantedFault::DropWithoutMarks),
        Planted::Protocol(PlantedFault::DropByWhatIsLeft),
        Planted::Protocol(PlantedFault::StepOnFloor),
        Planted::Protocol(PlantedFault::ExpireByPlainWrite),
        Planted::Protocol(PlantedFault::ExpiredReadsAsNothing),
        Planted::Protocol(PlantedFault::ForgetEpoch),
        Planted::Protocol(PlantedFault::SplitEpochCheck),
        Planted::SurvivorLeftOut,
        Planted::SyncLeftOut,
    ];

    /// The fault of the protocol, if it is one.
    pub(crate) fn of_protocol(self) -> Option<PlantedFault> {
        match self {
            Planted::Protocol(fault) => Some(fault),
            Planted::SurvivorLeftOut | Planted::SyncLeftOut => None,
        }
    }

    /// Changes a message that this node is about to send, if the fault is of that kind.
    pub(crate) fn distort(
        self,
        message: &mut Message,
        own: NodeId,
        configuration: Option<&Configuration>,
    ) {
        if self == Planted::SurvivorLeftOut
            && let Body::PullReply { group, answer, .. } = &mut message.body
            && let Some(configuration) = configuration
            && configuration.forced().contains(*group)
            && configuration.members_after().first().map(|first| first.id) == Some(own)
        {
            answer.entries.clear();
            answer.more = false;
        }
    }
}

impl From<PlantedFault> for Planted {
    fn from(fault: PlantedFault) -> Self {
        Planted::Protocol(fault)
    }
}

/// Its name on the command line.
impl fmt::Display for Planted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Planted::SurvivorLeftOut => "survivor-left-out",
            Planted::SyncLeftOut => "sync-left-out",
            Planted::Protocol(fault) => match fault {
                PlantedFault::TrustDetector => "trust-detector",
                PlantedFault::QuorumTooSmall => "quorum-too-small",
                PlantedFault::NoWriteBack => "no-write-back",
                PlantedFault::GreatestBallotOfAll => "greatest-ballot-of-all",
                PlantedFault::RecomputeAfterAccept => "recompute-after-accept",
                PlantedFault::MixEpochs => "mix-epochs",
                PlantedFault::NewestEpochStamp => "newest-epoch-stamp",
                PlantedFault::CountOldMemberAsCopied => "count-old-member-as-copied",
                PlantedFault::CopyFromAnyEpoch => "copy-from-any-epoch",
                PlantedFault::CopiedSurvivesAbort => "copied-survives-abort",
                PlantedFault::LatePullReply => "late-pull-reply",
                PlantedFault::ListUnsettled => "list-unsettled",
                PlantedFault::DropWithoutFloor => "drop-without-floor",
                PlantedFault::DropWithoutMarks => "drop-without-marks",
                PlantedFault::DropByWhatIsLeft => "drop-by-what-is-left",
                PlantedFault::StepOnFloor => "step-on-floor",
                PlantedFault::ExpireByPlainWrite => "expire-by-plain-write",
                PlantedFault::ExpiredReadsAsNothing => "expired-reads-as-nothing",
                PlantedFault::ForgetEpoch => "forget-epoch",
                PlantedFault::SplitEpochCheck => "split-epoch-check",
            },
        })
    }
}
