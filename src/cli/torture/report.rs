//! What a run comes to, for people and for programs: [`Report`].

use super::TortureArgs;
use super::fault::{FaultGroup, FaultKind, name};
use super::judgement::{Judgement, end, start};
use super::timeline::{FaultSpan, Timeline};
use crate::cli::failure::{Exit, Failure};
use crate::cli::figures::{Millis, counted, grouped};
use crate::cli::output;
use crate::cli::workload::{Kind, Summary, WorkloadRecord};
use checker::{ByteString, Verdict};
use comfy_table::{CellAlignment, Table, presets};
use serde_json::{Value, json};
use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What a run comes to.
pub(crate) struct Report<'a> {
    pub(crate) arguments: &'a TortureArgs,
    pub(crate) seed: u64,
    /// The kind of network.
    pub(crate) network: &'static str,
    pub(crate) record: &'a WorkloadRecord,
    pub(crate) timeline: &'a Timeline,
    pub(crate) judgement: &'a Judgement,
    pub(crate) verdict: &'a Verdict<ByteString>,
    /// What ended it early.
    pub(crate) ended: Option<&'a Failure>,
}

/// How many operations that should not have failed are told one by one.
const FAILED_TOLD_MAX: usize = 5;

impl Report<'_> {
    /// What was run.
    pub(crate) fn title(&self) -> String {
        format!(
            "shardedmemory torture: {} nodes, each register on {}, {:.0} s, network: {}",
            self.arguments.nodes,
            self.arguments.replication,
            self.record.elapsed.as_secs_f64(),
            self.network
        )
    }

    /// Its figures in a line.
    pub(crate) fn in_a_line(&self) -> String {
        let ends = self.judgement.ends;
        format!(
            "seed {} · {} in {} · {} clients on {}: {} operations done, {} refused, {} unknown",
            self.seed,
            counted(self.faults(), "fault", "faults"),
            counted(self.timeline.phases().len() as u64, "phase", "phases"),
            self.arguments.clients,
            counted(self.record.registers.len() as u64, "register", "registers"),
            grouped(ends.done),
            grouped(ends.refused),
            grouped(ends.unknown),
        )
    }

    /// What was found.
    pub(crate) fn verdict_line(&self) -> String {
        let linearizable = match self.verdict {
            Verdict::Linearizable(_) => "what clients saw is linearizable",
            Verdict::Violation(_) => "what clients saw is NOT linearizable",
            Verdict::Undecided(_) => "whether what clients saw is linearizable is UNDECIDED",
        };
        let failed = self.judgement.failed_where_obliged.len() as u64;
        let served = match failed {
            0 => "no operation failed at a node that had to serve".to_owned(),
            _ => format!(
                "{} FAILED at nodes that had to serve",
                counted(failed, "operation", "operations")
            ),
        };
        let ended = match self.ended.map(|failure| &failure.message) {
            None => "the cluster was whole again after every phase".to_owned(),
            Some(None) => "interrupted".to_owned(),
            Some(Some(message)) => message.clone(),
        };
        format!("{linearizable}; {served}; {ended}")
    }

    /// Whether nothing was found.
    pub(crate) fn is_well(&self) -> bool {
        matches!(self.verdict, Verdict::Linearizable(_))
            && self.judgement.failed_where_obliged.is_empty()
            && self.ended.is_none()
    }

    fn faults(&self) -> u64 {
        self.timeline.faults().len() as u64
    }

    /// The changes of members that were made.
    fn changes(&self) -> u64 {
        let faults = self.timeline.faults().iter();
        let done = faults.filter(|fault| {
            let outcome = fault.outcome.as_deref().unwrap_or_default();
            fault.kind.group() == FaultGroup::Members && outcome.ends_with("it is done")
        });
        done.count() as u64
    }

    /// Tells it on standard output.
    pub(crate) fn tell(&self) {
        if self.arguments.json {
            output::line(&self.json().to_string());
            return;
        }
        output::line(&format!("{}\n{}\n", self.title(), self.in_a_line()));
        output::line(&self.table().to_string());
        output::line(&self.figures());
        for &failed in (self.judgement.failed_where_obliged.iter()).take(FAILED_TOLD_MAX) {
            output::line(&self.failed(failed));
        }
        match self.verdict {
            Verdict::Violation(witness) => output::line(&format!("{witness}\n")),
            other => output::line(&other.to_string()),
        }
        output::line(&format!(
            "{}\npicture: {}\nagain: {}",
            self.verdict_line(),
            self.arguments.svg.display(),
            self.arguments.again(self.seed)
        ));
    }

    fn table(&self) -> Table {
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        table.set_header([
            "fault",
            "times",
            "longest gap at nodes that had to serve",
            "all whole again at the latest after",
        ]);
        let time =
            |time: Option<Duration>| time.map_or("-".to_owned(), |it| Millis(it).to_string());
        for kind in FaultKind::ALL {
            let Some(figures) = self.judgement.kinds.get(&kind) else {
                continue;
            };
            table.add_row([
                kind.words().to_owned(),
                figures.count.to_string(),
                time(figures.gap_longest),
                time(figures.whole_after_longest),
            ]);
        }
        for column in 1..4 {
            if let Some(column) = table.column_mut(column) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        table
    }

    fn figures(&self) -> String {
        let summary = Summary::of(self.record);
        let mut text = String::new();
        for kind in &summary.kinds {
            let Some(latency) = kind.latency else {
                continue;
            };
            let (one, known) = kind.one_round;
            text.push_str(&format!(
                "\n{:9} {:>9} done, half of them in {}, 99 of 100 in {}, the slowest in {}; {:.1} % \
                 in one round",
                kind.kind.plural(),
                grouped(kind.ends.done),
                Millis(latency.p50),
                Millis(latency.p99),
                Millis(latency.max),
                100.0 * one as f64 / known.max(1) as f64
            ));
            if kind.kind != Kind::Read {
                text.truncate(text.rfind(';').unwrap_or(text.len()));
            }
        }
        if let Some(gap) = self.judgement.gaps.first() {
            text.push_str(&format!(
                "\nlongest gap at nodes that had to serve: {}, {:.1} s after the beginning",
                Millis(gap.length),
                gap.from.as_secs_f64()
            ));
        }
        if let Some(again) = self.judgement.served_again_longest {
            text.push_str(&format!(
                "\nfirst success after the faults of a phase: at the latest after {}",
                Millis(again)
            ));
        }
        text.push_str(&format!(
            "\n{} made",
            counted(self.changes(), "change of members", "changes of members")
        ));
        text
    }

    fn failed(&self, index: usize) -> String {
        let operation = &self.record.operations[index];
        let node = operation.node.map_or(0, usize::from);
        format!(
            "  failed where it should not have: client {} at {}, {} of {}, from {:.3} s to {:.3} s: \
             {:?}",
            operation.client,
            name(node),
            operation.kind.plural(),
            self.record.registers[operation.register as usize],
            start(operation).as_secs_f64(),
            end(operation).as_secs_f64(),
            operation.ended,
        )
    }

    /// Saves the history where it was asked for, or, if it is a proof, beside the logs.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(crate) fn save_history(&self, logs: &Path) -> Result<(), Failure> {
        let wanted = self.arguments.history.clone();
        let path = match self.verdict {
            Verdict::Linearizable(_) => wanted,
            _ => wanted.or_else(|| Some(logs.join("history.txt"))),
        };
        let Some(path) = path else {
            return Ok(());
        };
        let saved = File::create(&path).and_then(|file| self.record.write(BufWriter::new(file)));
        match saved {
            Ok(()) => {
                output::note(&format!("the history is in {}", path.display()));
                Ok(())
            }
            Err(error) => {
                let path: PathBuf = path;
                Err(Failure::failed(format!(
                    "cannot write the history to {}: {error}",
                    path.display()
                )))
            }
        }
    }

    /// How the command ends for what was found.
    ///
    /// # Errors
    /// If something was found.
    pub(crate) fn failure(&self) -> Result<(), Failure> {
        match self.verdict {
            Verdict::Linearizable(_) => {}
            Verdict::Violation(_) => {
                return Err(Failure::new(
                    Exit::NotLinearizable,
                    "what the clients saw is not linearizable: the cluster broke its promise",
                ));
            }
            Verdict::Undecided(undecided) => {
                return Err(Failure::failed(format!(
                    "nobody can say whether what the clients saw is linearizable: {undecided}"
                )));
            }
        }
        match self.judgement.failed_where_obliged.len() {
            0 => Ok(()),
            failed => Err(Failure::failed(format!(
                "{} failed at nodes that had to serve",
                counted(failed as u64, "operation", "operations")
            ))
            .hint(
                "if this machine had too much else to do, give a longer --timeout-ms; the nodes' \
                 logs tell more",
            )),
        }
    }

    fn json(&self) -> Value {
        let millis = |time: Duration| (time.as_secs_f64() * 1e6).round() / 1e3;
        let ends = self.judgement.ends;
        let kinds = self.judgement.kinds.iter().map(|(kind, figures)| {
            json!({
                "fault": kind.words(),
                "count": figures.count,
                "gap_longest_ms": figures.gap_longest.map(millis),
                "whole_after_longest_ms": figures.whole_after_longest.map(millis),
            })
        });
        let faults = self.timeline.faults().iter().map(|fault| {
            json!({
                "fault": fault.words,
                "from_ms": millis(fault.from),
                "to_ms": fault.to.map(millis),
                "outcome": fault.outcome,
            })
        });
        json!({
            "seed": self.seed,
            "again": self.arguments.again(self.seed),
            "network": self.network,
            "nodes": self.arguments.nodes,
            "replication": self.arguments.replication,
            "elapsed_ms": millis(self.record.elapsed),
            "operations": { "done": ends.done, "refused": ends.refused, "unknown": ends.unknown },
            "phases": self.timeline.phases().len(),
            "kinds": kinds.collect::<Vec<_>>(),
            "faults": faults.collect::<Vec<_>>(),
            "changes_of_members": self.changes(),
            "gap_longest_ms": self.judgement.gaps.first().map(|gap| millis(gap.length)),
            "served_again_longest_ms": self.judgement.served_again_longest.map(millis),
            "failed_where_obliged": self.judgement.failed_where_obliged.len(),
            "linearizable": match self.verdict {
                Verdict::Linearizable(_) => Some(true),
                Verdict::Violation(_) => Some(false),
                Verdict::Undecided(_) => None,
            },
            "verdict": self.verdict_line(),
            "picture": self.arguments.svg.display().to_string(),
        })
    }
}

impl FaultSpan {
    /// What it was, in as few words as possible.
    pub(crate) fn short(&self) -> String {
        let words = self.words.split(',').next().unwrap_or_default();
        words.to_owned()
    }
}
