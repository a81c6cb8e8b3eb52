//! What a story's operators do.

use super::{AskedChange, Story, site};
use protocol::{ChangeRefusal, ChangeRequest, ClusterId, Member, NodeId};
use std::collections::BTreeSet;
use std::time::Duration;

/// A change of members that an operator asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Change {
    /// Let the process at this node in.
    Add(usize),
    /// Let the member go that is at this node.
    Remove(usize),
    /// Let the process at one node come in the place of the member at another.
    Replace {
        /// Where the member is.
        member: usize,
        /// Where the other one is.
        by: usize,
    },
    /// Give up the change under way.
    Abort,
}

impl Story {
    /// An operator asks a node for a change, and waits for the answer: the epoch of the change, or
    /// why there is none.
    #[track_caller]
    pub fn change(&mut self, node: usize, change: Change) -> Result<u64, ChangeRefusal> {
        let asked = self.begin_change(node, change);
        self.end_change(asked)
    }

    /// An operator asks a node for a change.
    #[track_caller]
    pub fn begin_change(&mut self, node: usize, change: Change) -> AskedChange {
        let address = |node: usize| self.cluster.address(site(node)).clone();
        let request = match change {
            Change::Add(node) => ChangeRequest::Add {
                address: address(node),
                weight: Member::WEIGHT_DEFAULT,
            },
            Change::Remove(node) => ChangeRequest::Remove {
                member: self.member_at(node),
            },
            Change::Replace { member, by } => ChangeRequest::Replace {
                member: self.member_at(member),
                address: address(by),
            },
            Change::Abort => ChangeRequest::Abort,
        };
        AskedChange(self.cluster.ask_for_change(site(node), request))
    }

    /// Waits until an operator is told what became of a change.
    #[track_caller]
    pub fn end_change(&mut self, asked: AskedChange) -> Result<u64, ChangeRefusal> {
        self.wait_until("the operator is answered", |story| {
            story.cluster.change_answer(asked.0).is_some()
        });
        let answer = self.cluster.change_answer(asked.0).expect("it is there");
        answer.clone().map(|epoch| epoch.0)
    }

    /// Waits until changes have ended, every node that is to be a member is one, and every member
    /// has copied all that it holds.
    #[track_caller]
    pub fn come_to_rest(&mut self) {
        let (patience, limit) = (self.patience, self.cluster.now() + self.patience);
        while let Some(unrest) = self.cluster.unrest() {
            // Looking is dearer than stepping.
            let next = self.cluster.now() + Duration::from_millis(1);
            while self.step(next) {}
            assert!(next < limit, "within {patience:?}: {unrest}");
        }
    }

    /// An operator takes the members at these nodes for lost for good, and has the others go on;
    /// as the cluster of this number, if they are no majority. Waits for the answer: the epoch in
    /// which they do, or why they do not.
    ///
    /// # Panics
    /// If no member's place is at one of the nodes.
    #[track_caller]
    pub fn recover(
        &mut self,
        node: usize,
        lost: &[usize],
        cluster: u64,
    ) -> Result<u64, ChangeRefusal> {
        let lost: BTreeSet<NodeId> = lost.iter().map(|node| self.member_at(*node)).collect();
        let request = ChangeRequest::Recover {
            lost,
            groups: None,
            cluster: ClusterId(cluster),
        };
        let asked = AskedChange(self.cluster.ask_for_change(site(node), request));
        self.end_change(asked)
    }
}
