//! All that can be seen of a cluster.

use super::Cluster;
use crate::book::{Book, Ended};
use crate::clocks::Instant;
use crate::figures::Figures;
use crate::network::Site;
use crate::process::{Process, State};
use protocol::{NodeId, PeerState, RegisterName, Standing, Tag};
use std::fmt;

impl Cluster {
    /// What went wrong that never may.
    pub(crate) fn failure(&self) -> Option<&str> {
        self.invariants.broken()
    }

    pub(crate) fn now(&self) -> Instant {
        self.now
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
        self.process(site).is_some_and(Process::is_member)
    }

    /// What the node at the site knows of its standing, if a process is there.
    pub(crate) fn standing(&self, site: Site) -> Option<Standing> {
        self.process(site)
            .map(|process| process.membership().standing())
    }

    /// How many members of the cluster are dead, if there is a cluster.
    pub(crate) fn members_dead(&self) -> Option<usize> {
        let members = self.configuration.as_ref()?.members().iter();
        let dead = members.filter(|member| self.process_state(member.id) == State::Dead);
        Some(dead.count())
    }

    /// Whether every process holds those members down that are dead.
    pub(crate) fn deaths_are_known(&self) -> bool {
        let members = self.configuration.iter().flat_map(|known| known.members());
        let dead = members.filter(|member| self.process_state(member.id) == State::Dead);
        let mut dead = dead.map(|member| member.id);
        dead.all(|dead| {
            let mut processes = (0..self.sites()).filter_map(|site| self.process(site));
            processes.all(|process| process.membership().peer_state(dead) == PeerState::Down)
        })
    }

    fn process_state(&self, id: NodeId) -> State {
        let process = self.directory.get(&id);
        process.map_or(State::Dead, |process| self.processes[*process].state)
    }

    /// Whether a majority of the members held at least this tag at some time: a member that died
    /// since counts as it was.
    pub(super) fn majority_held(&self, name: &RegisterName, tag: Tag) -> bool {
        let Some(configuration) = &self.configuration else {
            return false;
        };
        let quorums = configuration.quorums(name.slot());
        quorums.is_quorum(|id| {
            let process = self.directory.get(&id);
            process.is_some_and(|process| self.invariants.tag_held(*process, name) >= tag)
        })
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
            ..self.figures.clone()
        }
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
