//! What a story's clients asked, and were told: [`Asked`], [`Told`].

use protocol::{Outcome, Tag, Ticket};
use std::time::Duration;

/// An operation that a client has asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use = "it may not have ended yet"]
pub struct Asked(pub(super) Ticket);

/// A change of members that an operator has asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use = "it may not have begun yet"]
pub struct AskedChange(pub(super) Ticket);

/// What a client was told.
#[derive(Clone, PartialEq, Debug)]
pub struct Told {
    /// How it ended; `None` if the process died first.
    pub outcome: Option<Outcome>,
    /// The time from call to return.
    pub took: Duration,
}

impl Told {
    /// What the register held by the end of the operation, if it tells that.
    ///
    /// # Panics
    /// If it was no read or read-modify-write that is done.
    #[track_caller]
    pub fn value(&self) -> Option<&str> {
        let Some(
            Outcome::Read { record, .. }
            | Outcome::Modified { record, .. }
            | Outcome::Unchanged { record, .. },
        ) = &self.outcome
        else {
            panic!("an operation that tells a value was expected, and not {self:?}");
        };
        record
            .content
            .as_deref()
            .map(|value| std::str::from_utf8(value).expect("stories write text"))
    }

    /// The tag that was read or written.
    ///
    /// # Panics
    /// If nothing was done.
    #[track_caller]
    pub fn tag(&self) -> Tag {
        match &self.outcome {
            Some(
                Outcome::Read { record, .. }
                | Outcome::Modified { record, .. }
                | Outcome::Unchanged { record, .. },
            ) => record.tag,
            Some(Outcome::Written { tag, .. }) => *tag,
            _ => panic!("an operation that is done was expected, and not {self:?}"),
        }
    }

    /// How many rounds it took.
    ///
    /// # Panics
    /// If nothing was done.
    #[track_caller]
    pub fn rounds(&self) -> u8 {
        match &self.outcome {
            Some(
                Outcome::Read { rounds, .. }
                | Outcome::Written { rounds, .. }
                | Outcome::Modified { rounds, .. }
                | Outcome::Unchanged { rounds, .. },
            ) => *rounds,
            _ => panic!("an operation that is done was expected, and not {self:?}"),
        }
    }

    /// Whether it is done.
    pub fn is_done(&self) -> bool {
        matches!(
            self.outcome,
            Some(
                Outcome::Read { .. }
                    | Outcome::Written { .. }
                    | Outcome::Modified { .. }
                    | Outcome::Unchanged { .. }
            )
        )
    }

    /// Whether it is a read-modify-write that took effect.
    pub fn is_modified(&self) -> bool {
        matches!(self.outcome, Some(Outcome::Modified { .. }))
    }

    /// Whether it certainly did not happen.
    pub fn is_refused(&self) -> bool {
        matches!(self.outcome, Some(Outcome::Refused(_)))
    }

    /// Whether nobody can know if it happened: its node said so, or died.
    pub fn is_unknown(&self) -> bool {
        matches!(self.outcome, Some(Outcome::Unknown) | None)
    }
}
