//! What kind of run a seed makes: [`Plan`].

use crate::chance::{Chance, Stream};
use crate::clocks::Clock;
use crate::nemesis::{CrashBudget, FaultPlan};
use crate::network::Weather;
use crate::workload::WorkloadPlan;
use protocol::PlantedFault;
use std::time::Duration;

/// How many nodes a cluster has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Nodes {
    /// The seed decides: 3, 5 or 7.
    Any,
    /// So many, whatever the seed would decide.
    Exactly(usize),
}

/// Everything about a run that is decided before it begins. Seeds are to differ widely: each
/// draws its own mixture, and leaves some ingredients out.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) machines: Machines,
    pub(crate) weather: Weather,
    pub(crate) faults: FaultPlan,
    pub(crate) workload: WorkloadPlan,
    /// Whether faults, crashes among them, begin while the cluster is being founded.
    pub(crate) faults_from_the_start: bool,
    /// How long the phase of faults lasts.
    pub(crate) faults_last: Duration,
    /// Whether nodes that are down stay down while the cluster heals.
    pub(crate) down_stay_down: bool,
}

/// What the processes run on, and with which settings.
#[derive(Clone, Debug)]
pub(crate) struct Machines {
    /// One for each site.
    pub(crate) clocks: Vec<Clock>,
    /// How many lanes the node at each site has.
    pub(crate) lanes: Vec<usize>,
    /// The longest time until what is to be made durable is so; zero for memory only.
    pub(crate) disk_delay_max: Duration,
    /// How late a timer may go off.
    pub(crate) timers_late_max: Duration,
    /// The longest wait before a process dials again.
    pub(crate) redial_max: Duration,
    /// The longest time until a process learns that the other end of a connection is gone.
    pub(crate) notice_max: Duration,
    /// Whether messages for a process that is gone come to the next one at its address.
    pub(crate) misdelivery: bool,
    /// How many messages a frozen process's sockets hold.
    pub(crate) inbox_max: usize,
    /// How many operations a lane runs at once.
    pub(crate) operations_max: usize,
    pub(crate) planted: Option<PlantedFault>,
}

impl Machines {
    /// Whether clients can ask for more operations at once than a lane runs.
    pub(crate) fn may_be_busy(&self) -> bool {
        self.operations_max < OPERATIONS_MANY
    }

    /// Machines without any quirk, for this many nodes.
    pub(crate) fn plain(nodes: usize) -> Self {
        let clock =
            |site: usize| Clock::new(Duration::from_secs(1000 * site as u64), Clock::RATE_TRUE);
        Self {
            clocks: (0..nodes).map(clock).collect(),
            lanes: vec![1; nodes],
            disk_delay_max: Duration::ZERO,
            timers_late_max: Duration::ZERO,
            redial_max: Duration::from_millis(200),
            notice_max: Duration::from_millis(50),
            misdelivery: false,
            inbox_max: 10_000,
            operations_max: OPERATIONS_MANY,
            planted: None,
        }
    }
}

impl Plan {
    /// The plan of a seed.
    pub(crate) fn of(seed: u64, nodes: Nodes, planted: Option<PlantedFault>) -> Self {
        let mut chance = Chance::new(seed, Stream::Plan);
        let drawn = chance.pick(&[3, 3, 3, 5, 5, 7]);
        let nodes = match nodes {
            Nodes::Any => drawn,
            Nodes::Exactly(nodes) => nodes,
        };
        let faults_from_the_start = chance.happens(0.2);
        let faults = FaultPlan::draw(&mut chance, nodes, faults_from_the_start);
        let everyone_may_die = faults.crash_budget == CrashBudget::Anyone;
        Self {
            machines: draw_machines(&mut chance, nodes, planted),
            weather: draw_weather(&mut chance),
            faults,
            workload: WorkloadPlan::draw(&mut chance),
            faults_from_the_start,
            faults_last: chance.span(seconds(4)..=seconds(12)),
            // Only the process that comes back shows that the former one's memory is gone.
            down_stay_down: chance.happens(0.3) && !everyone_may_die,
        }
    }

    pub(crate) fn nodes(&self) -> usize {
        self.machines.clocks.len()
    }
}

/// More than clients ever ask for at once.
const OPERATIONS_MANY: usize = 4096;

fn draw_machines(chance: &mut Chance, nodes: usize, planted: Option<PlantedFault>) -> Machines {
    let skew = chance.pick(&[0, 1_000, 50_000, 200_000]);
    let clocks = (0..nodes).map(|_| {
        let origin = chance.span(seconds(0)..=seconds(100_000));
        let rate = chance.between(1_000_000 - skew..=1_000_000 + skew);
        Clock::new(origin, rate as u64)
    });
    let clocks = clocks.collect();
    let lanes_max = chance.between(1..=3);
    Machines {
        clocks,
        lanes: (0..nodes).map(|_| chance.between(1..=lanes_max)).collect(),
        disk_delay_max: millis(chance.pick(&[0, 0, 1, 10, 50])),
        timers_late_max: millis(chance.pick(&[0, 1, 10])),
        redial_max: millis(chance.pick(&[50, 300, 1000])),
        notice_max: millis(chance.pick(&[10, 300, 3000])),
        misdelivery: chance.happens(0.5),
        inbox_max: chance.pick(&[50, 1000, 10_000]),
        operations_max: chance.pick(&[16, OPERATIONS_MANY]),
        planted,
    }
}

fn draw_weather(chance: &mut Chance) -> Weather {
    let delay_mean = Duration::from_micros(chance.pick(&[100, 1_000, 5_000, 20_000, 60_000]));
    Weather {
        delay_least: Duration::from_micros(chance.pick(&[10, 200])),
        delay_mean,
        stragglers: chance.pick(&[0.0, 0.001, 0.02]),
        loss: chance.pick(&[0.0, 0.0, 0.001, 0.02, 0.1]),
        duplication: chance.pick(&[0.0, 0.0, 0.01, 0.2]),
        in_order: chance.happens(0.7),
    }
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}
