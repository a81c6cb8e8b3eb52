//! What was completed, and in which epoch: [`Completed`].
//!
//! A tag is completed when a coordinator has counted a quorum that holds it, and a step of a
//! read-modify-write is chosen when a quorum has accepted it. Either is counted in one epoch, and
//! whoever copies for a later one must have it.

use super::epochs::Epochs;
use crate::network::ProcessNumber;
use protocol::{Ballot, ClusterId, Epoch, Group, NodeId, RegisterName, Tag};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// What was completed of all registers of all clusters.
#[derive(Debug, Default)]
pub(super) struct Completed {
    /// The tags of which it is known.
    settled: HashSet<(ClusterId, RegisterName, Tag)>,
    /// The greatest of them that was counted in each epoch.
    tags: HashMap<(ClusterId, RegisterName), BTreeMap<Epoch, Tag>>,
    /// Who has accepted which step, and in which epoch that was said.
    accepted: HashMap<(ClusterId, RegisterName, Tag), BTreeMap<Ballot, Acceptors>>,
    /// The greatest step of each epoch that was chosen.
    chosen: HashMap<(ClusterId, RegisterName), BTreeMap<Epoch, (Ballot, Tag)>>,
    /// The registers of each group that anything was completed of.
    names: BTreeMap<(ClusterId, Group), BTreeSet<RegisterName>>,
    /// The groups that a process has copied, and in which epochs.
    copied: BTreeMap<(ClusterId, Group), BTreeSet<(ProcessNumber, Epoch)>>,
}

type Acceptors = BTreeSet<(NodeId, Epoch)>;

/// What was completed of a register before an epoch.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Before {
    pub(super) name: RegisterName,
    pub(super) tag: Tag,
    pub(super) chosen: Option<(Ballot, Tag)>,
}

impl Completed {
    /// Somebody calls a tag settled. Says whether that is news.
    pub(super) fn is_news(&mut self, cluster: ClusterId, name: &RegisterName, tag: Tag) -> bool {
        // The reserved register's records are settled where they are decided.
        let is_first = !tag.is_zero() && !name.is_reserved();
        is_first && self.settled.insert((cluster, name.clone(), tag))
    }

    /// A tag was counted in this epoch. Names the processes that copied the group for a later one,
    /// and so must hold it.
    pub(super) fn counted(
        &mut self,
        cluster: ClusterId,
        epoch: Epoch,
        name: &RegisterName,
        tag: Tag,
    ) -> Vec<ProcessNumber> {
        let tags = self.tags.entry((cluster, name.clone())).or_default();
        let greatest = tags.entry(epoch).or_insert(tag);
        *greatest = tag.max(*greatest);
        let Some(group) = name.slot().group() else {
            return Vec::new();
        };
        self.names
            .entry((cluster, group))
            .or_default()
            .insert(name.clone());
        let copied = self.copied.get(&(cluster, group)).into_iter().flatten();
        let later = copied.filter(|(_, copied_in)| *copied_in > epoch);
        later.map(|(process, _)| *process).collect()
    }

    /// A node has accepted a step, and said so in this epoch.
    pub(super) fn accepted(
        &mut self,
        (cluster, epoch): (ClusterId, Epoch),
        name: &RegisterName,
        (ballot, tag): (Ballot, Tag),
        node: NodeId,
        epochs: &Epochs,
    ) {
        let key = (cluster, name.clone(), tag);
        let acceptors = self.accepted.entry(key).or_default();
        let acceptors = acceptors.entry(ballot).or_default();
        acceptors.insert((node, epoch));
        let Some(configuration) = epochs.get(cluster, epoch) else {
            return;
        };
        // What its proposer has accepted it need not say again, to itself.
        let own = ballot.proposer.node;
        let own_accepted = acceptors.iter().any(|(node, _)| *node == own);
        let has = |node| acceptors.contains(&(node, epoch)) || (node == own && own_accepted);
        if configuration.quorums(name.slot()).is_quorum(has) {
            let chosen = self.chosen.entry((cluster, name.clone())).or_default();
            let greatest = chosen.entry(epoch).or_insert((ballot, tag));
            *greatest = (ballot, tag).max(*greatest);
            if let Some(group) = name.slot().group() {
                let names = self.names.entry((cluster, group)).or_default();
                names.insert(name.clone());
            }
        }
    }

    /// Whether the step that has this tag was chosen, in any epoch.
    pub(super) fn is_chosen(
        &self,
        cluster: ClusterId,
        name: &RegisterName,
        tag: Tag,
        epochs: &Epochs,
    ) -> bool {
        let key = (cluster, name.clone(), tag);
        let ballots = self.accepted.get(&key).into_iter().flatten();
        ballots.into_iter().any(|(ballot, acceptors)| {
            let own = ballot.proposer.node;
            let own_accepted = acceptors.iter().any(|(node, _)| *node == own);
            let mut said_in = acceptors.iter().map(|(_, epoch)| *epoch);
            said_in.any(|epoch| {
                let has =
                    |node| acceptors.contains(&(node, epoch)) || (node == own && own_accepted);
                let configuration = epochs.get(cluster, epoch);
                configuration.is_some_and(|known| known.quorums(name.slot()).is_quorum(has))
            })
        })
    }

    /// A process has copied a group in this epoch: what it must hold of it.
    pub(super) fn copied(
        &mut self,
        process: ProcessNumber,
        (cluster, epoch): (ClusterId, Epoch),
        group: Group,
    ) -> Vec<Before> {
        let copied = self.copied.entry((cluster, group)).or_default();
        copied.insert((process, epoch));
        let names = self.names.get(&(cluster, group)).into_iter().flatten();
        let before = |name: &RegisterName| {
            let key = (cluster, name.clone());
            let tags = self.tags.get(&key).into_iter();
            let tags = tags.flat_map(|tags| tags.range(..epoch).map(|(_, tag)| *tag));
            let chosen = self.chosen.get(&key).into_iter();
            let chosen = chosen.flat_map(|chosen| chosen.range(..epoch).map(|(_, step)| *step));
            Before {
                name: name.clone(),
                tag: tags.max().unwrap_or(Tag::ZERO),
                chosen: chosen.max(),
            }
        };
        names.map(before).collect()
    }

    /// A process keeps nothing of a group any more, or is dead.
    pub(super) fn forget_copied(&mut self, process: ProcessNumber, group: Option<Group>) {
        for ((_, of), copied) in &mut self.copied {
            if group.is_none_or(|group| group == *of) {
                copied.retain(|(holder, _)| *holder != process);
            }
        }
    }
}
