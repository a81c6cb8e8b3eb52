//! What clients did: operations on named registers, with their times and outcomes.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::fmt::{self, Debug};
use std::hash::Hash;

/// Operations on registers, in the order of their recording.
///
/// Times are numbers without a unit: only their order counts, and the caller may give them in any
/// order. One operation precedes another if it returned at a *smaller* time than the other was
/// called. Equal times make operations concurrent, which can hide a violation but never invent one:
/// give every event its own number where that is possible.
///
/// Each register holds nothing at first. An operation that was never finished counts as unknown.
#[derive(Clone, Debug)]
pub struct History<V> {
    /// Indexed by [`OperationId`].
    entries: Vec<Entry<V>>,
    /// In the order of first use; an entry's `register` is an index of it.
    registers: Vec<RegisterName>,
    /// The inverse of `registers`.
    register_indices: HashMap<RegisterName, usize>,
}

#[derive(Clone, Debug)]
struct Entry<V> {
    register: usize,
    operation: Operation<V>,
    finished: bool,
}

impl<V> History<V> {
    /// A history without operations.
    pub fn new() -> Self {
        History {
            entries: Vec::new(),
            registers: Vec::new(),
            register_indices: HashMap::new(),
        }
    }

    /// Records that `client` called an operation on `register` at `time`.
    ///
    /// A client may have several operations running at once: the checker takes order from times
    /// alone.
    pub fn call(
        &mut self,
        client: impl Into<Client>,
        register: impl AsRef<[u8]>,
        action: Action<V>,
        time: u64,
    ) -> OperationId {
        let register = self.register_index(register.as_ref());
        self.entries.push(Entry {
            register,
            operation: Operation {
                client: client.into(),
                action,
                call: time,
                outcome: Outcome::Unknown,
            },
            finished: false,
        });
        OperationId(self.entries.len() - 1)
    }

    /// Records that an operation took effect and returned at `time` with `reply`.
    ///
    /// # Panics
    ///
    /// If the operation is already finished, if `time` is before its call, or if the reply is not
    /// of the kind that its action asks for. Each is a mistake in the recording program, whose
    /// history would prove nothing.
    #[track_caller]
    pub fn done(&mut self, id: OperationId, time: u64, reply: Reply<V>) {
        let operation = self.finish(id, Some(time));
        match (&operation.action, &reply) {
            (Action::Read, Reply::Read(_))
            | (Action::Write(_) | Action::Delete, Reply::Written)
            | (
                Action::CompareAndSet { .. } | Action::SetUnless { .. } | Action::Add(_),
                Reply::Modified(_) | Reply::Unchanged(_),
            )
            | (Action::CompareAndSet { .. }, Reply::Unmet)
            | (Action::SetUnless { .. } | Action::Swap(_), Reply::Replaced(_)) => {}
            (action, reply) => panic!(
                "{id} is a {} and cannot reply `{}`",
                action.kind(),
                reply.kind()
            ),
        }
        operation.outcome = Outcome::Done { time, reply };
    }

    /// Records that an operation was refused at `time`: it certainly did not happen and never will.
    ///
    /// # Panics
    ///
    /// If the operation is already finished, or if `time` is before its call.
    #[track_caller]
    pub fn refused(&mut self, id: OperationId, time: u64) {
        self.finish(id, Some(time)).outcome = Outcome::Refused { time };
    }

    /// Records that nobody can know how an operation ended: it may take effect at any time after
    /// its call, or never.
    ///
    /// # Panics
    ///
    /// If the operation is already finished.
    #[track_caller]
    pub fn unknown(&mut self, id: OperationId) {
        self.finish(id, None).outcome = Outcome::Unknown;
    }

    /// The operation recorded under `id`.
    ///
    /// # Panics
    ///
    /// If `id` was given out by another history that is longer than this one.
    #[track_caller]
    pub fn operation(&self, id: OperationId) -> &Operation<V> {
        &self.entries[id.0].operation
    }

    /// How many operations are recorded, however they ended.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether no operation is recorded.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The operations in the order of their recording, each with its register.
    pub fn operations(&self) -> impl ExactSizeIterator<Item = (&RegisterName, &Operation<V>)> {
        let registers = &self.registers;
        let entries = self.entries.iter();
        entries.map(|entry| (&registers[entry.register], &entry.operation))
    }

    /// Every register that was named, with its operations in the order of their recording.
    pub(crate) fn by_register(&self) -> Vec<(&RegisterName, Vec<&Operation<V>>)> {
        let mut grouped: Vec<(&RegisterName, Vec<&Operation<V>>)> = self
            .registers
            .iter()
            .map(|name| (name, Vec::new()))
            .collect();
        for entry in &self.entries {
            grouped[entry.register].1.push(&entry.operation);
        }
        grouped
    }

    fn register_index(&mut self, name: &[u8]) -> usize {
        if let Some(index) = self.register_indices.get(name) {
            return *index;
        }
        let name = RegisterName(name.to_vec());
        let index = self.registers.len();
        self.registers.push(name.clone());
        self.register_indices.insert(name, index);
        index
    }

    #[track_caller]
    fn finish(&mut self, id: OperationId, time: Option<u64>) -> &mut Operation<V> {
        let Some(entry) = self.entries.get_mut(id.0) else {
            panic!("{id} is not an operation of this history");
        };
        assert!(!entry.finished, "{id} is finished already");
        if let Some(time) = time {
            let call = entry.operation.call;
            assert!(
                time >= call,
                "{id} was called at {call} and cannot return at {time}"
            );
        }
        entry.finished = true;
        &mut entry.operation
    }
}

impl<V> Default for History<V> {
    fn default() -> Self {
        History::new()
    }
}

/// One operation of a client on a register.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation<V> {
    /// Who called it.
    pub client: Client,
    /// What was asked for.
    pub action: Action<V>,
    /// When it was called, on the scale of its [`History`].
    pub call: u64,
    /// How it ended, and when.
    pub outcome: Outcome<V>,
}

/// What an operation asks a register to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action<V> {
    /// Tell what the register holds.
    Read,
    /// Hold this value.
    Write(V),
    /// Hold nothing: a write like any other.
    Delete,
    /// If the register holds what is expected, which may be nothing, hold something else instead.
    CompareAndSet {
        /// What it is to hold before.
        expected: Option<V>,
        /// What it is to hold then; nothing, if this is to delete.
        new: Option<V>,
    },
    /// If the register holds anything else than this, hold something else instead.
    ///
    /// To set it only if it holds anything is to set it unless it holds nothing.
    SetUnless {
        /// What it is not to hold before: a value, or nothing.
        unexpected: Option<V>,
        /// What it is to hold then; nothing, if this is to delete. To delete what is not there may
        /// be answered either way.
        new: Option<V>,
    },
    /// Hold this, which may be nothing, and tell what was there before.
    Swap(Option<V>),
    /// Hold this much more than now, if what it holds is an integer; nothing counts as zero.
    Add(i64),
}

impl<V> Action<V> {
    /// Whether what the register holds afterwards depends on what it held before.
    pub fn is_modification(&self) -> bool {
        !matches!(self, Action::Read | Action::Write(_) | Action::Delete)
    }

    fn kind(&self) -> &'static str {
        match self {
            Action::Read => "read",
            Action::Write(_) => "write",
            Action::Delete => "delete",
            Action::CompareAndSet { .. } | Action::SetUnless { .. } => "comparison",
            Action::Swap(_) => "swap",
            Action::Add(_) => "addition",
        }
    }
}

/// What a register answered to an operation that is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply<V> {
    /// To a read: the value, or `None` if the register held nothing.
    Read(Option<V>),
    /// To a write or a delete.
    Written,
    /// To a comparison or an addition that took effect: what the register held then.
    Modified(Option<V>),
    /// To a swap, or a comparison that took effect: what the register held before.
    Replaced(Option<V>),
    /// To one that changed nothing, as the register held this: something else than expected, or
    /// no integer.
    Unchanged(Option<V>),
    /// To a comparison that changed nothing, as the register held something else than expected;
    /// what it was is not told.
    Unmet,
}

impl<V> Reply<V> {
    fn kind(&self) -> &'static str {
        match self {
            Reply::Read(_) => "Read",
            Reply::Written => "Written",
            Reply::Modified(_) => "Modified",
            Reply::Replaced(_) => "Replaced",
            Reply::Unchanged(_) => "Unchanged",
            Reply::Unmet => "Unmet",
        }
    }
}

/// How an operation ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome<V> {
    /// It took effect at one instant between its call and `time`, both included.
    Done {
        /// When it returned.
        time: u64,
        /// What the register answered.
        reply: Reply<V>,
    },
    /// It did not take effect, and never will.
    Refused {
        /// When it returned.
        time: u64,
    },
    /// It may take effect at any time after its call, or never. A read that ended so says nothing.
    Unknown,
}

/// What a register can hold, as far as the checker has to know.
pub trait Value: Clone + Eq + Hash + Debug {
    /// The integer that this value is, if it is one. No two values are the same integer.
    fn as_integer(&self) -> Option<i64>;
}

/// Text in decimal, in the one way in which an integer is written.
impl Value for String {
    fn as_integer(&self) -> Option<i64> {
        self.as_str().as_integer()
    }
}

/// As [`String`].
impl Value for &str {
    fn as_integer(&self) -> Option<i64> {
        let integer: i64 = self.parse().ok()?;
        (integer.to_string() == *self).then_some(integer)
    }
}

macro_rules! integers {
    ($($integer:ty)*) => {
        $(impl Value for $integer {
            fn as_integer(&self) -> Option<i64> {
                i64::try_from(*self).ok()
            }
        })*
    };
}
integers!(u8 u16 u32 u64 usize i8 i16 i32 i64 isize);

/// Names one operation of one [`History`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OperationId(usize);

impl OperationId {
    /// How many operations were recorded before this one.
    pub fn index(self) -> usize {
        self.0
    }
}

impl fmt::Display for OperationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "operation {}", self.0)
    }
}

/// Names a client: whoever calls operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Client(pub u64);

impl From<u64> for Client {
    fn from(number: u64) -> Self {
        Client(number)
    }
}

impl fmt::Display for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "client {}", self.0)
    }
}

/// The name of a register: any bytes. Printed in quotes, with escapes where it is not plain ASCII.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RegisterName(Vec<u8>);

impl RegisterName {
    /// The name that consists of these bytes.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(bytes.into())
    }

    /// The bytes that the name consists of.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl AsRef<[u8]> for RegisterName {
    fn as_ref(&self) -> &[u8] {
        self.as_bytes()
    }
}

/// Lets the table of registers be asked without an allocation.
impl Borrow<[u8]> for RegisterName {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for RegisterName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.escape_ascii())
    }
}

impl fmt::Debug for RegisterName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operation_that_was_never_finished_is_unknown() {
        let mut history = History::new();
        let id = history.call(1, "x", Action::Write("a"), 1);
        assert_eq!(history.operation(id).outcome, Outcome::Unknown);
    }

    #[test]
    fn an_operation_may_return_at_the_time_of_its_call() {
        let mut history = History::new();
        let id = history.call(1, "x", Action::Write("a"), 1);
        history.done(id, 1, Reply::Written);
        let reply = Reply::Written;
        assert_eq!(
            history.operation(id).outcome,
            Outcome::Done { time: 1, reply }
        );
    }

    #[test]
    fn registers_are_told_apart_by_their_bytes() {
        let mut history: History<u8> = History::new();
        history.call(1, "x", Action::Read, 1);
        history.call(1, [0xff], Action::Read, 2);
        history.call(1, b"x", Action::Read, 3);
        let sizes: Vec<_> = history
            .by_register()
            .iter()
            .map(|(name, operations)| (name.to_string(), operations.len()))
            .collect();
        assert_eq!(
            sizes,
            [("\"x\"".to_owned(), 2), ("\"\\xff\"".to_owned(), 1)]
        );
    }

    #[test]
    #[should_panic(expected = "operation 0 was called at 5 and cannot return at 4")]
    fn a_return_before_the_call_is_a_mistake() {
        let mut history = History::new();
        let id = history.call(1, "x", Action::Write("a"), 5);
        history.done(id, 4, Reply::Written);
    }

    #[test]
    #[should_panic(expected = "operation 0 is finished already")]
    fn finishing_twice_is_a_mistake() {
        let mut history = History::new();
        let id = history.call(1, "x", Action::Write("a"), 5);
        history.unknown(id);
        history.refused(id, 6);
    }

    #[test]
    fn an_integer_is_written_in_one_way() {
        for (text, integer) in [("7", Some(7)), ("-7", Some(-7)), ("07", None), ("+7", None)] {
            assert_eq!(text.as_integer(), integer, "{text}");
        }
        assert_eq!(u64::MAX.as_integer(), None);
    }

    #[test]
    #[should_panic(expected = "operation 0 is a read and cannot reply `Written`")]
    fn a_reply_of_the_wrong_kind_is_a_mistake() {
        let mut history: History<u8> = History::new();
        let id = history.call(1, "x", Action::Read, 5);
        history.done(id, 6, Reply::Written);
    }
}
