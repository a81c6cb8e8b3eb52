//! What is wrong with a register, in one sentence.

use std::fmt::Debug;

use crate::check::Fault;
use crate::history::{Action, Operation, Outcome, Reply};
use crate::sources::Orphan;
use crate::trace::Trace;
use crate::zones::Crossing;

/// Tells what `fault` says about the operations that `trace` was made of.
pub(crate) fn explain<V: Eq + Debug>(
    operations: &[&Operation<V>],
    trace: &Trace,
    fault: &Fault,
) -> String {
    let operation = |step: usize| operations[trace.steps[step].operation];
    match fault {
        Fault::Orphan(Orphan::Nowhere { read }) => {
            let read = operation(*read);
            match refused_write(operations, read) {
                Some(write) => {
                    format!(
                        "{}, which was never written: {} was refused",
                        returned(read),
                        name(operations[write])
                    )
                }
                None => format!("{}, which was never written", returned(read)),
            }
        }
        Fault::Orphan(Orphan::TooEarly { read, write }) => {
            let (read, write) = (operation(*read), operation(*write));
            format!(
                "{} before {}, the first of that value, was called",
                returned(read),
                name(write)
            )
        }
        Fault::Crossing(crossing) => {
            let (story, value) = (
                tell(crossing, operation),
                content(operation(crossing.newer_first.1)),
            );
            match crossing.older_first.0 {
                None => format!("{story}, and no delete took effect"),
                Some(_) => format!("{story}, and {value} was written only once"),
            }
        }
        Fault::Dilemma(dilemma) => {
            let story = match &dilemma.crossing {
                Some(crossing) => tell(crossing, operation),
                None => format!(
                    "{}, but no order of these operations allows that",
                    returned(operation(dilemma.read))
                ),
            };
            if dilemma.leaves_out_writes {
                format!("{story}; writes of the same value that are not shown cannot help")
            } else {
                story
            }
        }
    }
}

/// Where among `operations` a refused write stands that would have explained `read`.
pub(crate) fn refused_write<V: Eq>(
    operations: &[&Operation<V>],
    read: &Operation<V>,
) -> Option<usize> {
    let wanted = value(read)?;
    let is_refused =
        |operation: &&Operation<V>| matches!(operation.outcome, Outcome::Refused { .. });
    operations
        .iter()
        .position(|operation| is_refused(operation) && value(operation) == Some(wanted))
}

/// Why the older value of a crossing came back.
fn tell<'a, V: Debug + 'a>(
    crossing: &Crossing,
    operation: impl Fn(usize) -> &'a Operation<V>,
) -> String {
    let (older, newer) = crossing.older_first;
    let (before, after) = (
        operation(crossing.newer_first.0),
        operation(crossing.newer_first.1),
    );
    let Some(older) = older else {
        let (after, before) = (returned(after), name(before));
        return format!("{after}, though {before} had returned before it was called");
    };
    let newer = if newer == crossing.newer_first.0 {
        "that one".to_owned()
    } else {
        name(operation(newer))
    };
    let (older, before) = (name(operation(older)), name(before));
    let came_back = if is_read(after) {
        format!("{} after {before} had returned", returned(after))
    } else {
        format!("{} was called after {before} had returned", name(after))
    };
    format!("{came_back}; yet {older} had returned before {newer} was called")
}

/// An operation as a noun.
pub(crate) fn name<V: Debug>(operation: &Operation<V>) -> String {
    let client = operation.client;
    match operation.action {
        Action::Read => format!("the read of {} by {client}", content(operation)),
        Action::Write(_) => format!("the write of {} by {client}", content(operation)),
        Action::Delete => format!("the delete by {client}"),
        Action::CompareAndSet { .. } | Action::SetUnless { .. } => {
            format!("the comparison by {client}")
        }
        Action::Swap(_) => format!("the swap by {client}"),
        Action::Add(_) => format!("the addition by {client}"),
    }
}

/// What an operation told of the register, as the start of a sentence.
pub(crate) fn returned<V: Debug>(operation: &Operation<V>) -> String {
    match operation.action {
        Action::Read => format!(
            "the read by {} returned {}",
            operation.client,
            content(operation)
        ),
        Action::Write(_) | Action::Delete => format!("{} took effect", name(operation)),
        Action::CompareAndSet { .. } | Action::SetUnless { .. } | Action::Swap(_) => {
            format!("{} found a value", name(operation))
        }
        Action::Add(_) => format!("{} found an integer", name(operation)),
    }
}

fn content<V: Debug>(operation: &Operation<V>) -> String {
    value(operation).map_or("nothing".to_owned(), |value| format!("{value:?}"))
}

fn is_read<V>(operation: &Operation<V>) -> bool {
    matches!(operation.action, Action::Read)
}

/// What an operation wrote or returned; `None` for nothing.
fn value<V>(operation: &Operation<V>) -> Option<&V> {
    match (&operation.action, &operation.outcome) {
        (Action::Write(value), _) => Some(value),
        (
            _,
            Outcome::Done {
                reply: Reply::Read(value),
                ..
            },
        ) => value.as_ref(),
        _ => None,
    }
}
