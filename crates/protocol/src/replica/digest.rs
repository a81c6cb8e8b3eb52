//! The digest of what is kept of one register.

use super::Cell;
use crate::ballot::{Accepted, Ballot};
use crate::node::Incarnation;
use crate::slot::{RegisterName, Slot};
use crate::tag::Tag;
use xxhash_rust::xxh3::xxh3_128;

/// The digest of a cell. That of a slot is the sum of its cells', so that it does not matter in
/// which order they came, and one that changes is taken out and put in again.
///
/// It covers the name and every version, and so all that is copied: what a tag, or a ballot with
/// its tag, stands for is the same wherever they stand. What is known to be settled it leaves out.
/// Two versions of this program that computed it differently would copy more than they need, and
/// nothing less.
pub(super) fn digest(name: NameDigest, cell: &Cell) -> u128 {
    let mut state = State {
        bytes: [0; STATE_BYTES],
        filled: 0,
    };
    state.put(name.0.to_be_bytes());
    state.put_tag(cell.record.tag);
    state.put_ballot(cell.promised);
    let accepted = cell.accepted.as_deref().map(Accepted::rank);
    state.put([accepted.is_some().into()]);
    let (ballot, tag) = accepted.unwrap_or((Ballot::ZERO, Tag::ZERO));
    state.put_ballot(ballot);
    state.put_tag(tag);
    xxh3_128(state.bytes())
}

/// The digest of what is kept of a slot besides registers: its floor and its base. It is part of
/// [`Lane::kept_digest`](crate::Lane::kept_digest); of a slot that has neither, it is 0.
pub fn of_floor(slot: Slot, (floor, base): (u64, u64)) -> u128 {
    if (floor, base) == (0, 0) {
        return 0;
    }
    let mut bytes = [0; 2 + 8 + 8];
    bytes[..2].copy_from_slice(&slot.number().to_be_bytes());
    bytes[2..10].copy_from_slice(&floor.to_be_bytes());
    bytes[10..].copy_from_slice(&base.to_be_bytes());
    xxh3_128(&bytes)
}

/// What stands for a name in the digests of its cells.
#[derive(Clone, Copy)]
pub(super) struct NameDigest(u128);

impl NameDigest {
    pub(super) fn of(name: &RegisterName) -> Self {
        Self(xxh3_128(name.as_bytes()))
    }

    /// What it adds to a sum that stands for a set of names.
    pub(super) fn sum(self) -> u128 {
        self.0
    }
}

const NAME_BYTES: usize = 16;
const INCARNATION_BYTES: usize = 8 + 4;
const TAG_BYTES: usize = 8 + INCARNATION_BYTES + 4;
const BALLOT_BYTES: usize = 8 + INCARNATION_BYTES;
const STATE_BYTES: usize = NAME_BYTES + TAG_BYTES + BALLOT_BYTES + 1 + BALLOT_BYTES + TAG_BYTES;

/// What is hashed, laid out on the stack: this runs twice for every update.
struct State {
    bytes: [u8; STATE_BYTES],
    filled: usize,
}

impl State {
    fn put<const N: usize>(&mut self, bytes: [u8; N]) {
        self.bytes[self.filled..self.filled + N].copy_from_slice(&bytes);
        self.filled += N;
    }

    fn put_tag(&mut self, tag: Tag) {
        self.put(tag.seq.to_be_bytes());
        self.put_incarnation(tag.writer);
        self.put(tag.step.to_be_bytes());
    }

    fn put_ballot(&mut self, ballot: Ballot) {
        self.put(ballot.round.to_be_bytes());
        self.put_incarnation(ballot.proposer);
    }

    fn put_incarnation(&mut self, incarnation: Incarnation) {
        self.put(incarnation.node.get().to_be_bytes());
        self.put(incarnation.boot.get().to_be_bytes());
    }

    fn bytes(&self) -> &[u8; STATE_BYTES] {
        assert_eq!(self.filled, STATE_BYTES, "all of a cell is hashed");
        &self.bytes
    }
}
