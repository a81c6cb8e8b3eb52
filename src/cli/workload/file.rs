//! A record as a file in the line format of [`checker::lines`], and back.

use super::record::{Ended, Kind, OperationRecord, WorkloadRecord};
use crate::cli::figures::grouped;
use checker::lines::{Line, Reader, Writer};
use checker::{ByteString, History, Outcome, RegisterName};
use std::collections::HashMap;
use std::fmt;
use std::io::{self, BufRead, Write};
use std::time::Duration;

/// Why a record cannot be read from a file.
#[derive(Debug)]
pub(crate) enum ReadError {
    /// It is not in the line format, or the source failed.
    Lines(checker::lines::ReadError),
    /// It has more operations than this.
    TooMany(usize),
}

/// The note that tells which node was asked.
const NODE: &str = "node";

/// The note that tells how many rounds an operation took.
const ROUNDS: &str = "rounds";

impl WorkloadRecord {
    /// Writes the operations, a line each, in the order of their starts.
    ///
    /// # Errors
    /// If the sink fails.
    pub(crate) fn write(&self, sink: impl Write) -> io::Result<()> {
        let mut writer = Writer::new(sink)?;
        writer.comment(&format!("recorded by shardedmemory {}", crate::VERSION))?;
        writer.comment("call end client register action outcome; times in nanoseconds")?;
        for ((register, operation), record) in self.history.operations().zip(&self.operations) {
            let node = record.node.map(|node| &*self.nodes[usize::from(node)]);
            let rounds = record.rounds.map(|rounds| rounds.to_string());
            let notes = [(NODE, node), (ROUNDS, rounds.as_deref())];
            let notes: Vec<(&str, &str)> = (notes.into_iter())
                .filter_map(|(name, value)| Some((name, value?)))
                .collect();
            writer.write(register, operation, Some(record.end_ns), &notes)?;
        }
        writer.finish()
    }

    /// Reads what [`WorkloadRecord::write`] wrote, or another program in the same format: up to so
    /// many operations.
    ///
    /// # Errors
    /// If it is not in this format, if it has more operations, or if the source fails.
    pub(crate) fn read(source: impl BufRead, operations_max: usize) -> Result<Self, ReadError> {
        let mut record = Reading::default();
        for line in Reader::new(source).map_err(ReadError::Lines)? {
            let line = line.map_err(ReadError::Lines)?;
            if record.operations.len() == operations_max {
                return Err(ReadError::TooMany(operations_max));
            }
            record.add(line);
        }
        Ok(record.end())
    }

    /// Reads a few lines, for tests.
    #[cfg(test)]
    pub(crate) fn of_lines(lines: &str) -> Self {
        let text = format!("shardedmemory-history 1\n{lines}");
        Self::read(text.as_bytes(), usize::MAX).unwrap()
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lines(error) => error.fmt(f),
            Self::TooMany(most) => {
                write!(f, "it has more than {} operations", grouped(*most as u64))
            }
        }
    }
}

/// A record, as far as it has been read.
#[derive(Default)]
struct Reading {
    history: History<ByteString>,
    operations: Vec<OperationRecord>,
    registers: Numbers<RegisterName>,
    nodes: Numbers<String>,
}

impl Reading {
    fn add(&mut self, line: Line) {
        let operation = &line.operation;
        let (ended, end_ns) = match operation.outcome {
            Outcome::Done { time, .. } => (Ended::Done, time),
            Outcome::Refused { time } => (Ended::Refused, time),
            Outcome::Unknown => (Ended::Unknown, line.given_up.unwrap_or(operation.call)),
        };
        let note = |wanted: &str| {
            let mut notes = line.notes.iter();
            notes.find_map(|(name, value)| (name == wanted).then_some(value))
        };
        let node = note(NODE).map(|node| self.nodes.of(node));
        self.operations.push(OperationRecord {
            client: operation.client.0,
            start_ns: operation.call,
            end_ns,
            register: (self.registers.of(&line.register).try_into())
                .expect("the names of 2^32 registers fit in no memory"),
            node: node.and_then(|node| node.try_into().ok()),
            kind: Kind::of(&operation.action),
            ended,
            rounds: note(ROUNDS).and_then(|rounds| rounds.parse().ok()),
        });
        line.record(&mut self.history);
    }

    fn end(self) -> WorkloadRecord {
        let ends = self.operations.iter().map(|operation| operation.end_ns);
        WorkloadRecord {
            elapsed: Duration::from_nanos(ends.max().unwrap_or_default()),
            history: self.history,
            operations: self.operations,
            registers: self.registers.names,
            nodes: self.nodes.names,
            full: false,
            unreachable: 0,
            last_failure: None,
        }
    }
}

/// Names, numbered in the order in which they are first seen.
struct Numbers<N> {
    names: Vec<N>,
    numbers: HashMap<N, usize>,
}

impl<N> Default for Numbers<N> {
    fn default() -> Self {
        Self {
            names: Vec::new(),
            numbers: HashMap::new(),
        }
    }
}

impl<N: Clone + Eq + std::hash::Hash> Numbers<N> {
    fn of(&mut self, name: &N) -> usize {
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        let number = self.names.len();
        self.names.push(name.clone());
        self.numbers.insert(name.clone(), number);
        number
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_written_and_read_again_with_nodes_and_rounds() {
        let text = "shardedmemory-history 1\n\
            0 120 1 x write =1-1 done node=127.0.0.1:3030 rounds=2\n\
            150 400 2 y delete unknown node=127.0.0.1:3031\n\
            160 300 1 x read done =1-1 node=127.0.0.1:3030 rounds=1\n";
        let record = WorkloadRecord::read(text.as_bytes(), 3).unwrap();
        assert_eq!(record.nodes, ["127.0.0.1:3030", "127.0.0.1:3031"]);
        assert_eq!(record.elapsed, Duration::from_nanos(400));
        let expected = OperationRecord {
            client: 2,
            start_ns: 150,
            end_ns: 400,
            register: 1,
            node: Some(1),
            kind: Kind::Delete,
            ended: Ended::Unknown,
            rounds: None,
        };
        assert_eq!(record.operations[1], expected);
        assert_eq!(record.operations[2].rounds, Some(1));

        let mut written = Vec::new();
        record.write(&mut written).unwrap();
        let written = String::from_utf8(written).unwrap();
        let lines: Vec<&str> = written
            .lines()
            .filter(|line| !line.starts_with('#'))
            .collect();
        assert_eq!(lines, text.lines().collect::<Vec<_>>());
    }

    #[test]
    fn no_more_is_read_than_there_is_room_for() {
        let text = "shardedmemory-history 1\n0 1 1 x delete done\n2 3 1 x delete done\n";
        let error = WorkloadRecord::read(text.as_bytes(), 1).err().unwrap();
        assert_eq!(error.to_string(), "it has more than 1 operations");
    }

    #[test]
    fn notes_of_other_programs_do_no_harm() {
        let record = WorkloadRecord::of_lines("0 1 1 x read done - rounds=many node= other=1\n");
        assert_eq!(record.operations[0].rounds, None);
        assert_eq!(record.nodes, [""]);
    }
}
