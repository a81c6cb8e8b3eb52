//! What the lanes would do: decide configurations, tell of them, and copy.

use super::*;
use crate::configuration::Groups;
use crate::slot::Group;

/// The reserved register, as consensus would make it: what was proposed first on a configuration,
/// and reached a majority of the members that decide, follows on it. The proposer need not learn
/// of it.
#[derive(Default)]
pub(in super::super) struct Register {
    /// What was decided, the founding included.
    decided: BTreeMap<(ClusterId, Epoch), Arc<Configuration>>,
    /// What some accepted, though nobody knows: it may be finished by a later proposer.
    accepted: BTreeMap<(ClusterId, Epoch), Arc<Configuration>>,
    /// The greatest epoch that each process has entered, the dead ones included.
    entered: BTreeMap<NodeId, Epoch>,
    /// Which groups each process has copied in which epoch.
    copied: BTreeMap<(NodeId, Epoch), Groups>,
    /// Of a hundred proposals that are decided, so many proposers never learn that they were.
    pub(in super::super) silent: u64,
    /// The lanes of joiners copy nothing.
    pub(in super::super) stuck: bool,
    /// Lanes copy one group at a time, and are slow at it.
    pub(in super::super) slow: bool,
    /// Every proposal, by whom.
    pub(in super::super) proposals: Vec<(NodeId, Arc<Configuration>)>,
}

impl World {
    /// The newest configuration that anybody knows. A newer one may be decided; but if nobody is
    /// left that knows of it, nobody needs to.
    pub(in super::super) fn latest(&self) -> Option<&Arc<Configuration>> {
        let known = self.live().filter_map(|p| p.membership.configuration());
        known.max_by_key(|configuration| configuration.epoch())
    }

    /// This was decided, by nobody here.
    pub(in super::super) fn decree(&mut self, configuration: &Arc<Configuration>) {
        let key = (configuration.cluster(), configuration.epoch());
        let former = self.register.decided.insert(key, configuration.clone());
        assert_eq!(former, None);
    }

    fn decided(&self, cluster: ClusterId, epoch: Epoch) -> Option<&Arc<Configuration>> {
        self.register.decided.get(&(cluster, epoch))
    }

    /// A process enters a configuration: all that enter this epoch enter the same.
    pub(super) fn enter(&mut self, index: usize, configuration: &Arc<Configuration>) {
        let (cluster, epoch) = (configuration.cluster(), configuration.epoch());
        if epoch == Epoch::FIRST || configuration.is_recovery() {
            self.clusters.insert(cluster);
            let decided = &mut self.register.decided;
            decided
                .entry((cluster, epoch))
                .or_insert_with(|| configuration.clone());
        }
        assert_eq!(self.decided(cluster, epoch), Some(configuration));
        let process = self.at_mut(index);
        let id = process.id;
        process.lacking.enter(configuration, id);
        let is_whole = process.lacking.groups().is_empty();
        let former = self.register.entered.insert(id, epoch);
        assert!(former < Some(epoch), "epochs only rise");
        if !is_whole {
            self.schedule_copy(id, epoch);
        }
    }

    fn schedule_copy(&mut self, id: NodeId, epoch: Epoch) {
        let at = self.now + ms(5) + random_up_to(&mut self.random, ms(150));
        self.schedule(at, Event::Copy(id, epoch));
    }

    /// The lanes copy what can be copied now: from a majority of those that held it before, which
    /// have entered this very epoch.
    pub(super) fn copy(&mut self, index: usize, epoch: Epoch) {
        let now = self.now;
        let process = self.at(index);
        let Some(configuration) = process.membership.configuration().cloned() else {
            return;
        };
        if configuration.epoch() != epoch {
            return;
        }
        let id = process.id;
        let answers: BTreeSet<NodeId> = self.reachable(index, epoch).collect();
        let is_stuck = self.register.stuck && !configuration.contains_before(id);
        let is_copied = |group: &Group| {
            if configuration.forced().contains(*group) {
                let mut survivors = configuration.members_after().iter();
                return survivors.all(|member| answers.contains(&member.id));
            }
            let source = configuration.group_quorums(*group).before();
            !is_stuck && source.is_majority(|node| answers.contains(&node))
        };
        let lacking = process.lacking.groups();
        let most = if self.register.slow { 1 } else { usize::MAX };
        let copied: Groups = lacking.iter().filter(is_copied).take(most).collect();
        let known = self.register.copied.entry((id, epoch)).or_default();
        *known = known.union(copied);
        let volume = 10 * known.len() as u64;
        let process = self.at_mut(index);
        process.membership.note_copied(volume, volume * 100);
        for group in copied.iter() {
            process.lacking.copied(group);
            process.membership.handle_copied(now, epoch, group);
        }
        if !process.lacking.groups().is_empty() {
            self.schedule_copy(id, epoch);
        }
    }

    /// The processes that hear this address and are heard by it, and are in this epoch.
    fn reachable(&self, index: usize, epoch: Epoch) -> impl Iterator<Item = NodeId> {
        let processes = self.processes.iter().enumerate();
        processes.filter_map(move |(other, process)| {
            let process = process.as_ref()?;
            let is_cut = self.cut.contains(&(index, other)) || self.cut.contains(&(other, index));
            let known = self.register.entered.get(&process.id);
            (!is_cut && !process.frozen && known == Some(&epoch)).then_some(process.id)
        })
    }

    /// A proposal meets the others.
    pub(super) fn resolve(
        &mut self,
        index: usize,
        id: NodeId,
        base: Epoch,
        next: &Arc<Configuration>,
    ) {
        let cluster = next.cluster();
        let mut answers: BTreeSet<NodeId> = self.reachable(index, base).collect();
        answers.insert(id);
        let deciders = self.decided(cluster, base).expect("it is its base").clone();
        let members = deciders.members_before();
        let reached = members.iter().filter(|m| answers.contains(&m.id)).count();
        let key = (cluster, base.next());
        let is_late = self.random.chance(30);
        let decision = if let Some(decided) = self.register.decided.get(&key).cloned() {
            self.tell(id, &decided, 100);
            Decision::Refused
        } else if reached * 2 > members.len() {
            let accepted = self.register.accepted.remove(&key);
            let accepted = accepted.filter(|_| self.random.chance(50));
            let decided = accepted.unwrap_or_else(|| next.clone());
            self.register.decided.insert(key, decided.clone());
            // Any of those that took part may learn of it, and none need to.
            let tells = self.random.below(101);
            for node in answers {
                self.tell(node, &decided, if node == id { 0 } else { tells });
            }
            match decided == *next {
                true if self.random.chance(self.register.silent) => Decision::Unknown,
                true => Decision::Decided,
                false => Decision::Refused,
            }
        } else {
            if self.random.chance(30) {
                self.register.accepted.insert(key, next.clone());
            }
            [Decision::Refused, Decision::Unknown][usize::from(is_late)]
        };
        let delay = match decision {
            Decision::Unknown => ms(2_000),
            Decision::Decided | Decision::Refused => self.network.delay,
        };
        let at = self.now + random_up_to(&mut self.random, delay);
        self.schedule(at, Event::Decided { id, base, decision });
    }

    fn tell(&mut self, id: NodeId, configuration: &Arc<Configuration>, percent: u64) {
        if self.random.chance(percent) {
            self.schedule_soon(Event::Learn(id, configuration.clone()));
        }
    }

    /// A change follows on a configuration without one, and its end on a change; it is finished
    /// only when a majority of each group's new replicas has copied it.
    pub(super) fn assert_may_follow(&mut self, id: NodeId, base: Epoch, next: &Arc<Configuration>) {
        self.register.proposals.push((id, next.clone()));
        let base = self.decided(next.cluster(), base).expect("decided");
        if !base.is_joint() {
            assert!(next.is_joint() && next.members_before() == base.members());
        } else if **next == base.finished() {
            for group in base.changed_groups() {
                let has_copied = |node| {
                    let copied = self.register.copied.get(&(node, base.epoch()));
                    copied.is_some_and(|copied| copied.contains(group))
                };
                let replicas = base.group_quorums(group).after();
                assert!(replicas.is_majority(has_copied), "{id} finishes too soon");
            }
        } else {
            assert_eq!(**next, base.aborted());
        }
    }

    pub(super) fn assert_entered_by_majority(&self, id: NodeId, epoch: Epoch) {
        let process = self.live().find(|process| process.id == id);
        let cluster = process.and_then(Process::cluster).expect("it entered it");
        let configuration = self.decided(cluster, epoch).expect("decided");
        let has_entered = |node: NodeId| {
            let known = self.register.entered.get(&node);
            known.is_some_and(|&known| known >= epoch)
        };
        let members = configuration.members().iter();
        let entered = members.filter(|member| has_entered(member.id)).count();
        assert!(!configuration.is_joint() && entered * 2 > configuration.members().len());
    }

    /// A process is told to stop only if it was a member, and another one is now in its stead.
    pub(super) fn assert_is_replaced(&self, id: NodeId, by: NodeId) {
        let decided = self.register.decided.values();
        let seats: Vec<_> = decided.filter_map(|c| Some(c.member(id)?.seat)).collect();
        let latest = self.latest().expect("a cluster stands");
        assert!(!latest.contains_before(id), "{id} is a member");
        let mut decided = self.register.decided.values();
        assert!(decided.any(|c| c.member(by).is_some_and(|by| seats.contains(&by.seat))));
    }
}
