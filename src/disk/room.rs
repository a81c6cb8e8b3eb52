//! How much room there is on a file system.

use nix::sys::statvfs::statvfs;
use std::path::Path;

/// Below this much free room a node stops acknowledging. What is left serves the store's own work,
/// so that it does not fail in the middle of it.
const RESERVE_BYTES: u64 = 64 * 1024 * 1024;

/// On a small file system a part of it is reserved instead.
const RESERVE_PART: u64 = 10;

/// Whether there is room to write on, where this path is. Once there was not, there is again only
/// with somewhat more, so that a node does not change its mind with each file that the store
/// removes. A file system that does not tell has room.
pub(super) fn is_left(path: &Path, is_full: bool) -> bool {
    let Ok(found) = statvfs(path) else {
        return true;
    };
    let block = wide(found.fragment_size());
    let free = wide(found.blocks_available()) * block;
    let reserve = RESERVE_BYTES.min(wide(found.blocks()) * block / RESERVE_PART);
    free >= if is_full {
        reserve + reserve / 4
    } else {
        reserve
    }
}

/// Systems count blocks in integers of different widths.
fn wide(number: impl Into<u64>) -> u64 {
    number.into()
}
