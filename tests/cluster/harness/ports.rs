//! Ports that nobody uses.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Where ports are looked for: below those that the system gives to outgoing connections (from
/// 32,768 on, on Linux), so that no connection takes a node's port while the node is being
/// restarted. All have five digits, so that the order of addresses is that of ports.
const FIRST: u16 = 10_000;
const COUNT: u16 = 20_000;

/// Ports side by side that are free now, and that no other test of this process is given.
pub(crate) fn free_ports(count: u16) -> Vec<u16> {
    static TAKEN: AtomicU16 = AtomicU16::new(0);
    // Test runs that go on at the same time begin at different places.
    let nanos = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("after 1970")
        .subsec_nanos();
    let begin = (nanos / 1000 + std::process::id() * 7919) % u32::from(COUNT);
    let _ = TAKEN.compare_exchange(0, begin as u16, Ordering::Relaxed, Ordering::Relaxed);
    for _ in 0..COUNT {
        let offset = TAKEN.fetch_add(count, Ordering::Relaxed) % (COUNT - count);
        let ports: Vec<u16> = (FIRST + offset..).take(count.into()).collect();
        if ports.iter().all(|&port| is_free(port)) {
            return ports;
        }
    }
    panic!("no {count} ports side by side are free");
}

/// Whether a node could listen there.
pub(crate) fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}
