//! The run as a picture on a line of time: [`Picture`].
//!
//! From top to bottom: how it went, in words; the faults; a lane for each node, with what it looked
//! like and the operations that were asked of it; operations each second; how long they took. One
//! file that any browser shows, without scripts; what is too small for words tells more when a
//! pointer rests on it.

mod charts;
mod lanes;
mod rows;
#[cfg(test)]
mod tests;

use super::fault::{FaultGroup, FaultKind};
use super::report::Report;
use super::timeline::Condition;
use crate::cli::canvas::{Anchor, Canvas, INK, Style, width};
use crate::cli::workload::{Ended, OperationRecord};
use rows::rows;
use std::time::Duration;

/// A run, to be drawn.
pub(crate) struct Picture<'a> {
    report: &'a Report<'a>,
    /// The operations of each slice of time.
    slices: Vec<Slice>,
    plot_width: f64,
}

/// What happened in a slice of time.
#[derive(Clone, Default)]
struct Slice {
    done: u64,
    failed: u64,
    /// How long those took that were done, in ascending order.
    took_ms: Vec<f64>,
    /// At each node, how many were done, refused, and unknown.
    nodes: Vec<[u64; 3]>,
}

const LEFT: f64 = 112.0;
const RIGHT: f64 = 36.0;
const TITLE_HEIGHT: f64 = 142.0;
const FAULT_ROW: f64 = 19.0;
const GAP: f64 = 34.0;

/// How wide a second is, if that makes the picture neither too narrow nor too wide.
const SECOND: f64 = 22.0;
const PLOT_WIDTH_MIN: f64 = 1250.0;
const PLOT_WIDTH_MAX: f64 = 6000.0;

/// How wide a slice of time is.
const SLICE: f64 = 4.0;

// Colours that people who see colours differently tell apart (Okabe and Ito, "Color Universal
// Design", 2008), or tints of them.
const UP: &str = "#bfe3d6";
const FROZEN: &str = "#56b4e9";
const DEAD: &str = "#3c3c3c";
const COPYING: &str = "#f0e442";
const CUT_OFF: &str = "#d55e00";
const PARTLY_CUT: &str = "url(#partly)";
const OUTSIDE: &str = "#d4d4d4";
const DONE: &str = "#009e73";
const REFUSED: &str = "#e69f00";
const UNKNOWN: &str = "#a2407c";
const FAULTS_ON: &str = "#faf0e0";
const GETTING_OVER: &str = "#eef3fa";
const GRID: &str = "#dcdcdc";
const MEMBERS: &str = "#8c8c8c";
const SILENCE: &str = "#cc2222";

const DEFINITIONS: &str = "<pattern id=\"partly\" width=\"8\" height=\"8\" \
    patternUnits=\"userSpaceOnUse\" patternTransform=\"rotate(45)\">\
    <rect width=\"8\" height=\"8\" fill=\"#bfe3d6\"/>\
    <rect width=\"4\" height=\"8\" fill=\"#d55e00\"/></pattern>";

impl<'a> Picture<'a> {
    /// The picture of a run.
    pub(crate) fn of(report: &'a Report<'a>) -> Self {
        let seconds = report.record.elapsed.as_secs_f64();
        let mut picture = Self {
            report,
            slices: Vec::new(),
            plot_width: (seconds * SECOND).clamp(PLOT_WIDTH_MIN, PLOT_WIDTH_MAX),
        };
        let empty = Slice {
            nodes: vec![[0; 3]; report.timeline.nodes()],
            ..Slice::default()
        };
        let count = (picture.plot_width / SLICE).ceil() as usize;
        picture.slices = vec![empty; count.max(1)];
        for operation in &report.record.operations {
            picture.count(operation);
        }
        for slice in &mut picture.slices {
            slice.took_ms.sort_by(f64::total_cmp);
        }
        picture
    }

    fn count(&mut self, operation: &OperationRecord) {
        let at = Duration::from_nanos(operation.end_ns);
        let index = ((self.x(at) - LEFT) / SLICE) as usize;
        let last = self.slices.len() - 1;
        let slice = &mut self.slices[index.min(last)];
        let way = match operation.ended {
            Ended::Done => {
                slice.done += 1;
                slice.took_ms.push(operation.took().as_secs_f64() * 1e3);
                0
            }
            Ended::Refused => 1,
            Ended::Unknown => 2,
        };
        slice.failed += u64::from(way > 0);
        if let Some(node) = operation.node
            && let Some(node) = slice.nodes.get_mut(usize::from(node))
        {
            node[way] += 1;
        }
    }

    /// How long a slice of time is.
    fn slice_seconds(&self) -> f64 {
        SLICE / self.plot_width * self.report.record.elapsed.as_secs_f64()
    }

    fn x(&self, time: Duration) -> f64 {
        let share = time.as_secs_f64() / self.report.record.elapsed.as_secs_f64().max(1e-9);
        LEFT + share.min(1.0) * self.plot_width
    }

    /// Draws it.
    pub(crate) fn draw(&self) -> String {
        let faults = self.fault_labels();
        let spans: Vec<(f64, f64)> = faults.iter().map(|(from, to, _)| (*from, *to)).collect();
        let (places, fault_rows) = rows(&spans);
        let faults_top = TITLE_HEIGHT + 18.0;
        let lanes_top = faults_top + fault_rows as f64 * FAULT_ROW + GAP;
        let charts_top = lanes_top + self.lanes_height() + GAP;
        let bottom = charts_top + charts::HEIGHT;
        let mut canvas = Canvas::new(LEFT + self.plot_width + RIGHT, bottom + 58.0, DEFINITIONS);
        self.title(&mut canvas);
        self.phases(&mut canvas, faults_top, bottom);
        self.axis(&mut canvas, faults_top, bottom);
        heading(&mut canvas, faults_top - 5.0, "Faults");
        for ((from, _, label), row) in faults.iter().zip(places) {
            let y = faults_top + row as f64 * FAULT_ROW;
            label.draw(&mut canvas, *from, y);
        }
        heading(
            &mut canvas,
            lanes_top - 6.0,
            "Nodes, and below each the operations asked of it",
        );
        self.lanes(&mut canvas, lanes_top);
        self.charts(&mut canvas, charts_top);
        canvas.finish()
    }

    fn title(&self, canvas: &mut Canvas) {
        let text = |canvas: &mut Canvas, y, style, text: &str| {
            canvas.text(16.0, y, Anchor::Start, style, text);
        };
        text(canvas, 32.0, Style::TITLE, &self.report.title());
        text(canvas, 54.0, Style::PLAIN, &self.report.in_a_line());
        let verdict = Style {
            colour: if self.report.is_well() {
                "#00694d"
            } else {
                SILENCE
            },
            ..Style::HEADING
        };
        text(canvas, 75.0, verdict, &self.report.verdict_line());
        legend(canvas, 98.0, &CONDITIONS);
        legend(canvas, 120.0, &OTHER_MARKS);
    }

    /// What is behind everything: when faults were on, and when the nodes got over them.
    fn phases(&self, canvas: &mut Canvas, top: f64, bottom: f64) {
        let end = self.report.record.elapsed;
        for phase in self.report.timeline.phases() {
            let healed = phase.healed.unwrap_or(end);
            let settled = phase.settled.unwrap_or(end);
            let (from, healed, settled) = (self.x(phase.from), self.x(healed), self.x(settled));
            canvas.rectangle(from, top, healed - from, bottom - top, FAULTS_ON);
            canvas.rectangle(healed, top, settled - healed, bottom - top, GETTING_OVER);
        }
    }

    fn axis(&self, canvas: &mut Canvas, top: f64, bottom: f64) {
        let seconds = self.report.record.elapsed.as_secs_f64();
        let per_second = self.plot_width / seconds.max(1e-9);
        let steps = [1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0];
        let step = steps.into_iter().find(|step| step * per_second >= 52.0);
        let step = step.unwrap_or(3600.0);
        let mut at = 0.0;
        while at <= seconds {
            let x = LEFT + at * per_second;
            canvas.line((x, top), (x, bottom + 5.0), GRID);
            canvas.text(
                x,
                bottom + 20.0,
                Anchor::Middle,
                Style::PLAIN,
                &format!("{at}"),
            );
            at += step;
        }
        canvas.line((LEFT, bottom), (LEFT + self.plot_width, bottom), INK);
        let middle = LEFT + self.plot_width / 2.0;
        canvas.text(
            middle,
            bottom + 40.0,
            Anchor::Middle,
            Style::PLAIN,
            "seconds since the clients began",
        );
    }

    /// The faults, each with the room that it and its words take.
    fn fault_labels(&self) -> Vec<(f64, f64, FaultLabel<'_>)> {
        let end = self.report.record.elapsed;
        let faults = self.report.timeline.faults().iter();
        let faults = faults.map(|fault| {
            let (from, to) = (self.x(fault.from), self.x(fault.end(end)));
            let words = fault.short();
            let room = (to + 5.0 + width(&words, Style::FAINT.size)).max(from + 6.0);
            let past_the_edge = room > LEFT + self.plot_width + RIGHT;
            let label = FaultLabel {
                words,
                tooltip: fault.words.as_str(),
                outcome: fault.outcome.as_deref(),
                fill: fill(fault.kind),
                bar_end: to.max(from + 3.0),
                before: past_the_edge,
            };
            match past_the_edge {
                true => {
                    let words = width(&label.words, Style::FAINT.size);
                    (from - 5.0 - words, to + 6.0, label)
                }
                false => (from, room + 8.0, label),
            }
        });
        faults.collect()
    }
}

/// A fault's bar, with its words.
struct FaultLabel<'a> {
    words: String,
    tooltip: &'a str,
    outcome: Option<&'a str>,
    fill: &'static str,
    bar_end: f64,
    /// Whether the words stand before the bar.
    before: bool,
}

impl FaultLabel<'_> {
    fn draw(&self, canvas: &mut Canvas, from: f64, y: f64) {
        let words = width(&self.words, Style::FAINT.size);
        let bar = if self.before {
            from + words + 5.0
        } else {
            from
        };
        let tooltip = match self.outcome {
            Some(outcome) => format!("{}: {outcome}", self.tooltip),
            None => self.tooltip.to_owned(),
        };
        canvas.open_group(&tooltip);
        canvas.rectangle(bar, y + 3.0, self.bar_end - bar, 11.0, self.fill);
        let text = if self.before {
            from
        } else {
            self.bar_end + 4.0
        };
        canvas.text(text, y + 12.5, Anchor::Start, Style::FAINT, &self.words);
        canvas.close_group();
    }
}

fn heading(canvas: &mut Canvas, y: f64, text: &str) {
    canvas.text(16.0, y, Anchor::Start, Style::HEADING, text);
}

const CONDITIONS: [(&str, &str); 7] = [
    (UP, "up, whole"),
    (FROZEN, "frozen"),
    (DEAD, "dead: killed, stopped or replaced"),
    (COPYING, "copying what it is to hold"),
    (CUT_OFF, "cut off from all"),
    (PARTLY_CUT, "cut off from some"),
    (OUTSIDE, "runs, no member"),
];

const OTHER_MARKS: [(&str, &str); 6] = [
    (DONE, "operations done"),
    (REFUSED, "refused, or a read without an answer"),
    (UNKNOWN, "write unknown"),
    (FAULTS_ON, "faults are on"),
    (GETTING_OVER, "faults are over, not all is whole yet"),
    (
        SILENCE,
        "longest times without a success at nodes that had to serve",
    ),
];

fn legend(canvas: &mut Canvas, y: f64, marks: &[(&str, &str)]) {
    let mut x = 16.0;
    for (fill, words) in marks {
        canvas.rectangle(x, y, 16.0, 12.0, fill);
        canvas.frame(x, y, 16.0, 12.0, "#9a9a9a");
        canvas.text(x + 21.0, y + 10.5, Anchor::Start, Style::PLAIN, words);
        x += 21.0 + width(words, Style::PLAIN.size) + 20.0;
    }
}

/// The colour of a fault's bar: that of what it does to a node.
fn fill(kind: FaultKind) -> &'static str {
    match kind.group() {
        FaultGroup::Kill | FaultGroup::Restart => DEAD,
        FaultGroup::Freeze => FROZEN,
        FaultGroup::Partition => CUT_OFF,
        FaultGroup::Members => MEMBERS,
    }
}

/// How a node that looks like this is painted, and what is written there if there is room.
fn paint(condition: Condition) -> Option<(&'static str, &'static str, &'static str)> {
    match condition {
        Condition::Absent => None,
        Condition::Dead => Some((DEAD, "dead", "#ffffff")),
        Condition::Frozen => Some((FROZEN, "frozen", INK)),
        Condition::CutOff => Some((CUT_OFF, "cut off", "#ffffff")),
        Condition::Copying => Some((COPYING, "copying", INK)),
        Condition::PartlyCut => Some((PARTLY_CUT, "", INK)),
        Condition::Outside => Some((OUTSIDE, "no member", INK)),
        Condition::Up => Some((UP, "", INK)),
    }
}
