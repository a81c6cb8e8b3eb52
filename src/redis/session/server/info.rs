//! `INFO`: the node in lines.

use super::super::connections::ConnectionFigures;
use super::super::{Registers, Session};
use super::{REDIS_VERSION, spell_id};
use crate::metrics::{OperationKind, Traffic};
use crate::server::ClusterView;
use bytes::Bytes;
use commands::UnixMillis;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;
use std::fmt::Write;
use std::time::Duration;

/// What the sections are made of.
pub(super) struct Figures {
    pub(super) view: ClusterView,
    pub(super) connections: ConnectionFigures,
    pub(super) connections_max: usize,
    pub(super) port: u16,
    pub(super) uptime: Duration,
    pub(super) now: UnixMillis,
    pub(super) traffic: Traffic,
    /// Operations that ended, by kind; see [`OperationKind::ALL`].
    pub(super) operations: [u64; 4],
    /// The memory that the process has from the system, if the system says so.
    pub(super) resident_bytes: Option<u64>,
    /// Time on processors: in the system, and for itself.
    pub(super) processor_time: Option<(Duration, Duration)>,
}

impl<N: Registers> Session<N> {
    pub(super) fn figures(&self, now: UnixMillis) -> Figures {
        let shared = &*self.shared;
        let node = &shared.node;
        let usage = getrusage(UsageWho::RUSAGE_SELF).ok();
        let processor_time =
            usage.map(|usage| (duration(usage.system_time()), duration(usage.user_time())));
        Figures {
            view: node.view(),
            connections: shared.connections.figures(),
            connections_max: shared.settings.connections_max,
            port: shared.settings.port,
            uptime: shared.started.elapsed(),
            now,
            traffic: node.traffic(),
            operations: node.operations_done(),
            resident_bytes: resident_bytes(),
            processor_time,
        }
    }
}

type Section = fn(&Figures, &mut String);

/// The sections, by the names that clients ask for them by.
const SECTIONS: [(&str, &str, Section); 9] = [
    ("server", "Server", server),
    ("clients", "Clients", clients),
    ("memory", "Memory", memory),
    ("persistence", "Persistence", persistence),
    ("stats", "Stats", stats),
    ("replication", "Replication", replication),
    ("cpu", "CPU", cpu),
    ("cluster", "Cluster", cluster),
    ("keyspace", "Keyspace", keyspace),
];

/// The sections that are named, or all if none is, or all are asked for.
pub(super) fn text(figures: &Figures, named: &[Bytes]) -> String {
    let is_named = |name: &str| {
        let mut named = named.iter();
        named.any(|each| each.eq_ignore_ascii_case(name.as_bytes()))
    };
    let is_all = named.is_empty() || ["default", "all", "everything"].into_iter().any(is_named);
    let mut text = String::new();
    for (name, title, write) in SECTIONS {
        if is_all || is_named(name) {
            if !text.is_empty() {
                text.push_str("\r\n");
            }
            let _ = write!(text, "# {title}\r\n");
            write(figures, &mut text);
        }
    }
    text
}

fn server(figures: &Figures, text: &mut String) {
    let run_id = spell_id(figures.view.node.node);
    let seconds = figures.uptime.as_secs();
    lines(
        text,
        &[
            ("redis_version", &REDIS_VERSION),
            ("redis_mode", &"standalone"),
            ("shardedmemory_version", &env!("CARGO_PKG_VERSION")),
            ("shardedmemory_commit", &crate::COMMIT),
            ("os", &std::env::consts::OS),
            ("arch_bits", &usize::BITS),
            ("process_id", &std::process::id()),
            ("run_id", &run_id),
            ("tcp_port", &figures.port),
            ("server_time_usec", &figures.now.0.saturating_mul(1000)),
            ("uptime_in_seconds", &seconds),
            ("uptime_in_days", &(seconds / 86_400)),
        ],
    );
}

fn clients(figures: &Figures, text: &mut String) {
    lines(
        text,
        &[
            ("connected_clients", &figures.connections.open),
            ("maxclients", &figures.connections_max),
            ("blocked_clients", &0),
            ("tracking_clients", &0),
        ],
    );
}

fn memory(figures: &Figures, text: &mut String) {
    if let Some(bytes) = figures.resident_bytes {
        let human = human(bytes);
        lines(
            text,
            &[
                ("used_memory", &bytes),
                ("used_memory_human", &human),
                ("used_memory_rss", &bytes),
                ("used_memory_rss_human", &human),
            ],
        );
    }
    let limit = figures.view.memory_limit.unwrap_or_default();
    lines(
        text,
        &[
            ("used_memory_dataset", &figures.view.memory_bytes),
            ("maxmemory", &limit),
            ("maxmemory_human", &human(limit)),
            ("maxmemory_policy", &"noeviction"),
        ],
    );
}

/// Registers are in memory, so nothing is ever loaded or saved.
fn persistence(_: &Figures, text: &mut String) {
    lines(
        text,
        &[
            ("loading", &0),
            ("async_loading", &0),
            ("rdb_bgsave_in_progress", &0),
            ("aof_enabled", &0),
            ("aof_rewrite_in_progress", &0),
        ],
    );
}

fn stats(figures: &Figures, text: &mut String) {
    lines(
        text,
        &[
            ("total_connections_received", &figures.connections.ever),
            ("total_commands_processed", &figures.connections.commands),
            ("evicted_keys", &0),
            ("pubsub_channels", &0),
            ("pubsub_patterns", &0),
        ],
    );
    for (kind, done) in OperationKind::ALL.into_iter().zip(figures.operations) {
        let _ = write!(
            text,
            "shardedmemory_{}_operations_done:{done}\r\n",
            kind.name()
        );
    }
    let sent: u64 = figures
        .traffic
        .sent
        .iter()
        .map(|peer| peer.sent_bytes)
        .sum();
    lines(
        text,
        &[
            ("shardedmemory_peers_sent_bytes", &sent),
            (
                "shardedmemory_peers_received_bytes",
                &figures.traffic.received.received_bytes,
            ),
            (
                "shardedmemory_operations_running",
                &figures.view.operations_running,
            ),
        ],
    );
}

/// Every node takes writes, and none follows another.
fn replication(figures: &Figures, text: &mut String) {
    lines(text, &[("role", &"master"), ("connected_slaves", &0)]);
    if let Some(cluster) = figures.view.cluster {
        lines(text, &[("master_replid", &format!("{cluster}{:024}", 0))]);
    }
    lines(text, &[("master_repl_offset", &0)]);
}

fn cpu(figures: &Figures, text: &mut String) {
    if let Some((system, user)) = figures.processor_time {
        lines(
            text,
            &[
                ("used_cpu_sys", &format!("{:.6}", system.as_secs_f64())),
                ("used_cpu_user", &format!("{:.6}", user.as_secs_f64())),
            ],
        );
    }
}

fn cluster(figures: &Figures, text: &mut String) {
    let view = &figures.view;
    lines(
        text,
        &[
            ("cluster_enabled", &0),
            ("shardedmemory_cluster_members", &view.members.len()),
            ("shardedmemory_cluster_epoch", &view.epoch),
            ("shardedmemory_cluster_quorum", &u8::from(view.quorum())),
        ],
    );
}

/// How many registers the cluster has is a question to many nodes, and `DBSIZE` asks it. This is
/// what the node itself keeps: what it holds for others too, and what was deleted.
fn keyspace(figures: &Figures, text: &mut String) {
    lines(
        text,
        &[("shardedmemory_records_held", &figures.view.registers)],
    );
}

fn lines(text: &mut String, lines: &[(&str, &dyn std::fmt::Display)]) {
    for (name, value) in lines {
        let _ = write!(text, "{name}:{value}\r\n");
    }
}

/// A size as Redis shows it to people.
fn human(bytes: u64) -> String {
    let unit = |unit: u32, letter: char| {
        let size = bytes as f64 / f64::from(1 << unit);
        format!("{size:.2}{letter}")
    };
    match bytes {
        0..0x400 => format!("{bytes}B"),
        0x400..0x10_0000 => unit(10, 'K'),
        0x10_0000..0x4000_0000 => unit(20, 'M'),
        _ => unit(30, 'G'),
    }
}

fn duration(time: TimeVal) -> Duration {
    let (seconds, micros) = (time.tv_sec().max(0), time.tv_usec().max(0));
    Duration::from_secs(seconds as u64) + Duration::from_micros(micros as u64)
}

/// How much of the memory that the process has is in use, as Linux tells it.
fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::super::super::testing;
    use super::*;

    fn figures() -> Figures {
        let session = testing::session();
        session.figures(UnixMillis(1_700_000_000_000))
    }

    fn text_of(named: &[&'static str]) -> String {
        let named: Vec<Bytes> = named.iter().map(|&name| name.into()).collect();
        text(&figures(), &named)
    }

    #[test]
    fn every_line_is_a_title_a_field_or_empty_and_every_field_is_named_once() {
        let text = text_of(&[]);
        let mut names = std::collections::BTreeSet::new();
        for line in text.split_terminator("\r\n") {
            assert!(!line.contains('\n'), "{line}");
            if line.is_empty() || line.starts_with("# ") {
                continue;
            }
            let (name, value) = line.split_once(':').expect(line);
            assert!(names.insert(name.to_owned()), "{name} is there twice");
            assert!(!value.is_empty(), "{name} has no value");
        }
        assert!(names.contains("used_memory") && names.contains("total_commands_processed"));
        assert_eq!(
            text_of(&["EVERYTHING"]).lines().count(),
            text.lines().count()
        );
    }

    #[test]
    fn a_section_is_told_by_itself_and_an_unknown_one_is_empty() {
        assert_eq!(
            text_of(&["replication", "nonsense"]).lines().next(),
            Some("# Replication")
        );
        assert_eq!(text_of(&["nonsense"]), "");
        let two = text_of(&["Clients", "persistence"]);
        assert!(two.starts_with("# Clients\r\n") && two.contains("\r\n\r\n# Persistence\r\n"));
    }

    #[test]
    fn a_node_says_that_it_loads_nothing() {
        assert!(text_of(&[]).contains("\r\nloading:0\r\n"));
    }

    #[test]
    fn sizes_are_rounded_for_people() {
        assert_eq!(human(1_000), "1000B");
        assert_eq!(human(2_048), "2.00K");
        assert_eq!(human(2_057_352), "1.96M");
        assert_eq!(human(5 << 30), "5.00G");
    }
}
