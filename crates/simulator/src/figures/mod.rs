//! What was done, in numbers: [`Figures`].

mod changes;
mod operations;
mod table;

pub use changes::{Changes, Recoveries};
pub use operations::{Ends, Operations};

use crate::faults::Fault;
use protocol::Outcome;
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
    /// Operations by what was asked for and how they ended.
    pub operations: Operations,
    /// Reads that are done, by the rounds they took: one, two, and more.
    pub read_rounds: [u64; 3],
    /// Writes that are done, by the rounds they took: two, and more.
    pub write_rounds: [u64; 2],
    /// Changes of members.
    pub changes: Changes,
    /// Recoveries from the loss of a majority.
    pub recoveries: Recoveries,
    /// Tombstones that replicas dropped, each counted at each of them.
    pub tombstones_dropped: u64,
    /// Registers that replicas had missed something of, and took from others unasked.
    pub registers_repaired: u64,
    /// Registers that replicas copied from others.
    pub registers_copied: u64,
    /// Messages between processes.
    pub messages: Messages,
    /// How often each kind of fault was inflicted.
    pub(crate) faults: [u64; Fault::KINDS.len()],
    /// Processes that started where another one had been before.
    pub restarts: u64,
    /// Runs in which so many lost their memory that some data was gone, and stayed so.
    pub data_lost: u64,
    /// The longest time that a cluster needed after healing to come to rest, with every change
    /// ended and everything copied.
    pub rest_longest: Duration,
    /// The longest time that an operation took after that.
    pub operation_longest: Duration,
    /// Registers on which the history was decided by search.
    pub searched: u64,
    /// Clusters with a history that the checker could not decide within its bounds.
    pub undecided: u64,
    /// Time that passed in the runs.
    pub virtual_time: Duration,
    /// Steps of the runs.
    pub events: u64,
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

    /// How many faults of all kinds were inflicted.
    pub fn faults_total(&self) -> u64 {
        self.faults.iter().sum()
    }

    /// So many rounds were needed for an operation that is done.
    pub(crate) fn count_rounds(&mut self, outcome: &Outcome) {
        match outcome {
            Outcome::Read { rounds, .. } => {
                self.read_rounds[usize::from(*rounds).clamp(1, 3) - 1] += 1;
            }
            Outcome::Written { rounds, .. } => {
                self.write_rounds[usize::from(*rounds).clamp(2, 3) - 2] += 1;
            }
            _ => {}
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
        self.operations += other.operations;
        add(&mut self.read_rounds, other.read_rounds);
        add(&mut self.write_rounds, other.write_rounds);
        self.changes += other.changes;
        self.recoveries += other.recoveries;
        self.tombstones_dropped += other.tombstones_dropped;
        self.registers_repaired += other.registers_repaired;
        self.registers_copied += other.registers_copied;
        self.messages.sent += other.messages.sent;
        self.messages.lost += other.messages.lost;
        self.messages.duplicated += other.messages.duplicated;
        add(&mut self.faults, other.faults);
        self.restarts += other.restarts;
        self.data_lost += other.data_lost;
        self.rest_longest = self.rest_longest.max(other.rest_longest);
        self.operation_longest = self.operation_longest.max(other.operation_longest);
        self.searched += other.searched;
        self.undecided += other.undecided;
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
        write!(f, "clusters     {} (", self.runs)?;
        list(f, "of", &self.sizes)?;
        f.write_str(" nodes; ")?;
        list(f, "with R =", &self.replications)?;
        let hours = self.virtual_time.as_secs_f64() / 3600.0;
        writeln!(f, ")")?;
        writeln!(
            f,
            "time         {hours:.1} h of virtual time, {} events",
            self.events
        )?;
        write!(f, "\n{}", self.operations)?;
        let [one, two, more] = self.read_rounds;
        writeln!(
            f,
            "\nread rounds  one {one} ({:.1} %), two {two}, more {more}",
            100.0 * one as f64 / self.operations.reads.done.max(1) as f64
        )?;
        let [two, more] = self.write_rounds;
        writeln!(f, "write rounds two {two}, more {more}")?;
        let Messages {
            sent,
            lost,
            duplicated,
        } = self.messages;
        writeln!(
            f,
            "messages     {sent} sent, {lost} lost, {duplicated} duplicated"
        )?;
        let mut table = table::Table::new(&["faults", "inflicted"]);
        for (kind, count) in Fault::KINDS.iter().zip(self.faults) {
            table.row(kind, &[count]);
        }
        writeln!(f, "\n{table}")?;
        writeln!(
            f,
            "restarts     {} processes started where another had been",
            self.restarts
        )?;
        writeln!(f, "changes      {}", self.changes)?;
        writeln!(f, "recoveries   {}", self.recoveries)?;
        writeln!(f, "copied       {} registers", self.registers_copied)?;
        writeln!(
            f,
            "dropped      {} tombstones at replicas",
            self.tombstones_dropped
        )?;
        writeln!(
            f,
            "repaired     {} registers at replicas that had missed something",
            self.registers_repaired
        )?;
        writeln!(
            f,
            "healing      at rest after {:.1} s at the latest; the longest operation after that \
             took {:.1} s",
            self.rest_longest.as_secs_f64(),
            self.operation_longest.as_secs_f64()
        )?;
        write!(
            f,
            "data gone    in {} clusters, for the loss of a majority\n\
             histories    {} registers decided by search; undecided in {} clusters",
            self.data_lost, self.searched, self.undecided
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::{Operation, Record, RegisterName};

    #[test]
    fn figures_add_up() {
        let name = || RegisterName::new("r").unwrap();
        let read = Operation::Read { name: name() };
        let write = Operation::Write {
            name: name(),
            content: None,
            expiry: None,
        };
        let count = |figures: &mut Figures, rounds: u8| {
            let outcome = Outcome::Read {
                record: Record::EMPTY,
                rounds,
            };
            figures.operations.count(&read, Some(&outcome));
            figures.count_rounds(&outcome);
        };
        let mut sum = Figures::of_cluster(3, 3);
        count(&mut sum, 1);
        sum.rest_longest = Duration::from_secs(2);
        let mut other = Figures::of_cluster(5, 2);
        count(&mut other, 2);
        other.operations.count(&write, Some(&Outcome::Unknown));
        other.operations.count(&write, None);
        other.rest_longest = Duration::from_secs(1);
        sum += other;
        assert_eq!((sum.runs, sum.sizes[3], sum.sizes[5]), (2, 1, 1));
        assert_eq!(sum.read_rounds, [1, 1, 0]);
        assert_eq!(sum.operations.total(), 4);
        assert_eq!(sum.rest_longest, Duration::from_secs(2));
        let text = sum.to_string();
        for line in [
            "clusters     2 (1 of 3, 1 of 5 nodes; 1 with R = 2, 1 with R = 3)",
            "read rounds  one 1 (50.0 %), two 1, more 0",
            "writes                      2     0          0        0        1             1",
        ] {
            assert!(text.contains(line), "{text}");
        }
    }
}
