//! Files of backups.

use crate::memory::{Allowance, within};
use shardedmemory::fuzzing::backup_file as check;

/// How much memory a file may take: what compresses and reads ahead; and for each byte, as many
/// registers as it can stand for in a block that is compressed, in a list that doubles.
const BACKUP: Allowance = Allowance {
    bytes: 1024 * 1024,
    per_byte: 16 * 1024,
};

/// A file of a backup, and the registers of a block.
pub fn backup_file(data: &[u8]) {
    within(data, BACKUP, check);
}
