//! The operations that prove a violation, for people to read.

use std::fmt::{self, Debug, Display};

use crate::check::Fault;
use crate::explanation::{explain, refused_write};
use crate::history::{Action, Operation, Outcome, RegisterName, Reply};
use crate::sources::Orphan;
use crate::timeline::Timeline;
use crate::trace::Trace;

/// A few operations on one register that contradict each other, whatever the others did in their
/// own times.
///
/// Printing it gives the sentence, then a line for each operation: its client, what it did, its
/// times, and its place in time. In the drawing `[` is a call, `]` a return, `|` both at once, `>`
/// no known return, and `x` fills an operation that was refused; only the order of times counts,
/// not their distance.
#[derive(Clone, Debug)]
pub struct Witness<V> {
    /// The register at fault.
    pub register: RegisterName,
    /// In the order of their calls. As few as were found; with distinct values never more than six.
    pub operations: Vec<Operation<V>>,
    /// What is wrong, in one sentence without a full stop.
    pub explanation: String,
}

impl<V: Clone + Eq + Debug> Witness<V> {
    /// Picks from the operations of a register those that show `fault`, which was found in their
    /// `trace`.
    pub(crate) fn new(
        register: &RegisterName,
        operations: &[&Operation<V>],
        trace: &Trace,
        fault: &Fault,
    ) -> Self {
        let step = |step: &usize| trace.steps[*step].operation;
        let shown: Vec<usize> = match fault {
            Fault::Orphan(Orphan::Nowhere { read }) => {
                let read = step(read);
                refused_write(operations, operations[read])
                    .into_iter()
                    .chain([read])
                    .collect()
            }
            Fault::Orphan(Orphan::TooEarly { read, write }) => vec![step(read), step(write)],
            Fault::Crossing(crossing) => crossing.steps.iter().map(step).collect(),
            Fault::Dilemma(dilemma) => dilemma.steps.iter().map(step).collect(),
        };
        let explanation = explain(operations, trace, fault);
        Self::of(register, operations, shown, explanation)
    }

    /// Shows these of a register's operations.
    pub(crate) fn of(
        register: &RegisterName,
        operations: &[&Operation<V>],
        mut shown: Vec<usize>,
        explanation: String,
    ) -> Self {
        shown.sort_by_key(|index| operations[*index].call);
        let shown = shown.into_iter().map(|index| operations[index].clone());
        Witness {
            register: register.clone(),
            operations: shown.collect(),
            explanation,
        }
    }
}

impl<V: Debug> Display for Witness<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "register {} is not linearizable: {}.",
            self.register, self.explanation
        )?;
        let timeline = Timeline::new(&self.operations);
        let rows: Vec<[String; 5]> = self
            .operations
            .iter()
            .map(|operation| row(operation, &timeline))
            .collect();
        let width = |column: usize| {
            rows.iter()
                .map(|row| row[column].chars().count())
                .max()
                .unwrap_or(0)
        };
        let widths: [usize; 4] = std::array::from_fn(width);
        for [client, action, call, end, drawing] in &rows {
            let line = format!(
                "  {client:<0$}  {action:<1$}  {call:>2$} .. {end:<3$}  {drawing}",
                widths[0], widths[1], widths[2], widths[3]
            );
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

fn modification<V: Debug>(action: &Action<V>, outcome: &Outcome<V>) -> String {
    let content = |value: &Option<V>| match value {
        Some(value) => format!("{value:?}"),
        None => "nothing".to_owned(),
    };
    let asked = match action {
        Action::CompareAndSet { expected, new } => {
            format!("set   {} to {}", content(expected), content(new))
        }
        Action::SetUnless { unexpected, new } => {
            format!("set   unless {} to {}", content(unexpected), content(new))
        }
        Action::Swap(new) => format!("swap  to {}", content(new)),
        Action::Add(amount) => format!("add   {amount}"),
        Action::Read | Action::Write(_) | Action::Delete => unreachable!("these ask for nothing"),
    };
    let reply = match outcome {
        Outcome::Done { reply, .. } => Some(reply),
        Outcome::Refused { .. } | Outcome::Unknown => None,
    };
    match reply {
        Some(Reply::Unchanged(value)) => format!("{asked}: it is {}", content(value)),
        Some(Reply::Replaced(value)) => format!("{asked}: it was {}", content(value)),
        Some(Reply::Unmet) => format!("{asked}: it is something else"),
        Some(Reply::Modified(value)) if matches!(action, Action::Add(_)) => {
            format!("{asked}: now {}", content(value))
        }
        _ => asked,
    }
}

fn row<V: Debug>(operation: &Operation<V>, timeline: &Timeline) -> [String; 5] {
    let action = match (&operation.action, &operation.outcome) {
        (Action::Write(value), _) => format!("write {value:?}"),
        (Action::Delete, _) => "delete".to_owned(),
        (
            Action::Read,
            Outcome::Done {
                reply: Reply::Read(Some(value)),
                ..
            },
        ) => format!("read  {value:?}"),
        (Action::Read, Outcome::Done { .. }) => "read  nothing".to_owned(),
        (Action::Read, _) => "read".to_owned(),
        (action, outcome) => modification(action, outcome),
    };
    let end = match operation.outcome {
        Outcome::Done { time, .. } => time.to_string(),
        Outcome::Refused { time } => format!("{time} refused"),
        Outcome::Unknown => "unknown".to_owned(),
    };
    [
        operation.client.to_string(),
        action,
        operation.call.to_string(),
        end,
        timeline.draw(operation),
    ]
}
