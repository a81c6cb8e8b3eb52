//! What kind of run a seed makes: [`Plan`].

use crate::chance::{Chance, Stream};
use crate::clocks::Clock;
use crate::nemesis::{CrashBudget, FaultPlan};
use crate::network::Weather;
use crate::operator::LossPlan;
use crate::outcome::Run;
use crate::planted::Planted;
use crate::workload::WorkloadPlan;
use protocol::Configuration;
use std::time::Duration;

/// How many nodes found a cluster.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Nodes {
    /// The seed decides: 1 to 7, and 3 more often than others.
    Any,
    /// So many, whatever the seed would decide.
    Exactly(usize),
}

/// On how many nodes each slot is held, if there are so many.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Replication {
    /// The seed decides: 1 to 7, and 3 more often than others.
    Any,
    /// On so many, whatever the seed would decide.
    Exactly(u8),
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
    /// The loss of a majority for good, in the runs that have one.
    pub(crate) loss: Option<LossPlan>,
}

/// What the processes run on, and with which settings.
#[derive(Clone, Debug)]
pub(crate) struct Machines {
    /// One for each site.
    pub(crate) clocks: Vec<Clock>,
    /// How far the wall clock of each site is ahead of the true time at first.
    pub(crate) wall_ahead_ms: Vec<i64>,
    /// How often nodes look for registers that have expired.
    pub(crate) sweep_interval: Duration,
    /// How long first rounds that ask a quorum wait before they ask all; `None` to ask all at once.
    pub(crate) hedge: Option<Duration>,
    /// How often nodes look for tombstones that can be dropped, and how long after a change of
    /// members they begin to.
    pub(crate) collect_interval: Option<Duration>,
    pub(crate) collect_after_change: Duration,
    /// How long nodes wait before they compare another group with others; `None` if they do not.
    pub(crate) repair_interval: Option<Duration>,
    /// How many of the sites found the cluster: the first ones. Nodes at the others join it.
    pub(crate) founders: usize,
    /// On how many nodes each slot is held.
    pub(crate) replication: u8,
    /// How long a change of members may make no progress before it is given up.
    pub(crate) abort_after: Duration,
    /// How long it may wait for the node that should carry it on.
    pub(crate) carry_on_after: Duration,
    /// How often nodes tell how far they are in copying.
    pub(crate) progress_interval: Duration,
    /// How long a member may be down before others have it removed.
    pub(crate) replace_after: Option<Duration>,
    /// How many lanes the node at each site has.
    pub(crate) lanes: Vec<usize>,
    /// Whether processes come back with what their disks kept.
    pub(crate) have_disks: bool,
    /// How likely it is that a disk stalls, for want of room or whatever else.
    pub(crate) disk_stalls: f64,
    /// The longest time until what is to be made durable is so, but for that; zero for at once.
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
    /// The memory that the registers of a lane may take.
    pub(crate) memory_bytes_max: Option<u64>,
    pub(crate) planted: Option<Planted>,
}

impl Machines {
    /// Whether clients can ask for more operations at once than a lane runs.
    pub(crate) fn may_be_busy(&self) -> bool {
        self.operations_max < OPERATIONS_MANY
    }

    /// Machines without any quirk, for this many nodes that found a cluster, and so many more.
    pub(crate) fn plain(founders: usize, others: usize) -> Self {
        let nodes = founders + others;
        let clock =
            |site: usize| Clock::new(Duration::from_secs(1000 * site as u64), Clock::RATE_TRUE);
        Self {
            clocks: (0..nodes).map(clock).collect(),
            wall_ahead_ms: vec![0; nodes],
            sweep_interval: Duration::from_secs(1),
            hedge: Some(Duration::from_millis(25)),
            collect_interval: None,
            collect_after_change: Duration::from_secs(60),
            repair_interval: None,
            founders,
            replication: Configuration::REPLICATION_DEFAULT,
            abort_after: Duration::from_secs(30),
            carry_on_after: Duration::from_secs(2),
            progress_interval: Duration::from_secs(1),
            replace_after: None,
            lanes: vec![1; nodes],
            have_disks: false,
            disk_stalls: 0.0,
            disk_delay_max: Duration::ZERO,
            timers_late_max: Duration::ZERO,
            redial_max: Duration::from_millis(200),
            notice_max: Duration::from_millis(50),
            misdelivery: false,
            inbox_max: 10_000,
            operations_max: OPERATIONS_MANY,
            memory_bytes_max: None,
            planted: None,
        }
    }
}

impl Plan {
    /// The plan of a run.
    pub(crate) fn of(run: &Run) -> Self {
        let mut chance = Chance::new(run.seed, Stream::Plan);
        let drawn = chance.pick(&[1, 2, 3, 3, 3, 3, 4, 5, 5, 6, 7]);
        let founders = match run.nodes {
            Nodes::Any => drawn,
            Nodes::Exactly(nodes) => nodes,
        };
        let drawn = chance.pick(&[1, 2, 3, 3, 3, 3, 3, 4, 5, 7]);
        let replication = match run.replication {
            Replication::Any => drawn,
            Replication::Exactly(replication) => replication,
        };
        let others = chance.pick(&[0, 0, 1, 1, 2, 3]);
        let faults_from_the_start = chance.happens(0.2);
        let mut faults = FaultPlan::draw(&mut chance, founders + others, faults_from_the_start);
        let everyone_may_die = faults.crash_budget == CrashBudget::Anyone;
        let mut machines = draw_machines(&mut chance, founders + others);
        machines.founders = founders;
        machines.replication = replication;
        machines.planted = run.planted;
        let weather = draw_weather(&mut chance);
        // Nothing that comes moves a change on in less time than a few messages take.
        machines.abort_after = machines.abort_after.max(weather.delay_mean * 100);
        let may_lose = !faults_from_the_start && !everyone_may_die;
        let mut workload = WorkloadPlan::draw(&mut chance);
        let faults_last = chance.span(seconds(4)..=seconds(14));
        // Only the process that comes back shows that the former one's memory is gone.
        let down_stay_down = chance.happens(0.3) && !everyone_may_die;
        let have_disks = chance.happens(0.4) || run.disks;
        if have_disks {
            machines.have_disks = true;
            machines.disk_stalls = chance.pick(&[0.0, 0.0, 0.02]);
            faults.have_disks(&mut chance);
        }
        // Room for two registers, or for three.
        machines.memory_bytes_max = chance.pick(&[None, None, None, Some(2400), Some(3600)]);
        let collect_ms = chance.pick(&[None, Some(10), Some(50), Some(300)]);
        machines.collect_interval = collect_ms.map(millis);
        machines.collect_after_change = millis(chance.pick(&[0, 300, 2000]));
        // What is missed is to be seen where a fault is put back.
        if run.planted.is_none() {
            let repair_ms = chance.pick(&[None, Some(5), Some(50)]);
            machines.repair_interval = repair_ms.map(millis);
        }
        if run.deletes {
            machines.collect_interval = Some(millis(chance.pick(&[5, 20, 100])));
            machines.collect_after_change = Duration::ZERO;
            workload.delete_much();
        }
        Self {
            machines,
            weather,
            faults,
            workload,
            faults_from_the_start,
            faults_last,
            loss: LossPlan::draw(run, faults_last).filter(|_| may_lose && !have_disks),
            // Whoever has a disk comes back.
            down_stay_down: down_stay_down && !have_disks,
        }
    }

    pub(crate) fn sites(&self) -> usize {
        self.machines.clocks.len()
    }
}

/// More than clients ever ask for at once.
const OPERATIONS_MANY: usize = 4096;

fn draw_machines(chance: &mut Chance, sites: usize) -> Machines {
    let skew = chance.pick(&[0, 1_000, 50_000, 200_000]);
    let clocks = (0..sites).map(|_| {
        let origin = chance.span(seconds(0)..=seconds(100_000));
        let rate = chance.between(1_000_000 - skew..=1_000_000 + skew);
        Clock::new(origin, rate as u64)
    });
    let clocks = clocks.collect();
    let wall_skew_ms = chance.pick(&[0, 0, 300, 3_000, 30_000]);
    let wall_ahead_ms = (0..sites).map(|_| match wall_skew_ms {
        0 => 0,
        most => chance.between(0..=2 * most) as i64 - most as i64,
    });
    let wall_ahead_ms = wall_ahead_ms.collect();
    let lanes_max = chance.between(1..=3);
    Machines {
        clocks,
        wall_ahead_ms,
        sweep_interval: millis(chance.pick(&[50, 300, 1000])),
        abort_after: millis(chance.pick(&[1500, 3000, 8000])),
        carry_on_after: millis(chance.pick(&[300, 2000])),
        progress_interval: millis(chance.pick(&[200, 1000])),
        replace_after: chance
            .pick(&[None, None, None, Some(2500), Some(6000)])
            .map(millis),
        lanes: (0..sites).map(|_| chance.between(1..=lanes_max)).collect(),
        disk_delay_max: millis(chance.pick(&[0, 0, 1, 10, 50])),
        timers_late_max: millis(chance.pick(&[0, 1, 10])),
        redial_max: millis(chance.pick(&[50, 300, 1000])),
        notice_max: millis(chance.pick(&[10, 300, 3000])),
        misdelivery: chance.happens(0.5),
        inbox_max: chance.pick(&[50, 1000, 10_000]),
        operations_max: chance.pick(&[16, OPERATIONS_MANY]),
        hedge: chance.pick(&[None, Some(5), Some(25)]).map(millis),
        ..Machines::plain(sites, 0)
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
