//! Tables and sentences.

use super::remarks::{load_in_words, remarks};
use super::{Took, letter};
use crate::cli::bench::comparison::{Comparison, Figures, Ratio};
use crate::cli::bench::gaps::{Gap, Gaps};
use crate::cli::bench::operation::Kind;
use crate::cli::figures::{counted, grouped};
use comfy_table::{CellAlignment, Table, presets};

/// What there is to say, for people.
pub(in crate::cli::bench) fn text(comparison: &Comparison) -> String {
    let mut parts = vec![load_in_words(comparison), speeds(comparison)];
    let others = 1..comparison.systems.len();
    let ratios: Vec<String> = others.flat_map(|other| ratios(comparison, other)).collect();
    if !ratios.is_empty() {
        parts.push(ratios.join("\n"));
    }
    parts.push(nodes(comparison));
    let errors = errors(comparison);
    if !errors.is_empty() {
        parts.push(errors.join("\n"));
    }
    let remarks = remarks(comparison);
    parts.push(
        remarks
            .iter()
            .map(|remark| format!("- {remark}"))
            .collect::<Vec<_>>()
            .join("\n"),
    );
    parts.join("\n\n")
}

/// The kinds of operations that there are, and all of them if there are several.
fn kinds(comparison: &Comparison) -> Vec<Option<Kind>> {
    let kinds = Kind::ALL.into_iter();
    let mut kinds: Vec<_> = kinds
        .filter(|kind| comparison.load.has(*kind))
        .map(Some)
        .collect();
    if kinds.len() > 1 {
        kinds.push(None);
    }
    kinds
}

fn plural(kind: Option<Kind>) -> &'static str {
    kind.map_or("all", Kind::plural)
}

fn speeds(comparison: &Comparison) -> String {
    let header = [
        "",
        "",
        "PER SECOND",
        "MEDIAN",
        "99 %",
        "99.9 %",
        "SLOWEST",
        "DONE",
        "FAILED",
    ];
    let mut rows = Vec::new();
    for (index, system) in comparison.systems.iter().enumerate() {
        for kind in kinds(comparison) {
            let Some(figures) = comparison.figures(index, kind) else {
                continue;
            };
            let name = format!("{}  {}", letter(index), system.short());
            let mut row = vec![name, plural(kind).to_owned()];
            row.extend(cells(&figures));
            rows.push(row);
        }
    }
    table(&header, rows, 2)
}

fn cells(figures: &Figures) -> [String; 7] {
    let took = |duration| match figures.done {
        0 => "-".to_owned(),
        _ => Took(duration).to_string(),
    };
    [
        grouped(figures.operations_per_second.round() as u64),
        took(figures.p50),
        took(figures.p99),
        took(figures.p999),
        took(figures.slowest),
        grouped(figures.done),
        grouped(figures.failed),
    ]
}

fn ratios(comparison: &Comparison, other: usize) -> Vec<String> {
    let kinds = kinds(comparison).into_iter();
    let ratios = kinds.filter_map(|kind| {
        let ratio = comparison.ratio(other, kind)?;
        let words = ratio_in_words(&ratio);
        Some(format!(
            "A beside {}, {}: {words}",
            letter(other),
            plural(kind)
        ))
    });
    ratios.collect()
}

fn ratio_in_words(ratio: &Ratio) -> String {
    let rounds: Vec<String> = ratio
        .rounds
        .iter()
        .map(|round| format!("{round:.2}"))
        .collect();
    format!(
        "{:.2} times as many a second ({}); median {:.2}, 99 % {:.2}, 99.9 % {:.2} times as long; \
         its 99 % is {:.2} of the other's median",
        ratio.operations_per_second,
        rounds.join(", "),
        ratio.p50,
        ratio.p99,
        ratio.p999,
        ratio.p99_to_p50,
    )
}

/// How long nothing succeeded at each node, and at none of them.
fn nodes(comparison: &Comparison) -> String {
    let kinds = kinds(comparison);
    let mut header = vec!["LONGEST WITHOUT A SUCCESS", "DONE", "FAILED"];
    let titles: Vec<String> = kinds
        .iter()
        .map(|kind| plural(*kind).to_uppercase())
        .collect();
    header.extend(titles.iter().map(String::as_str));
    let mut rows = Vec::new();
    for (index, system) in comparison.systems.iter().enumerate() {
        let rounds = comparison.rounds(index);
        for (number, node) in system.nodes.iter().enumerate() {
            let records = || rounds.iter().map(|round| &round.recorder.nodes[number]);
            let gaps = kinds.iter().map(|kind| {
                longest(records().map(|node| match kind {
                    Some(kind) => &node.gaps[*kind as usize],
                    None => &node.gaps_of_all,
                }))
            });
            let mut row = vec![
                format!("{}  {node}", letter(index)),
                grouped(records().map(|node| node.done).sum()),
                grouped(records().map(|node| node.failed).sum()),
            ];
            row.extend(gaps);
            rows.push(row);
        }
        if system.nodes.len() > 1 {
            let counts = rounds.iter().map(|round| round.recorder.counts());
            let (done, failed) = counts.fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
            let mut row = vec![
                format!("{}  at any node", letter(index)),
                grouped(done),
                grouped(failed),
            ];
            row.extend(kinds.iter().map(|kind| {
                let gaps: Vec<Gaps> = rounds
                    .iter()
                    .map(|round| round.recorder.gaps(*kind))
                    .collect();
                longest(gaps.iter())
            }));
            rows.push(row);
        }
    }
    table(&header, rows, 1)
}

fn longest<'a>(gaps: impl Iterator<Item = &'a Gaps>) -> String {
    let longest = gaps.filter_map(Gaps::longest).max_by_key(|gap| gap.length);
    match longest {
        None => "under 1 ms".to_owned(),
        Some(Gap { from, length }) => {
            format!("{} at {:.2} s", Took(length), from.as_secs_f64())
        }
    }
}

fn errors(comparison: &Comparison) -> Vec<String> {
    let mut lines = Vec::new();
    for index in 0..comparison.systems.len() {
        let mut all = crate::cli::bench::errors::Errors::default();
        for round in comparison.rounds(index) {
            all.merge(round.recorder.errors.clone());
        }
        for (kind, error) in all.by_count() {
            lines.push(format!(
                "{}: {} failed, {kind}: {}",
                letter(index),
                counted(error.count, "operation", "operations"),
                error.example
            ));
        }
    }
    lines
}

/// A table, the columns of which are set to the right, but for the first ones.
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
        if index == 0 {
            column.set_padding((0, 1));
        }
        if index >= words {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.trim_fmt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::bench::comparison::tests::{comparison, round};

    #[test]
    fn people_get_tables_and_words() {
        let ours = vec![round(2, 500, 1), round(2, 500, 1)];
        let theirs = vec![round(1, 100, 5), round(1, 125, 5)];
        let text = text(&comparison(vec![ours, theirs]));
        let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
        assert_eq!(
            lines[..8],
            [
                "1 client, no pipelining, 64-byte values, 1,000 registers, 50 % reads, closed loop, \
                 2 rounds of 1 s",
                "",
                "                    PER SECOND   MEDIAN     99 %   99.9 %  SLOWEST   DONE  FAILED",
                "A  redis x2  reads         500  1.00 ms  1.00 ms  1.00 ms  1.00 ms  1,000       0",
                "A  redis x2  all           500  1.00 ms  1.00 ms  1.00 ms  1.00 ms  1,000       0",
                "B  etcd      reads         113  5.00 ms  5.00 ms  5.00 ms  5.00 ms    225       0",
                "B  etcd      all           113  5.00 ms  5.00 ms  5.00 ms  5.00 ms    225       0",
                "",
            ],
            "{text}"
        );
        assert!(
            text.contains(
                "A beside B, reads: 4.50 times as many a second (5.00, 4.00); median 0.20"
            ),
            "{text}"
        );
        assert!(text.contains("A  at any node"), "{text}");
        assert!(text.contains("- a closed loop"), "{text}");
    }
}
