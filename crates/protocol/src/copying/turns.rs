//! Whose turn it is to be pulled: [`Turns`].

use super::pull::{Asked, Pull};
use super::source::PAGE_BYTES;
use crate::message::Counter;
use crate::node::NodeId;
use crate::slot::Group;
use crate::time::Time;
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::vec::Vec;

/// The groups to be copied: those that are being pulled, and those that wait for their turn.
///
/// Many may be under way at once, so that the time that messages take is hidden; but only as many
/// as are expected to bring a few pages together. Where others hold nothing that is lacking here,
/// that is many; where they do, it is a few.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Turns {
    /// One whose source is silent goes to the end, so that it keeps no other one waiting.
    waiting: VecDeque<Pull>,
    pulls: BTreeMap<Group, Pull>,
    /// Those being pulled of which nothing is asked at the moment.
    idle: BTreeSet<Group>,
    /// The numbers of the requests under way, and when each is sent again.
    counters: BTreeSet<Counter>,
    resends: BTreeSet<(Time, Group)>,
    /// How many bytes the requests under way are expected to bring.
    bytes_expected: u64,
    /// How many one request is expected to bring, by what the latest ones brought: one for what
    /// differs, and one for cells.
    differences_bytes: u64,
    cells_bytes: u64,
}

/// How many groups are pulled at once.
const PULLS_MAX: usize = 64;

/// How many bytes all requests under way may be expected to bring, unless one alone brings more.
const BYTES_EXPECTED_MAX: u64 = 8 * PAGE_BYTES;

/// A request that may be made now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Turn {
    pub(super) group: Group,
    pub(super) source: NodeId,
    pub(super) is_for_cells: bool,
    pub(super) bytes_expected: u64,
    /// Its place among those that wait, if it does.
    waiting_at: Option<usize>,
}

impl Turns {
    pub(super) fn new() -> Self {
        Self {
            waiting: VecDeque::new(),
            pulls: BTreeMap::new(),
            idle: BTreeSet::new(),
            counters: BTreeSet::new(),
            resends: BTreeSet::new(),
            bytes_expected: 0,
            differences_bytes: 0,
            cells_bytes: PAGE_BYTES,
        }
    }

    /// One more group is to be pulled.
    pub(super) fn add(&mut self, pull: Pull) {
        self.waiting.push_back(pull);
    }

    pub(super) fn get(&self, group: Group) -> Option<&Pull> {
        self.pulls.get(&group)
    }

    pub(super) fn get_mut(&mut self, group: Group) -> Option<&mut Pull> {
        self.pulls.get_mut(&group)
    }

    /// What to ask next, if anything may be asked now. Sources with the least reluctance come
    /// first.
    pub(super) fn next(&self, reluctance: impl Fn(NodeId) -> u32) -> Option<Turn> {
        let mut idle = self.idle.iter().filter_map(|group| self.pulls.get(group));
        let idle = idle.find_map(|pull| {
            let (_, turn) = self.turn(pull, None, &reluctance)?;
            self.has_room(turn.bytes_expected).then_some(turn)
        });
        if idle.is_some() || self.pulls.len() >= PULLS_MAX {
            return idle;
        }
        let mut best: Option<(u32, Turn)> = None;
        for (index, pull) in self.waiting.iter().enumerate() {
            let Some((reluctance, turn)) = self.turn(pull, Some(index), &reluctance) else {
                continue;
            };
            if !self.has_room(turn.bytes_expected) {
                continue;
            }
            if best.is_none_or(|(least, _)| reluctance < least) {
                best = Some((reluctance, turn));
            }
            if reluctance == 0 {
                break;
            }
        }
        best.map(|(_, turn)| turn)
    }

    fn turn(
        &self,
        pull: &Pull,
        waiting_at: Option<usize>,
        reluctance: impl Fn(NodeId) -> u32,
    ) -> Option<(u32, Turn)> {
        let (reluctance, source) = pull.choose(reluctance)?;
        let is_for_cells = pull.is_missing_cells(source);
        let turn = Turn {
            group: pull.group(),
            source,
            is_for_cells,
            bytes_expected: match is_for_cells {
                true => self.cells_bytes,
                false => self.differences_bytes,
            },
            waiting_at,
        };
        Some((reluctance, turn))
    }

    fn has_room(&self, bytes: u64) -> bool {
        self.counters.is_empty() || self.bytes_expected + bytes <= BYTES_EXPECTED_MAX
    }

    /// The request is made. The turn must be the latest that was given.
    pub(super) fn ask(&mut self, turn: Turn, asked: Asked) {
        if let Some(pull) = turn.waiting_at.and_then(|index| self.waiting.remove(index)) {
            self.pulls.insert(pull.group(), pull);
        }
        self.idle.remove(&turn.group);
        self.counters.insert(asked.counter);
        self.resends.insert((asked.resend_at, turn.group));
        self.bytes_expected += asked.bytes_expected;
        let pull = self.pulls.get_mut(&turn.group);
        let former = pull.expect("it has the turn").asked.replace(asked);
        assert_eq!(former, None, "a group is asked about once at a time");
    }

    /// What was asked about a group waits no more, whether a reply came or not.
    fn end_asking(&mut self, group: Group) -> Option<Asked> {
        let asked = self.pulls.get_mut(&group)?.asked.take()?;
        self.counters.remove(&asked.counter);
        self.resends.remove(&(asked.resend_at, group));
        self.bytes_expected -= asked.bytes_expected;
        Some(asked)
    }

    /// A reply of so many bytes was taken in.
    pub(super) fn note_reply(&mut self, group: Group, bytes: u64) {
        let Some(asked) = self.end_asking(group) else {
            return;
        };
        let expected = match asked.is_for_cells {
            true => &mut self.cells_bytes,
            false => &mut self.differences_bytes,
        };
        // It rises at once, and falls slowly.
        *expected = bytes.max(*expected - expected.div_ceil(8));
        self.idle.insert(group);
    }

    /// The group is copied.
    pub(super) fn remove(&mut self, group: Group) {
        self.end_asking(group);
        self.idle.remove(&group);
        self.pulls.remove(&group);
    }

    /// Gives up the request about a group, and lets others have their turn. Returns the request.
    pub(super) fn give_up(&mut self, group: Group) -> Option<Asked> {
        let asked = self.end_asking(group)?;
        let pull = self.pulls.remove(&group)?;
        self.waiting.push_back(pull);
        Some(asked)
    }

    /// The request about a group is sent once more, and again at this time.
    pub(super) fn put_off(&mut self, group: Group, resend_at: Time) {
        let pull = self.pulls.get_mut(&group);
        if let Some(asked) = pull.and_then(|pull| pull.asked.as_mut()) {
            self.resends.remove(&(asked.resend_at, group));
            self.resends.insert((resend_at, group));
            asked.resend_at = resend_at;
            asked.sends += 1;
        }
    }

    /// The requests under way.
    pub(super) fn asked(&self) -> impl Iterator<Item = (Group, &Asked)> {
        let pulls = self.pulls.iter();
        pulls.filter_map(|(group, pull)| Some((*group, pull.asked.as_ref()?)))
    }

    /// Those that are being pulled, and those that wait for their turn.
    #[cfg(feature = "model")]
    pub(super) fn pulls(&self) -> impl Iterator<Item = &Pull> {
        self.pulls.values().chain(&self.waiting)
    }

    /// The groups whose requests are to be sent again by now.
    pub(super) fn due(&self, now: Time) -> Vec<Group> {
        let due = self.resends.iter().take_while(|(time, _)| *time <= now);
        due.map(|(_, group)| *group).collect()
    }

    pub(super) fn next_resend(&self) -> Option<Time> {
        self.resends.first().map(|(time, _)| *time)
    }

    /// The least number of the requests under way.
    pub(super) fn low_water(&self) -> Option<Counter> {
        self.counters.first().copied()
    }
}
