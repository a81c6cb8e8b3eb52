//! What there is to say of a history: [`Report`].

use super::judgement::Judgement;
use super::remarks::remarks;
use crate::cli::figures::{Millis, counted, grouped};
use crate::cli::workload::{Ends, Gap, KindSummary, Latency, Summary, WorkloadRecord};
use comfy_table::{CellAlignment, Table, presets};
use serde_json::{Value, json};
use std::time::Duration;

/// What there is to say of a history.
#[derive(Clone, Debug)]
pub(crate) struct Report {
    /// The history in figures.
    pub(crate) summary: Summary,
    /// How many registers it has.
    pub(crate) registers: usize,
    /// What it is judged to be.
    pub(crate) judgement: Judgement,
    /// What a reader of the figures must know, a sentence each.
    pub(crate) remarks: Vec<String>,
    /// Where the history can be found, if anywhere.
    pub(crate) history: Option<String>,
}

impl Report {
    /// Judges what was recorded. It may take a while.
    pub(crate) fn of(record: &WorkloadRecord) -> Self {
        let summary = Summary::of(record);
        Self {
            remarks: remarks(&summary),
            registers: record.registers.len(),
            judgement: Judgement::of(record),
            summary,
            history: None,
        }
    }

    /// For people.
    pub(crate) fn text(&self) -> String {
        let mut parts = Vec::new();
        if !self.summary.kinds.is_empty() {
            parts.push(kinds(&self.summary.kinds));
            parts.push(nodes(&self.summary));
        }
        parts.push(self.figures());
        parts.push(self.judgement.words());
        if let Some(history) = &self.history {
            parts.push(format!("The history is in {history}."));
        }
        parts.join("\n\n")
    }

    fn figures(&self) -> String {
        let summary = &self.summary;
        let mut text = format!(
            "{} on {} in {:.1} s; of those done, {:.1} % ran while another ran on the same register",
            counted(summary.all.sum(), "operation", "operations"),
            counted(self.registers as u64, "register", "registers"),
            summary.elapsed.as_secs_f64(),
            summary.overlap * 100.0
        );
        for remark in &self.remarks {
            text.push_str(&format!("\n- {remark}"));
        }
        text
    }

    /// For programs.
    pub(crate) fn json(&self) -> Value {
        let summary = &self.summary;
        let kinds = summary.kinds.iter().map(|kind| {
            let mut object = ends_json(kind.ends);
            object["latency_ms"] = json!(kind.latency.map(latency_json));
            let (one, known) = kind.one_round;
            object["in_one_round"] = json!(one);
            object["rounds_known"] = json!(known);
            (kind.kind.plural().to_owned(), object)
        });
        let nodes = summary.nodes.iter().map(|node| {
            let mut object = ends_json(node.ends);
            object["longest_without_success"] = gap_json(node.gap);
            (node.node.clone(), object)
        });
        let witness = match &self.judgement {
            Judgement::Violated(witness) => Some(json!({
                "register": witness.register.as_bytes().escape_ascii().to_string(),
                "explanation": witness.explanation,
                "operations": witness.to_string(),
            })),
            Judgement::Linearizable | Judgement::Undecided(_) | Judgement::Nothing => None,
        };
        json!({
            "verdict": self.judgement.word(),
            "witness": witness,
            "operations": ends_json(summary.all),
            "registers": self.registers,
            "elapsed_ms": millis(summary.elapsed),
            "longest_without_success": gap_json(summary.gap),
            "overlap": summary.overlap,
            "kinds": kinds.collect::<serde_json::Map<_, _>>(),
            "nodes": nodes.collect::<serde_json::Map<_, _>>(),
            "remarks": self.remarks,
            "history": self.history,
        })
    }
}

fn kinds(kinds: &[KindSummary]) -> String {
    let header = [
        "",
        "DONE",
        "REFUSED",
        "UNKNOWN",
        "IN ONE ROUND",
        "MEDIAN",
        "99 %",
        "SLOWEST",
    ];
    let rows = kinds.iter().map(|kind| {
        let [done, refused, unknown] = ends_cells(kind.ends);
        let one_round = match kind.one_round {
            (_, 0) => "-".to_owned(),
            (one, known) => format!("{:.1} %", percentage(one, known)),
        };
        let took = |of: fn(Latency) -> Duration| {
            let latency = kind.latency.map(|latency| Millis(of(latency)).to_string());
            latency.unwrap_or_else(|| "-".to_owned())
        };
        let latencies = [
            took(|latency| latency.p50),
            took(|latency| latency.p99),
            took(|latency| latency.max),
        ];
        let mut row = vec![
            kind.kind.plural().to_owned(),
            done,
            refused,
            unknown,
            one_round,
        ];
        row.extend(latencies);
        row
    });
    table(&header, rows.collect(), header.len())
}

fn nodes(summary: &Summary) -> String {
    let header = [
        "NODE",
        "DONE",
        "REFUSED",
        "UNKNOWN",
        "LONGEST WITHOUT A SUCCESS",
    ];
    let row = |name: &str, ends, gap: Gap| {
        let [done, refused, unknown] = ends_cells(ends);
        let gap = format!(
            "{}, from {:.2} s on",
            Millis(gap.length),
            gap.from.as_secs_f64()
        );
        vec![name.to_owned(), done, refused, unknown, gap]
    };
    let nodes = summary.nodes.iter();
    let mut rows: Vec<_> = nodes
        .map(|node| row(&node.node, node.ends, node.gap))
        .collect();
    rows.push(row("overall", summary.all, summary.gap));
    table(&header, rows, header.len() - 1)
}

/// A table, the columns of which are set to the right, but for the first, and for those from
/// `words` on.
fn table(header: &[&str], rows: Vec<Vec<String>>, words: usize) -> String {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_header(header.iter().copied());
    for row in rows {
        table.add_row(row);
    }
    for index in 0..header.len() {
        let column = table.column_mut(index).expect("the table has this column");
        match index {
            0 => {
                column.set_padding((0, 1));
            }
            index if index < words => {
                column.set_cell_alignment(CellAlignment::Right);
            }
            _ => {}
        }
    }
    table.trim_fmt()
}

fn ends_cells(ends: Ends) -> [String; 3] {
    [ends.done, ends.refused, ends.unknown].map(grouped)
}

/// Rounded down, so that only all of them are 100 %.
fn percentage(part: u64, all: u64) -> f64 {
    (part as f64 / all as f64 * 1000.0).floor() / 10.0
}

fn ends_json(ends: Ends) -> Value {
    json!({ "done": ends.done, "refused": ends.refused, "unknown": ends.unknown })
}

fn gap_json(gap: Gap) -> Value {
    json!({ "ms": millis(gap.length), "from_ms": millis(gap.from) })
}

fn latency_json(latency: Latency) -> Value {
    let Latency { p50, p99, max } = latency;
    json!({ "p50": millis(p50), "p99": millis(p99), "max": millis(max) })
}

fn millis(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(lines: &str) -> Report {
        Report::of(&WorkloadRecord::of_lines(lines))
    }

    const LINES: &str = "\
        0 2000000 1 x write =a done node=127.0.0.1:3030 rounds=2\n\
        1000000 4000000 2 x read done =a node=127.0.0.1:3031 rounds=1\n\
        3000000 7000000 2 x read refused node=127.0.0.1:3031\n";

    #[test]
    fn people_get_tables_and_words() {
        let mut report = report(LINES);
        report.history = Some("seen.txt".to_owned());
        let text = report.text();
        let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
        assert_eq!(
            lines[..8],
            [
                "        DONE  REFUSED  UNKNOWN  IN ONE ROUND  MEDIAN    99 %  SLOWEST",
                "reads      1        1        0       100.0 %  3.0 ms  3.0 ms   3.0 ms",
                "writes     1        0        0         0.0 %  2.0 ms  2.0 ms   2.0 ms",
                "",
                "NODE            DONE  REFUSED  UNKNOWN  LONGEST WITHOUT A SUCCESS",
                "127.0.0.1:3030     1        0        0  5.0 ms, from 0.00 s on",
                "127.0.0.1:3031     1        1        0  4.0 ms, from 0.00 s on",
                "overall            2        1        0  3.0 ms, from 0.00 s on",
            ],
            "{text}"
        );
        assert!(
            text.contains("3 operations on 1 register in 0.0 s; of those done, 100.0 %"),
            "{text}"
        );
        assert!(text.contains("\nlinearizable: "), "{text}");
        assert!(text.ends_with("The history is in seen.txt."), "{text}");
    }

    #[test]
    fn programs_get_json() {
        let json = report(LINES).json();
        assert_eq!(json["verdict"], "linearizable");
        assert_eq!(
            json["operations"],
            json!({ "done": 2, "refused": 1, "unknown": 0 })
        );
        assert_eq!(json["kinds"]["reads"]["latency_ms"]["max"], json!(3.0));
        assert_eq!(json["kinds"]["writes"]["in_one_round"], json!(0));
        let gap = &json["nodes"]["127.0.0.1:3030"]["longest_without_success"];
        assert_eq!(*gap, json!({ "ms": 5.0, "from_ms": 2.0 }));
        assert_eq!(
            (&json["witness"], &json["history"]),
            (&Value::Null, &Value::Null)
        );
    }

    #[test]
    fn a_violation_is_explained() {
        let report = report(&format!("{LINES}8000000 9000000 1 x read done -\n"));
        assert!(
            report
                .text()
                .contains("register \"x\" is not linearizable: "),
            "{}",
            report.text()
        );
        let json = report.json();
        assert_eq!(json["verdict"], "violated");
        assert_eq!(json["witness"]["register"], "x");
    }

    #[test]
    fn an_empty_history_has_no_tables() {
        let text = report("").text();
        assert!(text.starts_with("0 operations on 0 registers"), "{text}");
    }
}
