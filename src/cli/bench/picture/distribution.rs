//! Which part of the operations took how long, for all systems together.

use super::{FRAME, GRID, LEFT, PLOT_WIDTH, Picture};
use crate::cli::bench::operation::Kind;
use crate::cli::bench::report::letter;
use crate::cli::canvas::{Anchor, Canvas, Style};
use std::time::Duration;

const CHART: f64 = 220.0;
const HEADING: f64 = 28.0;

/// How high a line of the legend is, and how wide an entry.
const ENTRY_HEIGHT: f64 = 18.0;
const ENTRY_WIDTH: f64 = 275.0;

/// How many nines of percent there are: 99.9999 %.
const NINES: f64 = 6.0;

const LINES: [&str; 8] = [
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#1a1a1a", "#8c8c8c",
];

impl Picture<'_> {
    /// How high it is, with its axis.
    pub(super) fn distribution_height(&self) -> f64 {
        HEADING + self.entries_height() + CHART + 30.0
    }

    fn entries_height(&self) -> f64 {
        let rows = self.lines().len().div_ceil(ENTRIES);
        rows as f64 * ENTRY_HEIGHT + 8.0
    }

    /// The systems and kinds of operations of which anything was done.
    fn lines(&self) -> Vec<(usize, Kind)> {
        let systems = 0..self.comparison.systems.len();
        let all = systems.flat_map(|index| Kind::ALL.map(|kind| (index, kind)));
        let figures = |(index, kind)| self.comparison.figures(index, Some(kind));
        all.filter(|line| figures(*line).is_some_and(|figures| figures.done > 0))
            .collect()
    }

    /// A line for each system and kind. The part of the operations is drawn so that each further
    /// nine of percent has the same room: the few slow ones are what matters.
    pub(super) fn distribution(&self, canvas: &mut Canvas, top: f64) {
        let heading = "How long which part of the operations took, at most";
        canvas.text(16.0, top + 16.0, Anchor::Start, Style::HEADING, heading);
        let legend_top = top + HEADING;
        let top = legend_top + self.entries_height();
        let bottom = top + CHART;
        let y = |duration: Duration| bottom - self.times.share(duration) * CHART;
        for (duration, label) in self.times.marks() {
            let y = y(duration);
            canvas.line((LEFT, y), (LEFT + PLOT_WIDTH, y), GRID);
            canvas.text(LEFT - 8.0, y + 4.0, Anchor::End, Style::FAINT, &label);
        }
        for (quantile, label) in [
            (0.0, "0 %"),
            (0.5, "50 %"),
            (0.9, "90 %"),
            (0.99, "99 %"),
            (0.999, "99.9 %"),
            (0.9999, "99.99 %"),
            (0.99999, "99.999 %"),
            (0.999_999, "99.9999 %"),
        ] {
            let x = x(quantile);
            canvas.line((x, top), (x, bottom + 4.0), GRID);
            canvas.text(x, bottom + 18.0, Anchor::Middle, Style::FAINT, label);
        }
        canvas.frame(LEFT, top, PLOT_WIDTH, CHART, FRAME);
        let strokes = LINES.iter().cycle();
        for (number, ((index, kind), stroke)) in self.lines().into_iter().zip(strokes).enumerate() {
            let latency = self.comparison.latency(index, Some(kind));
            let points = latency.iter_quantiles(5).map(|step| {
                let duration = Duration::from_nanos(step.value_iterated_to());
                (x(step.quantile_iterated_to()), y(duration))
            });
            canvas.path(&points.collect::<Vec<_>>(), stroke, 2.0);
            let system = self.comparison.systems[index].short();
            let name = format!("{} {system}, {}", letter(index), kind.plural());
            let entry_x = LEFT + (number % ENTRIES) as f64 * ENTRY_WIDTH;
            let entry_y = legend_top + (number / ENTRIES) as f64 * ENTRY_HEIGHT;
            canvas.rectangle(entry_x, entry_y, 16.0, 12.0, stroke);
            let at = entry_x + 21.0;
            canvas.text(at, entry_y + 10.5, Anchor::Start, Style::PLAIN, &name);
        }
    }
}

/// How many entries of the legend stand side by side.
const ENTRIES: usize = (PLOT_WIDTH / ENTRY_WIDTH) as usize;

/// Where a part of the operations is drawn.
fn x(quantile: f64) -> f64 {
    let nines = -(1.0 - quantile).max(1e-12).log10();
    LEFT + (nines / NINES).min(1.0) * PLOT_WIDTH
}
