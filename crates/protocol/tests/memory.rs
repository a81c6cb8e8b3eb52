//! A lane's estimate of the memory that its registers take, beside what its process takes.
//!
//! It is a program of its own, with the server's allocator, since a process grows by whatever else
//! runs in it.
#![cfg(target_os = "linux")]

use bytes::Bytes;
use protocol::{
    Boot, Change, ClusterId, Configuration, Epoch, Incarnation, Lane, LaneOptions, Member, NodeId,
    Operation, Output, RegisterName, Ticket, Time,
};
use std::sync::Arc;
use std::time::Duration;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const OWN: Incarnation = Incarnation {
    node: NodeId::new(1),
    boot: Boot::FIRST,
};

/// What the process has from the system.
fn resident_bytes() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .unwrap();
    let kib: f64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kib * 1024.0
}

/// A node by itself, which holds everything.
fn lane() -> Lane {
    let mut lane = Lane::new(LaneOptions {
        has_disk: false,
        ..LaneOptions::new(OWN, 0)
    });
    let member = Member::new(OWN.node, "127.0.0.1:3030".parse().unwrap());
    let alone = Configuration::new(ClusterId(1), Epoch::FIRST, vec![member], 1).unwrap();
    lane.handle_configuration(Time::from_micros(0), Arc::new(alone));
    lane
}

/// What the registers of a shape are like.
struct Shape {
    what: &'static str,
    registers: usize,
    name_bytes: usize,
    value_bytes: usize,
    /// Whether they are made by read-modify-writes.
    is_modified: bool,
}

impl Shape {
    /// The estimate, and by how much the process has grown.
    fn fill(&self) -> (f64, f64, Lane) {
        let before = resident_bytes();
        let mut lane = lane();
        let value = vec![b'v'; self.value_bytes];
        for number in 0..self.registers {
            let name = format!("{number:0width$}", width = self.name_bytes);
            let name = RegisterName::new(Bytes::copy_from_slice(name.as_bytes())).unwrap();
            // As it comes from clients and peers: in an allocation of its own.
            let content = Some(Bytes::copy_from_slice(&value));
            let operation = match self.is_modified {
                true => Operation::Modify {
                    name,
                    change: Change::set_if(protocol::Condition::Always, content),
                },
                false => Operation::Write {
                    name,
                    content,
                    expiry: None,
                },
            };
            let now = Time::from_micros(number as u64);
            let deadline = now + Duration::from_secs(5);
            lane.handle_request(now, Ticket(number as u64), operation, deadline);
            let mut outputs = std::iter::from_fn(|| lane.poll_output());
            assert!(outputs.all(|output| matches!(output, Output::Answer { .. })));
        }
        let estimate = lane.memory_bytes() as f64;
        (estimate, resident_bytes() - before, lane)
    }
}

#[test]
fn the_estimate_is_true_within_a_tenth() {
    // Without optimisation a million takes minutes.
    let registers = if cfg!(debug_assertions) {
        100_000
    } else {
        1_000_000
    };
    let shape = |what, registers, name_bytes, value_bytes| Shape {
        what,
        registers,
        name_bytes,
        value_bytes,
        is_modified: false,
    };
    let mut kept = Vec::new();
    for shape in [
        shape("100 bytes", registers, 16, 100),
        shape("10-byte names and values", registers, 10, 10),
        shape("10 KiB", registers / 20, 16, 10 * 1024),
        shape("one in each slot, or so", 16_000, 16, 100),
        Shape {
            is_modified: true,
            ..shape("read-modify-writes", registers / 2, 16, 100)
        },
    ] {
        let (estimate, grown, lane) = shape.fill();
        let share = estimate / grown;
        println!(
            "{}: {} registers, {:.0} bytes each by the estimate, {:.0} in truth: {share:.3}",
            shape.what,
            shape.registers,
            estimate / shape.registers as f64,
            grown / shape.registers as f64,
        );
        assert!((0.9..=1.1).contains(&share), "{}: {share}", shape.what);
        // What is given back would be taken by the next shape, and hide its growth.
        kept.push(lane);
    }
}
