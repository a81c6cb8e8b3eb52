//! What each node did, over time.

use super::scale::measured;
use super::{FAILED, FRAME, LEFT, Picture, SILENCE};
use crate::cli::bench::report::Took;
use crate::cli::canvas::{Anchor, Canvas, Style, width};
use std::time::Duration;

const ROW: f64 = 17.0;
const BAR: f64 = 11.0;

/// What has succeeded at a node.
const DONE: &str = "#bfe3d6";

/// How long nothing must have succeeded at a node to be told in words.
const GAP_MIN: Duration = Duration::from_millis(20);

impl Picture<'_> {
    pub(super) fn nodes_height(&self, index: usize) -> f64 {
        self.comparison.systems[index].nodes.len() as f64 * ROW
    }

    /// A row for each node: what it did in each slice of time, and how long it did nothing.
    pub(super) fn nodes(&self, canvas: &mut Canvas, index: usize, top: f64) {
        let nodes = &self.comparison.systems[index].nodes;
        for (number, node) in nodes.iter().enumerate() {
            let y = top + number as f64 * ROW;
            canvas.text(
                LEFT - 8.0,
                y + 9.5,
                Anchor::End,
                Style::FAINT,
                node.as_str(),
            );
            for round in 0..self.comparison.rounds(index).len() {
                self.node(canvas, (index, number, round), y);
            }
        }
    }

    fn node(&self, canvas: &mut Canvas, (index, node, round): (usize, usize, usize), y: f64) {
        let span = self.span(index, round);
        let round = &self.comparison.rounds(index)[round];
        for measured in measured(round) {
            let (done, failed) = measured.slice.nodes[node];
            let left = span.x(measured.from);
            let width = span.x(measured.from + measured.length) - left;
            if done > 0 {
                canvas.rectangle(left, y, width, BAR, DONE);
            }
            if failed > 0 {
                let share = failed as f64 / (done + failed) as f64;
                let height = (share * BAR).max(2.0);
                canvas.rectangle(left, y + BAR - height, width, height, FAILED);
            }
        }
        canvas.frame(span.left, y, span.width, BAR, FRAME);
        let Some(gap) = round.recorder.nodes[node].gaps_of_all.longest() else {
            return;
        };
        if gap.length < GAP_MIN {
            return;
        }
        let (from, to) = (span.x(gap.from), span.x(gap.from + gap.length));
        canvas.rectangle(from, y + BAR, (to - from).max(2.0), 3.0, SILENCE);
        let style = Style {
            colour: SILENCE,
            ..Style::FAINT
        };
        let words = format!("{} without a success", Took(gap.length));
        let room = width(&words, style.size);
        let x = (to + 6.0).min(span.left + span.width - room - 4.0);
        let x = x.max(span.left + 4.0);
        canvas.rectangle(x - 3.0, y + 0.5, room + 3.0, BAR - 1.0, "#ffffff");
        canvas.text(x, y + 9.5, Anchor::Start, style, &words);
    }
}
