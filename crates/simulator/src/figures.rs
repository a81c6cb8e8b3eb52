//! What was done, in numbers: [`Figures`].

use crate::faults::Fault;
use protocol::{ChangeRefusal, Configuration, Epoch, Member, Outcome};
use std::fmt;
use std::ops::AddAssign;
use std::time::Duration;

/// The numbers of one run, or of many together.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Figures {
    /// How many runs.
    pub runs: u64,
    /// How many of them had a cluster that was founded by so many nodes.
    pub sizes: [u64; 10],
    /// How many of them held each slot on so many nodes, if there were so many.
    pub replications: [u64; 10],
    /// Operations by how they ended.
    pub operations: Operations,
    /// Reads that are done, by the rounds they took: one, two, and more.
    pub read_rounds: [u64; 3],
    /// Writes that are done, by the rounds they took: two, and more.
    pub write_rounds: [u64; 2],
    /// Changes of members.
    pub changes: Changes,
    /// Registers that replicas copied from others.
    pub registers_copied: u64,
    /// Messages between processes.
    pub messages: Messages,
    /// How often each kind of fault was inflicted.
    pub(crate) faults: [u64; Fault::KINDS.len()],
    /// Runs in which so many lost their memory that some data was gone.
    pub data_lost: u64,
    /// Registers on which the history was decided by search.
    pub searched: u64,
    /// Time that passed in the runs.
    pub virtual_time: Duration,
    /// Steps of the runs.
    pub events: u64,
}

/// Operations by how they ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Operations {
    /// Reads that gave a value.
    pub reads_done: u64,
    /// Writes and deletes that took effect.
    pub writes_done: u64,
    /// Read-modify-writes that took effect.
    pub modified: u64,
    /// Read-modify-writes that found nothing to change.
    pub unchanged: u64,
    /// Operations that certainly did not happen.
    pub refused: u64,
    /// Operations that may have taken effect or not.
    pub unknown: u64,
    /// Operations whose process died before it answered.
    pub lost: u64,
}

impl Operations {
    /// How many there were.
    pub fn total(&self) -> u64 {
        let done = self.reads_done + self.writes_done + self.modified + self.unchanged;
        done + self.refused + self.unknown + self.lost
    }
}

/// Changes of members.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Changes {
    /// Operators asked for them.
    pub asked: u64,
    /// Operators were told that they have begun.
    pub begun_for_operators: u64,
    /// Operators were told that they have not.
    pub refused: u64,
    /// Operators were told that nobody knows.
    pub unknown: u64,
    /// Configurations of a change that stood.
    pub begun: u64,
    /// Those of them by which a node came in the place of one that had been at its address.
    pub rejoins: u64,
    /// Changes that were done.
    pub finished: u64,
    /// Changes that were given up.
    pub aborted: u64,
    /// Processes that stopped, since another one had their place.
    pub stopped: u64,
}

impl Changes {
    /// An operator is told this.
    pub(crate) fn count(&mut self, answer: &Result<Epoch, ChangeRefusal>) {
        match answer {
            Ok(_) => self.begun_for_operators += 1,
            Err(ChangeRefusal::Unknown) => self.unknown += 1,
            Err(_) => self.refused += 1,
        }
    }

    /// A configuration stands after another one.
    pub(crate) fn stands(&mut self, before: Option<&Configuration>, now: &Configuration) {
        if before.is_none() {
            return;
        }
        if !now.is_joint() {
            let which = match now.is_aborted() {
                true => &mut self.aborted,
                false => &mut self.finished,
            };
            *which += 1;
            return;
        }
        self.begun += 1;
        let leaves = |member: &&Member| !now.contains_after(member.id);
        let leaving: Vec<&Member> = now.members_before().iter().filter(leaves).collect();
        let comes_back = |member: &Member| {
            let is_new = !now.contains_before(member.id);
            is_new && leaving.iter().any(|other| other.address == member.address)
        };
        self.rejoins += u64::from(now.members_after().iter().any(comes_back));
    }
}

/// Messages between processes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Messages {
    /// Sent, those to nobody's address included.
    pub sent: u64,
    /// Lost on the way, or never on a connection.
    pub lost: u64,
    /// Delivered twice.
    pub duplicated: u64,
}

impl Figures {
    /// The figures of a run that begins, of a cluster of this size and replication factor.
    pub(crate) fn of_cluster(nodes: usize, replication: u8) -> Self {
        let mut figures = Self {
            runs: 1,
            ..Self::default()
        };
        figures.sizes[nodes.min(9)] = 1;
        figures.replications[usize::from(replication).min(9)] = 1;
        figures
    }

    /// An operation was answered.
    pub(crate) fn count(&mut self, is_write: bool, outcome: &Outcome) {
        match outcome {
            Outcome::Read { rounds, .. } => {
                self.operations.reads_done += 1;
                self.read_rounds[usize::from(*rounds).clamp(1, 3) - 1] += 1;
            }
            Outcome::Written { rounds, .. } => {
                self.operations.writes_done += 1;
                self.write_rounds[usize::from(*rounds).clamp(2, 3) - 2] += 1;
            }
            Outcome::Modified { .. } => self.operations.modified += 1,
            Outcome::Unchanged { .. } => self.operations.unchanged += 1,
            Outcome::Refused(_) => self.operations.refused += 1,
            Outcome::Unknown => self.operations.unknown += u64::from(is_write),
        }
    }
}

impl AddAssign for Figures {
    fn add_assign(&mut self, other: Self) {
        fn add<const N: usize>(sum: &mut [u64; N], other: [u64; N]) {
            sum.iter_mut()
                .zip(other)
                .for_each(|(sum, other)| *sum += other);
        }
        self.runs += other.runs;
        add(&mut self.sizes, other.sizes);
        add(&mut self.replications, other.replications);
        self.operations.reads_done += other.operations.reads_done;
        self.operations.writes_done += other.operations.writes_done;
        self.operations.modified += other.operations.modified;
        self.operations.unchanged += other.operations.unchanged;
        self.operations.refused += other.operations.refused;
        self.operations.unknown += other.operations.unknown;
        self.operations.lost += other.operations.lost;
        add(&mut self.read_rounds, other.read_rounds);
        add(&mut self.write_rounds, other.write_rounds);
        let (sum, changes) = (&mut self.changes, other.changes);
        sum.asked += changes.asked;
        sum.begun_for_operators += changes.begun_for_operators;
        sum.refused += changes.refused;
        sum.unknown += changes.unknown;
        sum.begun += changes.begun;
        sum.rejoins += changes.rejoins;
        sum.finished += changes.finished;
        sum.aborted += changes.aborted;
        sum.stopped += changes.stopped;
        self.registers_copied += other.registers_copied;
        self.messages.sent += other.messages.sent;
        self.messages.lost += other.messages.lost;
        self.messages.duplicated += other.messages.duplicated;
        add(&mut self.faults, other.faults);
        self.data_lost += other.data_lost;
        self.searched += other.searched;
        self.virtual_time += other.virtual_time;
        self.events += other.events;
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |f: &mut fmt::Formatter<'_>, what: &str, runs: &[u64]| {
            let of = runs.iter().enumerate().filter(|(_, runs)| **runs > 0);
            of.enumerate().try_for_each(|(index, (of, runs))| {
                let comma = if index == 0 { "" } else { ", " };
                write!(f, "{comma}{runs} {what} {of}")
            })
        };
        write!(f, "{} clusters (", self.runs)?;
        list(f, "of", &self.sizes)?;
        f.write_str(" nodes; ")?;
        list(f, "with R =", &self.replications)?;
        let hours = self.virtual_time.as_secs_f64() / 3600.0;
        writeln!(f, "), {hours:.1} h of virtual time, {} events", self.events)?;

        let Operations {
            reads_done,
            writes_done,
            modified,
            unchanged,
            refused,
            unknown,
            lost,
        } = self.operations;
        writeln!(
            f,
            "operations   {}: {reads_done} reads, {writes_done} writes and {modified} \
             read-modify-writes done, {unchanged} without a change, {refused} refused, {unknown} \
             unknown, {lost} lost with their process",
            self.operations.total()
        )?;
        let [one, two, more] = self.read_rounds;
        writeln!(
            f,
            "read rounds  one {one} ({:.1} %), two {two}, more {more}",
            100.0 * one as f64 / reads_done.max(1) as f64
        )?;
        let [two, more] = self.write_rounds;
        writeln!(f, "write rounds two {two}, more {more}")?;
        let Changes {
            asked,
            begun_for_operators,
            refused,
            unknown,
            begun,
            rejoins,
            finished,
            aborted,
            stopped,
        } = self.changes;
        writeln!(
            f,
            "changes      {begun} begun, {rejoins} of them by restarted nodes: {finished} finished, \
             {aborted} given up; {asked} asked for by operators: {begun_for_operators} begun, \
             {refused} refused, {unknown} unknown; {stopped} nodes stopped that were replaced"
        )?;
        writeln!(f, "copied       {} registers", self.registers_copied)?;
        let Messages {
            sent,
            lost,
            duplicated,
        } = self.messages;
        writeln!(
            f,
            "messages     {sent} sent, {lost} lost, {duplicated} duplicated"
        )?;
        write!(f, "faults      ")?;
        for (index, (kind, count)) in Fault::KINDS.iter().zip(self.faults).enumerate() {
            let comma = if index == 0 { " " } else { ", " };
            write!(f, "{comma}{count} {kind}")?;
        }
        writeln!(f)?;
        write!(
            f,
            "data gone    in {} clusters, for the loss of a majority; registers decided by search: {}",
            self.data_lost, self.searched
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::Record;

    #[test]
    fn figures_add_up() {
        let read = |rounds| Outcome::Read {
            record: Record::EMPTY,
            rounds,
        };
        let mut sum = Figures::of_cluster(3, 3);
        sum.count(false, &read(1));
        let mut other = Figures::of_cluster(5, 2);
        other.count(false, &read(2));
        other.count(true, &Outcome::Unknown);
        sum += other;
        assert_eq!((sum.runs, sum.sizes[3], sum.sizes[5]), (2, 1, 1));
        assert_eq!(sum.read_rounds, [1, 1, 0]);
        assert_eq!(sum.operations.total(), 3);
        let text = sum.to_string();
        assert!(
            text.contains("2 clusters (1 of 3, 1 of 5 nodes; 1 with R = 2, 1 with R = 3)"),
            "{text}"
        );
        assert!(text.contains("one 1 (50.0 %), two 1, more 0"), "{text}");
    }
}
