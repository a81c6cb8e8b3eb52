//! Sites, processes, network and clients' operations under one calendar: [`Cluster`].

mod effects;
mod links;
mod verbs;
mod view;

use crate::book::Book;
use crate::calendar::Calendar;
use crate::chance::{Chance, Stream};
use crate::clocks::{Clock, Instant};
use crate::disk::Stored;
use crate::figures::Figures;
use crate::invariants::Invariants;
use crate::memory::Memory;
use crate::network::{ConnectionNumber, Network, ProcessNumber, Site, Storm, Weather};
use crate::plan::Machines;
use crate::process::{Input, Process};
use crate::trace::Trace;
use crate::wall::WallClocks;
pub(crate) use links::Rule;
pub use links::Sent;
use links::{Frame, Held};
use protocol::{
    Address, ChangeRefusal, Configuration, Epoch, Groups, NodeId, PersistNumber, Ticket,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// A cluster of the real protocol code in virtual time, and all that can be done to it.
///
/// It does nothing on its own: [`Cluster::step`] lets the next thing happen. Whoever drives it
/// enters [`Cue`]s of its own into the same calendar.
pub(crate) struct Cluster {
    now: Instant,
    calendar: Calendar<Event>,
    machines: Machines,
    places: Vec<Place>,
    wall_clocks: WallClocks,
    processes: Vec<Process>,
    /// Every process that was ever started, by its id.
    directory: BTreeMap<NodeId, ProcessNumber>,
    network: Network,
    /// Which messages do not arrive, and what of that is only held back.
    rules: Vec<Rule>,
    held: Vec<Held>,
    chance: Chance,
    book: Book,
    invariants: Invariants,
    /// The newest configuration that anybody has entered.
    configuration: Option<Arc<Configuration>>,
    memory: Memory,
    /// What no longer can be served since its memory is gone.
    gone: Gone,
    /// Whom operators take for lost for good.
    lost: BTreeSet<NodeId>,
    /// The changes of members that operators asked for and were not told the end of.
    changes: BTreeMap<Ticket, ProcessNumber>,
    /// What operators were told.
    changes_answered: BTreeMap<Ticket, Result<Epoch, ChangeRefusal>>,
    changes_asked: u64,
    trace: Trace,
    figures: Figures,
    events: u64,
    /// How often it was healed. A partition ends with that, whenever it was to end.
    heals: u32,
}

/// A site: an address and a machine.
struct Place {
    address: Address,
    clock: Clock,
    /// The process that runs there, or ran there last.
    process: Option<ProcessNumber>,
    /// What the disk there holds, while no process runs.
    stored: Option<Stored>,
}

/// What of a cluster cannot be served any more, as the memory of too many is gone.
#[derive(Clone, Copy, Debug, Default)]
struct Gone {
    /// A majority of the members: nothing can be decided.
    members: bool,
    /// The groups that lost a majority of those who held all of them.
    groups: Groups,
}

/// What the calendar holds.
enum Event {
    Start {
        site: Site,
        heals: u32,
    },
    Dial {
        process: ProcessNumber,
        to: Site,
    },
    Notice {
        from: Site,
        to: Site,
        connection: ConnectionNumber,
    },
    Arrival {
        from: Site,
        to: Site,
        connection: ConnectionNumber,
        frame: Frame,
    },
    Timer {
        process: ProcessNumber,
        rings: Instant,
    },
    Durable {
        process: ProcessNumber,
        lane: usize,
        number: PersistNumber,
    },
    Overdue {
        ticket: Ticket,
    },
    /// An operator should have been told by now what became of the change.
    ChangeOverdue {
        ticket: Ticket,
    },
    Thaw {
        process: ProcessNumber,
        frozen_at: Instant,
        clock_stands: bool,
        timers_first: bool,
    },
    Mend {
        links: Vec<(Site, Site)>,
        heals: u32,
    },
    EndStorm {
        storm: Storm,
    },
    Cue(Cue),
}

/// What whoever drives the cluster has entered into its calendar.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Cue {
    Fault,
    Burst,
    Client(usize),
    Loss,
    Operator,
}

/// What a step came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Step {
    /// Something happened.
    Happened,
    /// It is the driver's turn.
    Cue(Cue),
    /// Nothing more is due by the limit; it is that instant now.
    Quiet,
}

/// How long after its deadline an operation may end: disks, late timers and a thaw take their
/// time.
const OVERDUE_AFTER: Duration = Duration::from_millis(500);

/// Within what time an operator is told what became of a change: 20 seconds, by a clock that may
/// be too slow by a fifth.
const CHANGE_ANSWERED_WITHIN: Duration = Duration::from_secs(26);

/// More events than any run has that comes to rest.
const EVENTS_MAX: u64 = 20_000_000;

impl Cluster {
    pub(crate) fn new(seed: u64, machines: Machines, weather: Weather, trace: Trace) -> Self {
        let sites = machines.clocks.len();
        let place = |(site, clock): (Site, &Clock)| Place {
            address: format!("n{}:3030", site + 1)
                .parse()
                .expect("a host and a port"),
            clock: clock.clone(),
            process: None,
            stored: None,
        };
        Self {
            now: Instant::START,
            calendar: Calendar::new(),
            places: machines.clocks.iter().enumerate().map(place).collect(),
            wall_clocks: WallClocks::new(&machines.wall_ahead_ms),
            processes: Vec::new(),
            directory: BTreeMap::new(),
            network: Network::new(sites, weather, Chance::new(seed, Stream::Network)),
            rules: Vec::new(),
            held: Vec::new(),
            chance: Chance::new(seed, Stream::Processes),
            book: Book::new(),
            invariants: Invariants::new(machines.planted.is_none()),
            configuration: None,
            memory: Memory::default(),
            gone: Gone::default(),
            lost: BTreeSet::new(),
            changes: BTreeMap::new(),
            changes_answered: BTreeMap::new(),
            changes_asked: 0,
            trace,
            figures: Figures::of_cluster(machines.founders, machines.replication),
            events: 0,
            heals: 0,
            machines,
        }
    }

    /// Lets the next thing happen that is due by `limit`.
    pub(crate) fn step(&mut self, limit: Instant) -> Step {
        let Some((at, event)) = self.calendar.next_by(limit) else {
            self.now = self.now.max(limit);
            return Step::Quiet;
        };
        self.now = at;
        self.events += 1;
        if self.events > EVENTS_MAX {
            self.fail(format!("after {EVENTS_MAX} events it has not come to rest"));
        }
        match event {
            Event::Start { site, heals } => {
                if heals == self.heals {
                    self.start(site);
                }
            }
            Event::Dial { process, to } => self.dial(process, to),
            Event::Notice {
                from,
                to,
                connection,
            } => self.notice(from, to, connection),
            Event::Arrival {
                from,
                to,
                connection,
                frame,
            } => self.arrive(from, to, connection, frame),
            Event::Timer { process, rings } => self.ring(process, rings),
            Event::Durable {
                process,
                lane,
                number,
            } => {
                self.deliver(process, Input::Durable { lane, number });
            }
            Event::Overdue { ticket } => self.expect_ended(ticket),
            Event::ChangeOverdue { ticket } => self.expect_change_answered(ticket),
            Event::Thaw {
                process,
                frozen_at,
                clock_stands,
                timers_first,
            } => {
                self.thaw_process(process, frozen_at, clock_stands, timers_first);
            }
            Event::Mend { links, heals } => {
                if heals == self.heals {
                    self.trace.tell(at, format_args!("partition ends"));
                    self.network.mend(&links);
                }
            }
            Event::EndStorm { storm } => self.network.end_storm(storm),
            Event::Cue(cue) => return Step::Cue(cue),
        }
        Step::Happened
    }

    /// Enters a cue.
    pub(crate) fn cue(&mut self, after: Duration, cue: Cue) {
        self.calendar.enter(self.now + after, Event::Cue(cue));
    }

    pub(crate) fn fail(&mut self, what: String) {
        self.trace.tell(self.now, format_args!("FAILED: {what}"));
        self.invariants.fail(what);
    }
}
