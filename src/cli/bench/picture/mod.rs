//! A load as a picture: [`Picture`].
//!
//! For each system, its rounds side by side: operations each second, how long they took, and what
//! each node did; below, how long which part of the operations took, for all systems together. All
//! systems have the same scales. One file that any browser shows, without scripts.

mod charts;
mod distribution;
mod nodes;
mod scale;

use super::comparison::Comparison;
use super::operation::Kind;
use super::report::{Took, letter, load_in_words};
use crate::cli::canvas::{Anchor, Canvas, Style, width};
use crate::cli::figures::grouped;
use scale::{Decades, RateScale};
use std::time::Duration;

/// A load, to be drawn.
pub(super) struct Picture<'a> {
    comparison: &'a Comparison,
    rates: RateScale,
    times: Decades,
}

const LEFT: f64 = 140.0;
const RIGHT: f64 = 40.0;
const PLOT_WIDTH: f64 = 1100.0;
const TITLE_HEIGHT: f64 = 104.0;
const HEADING_HEIGHT: f64 = 40.0;
const BETWEEN: f64 = 34.0;

/// Between two rounds.
const ROUND_GAP: f64 = 10.0;

// Colours that people who see colours differently tell apart (Okabe and Ito, "Color Universal
// Design", 2008).
const READS: &str = "#009e73";
const WRITES: &str = "#0072b2";
const CONDITIONAL: &str = "#cc79a7";
const FAILED: &str = "#d55e00";
const SLOW: &str = "#e69f00";
const GRID: &str = "#dcdcdc";
const FRAME: &str = "#9a9a9a";
const SILENCE: &str = "#cc2222";

impl<'a> Picture<'a> {
    pub(super) fn of(comparison: &'a Comparison) -> Self {
        Self {
            comparison,
            rates: RateScale::of(comparison),
            times: Decades::of(comparison),
        }
    }

    /// Draws it.
    pub(super) fn draw(&self) -> String {
        let systems = self.comparison.systems.len();
        let heights: f64 = (0..systems).map(|index| self.system_height(index)).sum();
        let height = TITLE_HEIGHT + heights + self.distribution_height() + 30.0;
        let mut canvas = Canvas::new(LEFT + PLOT_WIDTH + RIGHT, height, "");
        self.title(&mut canvas);
        let mut top = TITLE_HEIGHT;
        for index in 0..systems {
            self.system(&mut canvas, index, top);
            top += self.system_height(index);
        }
        self.distribution(&mut canvas, top);
        canvas.finish()
    }

    fn title(&self, canvas: &mut Canvas) {
        let text = |canvas: &mut Canvas, y, style, text: &str| {
            canvas.text(16.0, y, Anchor::Start, style, text);
        };
        text(
            canvas,
            32.0,
            Style::TITLE,
            "Operations each second, and how long they took",
        );
        text(canvas, 54.0, Style::PLAIN, &load_in_words(self.comparison));
        let load = &self.comparison.load;
        let kinds = Kind::ALL.into_iter().filter(|kind| load.has(*kind));
        let mut marks: Vec<_> = kinds.map(|kind| (colour(kind), kind.plural())).collect();
        marks.push((FAILED, "failed"));
        marks.push((crate::cli::canvas::INK, "median"));
        marks.push((SLOW, "99 %"));
        marks.push((SILENCE, "slowest"));
        legend(canvas, 72.0, &marks);
    }

    fn system_height(&self, index: usize) -> f64 {
        HEADING_HEIGHT + charts::HEIGHT + 24.0 + self.nodes_height(index) + BETWEEN
    }

    fn system(&self, canvas: &mut Canvas, index: usize, top: f64) {
        let system = &self.comparison.systems[index];
        let mut words = format!("{}  {system}", letter(index));
        if let Some(figures) = self.comparison.figures(index, None) {
            words.push_str(&format!(
                ": {}/s, median {}, 99 % {}; {} failed",
                grouped(figures.operations_per_second as u64),
                Took(figures.p50),
                Took(figures.p99),
                grouped(figures.failed),
            ));
        }
        canvas.text(16.0, top + 16.0, Anchor::Start, Style::HEADING, &words);
        let charts_top = top + HEADING_HEIGHT;
        let nodes_top = charts_top + charts::HEIGHT + 24.0;
        self.charts(canvas, index, charts_top);
        self.nodes(canvas, index, nodes_top);
        self.time_axis(canvas, index, charts_top + charts::HEIGHT);
    }

    /// Seconds since each round began to be measured.
    fn time_axis(&self, canvas: &mut Canvas, index: usize, y: f64) {
        let steps = [
            0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 600.0, 3600.0,
        ];
        for (number, round) in self.comparison.rounds(index).iter().enumerate() {
            let span = self.span(index, number);
            let seconds = round.elapsed.as_secs_f64().max(1e-9);
            let step = steps
                .into_iter()
                .find(|step| step / seconds * span.width >= 44.0);
            let step = step.unwrap_or(86_400.0);
            let mut at = 0.0;
            while at <= seconds {
                let x = span.x(Duration::from_secs_f64(at));
                canvas.line((x, y), (x, y + 4.0), FRAME);
                // No more digits than the steps have.
                let digits = usize::from(step < 1.0);
                let label = match at == 0.0 {
                    true => "0 s".to_owned(),
                    false => format!("{at:.digits$}"),
                };
                // The next round's first label has its room there.
                if at == 0.0 || x < span.left + span.width - 12.0 {
                    canvas.text(x, y + 16.0, Anchor::Middle, Style::FAINT, &label);
                }
                at += step;
            }
        }
    }

    /// Where a round is drawn.
    fn span(&self, index: usize, round: usize) -> RoundSpan {
        let rounds = self.comparison.rounds(index);
        let each = (PLOT_WIDTH + ROUND_GAP) / rounds.len().max(1) as f64;
        RoundSpan {
            left: LEFT + round as f64 * each,
            width: each - ROUND_GAP,
            elapsed: rounds[round].elapsed,
        }
    }
}

/// Where a round is drawn, and how long it took.
#[derive(Clone, Copy)]
struct RoundSpan {
    left: f64,
    width: f64,
    elapsed: Duration,
}

impl RoundSpan {
    fn x(&self, time: Duration) -> f64 {
        let share = time.as_secs_f64() / self.elapsed.as_secs_f64().max(1e-9);
        self.left + share.min(1.0) * self.width
    }
}

fn colour(kind: Kind) -> &'static str {
    match kind {
        Kind::Read => READS,
        Kind::Write => WRITES,
        Kind::Conditional => CONDITIONAL,
    }
}

fn legend(canvas: &mut Canvas, y: f64, marks: &[(&'static str, &str)]) {
    let mut x = 16.0;
    for (fill, words) in marks {
        canvas.rectangle(x, y, 16.0, 12.0, fill);
        canvas.text(x + 21.0, y + 10.5, Anchor::Start, Style::PLAIN, words);
        x += 21.0 + width(words, Style::PLAIN.size) + 20.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::bench::comparison::tests::{comparison, round};

    #[test]
    fn a_picture_is_well_formed_and_tells_of_each_system() {
        let ours = vec![round(2, 500, 1), round(2, 400, 30)];
        let theirs = vec![round(1, 100, 5)];
        let drawn = Picture::of(&comparison(vec![ours, theirs])).draw();
        let parsed = roxmltree::Document::parse(&drawn).expect("it is well-formed");
        let texts = parsed.descendants().filter_map(|element| element.text());
        let texts: Vec<&str> = texts.collect();
        for words in [
            "A  redis://a:1,b:2",
            "B  etcd://c:3",
            "1 client, no pipelining",
        ] {
            assert!(
                texts.iter().any(|text| text.contains(words)),
                "{words}: {texts:?}"
            );
        }
        for node in ["a:1", "b:2", "c:3"] {
            assert!(texts.contains(&node), "{texts:?}");
        }
    }

    #[test]
    fn nothing_at_all_can_be_drawn() {
        let nothing = comparison(vec![vec![round(2, 0, 1)], Vec::new()]);
        let drawn = Picture::of(&nothing).draw();
        roxmltree::Document::parse(&drawn).expect("it is well-formed");
        assert!(!drawn.contains("NaN") && !drawn.contains("inf"), "{drawn}");
    }
}
