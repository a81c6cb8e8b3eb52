//! What goes wrong and when, drawn from a seed: [`Plan`].

use super::fault::{Alteration, Fault, FaultGroup, FaultKind, Partition};
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use std::ops::RangeInclusive;
use std::time::Duration;

/// Phases without end, each of some faults that overlap, with calm between them.
///
/// The same seed, nodes and groups give the same phases. When they come, and which members a change
/// finds, depends on the cluster.
///
/// # What may overlap
///
/// Nodes keep registers in memory, so a node that is killed or stopped forgets them. What is
/// promised is that nothing is lost while a majority of each register's replicas remembers: so in
/// one phase no more nodes forget than may be missing of a register's replicas, and the next phase
/// begins only when all are whole again. A phase has at most one change of members, since a cluster
/// makes one at a time. Nothing that befalls processes befalls one node twice in a phase.
///
/// Freezes and cuts overlap with all of that and with each other, whatever majority they take
/// away: nobody forgets by them. While they last operations may be refused, or end as unknown;
/// they must never be wrong.
pub(crate) struct Plan {
    chance: Pcg64Mcg,
    nodes: usize,
    /// How many nodes may forget in one phase.
    forgetful_max: usize,
    kinds: Vec<FaultKind>,
    /// What comes next. Each kind comes once before any comes again.
    bag: Vec<FaultKind>,
}

/// Faults that overlap.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Phase {
    /// How long nothing goes wrong before it.
    pub(crate) calm: Duration,
    /// The faults, in the order of their beginning.
    pub(crate) faults: Vec<Planned>,
}

/// A fault, and when.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Planned {
    /// When it begins, after the beginning of the phase.
    pub(crate) after: Duration,
    /// How long it lasts. Changes of members last as long as they take.
    pub(crate) lasting: Duration,
    /// What it is.
    pub(crate) fault: Fault,
}

/// How many faults a phase has at most.
const FAULTS_PER_PHASE_MAX: usize = 3;

/// The time between phases.
const CALM_MS: RangeInclusive<u64> = 700..=1500;

/// How much later than the phase its second and third fault begin.
const LATER_MS: RangeInclusive<u64> = 0..=1500;

impl Plan {
    /// What this seed makes of a cluster of so many nodes, those that are to come included.
    pub(crate) fn new(
        seed: u64,
        nodes: usize,
        forgetful_max: usize,
        groups: &[FaultGroup],
    ) -> Self {
        let kinds = FaultKind::ALL.into_iter().filter(|kind| {
            let is_asked_for = groups.contains(&kind.group());
            let can_be = match kind {
                FaultKind::Kill | FaultKind::Restart => forgetful_max > 0,
                FaultKind::Bridge => nodes >= 3,
                _ => nodes >= 2,
            };
            is_asked_for && can_be
        });
        Self {
            chance: Pcg64Mcg::seed_from_u64(seed),
            nodes,
            forgetful_max,
            kinds: kinds.collect(),
            bag: Vec::new(),
        }
    }

    /// Whether there is anything that may go wrong.
    pub(crate) fn is_empty(&self) -> bool {
        self.kinds.is_empty()
    }

    /// The next phase.
    ///
    /// # Panics
    /// If the plan is empty.
    pub(crate) fn next_phase(&mut self) -> Phase {
        let calm = self.millis(CALM_MS);
        let wanted = self.chance.random_range(1..=FAULTS_PER_PHASE_MAX);
        let mut faults: Vec<Planned> = Vec::new();
        let mut put_off = Vec::new();
        let mut spared: Vec<usize> = (0..self.nodes).collect();
        spared.shuffle(&mut self.chance);
        while faults.len() < wanted {
            let Some(kind) = self.draw(faults.is_empty()) else {
                break;
            };
            let fits = fits(kind, &faults, &spared, self.forgetful_max);
            // What is drawn first always fits.
            if !fits {
                put_off.push(kind);
                continue;
            }
            let after = match faults.is_empty() {
                true => Duration::ZERO,
                false => self.millis(LATER_MS),
            };
            let planned = Planned {
                after,
                lasting: self.lasting(kind),
                fault: self.fault(kind, &mut spared),
            };
            faults.push(planned);
        }
        self.bag.extend(put_off.into_iter().rev());
        faults.sort_by_key(|planned| planned.after);
        Phase { calm, faults }
    }

    /// The next kind; nothing, unless one is needed, if each has come since the bag was filled.
    fn draw(&mut self, is_needed: bool) -> Option<FaultKind> {
        if self.bag.is_empty() && is_needed {
            self.bag = self.kinds.clone();
            self.bag.shuffle(&mut self.chance);
        }
        self.bag.pop()
    }

    fn fault(&mut self, kind: FaultKind, spared: &mut Vec<usize>) -> Fault {
        let mut strike = || spared.pop().expect("it was seen that one is left");
        match kind {
            FaultKind::Kill => Fault::Kill(strike()),
            FaultKind::Restart => Fault::Restart(strike()),
            FaultKind::Freeze => Fault::Freeze(strike()),
            FaultKind::FreezeAll => {
                spared.clear();
                Fault::FreezeAll
            }
            FaultKind::Add => Fault::Members(Alteration::Add(self.number())),
            FaultKind::Remove => Fault::Members(Alteration::Remove(self.number())),
            FaultKind::Replace => Fault::Members(Alteration::Replace(self.number())),
            FaultKind::GiveUp => Fault::Members(Alteration::GiveUp(self.number())),
            FaultKind::Isolate
            | FaultKind::Split
            | FaultKind::Bridge
            | FaultKind::OneWay
            | FaultKind::Mute
            | FaultKind::Deaf
            | FaultKind::Flapping => Fault::Partition(self.partition(kind)),
        }
    }

    fn partition(&mut self, kind: FaultKind) -> Partition {
        let mut nodes: Vec<usize> = (0..self.nodes).collect();
        nodes.shuffle(&mut self.chance);
        let (one, other) = (nodes[0], nodes[1]);
        let side = |mut side: Vec<usize>| {
            side.sort_unstable();
            side
        };
        match kind {
            FaultKind::Split => Partition::Split(side(nodes[..self.nodes / 2].to_vec())),
            FaultKind::Bridge => Partition::Bridge {
                bridge: one,
                side: side(nodes[1..=(self.nodes - 1) / 2].to_vec()),
            },
            FaultKind::OneWay => Partition::OneWay {
                from: one,
                to: other,
            },
            FaultKind::Mute => Partition::Mute(one),
            FaultKind::Deaf => Partition::Deaf(one),
            FaultKind::Flapping => Partition::Flapping(one.min(other), one.max(other)),
            _ => Partition::Isolate(one),
        }
    }

    /// From moments to longer than it takes a node to be called down, which is two seconds.
    fn lasting(&mut self, kind: FaultKind) -> Duration {
        match kind {
            FaultKind::Kill | FaultKind::Restart => {
                self.one_of(&[50..=300, 300..=1500, 2200..=3500])
            }
            FaultKind::Freeze => self.one_of(&[100..=400, 400..=1500, 2200..=4500]),
            FaultKind::FreezeAll => self.one_of(&[100..=400, 400..=1500, 2200..=3000]),
            FaultKind::Flapping => self.one_of(&[1500..=4000]),
            FaultKind::Add | FaultKind::Remove | FaultKind::Replace | FaultKind::GiveUp => {
                Duration::ZERO
            }
            _ => self.one_of(&[300..=1500, 2200..=5000]),
        }
    }

    fn one_of(&mut self, ranges: &[RangeInclusive<u64>]) -> Duration {
        let range = ranges.choose(&mut self.chance).expect("there are some");
        self.millis(range.clone())
    }

    fn millis(&mut self, range: RangeInclusive<u64>) -> Duration {
        Duration::from_millis(self.chance.random_range(range))
    }

    fn number(&mut self) -> usize {
        self.chance.random_range(0..1 << 20)
    }
}

/// Whether a fault of this kind may come on top of others.
fn fits(kind: FaultKind, faults: &[Planned], spared: &[usize], forgetful_max: usize) -> bool {
    let mut others = faults.iter().map(|planned| planned.fault.kind());
    match kind.group() {
        FaultGroup::Kill | FaultGroup::Restart => {
            let forgetful = others.filter(|other| other.forgets()).count();
            forgetful < forgetful_max && !spared.is_empty()
        }
        FaultGroup::Freeze => match kind {
            FaultKind::FreezeAll => others.all(|other| {
                !matches!(
                    other.group(),
                    FaultGroup::Kill | FaultGroup::Restart | FaultGroup::Freeze
                )
            }),
            _ => !spared.is_empty(),
        },
        FaultGroup::Members => others.all(|other| other.group() != FaultGroup::Members),
        FaultGroup::Partition => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    const EVERYTHING: [FaultGroup; 5] = [
        FaultGroup::Kill,
        FaultGroup::Restart,
        FaultGroup::Freeze,
        FaultGroup::Partition,
        FaultGroup::Members,
    ];

    fn phases(seed: u64, count: usize) -> Vec<Phase> {
        let mut plan = Plan::new(seed, 6, 1, &EVERYTHING);
        (0..count).map(|_| plan.next_phase()).collect()
    }

    fn struck(fault: &Fault) -> Option<usize> {
        match fault {
            Fault::Kill(node) | Fault::Restart(node) | Fault::Freeze(node) => Some(*node),
            _ => None,
        }
    }

    #[test]
    fn a_seed_gives_the_same_phases_again_and_another_one_others() {
        assert_eq!(phases(7, 20), phases(7, 20));
        assert_ne!(phases(7, 20), phases(8, 20));
    }

    #[test]
    fn no_more_nodes_forget_at_once_than_may_be_missing() {
        for seed in 0..200 {
            for phase in phases(seed, 20) {
                let kinds: Vec<_> = phase.faults.iter().map(|one| one.fault.kind()).collect();
                let forgetful = kinds.iter().filter(|kind| kind.forgets()).count();
                assert!(forgetful <= 1, "{phase:?}");
                let changes = kinds
                    .iter()
                    .filter(|kind| kind.group() == FaultGroup::Members)
                    .count();
                assert!(changes <= 1, "{phase:?}");
                let mut nodes: Vec<_> = phase
                    .faults
                    .iter()
                    .filter_map(|one| struck(&one.fault))
                    .collect();
                let all = nodes.len();
                nodes.sort_unstable();
                nodes.dedup();
                assert_eq!(nodes.len(), all, "{phase:?}");
                let freezes_all = kinds.contains(&FaultKind::FreezeAll);
                assert!(!freezes_all || all == 0, "{phase:?}");
            }
        }
    }

    #[test]
    fn every_kind_comes_before_any_comes_a_third_time() {
        for seed in 0..50 {
            let mut seen: HashMap<FaultKind, usize> = HashMap::new();
            for phase in phases(seed, 60) {
                for planned in phase.faults {
                    *seen.entry(planned.fault.kind()).or_default() += 1;
                }
                if seen.values().any(|&count| count > 2) {
                    assert_eq!(seen.len(), FaultKind::ALL.len(), "{seen:?}");
                }
            }
            assert_eq!(seen.len(), FaultKind::ALL.len(), "{seen:?}");
        }
    }

    #[test]
    fn only_what_is_asked_for_goes_wrong() {
        let mut plan = Plan::new(3, 3, 1, &[FaultGroup::Freeze]);
        for _ in 0..50 {
            for planned in plan.next_phase().faults {
                assert_eq!(planned.fault.kind().group(), FaultGroup::Freeze);
            }
        }
        assert!(Plan::new(3, 1, 0, &EVERYTHING).is_empty());
    }
}
