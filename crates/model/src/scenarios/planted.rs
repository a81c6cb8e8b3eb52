//! Which scenario shows which planted fault.

use super::{change, change_decision};
use crate::scenario::{Request, Scenario, add, read, write};
use protocol::PlantedFault;

/// A fault that can be put back into the protocol, and where it is found.
#[derive(Clone, Copy, Debug)]
pub struct Planted {
    /// The fault.
    pub fault: PlantedFault,
    /// What it is called on the command line.
    pub name: &'static str,
    /// The scenario in which it is found.
    scenario: fn() -> Scenario,
}

impl Planted {
    /// The scenario in which it is found, with it.
    pub fn scenario(&self) -> Scenario {
        (self.scenario)().adjust(|it| it.planted = Some(self.fault))
    }
}

const fn planted(fault: PlantedFault, name: &'static str, scenario: fn() -> Scenario) -> Planted {
    Planted {
        fault,
        name,
        scenario,
    }
}

/// Every fault that can be planted.
pub const PLANTED: &[Planted] = &[
    planted(PlantedFault::TrustDetector, "trust-detector", crash),
    planted(PlantedFault::QuorumTooSmall, "quorum-too-small", plain),
    planted(PlantedFault::NoWriteBack, "no-write-back", plain),
    planted(
        PlantedFault::RecomputeAfterAccept,
        "recompute-after-accept",
        modify,
    ),
    planted(PlantedFault::MixEpochs, "mix-epochs", change::late_read),
    planted(
        PlantedFault::NewestEpochStamp,
        "newest-epoch-stamp",
        change::hand_over,
    ),
    planted(
        PlantedFault::CountOldMemberAsCopied,
        "count-old-member-as-copied",
        change::late_read,
    ),
    planted(
        PlantedFault::CopyFromAnyEpoch,
        "copy-from-any-epoch",
        change::hand_over,
    ),
    planted(
        PlantedFault::CopiedSurvivesAbort,
        "copied-survives-abort",
        change::hand_over,
    ),
    planted(
        PlantedFault::LatePullReply,
        "late-pull-reply",
        change::hand_over,
    ),
    planted(
        PlantedFault::SplitEpochCheck,
        "split-epoch-check",
        change::hand_over,
    ),
    planted(
        PlantedFault::GreatestBallotOfAll,
        "greatest-ballot-of-all",
        change_decision::superseded,
    ),
    planted(PlantedFault::ForgetEpoch, "forget-epoch", restart),
];

/// A write and two reads at the replicas.
fn plain() -> Scenario {
    Scenario::new("plain", "a write and two reads", 3)
        .with(Request::new(0, write("a")))
        .with(Request::new(1, read()))
        .with(Request::new(2, read()))
}

/// As [`plain`], with the crash of one node.
fn crash() -> Scenario {
    plain().adjust(|it| {
        it.name = "crash";
        it.crashes = 1;
    })
}

/// As [`plain`], with a node that comes back under its old name.
fn restart() -> Scenario {
    plain().adjust(|it| {
        it.name = "restart";
        it.forgetful_restarts = 1;
    })
}

/// Two read-modify-writes, of which one helps the other.
fn modify() -> Scenario {
    Scenario::new("modify", "two read-modify-writes", 3)
        .with(Request::new(0, add(1)))
        .with(Request::new(1, add(10)))
        .adjust(|it| it.resends = 2)
}
