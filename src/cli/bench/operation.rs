//! What a load asks of registers: [`Operation`].

/// One operation of a load.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Operation {
    pub(super) kind: Kind,
    /// The number of the register.
    pub(super) register: u64,
    /// Which of the values that there are is written.
    pub(super) value: u32,
}

/// What an operation is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// Gives what the register holds.
    Read,
    /// Makes it hold something else, whatever it held.
    Write,
    /// Makes it hold something else if it holds anything: what a condition costs.
    Conditional,
}

impl Kind {
    pub(super) const COUNT: usize = 3;
    pub(super) const ALL: [Self; Self::COUNT] = [Self::Read, Self::Write, Self::Conditional];

    pub(super) fn plural(self) -> &'static str {
        match self {
            Self::Read => "reads",
            Self::Write => "writes",
            Self::Conditional => "conditional writes",
        }
    }

    /// The same as a name in JSON.
    pub(super) fn key(self) -> &'static str {
        match self {
            Self::Conditional => "conditional_writes",
            kind => kind.plural(),
        }
    }
}

/// What a system answered to an operation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Answer<'a> {
    Done,
    /// It was read, and there is nothing in the register.
    Nothing,
    /// The condition did not hold, so nothing was written.
    Unmet,
    /// It was not done, or nobody knows.
    Error {
        /// Of what kind this is, in a word or two: errors are counted by it.
        kind: &'a str,
        /// All that was said.
        words: &'a str,
    },
}
