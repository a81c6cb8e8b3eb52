//! A lane for each node.

use super::{DONE, LEFT, Picture, REFUSED, SLICE, UNKNOWN, paint};
use crate::cli::canvas::{Anchor, Canvas, Style, width};
use crate::cli::torture::fault::name;

const STATE: f64 = 17.0;
const OPERATIONS: f64 = 11.0;
const LANE: f64 = STATE + OPERATIONS + 9.0;

impl Picture<'_> {
    pub(super) fn lanes_height(&self) -> f64 {
        self.report.timeline.nodes() as f64 * LANE
    }

    pub(super) fn lanes(&self, canvas: &mut Canvas, top: f64) {
        for node in 0..self.report.timeline.nodes() {
            let y = top + node as f64 * LANE;
            canvas.text(16.0, y + 13.0, Anchor::Start, Style::HEADING, &name(node));
            let node_name = self.report.record.nodes.get(node);
            let address = node_name.map_or("", String::as_str);
            let small = Style {
                size: 10.0,
                ..Style::FAINT
            };
            canvas.text(16.0, y + 26.0, Anchor::Start, small, address);
            self.states(canvas, node, y);
            self.operations(canvas, node, y + STATE + 1.0);
        }
    }

    fn states(&self, canvas: &mut Canvas, node: usize, y: f64) {
        let end = self.report.record.elapsed;
        for (from, to, condition) in self.report.timeline.conditions(node, end) {
            let Some((fill, words, colour)) = paint(condition) else {
                continue;
            };
            let (x, right) = (self.x(from), self.x(to));
            let seconds = (to - from).as_secs_f64();
            canvas.open_group(&format!("{} {condition} for {seconds:.2} s", name(node)));
            canvas.rectangle(x, y, right - x, STATE, fill);
            let style = Style {
                size: 11.0,
                colour,
                bold: false,
            };
            if !words.is_empty() && width(words, style.size) + 6.0 < right - x {
                let middle = f64::midpoint(x, right);
                canvas.text(middle, y + 12.5, Anchor::Middle, style, words);
            }
            canvas.close_group();
        }
    }

    /// What was asked of a node: a shade for what was done, the darker the more, and marks for what
    /// was not, which nothing hides.
    fn operations(&self, canvas: &mut Canvas, node: usize, y: f64) {
        let most = self.slices.iter().map(|slice| slice.nodes[node][0]).max();
        let most = most.unwrap_or_default().max(1) as f64;
        for (index, slice) in self.slices.iter().enumerate() {
            let x = LEFT + index as f64 * SLICE;
            let [done, refused, unknown] = slice.nodes[node];
            if done > 0 {
                let height = (done as f64 / most * OPERATIONS).max(2.0);
                canvas.rectangle(x, y + OPERATIONS - height, SLICE, height, DONE);
            }
            if refused > 0 {
                canvas.rectangle(x, y, SLICE, OPERATIONS / 2.0, REFUSED);
            }
            if unknown > 0 {
                canvas.rectangle(x, y + OPERATIONS / 2.0, SLICE, OPERATIONS / 2.0, UNKNOWN);
            }
        }
    }
}
