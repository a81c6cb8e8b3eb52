//! What a history is judged to be: [`Judgement`].

use crate::cli::workload::{Ended, WorkloadRecord};
use checker::{ByteString, Limits, Verdict, Witness, check};

/// What a history is judged to be.
#[derive(Clone, Debug)]
pub(crate) enum Judgement {
    /// It is linearizable, and something was done.
    Linearizable,
    /// It is not, as these operations show.
    Violated(Box<Witness<ByteString>>),
    /// Nothing wrong was found, but it was too hard to decide, for this reason.
    Undecided(String),
    /// Nothing was done, so there is nothing to judge.
    Nothing,
}

impl Judgement {
    /// Judges what was recorded. It may take a while.
    pub(crate) fn of(record: &WorkloadRecord) -> Self {
        /// Steps of a search for each operation. Histories with a write for each value and some
        /// deletes need one or two.
        const STEPS_PER_OPERATION: u64 = 100;
        let usual = Limits::default();
        let limits = Limits {
            steps: usual
                .steps
                .max(record.operations.len() as u64 * STEPS_PER_OPERATION),
            ..usual
        };
        let mut operations = record.operations.iter();
        let is_done = operations.any(|operation| operation.ended == Ended::Done);
        match check(&record.history, limits) {
            Verdict::Violation(witness) => Self::Violated(Box::new(witness)),
            Verdict::Undecided(undecided) => Self::Undecided(undecided.to_string()),
            Verdict::Linearizable(_) if is_done => Self::Linearizable,
            Verdict::Linearizable(_) => Self::Nothing,
        }
    }

    /// One word for programs.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Linearizable => "linearizable",
            Self::Violated(_) => "violated",
            Self::Undecided(_) => "undecided",
            Self::Nothing => "nothing",
        }
    }

    /// What it means, for people.
    pub(crate) fn words(&self) -> String {
        match self {
            Self::Linearizable => {
                "linearizable: all operations on each register can be put in one \
                 order that explains every\nanswer, each at a moment between its call and its \
                 answer. Nobody saw an old value after a newer\none had been read or acknowledged, \
                 and no acknowledged write was lost."
                    .to_owned()
            }
            Self::Violated(witness) => format!(
                "NOT linearizable: no order of the operations explains all answers. These alone \
                 contradict each\nother, whatever else happened (client, operation, times in \
                 nanoseconds; [ is a call, ] its answer):\n\n{witness}\nEither somebody else \
                 writes these registers, or clients were told what is not so: a value that\nwas \
                 replaced, or never written, was returned, or an acknowledged write was lost."
            ),
            Self::Undecided(why) => format!(
                "{why}.\nNothing wrong was found, and nothing is proved. Where values repeat, as \
                 nothing does after\ndeletes, the check has to search; fewer deletes and more \
                 registers make that easy."
            ),
            Self::Nothing => {
                "nothing to judge: not one operation was done. 'shardedmemory status' shows how \
                 the nodes are."
                    .to_owned()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(lines: &str) -> Judgement {
        Judgement::of(&WorkloadRecord::of_lines(lines))
    }

    #[test]
    fn a_history_is_judged() {
        let well = judge("0 9 1 x write =a done\n10 20 2 x read done =a\n");
        assert_eq!(well.word(), "linearizable");
        let stale =
            judge("0 9 1 x write =a done\n10 20 1 x write =b done\n30 40 2 x read done =a\n");
        assert_eq!(stale.word(), "violated");
        assert!(
            stale.words().contains("NOT linearizable"),
            "{}",
            stale.words()
        );
        assert!(stale.words().contains("read  \"a\""), "{}", stale.words());
    }

    #[test]
    fn where_nothing_was_done_nothing_is_proved() {
        for lines in ["", "0 9 1 x write =a refused\n0 9 1 x write =b unknown\n"] {
            assert_eq!(judge(lines).word(), "nothing", "{lines}");
        }
    }
}
