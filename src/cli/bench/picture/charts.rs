//! Operations each second, and how long they took, over time.

use super::scale::measured;
use super::{FAILED, FRAME, GRID, LEFT, PLOT_WIDTH, Picture, SILENCE, SLOW, colour};
use crate::cli::bench::operation::Kind;
use crate::cli::canvas::{Anchor, Canvas, INK, Style};
use crate::cli::figures::grouped;
use std::time::Duration;

const RATES: f64 = 110.0;
const TIMES: f64 = 110.0;
const BETWEEN: f64 = 16.0;

/// How high both charts are.
pub(super) const HEIGHT: f64 = RATES + BETWEEN + TIMES;

impl Picture<'_> {
    pub(super) fn charts(&self, canvas: &mut Canvas, index: usize, top: f64) {
        self.rates(canvas, index, top);
        self.latencies(canvas, index, top + RATES + BETWEEN);
    }

    fn rates(&self, canvas: &mut Canvas, index: usize, top: f64) {
        let bottom = top + RATES;
        for share in [0.0, 0.5, 1.0] {
            let y = bottom - share * RATES;
            canvas.line((LEFT, y), (LEFT + PLOT_WIDTH, y), GRID);
            let label = grouped((share * self.rates.most) as u64);
            canvas.text(LEFT - 8.0, y + 4.0, Anchor::End, Style::FAINT, &label);
        }
        canvas.text(16.0, top - 8.0, Anchor::Start, Style::FAINT, "each second");
        for (number, round) in self.comparison.rounds(index).iter().enumerate() {
            let span = self.span(index, number);
            for measured in measured(round) {
                let (from, to) = (measured.from, measured.from + measured.length);
                let (left, right) = (span.x(from), span.x(to));
                let mut y = bottom;
                let parts =
                    Kind::ALL.map(|kind| (measured.slice.done[kind as usize], colour(kind)));
                for (count, fill) in parts.into_iter().chain([(measured.slice.failed, FAILED)]) {
                    if count == 0 {
                        continue;
                    }
                    let height = measured.per_second(count) / self.rates.most * RATES;
                    // A single failure is seen, too.
                    let height = if fill == FAILED {
                        height.max(2.0)
                    } else {
                        height
                    };
                    y -= height;
                    canvas.rectangle(left, y, right - left, height, fill);
                }
            }
            canvas.frame(span.left, top, span.width, RATES, FRAME);
        }
    }

    fn latencies(&self, canvas: &mut Canvas, index: usize, top: f64) {
        let bottom = top + TIMES;
        let y = |duration: Duration| bottom - self.times.share(duration) * TIMES;
        for (duration, label) in self.times.marks() {
            let y = y(duration);
            canvas.line((LEFT, y), (LEFT + PLOT_WIDTH, y), GRID);
            canvas.text(LEFT - 8.0, y + 4.0, Anchor::End, Style::FAINT, &label);
        }
        for (number, round) in self.comparison.rounds(index).iter().enumerate() {
            let span = self.span(index, number);
            let (mut medians, mut slow) = (Vec::new(), Vec::new());
            for measured in measured(round) {
                let x = span.x(measured.from + measured.length / 2);
                let quantile = |quantile| measured.slice.quantile(quantile);
                let (Some(median), Some(late), Some(slowest)) =
                    (quantile(0.5), quantile(0.99), quantile(1.0))
                else {
                    // The line stops where there was nothing.
                    canvas.path(&std::mem::take(&mut medians), INK, 1.5);
                    canvas.path(&std::mem::take(&mut slow), SLOW, 1.5);
                    continue;
                };
                canvas.dot(x, y(slowest), 1.6, SILENCE);
                medians.push((x, y(median)));
                slow.push((x, y(late)));
            }
            canvas.path(&slow, SLOW, 1.5);
            canvas.path(&medians, INK, 1.5);
            canvas.frame(span.left, top, span.width, TIMES, FRAME);
        }
    }
}
