//! How much memory registers take.
//!
//! It is an estimate, made of what is asked of the allocator: what that gives is rounded up to one
//! of its sizes, four of them for each doubling, as most allocators have it (mimalloc, which the
//! server uses, and jemalloc). A test compares it with what a process really takes.

use super::Cell;
use super::store::{Held, SlotStore};
use crate::ballot::Accepted;
use crate::record::UnixMillis;
use crate::slot::RegisterName;
use core::mem::size_of;

/// What the process grows by when an allocator is asked for so many bytes: its pages are never
/// quite full, and it keeps notes on them. The part of that is measured.
fn given(bytes: usize) -> u64 {
    let size = size_of_given(bytes);
    size + size / 16
}

/// The size in which an allocator gives so many bytes.
fn size_of_given(bytes: usize) -> u64 {
    const WORDS: usize = 16;
    let bytes = bytes.next_multiple_of(WORDS);
    if bytes <= 8 * WORDS {
        return bytes as u64;
    }
    bytes.next_multiple_of(bytes.next_power_of_two() / 8) as u64
}

/// What [`bytes::Bytes`] keep beside themselves once they were shared: where they are, how many, and how
/// often they are shared.
const SHARED: usize = 3 * size_of::<usize>();

/// The memory of a name or of a value.
fn text(bytes: &[u8]) -> u64 {
    match bytes.len() {
        0 => 0,
        length => given(length) + given(SHARED),
    }
}

/// The memory of one entry of the indices of what expires and of tombstones: their trees are filled
/// to two thirds.
const INDEXED: u64 = (size_of::<(UnixMillis, RegisterName)>() as u64 * 3).div_ceil(2);

/// The memory of what is kept of a register, without its place in the map of its slot.
pub(super) fn of_cell(name: &RegisterName, cell: &Cell) -> u64 {
    let content = cell.record.content.as_deref().map_or(0, text);
    let accepted = cell.accepted.as_deref().map_or(0, |step| {
        // Of a step that took effect the value is kept once.
        let is_shared = step.tag == cell.record.tag;
        let content = (step.content.as_deref()).filter(|_| !is_shared);
        given(size_of::<Accepted>()) + content.map_or(0, text)
    });
    let expiring = cell.record.expiry.map_or(0, |_| INDEXED);
    let tombstone = if cell.is_tombstone() { INDEXED } else { 0 };
    given(size_of::<Held>()) + text(name.as_bytes()) + content + accepted + expiring + tombstone
}

/// The memory of a new register without a value.
pub(super) fn of_new(name: &RegisterName) -> u64 {
    of_cell(name, &Cell::EMPTY)
}

/// The memory of a value, beyond its bytes.
pub(super) const VALUE_BESIDES: u64 = 64;

/// The memory of the map of a slot that has so many registers.
///
/// A B-tree whose keys come in no order is filled to ln 2: a leaf has 7.6 of 11 entries, and one
/// more stands above it.
pub(super) fn of_map(registers: usize) -> u64 {
    const ENTRIES: usize = 11;
    const LEAF: usize = ENTRIES * (size_of::<RegisterName>() + size_of::<usize>()) + 16;
    const INNER: usize = LEAF + (ENTRIES + 1) * size_of::<usize>();
    const TENTHS_IN_A_LEAF: usize = 86;
    let (leaves, inner) = match registers {
        0 => (0, 0),
        1..=ENTRIES => (1, 0),
        _ => {
            let leaves = (registers * 10).div_ceil(TENTHS_IN_A_LEAF);
            (leaves, (leaves * 10).div_ceil(TENTHS_IN_A_LEAF))
        }
    };
    leaves as u64 * given(LEAF) + inner as u64 * given(INNER)
}

/// The memory of a slot of which anything is held, without its registers.
pub(super) const SLOT: u64 = (size_of::<SlotStore>() as u64 * 3).div_ceil(2);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_allocator_has_four_sizes_for_each_doubling() {
        for (asked, expected) in [
            (1, 16),
            (24, 32),
            (100, 112),
            (128, 128),
            (129, 160),
            (168, 192),
            (632, 640),
            (10_240, 10_240),
            (10_241, 12_288),
        ] {
            assert_eq!(size_of_given(asked), expected, "{asked}");
        }
    }

    #[test]
    fn a_map_grows_with_its_registers() {
        let sizes = (0..1000).map(of_map);
        assert!(sizes.is_sorted());
        assert_eq!(of_map(0), 0);
        assert_eq!(of_map(1), of_map(11));
    }
}
