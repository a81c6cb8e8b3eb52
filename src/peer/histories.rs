//! What other nodes had when they were last met: [`Histories`].

use super::wire::{Greeting, Refusal};
use parking_lot::Mutex;
use protocol::{Boot, NodeId};
use std::collections::BTreeMap;

/// How far nodes with a disk had come when this process met them last. One that comes back with
/// less, as from a copy of its disk, has forgotten promises; so it is not talked to.
///
/// It is the second net below each node's own mark, and holds for as long as this process lives.
#[derive(Debug, Default)]
pub(super) struct Histories(Mutex<BTreeMap<NodeId, History>>);

#[derive(Clone, Copy, Debug)]
struct History {
    boot: Boot,
    process: u64,
    /// The greatest batch that it said was synced.
    synced: u64,
}

impl Histories {
    /// Whether a node comes with no less than it had.
    ///
    /// # Errors
    /// [`Refusal::FormerState`], if it comes with less.
    pub(super) fn check(&self, other: &Greeting) -> Result<(), Refusal> {
        let Some(recovered) = other.recovered else {
            return Ok(());
        };
        let histories = self.0.lock();
        let Some(known) = histories.get(&other.incarnation.node) else {
            return Ok(());
        };
        let boot = other.incarnation.boot;
        let goes_on = boot == known.boot && other.process == known.process;
        let is_later = boot > known.boot && recovered >= known.synced;
        match goes_on || is_later {
            true => Ok(()),
            false => Err(Refusal::FormerState),
        }
    }

    /// A node was met, and is who it says it is.
    pub(super) fn met(&self, other: &Greeting) {
        let Some(recovered) = other.recovered else {
            return;
        };
        let mut histories = self.0.lock();
        let node = other.incarnation.node;
        if histories.len() >= NODES_MAX && !histories.contains_key(&node) {
            return;
        }
        let known = histories.entry(node).or_insert(History {
            boot: other.incarnation.boot,
            process: other.process,
            synced: recovered,
        });
        known.boot = other.incarnation.boot;
        known.process = other.process;
        known.synced = known.synced.max(recovered);
    }

    /// It says that everything is synced up to this batch.
    pub(super) fn synced(&self, node: NodeId, batch: u64) {
        if let Some(known) = self.0.lock().get_mut(&node) {
            known.synced = known.synced.max(batch);
        }
    }
}

/// Far more nodes with a disk than a cluster has members, or had.
const NODES_MAX: usize = 4096;

#[cfg(test)]
mod tests {
    use super::super::tests::harness::greeting;
    use super::*;
    use protocol::Incarnation;

    fn of(boot: u32, process: u64, recovered: u64) -> Greeting {
        let own = greeting(7);
        Greeting {
            incarnation: Incarnation {
                boot: Boot::new(boot),
                ..own.incarnation
            },
            process,
            recovered: Some(recovered),
            ..own
        }
    }

    #[test]
    fn a_node_that_comes_with_less_than_it_had_is_refused() {
        let histories = Histories::default();
        let first = of(3, 1, 100);
        assert_eq!(histories.check(&first), Ok(()));
        histories.met(&first);
        // Its connection broke, and it dials again.
        assert_eq!(histories.check(&first), Ok(()));
        histories.synced(first.incarnation.node, 150);
        // The same, and it has started again.
        assert_eq!(histories.check(&of(4, 2, 150)), Ok(()));
        // A disk that lacks a batch, one of before its last start, and one that two processes have.
        for former in [of(4, 2, 149), of(2, 2, 150), of(3, 2, 150)] {
            assert_eq!(histories.check(&former), Err(Refusal::FormerState));
        }
        histories.met(&of(4, 2, 160));
        assert_eq!(histories.check(&first), Err(Refusal::FormerState));
    }

    #[test]
    fn of_nodes_without_a_disk_nothing_is_kept() {
        let histories = Histories::default();
        histories.met(&greeting(7));
        histories.synced(greeting(7).incarnation.node, 9);
        assert_eq!(histories.check(&of(1, 1, 0)), Ok(()));
    }
}
