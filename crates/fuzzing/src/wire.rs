//! What comes on connections between nodes, once it is taken apart into batches.

use crate::memory::{Allowance, within};
use protocol::Configuration;
use shardedmemory::fuzzing::{DataBatch, MembershipBatch};

/// How much memory a byte of a batch may take, configurations apart. The most is taken by a name
/// without bytes in a list: two bytes on the wire, and its place in a list that doubles.
const BATCH_FACTOR: u64 = 64;

/// What a configuration may take, however short it is: the replicas of each of its 1,024 groups, as
/// they are and as they are to be.
const PLACEMENT_BYTES: u64 = 512 * 1024;

/// How many configurations a batch may have.
const CONFIGURATIONS_MAX: u64 = 7;

const BATCH: Allowance = Allowance {
    bytes: CONFIGURATIONS_MAX * PLACEMENT_BYTES,
    per_byte: BATCH_FACTOR,
};

const CONFIGURATION: Allowance = Allowance {
    bytes: PLACEMENT_BYTES,
    per_byte: BATCH_FACTOR,
};

/// A batch of messages between lanes. What is one is read back as it is written.
pub fn peer_batch(data: &[u8]) {
    if let Some(batch) = within(data, BATCH, DataBatch::decode) {
        batch.check(data);
    }
}

/// A batch of membership messages. What is one is read back as it is written.
pub fn membership_batch(data: &[u8]) {
    if let Some(batch) = within(data, BATCH, MembershipBatch::decode) {
        batch.check(data);
    }
}

/// A configuration. What is one is written in these very bytes.
pub fn configuration(data: &[u8]) {
    if let Ok(configuration) = within(data, CONFIGURATION, Configuration::decode) {
        assert!(configuration.encode() == data);
        assert!(data.len() <= Configuration::ENCODED_BYTES_MAX);
    }
}
