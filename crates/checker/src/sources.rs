//! Every value that was read needs a write that may have come before the read.

use crate::trace::{Step, Trace, ValueId};

/// A read that no write can explain. Steps are indices into [`Trace::steps`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Orphan {
    /// No write of the value took effect or may have done so.
    Nowhere { read: usize },
    /// `write` is the first write of the value to be called, and it was called after the read had
    /// returned.
    TooEarly { read: usize, write: usize },
}

/// The first read to return, if any, that has no source.
pub(crate) fn find_orphan(trace: &Trace) -> Option<Orphan> {
    let mut first_writes: Vec<Option<usize>> = vec![None; trace.values];
    for (index, step) in trace.steps.iter().enumerate() {
        if let Some(value) = step.overwritten().and_then(ValueId::index) {
            let first = &mut first_writes[value];
            if first.is_none_or(|first| step.call < trace.steps[first].call) {
                *first = Some(index);
            }
        }
    }
    let orphan = |read: usize, step: &Step| {
        let value = step
            .observed()
            .filter(|value| *value != ValueId::NOTHING)?
            .index()?;
        match first_writes[value] {
            None => Some(Orphan::Nowhere { read }),
            Some(write) => step
                .precedes(&trace.steps[write])
                .then_some(Orphan::TooEarly { read, write }),
        }
    };
    let orphans = trace
        .steps
        .iter()
        .enumerate()
        .filter_map(|(read, step)| Some((step.end, orphan(read, step)?)));
    orphans
        .min_by_key(|(end, _)| *end)
        .map(|(_, orphan)| orphan)
}
