//! Faults of copying that tests put back.

use crate::configuration::{ClusterId, Epoch, Groups};
use crate::lane::{Lane, PlantedFault};
use crate::slot::Group;

impl Lane {
    fn is_planted(&self, fault: PlantedFault) -> bool {
        self.options.planted == Some(fault)
    }

    /// Whether a group that is to be copied counts as copied without that.
    pub(super) fn is_taken_for_copied(&self, group: Group) -> bool {
        let own = self.options.incarnation.node;
        let joint = self.configuration.as_ref().filter(|known| known.is_joint());
        let quorums = joint.map(|configuration| configuration.group_quorums(group));
        quorums.is_some_and(|quorums| {
            let was_copied = self.copying.copied_for_change.contains(group);
            (self.is_planted(PlantedFault::CountOldMemberAsCopied)
                && quorums.before().contains(own))
                || (self.is_planted(PlantedFault::CopiedSurvivesAbort) && was_copied)
        })
    }

    /// What was copied for a change is forgotten when that is done; not, as it should be, when it
    /// is given up.
    pub(super) fn forget_copied_for_change(&mut self) {
        let known = self.configuration.as_ref();
        if known.is_some_and(|known| !known.is_joint() && !known.is_aborted()) {
            self.copying.copied_for_change = Groups::NONE;
        }
    }

    pub(super) fn note_copied_for_change(&mut self, group: Group) {
        let known = self.configuration.as_ref();
        if known.is_some_and(|known| known.is_joint()) {
            self.copying.copied_for_change.insert(group);
        }
    }

    /// Whether a pull is answered although the asker is in another epoch.
    pub(crate) fn answers_any_pull(&self) -> bool {
        self.is_planted(PlantedFault::CopyFromAnyEpoch)
    }

    /// Whether a reply to a pull counts although it was given in an older epoch, to another
    /// request.
    pub(crate) fn takes_late_pull_reply(&self, (cluster, epoch): (ClusterId, Epoch)) -> bool {
        self.is_planted(PlantedFault::LatePullReply)
            && cluster == self.cluster()
            && epoch <= self.epoch()
    }
}
