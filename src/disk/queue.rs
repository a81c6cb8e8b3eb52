//! Where what is to be written gathers: [`Queue`].

use parking_lot::{Condvar, Mutex};
use protocol::{
    Cell, Configuration, Counter, Group, Incarnation, PersistNumber, RegisterName, Slot,
};
use std::sync::Arc;
use std::time::Instant;

/// What changes in what a lane keeps.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    /// This is kept of the register now.
    Cell(RegisterName, Cell),
    /// Nothing is kept of the registers of this group, nor the floors of its slots.
    Drop(Group),
    /// Nothing is kept of these registers, whose tombstones are dropped.
    Forget(Vec<RegisterName>),
    /// The slot has this floor and this base.
    Floor(Slot, (u64, u64)),
    /// Of each of these incarnations' lanes, requests below this number are refused.
    Marks(Vec<(Incarnation, Counter)>),
}

impl Change {
    /// About as many bytes as it takes.
    fn bytes(&self) -> usize {
        let content =
            |content: &Option<bytes::Bytes>| content.as_ref().map_or(0, bytes::Bytes::len);
        match self {
            Change::Cell(name, cell) => {
                let accepted = cell.accepted.as_deref();
                let accepted = accepted.map_or(0, |accepted| content(&accepted.content));
                CHANGE_BYTES + name.as_bytes().len() + content(&cell.record.content) + accepted
            }
            Change::Drop(_) | Change::Floor(..) => CHANGE_BYTES,
            Change::Forget(names) => CHANGE_BYTES * names.len(),
            Change::Marks(marks) => CHANGE_BYTES * marks.len(),
        }
    }
}

/// What a change takes besides what it names.
const CHANGE_BYTES: usize = 200;

/// A configuration that the node is about to enter, and as whom.
#[derive(Clone, Debug)]
pub(super) struct Entering {
    pub(super) configuration: Arc<Configuration>,
    pub(super) incarnation: Incarnation,
    /// Whether what the directory holds of registers was another node's.
    pub(super) begins_anew: bool,
}

impl Entering {
    /// The same, after another one that was not written yet: what that one was to begin, this one
    /// begins.
    pub(super) fn following(self, former: Option<Entering>) -> Self {
        let begins_anew = former.is_some_and(|former| former.begins_anew);
        Self {
            begins_anew: begins_anew || self.begins_anew,
            ..self
        }
    }
}

/// What has gathered, in the order in which it came.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    pub(super) changes: Vec<Change>,
    /// Of each lane: the number of its last change, and the digest of what it keeps then.
    pub(super) lanes: Vec<Option<(PersistNumber, u128)>>,
    pub(super) entering: Option<Entering>,
    /// Whether nothing will follow.
    pub(super) is_closing: bool,
}

/// Where what is to be written gathers, until the writer takes all of it.
#[derive(Debug)]
pub(super) struct Queue {
    state: Mutex<State>,
    is_more: Condvar,
}

#[derive(Debug, Default)]
struct State {
    gathered: Gathered,
    bytes: usize,
}

impl Queue {
    pub(super) fn new(lanes: usize) -> Self {
        Self {
            state: Mutex::new(State {
                gathered: Gathered {
                    lanes: vec![None; lanes],
                    ..Gathered::default()
                },
                bytes: 0,
            }),
            is_more: Condvar::new(),
        }
    }

    /// Adds what a lane keeps since it last did. Returns how many bytes wait.
    pub(super) fn push(
        &self,
        lane: usize,
        number: PersistNumber,
        digest: u128,
        changes: &mut Vec<Change>,
    ) -> usize {
        let mut state = self.state.lock();
        state.bytes += changes.iter().map(Change::bytes).sum::<usize>();
        state.gathered.changes.append(changes);
        state.gathered.lanes[lane] = Some((number, digest));
        self.is_more.notify_one();
        state.bytes
    }

    /// Adds that the node is about to enter a configuration.
    pub(super) fn enter(&self, entering: Entering) {
        let mut state = self.state.lock();
        let former = state.gathered.entering.take();
        state.gathered.entering = Some(entering.following(former));
        self.is_more.notify_one();
    }

    /// Nothing will follow.
    pub(super) fn close(&self) {
        self.state.lock().gathered.is_closing = true;
        self.is_more.notify_one();
    }

    /// Takes all that has gathered. If that is nothing, waits until there is something, but not
    /// beyond the deadline.
    pub(super) fn take(&self, deadline: Option<Instant>) -> Gathered {
        let mut state = self.state.lock();
        let is_nothing = |state: &mut State| {
            let gathered = &state.gathered;
            gathered.changes.is_empty() && gathered.entering.is_none() && !gathered.is_closing
        };
        match deadline {
            Some(deadline) => {
                let wait = |state: &mut State| is_nothing(state);
                self.is_more.wait_while_until(&mut state, wait, deadline);
            }
            None => self.is_more.wait_while(&mut state, is_nothing),
        }
        let lanes = state.gathered.lanes.len();
        state.bytes = 0;
        let next = Gathered {
            lanes: vec![None; lanes],
            is_closing: state.gathered.is_closing,
            ..Gathered::default()
        };
        std::mem::replace(&mut state.gathered, next)
    }
}
