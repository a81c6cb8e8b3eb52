//! Which configurations follow on which: what a node's membership decides in a running node.

use super::cluster::{LANES, node};
use super::schedule::NODES;
use protocol::*;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

/// How many epochs there may be: four changes of members.
const EPOCHS_MAX: u64 = 9;

/// Every member holds everything: to place slots takes longer than a short schedule.
const REPLICATION: u8 = 5;

/// The configurations that were decided, and what was copied in them.
#[derive(Clone)]
pub(crate) struct Changes {
    /// At least the first one.
    decided: BTreeMap<Epoch, Arc<Configuration>>,
    copied: BTreeMap<(Epoch, Group), BTreeSet<NodeId>>,
}

impl Default for Changes {
    fn default() -> Self {
        static FOUNDED: LazyLock<Arc<Configuration>> = LazyLock::new(|| {
            let members = (1..=3).map(member).collect();
            let founded = Configuration::new(ClusterId(1), Epoch::FIRST, members, REPLICATION);
            Arc::new(founded.expect("the ids and addresses differ"))
        });
        Self {
            decided: [(Epoch::FIRST, FOUNDED.clone())].into(),
            copied: BTreeMap::new(),
        }
    }
}

fn member(number: u64) -> Member {
    let address = format!("127.0.0.1:{}", 3029 + number);
    Member::new(node(number), address.parse().expect("an address"))
}

impl Changes {
    /// The newest configuration that was decided.
    pub(crate) fn newest(&self) -> Arc<Configuration> {
        let newest = self.decided.last_key_value();
        newest.expect("the first one was decided").1.clone()
    }

    /// A lane says that this one was decided.
    pub(crate) fn note_decided(&mut self, configuration: &Arc<Configuration>) {
        let of_epoch = self.decided.entry(configuration.epoch());
        let decided = of_epoch.or_insert_with(|| configuration.clone());
        assert_eq!(
            decided, configuration,
            "two configurations were decided for one epoch"
        );
    }

    pub(crate) fn note_copied(&mut self, at: u64, epoch: Epoch, group: Group) {
        let copied = self.copied.entry((epoch, group)).or_default();
        copied.insert(node(at));
    }

    /// What may follow on this configuration, if anything may.
    pub(crate) fn following(
        &self,
        standing: &Configuration,
        choice: u8,
    ) -> Option<Arc<Configuration>> {
        if standing.is_joint() {
            return Some(Arc::new(match choice % 4 {
                0..3 if self.may_finish(standing) => standing.finished(),
                _ => standing.aborted(),
            }));
        }
        // A change that began must be able to end.
        if standing.epoch().0 + 1 >= EPOCHS_MAX {
            return None;
        }
        let nodes = 1..=NODES;
        let others = |left_out: &[u64]| -> Vec<Member> {
            let stay = nodes.clone().filter(|number| !left_out.contains(number));
            stay.map(member).collect()
        };
        let choice = u64::from(choice);
        let (one, other) = (choice % NODES + 1, choice / NODES % NODES + 1);
        let joint = match choice % 32 {
            0..4 => standing.joint(standing.members().to_vec(), REPLICATION),
            4 | 5 => return Some(placed(standing, others(&[one]))),
            6..12 => standing.joint(others(&[one]), REPLICATION),
            _ => standing.joint(others(&[one, other]), REPLICATION),
        };
        Some(Arc::new(
            joint.expect("the ids, addresses and seats differ"),
        ))
    }

    /// Whether of each group that changes hands a majority of its new replicas has copied it: each
    /// of those of the lanes that are here.
    fn may_finish(&self, standing: &Configuration) -> bool {
        let epoch = standing.epoch();
        let changed = standing.changed_groups();
        let mut changed = changed.filter(|group| group.lane(LANES.into()) == 0);
        changed.all(|group| {
            let copied = self.copied.get(&(epoch, group));
            let has_copied = |id| copied.is_some_and(|copied| copied.contains(&id));
            let after = standing.group_quorums(group).after();
            after.is_majority(has_copied)
        })
    }
}

/// The joint configuration to these members, of whom not all hold everything. It is made once: see
/// [`REPLICATION`].
fn placed(standing: &Configuration, members: Vec<Member>) -> Arc<Configuration> {
    type Made = BTreeMap<(Vec<u8>, Vec<NodeId>), Arc<Configuration>>;
    static MADE: Mutex<Made> = Mutex::new(BTreeMap::new());
    /// Some tens of megabytes.
    const MADE_MAX: usize = 512;
    let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
    if made.len() == MADE_MAX {
        made.clear();
    }
    let ids = members.iter().map(|member| member.id).collect();
    let key = (standing.encode().to_vec(), ids);
    let joint = made.entry(key).or_insert_with(|| {
        let joint = standing.joint(members, 3);
        Arc::new(joint.expect("the ids, addresses and seats differ"))
    });
    joint.clone()
}
