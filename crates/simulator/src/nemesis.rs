//! Who makes things go wrong: [`Nemesis`].

use crate::chance::{Chance, Stream};
use crate::cluster::Cluster;
use crate::faults::Fault;
use crate::network::{Site, Storm};
use crate::process::State;
use protocol::{ChangeRequest, NodeId};
use std::time::Duration;

/// Who may die.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum CrashBudget {
    /// Whoever leaves, when it dies, a majority of the members, and of every group's replicas that
    /// hold all of it. So a minority may be lacking at one time: dead, or not yet done with copying.
    Minority,
    /// Anyone.
    Anyone,
}

/// How often what goes wrong.
#[derive(Clone, Debug)]
pub(crate) struct FaultPlan {
    /// The time from one fault to the next, on average.
    pub(crate) interval: Duration,
    /// How long one lasts, on average.
    lasting: Duration,
    /// How likely each kind is, beside the others.
    weights: [usize; Fault::KINDS.len()],
    pub(crate) crash_budget: CrashBudget,
    /// How many processes may be frozen at once.
    frozen_max: usize,
    /// How often a fault is that of the first site, which is at the least address and so founds.
    first_site: f64,
}

impl FaultPlan {
    /// Everyone has a disk, so that all may die at once.
    pub(crate) fn have_disks(&mut self, chance: &mut Chance) {
        self.weights[Fault::CRASH] = chance.pick(&[1, 3, 9]);
        self.weights[Fault::POWER_CUT] = chance.pick(&[0, 1, 3]);
    }

    /// `at_founding` says that the faults begin while a cluster is being founded: then crashes are
    /// what there is to be afraid of.
    pub(crate) fn draw(chance: &mut Chance, sites: usize, at_founding: bool) -> Self {
        let mut weights = [0; Fault::KINDS.len()];
        for weight in &mut weights[..Fault::LOSS] {
            *weight = chance.pick(&[0, 0, 1, 3, 9]);
        }
        let anyone = chance.happens(if at_founding { 0.5 } else { 0.05 });
        let mut interval = chance.pick(&[60, 200, 600, 2000]);
        if at_founding {
            weights[Fault::CRASH] = chance.pick(&[1, 9, 30]);
            weights[Fault::CLOG] = chance.pick(&[1, 9, 30]);
            // A cluster is only founded if it is let for two seconds.
            interval = chance.pick(&[200, 600, 1500]);
        }
        // Changes take a while; most runs have a few.
        weights[Fault::CHANGES] = chance.pick(&[0, 1, 3, 3, 9]);
        weights[Fault::WALL_CLOCK_JUMP] = chance.pick(&[0, 0, 3]);
        weights[Fault::START] = chance.pick(&[1, 3]);
        weights[Fault::POWER_CUT] = match (anyone, at_founding) {
            (false, _) => 0,
            (true, false) => chance.pick(&[0, 1]),
            (true, true) => chance.pick(&[0, 3, 30]),
        };
        Self {
            interval: Duration::from_millis(interval),
            lasting: Duration::from_millis(chance.pick(&[50, 300, 1000, 3000])),
            weights,
            crash_budget: if anyone {
                CrashBudget::Anyone
            } else {
                CrashBudget::Minority
            },
            frozen_max: chance.between(1..=sites),
            first_site: chance.pick(&[0.0, if at_founding { 0.5 } else { 0.0 }]),
        }
    }
}

/// The longest that anything lasts, which is about as long as the phase of faults.
const LASTING_MAX: Duration = Duration::from_secs(10);

/// Decides what goes wrong next.
#[derive(Debug)]
pub(crate) struct Nemesis {
    plan: FaultPlan,
    chance: Chance,
}

impl Nemesis {
    pub(crate) fn new(seed: u64, plan: FaultPlan) -> Self {
        Self {
            plan,
            chance: Chance::new(seed, Stream::Faults),
        }
    }

    /// How long until the next fault.
    pub(crate) fn wait(&mut self) -> Duration {
        self.chance.about(self.plan.interval)
    }

    /// What goes wrong now, if what was drawn can.
    pub(crate) fn next(&mut self, cluster: &Cluster) -> Option<Fault> {
        let sites = cluster.sites();
        let any_site = self.chance.below(sites);
        let first_site = self.chance.happens(self.plan.first_site);
        let site = if first_site { 0 } else { any_site };
        let other = (site + self.chance.between(1..=sites.max(2) - 1)) % sites;
        let lasting = self.chance.about(self.plan.lasting).min(LASTING_MAX);
        Some(match self.draw_kind()? {
            Fault::CRASH => {
                let stays_down = self.chance.happens(0.2);
                if !self.may_crash(cluster, site) {
                    return None;
                }
                Fault::Crash {
                    site,
                    back_after: (!stays_down).then_some(lasting),
                }
            }
            1 => {
                let (clock_stands, timers_first) =
                    (self.chance.happens(0.3), self.chance.happens(0.5));
                let frozen = (0..sites).filter(|site| cluster.state(*site) == State::Frozen);
                if frozen.count() >= self.plan.frozen_max || cluster.state(site) != State::Running {
                    return None;
                }
                Fault::Freeze {
                    site,
                    lasting,
                    clock_stands,
                    timers_first,
                }
            }
            2 => self.partition(sites, lasting),
            Fault::CLOG => Fault::Clog {
                from: site,
                to: other,
                lasting,
            },
            4 => {
                let loss = self.chance.pick(&[0.0, 0.05, 0.3, 0.7]);
                let duplication = self.chance.pick(&[0.0, 0.1, 0.5]);
                Fault::Storm {
                    storm: Storm { loss, duplication },
                    lasting,
                }
            }
            5 => Fault::BrokenConnection {
                from: site,
                to: other,
            },
            6 => Fault::ClockJump { site, by: lasting },
            Fault::WALL_CLOCK_JUMP => {
                let by_ms = lasting.as_millis() as i64 + 1;
                let is_back = self.chance.happens(0.5);
                Fault::WallClockJump {
                    site,
                    by_ms: if is_back { -by_ms } else { by_ms },
                }
            }
            Fault::CHANGES => {
                let count = if self.chance.happens(0.25) { 2 } else { 1 };
                let asked = (0..count).filter_map(|_| self.change(cluster));
                let asked: Vec<_> = asked.collect();
                if asked.is_empty() {
                    return None;
                }
                Fault::Changes { asked }
            }
            Fault::START => {
                let idle =
                    (cluster.founders()..sites).filter(|site| cluster.state(*site) == State::Dead);
                let idle: Vec<Site> = idle.collect();
                if idle.is_empty() {
                    return None;
                }
                Fault::Start {
                    site: self.chance.pick(&idle),
                }
            }
            _ => {
                let mut back_after = || self.chance.about(self.plan.lasting).min(LASTING_MAX);
                Fault::PowerCut {
                    back_after: (0..sites).map(|_| back_after()).collect(),
                }
            }
        })
    }

    fn draw_kind(&mut self) -> Option<usize> {
        let weights = &self.plan.weights;
        let sum: usize = weights.iter().sum();
        let mut point = self.chance.below(sum.max(1));
        weights.iter().position(|weight| {
            let hit = point < *weight;
            point = point.saturating_sub(*weight);
            hit
        })
    }

    fn may_crash(&self, cluster: &Cluster, site: Site) -> bool {
        if cluster.state(site) == State::Dead {
            return false;
        }
        if cluster.has_disk_at(site) {
            return true;
        }
        match self.plan.crash_budget {
            CrashBudget::Anyone => cluster.is_known_without(site),
            CrashBudget::Minority => cluster.survives_death_at(site),
        }
    }

    /// What an operator asks for, and where.
    fn change(&mut self, cluster: &Cluster) -> Option<(Site, ChangeRequest)> {
        let sites = 0..cluster.sites();
        let running = sites.filter(|site| cluster.state(*site) != State::Dead);
        let (members, others): (Vec<Site>, Vec<Site>) =
            running.partition(|site| cluster.is_member(*site));
        let configuration = cluster.configuration()?;
        let asks_member = !members.is_empty() && (others.is_empty() || self.chance.happens(0.9));
        let asked = if asks_member { &members } else { &others };
        if asked.is_empty() {
            return None;
        }
        let asked = self.chance.pick(asked);
        let ids: Vec<NodeId> = configuration.members_after().iter().map(|m| m.id).collect();
        let member = self.chance.pick(&ids);
        let newcomer = if others.is_empty() || self.chance.happens(0.1) {
            self.chance.below(cluster.sites())
        } else {
            self.chance.pick(&others)
        };
        let address = cluster.address(newcomer).clone();
        let request = match self.chance.below(8) {
            0..3 => ChangeRequest::Add {
                address,
                weight: self.chance.pick(&[100, 100, 50, 300]),
            },
            3..5 => ChangeRequest::Remove { member },
            5..7 => ChangeRequest::Replace { member, address },
            _ => ChangeRequest::Abort,
        };
        Some((asked, request))
    }

    fn partition(&mut self, sites: usize, lasting: Duration) -> Fault {
        let side = self.chance.some_below(sites);
        let is_in = |site: &Site| side.contains(site);
        let all = || (0..sites).flat_map(|from| (0..sites).map(move |to| (from, to)));
        let apart = || all().filter(|(from, to)| from != to);
        let (kind, links): (_, Vec<_>) = match self.chance.below(4) {
            0 => (
                "two sides",
                apart()
                    .filter(|(from, to)| is_in(from) != is_in(to))
                    .collect(),
            ),
            1 => (
                "one way out",
                apart()
                    .filter(|(from, to)| is_in(from) && !is_in(to))
                    .collect(),
            ),
            2 => {
                let alone = side[0];
                (
                    "one alone",
                    apart()
                        .filter(|(from, to)| (*from == alone) != (*to == alone))
                        .collect(),
                )
            }
            _ => {
                let mut links: Vec<_> = apart().collect();
                links.retain(|_| self.chance.happens(0.4));
                ("links at random", links)
            }
        };
        Fault::Partition {
            kind,
            links,
            lasting,
            breaks: self.chance.happens(0.3),
        }
    }
}
