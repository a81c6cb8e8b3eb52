//! Operations each second, and how long they took.

use super::{DONE, GRID, LEFT, Picture, REFUSED, SILENCE, SLICE, heading};
use crate::cli::canvas::{Anchor, Canvas, INK, Style, width};
use crate::cli::figures::{Millis, grouped};
use std::time::Duration;

const RATE: f64 = 110.0;
const TIMES: f64 = 100.0;
const BETWEEN: f64 = 54.0;

/// How high both charts are.
pub(super) const HEIGHT: f64 = RATE + BETWEEN + TIMES;

/// What the lower chart reaches from and to, as powers of ten of milliseconds.
const DECADES: (i32, i32) = (-1, 4);

/// How long a gap must be to be marked.
const GAP_MIN: Duration = Duration::from_millis(100);

impl Picture<'_> {
    pub(super) fn charts(&self, canvas: &mut Canvas, top: f64) {
        self.rates(canvas, top);
        self.times(canvas, top + RATE + BETWEEN);
    }

    fn rates(&self, canvas: &mut Canvas, top: f64) {
        heading(canvas, top - 12.0, "Operations each second");
        let slice_seconds = self.slice_seconds();
        let sums = self.slices.iter().map(|slice| slice.done + slice.failed);
        let most = sums.max().unwrap_or_default().max(1) as f64 / slice_seconds;
        let scale = RATE / most;
        let bottom = top + RATE;
        for (share, label) in [(0.0, 0.0), (0.5, most / 2.0), (1.0, most)] {
            let y = bottom - share * RATE;
            canvas.line((LEFT, y), (LEFT + self.plot_width, y), GRID);
            let label = grouped(label as u64);
            canvas.text(LEFT - 8.0, y + 4.0, Anchor::End, Style::FAINT, &label);
        }
        for (index, slice) in self.slices.iter().enumerate() {
            let x = LEFT + index as f64 * SLICE;
            let done = slice.done as f64 / slice_seconds * scale;
            if slice.done > 0 {
                canvas.rectangle(x, bottom - done, SLICE, done, DONE);
            }
            if slice.failed > 0 {
                let failed = (slice.failed as f64 / slice_seconds * scale).max(2.0);
                canvas.rectangle(x, bottom - done - failed, SLICE, failed, REFUSED);
            }
        }
        self.gaps(canvas, bottom);
    }

    /// The longest first; a shorter one beside it has no room for words.
    fn gaps(&self, canvas: &mut Canvas, bottom: f64) {
        let style = Style {
            colour: SILENCE,
            ..Style::FAINT
        };
        let mut taken: Vec<(f64, f64)> = Vec::new();
        for gap in &self.report.judgement.gaps {
            if gap.length < GAP_MIN {
                continue;
            }
            let (from, to) = (self.x(gap.from), self.x(gap.from + gap.length));
            canvas.rectangle(from, bottom + 2.0, (to - from).max(2.0), 5.0, SILENCE);
            let words = Millis(gap.length).to_string();
            let middle = f64::midpoint(from, to);
            let half = width(&words, style.size) / 2.0 + 3.0;
            let (left, right) = (middle - half, middle + half);
            if taken.iter().all(|(from, to)| right <= *from || left >= *to) {
                canvas.text(middle, bottom + 18.0, Anchor::Middle, style, &words);
                taken.push((left, right));
            }
        }
    }

    fn times(&self, canvas: &mut Canvas, top: f64) {
        heading(
            canvas,
            top - 14.0,
            "How long those took that were done: the line is the median, each dot the slowest",
        );
        let bottom = top + TIMES;
        let (least, most) = DECADES;
        let y = |millis: f64| {
            let decades = f64::from(most - least);
            let share = (millis.max(1e-9).log10() - f64::from(least)) / decades;
            bottom - share.clamp(0.0, 1.0) * TIMES
        };
        for decade in least..=most {
            let millis = 10f64.powi(decade);
            canvas.line((LEFT, y(millis)), (LEFT + self.plot_width, y(millis)), GRID);
            let label = match decade {
                3.. => format!("{:.0} s", millis / 1e3),
                0.. => format!("{millis:.0} ms"),
                _ => format!("{millis} ms"),
            };
            let at = y(millis) + 4.0;
            canvas.text(LEFT - 8.0, at, Anchor::End, Style::FAINT, &label);
        }
        let mut line = Vec::new();
        for (index, slice) in self.slices.iter().enumerate() {
            let x = LEFT + (index as f64 + 0.5) * SLICE;
            let Some(slowest) = slice.took_ms.last() else {
                canvas.path(&line, INK, 1.5);
                line.clear();
                continue;
            };
            canvas.dot(x, y(*slowest), 1.4, "#0072b2");
            line.push((x, y(slice.took_ms[slice.took_ms.len() / 2])));
        }
        canvas.path(&line, INK, 1.5);
    }
}
