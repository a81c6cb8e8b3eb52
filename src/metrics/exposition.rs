//! The counts as text, in the OpenMetrics format that Prometheus reads.

mod cluster;

use super::families::Families;
use super::histogram::HistogramSnapshot;
use super::{Build, Metrics, OperationKind, PeerFigures, Rounds, Traffic};
use crate::server::ClusterView;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, text};
use prometheus_client::registry::Registry;
use std::fmt;
use std::sync::atomic::Ordering;

/// Everything as text of type [`CONTENT_TYPE`](super::CONTENT_TYPE).
pub(super) fn render(metrics: &Metrics, view: ClusterView, traffic: Traffic) -> String {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Snapshot {
        build: metrics.build,
        started_unix_seconds: metrics.started_unix_seconds(),
        operations: OperationKind::ALL.map(|kind| OperationSnapshot::take(metrics, kind)),
        changes: [
            ("begun", &metrics.changes.begun),
            ("finished", &metrics.changes.finished),
            ("aborted", &metrics.changes.aborted),
        ]
        .map(|(step, count)| (step, count.load(Ordering::Relaxed))),
        view,
        traffic,
    }));
    let mut text = String::new();
    text::encode(&mut text, &registry).expect("a string takes whatever is written to it");
    text
}

/// All figures at one moment.
#[derive(Debug)]
struct Snapshot {
    build: Build,
    started_unix_seconds: f64,
    operations: [OperationSnapshot; OperationKind::ALL.len()],
    /// Changes of members, by what this node saw of them.
    changes: [(&'static str, u64); 3],
    view: ClusterView,
    traffic: Traffic,
}

#[derive(Debug)]
struct OperationSnapshot {
    name: &'static str,
    outcomes: [(&'static str, u64); 3],
    rounds: Rounds,
    duration: HistogramSnapshot,
}

impl OperationSnapshot {
    fn take(metrics: &Metrics, kind: OperationKind) -> Self {
        let counts = metrics.counts(kind);
        Self {
            name: kind.name(),
            outcomes: [
                ("done", counts.done.load(Ordering::Relaxed)),
                ("refused", counts.refused.load(Ordering::Relaxed)),
                ("unknown", counts.unknown.load(Ordering::Relaxed)),
            ],
            rounds: metrics.rounds(kind),
            duration: counts.duration.snapshot(),
        }
    }
}

impl Collector for Snapshot {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut families = Families(encoder);
        self.encode_process(&mut families)?;
        self.encode_operations(&mut families)?;
        self.encode_cluster(&mut families)?;
        self.encode_registers(&mut families)?;
        self.encode_disk(&mut families)?;
        self.encode_members(&mut families)?;
        self.encode_change(&mut families)?;
        self.encode_traffic(&mut families)
    }
}

impl Snapshot {
    fn encode_process(&self, families: &mut Families<'_>) -> fmt::Result {
        let labels = [
            ("version", self.build.version),
            ("commit", self.build.commit),
        ];
        families.gauges(
            "shardedmemory_build_info",
            "What this program was built from; always 1.",
            [(labels, 1)],
        )?;
        families.gauge(
            "process_start_time_seconds",
            "When the process started, in seconds since 1970-01-01 00:00 UTC.",
            self.started_unix_seconds,
        )
    }

    fn encode_operations(&self, families: &mut Families<'_>) -> fmt::Result {
        families.counters(
            "shardedmemory_operations",
            "Clients' operations that ended, by kind and by what the client may believe: done, \
             refused (nothing happened) or unknown (a write that may have taken effect).",
            self.operations.iter().flat_map(|operation| {
                let labelled = |(outcome, count)| {
                    ([("operation", operation.name), ("outcome", outcome)], count)
                };
                operation.outcomes.map(labelled)
            }),
        )?;
        families.counters(
            "shardedmemory_operation_rounds",
            "Clients' operations that were done, by the rounds of messages they took.",
            self.operations.iter().flat_map(|operation| {
                let Rounds { one, two, more } = operation.rounds;
                let labelled =
                    |(rounds, count)| ([("operation", operation.name), ("rounds", rounds)], count);
                [("1", one), ("2", two), ("3+", more)].map(labelled)
            }),
        )?;
        families.histograms(
            "shardedmemory_operation_duration_seconds",
            "How long clients' operations took, however they ended.",
            self.operations
                .iter()
                .map(|operation| ([("operation", operation.name)], &operation.duration)),
        )
    }

    fn encode_traffic(&self, families: &mut Families<'_>) -> fmt::Result {
        let sent = |figure: fn(&PeerFigures) -> u64| {
            let labelled =
                move |peer: &PeerFigures| ([("address", peer.address.clone())], figure(peer));
            self.traffic.sent.iter().map(labelled)
        };
        families.counters(
            "shardedmemory_peer_sent_bytes",
            "Bytes sent to a peer, framing included.",
            sent(|peer| peer.sent_bytes),
        )?;
        families.counters(
            "shardedmemory_peer_sent_messages",
            "Messages sent to a peer.",
            sent(|peer| peer.sent_messages),
        )?;
        families.counters(
            "shardedmemory_peer_sent_frames",
            "Frames sent to a peer; each carries the messages that had gathered.",
            sent(|peer| peer.sent_frames),
        )?;
        families.counters(
            "shardedmemory_peer_dropped_messages",
            "Messages to a peer that were dropped because it could not be reached or was too slow.",
            sent(|peer| peer.dropped_messages),
        )?;
        families.counter(
            "shardedmemory_peer_undeliverable_messages",
            "Messages that were dropped because no connection led to the node they were for.",
            self.traffic.undeliverable_messages,
        )?;
        let received = self.traffic.received;
        families.counter(
            "shardedmemory_peer_received_bytes",
            "Bytes received from all peers, framing included.",
            received.received_bytes,
        )?;
        families.counter(
            "shardedmemory_peer_received_messages",
            "Messages received from all peers.",
            received.received_messages,
        )?;
        families.counter(
            "shardedmemory_peer_received_frames",
            "Frames received from all peers.",
            received.received_frames,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Build, Metrics, OperationKind, PeerFigures, ReceivedFigures, Traffic};
    use crate::disk::{DiskFigures, Durability, Pressure};
    use crate::server::{ChangeNote, ClusterView, DiskView, MemberStanding, MemberView, Standing};
    use protocol::{
        Boot, ChangeView, ClusterId, Configuration, Epoch, Group, Groups, Incarnation, Member,
        NodeId, Outcome, PeerState, Tag,
    };
    use std::sync::Arc;
    use std::time::Duration;

    fn view() -> ClusterView {
        let member = |number: u64, state| MemberView {
            id: NodeId::new(number),
            address: format!("127.0.0.1:{}", 3029 + number).parse().unwrap(),
            weight: 100,
            state,
            lost: number == 3,
            standing: match number {
                2 => MemberStanding::Joining,
                _ => MemberStanding::Member,
            },
            slots: 16_384,
            lacking_slots: 0,
        };
        ClusterView {
            node: Incarnation {
                node: NodeId::new(1),
                boot: Boot::FIRST,
            },
            address: "127.0.0.1:3030".parse().unwrap(),
            standing: Standing::Member,
            replaced_by: None,
            cluster: Some(ClusterId(7)),
            epoch: Epoch::FIRST,
            replication: Some(3),
            members: vec![
                member(1, PeerState::Alive),
                member(2, PeerState::Suspect),
                member(3, PeerState::Down),
            ],
            former: vec![],
            change: Some(ChangeView {
                epoch: Epoch(2),
                joining: vec![NodeId::new(2)],
                leaving: vec![],
                groups: 100,
                groups_copied: 25,
                registers: 9,
                bytes: 900,
                stalled_for: Duration::from_millis(1_500),
            }),
            awaited: vec![],
            majority: false,
            without_quorum: Group::all().take(7).collect(),
            losses_survived: Some(0),
            quorum_lost: false,
            groups_lost: Groups::NONE,
            lacking_slots: 32,
            registers: 12,
            bytes: 1_200,
            memory_bytes: 9_000,
            tombstones: 2,
            tombstones_dropped: 5,
            groups_compared: 6,
            registers_repaired: 1,
            memory_limit: Some(10_000),
            durability: Durability::Sync,
            disk: Some(DiskView {
                pressure: Pressure::Full,
                figures: DiskFigures {
                    batches: 7,
                    bytes: 700,
                    syncs: 6,
                    sync_time: Duration::from_millis(1_500),
                },
            }),
            copied_registers: 8,
            copied_bytes: 800,
            operations_running: 3,
        }
    }

    fn traffic() -> Traffic {
        Traffic {
            sent: vec![PeerFigures {
                address: "127.0.0.1:3031".to_owned(),
                sent_bytes: 400,
                sent_messages: 30,
                sent_frames: 20,
                dropped_messages: 1,
            }],
            undeliverable_messages: 2,
            received: ReceivedFigures {
                received_bytes: 500,
                received_messages: 50,
                received_frames: 25,
            },
        }
    }

    fn rendered() -> String {
        let metrics = Metrics::new(Build {
            version: "1.2.3",
            commit: "abc",
        });
        let written = Outcome::Written {
            tag: Tag::ZERO,
            rounds: 2,
        };
        let took = Duration::from_millis(2);
        metrics.observe(OperationKind::Write, &written, took);
        metrics.observe(OperationKind::Write, &Outcome::Unknown, took);
        let member = Member::new(NodeId::new(1), "127.0.0.1:3030".parse().unwrap());
        let cluster = Configuration::new(ClusterId(7), Epoch::FIRST, vec![member], 3);
        let begun = ChangeNote::Begun {
            configuration: Arc::new(cluster.unwrap()),
        };
        metrics.observe_change(&begun);
        metrics.render(view(), traffic())
    }

    #[track_caller]
    fn assert_line(text: &str, line: &str) {
        assert!(
            text.lines().any(|each| each == line),
            "{line} is not in:\n{text}"
        );
    }

    #[test]
    fn every_figure_has_its_line() {
        let text = rendered();
        for line in [
            r#"shardedmemory_build_info{version="1.2.3",commit="abc"} 1"#,
            r#"shardedmemory_operations_total{operation="write",outcome="done"} 1"#,
            r#"shardedmemory_operations_total{operation="write",outcome="unknown"} 1"#,
            r#"shardedmemory_operations_total{operation="read",outcome="refused"} 0"#,
            r#"shardedmemory_operation_rounds_total{operation="write",rounds="2"} 1"#,
            r#"shardedmemory_operation_rounds_total{operation="read",rounds="3+"} 0"#,
            r#"shardedmemory_operation_duration_seconds_sum{operation="write"} 0.004"#,
            r#"shardedmemory_operation_duration_seconds_count{operation="write"} 2"#,
            r#"shardedmemory_operation_duration_seconds_bucket{le="0.001",operation="write"} 0"#,
            r#"shardedmemory_operation_duration_seconds_bucket{le="0.0025",operation="write"} 2"#,
            r#"shardedmemory_operation_duration_seconds_bucket{le="+Inf",operation="write"} 2"#,
            "shardedmemory_epoch 1",
            "shardedmemory_quorum 0",
            "shardedmemory_slots_without_quorum 112",
            "shardedmemory_quorum_lost 0",
            "shardedmemory_slots_lost 0",
            "shardedmemory_registers 12",
            "shardedmemory_registers_bytes 1200",
            "shardedmemory_memory_bytes 9000",
            "shardedmemory_tombstones 2",
            "shardedmemory_tombstones_dropped_total 5",
            "shardedmemory_repair_groups_compared_total 6",
            "shardedmemory_repair_registers_total 1",
            "shardedmemory_memory_limit_bytes 10000",
            "shardedmemory_disk_full 1",
            "shardedmemory_disk_behind 0",
            "shardedmemory_disk_batches_total 7",
            "shardedmemory_disk_written_bytes_total 700",
            "shardedmemory_disk_syncs_total 6",
            "shardedmemory_disk_sync_seconds_total 1.5",
            "shardedmemory_lacking_slots 32",
            "shardedmemory_copied_registers_total 8",
            "shardedmemory_copied_bytes_total 800",
            r#"shardedmemory_members{standing="member"} 2"#,
            r#"shardedmemory_members{standing="joining"} 1"#,
            r#"shardedmemory_members{standing="leaving"} 0"#,
            r#"shardedmemory_member_slots{member="0000000000000001",address="127.0.0.1:3030"} 16384"#,
            "shardedmemory_change_in_progress 1",
            "shardedmemory_change_slots 1600",
            "shardedmemory_change_slots_copied 400",
            "shardedmemory_change_stalled_seconds 1.5",
            r#"shardedmemory_changes_total{step="begun"} 1"#,
            r#"shardedmemory_changes_total{step="finished"} 0"#,
            "shardedmemory_operations_running 3",
            r#"shardedmemory_peer_state{peer="0000000000000002",address="127.0.0.1:3031",state="suspect"} 1"#,
            r#"shardedmemory_peer_state{peer="0000000000000002",address="127.0.0.1:3031",state="alive"} 0"#,
            r#"shardedmemory_peer_lost{peer="0000000000000003",address="127.0.0.1:3032"} 1"#,
            r#"shardedmemory_peer_sent_bytes_total{address="127.0.0.1:3031"} 400"#,
            r#"shardedmemory_peer_sent_messages_total{address="127.0.0.1:3031"} 30"#,
            r#"shardedmemory_peer_sent_frames_total{address="127.0.0.1:3031"} 20"#,
            r#"shardedmemory_peer_dropped_messages_total{address="127.0.0.1:3031"} 1"#,
            "shardedmemory_peer_undeliverable_messages_total 2",
            "shardedmemory_peer_received_bytes_total 500",
            "shardedmemory_peer_received_messages_total 50",
            "shardedmemory_peer_received_frames_total 25",
        ] {
            assert_line(&text, line);
        }
        let started = text
            .lines()
            .find_map(|line| line.strip_prefix("process_start_time_seconds "));
        assert!(started.unwrap().parse::<f64>().unwrap() > 1.7e9);
    }

    #[test]
    fn a_node_is_no_peer_of_its_own() {
        assert!(!rendered().contains(r#"peer="0000000000000001""#));
    }

    #[test]
    fn the_text_is_well_formed() {
        let text = rendered();
        assert!(text.ends_with("\n# EOF\n"));
        let mut family = "";
        for line in text.lines().filter(|line| *line != "# EOF") {
            if let Some(help) = line.strip_prefix("# HELP ") {
                family = help.split(' ').next().unwrap();
            } else if let Some(kind) = line.strip_prefix("# TYPE ") {
                assert_eq!(kind.split(' ').next(), Some(family), "{line}");
            } else {
                assert!(line.starts_with(family), "{line} is not of {family}");
                let value = line.rsplit(' ').next().unwrap();
                assert!(value.parse::<f64>().is_ok(), "{line}");
            }
        }
    }
}
