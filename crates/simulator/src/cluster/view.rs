//! All that can be seen of a cluster.

use super::Cluster;
use crate::book::{Book, Ended};
use crate::clocks::Instant;
use crate::figures::Figures;
use crate::memory::Majorities;
use crate::network::{ProcessNumber, Site};
use crate::process::{Process, State};
use protocol::{
    Address, ChangeRefusal, Configuration, Epoch, NodeId, PeerState, RegisterName, Standing,
    Ticket, UnixMillis,
};
use std::fmt;
use std::sync::Arc;

impl Cluster {
    /// What went wrong that never may.
    pub(crate) fn failure(&self) -> Option<&str> {
        self.invariants.broken()
    }

    pub(crate) fn now(&self) -> Instant {
        self.now
    }

    /// What the wall clock at the site shows.
    pub(crate) fn wall(&self, site: Site) -> UnixMillis {
        self.wall_clocks.read(site, self.now)
    }

    /// All that clients saw.
    pub(crate) fn history(&self) -> checker::History<String> {
        self.book.history(&self.wall_clocks)
    }

    pub(crate) fn sites(&self) -> usize {
        self.places.len()
    }

    pub(crate) fn state(&self, site: Site) -> State {
        let process = self.places[site].process;
        process.map_or(State::Dead, |process| self.processes[process].state)
    }

    /// The process that runs at the site, or is frozen there.
    pub(crate) fn process(&self, site: Site) -> Option<&Process> {
        let process = &self.processes[self.places[site].process?];
        (process.state != State::Dead).then_some(process)
    }

    pub(crate) fn is_member(&self, site: Site) -> bool {
        let id = self.process(site).map(|process| process.incarnation.node);
        let configuration = self.configuration.as_ref();
        configuration.is_some_and(|known| id.is_some_and(|id| known.contains(id)))
    }

    /// What the node at the site knows of its standing, if a process is there.
    pub(crate) fn standing(&self, site: Site) -> Option<Standing> {
        self.process(site)
            .map(|process| process.membership().standing())
    }

    /// The newest configuration that anybody has entered.
    pub(crate) fn configuration(&self) -> Option<&Arc<Configuration>> {
        self.configuration.as_ref()
    }

    pub(crate) fn address(&self, site: Site) -> &Address {
        &self.places[site].address
    }

    /// What an operator was told about the change that it asked for.
    pub(crate) fn change_answer(&self, ticket: Ticket) -> Option<&Result<Epoch, ChangeRefusal>> {
        self.changes_answered.get(&ticket)
    }

    /// Whom operators take for lost for good, and who does indeed do nothing.
    pub(crate) fn taken_for_lost(&self) -> impl Iterator<Item = NodeId> + '_ {
        let is_silent = |id: &NodeId| {
            let process = self.directory.get(id);
            process.is_some_and(|process| self.processes[*process].state != State::Running)
        };
        self.lost.iter().copied().filter(is_silent)
    }

    /// Whether that process is dead.
    pub(crate) fn is_dead(&self, id: NodeId) -> bool {
        self.living(id).is_none()
    }

    /// Whether operators have yet to be told what became of a change.
    pub(crate) fn owes_answers(&self) -> bool {
        !self.changes.is_empty()
    }

    /// How many of the sites found the cluster: the first ones.
    pub(crate) fn founders(&self) -> usize {
        self.machines.founders
    }

    fn living(&self, id: NodeId) -> Option<ProcessNumber> {
        let process = *self.directory.get(&id)?;
        (self.processes[process].state != State::Dead).then_some(process)
    }

    /// What majorities the living would make without the process at that site, if there is a
    /// cluster.
    pub(super) fn majorities_without(&self, site: Option<Site>) -> Option<Majorities> {
        let configuration = self.configuration.as_ref()?;
        let alive = |id| {
            let process = *self.directory.get(&id)?;
            let is_there = self.processes[process].state != State::Dead || self.has_kept(process);
            if !is_there {
                return None;
            }
            (Some(self.processes[process].site) != site).then_some(process)
        };
        Some(self.memory.majorities(configuration, alive))
    }

    /// Whether the process at the site would be gone with nothing but its process: what it has said
    /// is on a disk.
    pub(crate) fn has_disk_at(&self, site: Site) -> bool {
        self.places[site]
            .process
            .is_some_and(|process| self.has_kept(process))
    }

    /// Whether what a process held is on the disk of its site, for its next process.
    fn has_kept(&self, process: ProcessNumber) -> bool {
        let site = self.processes[process].site;
        let is_last = self.places[site].process == Some(process);
        is_last && (self.processes[process].disk.is_some() || self.places[site].stored.is_some())
    }

    /// Whether the cluster survives the death of the process at the site. It does not if nobody at
    /// the addresses of the list would know it any more: fresh processes there, cut off from its
    /// members elsewhere, would found another one.
    pub(crate) fn survives_death_at(&self, site: Site) -> bool {
        let (Some(now), Some(then)) = (
            self.majorities_without(None),
            self.majorities_without(Some(site)),
        ) else {
            return true;
        };
        then.survive(&now) && self.is_known_without(site)
    }

    /// Whether somebody at the addresses of the list would still know the cluster if the process at
    /// the site died, if anybody does.
    pub(crate) fn is_known_without(&self, site: Site) -> bool {
        let is_known_at = |site: Site| {
            let standing = self.standing(site);
            standing.is_some_and(|standing| standing != Standing::Fresh)
        };
        let knowing: Vec<Site> = (0..self.sites())
            .filter(|site| is_known_at(*site))
            .collect();
        let mut others = knowing.iter().filter(|other| **other != site).peekable();
        // If nobody knows it then, it is gone, and another one may stand.
        others.peek().is_none()
            || others.any(|other| *other < self.founders())
            || !knowing.contains(&site)
            || self.has_disk_at(site)
    }

    /// Whether a process was ever started at the site.
    pub(crate) fn was_started(&self, site: Site) -> bool {
        self.places[site].process.is_some()
    }

    /// Whether what every death needs to be survived is still there.
    pub(crate) fn is_unharmed(&self) -> bool {
        !self.gone.members && self.gone.groups.is_empty()
    }

    /// Whether a majority of the members is left, to decide the next configuration.
    pub(crate) fn can_decide(&self) -> bool {
        !self.gone.members
    }

    /// Whether every process in the newest configuration knows that a majority of its members is
    /// gone, if it is.
    pub(crate) fn knows_that_nothing_can_be_decided(&self) -> bool {
        let left = self.majorities_without(None);
        if left.is_none_or(|left| left.suffice_to_decide()) {
            return true;
        }
        let newest = self.configuration.as_ref();
        let mut processes = (0..self.sites()).filter_map(|site| self.process(site));
        processes
            .all(|process| process.configuration() != newest || process.membership().quorum_lost())
    }

    /// Whether the register's group has lost a majority of those who held all of it.
    pub(crate) fn is_gone(&self, name: &RegisterName) -> bool {
        let group = name.slot().group();
        group.is_some_and(|group| self.gone.groups.contains(group))
    }

    /// Whether every process holds those members down that are dead.
    pub(crate) fn deaths_are_known(&self) -> bool {
        let members = self.configuration.iter().flat_map(|known| known.members());
        let dead = members.filter(|member| self.living(member.id).is_none());
        let mut dead = dead.map(|member| member.id);
        dead.all(|dead| {
            let mut processes = (0..self.sites()).filter_map(|site| self.process(site));
            processes.all(|process| process.membership().peer_state(dead) == PeerState::Down)
        })
    }

    /// What is still on its way to where it will stay: a change of members, a node that comes in
    /// its former place, or in a new one, or one that has yet to copy. `None` if the cluster is
    /// at rest.
    pub(crate) fn unrest(&self) -> Option<String> {
        let Some(configuration) = &self.configuration else {
            return Some("no cluster stands".into());
        };
        let epoch = configuration.epoch();
        if configuration.is_joint() {
            return Some(format!("the change of epoch {epoch} has not ended"));
        }
        if let Some(ticket) = self.changes.keys().next() {
            return Some(format!(
                "it is not known what became of change #{}",
                ticket.0
            ));
        }
        for process in (0..self.sites()).filter_map(|site| self.process(site)) {
            let id = process.incarnation.node;
            let known = process.era();
            if known != Some((configuration.cluster(), epoch)) {
                return Some(format!("{id} is in epoch {known:?} and not in {epoch}"));
            }
            let address = &self.places[process.site].address;
            let mut members = configuration.members().iter();
            match members.find(|member| member.address == *address) {
                Some(member) if member.id != id && !process.was_let_go() => {
                    return Some(format!("{id} has not come in the place of {}", member.id));
                }
                None if process.site >= self.founders() && !process.was_let_go() => {
                    return Some(format!("{id} has not come in"));
                }
                Some(_) | None => {}
            }
            if process.was_replaced() {
                return Some(format!("{id} was replaced and has not stopped"));
            }
            if !process.is_whole() {
                return Some(format!("{id} has not copied all that it holds"));
            }
        }
        None
    }

    pub(crate) fn book(&self) -> &Book {
        &self.book
    }

    /// The operations that ended since this was last called.
    pub(crate) fn take_ended(&mut self) -> Vec<Ended> {
        self.book.take_ended()
    }

    /// The figures so far.
    pub(crate) fn figures(&self) -> Figures {
        let virtual_time = self.now.since(Instant::START);
        Figures {
            virtual_time,
            events: self.events,
            tombstones_dropped: (self.processes.iter())
                .map(|p| p.tombstones_dropped())
                .sum(),
            registers_repaired: (self.processes.iter())
                .map(|p| p.registers_repaired())
                .sum(),
            registers_copied: self.processes.iter().map(|p| p.registers_copied).sum(),
            ..self.figures.clone()
        }
    }

    /// Which register is not held alike by all of its replicas that run, if one is not.
    pub(crate) fn unlike(&self, names: &[RegisterName]) -> Option<String> {
        let configuration = self.configuration.as_ref()?;
        let processes: Vec<_> = (0..self.sites())
            .filter_map(|site| self.process(site))
            .collect();
        names.iter().find_map(|name| {
            let quorums = configuration.quorums(name.slot());
            let holds = |process: &&Process| quorums.contains(process.incarnation.node);
            let mut replicas = processes.iter().copied().filter(holds);
            let first = replicas.next()?;
            let other = replicas.find(|other| other.held_tag(name) != first.held_tag(name))?;
            Some(format!(
                "{} holds {name} as {:?}, and {} as {:?}",
                first.incarnation.node,
                first.held_tag(name),
                other.incarnation.node,
                other.held_tag(name)
            ))
        })
    }

    /// The digest of everything that happened.
    pub(crate) fn digest(&self) -> u64 {
        self.trace.digest()
    }
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cluster")
            .field("now", &self.now)
            .field("processes", &self.processes.len())
            .finish()
    }
}
