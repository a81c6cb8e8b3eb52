//! A cluster as text: [`picture`].

use super::Status;
use super::health::Health;
use super::nodes::{Column, NodeRow};
use crate::cli::client::{ChangeView, State, View};
use crate::cli::figures::counted;
use crate::cli::members::describe;
use crate::cli::output;
use comfy_table::{CellAlignment, Table, presets};
use console::{Style, Term, measure_text_width};

/// What is drawn on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Canvas {
    /// How many characters a line has, if it is a terminal.
    width: Option<usize>,
    /// Whether colours may be used.
    colour: bool,
}

impl Canvas {
    /// Standard output as it is.
    pub(super) fn of_stdout() -> Self {
        let size = output::on_terminal().then(|| Term::stdout().size_checked());
        Self {
            width: size.flatten().map(|(_, columns)| usize::from(columns)),
            colour: output::data_in_colour(),
        }
    }

    /// Terminals of any width, and what is none.
    #[cfg(feature = "fuzzing")]
    pub(super) fn of_all_widths() -> impl Iterator<Item = Self> {
        let widths = [None, Some(0), Some(1), Some(20), Some(80), Some(200)];
        widths.into_iter().map(|width| Self {
            width,
            colour: width.is_some(),
        })
    }

    fn paint(self, text: &str, state: Option<State>) -> String {
        let style = match state {
            Some(State::Suspect) => Style::new().yellow(),
            Some(State::Down) => Style::new().red(),
            Some(State::Alive) | None => return text.to_owned(),
        };
        style.force_styling(self.colour).apply_to(text).to_string()
    }

    fn fits(self, text: &str) -> bool {
        let widest = text.lines().map(measure_text_width).max();
        self.width >= widest || self.width.is_none()
    }

    /// A bar of this length that is filled so far; nothing where nobody looks at it.
    fn bar(self, share: f64, length: usize) -> String {
        if self.width.is_none() {
            return String::new();
        }
        let filled = (share.clamp(0.0, 1.0) * length as f64).round() as usize;
        format!("{}{} ", "█".repeat(filled), "░".repeat(length - filled))
    }
}

/// Draws a cluster.
pub(super) fn picture(status: &Status, health: &Health, canvas: Canvas) -> String {
    let mut parts = Vec::new();
    parts.extend(headline(&status.view).map(|text| wrap("", &text, canvas)));
    parts.push(table(status, canvas));
    if let Some(change) = &status.view.change {
        parts.push(change_under_way(&status.view, change, canvas));
    }
    let summary = wrap("", &health.summary, canvas);
    let mut told = match health.serves {
        true => summary,
        false => canvas.paint(&summary, Some(State::Down)),
    };
    for remark in &health.remarks {
        told.push('\n');
        told.push_str(&wrap("- ", remark, canvas));
    }
    parts.push(told);
    parts.join("\n\n")
}

fn headline(view: &View) -> Option<String> {
    let cluster = view.cluster.as_ref()?;
    let members = view.members.len() as u64;
    let mut text = format!(
        "cluster {cluster}, epoch {}, {}",
        view.epoch,
        counted(members, "member", "members")
    );
    if let Some(replication) = view.replication {
        let holders = u64::from(replication).min(members);
        text.push_str(&format!(
            ", each register on {holders} (replication factor {replication})"
        ));
    }
    Some(text)
}

/// The table, with the least important columns left out for which there is no room.
fn table(status: &Status, canvas: Canvas) -> String {
    /// Node and state are shown at any width.
    const COLUMNS_MIN: usize = 2;
    let rows = NodeRow::all(status);
    let mut columns = Column::ALL.to_vec();
    let mut lines = loop {
        let text = lay_out(&rows, &columns, canvas);
        if columns.len() == COLUMNS_MIN || canvas.fits(&text) {
            break text;
        }
        columns.pop();
    };
    // Painted afterwards: colours have no width.
    let states = std::iter::once(None).chain(rows.iter().map(NodeRow::state));
    lines = (lines.lines().zip(states))
        .map(|(line, state)| canvas.paint(line, state))
        .collect::<Vec<_>>()
        .join("\n");
    lines
}

fn lay_out(rows: &[NodeRow<'_>], columns: &[Column], canvas: Canvas) -> String {
    const BAR_LENGTH: usize = 10;
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_header(columns.iter().map(|column| column.title()));
    for row in rows {
        let cells = columns
            .iter()
            .map(|&column| row.cell(column, |share| canvas.bar(share, BAR_LENGTH)));
        table.add_row(cells.collect::<Vec<_>>());
    }
    for (index, column) in columns.iter().enumerate() {
        let laid_out = table.column_mut(index).expect("the table has this column");
        if index == 0 {
            laid_out.set_padding((0, 1));
        }
        if column.is_number() {
            laid_out.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.trim_fmt()
}

fn change_under_way(view: &View, change: &ChangeView, canvas: Canvas) -> String {
    const BAR_LENGTH: usize = 30;
    let named = |ids: &[String]| -> Vec<String> {
        let address = |id: &String| {
            let member = view.members.iter().find(|member| member.id == *id);
            member.map_or_else(|| id.clone(), |member| member.address.clone())
        };
        ids.iter().map(address).collect()
    };
    let (joining, leaving) = (named(&change.joining), named(&change.leaving));
    let mut what = Vec::new();
    if !joining.is_empty() {
        what.push(format!("{} to come", joining.join(", ")));
    }
    if !leaving.is_empty() {
        what.push(format!("{} to go", leaving.join(", ")));
    }
    let share = match change.groups {
        0 => 1.0,
        groups => change.groups_copied as f64 / groups as f64,
    };
    format!(
        "{}\n  {}{:.0} %\n{}",
        wrap(
            "",
            &format!(
                "change of members in epoch {}: {}",
                change.epoch,
                what.join(", ")
            ),
            canvas
        ),
        canvas.bar(share, BAR_LENGTH),
        (share * 100.0).floor(),
        wrap("  ", &describe(change), canvas)
    )
}

/// A text with a mark before it, broken into lines where there is a width.
fn wrap(mark: &str, text: &str, canvas: Canvas) -> String {
    let indent = " ".repeat(mark.len());
    let mut lines = vec![mark.to_owned()];
    let mut is_first = true;
    for word in text.split(' ') {
        let line = lines.last_mut().expect("there is always one");
        let width = measure_text_width(line) + 1 + measure_text_width(word);
        if is_first {
            line.push_str(word);
        } else if canvas.width.is_some_and(|most| width > most) {
            lines.push(format!("{indent}{word}"));
        } else {
            line.push(' ');
            line.push_str(word);
        }
        is_first = false;
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::super::testing::{member, own, status, view};
    use super::*;
    use serde_json::json;

    const PIPE: Canvas = Canvas {
        width: None,
        colour: false,
    };

    fn terminal(width: usize) -> Canvas {
        Canvas {
            width: Some(width),
            colour: true,
        }
    }

    fn troubled() -> Status {
        let mut down = member(3);
        down["state"] = json!("down");
        let view = view(json!({ "members": [member(1), member(2), down] }));
        status(view, vec![(2, Ok(own(2, "member"))), (3, Err("refused"))])
    }

    fn draw(status: &Status, canvas: Canvas) -> String {
        picture(status, &Health::of(status), canvas)
    }

    #[test]
    fn each_node_is_a_row_with_its_state_and_its_own_word() {
        let text = draw(&troubled(), PIPE);
        let row = |address| text.lines().find(|line| line.starts_with(address)).unwrap();
        for part in ["alive", "member", "0000000000000001", "99.9 %", "4.00 MiB"] {
            assert!(row("127.0.0.1:1").contains(part), "{text}");
        }
        for part in ["down", "0000000000000003"] {
            assert!(row("127.0.0.1:3").contains(part), "{text}");
        }
        assert!(
            text.starts_with("cluster 00000000000000c1, epoch 1, 3 members, each"),
            "{text}"
        );
        assert!(
            text.contains("\n- 127.0.0.1:3 is down (here: refused). If"),
            "{text}"
        );
    }

    #[test]
    fn there_are_no_colours_and_no_bars_where_nobody_looks() {
        let text = draw(&troubled(), PIPE);
        assert!(text.is_ascii(), "{text}");
        assert!(!text.contains('\x1b'), "{text}");
    }

    #[test]
    fn a_row_of_a_node_that_is_down_is_red_on_a_terminal() {
        let text = draw(&troubled(), terminal(200));
        let painted: Vec<&str> = text
            .lines()
            .filter(|line| line.contains("\x1b[31m"))
            .collect();
        assert_eq!(painted.len(), 1, "{text}");
        assert!(painted[0].contains("127.0.0.1:3"), "{text}");
        assert!(text.contains("██████████ 100.0 %"), "{text}");
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        let status = troubled();
        for width in [40, 60, 80, 100, 120, 200] {
            let text = draw(&status, terminal(width));
            for line in text.lines() {
                assert!(measure_text_width(line) <= width, "{width}:\n{text}");
            }
        }
        let narrow = draw(&status, terminal(30));
        assert!(
            narrow.contains("STATE") && !narrow.contains("VERSION"),
            "{narrow}"
        );
    }

    #[test]
    fn a_change_is_shown_with_whom_it_is_about_and_how_far_it_is() {
        let mut new = member(4);
        new["standing"] = json!("joining");
        let change = json!({
            "epoch": 2, "joining": ["0000000000000004"], "leaving": [], "groups": 1024,
            "groups_copied": 1023, "registers": 7, "bytes": 512, "stalled_for_ms": 0,
        });
        let members = [member(1), member(2), member(3), new];
        let status = status(
            view(json!({ "members": members, "change": change })),
            vec![],
        );
        let text = draw(&status, PIPE);
        assert!(
            text.contains(
                "change of members in epoch 2: 127.0.0.1:4 to come\n  99 %\n  1,023 of 1,024 groups"
            ),
            "{text}"
        );
        let text = draw(&status, terminal(100));
        assert!(
            text.contains(&format!("\n  {} 99 %", "█".repeat(30))),
            "{text}"
        );
    }
}
