//! All that can be done to a cluster.

use super::{CHANGE_ANSWERED_WITHIN, Cluster, Event, Gone};
use crate::clocks::Instant;
use crate::faults::{Asked, Fault};
use crate::network::{ProcessNumber, Site, Storm, Weather};
use crate::planted::Planted;
use crate::process::{Identity, Input, Process, State};
use protocol::{
    Boot, ChangeRequest, ClusterId, Incarnation, LaneOptions, NodeId, Operation, PlantedFault,
    Ticket,
};
use std::time::Duration;

impl Cluster {
    /// A process starts at the site after that time, if none runs there then and the cluster was
    /// not healed meanwhile.
    pub(crate) fn start_after(&mut self, site: Site, after: Duration) {
        let heals = self.heals;
        self.calendar
            .enter(self.now + after, Event::Start { site, heals });
    }

    /// A process starts at the site, if none runs there.
    pub(crate) fn start(&mut self, site: Site) {
        if self.state(site) != State::Dead {
            return;
        }
        let number = self.processes.len();
        let incarnation = self.incarnation_at(site, number);
        let id = incarnation.node;
        let addresses = self.places.iter().map(|place| place.address.clone());
        let founders = self.machines.founders;
        let joins = site >= founders;
        let identity = Identity {
            incarnation,
            advertise: self.places[site].address.clone(),
            // One that joins may find the cluster at any of them.
            list: addresses
                .take(if joins { self.sites() } else { founders })
                .collect(),
            joins_with: joins.then(|| self.chance.pick(&[100, 100, 50, 300])),
            cluster: ClusterId(self.chance.number()),
        };
        let starts = self
            .processes
            .iter()
            .filter(|process| process.site == site)
            .count();
        self.figures.restarts += u64::from(starts > 0);
        let name = format!("n{}{}", site + 1, "'".repeat(starts));
        self.trace.alias(format!("{incarnation}"), name.clone());
        self.trace.alias(format!("{id}"), name.clone());
        self.trace.alias(
            format!("{}", identity.cluster),
            format!("the cluster of {name}"),
        );
        self.trace
            .tell(self.now, format_args!("{name} starts as {:016x}", id.get()));
        let lanes = self.machines.lanes[site];
        let lanes = (0..lanes).map(|lane| LaneOptions {
            lanes: lanes as u16,
            operations_max: self.machines.operations_max,
            memory_bytes_max: self.machines.memory_bytes_max,
            planted: self.machines.planted.and_then(Planted::of_protocol),
            sweep_interval: self.machines.sweep_interval,
            hedge: self.machines.hedge,
            collect_interval: self.machines.collect_interval,
            repair_interval: self.machines.repair_interval,
            collect_after_change: self.machines.collect_after_change,
            ..LaneOptions::new(incarnation, lane as u16)
        });
        let now = self.places[site].clock.read(self.now);
        let machines = &self.machines;
        let stored = self.places[site].stored.take();
        let entered = stored.as_ref().map(|stored| stored.configuration.clone());
        let membership = identity.membership(now, machines, entered);
        let mut process = Process::new(number, site, lanes, membership, incarnation, machines);
        if let Some(stored) = stored {
            if stored.configuration.contains(id) {
                let former = self.places[site].process.expect("it has stored something");
                self.memory.is_back(former, number);
                self.invariants.is_back(former, number);
                process.restore(now, stored);
            }
            let wall = self.wall_clocks.read(site, self.now);
            process.handle(now, wall, Input::Timeout, &mut self.invariants);
        }
        self.processes.push(process);
        self.directory.insert(id, number);
        self.places[site].process = Some(number);
        self.dial_all(number);
        self.apply_effects(number);
    }

    /// Who a process is that starts at the site: a node of its own, if it has no memory.
    fn incarnation_at(&mut self, site: Site, number: ProcessNumber) -> Incarnation {
        let former = self.places[site].process;
        if let Some(stored) = &self.places[site].stored
            && let Some(former) = former
        {
            let Incarnation { node, boot } = self.processes[former].incarnation;
            // One that is no member any more holds nothing that counts: another node begins, which
            // knows what stands.
            if stored.configuration.contains(node) {
                let boot = Boot::new(boot.get() + 1);
                return Incarnation { node, boot };
            }
        }
        if self.machines.planted == Some(Planted::Protocol(PlantedFault::ForgetEpoch))
            && let Some(former) = former
        {
            let Incarnation { node, boot } = self.processes[former].incarnation;
            let boot = Boot::new(boot.get() + 1);
            return Incarnation { node, boot };
        }
        // Tags are ordered by id, so ids of different processes are in no particular order.
        let node = NodeId::new((self.chance.number() << 16) | (number as u64 + 1));
        Incarnation {
            node,
            boot: Boot::FIRST,
        }
    }

    /// An operator asks the process at the site, which runs or is frozen, for a change of members.
    pub(crate) fn ask_for_change(&mut self, site: Site, request: ChangeRequest) -> Ticket {
        let process = self.places[site].process.expect("it runs or is frozen");
        self.changes_asked += 1;
        let ticket = Ticket(self.changes_asked);
        let id = self.processes[process].incarnation.node;
        self.trace.tell(
            self.now,
            format_args!(
                "an operator asks {id} for change #{}: {}",
                ticket.0,
                Asked(&request)
            ),
        );
        self.figures.changes.asked += 1;
        if let ChangeRequest::Recover { lost, cluster, .. } = &request {
            self.figures.recoveries.asked += 1;
            let membership = self.processes[process].membership();
            // What it would do now is what it does, or it does nothing.
            if let Ok(view) = membership.recovery(lost) {
                self.invariants.operator_was_told(*cluster, view.forced);
            }
        }
        self.changes.insert(ticket, process);
        self.calendar.enter(
            self.now + CHANGE_ANSWERED_WITHIN,
            Event::ChangeOverdue { ticket },
        );
        self.deliver(process, Input::Change { ticket, request });
        ticket
    }

    /// A client asks the process at the site, which runs or is frozen, for an operation.
    pub(crate) fn call(
        &mut self,
        client: usize,
        site: Site,
        operation: Operation,
        timeout: Duration,
    ) -> Ticket {
        let process = self.places[site].process.expect("it runs or is frozen");
        let era = self.processes[process].era();
        let lineage = self.invariants.lineage();
        let called_in = era.map(|era| lineage.generation(era, operation.name()));
        let (now, client) = (self.now, client as u64);
        let ticket = self
            .book
            .call(now, client, operation.clone(), process, called_in);
        let id = self.processes[process].incarnation.node;
        self.trace.tell(
            self.now,
            format_args!(
                "client {client} asks {id} for #{}, within {timeout:?}: {operation:?}",
                ticket.0
            ),
        );
        self.deliver(
            process,
            Input::Request {
                ticket,
                operation,
                timeout,
            },
        );
        ticket
    }

    /// Makes something go wrong.
    pub(crate) fn inflict(&mut self, fault: Fault) {
        self.trace.tell(self.now, format_args!("{fault}"));
        self.figures.faults[fault.kind()] += 1;
        match fault {
            Fault::Crash { site, back_after } => {
                self.crash(site);
                if let Some(after) = back_after {
                    self.start_after(site, after);
                }
            }
            Fault::PowerCut { back_after } => {
                for (site, after) in back_after.into_iter().enumerate() {
                    self.crash(site);
                    self.start_after(site, after);
                }
            }
            Fault::Freeze {
                site,
                lasting,
                clock_stands,
                timers_first,
            } => {
                if let Some(process) = self.freeze(site) {
                    let frozen_at = self.now;
                    let thaw = Event::Thaw {
                        process,
                        frozen_at,
                        clock_stands,
                        timers_first,
                    };
                    self.calendar.enter(self.now + lasting, thaw);
                }
            }
            Fault::Partition {
                links,
                lasting,
                breaks,
                ..
            } => {
                self.network.cut(&links);
                if breaks {
                    for &(from, to) in &links {
                        self.break_connection(from, to);
                    }
                }
                let heals = self.heals;
                self.calendar
                    .enter(self.now + lasting, Event::Mend { links, heals });
            }
            Fault::Clog { from, to, lasting } => self.network.clog(from, to, self.now + lasting),
            Fault::Storm { storm, lasting } => {
                self.network.begin_storm(storm);
                self.calendar
                    .enter(self.now + lasting, Event::EndStorm { storm });
            }
            Fault::BrokenConnection { from, to } => self.break_connection(from, to),
            Fault::ClockJump { site, by } => self.jump_clock(site, by),
            Fault::WallClockJump { site, by_ms } => {
                self.wall_clocks.jump(site, self.now, by_ms);
            }
            Fault::Changes { asked } => {
                for (site, request) in asked {
                    // The first one may have ended the process that the second one is for.
                    if self.state(site) != State::Dead {
                        self.ask_for_change(site, request);
                    }
                }
            }
            Fault::Start { site } => self.start(site),
            Fault::Loss { dead, asleep } => self.lose_for_good(dead, asleep),
        }
    }

    /// These are lost for good, as far as operators know: some are gone, and the others do nothing
    /// until the cluster heals.
    fn lose_for_good(&mut self, dead: Vec<(Site, Option<Duration>)>, asleep: Vec<Site>) {
        let sites = dead.iter().map(|(site, _)| *site).chain(asleep.clone());
        let ids = sites.filter_map(|site| Some(self.process(site)?.incarnation.node));
        let ids: Vec<NodeId> = ids.collect();
        self.lost.extend(ids);
        for site in asleep {
            self.freeze(site);
        }
        for (site, back_after) in dead {
            self.crash(site);
            if let Some(after) = back_after {
                self.start_after(site, after);
            }
        }
    }

    /// The process at the site is gone, with its memory.
    pub(crate) fn crash(&mut self, site: Site) {
        if self.state(site) == State::Dead {
            return;
        }
        let number = self.places[site].process.expect("it is not dead");
        let process = &mut self.processes[number];
        process.state = State::Dead;
        process.inbox.clear();
        self.trace.tell(
            self.now,
            format_args!("{} is gone", process.incarnation.node),
        );
        self.invariants.died(number);
        if let Some(disk) = self.processes[number].disk.take() {
            let stored = disk.after_crash(&mut self.chance);
            self.invariants.keeps_only(number, &stored.cells);
            self.places[site].stored = Some(stored);
        }
        self.changes.retain(|_, asked| *asked != number);
        self.note_what_is_gone();
        let all = self.book.all_running();
        let its: Vec<Ticket> = all
            .filter(|(_, call)| call.process == number)
            .map(|(ticket, _)| ticket)
            .collect();
        for ticket in its {
            self.lose(ticket, number);
        }
        self.connections_lose_their_end(site, number);
    }

    /// Takes note of what can be served no more.
    pub(super) fn note_what_is_gone(&mut self) {
        if let Some(left) = self.majorities_without(None) {
            self.gone.members |= !left.suffice_to_decide();
            self.gone.groups = self.gone.groups.union(left.groups_gone());
        }
    }

    /// Whether nothing is gone any more of what was taken note of: those that can still be had hold
    /// all of it.
    pub(crate) fn is_unharmed_after_all(&mut self) -> bool {
        let left = self.majorities_without(None);
        if left.is_some_and(|left| left.suffice()) {
            self.gone = Gone::default();
        }
        self.is_unharmed()
    }

    /// The process at the site does nothing from now on.
    pub(crate) fn freeze(&mut self, site: Site) -> Option<ProcessNumber> {
        let number = self.places[site].process?;
        let process = &mut self.processes[number];
        if process.state != State::Running {
            return None;
        }
        process.state = State::Frozen;
        Some(number)
    }

    /// The process at the site goes on: first it reads what came meanwhile, or first its timers go
    /// off.
    pub(crate) fn thaw(&mut self, site: Site, timers_first: bool) {
        if let Some(process) = self.places[site].process {
            self.thaw_process(process, self.now, false, timers_first);
        }
    }

    pub(super) fn thaw_process(
        &mut self,
        number: ProcessNumber,
        frozen_at: Instant,
        clock_stands: bool,
        timers_first: bool,
    ) {
        let process = &mut self.processes[number];
        if process.state != State::Frozen {
            return;
        }
        process.state = State::Running;
        process.undisturbed_since = self.now;
        self.trace
            .tell(self.now, format_args!("{} thaws", process.incarnation.node));
        let inbox = std::mem::take(&mut process.inbox);
        let site = process.site;
        if clock_stands {
            self.places[site].clock.stand_still(frozen_at, self.now);
        }
        if timers_first {
            self.deliver(number, Input::Timeout);
        }
        for input in inbox {
            self.deliver(number, input);
        }
        self.deliver(number, Input::Timeout);
    }

    /// The clock of the machine skips a span.
    pub(crate) fn jump_clock(&mut self, site: Site, by: Duration) {
        self.places[site].clock.jump(self.now, by);
        if let Some(process) = self.places[site].process {
            self.processes[process].undisturbed_since = self.now;
            self.arm(process);
        }
    }

    /// Sets all wall clocks to the true time.
    pub(crate) fn set_wall_clocks_right(&mut self) {
        self.wall_clocks.set_right(self.now);
    }

    /// The network is whole again, frozen processes thaw, and no clog or storm is left.
    pub(crate) fn heal(&mut self) {
        self.trace.tell(
            self.now,
            format_args!("the network heals, and every process thaws"),
        );
        self.heals += 1;
        self.network.heal(self.now);
        self.rules.clear();
        self.held.clear();
        for site in 0..self.sites() {
            self.thaw(site, false);
        }
    }

    /// Loses and duplicates more messages until the cluster heals.
    pub(crate) fn begin_storm(&mut self, storm: Storm) {
        self.network.begin_storm(storm);
    }

    pub(crate) fn set_weather(&mut self, weather: Weather) {
        self.network.set_weather(weather);
    }

    /// Cuts links until they are mended or the cluster heals.
    pub(crate) fn cut(&mut self, links: &[(Site, Site)]) {
        self.network.cut(links);
    }
}
