//! What clients did: [`WorkloadRecord`].

use checker::{Action, ByteString, History, RegisterName};
use std::time::Duration;

/// What clients did, for the checker and for people.
pub(crate) struct WorkloadRecord {
    /// For the checker. It has the same operations as `operations`, in the same order. Values are
    /// without their filling.
    pub(crate) history: History<ByteString>,
    /// For figures and pictures. In the order of their starts.
    pub(crate) operations: Vec<OperationRecord>,
    /// The registers that operations name by their index.
    pub(crate) registers: Vec<RegisterName>,
    /// The nodes that operations name by their index.
    pub(crate) nodes: Vec<String>,
    /// How long all of it took.
    pub(crate) elapsed: Duration,
    /// Whether it ended because no more operations could be recorded.
    pub(crate) full: bool,
    /// How often a client could not connect to a node.
    pub(crate) unreachable: u64,
    /// The last thing that went wrong for a client, in words.
    pub(crate) last_failure: Option<String>,
}

/// One operation of a client. Times are nanoseconds since the workload began.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct OperationRecord {
    /// The client's number.
    pub(crate) client: u64,
    /// When it was called.
    pub(crate) start_ns: u64,
    /// When the answer came, or when it was no longer waited for.
    pub(crate) end_ns: u64,
    /// Which register, as an index.
    pub(crate) register: u32,
    /// Which node was asked, as an index, if that is known.
    pub(crate) node: Option<u16>,
    /// What was asked for.
    pub(crate) kind: Kind,
    /// How it ended.
    pub(crate) ended: Ended,
    /// How many rounds of messages it took, if the node told.
    pub(crate) rounds: Option<u8>,
}

/// What an operation asks for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Kind {
    /// A read.
    Read,
    /// A write.
    Write,
    /// A delete.
    Delete,
    /// A write under the condition that something else is there.
    CompareAndSet,
    /// An addition to an integer.
    Add,
    /// A write that tells what was there before.
    Swap,
}

/// How an operation ended for its client.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Ended {
    /// It was done.
    Done,
    /// It was not done, and never will be; or it is a read without an answer.
    Refused,
    /// Nobody knows whether it was done, or will be.
    Unknown,
}

impl OperationRecord {
    /// How long it took, or was waited for.
    pub(crate) fn took(&self) -> Duration {
        Duration::from_nanos(self.end_ns - self.start_ns)
    }
}

impl Kind {
    /// All kinds, in the order of their telling.
    pub(crate) const ALL: [Kind; 6] = [
        Kind::Read,
        Kind::Write,
        Kind::Delete,
        Kind::CompareAndSet,
        Kind::Add,
        Kind::Swap,
    ];

    /// The kind of what the checker is told of.
    pub(crate) fn of<V>(action: &Action<V>) -> Self {
        match action {
            Action::Read => Kind::Read,
            Action::Write(_) => Kind::Write,
            Action::Delete => Kind::Delete,
            Action::CompareAndSet { .. } | Action::SetUnless { .. } => Kind::CompareAndSet,
            Action::Swap(_) => Kind::Swap,
            Action::Add(_) => Kind::Add,
        }
    }

    /// Many of them, in a word.
    pub(crate) fn plural(self) -> &'static str {
        match self {
            Kind::Read => "reads",
            Kind::Write => "writes",
            Kind::Delete => "deletes",
            Kind::CompareAndSet => "compare-and-sets",
            Kind::Add => "additions",
            Kind::Swap => "swaps",
        }
    }
}
