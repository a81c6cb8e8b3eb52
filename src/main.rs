//! `shardedmemory`: one node of a leaderless, linearizable shared memory.

fn main() {}
